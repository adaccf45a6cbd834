/* Windows of irregularly sampled rollouts, as the ODE-LSTM paper cuts its Walker2D data: rows are
 * dropped by flags, the rows left are numbered 0, 1, ... in each rollout, and windows of them
 * begin at every stride-th. Rollouts and rows are read in the order of the files.
 * Source: M. Lechner, R. Hasani, arXiv:2006.04418 (loader of mlech26l/ode-lstms). */
#include "base/rollouts.h"

#include "base/csv.h"
#include "base/npy.h"

#include <string.h>

/* One line of rollouts.csv. */
typedef struct rollout {
  size_t start, length, kept;
} rollout;

typedef struct files {
  const gn_npy *at, *keep;
  const gn_csv *list;
  size_t of, col[3]; /* columns set; start, length, kept */
} files;

static const char *const columns[] = { "start", "length", "kept" };

static gn_status open_files(gn_arena *a, const char *dir, const char *prefix, const char *set,
                            files *f)
{
  gn_npy *at, *keep;
  gn_csv *list;
  const char *x = gn_arena_printf(a, "%s/%s_%s.npy", dir, prefix, set);
  const char *k = gn_arena_printf(a, "%s/%s_%s_keep.npy", dir, prefix, set);
  const char *c = gn_arena_printf(a, "%s/rollouts.csv", dir);
  if (!x || !k || !c) return GN_ENOMEM;
  GN_TRY(gn_npy_read(a, x, 2, (size_t[]){ 0, 0 }, &at));
  GN_TRY(gn_npy_read(a, k, 1, at->shape, &keep));
  GN_TRY(gn_csv_read(a, c, &list));
  f->at = at;
  f->keep = keep;
  f->list = list;
  f->of = gn_csv_column(list, "set");
  GN_REQUIRE(f->of != GN_CSV_NONE, GN_EIO, "%s: no column 'set'", c);
  for (size_t j = 0; j < 3; j++) {
    f->col[j] = gn_csv_column(list, columns[j]);
    GN_REQUIRE(f->col[j] != GN_CSV_NONE, GN_EIO, "%s: no column '%s'", c, columns[j]);
  }
  return GN_OK;
}

/* Line i of the list; it begins at row next, where the rollout before it ends. */
static gn_status read_line(const files *f, size_t i, size_t next, rollout *r)
{
  const size_t rows = f->at->shape[0];
  size_t value[3], kept = 0;
  for (size_t j = 0; j < 3; j++) {
    const double v = gn_csv_number(f->list, i, f->col[j]);
    GN_REQUIRE(v >= 0 && v <= (double)rows && v == (double)(size_t)v, GN_EIO,
               "%s:%d: %s is '%s', expected a count up to %zu", f->list->file,
               f->list->line[i], columns[j], gn_csv_text(f->list, i, f->col[j]), rows);
    value[j] = (size_t)v;
  }
  *r = (rollout){ value[0], value[1], value[2] };
  GN_REQUIRE(r->start == next && r->length > 0 && r->length <= rows - next, GN_EIO,
             "%s:%d: rows %zu and %zu more, expected them to begin at %zu and to end by %zu",
             f->list->file, f->list->line[i], r->start, r->length, next, rows);
  for (size_t k = 0; k < r->length; k++) kept += f->keep->at[r->start + k] != 0;
  GN_REQUIRE(kept == r->kept && f->keep->at[r->start + r->length - 1] == 0, GN_EIO,
             "%s:%d: %zu rows kept, but %s has %zu there%s", f->list->file, f->list->line[i],
             r->kept, f->keep->file, kept, kept == r->kept ? ", the last row among them" : "");
  return GN_OK;
}

static size_t windows_of(const rollout *r, size_t length, size_t stride)
{
  return r->kept > length ? (r->kept - length - 1) / stride + 1 : 0;
}

/* Rows seen in a rollout, and the gaps before them. */
static void seen(const files *f, const rollout *r, size_t *row, double *gap)
{
  size_t n = 0, since = 0;
  for (size_t k = 0; k < r->length; k++) {
    since++;
    if (f->keep->at[r->start + k] == 0) continue;
    row[n] = r->start + k;
    gap[n++] = (double)since;
    since = 0;
  }
}

/* All rollouts of the set: windows counted if row is NULL, else cut. */
static gn_status pass(const files *f, const char *set, size_t stride, gn_rollouts *out,
                      size_t *row, double *gap, size_t *row_of, double *gap_of)
{
  size_t next = 0;
  out->n = 0;
  for (size_t i = 0; i < f->list->nrow; i++) {
    rollout r = { 0 };
    if (strcmp(gn_csv_text(f->list, i, f->of), set) != 0) continue;
    GN_TRY(read_line(f, i, next, &r));
    next += r.length;
    const size_t n = windows_of(&r, out->length, stride);
    if (row) seen(f, &r, row_of, gap_of);
    for (size_t k = 0; row && k < n; k++) {
      memcpy(row + (out->n + k) * out->length, row_of + k * stride, out->length * sizeof *row);
      memcpy(gap + (out->n + k) * out->length, gap_of + k * stride, out->length * sizeof *gap);
    }
    out->n += n;
  }
  GN_REQUIRE(next == f->at->shape[0], GN_EIO, "%s: its rollouts of set '%s' have %zu rows, %s %zu",
             f->list->file, set, next, f->at->file, f->at->shape[0]);
  return GN_OK;
}

gn_status gn_rollouts_read(gn_arena *a, const char *dir, const char *prefix, const char *set,
                           size_t length, size_t stride, gn_rollouts *out)
{
  files f = { 0 };
  size_t *row, *row_of;
  double *gap, *gap_of;
  GN_REQUIRE(length > 0 && stride > 0, GN_EARG, "length = %zu, stride = %zu, expected 1 or more",
             length, stride);
  GN_TRY(open_files(a, dir, prefix, set, &f));
  *out = (gn_rollouts){ .rows = f.at->shape[0],
                        .cols = f.at->shape[1],
                        .at = f.at->at,
                        .length = length };
  GN_TRY(pass(&f, set, stride, out, NULL, NULL, NULL, NULL));
  GN_NEW(a, row, out->n * length);
  GN_NEW(a, gap, out->n * length);
  GN_NEW(a, row_of, out->rows);
  GN_NEW(a, gap_of, out->rows);
  GN_TRY(pass(&f, set, stride, out, row, gap, row_of, gap_of));
  out->row = row;
  out->gap = gap;
  return GN_OK;
}
