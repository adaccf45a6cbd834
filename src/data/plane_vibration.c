/* Ground vibration of an F-16 with payloads at its wing tips: five signals at 400 Hz, sampled
 * irregularly, to be followed and forecast from observation to observation.
 *
 * Each column of pv.csv becomes mean 0 and variance 1 over all rows; `leave` rows at the end are
 * kept out, a random part `keep` of the others stays, in order, and is cut 2:1:1 into training,
 * validation and test rows, and each part into sequences of length + 1 rows. Of a sequence the
 * first `length` rows are the observations, gaps the differences of row numbers; the state
 * after observation j is compared with that row, at the end of its gap with the next one, and
 * ahead 0, 1, ... rows after the last with the raw rows from there on:
 *
 *   L = 0.1 (MSE(next row) + MSE(row itself)) + MSE(ahead)
 *
 * x is the whole window, length * 5 numbers. Noel, Schoukens, F-16 aircraft benchmark (2017);
 * experiment of Xia et al., NeurIPS 2021, section 4.3, as in its released code. */
#include "base/csv.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/vec.h"
#include "core/dataset.h"

#include <math.h>

enum { NCOL = 5 };
static const char *const columns[NCOL] = { "Force", "Voltage", "Acceleration1", "Acceleration2",
                                           "Acceleration3" };

typedef struct config {
  double keep;
  int leave, length, ahead, part;
  char dropped[GN_TEXT_MAX];
} config;

/* clang-format off */
static const gn_option options[] = {
  GN_REAL(config, "keep", keep, 0.9, 1e-3, 1, "part of the rows that stays, drawn from the seed"),
  GN_TEXT(config, "dropped", dropped, "", "file beside pv.csv with the rows that do not stay, from 0, one a line (empty: draw them)"),
  GN_INT(config, "leave", leave, 100, 0, 1000000, "rows kept out at the end"),
  GN_INT(config, "length", length, 64, 1, 65536, "observations of a sequence"),
  GN_INT(config, "ahead", ahead, 8, 0, 65536, "raw rows to forecast from the last observation's next row on"),
  GN_CHOICE(config, "part", part, 0, "valid|test", "what is held out beside the training sequences"),
  GN_OPTIONS_END,
};
/* clang-format on */

/* The scaled table, and the rows that stay. */
typedef struct rows {
  size_t n, nkept, *kept; /* ascending */
  double *at;             /* [n, NCOL] */
} rows;

static gn_status scale(const char *file, rows *r)
{
  for (size_t j = 0; j < NCOL; j++) {
    double mean = 0, var = 0;
    for (size_t i = 0; i < r->n; i++) mean += r->at[i * NCOL + j];
    mean /= (double)r->n;
    for (size_t i = 0; i < r->n; i++) var += pow(r->at[i * NCOL + j] - mean, 2);
    const double dev = sqrt(var / (double)r->n);
    GN_REQUIRE(dev > 0, GN_EIO, "%s: column %s is constant", file, columns[j]);
    for (size_t i = 0; i < r->n; i++) r->at[i * NCOL + j] = (r->at[i * NCOL + j] - mean) / dev;
  }
  return GN_OK;
}

static gn_status read_rows(gn_arena *a, const char *dir, rows *r)
{
  gn_csv *c;
  const char *file = gn_arena_printf(a, "%s/plane_vibration/pv.csv", dir);
  if (!file) return GN_ENOMEM;
  const gn_status s = gn_csv_read(a, file, &c);
  if (s != GN_OK)
    return gn_fail_prefix(s, "data set plane_vibration (experiments/data/fetch plane_vibration, and "
                             "let GNOMON_DATA or data.dir name the folder that has "
                             "plane_vibration/pv.csv)");
  r->n = c->nrow;
  GN_REQUIRE(r->n >= 2, GN_EIO, "%s: %zu rows, expected at least 2", file, r->n);
  GN_NEW(a, r->at, r->n * NCOL);
  for (size_t j = 0; j < NCOL; j++) {
    const size_t from = gn_csv_column(c, columns[j]);
    GN_REQUIRE(from != GN_CSV_NONE, GN_EIO, "%s: no column %s", file, columns[j]);
    for (size_t i = 0; i < r->n; i++) {
      const double v = gn_csv_number(c, i, from);
      GN_REQUIRE(isfinite(v), GN_EIO, "%s:%d: %s is '%s', expected a number", file, c->line[i],
                 columns[j], gn_csv_text(c, i, from));
      r->at[i * NCOL + j] = v;
    }
  }
  return scale(file, r);
}

/* Marks of the rows 0 .. n-1 that a file lists in its column `row`. */
static gn_status read_dropped(gn_arena *a, const char *dir, const char *name, size_t n,
                              unsigned char *gone)
{
  static const gn_csv_rules one_column = { .separator = ',', .single = 1 };
  const char *file = gn_arena_printf(a, "%s/plane_vibration/%s", dir, name);
  gn_csv *c;
  if (!file) return GN_ENOMEM;
  GN_TRY(gn_csv_read_by(a, file, &one_column, &c));
  const size_t col = gn_csv_column(c, "row");
  GN_REQUIRE(col != GN_CSV_NONE, GN_EIO, "%s: no column row", file);
  for (size_t i = 0; i < c->nrow; i++) {
    long row = -1;
    GN_REQUIRE(gn_text_long(gn_csv_text(c, i, col), &row) == GN_OK && row >= 0 && (size_t)row < n,
               GN_EIO, "%s:%d: '%s', expected a row 0 to %zu", file, c->line[i],
               gn_csv_text(c, i, col), n - 1);
    gone[row] = 1;
  }
  return GN_OK;
}

static gn_status choose(gn_arena *a, const config *c, const char *dir, uint64_t seed, rows *r)
{
  const size_t leave = (size_t)c->leave;
  unsigned char *gone;
  size_t *order;
  GN_REQUIRE(leave >= (size_t)c->ahead && leave < r->n, GN_EARG,
             "leave = %d, expected %d (ahead: rows that are forecast) to %zu", c->leave, c->ahead,
             r->n - 1);
  const size_t n = r->n - leave;
  GN_NEW(a, gone, n);
  GN_NEW(a, order, n);
  GN_NEW(a, r->kept, n);
  if (c->dropped[0]) {
    GN_TRY(read_dropped(a, dir, c->dropped, n, gone));
  } else {
    gn_rng g = gn_rng_make(seed, gn_rng_stream(GN_STREAM_DATA, 0));
    for (size_t i = 0; i < n; i++) order[i] = i;
    gn_rng_shuffle(&g, n, order);
    for (size_t i = (size_t)(c->keep * (double)n); i < n; i++) gone[order[i]] = 1;
  }
  for (size_t i = 0; i < n; i++)
    if (!gone[i]) r->kept[r->nkept++] = i;
  return GN_OK;
}

/* Arrays of a data set on their way. */
typedef struct arrays {
  double *x, *y, *gap, *obs;
} arrays;

/* Sequence i from the kept rows at. */
static void fill(const rows *r, const gn_dataset *d, size_t i, const size_t *at, arrays *to)
{
  const size_t J = d->sequence.J, F = d->sequence.nahead;
  double *y = to->y + i * d->K * NCOL;
  const size_t two = 2 * (size_t)NCOL;
  for (size_t j = 0; j < J; j++, y += two) {
    const double *now = r->at + at[j] * NCOL;
    gn_vec_copy(NCOL, now, to->x + (i * J + j) * NCOL);
    gn_vec_copy(NCOL, now, to->obs + (i * J + j) * NCOL);
    gn_vec_copy(NCOL, now, y);
    gn_vec_copy(NCOL, r->at + at[j + 1] * NCOL, y + NCOL);
    to->gap[i * J + j] = (double)(at[j + 1] - at[j]);
  }
  gn_vec_copy(F * NCOL, r->at + at[J] * NCOL, y);
}

/* Sizes, times, weights; the rest is allocated. */
static gn_status lay_out(const config *c, gn_dataset *d, arrays *to)
{
  const size_t J = (size_t)c->length, F = (size_t)c->ahead, K = 2 * J + F;
  double *times, *ahead, *weight;
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, ahead, F);
  GN_NEW(d->arena, weight, K);
  GN_NEW(d->arena, to->x, d->n * J * NCOL);
  GN_NEW(d->arena, to->obs, d->n * J * NCOL);
  GN_NEW(d->arena, to->gap, d->n * J);
  GN_NEW(d->arena, to->y, d->n * K * NCOL);
  for (size_t k = 0; k <= K; k++) times[k] = (double)k;
  for (size_t k = 0; k < F; k++) ahead[k] = (double)k;
  for (size_t k = 0; k < K; k++)
    weight[k] = k < 2 * J ? 0.1 * (double)K / (double)J : (double)K / (double)F;
  d->K = K, d->nx = J * NCOL, d->ny = d->nobs = NCOL;
  d->times = times, d->weight = weight;
  d->x = to->x, d->y = to->y, d->obs = to->obs, d->gap = to->gap;
  d->sequence = (gn_sequence){ J, GN_SEQUENCE_AFTER | GN_SEQUENCE_END, F, ahead };
  return GN_OK;
}

static gn_status cut(const config *c, const rows *r, gn_dataset *d)
{
  const size_t length = (size_t)c->length + 1;
  const size_t ntrain = r->nkept / 2, nvalid = r->nkept / 4, ntest = r->nkept - ntrain - nvalid;
  const size_t part = c->part ? ntest : nvalid, from = c->part ? ntrain + nvalid : ntrain;
  arrays to;
  GN_REQUIRE(ntrain >= length, GN_EARG,
             "length = %d, expected 1 to %zu: %zu rows are kept for training", c->length,
             ntrain ? ntrain - 1 : 0, ntrain);
  d->ntrain = ntrain / length;
  d->n = d->ntrain + part / length;
  GN_TRY(lay_out(c, d, &to));
  for (size_t i = 0; i < d->n; i++)
    fill(r, d, i, r->kept + (i < d->ntrain ? i * length : from + (i - d->ntrain) * length), &to);
  d->note = gn_arena_printf(d->arena,
                            "%zu of %zu rows: %zu for training, %zu for validation, %zu for the "
                            "test; %zu sequences for training, %zu for %s\n", r->nkept,
                            r->n, ntrain, nvalid, ntest, d->ntrain, d->n - d->ntrain,
                            c->part ? "the test" : "validation");
  return d->note ? GN_OK : GN_ENOMEM;
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  gn_arena *a;
  rows r = { 0 };
  GN_TRY(gn_arena_create(&a));
  gn_status s = read_rows(a, dir, &r);
  if (s == GN_OK) s = choose(a, config_, dir, seed, &r);
  if (s == GN_OK) s = cut(config_, &r, d);
  gn_arena_destroy(&a);
  return s;
}

const gn_dataset_class gn_dataset_plane_vibration = {
  .name = "plane_vibration",
  .summary = "ground vibration of an F-16, sampled irregularly: sequences to follow and forecast",
  .source = "Noel, Schoukens, F-16 benchmark (2017); Xia et al., NeurIPS 2021, section 4.3",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
