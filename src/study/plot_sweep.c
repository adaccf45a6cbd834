/* Figures of a sweep: gradient error against work, bytes and seconds, or what trainings
 * came to against the tolerance; one curve per strategy (and model, and solver, where
 * there are several); a marker is the median over the problems at one tolerance, bars
 * reach from quartile to quartile. Each figure is three files beside the table: STEM.dat
 * (the medians), STEM.gp (the script, which draws again in that folder) and the pictures.
 * Curves differ in marker and dash as well as in colour, and colours in lightness, so
 * that they can be told apart in grey. */
#include "base/text.h"
#include "study/plot_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { NKEY = 8, NCURVE = 64 };
static const char *const key_names[NKEY] = { "model",     "solver",    "strategy", "rtol",
                                             "back_rtol", "quad_rtol", "state",    "seed" };
enum { MODEL, SOLVER, STRATEGY, RTOL, BACK, QUAD, SEED = 7 };

/* A quantity: a sum of columns, of the timing table if timed. */
typedef struct quantity {
  const char *label, *column[2];
  int timed;
} quantity;

/* A figure: y over x. */
typedef struct axis {
  const char *name;
  quantity x, y;
} axis;
#define ERROR                                                                              \
  {                                                                                        \
    "relative error of dL/dp", { "err_ode", NULL }, 0                                      \
  }
#define TOLERANCE                                                                          \
  {                                                                                        \
    "relative tolerance", { "rtol", NULL }, 0                                              \
  }
static const axis gradient_axes[] = {
  { "work", { "work (evaluations of f, vjp, pgrad, jvp)", { "work", NULL }, 0 }, ERROR },
  { "bytes", { "memory kept for the backward pass (bytes)", { "bytes", NULL }, 0 }, ERROR },
  { "seconds",
    { "time of forward and backward (seconds)", { "sec", "back_sec" }, 1 },
    ERROR },
  { NULL, ERROR, ERROR },
};
static const axis train_axes[] = {
  { "loss", TOLERANCE, { "final loss", { "loss", NULL }, 0 } },
  { "growth",
    TOLERANCE,
    { "work of the last epoch / first epoch", { "work_growth", NULL }, 0 } },
  { "target_work", TOLERANCE, { "work to the target loss", { "target_work", NULL }, 0 } },
  { "target_seconds",
    TOLERANCE,
    { "seconds to the target loss", { "target_sec", NULL }, 1 } },
  { NULL, TOLERANCE, TOLERANCE },
};

typedef struct sweep_plot {
  gn_plotting *pl;
  const char *caption;
  const gn_csv *csv, *timing; /* timing NULL: none */
  size_t key[NKEY];           /* columns of csv    */
  size_t n;                   /* curves            */
  size_t curve[NCURVE];       /* first row of each */
  int several[2];             /* models, solvers   */
  int untied;                 /* backward tolerances of their own: no lines */
  double *x, *y;              /* [nrow] scratch    */
  double low[2], high[2];     /* of what was written: x, y */
} sweep_plot;

/* ---- curves and points --------------------------------------------------------------- */

static const char *text(const sweep_plot *sp, size_t row, int key)
{
  return gn_csv_text(sp->csv, row, sp->key[key]);
}

static int same(const sweep_plot *sp, size_t a, size_t b, int from, int to)
{
  for (int k = from; k <= to; k++)
    if (strcmp(text(sp, a, k), text(sp, b, k)) != 0) return 0;
  return 1;
}

static gn_status find_curves(sweep_plot *sp)
{
  for (size_t i = 0; i < sp->csv->nrow; i++) {
    size_t k = 0;
    while (k < sp->n && !same(sp, sp->curve[k], i, MODEL, STRATEGY)) k++;
    if (!same(sp, 0, i, MODEL, MODEL)) sp->several[0] = 1;
    if (!same(sp, 0, i, SOLVER, SOLVER)) sp->several[1] = 1;
    if (strcmp(text(sp, i, RTOL), text(sp, i, BACK)) != 0 ||
        strcmp(text(sp, i, BACK), text(sp, i, QUAD)) != 0)
      sp->untied = 1;
    if (k < sp->n) continue;
    GN_REQUIRE(sp->n < NCURVE, GN_ELIMIT, "%s: more than %d curves in one figure",
               sp->csv->file, (int)NCURVE);
    sp->curve[sp->n++] = i;
  }
  return GN_OK;
}

/* The row of the timing table that belongs to a row of counts. */
static size_t timing_row(const sweep_plot *sp, size_t row)
{
  for (size_t i = 0; i < sp->timing->nrow; i++) {
    int equal = 1;
    for (int k = 0; k < NKEY && equal; k++)
      equal =
          strcmp(text(sp, row, k),
                 gn_csv_text(sp->timing, i, gn_csv_column(sp->timing, key_names[k]))) == 0;
    if (equal) return i;
  }
  return GN_CSV_NONE;
}

static double value(const sweep_plot *sp, const quantity *q, size_t row)
{
  const gn_csv *c = q->timed ? sp->timing : sp->csv;
  double sum = 0;
  if (q->timed && (row = timing_row(sp, row)) == GN_CSV_NONE) return (double)NAN;
  for (int k = 0; k < 2 && q->column[k]; k++)
    sum += gn_csv_number(c, row, gn_csv_column(c, q->column[k]));
  return sum;
}

/* All problems at the tolerances of row `first`: one line of the data, or none. */
static size_t write_point(sweep_plot *sp, const axis *ax, size_t first, FILE *to)
{
  size_t n = 0;
  for (size_t i = first; i < sp->csv->nrow; i++) {
    if (!same(sp, first, i, MODEL, QUAD)) continue;
    const double x = value(sp, &ax->x, i), y = value(sp, &ax->y, i);
    if (!(x > 0) || !(y > 0) || isinf(x) || isinf(y)) continue;
    sp->x[n] = x, sp->y[n++] = y;
    sp->low[0] = fmin(sp->low[0], x), sp->high[0] = fmax(sp->high[0], x);
    sp->low[1] = fmin(sp->low[1], y), sp->high[1] = fmax(sp->high[1], y);
  }
  if (n == 0) return 0;
  const gn_figure_point x = gn_figure_summary(0, n, sp->x),
                        y = gn_figure_summary(0, n, sp->y);
  (void)fprintf(to, "%s %s %s %.10g %.10g %.10g %.10g %.10g %.10g %zu\n",
                text(sp, first, RTOL), text(sp, first, BACK), text(sp, first, QUAD), x.y, x.low,
                x.high, y.y, y.low, y.high, n);
  return n;
}

static void write_label(const sweep_plot *sp, size_t row, FILE *to)
{
  const char *s = text(sp, row, STRATEGY);
  if (sp->several[0]) (void)fprintf(to, "%s: ", text(sp, row, MODEL));
  (void)fputs(s, to);
  if (sp->several[1]) (void)fprintf(to, " on %s", text(sp, row, SOLVER));
}

/* The data of all curves; drawn[k] = 1 for those with points; whether any has quartiles. */
static int write_data(sweep_plot *sp, const axis *ax, unsigned char *drawn, FILE *to)
{
  int spread = 0;
  sp->low[0] = sp->low[1] = (double)INFINITY;
  sp->high[0] = sp->high[1] = 0;
  (void)fprintf(to, "# x: %s; y: %s\n", ax->x.label, ax->y.label);
  (void)fputs("# rtol back_rtol quad_rtol x x_q25 x_q75 y y_q25 y_q75 problems\n", to);
  for (size_t k = 0; k < sp->n; k++) {
    (void)fputs("# ", to);
    write_label(sp, sp->curve[k], to);
    (void)fputc('\n', to);
    drawn[k] = 0;
    for (size_t i = sp->curve[k]; i < sp->csv->nrow; i++) {
      int known = !same(sp, sp->curve[k], i, MODEL, STRATEGY);
      for (size_t j = sp->curve[k]; j < i && !known; j++)
        known = same(sp, j, i, MODEL, QUAD);
      if (known) continue;
      const size_t n = write_point(sp, ax, i, to);
      drawn[k] |= n > 0;
      spread |= n > 1;
    }
    if (!drawn[k]) (void)fputs("NaN NaN NaN NaN NaN NaN NaN NaN NaN 0\n", to);
    (void)fputs("\n\n", to);
  }
  return spread;
}

/* ---- the script ---------------------------------------------------------------------- */

/* Of a figure, in cm: the strips of the legend and the caption. */
typedef struct place {
  double width, height, legend, strip;
} place;

/* Legend beside the curves, wide enough for the longest label and high enough for all of
   them; for small screens above. */
static void size_of(const sweep_plot *sp, const char *caption, place *p)
{
  size_t longest = 0;
  for (size_t k = 0; k < sp->n; k++) {
    size_t n = strlen(text(sp, sp->curve[k], STRATEGY));
    if (sp->several[0]) n += strlen(text(sp, sp->curve[k], MODEL)) + 2;
    if (sp->several[1]) n += strlen(text(sp, sp->curve[k], SOLVER)) + 4;
    if (n > longest) longest = n;
  }
  p->legend = sp->pl->narrow ? 0.7 + 0.52 * (double)sp->n : 2.1 + 0.2 * (double)longest;
  p->width = sp->pl->narrow ? 9 : 11 + p->legend;
  p->strip = gn_gnuplot_caption_height(caption, p->width);
  p->height = p->strip + (sp->pl->narrow ? 6.5 + p->legend
                                         : fmax(8.5, 1.8 + 0.46 * (double)sp->n));
}

static void write_plot(const sweep_plot *sp, const unsigned char *drawn, int spread,
                       FILE *to)
{
  const char *lead = "plot \\\n  ";
  for (size_t k = 0; k < sp->n; k++) {
    if (!drawn[k]) continue;
    const char *c = gn_gnuplot_colour(k);
    const int pt = gn_gnuplot_marker(k);
    if (spread)
      (void)fprintf(to,
                    "%sdata index %zu using 4:7:8:9 with yerrorbars pt 0 lw 1 "
                    "lc rgb '%s' notitle",
                    lead, k, c);
    if (spread) lead = ", \\\n  ";
    (void)fprintf(to,
                  "%sdata index %zu using 4:7 with %s pt %d ps 0.9 lw 1.5 "
                  "lc rgb '%s'",
                  lead, k, sp->untied ? "points" : "linespoints", pt, c);
    if (!sp->untied && k % 8) (void)fprintf(to, " dt %s", gn_gnuplot_dash(k));
    (void)fputs(" title '", to);
    write_label(sp, sp->curve[k], to); /* no quote can be in a name of the grid */
    (void)fputc('\'', to);
    lead = ", \\\n  ";
  }
  (void)fputc('\n', to);
}

static void write_script(const sweep_plot *sp, const axis *ax, const char *stem,
                         const unsigned char *drawn, int spread, FILE *to)
{
  place p;
  size_of(sp, sp->caption, &p);
  gn_gnuplot_begin(to, stem, p.width, p.height);
  (void)fputs("data = ", to);
  gn_gnuplot_quote(to, stem);
  (void)fputs(".'.dat'\nset border 3 lw 1\nset tics nomirror\nset mxtics default\nset mytics 1\n"
              "set grid xtics ytics lc rgb '#dddddd' lw 0.7 lt 1\n"
              "set logscale xy\nset format xy '10^{%L}'\n"
              "set key vertical Left reverse noenhanced samplen 3.5 spacing 1.15 height 0.5 ",
              to);
  if (sp->pl->narrow)
    (void)fprintf(to, "at screen 0.03,%.4f left top maxcols 1\nset tmargin at screen %.4f\n",
                  1 - 0.1 / p.height, 1 - p.legend / p.height);
  else
    (void)fprintf(to, "outside right center\nset rmargin at screen %.3f\n",
                  1 - p.legend / p.width);
  (void)fprintf(to, "set bmargin at screen %.4f\nset xlabel '%s'\nset ylabel '%s'\n",
                (p.strip + 1.6) / p.height, ax->x.label, ax->y.label);
  gn_gnuplot_caption(to, sp->caption, p.width, p.height);
  if (spread) (void)fputs("set key title 'median, quartiles' left\n", to);
  if (strcmp(ax->x.column[0], "rtol") == 0) { /* no marker on the frame */
    (void)fprintf(to, "set xrange [%.4g:%.4g]\n", sp->low[0] / 1.6, sp->high[0] * 1.6);
    if (sp->high[1] < 30 * sp->low[1]) /* too little for decades */
      (void)fputs("unset logscale y\nset format y '%g'\nset yrange [0:*]\n", to);
  }
  write_plot(sp, drawn, spread, to);
  gn_gnuplot_end(to, stem);
}

/* ---- figures ------------------------------------------------------------------------- */

typedef struct target {
  const char *dir, *stem;
} target;

static gn_status open_in(const gn_plotting *pl, const target *p, const char *ending,
                         FILE **out)
{
  const char *file = gn_arena_printf(pl->arena, "%s/%s.%s", p->dir, p->stem, ending);
  if (!file) return GN_ENOMEM;
  *out = fopen(file, "w");
  GN_REQUIRE(*out, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  return GN_OK;
}

static gn_status draw_axis(sweep_plot *sp, const axis *ax, const target *p, int first)
{
  unsigned char drawn[NCURVE];
  FILE *f;
  int any = 0;
  GN_TRY(open_in(sp->pl, p, "dat", &f));
  const int spread = write_data(sp, ax, drawn, f);
  GN_REQUIRE(fclose(f) == 0, GN_EIO, "%s/%s.dat: cannot write", p->dir, p->stem);
  for (size_t k = 0; k < sp->n; k++) any |= drawn[k];
  GN_REQUIRE(any || ax->x.timed || ax->y.timed || !first, GN_EARG,
             "%s: no point with a number to draw", sp->csv->file);
  if (!any) return GN_OK; /* a target nobody reached, bytes of nothing */
  GN_TRY(open_in(sp->pl, p, "gp", &f));
  write_script(sp, ax, p->stem, drawn, spread, f);
  GN_REQUIRE(fclose(f) == 0, GN_EIO, "%s/%s.gp: cannot write", p->dir, p->stem);
  GN_TRY(gn_figure_caption(sp->pl->arena, p->dir, p->stem, sp->caption));
  return gn_plot_draw(sp->pl, p->dir, p->stem);
}

/* Distinct texts of a key in the order of the rows, at most so many. */
static const char *distinct(const sweep_plot *sp, int key)
{
  const char *s = "";
  size_t n = 0;
  for (size_t i = 0; s && i < sp->csv->nrow; i++) {
    size_t j = 0;
    while (j < i && !same(sp, j, i, key, key)) j++;
    if (j == i && n++ < 8)
      s = gn_arena_printf(sp->pl->arena, "%s%s%s", s, *s ? ", " : "", text(sp, i, key));
  }
  return s && n > 8 ? gn_arena_printf(sp->pl->arena, "%s, ... (%zu)", s, n) : s;
}

/* The grid stands in the table, the rest in sweep.ini. */
static const char *caption_of(const sweep_plot *sp, const gn_plot_table *t)
{
  const char *model = distinct(sp, MODEL), *solver = distinct(sp, SOLVER);
  const char *seeds = distinct(sp, SEED), *data = gn_facts_get(&t->facts, "data.name");
  if (!model || !solver || !seeds) return NULL;
  return gn_arena_printf(sp->pl->arena,
                         "Model %s; data %s; solver %s; seed %s. Drawn by gnomon " GN_VERSION ".",
                         model, *data ? data : "unknown", solver, seeds);
}

gn_status gn_plot_sweep(gn_plotting *pl, const gn_plot_table *t, const char *stem)
{
  sweep_plot *sp;
  const char *timing = gn_arena_printf(pl->arena, "%s/%s_timing.csv", t->dir, t->stem);
  if (!timing) return GN_ENOMEM;
  GN_NEW(pl->arena, sp, 1);
  sp->pl = pl;
  sp->csv = t->csv;
  gn_csv *times = NULL;
  FILE *there = fopen(timing, "r");
  if (there) {
    (void)fclose(there);
    GN_TRY(gn_csv_read(pl->arena, timing, &times));
  }
  sp->timing = times;
  for (int k = 0; k < NKEY; k++) {
    sp->key[k] = gn_csv_column(sp->csv, key_names[k]);
    GN_REQUIRE(sp->key[k] != GN_CSV_NONE, GN_EARG, "%s: no column %s", sp->csv->file,
               key_names[k]);
    GN_REQUIRE(!times || gn_csv_column(times, key_names[k]) != GN_CSV_NONE, GN_EARG,
               "%s: no column %s", timing, key_names[k]);
  }
  GN_NEW(pl->arena, sp->x, sp->csv->nrow);
  GN_NEW(pl->arena, sp->y, sp->csv->nrow);
  GN_TRY(find_curves(sp));
  if (!(sp->caption = pl->narrow ? "" : caption_of(sp, t))) return GN_ENOMEM;
  const int training = gn_csv_column(sp->csv, "work_growth") != GN_CSV_NONE;
  const axis *first = training ? train_axes : gradient_axes;
  for (const axis *ax = first; ax->name; ax++) {
    if ((ax->x.timed || ax->y.timed) && !times) continue;
    target p = { pl->out ? pl->out : t->dir, NULL };
    p.stem = gn_arena_printf(pl->arena, "%s_%s", stem, ax->name);
    if (!p.stem) return GN_ENOMEM;
    GN_TRY(draw_axis(sp, ax, &p, ax == first));
  }
  return GN_OK;
}
