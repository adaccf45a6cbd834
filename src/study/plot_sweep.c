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
enum { MODEL, SOLVER, STRATEGY, RTOL, BACK, QUAD };

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
  const gn_plotting *pl;
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

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Linear between the order statistics; x is sorted. */
static double quantile(size_t n, const double *x, double q)
{
  const double at = q * (double)(n - 1), low = floor(at);
  const size_t i = (size_t)low;
  return i + 1 < n ? x[i] + (at - low) * (x[i + 1] - x[i]) : x[n - 1];
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
  qsort(sp->x, n, sizeof *sp->x, ascending);
  qsort(sp->y, n, sizeof *sp->y, ascending);
  (void)fprintf(to, "%s %s %s %.10g %.10g %.10g %.10g %.10g %.10g %zu\n",
                text(sp, first, RTOL), text(sp, first, BACK), text(sp, first, QUAD),
                quantile(n, sp->x, 0.5), quantile(n, sp->x, 0.25), quantile(n, sp->x, 0.75),
                quantile(n, sp->y, 0.5), quantile(n, sp->y, 0.25), quantile(n, sp->y, 0.75),
                n);
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

static const char *const colour[] = { "#000000", "#d55e00", "#0072b2", "#009e73",
                                      "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f" };
static const char *const dash[] = { "solid", "(12,4)", "(4,4)",  "(14,4,4,4)",
                                    "(7,3)", "(2,4)",  "(20,5)", "(14,4,3,4,3,4)" };
static const int marker[] = { 7, 4, 9, 12, 11, 6, 5, 8, 13, 10, 2 };

/* Wide enough for the longest label beside the curves, high enough for all labels. */
static void size_of(const sweep_plot *sp, double *width, double *height, double *margin)
{
  size_t longest = 0;
  for (size_t k = 0; k < sp->n; k++) {
    size_t n = strlen(text(sp, sp->curve[k], STRATEGY));
    if (sp->several[0]) n += strlen(text(sp, sp->curve[k], MODEL)) + 2;
    if (sp->several[1]) n += strlen(text(sp, sp->curve[k], SOLVER)) + 4;
    if (n > longest) longest = n;
  }
  const double legend = 2.1 + 0.2 * (double)longest; /* cm */
  *width = 11 + legend;
  *height = fmax(8.5, 1.8 + 0.46 * (double)sp->n);
  *margin = 1 - legend / *width;
}

static void write_terminal(const char *kind, double w, double h, const char *stem, FILE *to)
{
  if (strcmp(kind, "pdf") == 0)
    (void)fprintf(to,
                  "set terminal pdfcairo enhanced size %.2fcm,%.2fcm font 'DejaVu Sans,11' "
                  "lw 1 dl 0.9 ps 0.6\n",
                  w, h);
  else if (strcmp(kind, "svg") == 0)
    (void)fprintf(to,
                  "set terminal svg enhanced size %.0f,%.0f font 'DejaVu Sans,14' "
                  "background 'white' dl 0.9\n",
                  w * 57, h * 57);
  else
    (void)fprintf(to,
                  "set terminal pngcairo enhanced size %.0f,%.0f font 'DejaVu Sans,19' "
                  "lw 2 dl 0.9 ps 1.5\n",
                  w * 80, h * 80);
  (void)fprintf(to, "set output '%s.%s'\n", stem, kind);
}

static void write_plot(const sweep_plot *sp, const char *stem, const unsigned char *drawn,
                       int spread, FILE *to)
{
  const char *lead = "plot \\\n  ";
  for (size_t k = 0; k < sp->n; k++) {
    if (!drawn[k]) continue;
    const char *c = colour[k % 8];
    const int pt = marker[k % (sizeof marker / sizeof *marker)];
    if (spread)
      (void)fprintf(to,
                    "%s'%s.dat' index %zu using 4:7:8:9 with yerrorbars pt 0 lw 1 "
                    "lc rgb '%s' notitle",
                    lead, stem, k, c);
    if (spread) lead = ", \\\n  ";
    (void)fprintf(to,
                  "%s'%s.dat' index %zu using 4:7 with %s pt %d ps 0.9 lw 1.5 "
                  "lc rgb '%s'",
                  lead, stem, k, sp->untied ? "points" : "linespoints", pt, c);
    if (!sp->untied && k % 8) (void)fprintf(to, " dt %s", dash[k % 8]);
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
  double w, h, margin;
  size_of(sp, &w, &h, &margin);
  (void)fprintf(to, "# gnuplot %s.gp draws this figure again, from %s.dat\n", stem, stem);
  (void)fputs("set border 3 lw 1\nset tics nomirror\nset mxtics default\nset mytics 1\n"
              "set grid xtics ytics lc rgb '#dddddd' lw 0.7 lt 1\n"
              "set logscale xy\nset format xy '10^{%L}'\n"
              "set key outside right center vertical Left reverse noenhanced samplen 3.5 "
              "spacing 1.15 height 0.5\n",
              to);
  (void)fprintf(to,
                "set rmargin at screen %.3f\nset xlabel '%s'\n"
                "set ylabel '%s'\n",
                margin, ax->x.label, ax->y.label);
  if (spread) (void)fputs("set key title 'median, quartiles' left\n", to);
  if (strcmp(ax->x.column[0], "rtol") == 0) { /* no marker on the frame */
    (void)fprintf(to, "set xrange [%.4g:%.4g]\n", sp->low[0] / 1.6, sp->high[0] * 1.6);
    if (sp->high[1] < 30 * sp->low[1]) /* too little for decades */
      (void)fputs("unset logscale y\nset format y '%g'\nset yrange [0:*]\n", to);
  }
  write_terminal("pdf", w, h, stem, to);
  write_plot(sp, stem, drawn, spread, to);
  write_terminal("svg", w, h, stem, to);
  (void)fputs("replot\n", to);
  write_terminal("png", w, h, stem, to);
  (void)fputs("replot\nset output\n", to);
}

/* ---- figures ------------------------------------------------------------------------- */

typedef struct place {
  const char *dir, *stem;
} place;

static void load_script(const void *user, FILE *gp)
{
  const place *p = user;
  (void)fputs("cd ", gp);
  gn_plot_quote(gp, p->dir);
  (void)fprintf(gp, "\nload '%s.gp'\n", p->stem);
}

static gn_status open_in(const gn_plotting *pl, const place *p, const char *ending,
                         FILE **out)
{
  const char *file = gn_arena_printf(pl->arena, "%s/%s.%s", p->dir, p->stem, ending);
  if (!file) return GN_ENOMEM;
  *out = fopen(file, "w");
  GN_REQUIRE(*out, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  return GN_OK;
}

static gn_status draw_axis(sweep_plot *sp, const axis *ax, const place *p, int first)
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
  return gn_plot_run(sp->pl, load_script, p, p->dir, p->stem);
}

gn_status gn_plot_sweep(const gn_plotting *pl, const gn_plot_table *t, const char *stem)
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
  const int training = gn_csv_column(sp->csv, "work_growth") != GN_CSV_NONE;
  const axis *first = training ? train_axes : gradient_axes;
  for (const axis *ax = first; ax->name; ax++) {
    if ((ax->x.timed || ax->y.timed) && !times) continue;
    place p = { pl->out ? pl->out : t->dir, NULL };
    p.stem = gn_arena_printf(pl->arena, "%s_%s", stem, ax->name);
    if (!p.stem) return GN_ENOMEM;
    GN_TRY(draw_axis(sp, ax, &p, ax == first));
  }
  return GN_OK;
}
