/* The comparison as text: header lines, a table for humans, and CSV files. Counts and
 * seconds never share a file: the first are reproducible to the last digit. */
#include "base/table.h"
#include "base/text.h"
#include "core/numeric.h"
#include "study/compare.h"
#include "study/rundir.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { COLUMNS_MAX = 64 };

/* ---- cells --------------------------------------------------------------------------- */

static void cell_error(gn_table *t, double x)
{
  if (isnan(x)) gn_table_cell(t, "%s", "");
  else gn_table_cell(t, "%.1e", x);
}

static void cell_exact(gn_table *t, double x)
{
  char buf[40] = "";
  if (!isnan(x)) gn_text_print_double(x, buf, sizeof buf);
  gn_table_cell(t, "%s", buf);
}

/* 1.23 ms; four significant characters are what a clock is worth. */
static void cell_seconds(gn_table *t, double s)
{
  if (isnan(s)) gn_table_cell(t, "%s", "");
  else if (s < 1e-3) gn_table_cell(t, "%.3g us", 1e6 * s);
  else if (s < 1) gn_table_cell(t, "%.3g ms", 1e3 * s);
  else gn_table_cell(t, "%.3g s", s);
}

static void cell_pair(gn_table *t, const gn_compare_row *r, long forward, long back)
{
  if (!r->has_loss) gn_table_cell(t, "%s", "");
  else if (!r->has_grad) gn_table_cell(t, "%ld", forward);
  else gn_table_cell(t, "%ld+%ld", forward, back);
}

static void cell_count(gn_table *t, const gn_compare_row *r, long n)
{
  if (r->has_grad) gn_table_cell(t, "%ld", n);
  else gn_table_cell(t, "%s", "");
}

/* Digits of a relative difference, at most 16. */
static double digits(double error) { return error > 1e-16 ? -log10(error) : 16; }

/* ---- for humans ---------------------------------------------------------------------- */

/* " + 0.01 * running kinetic" */
static void print_cost(const gn_running_options *o, FILE *to)
{
  const gn_option *rate = gn_option_find(gn_experiment_table("loss"), "running");
  char name[GN_TEXT_MAX];
  gn_option_print(rate, o, name, sizeof name);
  if (o->rate) (void)fprintf(to, " + %g * running %s", o->weight, name);
  (void)fputc('\n', to);
}

static void print_head(const gn_compare *c, FILE *to)
{
  const gn_experiment *e = c->e;
  const gn_setup *s = c->setup;
  const gn_reference *ref = &c->ref;
  (void)fprintf(to, "%s on %s: %zu sample%s, %zu output times, %zu parameters, loss %s",
                e->model->name, e->data->name, c->B, c->B == 1 ? "" : "s", s->data->K,
                s->model->params.np, e->loss->name);
  print_cost(&e->running, to);
  (void)fprintf(to, "parameters: %s\n", c->origin);
  (void)fprintf(to, "stepper: %s, rtol %g, atol %g, output %s\n", e->stepper->name,
                e->solver.rtol, e->solver.atol,
                e->solver.output == GN_LAND ? "land" : "interpolate");
  (void)fprintf(to, "cotangent: %s\n",
                e->compare.cotangent ? "frozen (at the reference's solution)"
                                     : "live (at each run's own solution)");
  if (ref->status == GN_OK)
    (void)fprintf(to,
                  "reference: %s on erk at %g; %s and %s agree to %.1f digits%s, tangent "
                  "confirms %.1f; loss %.10g\n",
                  ref->strategy, e->compare.reference_tol, ref->way[0], ref->way[1],
                  digits(ref->agreement), s->model->lags_pgrad ? " (lags apart)" : "",
                  digits(ref->tangent), ref->loss);
  else (void)fprintf(to, "reference: none (%s)\n", ref->reason);
  if (gn_model_analytic(s->model) != GN_OK)
    (void)fprintf(to, "not timed: %s\n", gn_last_error());
}

static void human_row(gn_table *t, const gn_compare_row *r)
{
  const gn_stats *s = &r->stats;
  char bytes[32] = "";
  gn_table_cell(t, "%s", r->strategy);
  gn_table_cell(t, "%s", gn_status_name(r->status));
  if (r->has_loss) gn_table_cell(t, "%.6g", r->loss);
  else gn_table_cell(t, "%s", "");
  cell_error(t, r->err_ode);
  cell_error(t, r->err_adj);
  cell_error(t, r->worst_err);
  gn_table_cell(t, "%s", r->worst);
  if (isnan(r->cosine)) gn_table_cell(t, "%s", "");
  else gn_table_cell(t, "%.6f", r->cosine);
  cell_pair(t, r, s->steps, s->back_steps);
  cell_pair(t, r, s->rejects, s->back_rejects);
  cell_pair(t, r, s->f, s->back_f);
  cell_count(t, r, s->back_vjp);
  cell_count(t, r, s->back_pgrad);
  cell_count(t, r, gn_stats_work(s));
  cell_pair(t, r, s->nfe_forward, s->nfe_backward);
  if (r->has_grad) gn_text_bytes((double)s->bytes, bytes, sizeof bytes);
  gn_table_cell(t, "%s", bytes);
  cell_seconds(t, r->sec);
  cell_seconds(t, r->back_sec);
  gn_table_end_row(t);
}

static gn_status print_human(const gn_compare *c, FILE *to)
{
  static const char *const cols[] = { "<strategy", "<status",  "loss", "err_ode",
                                      "err_adj",   "worst",    "<in",  "cosine",
                                      "steps",     "rejected", "f",    "vjp",
                                      "pgrad",     "work",     "nfe",  "bytes",
                                      "forward",   "backward" };
  gn_table *t;
  print_head(c, to);
  (void)fputc('\n', to);
  GN_TRY(gn_table_create(sizeof cols / sizeof *cols, cols, &t));
  for (size_t k = 0; k < c->n; k++) human_row(t, &c->row[k]);
  gn_status s = gn_table_print(t, to, 0);
  gn_table_destroy(&t);
  GN_TRY(s);
  (void)fputs("a+b: forward + backward\n", to);
  for (size_t k = 0; k < c->n; k++)
    if (c->row[k].stats.rejected_by[0])
      (void)fprintf(to, "rejections of %s by block: %s\n", c->row[k].strategy,
                    c->row[k].stats.rejected_by);
  for (size_t k = 0; k < c->n; k++)
    if (c->row[k].stats.note[0])
      (void)fprintf(to, "note on %s: %s\n", c->row[k].strategy, c->row[k].stats.note);
  for (size_t k = 0; k < c->n; k++)
    if (c->row[k].status != GN_OK)
      (void)fprintf(to, "%s: %s: %s\n", c->row[k].strategy,
                    gn_status_text(c->row[k].status), c->row[k].reason);
  GN_REQUIRE(!ferror(to), GN_EIO, "the comparison could not be written");
  return GN_OK;
}

/* ---- CSV ----------------------------------------------------------------------------- */

static const gn_column head_columns[] = {
  GN_COLUMN("strategy", "as asked for"),
  GN_COLUMN("executed", "strategy, norm and stepper actually run"),
  GN_COLUMN("status", "ok, or how it failed"),
  GN_COLUMN("loss", "of its own forward solve"),
  GN_COLUMN("err_ode", "relative distance of dL/dp to the certified gradient of the ODE"),
  GN_COLUMN("err_adj",
            "relative distance to the exact gradient of the steps it took; empty: no such"),
  GN_COLUMN("worst", "parameter tensor that is worst in err_ode"),
  GN_COLUMN("worst_err", "err_ode of that tensor"),
  GN_COLUMN("cosine", "between dL/dp and the certified gradient"),
  GN_COLUMNS_END,
};
static const gn_column tail_columns[] = {
  GN_COLUMN("work", "f + jvp + back_f + back_vjp + back_pgrad + back_jvp"),
  GN_COLUMN("rejected_by", "blocks of the norm that caused rejections, with their number"),
  GN_COLUMN("note", "what its user should know"),
  GN_COLUMN("reason", "why it failed"),
  GN_COLUMN("samples", "in the batch"),
  GN_COLUMN("parameters", "where they are from"),
  GN_COLUMN("cotangent", "live (at its own solution) or frozen (at the reference's)"),
  GN_COLUMN("reference_agreement", "relative distance of the two certifying gradients"),
  GN_COLUMN("reference_tangent", "their distance from what tangent says"),
  GN_COLUMNS_END,
};
const gn_format gn_format_compare = {
  "compare.csv", "gnomon compare",
  "A row per strategy: errors and counts. Cells that do not apply are empty.",
  { head_columns, gn_stats_columns, tail_columns }
};

static const gn_column timing_columns[] = {
  GN_COLUMN("strategy", "as in compare.csv"),
  GN_COLUMN("repeats", "timed repeats"),
  GN_COLUMN("sec", "median seconds of the forward solve"),
  GN_COLUMN("back_sec", "median seconds of the backward pass"),
  GN_COLUMNS_END,
};
const gn_format gn_format_compare_timing = { "compare_timing.csv", "gnomon compare",
                                             "A row per strategy: seconds.",
                                             { timing_columns } };

/* A table with the columns of a format. */
static gn_status make_table(const gn_format *f, gn_table **out)
{
  const char *cols[COLUMNS_MAX];
  const gn_column *c;
  size_t n = 0;
  for (; (c = gn_format_column(f, n)) != NULL && n < COLUMNS_MAX; n++) cols[n] = c->name;
  return gn_table_create(n, cols, out);
}

static gn_status print_csv(const gn_compare *c, FILE *to)
{
  gn_table *t;
  GN_TRY(make_table(&gn_format_compare, &t));
  for (size_t k = 0; k < c->n; k++) {
    const gn_compare_row *r = &c->row[k];
    gn_table_cell(t, "%s", r->strategy);
    gn_table_cell(t, "%s", r->stats.executed);
    gn_table_cell(t, "%s", gn_status_name(r->status));
    cell_exact(t, r->has_loss ? r->loss : (double)NAN);
    cell_exact(t, r->err_ode);
    cell_exact(t, r->err_adj);
    gn_table_cell(t, "%s", r->worst);
    cell_exact(t, r->worst_err);
    cell_exact(t, r->cosine);
    for (int i = 0; i < (int)GN_STATS_N; i++) cell_count(t, r, gn_stats_get(&r->stats, i));
    cell_count(t, r, gn_stats_work(&r->stats));
    gn_table_cell(t, "%s", r->stats.rejected_by);
    gn_table_cell(t, "%s", r->stats.note);
    gn_table_cell(t, "%s", r->reason);
    gn_table_cell(t, "%zu", c->B);
    gn_table_cell(t, "%s", c->origin);
    gn_table_cell(t, "%s", c->e->compare.cotangent ? "frozen" : "live");
    cell_exact(t, c->ref.status == GN_OK ? c->ref.agreement : (double)NAN);
    cell_exact(t, c->ref.status == GN_OK ? c->ref.tangent : (double)NAN);
    gn_table_end_row(t);
  }
  gn_status s = gn_table_print(t, to, 1);
  gn_table_destroy(&t);
  return s;
}

static gn_status print_timing(const gn_compare *c, FILE *to)
{
  gn_table *t;
  GN_TRY(make_table(&gn_format_compare_timing, &t));
  for (size_t k = 0; k < c->n; k++) {
    gn_table_cell(t, "%s", c->row[k].strategy);
    gn_table_cell(t, "%zu", gn_compare_repeats(c));
    cell_exact(t, c->row[k].sec);
    cell_exact(t, c->row[k].back_sec);
    gn_table_end_row(t);
  }
  gn_status s = gn_table_print(t, to, 1);
  gn_table_destroy(&t);
  return s;
}

static gn_status print_experiment(const gn_compare *c, FILE *to)
{
  return gn_experiment_write(c->e, to);
}

gn_status gn_compare_print(const gn_compare *c, FILE *to, int csv)
{
  return csv ? print_csv(c, to) : print_human(c, to);
}

/* ---- files --------------------------------------------------------------------------- */

static gn_status write_file(const gn_compare *c, const char *dir, const char *name,
                            gn_status (*print)(const gn_compare *c, FILE *to))
{
  char path[2 * GN_TEXT_MAX], fresh[2 * GN_TEXT_MAX];
  (void)snprintf(path, sizeof path, "%s/%s", dir, name);
  (void)snprintf(fresh, sizeof fresh, "%s/%s.new", dir, name);
  FILE *f = fopen(fresh, "w");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", fresh, strerror(errno));
  gn_status s = print(c, f);
  if (fclose(f) != 0 && s == GN_OK)
    s = GN_FAIL(GN_EIO, "%s: cannot write: %s", fresh, strerror(errno));
  if (s == GN_OK && rename(fresh, path) != 0)
    s = GN_FAIL(GN_EIO, "%s: cannot rename: %s", fresh, strerror(errno));
  if (s != GN_OK) (void)remove(fresh);
  return s;
}

gn_status gn_compare_write(const gn_compare *c, const char *dir)
{
  GN_TRY(gn_rundir_make(dir));
  GN_TRY(write_file(c, dir, "compare.ini", print_experiment));
  GN_TRY(write_file(c, dir, "compare.csv", print_csv));
  return write_file(c, dir, "compare_timing.csv", print_timing);
}
