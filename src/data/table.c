/* A user's own measurements, from a CSV or an HDF5 file (core/frame.h), without C code.
 *
 * A sample is a run of rows: x are the inputs in its first row, y the targets in the rows
 * after it. Series are split into training and validation (whole series, drawn from the
 * seed, or the first and the last part of each), cut into windows, and scaled,
 *
 *   value = (file - shift) / scale
 *
 * with shift and scale of a column from the rows of the training samples alone, each row
 * counted once: mean and standard deviation, or minimum and range. */
#include "base/rng.h"
#include "base/text.h"
#include "core/dataset.h"
#include "core/frame.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct config {
  char file[GN_TEXT_MAX], time[GN_TEXT_MAX], sample[GN_TEXT_MAX], inputs[GN_TEXT_MAX],
      targets[GN_TEXT_MAX];
  int normalise, split, window, stride, origin;
  double train, time_scale;
} config;
enum { NO_SCALE, STANDARD, MINMAX };
enum { BY_SAMPLE, BY_TIME };
enum { AT_SAMPLE, AT_FILE };

/* clang-format off */
static const gn_option options[] = {
  GN_TEXT(config, "file", file, "", "CSV or HDF5; relative to the experiment (command line: to where you are), else to data.dir"),
  GN_TEXT(config, "time", time, "time", "CSV column with the times"),
  GN_TEXT(config, "sample", sample, "", "CSV column that tells samples apart (empty: one series)"),
  GN_TEXT(config, "inputs", inputs, "", "CSV columns read in the first row of a sample, as a,b (empty: the targets)"),
  GN_TEXT(config, "targets", targets, "", "CSV columns compared in the rows after it (empty: all but time and sample)"),
  GN_CHOICE(config, "normalise", normalise, NO_SCALE, "none|standard|minmax", "columns to mean 0 and deviation 1, or to [0, 1], on the training rows (undo: log.txt)"),
  GN_CHOICE(config, "split", split, BY_SAMPLE, "sample|time", "validation: whole series drawn from the seed, or the end of each series"),
  GN_REAL(config, "train", train, 1, 1e-6, 1, "fraction for training: of the series, or of the rows of each"),
  GN_INT(config, "window", window, 0, 0, 1000000000, "points of a sample, its first included (0: the whole series)"),
  GN_INT(config, "stride", stride, 0, 0, 1000000000, "rows between the starts of windows (0: window - 1, so that they touch)"),
  GN_CHOICE(config, "origin", origin, AT_SAMPLE, "sample|file", "t = 0 at the start of each sample, or times as in the file"),
  GN_REAL(config, "time_scale", time_scale, 1, 1e-12, 1e12, "units of time in one of the file"),
  GN_OPTIONS_END,
};
/* clang-format on */

/* A sample: n rows from row; those before ntrain in the list are for training. */
typedef struct piece {
  size_t row, n;
} piece;

typedef struct table {
  const config *c;
  gn_frame f;
  size_t n, ntrain, points, unused; /* samples; most points of one; rows in none */
  piece *piece;
  double *shift, *scale; /* [ncol] */
  size_t nmissing;       /* targets in the samples that are missing */
} table;

/* ---- reading ------------------------------------------------------------------------- */

static gn_status locate(gn_arena *a, const char *file, const char *dir, const char **path)
{
  GN_REQUIRE(file[0], GN_EARG, "data.file is empty: name a CSV or HDF5 file");
  *path = file[0] == '/' ? gn_arena_strdup(a, file) : gn_arena_printf(a, "%s/%s", dir, file);
  if (!*path) return GN_ENOMEM;
  if (access(*path, R_OK) == 0) return GN_OK;
  return GN_FAIL(GN_EIO, "%s: cannot open: %s%s%s", *path, strerror(errno),
                 file[0] == '/' ? "" : "; nor is it beside the experiment. data.dir is ",
                 file[0] == '/' ? "" : dir);
}

static int is_hdf5(const char *path)
{
  static const char mark[8] = "\x89HDF\r\n\x1a\n";
  char head[8] = { 0 };
  FILE *f = fopen(path, "rb");
  if (!f) return 0;
  const size_t n = fread(head, 1, sizeof head, f);
  (void)fclose(f);
  return n == sizeof head && memcmp(head, mark, sizeof mark) == 0;
}

static gn_status read_frame(gn_arena *a, const config *c, const char *dir, gn_frame *f)
{
  const char *path = NULL;
  GN_TRY(locate(a, c->file, dir, &path));
  if (!is_hdf5(path)) {
    const gn_frame_columns columns = { c->time, c->sample, c->inputs, c->targets };
    return gn_frame_csv(a, path, &columns, f);
  }
  GN_REQUIRE(!c->sample[0] && !c->inputs[0] && !c->targets[0], GN_EARG,
             "%s is HDF5, with data sets x, times, y: sample, inputs and targets name columns of "
             "a CSV file; leave them empty", path);
  GN_REQUIRE(c->window == 0 && c->split == BY_SAMPLE, GN_EARG,
             "%s is HDF5, whose samples have inputs at their start only: window and split = time "
             "need a CSV file", path);
  return gn_frame_h5(a, path, f);
}

/* ---- split and windows --------------------------------------------------------------- */

/* The rows of series s that belong to a part: *row and the rest, *n of them. */
static void part_rows(const table *tb, size_t s, int valid, const unsigned char *held,
                      size_t *row, size_t *n)
{
  const size_t first = tb->f.first[s], all = tb->f.first[s + 1] - first;
  *row = first;
  *n = all;
  if (tb->c->split == BY_SAMPLE) {
    if (held[s] != valid) *n = 0;
    return;
  }
  const size_t cut = (size_t)floor(tb->c->train * (double)all + 0.5);
  if (valid) *row += cut;
  *n = valid ? all - cut : cut;
}

static void add_pieces(table *tb, size_t row, size_t n)
{
  const size_t W = tb->c->window ? (size_t)tb->c->window : n;
  const size_t stride = tb->c->stride ? (size_t)tb->c->stride : W - 1;
  size_t end = row; /* of the rows in a sample */
  for (size_t k = 0; n >= 2 && W >= 2 && k + W <= n; k += stride) {
    tb->piece[tb->n++] = (piece){ row + k, W };
    tb->unused += row + k > end ? row + k - end : 0;
    end = row + k + W;
    if (W > tb->points) tb->points = W;
  }
  tb->unused += row + n - end;
}

/* held[s] = 1: series s is for validation. At least one on each side, if there are two. */
static gn_status draw(gn_arena *a, const table *tb, uint64_t seed, unsigned char *held)
{
  const size_t n = tb->f.nseries;
  size_t *order, keep = (size_t)floor(tb->c->train * (double)n + 0.5);
  if (tb->c->split == BY_TIME || tb->c->train >= 1) return GN_OK;
  GN_REQUIRE(n >= 2, GN_EARG, "train = %g: one series cannot be split by sample; use split = time",
             tb->c->train);
  if (keep == 0) keep = 1;
  if (keep == n) keep = n - 1;
  GN_NEW(a, order, n);
  for (size_t i = 0; i < n; i++) order[i] = i;
  gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_DATA, 0));
  gn_rng_shuffle(&r, n, order);
  for (size_t i = keep; i < n; i++) held[order[i]] = 1;
  return GN_OK;
}

static gn_status cut(gn_arena *a, table *tb, uint64_t seed)
{
  const config *c = tb->c;
  unsigned char *held;
  GN_REQUIRE(c->window != 1, GN_EARG, "window = 1, expected 0 or at least 2 points: a start and a "
             "target");
  GN_NEW(a, held, tb->f.nseries);
  GN_NEW(a, tb->piece, tb->f.nrow + tb->f.nseries);
  GN_TRY(draw(a, tb, seed, held));
  for (int valid = 0; valid < 2; valid++) {
    for (size_t s = 0; s < tb->f.nseries; s++) {
      size_t row, n;
      part_rows(tb, s, valid, held, &row, &n);
      add_pieces(tb, row, n);
    }
    if (!valid) tb->ntrain = tb->n;
  }
  GN_REQUIRE(tb->ntrain > 0, GN_EARG, "%s: no training sample: window = %d, train = %g, and the "
             "longest series has fewer rows than that takes", tb->f.file, c->window, c->train);
  GN_REQUIRE(tb->n > tb->ntrain || c->train >= 1, GN_EARG,
             "%s: train = %g leaves no validation sample of window = %d; use train = 1 for none",
             tb->f.file, c->train, c->window);
  return GN_OK;
}

/* ---- scales -------------------------------------------------------------------------- */

/* used[row, col] = 1 where a training sample reads a value. */
static void mark(const table *tb, unsigned char *used)
{
  const gn_frame *f = &tb->f;
  for (size_t i = 0; i < tb->ntrain; i++) {
    const piece *q = &tb->piece[i];
    for (size_t j = 0; j < f->nin; j++) used[q->row * f->ncol + f->in[j]] = 1;
    for (size_t k = 1; k < q->n; k++)
      for (size_t j = 0; j < f->nout; j++) used[(q->row + k) * f->ncol + f->out[j]] = 1;
  }
}

static void scale_column(table *tb, const unsigned char *used, size_t j)
{
  const gn_frame *f = &tb->f;
  double sum = 0, var = 0, low = HUGE_VAL, high = -HUGE_VAL;
  size_t n = 0;
  for (int again = 0; again < 2; again++)
    for (size_t i = j; i < f->nrow * f->ncol; i += f->ncol) {
      if (!used[i] || isnan(f->value[i])) continue;
      const double e = f->value[i] - (again ? sum / (double)n : 0);
      if (again) var += e * e;
      else sum += e, n++, low = fmin(low, e), high = fmax(high, e);
    }
  if (n == 0) return;
  tb->shift[j] = tb->c->normalise == STANDARD ? sum / (double)n : low;
  const double scale = tb->c->normalise == STANDARD ? sqrt(var / (double)n) : high - low;
  if (scale > 0) tb->scale[j] = scale; /* a constant column is shifted only */
}

static gn_status scales(gn_arena *a, table *tb)
{
  unsigned char *used;
  GN_NEW(a, tb->shift, tb->f.ncol);
  GN_NEW(a, tb->scale, tb->f.ncol);
  for (size_t j = 0; j < tb->f.ncol; j++) tb->scale[j] = 1;
  if (tb->c->normalise == NO_SCALE) return GN_OK;
  GN_NEW(a, used, tb->f.nrow * tb->f.ncol);
  mark(tb, used);
  for (size_t j = 0; j < tb->f.ncol; j++) scale_column(tb, used, j);
  return GN_OK;
}

static double scaled(const table *tb, size_t row, size_t col)
{
  return (tb->f.value[row * tb->f.ncol + col] - tb->shift[col]) / tb->scale[col];
}

/* ---- samples ------------------------------------------------------------------------- */

/* Samples without all of their inputs. */
static size_t without_inputs(const table *tb)
{
  const gn_frame *f = &tb->f;
  size_t n = 0;
  for (size_t i = 0; i < tb->n; i++) {
    int missing = 0;
    for (size_t j = 0; j < f->nin; j++)
      missing |= isnan(f->value[tb->piece[i].row * f->ncol + f->in[j]]);
    n += missing != 0;
  }
  return n;
}

static gn_status fill_values(table *tb, size_t K, double *x, double *y, unsigned char *mask)
{
  const gn_frame *f = &tb->f;
  for (size_t i = 0; i < tb->n; i++) {
    const piece *q = &tb->piece[i];
    for (size_t j = 0; j < f->nin; j++, x++) {
      *x = scaled(tb, q->row, f->in[j]);
      GN_REQUIRE(!isnan(*x), GN_EIO, "%s:%d: column '%s' is missing, and the row is the first of a "
                 "sample, whose inputs are read there (so in %zu of %zu samples): give a value, "
                 "leave the row out, or name data.inputs that are there",
                 f->file, f->line ? f->line[q->row] : 0, f->name[f->in[j]], without_inputs(tb),
                 tb->n);
    }
    for (size_t k = 1; k <= K; k++)
      for (size_t j = 0; j < f->nout; j++, y++, mask++) {
        const double v = k < q->n ? scaled(tb, q->row + k, f->out[j]) : (double)NAN;
        *mask = (unsigned char)(isnan(v) ? 0 : 1);
        *y = *mask ? v : 0;
        tb->nmissing += k < q->n && *mask == 0;
      }
  }
  return GN_OK;
}

static void fill_times(const table *tb, size_t K, double *times)
{
  for (size_t i = 0; i < tb->n; i++) {
    const piece *q = &tb->piece[i];
    const double *t = tb->f.t + q->row, zero = tb->c->origin == AT_SAMPLE ? t[0] : 0;
    for (size_t k = 0; k <= K; k++, times++)
      *times = (t[k < q->n ? k : q->n - 1] - zero) * tb->c->time_scale;
  }
}

/* One grid for all, up to the rounding of differences of the file's times. */
static int same_times(const table *tb, size_t K, const double *times)
{
  double largest = 0;
  for (size_t i = 0; i < tb->f.nrow; i++) largest = fmax(largest, fabs(tb->f.t[i]));
  const double slack = 4 * DBL_EPSILON * largest * tb->c->time_scale;
  for (size_t i = 0; i < tb->n; i++) {
    if (tb->piece[i].n != K + 1) return 0;
    for (size_t k = 0; k <= K; k++)
      if (fabs(times[i * (K + 1) + k] - times[k]) > slack) return 0;
  }
  return 1;
}

static gn_status fill(gn_arena *a, table *tb, gn_dataset *d)
{
  const size_t n = tb->n, K = tb->points - 1, ny = tb->f.nout;
  double *x, *y, *own, *times;
  unsigned char *mask;
  GN_NEW(a, x, n * tb->f.nin);
  GN_NEW(a, y, n * K * ny);
  GN_NEW(a, mask, n * K * ny);
  GN_NEW(a, own, n * (K + 1));
  GN_NEW(a, times, K + 1);
  GN_TRY(fill_values(tb, K, x, y, mask));
  fill_times(tb, K, own);
  const int same = same_times(tb, K, own);
  for (size_t k = 0; k <= K; k++) times[k] = same ? own[k] : (double)k;
  const size_t seen = n * K * ny, kept = memchr(mask, 0, seen) ? 1 : 0;
  GN_REQUIRE(memchr(mask, 1, tb->ntrain * K * ny), GN_EIO,
             "%s: every target of the training samples is missing", tb->f.file);
  *d = (gn_dataset){ .arena = a, .n = n, .ntrain = tb->ntrain, .K = K, .nx = tb->f.nin, .ny = ny,
                     .times = times, .row_times = same ? NULL : own, .x = x, .y = y,
                     .mask = kept ? mask : NULL };
  return GN_OK;
}

/* ---- what was done ------------------------------------------------------------------- */

static const char *columns_note(gn_arena *a, const table *tb, const char *s)
{
  static const char *const how[] = { "", "mean and standard deviation", "minimum and range" };
  char shift[64], scale[64];
  if (tb->c->normalise == NO_SCALE) return s;
  s = gn_arena_printf(a, "%s\nvalue = (file - shift) / scale, by %s of the training rows; undo: "
                      "file = shift + scale * value", s, how[tb->c->normalise]);
  for (size_t j = 0; s && j < tb->f.ncol; j++) {
    gn_text_print_double(tb->shift[j], shift, sizeof shift);
    gn_text_print_double(tb->scale[j], scale, sizeof scale);
    s = gn_arena_printf(a, "%s\n%s: shift %s, scale %s", s, tb->f.name[j], shift, scale);
  }
  return s;
}

static gn_status note(gn_arena *a, const table *tb, gn_dataset *d)
{
  const gn_frame *f = &tb->f;
  const char *s = gn_arena_printf(a, "%s: %zu rows in %zu series; %zu of them in no sample", f->file,
                                  f->nrow, f->nseries, tb->unused);
  if (s)
    s = gn_arena_printf(a, "%s\n%zu + %zu samples (training, validation) of up to %zu points, %s; "
                        "%zu targets missing", s, tb->ntrain, tb->n - tb->ntrain, tb->points,
                        d->row_times ? "each with its own times" : "at the same times",
                        tb->nmissing);
  if (s) s = columns_note(a, tb, s);
  d->note = s;
  return s ? GN_OK : GN_ENOMEM;
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  gn_arena *a = d->arena;
  table tb = { .c = config_ };
  GN_TRY(read_frame(a, tb.c, dir, &tb.f));
  GN_TRY(cut(a, &tb, seed));
  GN_TRY(scales(a, &tb));
  GN_TRY(fill(a, &tb, d));
  return note(a, &tb, d);
}

const gn_dataset_class gn_dataset_table = {
  .name = "table",
  .summary = "your own CSV or HDF5 file: series at their own times, with missing values",
  .source = "CSV: RFC 4180; HDF5: x [B, nx], times [K+1] or [B, K+1], y [K, B, nz], mask",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
