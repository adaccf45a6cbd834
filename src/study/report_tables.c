/* Results as tables: of a run, what it came to and some of its epochs; of a comparison, a
 * row a strategy; of a sweep, medians over its problems. What cannot be a number (a failure,
 * a note) is text below. */
#include "base/text.h"
#include "study/figure.h"
#include "study/report_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EPOCHS = 12, NUMBER = 48 };

/* A column of a table: the sum of columns of the file. */
typedef struct column {
  const char *head, *of[5]; /* NULL at the end */
} column;

const char *gn_report_cell(const gn_csv *c, size_t row, size_t col, char *buf, size_t size)
{
  const char *s = gn_csv_text(c, row, col);
  const double x = gn_csv_number(c, row, col);
  if (isnan(x) || strlen(s) <= 6 || !strpbrk(s, ".e")) return s;
  (void)snprintf(buf, size, "%.4g", x);
  return buf;
}

static void print(double x, char *buf)
{
  (void)snprintf(buf, NUMBER, fabs(x) < 1e15 && x == floor(x) ? "%.0f" : "%.4g", x);
}

/* Empty where no column has a number. */
static void sum_cell(const gn_csv *c, size_t row, const column *k, char *buf)
{
  double sum = 0;
  int any = 0;
  for (int i = 0; k->of[i]; i++) {
    const double x = gn_csv_number(c, row, gn_csv_column(c, k->of[i]));
    if (!isnan(x)) sum += x, any = 1;
  }
  buf[0] = '\0';
  if (any) print(sum, buf);
}

static void column_cell(gn_html *h, const gn_csv *c, size_t row, const column *k)
{
  char buf[NUMBER];
  if (k->of[1]) {
    sum_cell(c, row, k, buf);
    gn_html_cell(h, k->head, buf);
    return;
  }
  gn_html_cell(h, k->head,
               gn_report_cell(c, row, gn_csv_column(c, k->of[0]), buf, sizeof buf));
}

static void column_heads(gn_html *h, size_t n, const column *k)
{
  const char *head[24];
  for (size_t i = 0; i < n; i++) head[i] = k[i].head;
  gn_html_table(h, n, head);
}

static double total(const gn_csv *c, const char *name)
{
  double sum = 0;
  for (size_t i = 0; c && i < c->nrow; i++) {
    const double x = gn_csv_number(c, i, gn_csv_column(c, name));
    if (!isnan(x)) sum += x;
  }
  return sum;
}

/* ---- run ----------------------------------------------------------------------------- */

/* Row of the smallest value, GN_CSV_NONE if there is none. */
static size_t smallest(const gn_csv *c, const char *name)
{
  size_t best = GN_CSV_NONE;
  const size_t col = gn_csv_column(c, name);
  for (size_t i = 0; i < c->nrow; i++) {
    const double x = gn_csv_number(c, i, col);
    if (!isnan(x) && (best == GN_CSV_NONE || x < gn_csv_number(c, best, col))) best = i;
  }
  return best;
}

static void best_pair(gn_reporting *r, const char *say, const char *name)
{
  char number[NUMBER], text[2 * NUMBER];
  const gn_csv *c = r->metrics;
  const size_t i = smallest(c, name);
  if (i == GN_CSV_NONE) return;
  (void)snprintf(text, sizeof text, "%s in epoch %.20s",
                 gn_report_cell(c, i, gn_csv_column(c, name), number, sizeof number),
                 gn_csv_text(c, i, gn_csv_column(c, "epoch")));
  gn_html_pair(&r->html, say, text, 0);
}

static void total_pair(gn_reporting *r, const char *say, const column *k)
{
  char text[NUMBER];
  double sum = 0;
  for (int i = 0; k->of[i]; i++) sum += total(r->metrics, k->of[i]);
  (void)snprintf(text, sizeof text, "%.0f", sum);
  gn_html_pair(&r->html, say, text, 0);
}

static const column forward_work = { "work forward", { "f", "jvp" } };
static const column backward_work = { "work backward",
                                      { "back_f", "back_vjp", "back_pgrad", "back_jvp" } };

void gn_report_summary(gn_reporting *r)
{
  char text[2 * NUMBER];
  const gn_csv *c = r->metrics;
  if (c->nrow == 0) {
    gn_html_paragraph(&r->html, "No epoch was finished.");
    return;
  }
  const size_t ep = gn_csv_column(c, "epoch"), last = c->nrow - 1;
  const char *wanted = gn_facts_get(&r->facts, "train.epochs");
  gn_html_pairs(&r->html);
  (void)snprintf(text, sizeof text, "%.20s%s%.20s", gn_csv_text(c, last, ep),
                 *wanted ? " of " : "", wanted);
  gn_html_pair(&r->html, "epochs", text, 0);
  gn_html_pair(&r->html, "last loss",
               gn_report_cell(c, last, gn_csv_column(c, "loss"), text, sizeof text), 0);
  best_pair(r, "best loss", "loss");
  best_pair(r, "best validation loss", "valid_loss");
  total_pair(r, "work forward, all epochs", &forward_work);
  total_pair(r, "work backward, all epochs", &backward_work);
  if (r->timing) {
    (void)snprintf(text, sizeof text, "%.3g", total(r->timing, "total"));
    gn_html_pair(&r->html, "seconds, all epochs", text, 0);
  }
  gn_html_pairs_end(&r->html);
}

/* First, last, best, and others at equal distances between. */
static int shown(size_t i, size_t n, size_t best)
{
  if (n <= EPOCHS || i == best) return 1;
  for (size_t k = 0; k < EPOCHS; k++)
    if (i == k * (n - 1) / (EPOCHS - 1)) return 1;
  return 0;
}

void gn_report_epochs(gn_reporting *r)
{
  static const column col[] = {
    { "epoch", { "epoch" } },
    { "loss", { "loss" } },
    { "validation loss", { "valid_loss" } },
    { "learning rate", { "lr" } },
    { "gradient norm", { "gradient_norm" } },
    { "steps", { "steps" } },
    { "rejected", { "rejects", "back_rejects" } },
    { "work forward", { "f", "jvp" } },
    { "work backward", { "back_f", "back_vjp", "back_pgrad", "back_jvp" } },
    { "NFE forward", { "nfe_forward" } },
    { "NFE backward", { "nfe_backward" } },
    { "bytes kept", { "bytes" } },
  };
  enum { N = sizeof col / sizeof *col };
  const gn_csv *c = r->metrics;
  const char *of = gn_csv_column(c, "valid_loss") == GN_CSV_NONE ? "loss" : "valid_loss";
  size_t best = smallest(c, of);
  if (c->nrow == 0) return;
  if (best == GN_CSV_NONE) best = smallest(c, "loss");
  gn_html_heading(&r->html, "Epochs");
  gn_html_paragraph(&r->html, c->nrow > EPOCHS
                                  ? "A selection; marked: the best. metrics.csv has all."
                                  : "Marked: the best.");
  column_heads(&r->html, N, col);
  for (size_t i = 0; i < c->nrow; i++) {
    if (!shown(i, c->nrow, best)) continue;
    gn_html_row(&r->html, i == best);
    for (int k = 0; k < (int)N; k++) column_cell(&r->html, c, i, &col[k]);
  }
  gn_html_table_end(&r->html);
}

/* ---- comparison ---------------------------------------------------------------------- */

static void seconds_cell(gn_html *h, const gn_csv *timing, const char *strategy)
{
  static const column sec = { "seconds", { "sec", "back_sec" } };
  char buf[NUMBER] = "";
  for (size_t i = 0; timing && i < timing->nrow; i++)
    if (strcmp(gn_csv_text(timing, i, gn_csv_column(timing, "strategy")), strategy) == 0)
      sum_cell(timing, i, &sec, buf);
  gn_html_cell(h, sec.head, buf);
}

gn_status gn_report_compare(gn_reporting *r)
{
  static const column col[] = {
    { "strategy", { "strategy" } },
    { "status", { "status" } },
    { "error to the ODE", { "err_ode" } },
    { "error to the steps", { "err_adj" } },
    { "worst tensor", { "worst" } },
    { "its error", { "worst_err" } },
    { "steps", { "steps", "back_steps" } },
    { "work", { "work" } },
    { "NFE forward", { "nfe_forward" } },
    { "NFE backward", { "nfe_backward" } },
    { "bytes kept", { "bytes" } },
    { "seconds", { "" } },
  };
  enum { N = sizeof col / sizeof *col };
  const gn_csv *c = r->compare;
  gn_html_heading(&r->html, "Comparison");
  if (c->nrow) {
    const char *s = gn_arena_printf(
        r->arena, "Parameters: %s; %s samples; cotangent %s.",
        gn_csv_text(c, 0, gn_csv_column(c, "parameters")),
        gn_csv_text(c, 0, gn_csv_column(c, "samples")),
        gn_csv_text(c, 0, gn_csv_column(c, "cotangent")));
    if (!s) return GN_ENOMEM;
    gn_html_paragraph(&r->html, s);
  }
  column_heads(&r->html, N, col);
  for (size_t i = 0; i < c->nrow; i++) {
    const size_t status = gn_csv_column(c, "status");
    gn_html_row(&r->html, strcmp(gn_csv_text(c, i, status), "ok") != 0);
    for (int k = 0; k < (int)N - 1; k++) column_cell(&r->html, c, i, &col[k]);
    seconds_cell(&r->html, r->compare_timing, gn_csv_text(c, i, gn_csv_column(c, "strategy")));
  }
  gn_html_table_end(&r->html);
  return GN_OK;
}

/* ---- sweep --------------------------------------------------------------------------- */

static const char *const group[] = { "strategy", "rtol", "model", "solver" };
enum { NGROUP = sizeof group / sizeof *group };

/* first[i]: the first row of the group of row i. */
static gn_status find_groups(gn_arena *a, const gn_csv *c, size_t **out)
{
  size_t col[NGROUP], *first, *group_row, n = 0;
  GN_NEW(a, first, c->nrow + 1);
  GN_NEW(a, group_row, c->nrow + 1);
  for (int k = 0; k < (int)NGROUP; k++) col[k] = gn_csv_column(c, group[k]);
  for (size_t i = 0; i < c->nrow; i++) {
    size_t g = 0;
    for (; g < n; g++) {
      int equal = 1;
      for (int k = 0; k < (int)NGROUP && equal; k++)
        equal = strcmp(gn_csv_text(c, i, col[k]), gn_csv_text(c, group_row[g], col[k])) == 0;
      if (equal) break;
    }
    if (g == n) group_row[n++] = i;
    first[i] = group_row[g];
  }
  *out = first;
  return GN_OK;
}

static int same_point(const gn_csv *c, size_t a, const gn_csv *d, size_t b)
{
  static const char *const key[] = { "model",     "state",     "seed",    "solver",
                                     "rtol",      "back_rtol", "quad_rtol", "strategy" };
  for (size_t k = 0; k < sizeof key / sizeof *key; k++)
    if (strcmp(gn_csv_text(c, a, gn_csv_column(c, key[k])),
               gn_csv_text(d, b, gn_csv_column(d, key[k]))) != 0)
      return 0;
  return 1;
}

/* Both tables are in the order of the grid: the same row is looked at first. */
static double point_seconds(const gn_csv *c, size_t row, const gn_csv *timing)
{
  for (size_t j = 0; j < timing->nrow; j++) {
    const size_t i = (row + j) % timing->nrow;
    if (!same_point(c, row, timing, i)) continue;
    const double back = gn_csv_number(timing, i, gn_csv_column(timing, "back_sec"));
    return gn_csv_number(timing, i, gn_csv_column(timing, "sec")) + (isnan(back) ? 0 : back);
  }
  return (double)NAN;
}

/* Median over the rows of the group of `first`; of seconds where name is NULL. */
static void median_cell(gn_reporting *r, const gn_csv *c, const gn_csv *timing,
                        const size_t *first, size_t row, const char *head, const char *name,
                        double *x)
{
  char buf[NUMBER] = "";
  const size_t col = name ? gn_csv_column(c, name) : GN_CSV_NONE;
  size_t n = 0;
  for (size_t i = row; i < c->nrow; i++) {
    if (first[i] != row) continue;
    x[n] = name ? gn_csv_number(c, i, col) : point_seconds(c, i, timing);
    n += isfinite(x[n]) != 0;
  }
  if (n) print(gn_figure_summary(0, n, x).y, buf);
  gn_html_cell(&r->html, head, buf);
}

static void count_cell(gn_reporting *r, const gn_csv *c, const size_t *first, size_t row)
{
  char buf[NUMBER];
  size_t all = 0, good = 0;
  for (size_t i = row; i < c->nrow; i++) {
    if (first[i] != row) continue;
    all++;
    good += strcmp(gn_csv_text(c, i, gn_csv_column(c, "status")), "ok") == 0;
  }
  (void)snprintf(buf, sizeof buf, "%zu of %zu", good, all);
  gn_html_cell(&r->html, "ok", buf);
}

gn_status gn_report_sweep(gn_reporting *r, const gn_csv *c, const gn_csv *timing)
{
  static const char *const gradient[][2] = { { "error to the ODE", "err_ode" },
                                             { "error to the steps", "err_adj" },
                                             { "work", "work" },
                                             { "bytes kept", "bytes" } };
  static const char *const training[][2] = { { "loss", "loss" },
                                             { "validation loss", "valid_loss" },
                                             { "work", "work" },
                                             { "work last/first", "work_growth" } };
  const int trained = c == r->train;
  const char *const(*what)[2] = trained ? training : gradient;
  const char *head[NGROUP + 6];
  double *x;
  size_t n = 0, *first;
  GN_NEW(r->arena, x, c->nrow + 1);
  GN_TRY(find_groups(r->arena, c, &first));
  for (int k = 0; k < (int)NGROUP; k++) head[n++] = group[k];
  head[n++] = "ok";
  for (int k = 0; k < 4; k++) head[n++] = what[k][0];
  if (timing) head[n++] = "seconds";
  gn_html_heading(&r->html, trained ? "Trainings" : "Sweep");
  gn_html_paragraph(&r->html, "A row: medians over the seeds, states and backward "
                              "tolerances there are.");
  gn_html_table(&r->html, n, head);
  for (size_t i = 0; i < c->nrow; i++) {
    if (first[i] != i) continue;
    gn_html_row(&r->html, 0);
    for (int k = 0; k < (int)NGROUP; k++)
      gn_html_cell(&r->html, group[k], gn_csv_text(c, i, gn_csv_column(c, group[k])));
    count_cell(r, c, first, i);
    for (int k = 0; k < 4; k++)
      median_cell(r, c, timing, first, i, what[k][0], what[k][1], x);
    if (timing) median_cell(r, c, timing, first, i, "seconds", NULL, x);
  }
  gn_html_table_end(&r->html);
  return GN_OK;
}
