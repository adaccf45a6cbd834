/* Any tidy table as a figure: one line for every value of --by and every column of --y.
 * With --band the rows at one x are one point, their median and quartiles; without, every
 * row is a point, in the order of the file, so that curves in a plane keep their way. */
#include "base/text.h"
#include "study/plot_impl.h"
#include "study/rundir.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NCOL = 8, NLINE = 64, LOOK = 64 }; /* rows to find the same band in */

typedef struct tidy {
  gn_arena *arena;
  const gn_csv *csv;
  const gn_plot_columns *want;
  size_t x, band, ny, nby, y[NCOL], by[NCOL];
  size_t ncurve, curve[NLINE]; /* first row of every value of --by */
  size_t skipped;              /* rows without numbers             */
  const char *mixed;           /* a column that varies within x, by and band */
} tidy;

static gn_status column(const gn_csv *c, const char *flag, const char *name, size_t *out)
{
  *out = gn_csv_column(c, name);
  GN_REQUIRE(*out != GN_CSV_NONE, GN_EARG, "%s: --%s=%s: no column '%s'; did you mean '%s'?",
             c->file, flag, name, name, gn_text_nearest(name, c->name, c->ncol));
  return GN_OK;
}

static gn_status columns(tidy *t, const char *flag, const char *text, size_t *n, size_t *out)
{
  for (const char *s = text; s;) {
    const size_t len = strcspn(s, ",");
    const char *name = gn_arena_printf(t->arena, "%.*s", (int)len, s);
    if (!name) return GN_ENOMEM;
    GN_REQUIRE(*n < NCOL, GN_ELIMIT, "%s: --%s: more than %d columns", t->csv->file, flag,
               (int)NCOL);
    GN_TRY(column(t->csv, flag, name, &out[(*n)++]));
    s = s[len] ? s + len + 1 : NULL;
  }
  return GN_OK;
}

static gn_status read_columns(tidy *t)
{
  const gn_plot_columns *w = t->want;
  t->band = GN_CSV_NONE;
  GN_TRY(column(t->csv, "x", w->x, &t->x));
  GN_TRY(columns(t, "y", w->y, &t->ny, t->y));
  GN_TRY(columns(t, "by", w->by, &t->nby, t->by));
  if (w->band) GN_TRY(column(t->csv, "band", w->band, &t->band));
  return GN_OK;
}

/* ---- lines --------------------------------------------------------------------------- */

static int same(const tidy *t, size_t a, size_t b)
{
  for (size_t k = 0; k < t->nby; k++)
    if (strcmp(gn_csv_text(t->csv, a, t->by[k]), gn_csv_text(t->csv, b, t->by[k])) != 0)
      return 0;
  return 1;
}

static gn_status find_curves(tidy *t)
{
  for (size_t i = 0; i < t->csv->nrow; i++) {
    size_t k = 0;
    while (k < t->ncurve && !same(t, t->curve[k], i)) k++;
    if (k < t->ncurve) continue;
    GN_REQUIRE(t->ncurve * t->ny < NLINE, GN_ELIMIT,
               "%s: --by=%s gives more than %d lines; choose a column with fewer values",
               t->csv->file, t->want->by ? t->want->by : "", (int)NLINE);
    t->curve[t->ncurve++] = i;
  }
  return GN_OK;
}

/* The numbers of a row, if there are any that the axes can show. */
static int point(const tidy *t, size_t row, size_t y, double *px, double *py)
{
  *px = gn_csv_number(t->csv, row, t->x);
  *py = gn_csv_number(t->csv, row, y);
  return isfinite(*px) && isfinite(*py) && !(t->want->logx && *px <= 0) &&
         !(t->want->logy && *py <= 0);
}

/* Two rows of one value of the band at one x: something else varies, and is named. */
static void find_mixed(tidy *t, size_t a, size_t b)
{
  const gn_csv *c = t->csv;
  if (t->mixed || strcmp(gn_csv_text(c, a, t->band), gn_csv_text(c, b, t->band)) != 0) return;
  for (size_t k = 0; k < c->ncol && !t->mixed; k++) {
    int drawn = k == t->x || k == t->band;
    for (size_t j = 0; j < t->ny; j++) drawn |= k == t->y[j];
    if (!drawn && strcmp(gn_csv_text(c, a, k), gn_csv_text(c, b, k)) != 0)
      t->mixed = c->name[k];
  }
  if (!t->mixed) t->mixed = c->name[t->y[0]];
}

static int by_x(const void *a, const void *b)
{
  const gn_figure_point *p = a, *q = b;
  if (p->x != q->x) return p->x < q->x ? -1 : 1;
  return (p->n > q->n) - (p->n < q->n); /* n: the row, until it is summed up */
}

/* Points at the same x become one; n of them are left. */
static gn_status sum_up(tidy *t, size_t n, gn_figure_point *at, size_t *out)
{
  double *y;
  GN_NEW(t->arena, y, n);
  qsort(at, n, sizeof *at, by_x);
  *out = 0;
  for (size_t i = 0, m; i < n; i += m) {
    for (m = 0; i + m < n && at[i + m].x == at[i].x; m++) {
      y[m] = at[i + m].y;
      for (size_t j = m > LOOK ? m - LOOK : 0; j < m && !t->mixed; j++)
        find_mixed(t, at[i + j].n, at[i + m].n);
    }
    at[(*out)++] = gn_figure_summary(at[i].x, m, y);
  }
  return GN_OK;
}

static gn_status fill(tidy *t, size_t first, size_t y, gn_figure_line *l)
{
  double px, py;
  GN_NEW(t->arena, l->at, t->csv->nrow);
  for (size_t i = first; i < t->csv->nrow; i++) {
    if (!same(t, first, i)) continue;
    if (point(t, i, y, &px, &py)) l->at[l->n++] = (gn_figure_point){ px, py, py, py, i };
    else t->skipped++;
  }
  if (t->band != GN_CSV_NONE) return l->n ? sum_up(t, l->n, l->at, &l->n) : GN_OK;
  for (size_t i = 0; i < l->n; i++) l->at[i].n = 1;
  return GN_OK;
}

/* "discrete, rtol=1e-3", with the column of y where there are several; one line, whatever
   the cells. */
static const char *label_of(const tidy *t, size_t first, size_t y)
{
  const char *s = "";
  double number;
  for (size_t k = 0; s && k < t->nby; k++) {
    const char *value = gn_csv_text(t->csv, first, t->by[k]);
    const int named = gn_text_double(value, &number) == GN_OK;
    s = gn_arena_printf(t->arena, "%s%s%s%s%s", s, k ? ", " : "",
                        named ? t->csv->name[t->by[k]] : "", named ? "=" : "", value);
  }
  if (s && t->ny > 1)
    s = gn_arena_printf(t->arena, "%s%s%s", s, *s ? ": " : "", t->csv->name[y]);
  char *copy = s ? gn_arena_strdup(t->arena, s) : NULL;
  for (char *c = copy; c && *c; c++)
    if (*c == '\n' || *c == '\r') *c = ' ';
  return copy;
}

/* ---- the figure ---------------------------------------------------------------------- */

static const char *caption_of(const tidy *t, const char *stem, const gn_facts *facts)
{
  gn_arena *a = t->arena;
  const char *s = gn_facts_caption(a, 1, &facts);
  if (s) s = gn_arena_printf(a, "%s.csv, %zu rows. %s", stem, t->csv->nrow, s);
  if (s && t->band != GN_CSV_NONE)
    s = gn_arena_printf(a, "%s Lines are medians over %s, bands reach from quartile to "
                           "quartile.",
                        s, t->want->band);
  if (s && t->skipped)
    s = gn_arena_printf(a, "%s %zu value%s without a place on the axes left out.", s,
                        t->skipped, t->skipped == 1 ? "" : "s");
  if (s && t->mixed)
    s = gn_arena_printf(a, "%s Points hold several rows for one %s: %s varies.", s,
                        t->want->band, t->mixed);
  return s;
}

static gn_status make_lines(tidy *t, gn_figure *f, const char **label)
{
  f->nline = t->ncurve * t->ny;
  GN_NEW(t->arena, f->panel, 1);
  GN_NEW(t->arena, f->panel->line, f->nline);
  for (size_t k = 0; k < f->nline; k++) {
    const size_t first = t->curve[k / t->ny], y = t->y[k % t->ny];
    GN_TRY(fill(t, first, y, &f->panel->line[k]));
    if (!(label[k] = label_of(t, first, y))) return GN_ENOMEM;
  }
  const char *y = t->csv->name[t->y[0]];
  for (size_t k = 1; y && k < t->ny; k++)
    y = gn_arena_printf(t->arena, "%s, %s", y, t->csv->name[t->y[k]]);
  if (!(f->panel->ylabel = y)) return GN_ENOMEM;
  f->label = label;
  f->npanel = 1;
  f->panel->logy = t->want->logy;
  f->logx = t->want->logx;
  return GN_OK;
}

/* DIR and STEM of the figure: those of --out, or of the table with the columns. */
static gn_status place(tidy *t, const char *stem, gn_figure *f)
{
  static const char *const ending[] = { ".pdf", ".svg", ".png" };
  const char *out = t->want->out;
  char *base = out ? gn_arena_strdup(t->arena, out)
                   : gn_arena_printf(t->arena, "%s/%s_%s_%s", f->dir, stem,
                                     t->csv->name[t->y[0]], t->want->x);
  if (!base) return GN_ENOMEM;
  for (size_t k = 0, n = strlen(base); k < 3; k++)
    if (out && n > 4 && strcmp(base + n - 4, ending[k]) == 0) base[n - 4] = '\0';
  char *slash = strrchr(base, '/');
  f->stem = slash ? slash + 1 : base;
  GN_REQUIRE(*f->stem, GN_EARG, "--out=%s: a folder, expected the beginning of a file name",
             out ? out : "");
  if (slash == base) f->dir = "/";
  else if (slash) *slash = '\0', f->dir = base;
  else f->dir = ".";
  return GN_OK;
}

gn_status gn_plot_tidy(gn_plotting *pl, const gn_plot_table *from, const gn_plot_columns *want)
{
  tidy *t;
  const char **label;
  gn_figure f = { .dir = from->dir, .xlabel = want->x, .narrow = pl->narrow };
  GN_NEW(pl->arena, t, 1);
  GN_NEW(pl->arena, label, NLINE);
  t->arena = pl->arena;
  t->csv = from->csv;
  t->want = want;
  GN_TRY(read_columns(t));
  GN_TRY(find_curves(t));
  GN_TRY(make_lines(t, &f, label));
  size_t points = 0;
  for (size_t k = 0; k < f.nline; k++) points += f.panel->line[k].n;
  GN_REQUIRE(points > 0, GN_EARG, "%s: no row has numbers in %s and %s%s", t->csv->file,
             want->x, want->y,
             want->logx || want->logy ? " that a logarithmic axis can show" : "");
  gn_facts facts = from->facts;
  for (size_t k = 0; k < t->csv->ncol; k++)
    GN_TRY(gn_facts_without(t->arena, t->csv->name[k], &facts));
  f.caption = caption_of(t, from->stem, &facts);
  if (!f.caption) return GN_ENOMEM;
  GN_TRY(place(t, from->stem, &f));
  GN_TRY(gn_rundir_make(f.dir));
  if (pl->log && t->mixed)
    (void)fprintf(pl->log, "note: several rows for one %s and %s; %s varies: --by=%s?\n",
                  want->x, want->band, t->mixed, t->mixed);
  GN_TRY(gn_figure_write(pl->arena, &f));
  return gn_plot_draw(pl, f.dir, f.stem);
}
