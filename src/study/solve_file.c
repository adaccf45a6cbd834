/* Files of a solution: CSV with a row per sample and time, or HDF5 with a data set per series.
 * The names of both come from one table. */
#include "study/solve.h"

#include "base/csv.h"
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <string.h>

/* What stands before the name of a series. */
static const struct {
  const char *csv, *h5;
} before[GN_SERIES_KINDS] = {
  [GN_SERIES_OUTPUT] = { "", "" },
  [GN_SERIES_STATE] = { "", "state/" },
  [GN_SERIES_ADJOINT] = { "a_", "adjoint/" },
  [GN_SERIES_TARGET] = { "", "" },
};

#define Z "output of the model"
#define STATE "state block BLOCK"
#define ADJOINT                                                                            \
  "its adjoint dL/d(state of this sample), L the experiment's loss over the samples of "   \
  "the file; where an output is compared with a target a jumps: this is a(t-), with that " \
  "output counted. Only with --adjoint"
#define TARGET "what the output is compared with; "

static const gn_column csv_columns[] = {
  GN_COLUMN("sample", "number in the data set, training samples first"),
  GN_COLUMN("t", "time"),
  GN_COLUMN("zJ", Z),
  GN_COLUMN("BLOCKJ", STATE),
  GN_COLUMN("a_BLOCKJ", ADJOINT),
  GN_COLUMN("targetJ", TARGET "empty where there is none"),
  GN_COLUMNS_END,
};

static const gn_column h5_columns[] = {
  GN_ARRAY("times", "[T]",
           "times; [B, T] if samples have their own, NaN behind a sample's last (as is all "
           "else of it there)"),
  GN_ARRAY("sample", "[B]", "numbers in the data set, training samples first"),
  GN_ARRAY("z", "[T, B, nz]", Z),
  GN_ARRAY("state/BLOCK", "[T, B, d]", STATE),
  GN_ARRAY("adjoint/BLOCK", "[T, B, d]", ADJOINT),
  GN_ARRAY("target", "[T, B, ny]", TARGET "NaN where there is none"),
  GN_ATTRIBUTE("model", "name of the model"),
  GN_ATTRIBUTE("parameters", "where they are from"),
  GN_ATTRIBUTE("loss", "L; only if all of the data's times are in the solve"),
  GN_ATTRIBUTE("version", "of gnomon"),
  GN_COLUMNS_END,
};

#define ABOUT                                                                              \
  "The solution of an experiment on some samples (the name is yours). J counts from 0, "   \
  "BLOCK is a block of the model's state."
const gn_format gn_format_solve_csv = { "solve.csv", "gnomon solve --out=X.csv", ABOUT,
                                        { csv_columns } };
const gn_format gn_format_solve_h5 = { "solve.h5", "gnomon solve --out=X.h5", ABOUT,
                                       { h5_columns } };

static int ends(const char *s, const char *with)
{
  const size_t n = strlen(s), m = strlen(with);
  return n >= m && strcmp(s + n - m, with) == 0;
}

/* ---- writing ------------------------------------------------------------------------- */

static gn_status write_h5(gn_h5 *h, void *user)
{
  const gn_solution *s = user;
  const size_t rows[2] = { s->B, s->T };
  GN_TRY(s->own_times ? gn_h5_write(h, "times", 2, rows, s->times)
                      : gn_h5_write(h, "times", 1, &s->T, s->times));
  GN_TRY(gn_h5_write_i64(h, "sample", s->B, s->sample));
  for (size_t k = 0; k < s->n; k++) {
    const gn_series *sr = &s->series[k];
    const size_t shape[3] = { s->T, s->B, sr->d };
    char path[2 * GN_TEXT_MAX];
    (void)snprintf(path, sizeof path, "%s%s", before[sr->kind].h5, sr->name);
    GN_TRY(gn_h5_write(h, path, 3, shape, sr->v));
  }
  if (s->has_loss) GN_TRY(gn_h5_attr_write_real(h, "loss", s->loss));
  GN_TRY(gn_h5_attr_write_text(h, "model", s->model));
  GN_TRY(gn_h5_attr_write_text(h, "parameters", s->origin));
  return gn_h5_attr_write_text(h, "version", GN_VERSION);
}

static void number(FILE *f, double x)
{
  char buf[40] = "";
  if (!isnan(x)) gn_text_print_double(x, buf, sizeof buf);
  (void)fprintf(f, ",%s", buf);
}

static void print_csv(const gn_solution *s, FILE *f)
{
  (void)fprintf(f, "%s,%s", csv_columns[0].name, csv_columns[1].name);
  for (size_t k = 0; k < s->n; k++)
    for (size_t j = 0; j < s->series[k].d; j++)
      (void)fprintf(f, ",%s%s%zu", before[s->series[k].kind].csv, s->series[k].name, j);
  (void)fputc('\n', f);
  for (size_t b = 0; b < s->B; b++)
    for (size_t i = 0; i < s->T && !isnan(gn_solution_time(s, i, b)); i++) {
      (void)fprintf(f, "%lld", (long long)s->sample[b]);
      number(f, gn_solution_time(s, i, b));
      for (size_t k = 0; k < s->n; k++)
        for (size_t j = 0; j < s->series[k].d; j++)
          number(f, s->series[k].v[(i * s->B + b) * s->series[k].d + j]);
      (void)fputc('\n', f);
    }
}

static gn_status write_csv(const gn_solution *s, const char *file)
{
  const char *fresh = gn_arena_printf(s->arena, "%s.new", file);
  if (!fresh) return GN_ENOMEM;
  FILE *f = fopen(fresh, "w");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", fresh, strerror(errno));
  print_csv(s, f);
  const int bad = ferror(f);
  gn_status st = GN_OK;
  if (fclose(f) != 0 || bad || rename(fresh, file) != 0)
    st = GN_FAIL(GN_EIO, "%s: cannot write: %s", file, strerror(errno));
  if (st != GN_OK) (void)remove(fresh);
  return st;
}

gn_status gn_solution_write(const gn_solution *s, const char *file)
{
  if (ends(file, ".h5")) return gn_h5_write_atomic(file, write_h5, (void *)(uintptr_t)s);
  GN_REQUIRE(ends(file, ".csv"), GN_EARG, "%s: ends neither in .h5 nor in .csv", file);
  return write_csv(s, file);
}

/* ---- reading ------------------------------------------------------------------------- */

static gn_status add(gn_solution *s, const char *file, gn_series_kind kind, const char *name,
                     size_t d)
{
  GN_REQUIRE(s->n < GN_SERIES_MAX, GN_ELIMIT, "%s: more than %d series", file,
             (int)GN_SERIES_MAX);
  gn_series *sr = &s->series[s->n];
  *sr = (gn_series){ kind, name, d, NULL };
  GN_NEW(s->arena, sr->v, s->T * s->B * d);
  for (size_t i = 0; i < s->T * s->B * d; i++) sr->v[i] = (double)NAN;
  s->n++;
  return GN_OK;
}

static gn_status sizes(gn_solution *s, const char *file, size_t T, size_t B, int own_times)
{
  s->T = T;
  s->B = B;
  s->own_times = own_times;
  GN_REQUIRE(T > 0 && B > 0, GN_EIO, "%s: no times or no samples", file);
  GN_NEW(s->arena, s->times, own_times ? B * T : T);
  GN_NEW(s->arena, s->sample, B);
  return GN_OK;
}

static gn_status read_group(gn_solution *s, const gn_h5 *h, gn_series_kind kind,
                            const char *group, const char *name)
{
  int rank;
  size_t shape[GN_H5_MAXRANK];
  const char *path = gn_arena_printf(s->arena, "%s%s", group, name);
  if (!path) return GN_ENOMEM;
  GN_TRY(gn_h5_shape(h, path, &rank, shape));
  GN_REQUIRE(rank == 3 && shape[0] == s->T && shape[1] == s->B && shape[2] > 0, GN_EIO,
             "%s: %s is not [%zu, %zu, d]: not a file of `gnomon solve`", gn_h5_name(h), path,
             s->T, s->B);
  GN_TRY(add(s, gn_h5_name(h), kind, name, shape[2]));
  return gn_h5_read(h, path, s->T * s->B * shape[2], s->series[s->n - 1].v);
}

static gn_status read_h5(gn_solution *s, const gn_h5 *h)
{
  int rank[2];
  size_t t[GN_H5_MAXRANK], b[GN_H5_MAXRANK], n;
  const char *const *names;
  GN_REQUIRE(gn_h5_exists(h, "times") && gn_h5_exists(h, "sample") && gn_h5_exists(h, "z"),
             GN_EARG, "%s: no times, sample and z: not a file of `gnomon solve`",
             gn_h5_name(h));
  GN_TRY(gn_h5_shape(h, "times", &rank[0], t));
  GN_TRY(gn_h5_shape(h, "sample", &rank[1], b));
  const int own = rank[0] == 2;
  GN_REQUIRE((own ? t[0] == b[0] : rank[0] == 1) && rank[1] == 1, GN_EIO,
             "%s: sample is not [B], or times neither [T] nor [B, T]", gn_h5_name(h));
  GN_TRY(sizes(s, gn_h5_name(h), t[own], b[0], own));
  GN_TRY(gn_h5_read(h, "times", own ? s->B * s->T : s->T, s->times));
  GN_TRY(gn_h5_read_i64(h, "sample", s->B, s->sample));
  GN_TRY(read_group(s, h, GN_SERIES_OUTPUT, "", "z"));
  for (int kind = GN_SERIES_STATE; kind <= GN_SERIES_ADJOINT; kind++) {
    char group[16];
    (void)snprintf(group, sizeof group, "%.*s", (int)strlen(before[kind].h5) - 1,
                   before[kind].h5);
    GN_TRY(gn_h5_list(h, s->arena, group, &n, &names));
    for (size_t k = 0; k < n; k++)
      GN_TRY(read_group(s, h, (gn_series_kind)kind, before[kind].h5, names[k]));
  }
  if (gn_h5_exists(h, "target")) GN_TRY(read_group(s, h, GN_SERIES_TARGET, "", "target"));
  return GN_OK;
}

/* Length of a column's name without the number at its end. */
static size_t stem(const char *name)
{
  size_t n = strlen(name);
  while (n > 0 && isdigit((unsigned char)name[n - 1])) n--;
  return n;
}

static gn_series_kind kind_of(const char *name)
{
  if (strcmp(name, "z") == 0) return GN_SERIES_OUTPUT;
  if (strcmp(name, "target") == 0) return GN_SERIES_TARGET;
  const char *a = before[GN_SERIES_ADJOINT].csv;
  return strncmp(name, a, strlen(a)) == 0 ? GN_SERIES_ADJOINT : GN_SERIES_STATE;
}

/* Columns that differ in the number at the end, from column at on, are a series. */
static gn_status read_columns(gn_solution *s, const gn_csv *c, size_t *at)
{
  const size_t first = *at, n = stem(c->name[first]);
  while (*at < c->ncol && stem(c->name[*at]) == n &&
         strncmp(c->name[*at], c->name[first], n) == 0)
    ++*at;
  char *name = gn_arena_printf(s->arena, "%.*s", (int)n, c->name[first]);
  if (!name) return GN_ENOMEM;
  const gn_series_kind kind = kind_of(name);
  GN_TRY(add(s, c->file, kind, name + strlen(before[kind].csv), *at - first));
  const gn_series *sr = &s->series[s->n - 1];
  for (size_t b = 0, row = 0; b < s->B; b++)
    for (size_t i = 0; i < s->T && !isnan(gn_solution_time(s, i, b)); i++, row++)
      for (size_t j = 0; j < sr->d; j++)
        sr->v[(i * s->B + b) * sr->d + j] = gn_csv_number(c, row, first + j);
  return GN_OK;
}

/* Rows from `from` on that are of its sample. */
static size_t run(const gn_csv *c, size_t from)
{
  size_t n = 1;
  while (from + n < c->nrow &&
         strcmp(gn_csv_text(c, from + n, 0), gn_csv_text(c, from, 0)) == 0)
    n++;
  return n;
}

/* Number and times of every sample; the times are [B, T]. */
static gn_status read_rows(gn_solution *s, const gn_csv *c)
{
  for (size_t b = 0, row = 0; b < s->B; b++) {
    const size_t n = run(c, row);
    const double number = gn_csv_number(c, row, 0);
    GN_REQUIRE(fabs(number) < 1e15 && (double)(int64_t)number == number, GN_EIO,
               "%s:%d: sample = %s is no number", c->file, c->line[row],
               gn_csv_text(c, row, 0));
    s->sample[b] = (int64_t)number;
    for (size_t k = 0; k < b; k++)
      GN_REQUIRE(s->sample[k] != s->sample[b], GN_EIO,
                 "%s:%d: sample %s for the second time; its rows must follow each other",
                 c->file, c->line[row], gn_csv_text(c, row, 0));
    double *t = s->times + b * s->T;
    for (size_t i = 0; i < s->T; i++) {
      t[i] = i < n ? gn_csv_number(c, row + i, 1) : (double)NAN;
      GN_REQUIRE(i >= n || (isfinite(t[i]) && (i == 0 || t[i] > t[i - 1])), GN_EIO,
                 "%s:%d: t = %s is no number above the one before it", c->file,
                 c->line[row + i], gn_csv_text(c, row + i, 1));
    }
    row += n;
  }
  return GN_OK;
}

/* One grid for all, if it is. */
static void share_times(gn_solution *s)
{
  for (size_t i = 0; i < s->B * s->T; i++)
    if (s->times[i] != s->times[i % s->T]) return; /* or NaN */
  s->own_times = 0;
}

static gn_status read_csv(gn_solution *s, const char *file)
{
  gn_csv *c;
  size_t T = 0, B = 0;
  GN_TRY(gn_csv_read(s->arena, file, &c));
  GN_REQUIRE(c->ncol > 2 && strcmp(c->name[0], "sample") == 0 && strcmp(c->name[1], "t") == 0,
             GN_EARG, "%s:1: does not begin with sample,t: not a file of `gnomon solve`", file);
  for (size_t row = 0, n; row < c->nrow; row += n, B++) {
    n = run(c, row);
    if (n > T) T = n;
  }
  GN_TRY(sizes(s, file, T, B, 1));
  GN_TRY(read_rows(s, c));
  share_times(s);
  for (size_t at = 2; at < c->ncol;) GN_TRY(read_columns(s, c, &at));
  return GN_OK;
}

static gn_status read_into(gn_solution *s, const char *file)
{
  gn_h5 *h;
  s->model = s->origin = "";
  if (!ends(file, ".h5")) return read_csv(s, file);
  GN_TRY(gn_h5_open(file, &h));
  const gn_status st = read_h5(s, h);
  (void)gn_h5_close(&h);
  return st;
}

gn_status gn_solution_read(const char *file, gn_solution **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_solution *s = gn_arena_alloc(a, 1, sizeof *s);
  gn_status st = GN_ENOMEM;
  if (s) {
    s->arena = a;
    st = read_into(s, file);
  }
  if (st != GN_OK) gn_arena_destroy(&a);
  else *out = s;
  return st;
}
