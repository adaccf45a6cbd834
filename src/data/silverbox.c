/* Silverbox: an electronic circuit that behaves like a damped mass on a hardening spring,
 * driven by the voltage V1 and answering with V2, 131072 samples of each.
 *
 * As in the heavy-ball paper: of each column its mean over all rows is taken away, then it is
 * multiplied by `gain`; one sample is one unit of time. A sample of the data set is a window of
 * rows: x is V2 in the first, y are those after it, and V1 is the signal that drives the model,
 * with a knot at every row.
 *
 * Wigren, Schoukens, European Control Conference 2013; Xia et al., NeurIPS 2021, fig. 3. */
#include "base/csv.h"
#include "core/dataset.h"
#include "core/signal.h"

#include <math.h>
#include <unistd.h>

typedef struct config {
  int first, n, valid, window, stride, signal, knots;
  double gain;
} config;
enum { STOP, PASS };

/* clang-format off */
static const gn_option options[] = {
  GN_INT(config, "window", window, 63, 1, 1000000, "steps of a sample, an output after each"),
  GN_INT(config, "n", n, 1, 1, 1000000, "training samples"),
  GN_INT(config, "valid", valid, 0, 0, 1000000, "validation samples, after those"),
  GN_INT(config, "first", first, 0, 0, 1000000, "row the first sample begins with"),
  GN_INT(config, "stride", stride, 0, 0, 1000000, "rows between the starts of samples (0: window)"),
  GN_REAL(config, "gain", gain, 100, 1e-6, 1e6, "what voltages less their means are multiplied by"),
  GN_CHOICE(config, "signal", signal, GN_LINEAR, GN_SIGNAL_CHOICES, "V1 between its knots"),
  GN_CHOICE(config, "knots", knots, STOP, "stop|pass", "are knots stop times (hold: always)"),
  GN_OPTIONS_END,
};
/* clang-format on */

/* The file. */
enum { V1, V2, COLUMNS };
typedef struct record {
  const char *file;
  size_t n;
  double (*v)[COLUMNS];
} record;

static gn_status read_record(gn_arena *a, double gain, record *r)
{
  static const char *const name[COLUMNS] = { "V1", "V2" };
  gn_csv *csv;
  GN_REQUIRE(access(r->file, R_OK) == 0, GN_EIO, "%s: cannot open; experiments/data/fetch "
             "silverbox, and let GNOMON_DATA or --data.dir name the folder that has "
             "silverbox/sb.csv", r->file);
  GN_TRY(gn_csv_read(a, r->file, &csv));
  GN_REQUIRE(csv->nrow > 0, GN_EIO, "%s: no rows", r->file);
  GN_NEW(a, r->v, csv->nrow);
  r->n = csv->nrow;
  for (int j = 0; j < COLUMNS; j++) {
    const size_t col = gn_csv_column(csv, name[j]);
    double mean = 0;
    GN_REQUIRE(col != GN_CSV_NONE, GN_EIO, "%s: no column '%s'", r->file, name[j]);
    for (size_t i = 0; i < r->n; i++) {
      r->v[i][j] = gn_csv_number(csv, i, col);
      GN_REQUIRE(isfinite(r->v[i][j]), GN_EIO, "%s:%d: column '%s', expected a number", r->file,
                 csv->line[i], name[j]);
      mean += r->v[i][j];
    }
    mean /= (double)r->n;
    for (size_t i = 0; i < r->n; i++) r->v[i][j] = gain * (r->v[i][j] - mean);
  }
  return GN_OK;
}

static gn_status cut(const config *c, const record *r, gn_dataset *d)
{
  const size_t K = (size_t)c->window, ntrain = (size_t)c->n, n = ntrain + (size_t)c->valid;
  const size_t stride = c->stride ? (size_t)c->stride : K;
  const size_t first = (size_t)c->first, end = first + (n - 1) * stride + K;
  double *times, *x, *y, *u;
  GN_REQUIRE(end < r->n, GN_EARG, "%zu samples of window = %zu from first = %zu on end at row %zu; "
             "%s has rows 0 to %zu", n, K, first, end, r->file, r->n - 1);
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, x, n);
  GN_NEW(d->arena, y, n * K);
  GN_NEW(d->arena, u, n * (K + 1));
  for (size_t k = 0; k <= K; k++) times[k] = (double)k;
  for (size_t i = 0; i < n; i++) {
    double(*const row)[COLUMNS] = r->v + first + i * stride;
    x[i] = row[0][V2];
    for (size_t k = 0; k < K; k++) y[i * K + k] = row[k + 1][V2];
    for (size_t k = 0; k <= K; k++) u[i * (K + 1) + k] = row[k][V1];
  }
  *d = (gn_dataset){ .arena = d->arena, .n = n, .ntrain = ntrain, .K = K, .nx = 1, .ny = 1,
                     .times = times, .x = x, .y = y, .nu = 1, .U = K + 1, .u_times = times,
                     .u = u, .signal = c->signal, .stops = c->knots == STOP };
  return GN_OK;
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)seed; /* measured data: nothing is drawn */
  gn_arena *a;
  record r = { .file = gn_arena_printf(d->arena, "%s/silverbox/sb.csv", dir) };
  if (!r.file) return GN_ENOMEM;
  GN_TRY(gn_arena_create(&a));
  gn_status s = read_record(a, c->gain, &r);
  if (s == GN_OK) s = cut(c, &r, d);
  gn_arena_destroy(&a);
  return s;
}

const gn_dataset_class gn_dataset_silverbox = {
  .name = "silverbox",
  .summary = "a circuit like a driven Duffing oscillator: V1 drives, V2 answers (to be fetched)",
  .source = "Wigren, Schoukens, European Control Conference 2013",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
