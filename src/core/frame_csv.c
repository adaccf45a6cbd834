/* A frame from a CSV file.
 *
 * Rows of one series need not follow each other: they are gathered in the order of the file,
 * series in the order of their first rows. Labels are found through a hash table with open
 * addressing (FNV-1a; Fowler, Noll, Vo 1991). */
#include "base/csv.h"
#include "base/text.h"
#include "core/frame.h"

#include <math.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#define NONE ((size_t)-1)

/* ---- columns ------------------------------------------------------------------------- */

static gn_status find(const gn_csv *c, const char *option, const char *name, size_t *col)
{
  *col = gn_csv_column(c, name);
  GN_REQUIRE(*col != GN_CSV_NONE, GN_ENAME, "%s: no column '%s' (option %s); did you mean '%s'?",
             c->file, name, option, gn_text_nearest(name, c->name, c->ncol));
  for (size_t k = *col + 1; k < c->ncol; k++)
    GN_REQUIRE(strcmp(c->name[k], name) != 0, GN_EIO,
               "%s: two columns are called '%s' (option %s): rename one", c->file, name, option);
  return GN_OK;
}

/* "a, b" as columns of the file. */
static gn_status listed(gn_arena *a, const gn_csv *c, const char *option, const char *names,
                        size_t *n, size_t *col)
{
  char *text = gn_arena_strdup(a, names);
  if (!text) return GN_ENOMEM;
  *n = 0;
  for (char *next; text; text = next) {
    next = strchr(text, ',');
    if (next) *next++ = '\0';
    text += strspn(text, " \t");
    size_t len = strlen(text), k;
    while (len > 0 && strchr(" \t", text[len - 1])) text[--len] = '\0';
    GN_REQUIRE(len > 0, GN_EARG, "%s = %s: an empty name", option, names);
    GN_TRY(find(c, option, text, &k));
    for (size_t i = 0; i < *n; i++)
      GN_REQUIRE(col[i] != k, GN_EARG, "%s = %s: '%s' is there twice", option, names, text);
    col[(*n)++] = k; /* at most ncol, as none is there twice */
  }
  return GN_OK;
}

/* Columns of the file that the frame takes; from[j] is that of column j. */
typedef struct choice {
  size_t time, sample; /* sample NONE: one series */
  size_t *from;
} choice;

static size_t take(gn_frame *f, const gn_csv *c, choice *ch, size_t col)
{
  for (size_t j = 0; j < f->ncol; j++)
    if (ch->from[j] == col) return j;
  f->name[f->ncol] = c->name[col];
  ch->from[f->ncol] = col;
  return f->ncol++;
}

static gn_status choose(gn_arena *a, const gn_csv *c, const gn_frame_columns *want, gn_frame *f,
                        choice *ch)
{
  ch->sample = NONE;
  GN_TRY(find(c, "time", want->time, &ch->time));
  if (want->sample[0]) GN_TRY(find(c, "sample", want->sample, &ch->sample));
  GN_NEW(a, f->in, c->ncol);
  GN_NEW(a, f->out, c->ncol);
  GN_NEW(a, f->name, c->ncol);
  GN_NEW(a, ch->from, c->ncol);
  if (want->targets[0])
    GN_TRY(listed(a, c, "targets", want->targets, &f->nout, f->out));
  else
    for (size_t k = 0; k < c->ncol; k++)
      if (k != ch->time && k != ch->sample) f->out[f->nout++] = k;
  GN_REQUIRE(f->nout > 0, GN_EARG, "%s: no columns but time and sample: there are no targets",
             c->file);
  f->nin = f->nout;
  memcpy(f->in, f->out, f->nout * sizeof *f->in);
  if (want->inputs[0]) GN_TRY(listed(a, c, "inputs", want->inputs, &f->nin, f->in));
  for (size_t j = 0; j < f->nout; j++) f->out[j] = take(f, c, ch, f->out[j]);
  for (size_t j = 0; j < f->nin; j++) f->in[j] = take(f, c, ch, f->in[j]);
  return GN_OK;
}

/* ---- series -------------------------------------------------------------------------- */

static uint64_t hash(const char *s)
{
  uint64_t h = UINT64_C(14695981039346656037);
  for (; *s; s++) h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
  return h;
}

/* series[r]: that of row r of the file. */
static gn_status label_rows(gn_arena *a, const gn_csv *c, const choice *ch, gn_frame *f,
                            size_t *series)
{
  const size_t room = 2 * c->nrow + 1;
  size_t *slot; /* series + 1; 0: free */
  GN_NEW(a, slot, room);
  GN_NEW(a, f->label, c->nrow);
  for (size_t r = 0; r < c->nrow; r++) {
    const char *label = ch->sample == NONE ? "" : gn_csv_text(c, r, ch->sample);
    GN_REQUIRE(label[0] || ch->sample == NONE, GN_EIO,
               "%s:%d: column '%s' is empty; expected what tells the sample from the others",
               c->file, c->line[r], c->name[ch->sample]);
    size_t k = (size_t)(hash(label) % room);
    while (slot[k] && strcmp(f->label[slot[k] - 1], label) != 0) k = (k + 1) % room;
    if (!slot[k]) {
      f->label[f->nseries++] = label;
      slot[k] = f->nseries;
    }
    series[r] = slot[k] - 1;
  }
  return GN_OK;
}

/* row[i]: the row of the file that is row i of the frame. */
static gn_status gather(gn_arena *a, size_t n, const size_t *series, gn_frame *f, size_t *row)
{
  size_t *next;
  GN_NEW(a, f->first, f->nseries + 1);
  GN_NEW(a, next, f->nseries + 1);
  for (size_t r = 0; r < n; r++) f->first[series[r] + 1]++;
  for (size_t i = 0; i < f->nseries; i++) f->first[i + 1] += f->first[i];
  memcpy(next, f->first, f->nseries * sizeof *next);
  for (size_t r = 0; r < n; r++) row[next[series[r]]++] = r;
  return GN_OK;
}

/* ---- values -------------------------------------------------------------------------- */

static int missing(const char *s)
{
  return !*s || strcasecmp(s, "na") == 0 || strcasecmp(s, "nan") == 0;
}

static gn_status number(const gn_csv *c, size_t row, size_t col, double *x)
{
  const char *s = gn_csv_text(c, row, col);
  GN_REQUIRE(gn_text_double(s, x) == GN_OK && isfinite(*x), GN_EIO,
             "%s:%d: '%.40s' in column '%s', expected a number (or empty, NA, nan where a "
             "target is missing)", c->file, c->line[row], s, c->name[col]);
  return GN_OK;
}

static gn_status fill(const gn_csv *c, const choice *ch, const size_t *row, gn_frame *f)
{
  for (size_t i = 0; i < f->nrow; i++) {
    const size_t r = row[i];
    f->line[i] = c->line[r];
    GN_TRY(number(c, r, ch->time, &f->t[i]));
    for (size_t j = 0; j < f->ncol; j++) {
      double *x = &f->value[i * f->ncol + j];
      if (missing(gn_csv_text(c, r, ch->from[j])))
        *x = (double)NAN;
      else
        GN_TRY(number(c, r, ch->from[j], x));
    }
  }
  return GN_OK;
}

static gn_status check_times(const gn_frame *f)
{
  for (size_t s = 0; s < f->nseries; s++) {
    const size_t i = f->first[s];
    GN_REQUIRE(f->first[s + 1] - i >= 2, GN_EIO,
               "%s:%d: sample '%s' has one row, expected a start and at least one row after it",
               f->file, f->line[i], f->label[s]);
    for (size_t k = i + 1; k < f->first[s + 1]; k++)
      GN_REQUIRE(f->t[k - 1] < f->t[k], GN_EIO,
                 "%s:%d: time %g is not after %g in line %d%s%s; expected increasing times "
                 "within a sample (option sample tells samples apart)", f->file, f->line[k],
                 f->t[k], f->t[k - 1], f->line[k - 1], f->label[s][0] ? ", sample " : "",
                 f->label[s]);
  }
  return GN_OK;
}

gn_status gn_frame_csv(gn_arena *a, const char *file, const gn_frame_columns *columns,
                       gn_frame *f)
{
  gn_csv *c;
  choice ch;
  size_t *series, *row;
  *f = (gn_frame){ 0 };
  GN_TRY(gn_csv_read(a, file, &c));
  GN_REQUIRE(c->nrow > 0, GN_EIO, "%s: a header and no rows", file);
  f->file = c->file;
  f->nrow = c->nrow;
  GN_TRY(choose(a, c, columns, f, &ch));
  GN_NEW(a, series, c->nrow);
  GN_NEW(a, row, c->nrow);
  GN_TRY(label_rows(a, c, &ch, f, series));
  GN_TRY(gather(a, c->nrow, series, f, row));
  GN_NEW(a, f->t, f->nrow);
  GN_NEW(a, f->line, f->nrow);
  GN_NEW(a, f->value, f->nrow * f->ncol);
  GN_TRY(fill(c, &ch, row, f));
  return check_times(f);
}
