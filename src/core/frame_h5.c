/* A frame from an HDF5 file: x [B, nx], times [K + 1] or [B, K + 1], y [K, B, nz], mask.
 *
 * Row 0 of a series has the inputs, row k > 0 the targets y[k - 1]; points after the last
 * time of a sample are left out. */
#include "base/h5.h"
#include "core/frame.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SHAPE_TEXT = 96 };
static const size_t numbers_max = (size_t)1 << 28; /* 2 GiB of doubles: no size overflows */

/* What the file has. */
typedef struct content {
  const gn_h5 *h;
  size_t B, K, nx, nz;
  int own; /* times [B, K + 1] */
  double *x, *times, *y, *mask;
  int mask_columns; /* mask [K, B, nz] */
} content;

static const char *shape_text(int rank, const size_t *shape, char *buf)
{
  int n = snprintf(buf, SHAPE_TEXT, "[");
  for (int k = 0; k < rank; k++)
    n += snprintf(buf + n, (size_t)(SHAPE_TEXT - n), "%s%zu", k ? ", " : "", shape[k]);
  (void)snprintf(buf + n, (size_t)(SHAPE_TEXT - n), "]");
  return buf;
}

/* want[k] = 0: any size from 1. found gets the shape. */
static gn_status shape_is(const gn_h5 *h, const char *name, int rank, const size_t *want,
                          const char *meaning, size_t *found)
{
  char a[SHAPE_TEXT];
  int got;
  size_t shape[GN_H5_MAXRANK] = { 0 }, all = 1;
  GN_TRY(gn_h5_shape(h, name, &got, shape));
  int same = got == rank;
  for (int k = 0; same && k < rank; k++)
    same = shape[k] > 0 && (want[k] == 0 || want[k] == shape[k]);
  GN_REQUIRE(same, GN_EIO, "%s: '%s' is %s, expected %s", gn_h5_name(h), name,
             shape_text(got, shape, a), meaning);
  for (int k = 0; k < rank; k++) {
    GN_REQUIRE(shape[k] <= numbers_max / all, GN_EIO, "%s: '%s' is %s, at most %zu numbers",
               gn_h5_name(h), name, shape_text(got, shape, a), numbers_max);
    all *= shape[k];
    if (found) found[k] = shape[k];
  }
  return GN_OK;
}

static gn_status read(gn_arena *a, const gn_h5 *h, const char *name, size_t n, double **to)
{
  GN_NEW(a, *to, n);
  return gn_h5_read(h, name, n, *to);
}

static gn_status read_times(gn_arena *a, content *c)
{
  char meaning[160];
  int rank;
  size_t shape[GN_H5_MAXRANK] = { 0 };
  const size_t one[1] = { 0 }, two[2] = { c->B, 0 };
  (void)snprintf(meaning, sizeof meaning, "[K + 1] or [%zu, K + 1] with K from 1: the start and "
                 "the output times, of all samples or of each ('x' has %zu)", c->B, c->B);
  GN_TRY(gn_h5_shape(c->h, "times", &rank, shape));
  c->own = rank == 2;
  GN_TRY(shape_is(c->h, "times", c->own ? 2 : 1, c->own ? two : one, meaning, shape));
  const size_t n = shape[c->own];
  GN_REQUIRE(n >= 2, GN_EIO, "%s: 'times' has %zu time, expected %s", gn_h5_name(c->h), n,
             meaning);
  c->K = n - 1;
  return read(a, c->h, "times", c->own ? c->B * n : n, &c->times);
}

static gn_status read_mask(gn_arena *a, content *c)
{
  char meaning[160];
  int rank;
  size_t shape[GN_H5_MAXRANK] = { 0 };
  const size_t want[3] = { c->K, c->B, c->nz };
  if (!gn_h5_exists(c->h, "mask")) return GN_OK;
  (void)snprintf(meaning, sizeof meaning, "[%zu, %zu] or [%zu, %zu, %zu] as 'y'", c->K, c->B,
                 c->K, c->B, c->nz);
  GN_TRY(gn_h5_shape(c->h, "mask", &rank, shape));
  c->mask_columns = rank == 3;
  GN_TRY(shape_is(c->h, "mask", rank == 3 ? 3 : 2, want, meaning, NULL));
  return read(a, c->h, "mask", c->K * c->B * (rank == 3 ? c->nz : 1), &c->mask);
}

static gn_status read_content(gn_arena *a, content *c)
{
  char meaning[160];
  const size_t any[2] = { 0 };
  size_t shape[3] = { 0 };
  GN_REQUIRE(!gn_h5_exists(c->h, "u"), GN_EUNSUP, "%s: has signals 'u', and no model takes "
             "signals: put what is constant into 'x', or leave 'u' out", gn_h5_name(c->h));
  GN_TRY(shape_is(c->h, "x", 2, any, "[B, nx]: samples, inputs", shape));
  c->B = shape[0], c->nx = shape[1];
  GN_TRY(read(a, c->h, "x", c->B * c->nx, &c->x));
  GN_TRY(read_times(a, c));
  const size_t want[3] = { c->K, c->B, 0 };
  (void)snprintf(meaning, sizeof meaning,
                 "[%zu, %zu, nz]: output times (one less than in 'times'), samples as in 'x', "
                 "targets", c->K, c->B);
  GN_TRY(shape_is(c->h, "y", 3, want, meaning, shape));
  c->nz = shape[2];
  GN_TRY(read(a, c->h, "y", c->K * c->B * c->nz, &c->y));
  return read_mask(a, c);
}

/* ---- into a frame -------------------------------------------------------------------- */

static const double *times_of(const content *c, size_t i)
{
  return c->times + (c->own ? i * (c->K + 1) : 0);
}

static int observed(const content *c, size_t k, size_t i, size_t j)
{
  const size_t at = k * c->B + i;
  if (isnan(c->y[at * c->nz + j])) return 0;
  return !c->mask || c->mask[c->mask_columns ? at * c->nz + j : at] != 0;
}

/* Points of sample i: up to where its last time begins to be repeated, or NaN. */
static gn_status count_points(const content *c, size_t i, size_t *n)
{
  const double *t = times_of(c, i);
  const char *file = gn_h5_name(c->h);
  size_t m = c->K + 1;
  while (c->own && m > 1 && (isnan(t[m - 1]) || t[m - 1] == t[m - 2])) m--;
  GN_REQUIRE(m >= 2, GN_EIO, "%s: 'times' of sample %zu has no time after the start", file, i);
  for (size_t k = 0; k < m; k++)
    GN_REQUIRE(isfinite(t[k]) && (k == 0 || t[k - 1] < t[k]), GN_EIO,
               "%s: 'times'[%zu] of sample %zu is %g after %g, expected increasing times%s", file,
               k, i, t[k], k ? t[k - 1] : t[k],
               c->own ? " (the last may be repeated where a sample has fewer points)" : "");
  for (size_t k = m; k <= c->K; k++)
    for (size_t j = 0; j < c->nz; j++)
      GN_REQUIRE(!observed(c, k - 1, i, j), GN_EIO,
                 "%s: 'y'[%zu, %zu, %zu] is a target after the last time of sample %zu; expected "
                 "'mask' 0 or NaN there", file, k - 1, i, j, i);
  *n = m;
  return GN_OK;
}

static gn_status put(const content *c, const char *name, double v, size_t k, size_t i, size_t j,
                     double *to)
{
  GN_REQUIRE(isfinite(v), GN_EIO, "%s: '%s' of sample %zu, output %zu, column %zu is %g, expected "
             "a finite number", gn_h5_name(c->h), name, i, k, j, v);
  *to = v;
  return GN_OK;
}

static gn_status fill_series(const content *c, size_t i, gn_frame *f)
{
  const size_t first = f->first[i], n = f->first[i + 1] - first;
  double *v = f->value + first * f->ncol;
  memcpy(f->t + first, times_of(c, i), n * sizeof *f->t);
  for (size_t k = 0; k < n * f->ncol; k++) v[k] = (double)NAN;
  for (size_t j = 0; j < c->nx; j++) {
    GN_REQUIRE(isfinite(c->x[i * c->nx + j]), GN_EIO, "%s: 'x'[%zu, %zu] is %g, expected a finite "
               "number", gn_h5_name(c->h), i, j, c->x[i * c->nx + j]);
    v[f->in[j]] = c->x[i * c->nx + j];
  }
  for (size_t k = 1; k < n; k++)
    for (size_t j = 0; j < c->nz; j++)
      if (observed(c, k - 1, i, j))
        GN_TRY(put(c, "y", c->y[((k - 1) * c->B + i) * c->nz + j], k - 1, i, j,
                   &v[k * f->ncol + f->out[j]]));
  return GN_OK;
}

static gn_status name_columns(gn_arena *a, const content *c, gn_frame *f)
{
  const size_t other = c->nx == c->nz ? 0 : c->nz; /* inputs behind the targets, or the same */
  f->nin = c->nx, f->nout = c->nz, f->ncol = other ? c->nx + c->nz : c->nz;
  GN_NEW(a, f->in, f->nin);
  GN_NEW(a, f->out, f->nout);
  GN_NEW(a, f->name, f->ncol);
  for (size_t j = 0; j < f->nout; j++) f->out[j] = j;
  for (size_t j = 0; j < f->nin; j++) f->in[j] = other + j;
  for (size_t j = 0; j < f->ncol; j++) {
    f->name[j] = gn_arena_printf(a, "%s[%zu]", other && j >= other ? "x" : "y",
                                 j >= other ? j - other : j);
    if (!f->name[j]) return GN_ENOMEM;
  }
  return GN_OK;
}

static gn_status into_frame(gn_arena *a, const content *c, gn_frame *f)
{
  GN_TRY(name_columns(a, c, f));
  f->nseries = c->B;
  GN_NEW(a, f->first, c->B + 1);
  GN_NEW(a, f->label, c->B);
  for (size_t i = 0; i < c->B; i++) {
    size_t n = 0;
    GN_TRY(count_points(c, i, &n));
    f->first[i + 1] = f->first[i] + n;
    f->label[i] = gn_arena_printf(a, "%zu", i);
    if (!f->label[i]) return GN_ENOMEM;
  }
  f->nrow = f->first[c->B];
  GN_NEW(a, f->t, f->nrow);
  GN_NEW(a, f->value, f->nrow * f->ncol);
  for (size_t i = 0; i < c->B; i++) GN_TRY(fill_series(c, i, f));
  return GN_OK;
}

gn_status gn_frame_h5(gn_arena *a, const char *file, gn_frame *f)
{
  gn_h5 *h;
  *f = (gn_frame){ 0 };
  f->file = gn_arena_strdup(a, file);
  if (!f->file) return GN_ENOMEM;
  GN_TRY(gn_h5_open(file, &h));
  content c = { .h = h };
  gn_status s = read_content(a, &c);
  if (s == GN_OK) s = into_frame(a, &c, f);
  (void)gn_h5_close(&h);
  return s;
}
