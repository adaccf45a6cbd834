/* The contract tests as text: a line per map, test or comparison, then a paragraph per
 * disagreement with both values and the likely mistake. Also the small data
 * sizes on which a model is tried when no data are given. */
#include "base/table.h"
#include "core/numeric.h"
#include "study/check.h"

#include <math.h>
#include <string.h>

static int is_order(const gn_check_row *r) { return strcmp(r->test, "order") == 0; }

/* 1 if b belongs to the same line of the table as a. */
static int same_line(const gn_check_row *a, const gn_check_row *b, int detail)
{
  if (detail == GN_CHECK_ALL) return a == b;
  if (a->map != b->map) return 0;
  return detail == GN_CHECK_MAPS ||
         (strcmp(a->verb, b->verb) == 0 && strcmp(a->test, b->test) == 0);
}

/* Share of what is allowed; an order counts upward. */
static double share(const gn_check_row *r)
{
  if (!r->ok) return HUGE_VAL;
  if (is_order(r)) return r->limit / r->error;
  return r->limit > 0 ? r->error / r->limit : 0;
}

static void print_row(gn_table *t, const char *model, const gn_check_row *r, size_t n,
                      size_t bad, int numeric)
{
  gn_table_cell(t, "%s", model);
  gn_table_cell(t, "%s", gn_map_names[r->map]);
  gn_table_cell(t, "%zu", n);
  if (bad) gn_table_cell(t, "%zu wrong", bad);
  else gn_table_cell(t, "%s", numeric ? "numeric" : "ok");
  gn_table_cell(t, "%s", r->verb);
  gn_table_cell(t, "%s", r->test);
  if (is_order(r) && isinf(r->error)) gn_table_cell(t, "linear");
  else gn_table_cell(t, is_order(r) ? "%.2f" : "%.1e", r->error);
  gn_table_cell(t, is_order(r) ? ">= %.2g" : "<= %.0e", r->limit);
  gn_table_cell(t, "%s", r->place);
  gn_table_end_row(t);
}

/* The lines of one model. */
static void print_model(gn_table *t, const gn_check *c, int detail)
{
  for (size_t i = 0; i < c->n; i++) {
    const gn_check_row *w = &c->row[i];
    size_t n = 0, bad = 0, j = 0;
    int numeric = 0;
    while (j < i && !same_line(&c->row[j], w, detail)) j++;
    if (j < i) continue; /* its line is printed */
    for (j = i; j < c->n; j++) {
      const gn_check_row *r = &c->row[j];
      if (!same_line(&c->row[i], r, detail)) continue;
      n++;
      bad += (size_t)!r->ok;
      numeric |= r->numeric;
      if (share(r) > share(w)) w = r;
    }
    print_row(t, c->model, w, n, bad, numeric);
  }
}

static void explain(const gn_check *c, const gn_check_row *r, FILE *to)
{
  (void)fprintf(to, "\n%s: %s.%s disagrees (%s)%s%s%s\n", c->model, gn_map_names[r->map],
                r->verb, r->test, *r->place ? " at " : "", r->place,
                *r->place ? r->spot : "");
  if (is_order(r))
    (void)fprintf(to, "  order %.3f of the Taylor remainder, expected 2\n", r->error);
  else
    (void)fprintf(
        to, "  value %.10g, expected %.10g (difference %.1e of its size, limit %.0e)\n",
        r->got, r->want, r->error, r->limit);
  if (*r->hint) (void)fprintf(to, "  likely mistake: %s\n", r->hint);
}

/* The verbs of a map that are differences, and the first of them to write. */
static void guide(const gn_check *c, int map, FILE *to)
{
  static const struct {
    unsigned bit;
    const char *verb, *does;
  } order[] = {
    { GN_NUMERIC_VJP, "vjp", "to->y += (dg/dy)^T w, reading what eval left in the tape and "
                             "leaving there what pgrad needs of w" },
    { GN_NUMERIC_PGRAD, "pgrad", "gp += weight * (dg/dp)^T w summed over the rows of the tape, "
                                 "w as vjp left it" },
    { GN_NUMERIC_JVP, "jvp", "z = (dg/dy) vy + (dg/dp) vp, either of which may be NULL" },
  };
  const char *gap = "", *name = gn_map_names[map];
  int next = -1;
  if (!c->numeric[map]) return;
  (void)fprintf(to, "\n%s: ", c->model);
  for (int k = 0; k < 3; k++) {
    if (!(c->numeric[map] & order[k].bit)) continue;
    if (next < 0) next = k;
    (void)fprintf(to, "%s%s.%s", gap, name, order[k].verb);
    gap = ", ";
  }
  (void)fprintf(to, " numeric: differences of %s.eval, exact to about 1e-9 and slow\n", name);
  (void)fprintf(to, "  write next: %s.%s, %s\n", name, order[next].verb, order[next].does);
}

gn_status gn_check_print(size_t n, gn_check *const *c, FILE *to, int csv, int detail)
{
  static const char *const cols[] = { "<model", "<map",  "cases", "<result", "<verb",
                                      "<test",  "error", "limit", "<at" };
  gn_table *t;
  GN_TRY(gn_table_create(sizeof cols / sizeof *cols, cols, &t));
  for (size_t k = 0; k < n; k++) print_model(t, c[k], detail);
  gn_status s = gn_table_print(t, to, csv);
  gn_table_destroy(&t);
  GN_TRY(s);
  for (size_t k = 0; k < n && !csv; k++)
    for (size_t i = 0; i < c[k]->n; i++)
      if (!c[k]->row[i].ok) explain(c[k], &c[k]->row[i], to);
  for (size_t k = 0; k < n && !csv; k++)
    for (int map = 0; map < GN_NMAPS; map++) guide(c[k], map, to);
  GN_REQUIRE(!ferror(to), GN_EIO, "the table could not be written");
  return GN_OK;
}

gn_status gn_check_numeric(const gn_model_class *cls, char *text, size_t size)
{
  gn_model *m;
  GN_TRY(gn_check_instance(cls, NULL, &m));
  (void)snprintf(text, size, "%s", gn_model_numeric(m));
  gn_model_destroy(&m);
  return GN_OK;
}

gn_status gn_check_instance(const gn_model_class *cls, const void *config, gn_model **out)
{
  static const gn_sizes tried[] = { { 0, 0, 0 }, { 3, 0, 0 }, { 2, 0, 0 }, { 3, 2, 0 },
                                    { 1, 0, 0 }, { 4, 0, 0 }, { 2, 2, 0 }, { 5, 0, 0 } };
  gn_status s = GN_OK;
  for (size_t k = 0; k < sizeof tried / sizeof *tried; k++) {
    s = gn_model_create(cls, config, tried[k], out);
    if (s != GN_EARG) return s;
  }
  return s;
}
