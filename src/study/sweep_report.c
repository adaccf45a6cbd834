/* A sweep for humans: medians over models, states and seeds per solver, strategy and
 * tolerance; what failed, and what its rows warn of. */
#include "base/table.h"
#include "base/text.h"
#include "study/sweep_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static const char *head_of(const gn_sweep *sw)
{
  return gn_sweep_header(sw->train, GN_SWEEP_COUNTS);
}

/* Points of all scenes that have everything else in common. */
static int in_group(const gn_sweep *sw, size_t k, gn_point_at of)
{
  const gn_point_at at = gn_sweep_point(sw, sw->first + k);
  return at.solver == of.solver && at.rtol == of.rtol && at.back == of.back &&
         at.quad == of.quad && at.strategy == of.strategy;
}

static double median(const gn_sweep *sw, gn_point_at of, const char *column, double *x)
{
  size_t n = 0;
  for (size_t k = 0; k < sw->last - sw->first; k++) {
    if (!in_group(sw, k, of) || !sw->row[k]) continue;
    const double v = gn_sweep_number(head_of(sw), sw->row[k], column);
    if (!isnan(v)) x[n++] = v;
  }
  if (n == 0) return (double)NAN;
  qsort(x, n, sizeof *x, ascending);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static void cell(gn_table *t, const char *format, double x)
{
  if (isnan(x))
    gn_table_cell(t, "%s", "");
  else if (format[1] == 'e')
    gn_table_cell(t, "%.1e", x);
  else
    gn_table_cell(t, "%.0f", x);
}

static void group_row(const gn_sweep *sw, gn_point_at at, double *x, gn_table *t)
{
  const gn_solver sv = gn_sweep_solver_at(sw, at);
  size_t n = 0, good = 0;
  char bytes[32] = "";
  for (size_t k = 0; k < sw->last - sw->first; k++) {
    if (!in_group(sw, k, at) || !sw->row[k]) continue;
    char *status = gn_sweep_cell(head_of(sw), sw->row[k], "status");
    good += status && strcmp(status, "ok") == 0;
    n++;
    free(status);
  }
  if (n == 0) return;
  gn_table_cell(t, "%s", sw->solver[at.solver].text);
  gn_table_cell(t, "%s", sw->scene[0].c->row[at.strategy].strategy);
  gn_table_cell(t, "%g", sv.tol.rtol);
  if (sw->nback) gn_table_cell(t, "%g", sv.back.rtol);
  if (sw->nquad) gn_table_cell(t, "%g", sv.quad.rtol);
  gn_table_cell(t, "%zu/%zu", good, n);
  if (sw->train) {
    cell(t, "%e", median(sw, at, "loss", x));
    const double growth = median(sw, at, "work_growth", x);
    if (isnan(growth))
      gn_table_cell(t, "%s", "");
    else
      gn_table_cell(t, "%.2f", growth);
    cell(t, "%f", median(sw, at, "work", x));
    cell(t, "%f", median(sw, at, "target_work", x));
    gn_table_end_row(t);
    return;
  }
  cell(t, "%e", median(sw, at, "err_ode", x));
  cell(t, "%e", median(sw, at, "err_adj", x));
  cell(t, "%e", median(sw, at, "worst_err", x));
  cell(t, "%f", median(sw, at, "work", x));
  const double size = median(sw, at, "bytes", x);
  if (!isnan(size)) gn_text_bytes(size, bytes, sizeof bytes);
  gn_table_cell(t, "%s", bytes);
  gn_table_end_row(t);
}

/* How many points of a strategy warn or fail, and the first text. */
static void remarks(const gn_sweep *sw, size_t strategy, const char *column, FILE *to)
{
  char *first = NULL;
  size_t n = 0, all = 0;
  for (size_t k = 0; k < sw->last - sw->first; k++) {
    if (gn_sweep_point(sw, sw->first + k).strategy != strategy || !sw->row[k]) continue;
    char *text = gn_sweep_cell(head_of(sw), sw->row[k], column);
    all++;
    n += text && *text;
    if (text && *text && !first)
      first = text;
    else
      free(text);
  }
  if (first)
    (void)fprintf(to, "%s, %zu of %zu points: %s\n", sw->scene[0].c->row[strategy].strategy,
                  n, all, first);
  free(first);
}

gn_status gn_sweep_print(const gn_sweep *sw, FILE *to)
{
  const char *cols[12];
  size_t ncol = 0, nback = sw->nback ? sw->nback : 1, nquad = sw->nquad ? sw->nquad : 1;
  gn_table *t;
  double *x = malloc((sw->nscene + 1) * sizeof *x);
  GN_REQUIRE(x, GN_ENOMEM, "out of memory");
  cols[ncol++] = "<solver", cols[ncol++] = "<strategy", cols[ncol++] = "rtol";
  if (sw->nback) cols[ncol++] = "back_rtol";
  if (sw->nquad) cols[ncol++] = "quad_rtol";
  cols[ncol++] = "good";
  if (sw->train) {
    cols[ncol++] = "loss", cols[ncol++] = "growth", cols[ncol++] = "work";
    cols[ncol++] = "to_target";
  } else {
    cols[ncol++] = "err_ode", cols[ncol++] = "err_adj", cols[ncol++] = "worst";
    cols[ncol++] = "work", cols[ncol++] = "bytes";
  }
  gn_status s = gn_table_create(ncol, cols, &t);
  if (s == GN_OK) {
    gn_point_at at = { 0 };
    for (at.solver = 0; at.solver < sw->nsolver; at.solver++)
      for (at.strategy = 0; at.strategy < sw->nstrategy; at.strategy++)
        for (at.rtol = 0; at.rtol < sw->nrtol; at.rtol++)
          for (at.back = 0; at.back < nback; at.back++)
            for (at.quad = 0; at.quad < nquad; at.quad++) group_row(sw, at, x, t);
    s = gn_table_print(t, to, 0);
    gn_table_destroy(&t);
  }
  free(x);
  GN_TRY(s);
  if (sw->nscene > 1)
    (void)fprintf(to, "medians over %zu problems (models, states, seeds)\n", sw->nscene);
  for (size_t k = 0; k < sw->nstrategy; k++) {
    if (!sw->train) remarks(sw, k, "note", to);
    remarks(sw, k, "reason", to);
  }
  GN_REQUIRE(!ferror(to), GN_EIO, "the sweep could not be written");
  return GN_OK;
}
