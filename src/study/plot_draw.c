/* The figures: curves over epochs, and bars per strategy. Data are inline; losses, errors
 * and the costs of a comparison are on logarithmic axes. */
#include "study/plot_impl.h"

#include <math.h>
#include <string.h>

/* ---- metrics ------------------------------------------------------------------------- */

static const char style[] =
    "set border 3 lw 1; set tics nomirror; set grid lc rgb '#dddddd' lt 1\n"
    "set key outside top center horizontal reverse Left samplen 2\n";
/* Okabe and Ito's colours, distinguishable to all readers. */
static const char *const colour[] = { "#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                      "#e69f00", "#56b4e9", "#000000", "#f0e442" };
enum { NCOLOUR = sizeof colour / sizeof *colour };

/* Sum of the columns named, NaN where all are missing. */
static double sum_of(const gn_csv *c, size_t row, const char *const *name)
{
  double s = (double)NAN;
  for (; *name; name++) {
    double x = gn_csv_number(c, row, gn_csv_column(c, *name));
    if (!isnan(x)) s = isnan(s) ? x : s + x;
  }
  return s;
}

/* A curve: the sum of some columns against the epoch. */
typedef struct curve {
  const char *title;
  const char *column[8]; /* NULL at the end */
} curve;
static const curve loss_curve[] = { { "training", { "loss", NULL } },
                                    { "validation", { "valid_loss", NULL } } };
static const curve cost_curve[] = {
  { "work", { "f", "jvp", "back_f", "back_vjp", "back_pgrad", "back_jvp", NULL } },
  { "NFE forward", { "nfe_forward", NULL } },
  { "NFE backward", { "nfe_backward", NULL } }
};

int gn_plot_has(const gn_plotting *pl, int cost)
{
  const curve *cv = cost ? cost_curve : loss_curve;
  for (size_t k = 0; k < pl->nmetrics; k++)
    for (size_t i = 0; i < pl->metrics[k].csv->nrow; i++)
      if (isfinite(sum_of(pl->metrics[k].csv, i, cv[0].column))) return 1;
  return 0;
}

/* Inline data for every curve that has values; returns whether all of them are positive. */
static int write_curves(const gn_plotting *pl, size_t n, const curve *cv, FILE *gp,
                        unsigned char *drawn)
{
  int positive = 1;
  for (size_t k = 0; k < pl->nmetrics; k++)
    for (size_t j = 0; j < n; j++) {
      const gn_csv *c = pl->metrics[k].csv;
      size_t ep = gn_csv_column(c, "epoch");
      drawn[k * n + j] = 0;
      (void)fprintf(gp, "$d%zu << EOD\n", k * n + j);
      for (size_t i = 0; i < c->nrow; i++) {
        double y = sum_of(c, i, cv[j].column);
        if (!isfinite(y)) continue;
        if (!(y > 0)) positive = 0;
        if (y != 0 || j == 0) drawn[k * n + j] = 1; /* discrete has no NFE backward */
        (void)fprintf(gp, "%s %.17g\n", gn_csv_text(c, i, ep), y);
      }
      (void)fputs("EOD\n", gp);
    }
  return positive;
}

static void draw_curves(const gn_plotting *pl, size_t n, const curve *cv,
                        const char *ylabel, int log, FILE *gp)
{
  unsigned char drawn[GN_PLOT_TABLES * 3];
  int positive = write_curves(pl, n, cv, gp, drawn);
  (void)fputs(style, gp);
  (void)fprintf(gp, "set xlabel 'epoch'\nset ylabel '%s'\n", ylabel);
  if (log && positive) (void)fputs("set logscale y\nset format y '%g'\n", gp);
  if (!log) (void)fputs("set yrange [0:*]\n", gp);
  const char *lead = "plot ";
  for (size_t i = 0; i < pl->nmetrics * n; i++) {
    if (!drawn[i]) continue;
    const size_t k = i / n, j = i % n;
    const size_t c = pl->nmetrics > 1 ? k : j;
    (void)fprintf(gp, "%s$d%zu using 1:2 with %s lc rgb '%s' lw 2 dt %zu title ", lead, i,
                  pl->metrics[k].csv->nrow < 3 ? "linespoints" : "lines",
                  colour[c % NCOLOUR], pl->nmetrics > 1 ? j + 1 : 1);
    const char *title =
        pl->nmetrics > 1
            ? gn_arena_printf(pl->arena, "%s: %s", pl->metrics[k].label, cv[j].title)
            : cv[j].title;
    gn_plot_quote(gp, title ? title : "");
    lead = ", ";
  }
  (void)fputc('\n', gp);
}

void gn_draw_loss(const gn_plotting *pl, size_t which, FILE *gp)
{
  (void)which;
  draw_curves(pl, 2, loss_curve, "loss", 1, gp);
}

void gn_draw_cost(const gn_plotting *pl, size_t which, FILE *gp)
{
  (void)which;
  draw_curves(pl, 3, cost_curve, "evaluations per epoch", 0, gp);
}

/* ---- comparison ---------------------------------------------------------------------- */

/* A panel of the comparison: horizontal bars, strategies from top to bottom. */
typedef struct panel {
  const char *column, *xlabel, *colour, *number; /* number: format of the values */
  double left, right;                            /* on the screen                */
  int names;                                     /* strategies at the left       */
} panel;

/* The axis under the bars: whole decades around the values, or, where they span less than
   two, linear from 0, so that lengths compare. */
typedef struct axis {
  int linear, from, to; /* decades */
  double high;
} axis;

static axis axis_of(const gn_csv *c, size_t col)
{
  double low = (double)INFINITY, high = 0;
  for (size_t i = 0; i < c->nrow; i++) {
    double x = gn_csv_number(c, i, col);
    if (!(x > 0) || isinf(x)) continue;
    low = fmin(low, x);
    high = fmax(high, x);
  }
  if (!(high > 0)) low = high = 1;
  axis a = { .linear = high < 100 * low, .high = high };
  a.from = (int)floor(log10(low) - 0.2); /* the shortest bar is seen */
  a.to = (int)ceil(log10(high));
  if (a.to <= a.from) a.to = a.from + 1;
  return a;
}

/* Room for the text behind the longest bar. */
static void draw_axes(const gn_csv *c, const panel *p, const axis *a, FILE *gp)
{
  const size_t name = gn_csv_column(c, "strategy");
  const int every = (a->to - a->from + 4) / 5;
  const double room = 0.3 * (a->to - a->from);
  (void)fprintf(gp, "set lmargin at screen %g\nset rmargin at screen %g\nset xlabel '%s'\n",
                p->left, p->right, p->xlabel);
  if (a->linear) {
    const double unit = pow(10, floor(log10(a->high))), tick = a->high > 4 * unit ? 2 * unit : unit;
    (void)fprintf(gp, "unset logscale x\nset xrange [0:%g]\nset xtics 0, %g, %g\nset ytics (",
                  1.3 * a->high, tick, a->high);
  } else {
    (void)fprintf(gp, "set logscale x\nset xrange [%g:%g]\nset xtics (", pow(10, a->from),
                  pow(10, a->to + room));
    for (int k = a->from; k <= a->to; k += every)
      (void)fprintf(gp, "%s'1e%d' 1e%d", k > a->from ? ", " : "", k, k);
    (void)fputs(")\nset ytics (", gp);
  }
  for (size_t i = 0; i < c->nrow; i++) {
    gn_plot_quote(gp, p->names ? gn_csv_text(c, i, name) : "");
    (void)fprintf(gp, " %zu%s", i, i + 1 < c->nrow ? ", " : ")\n");
  }
}

/* Bars with their values; what has no place on the axis is written at its foot: 0, the
   status of a strategy that failed, or "none". */
static void draw_panel(const gn_csv *c, const panel *p, FILE *gp)
{
  const size_t col = gn_csv_column(c, p->column), status = gn_csv_column(c, "status");
  const axis a = axis_of(c, col);
  const double foot = a.linear ? 0 : pow(10, a.from);
  draw_axes(c, p, &a, gp);
  (void)fputs("unset label\n$b << EOD\n", gp);
  for (size_t i = 0; i < c->nrow; i++) {
    double x = gn_csv_number(c, i, col);
    if (x > 0 && isfinite(x)) (void)fprintf(gp, "%zu %.17g\n", i, x);
  }
  (void)fprintf(gp, "NaN 1\nEOD\n"); /* gnuplot refuses a block without rows */
  for (size_t i = 0; i < c->nrow; i++) {
    const double x = gn_csv_number(c, i, col);
    const char *why = gn_csv_text(c, i, status);
    (void)fputs("set label ", gp);
    if (x > 0 && isfinite(x)) {
      (void)fprintf(gp, p->number, x);
      (void)fprintf(gp, " at first %.17g, first %zu left offset 0.5,0\n", x, i);
      continue;
    }
    gn_plot_quote(gp, x == 0 ? "0" : !*why || strcmp(why, "ok") == 0 ? "none" : why);
    (void)fprintf(gp, " at graph 0.02, first %zu left\n", i);
  }
  (void)fprintf(
      gp,
      "plot $b using (%g):1:(%g):2:($1-0.36):($1+0.36) with boxxyerror fs solid 1 "
      "noborder lc rgb '%s' notitle\n",
      foot, foot, p->colour);
}

void gn_draw_compare(const gn_plotting *pl, size_t which, FILE *gp)
{
  const gn_csv *c = pl->compare[which].csv;
  const double bottom = 0.085 / gn_plot_height(c->nrow);
  const panel error = {
    "err_ode", "relative error of dL/dp", colour[0], "'%.1e'", 0.28, 0.62, 1
  };
  const panel work = {
    "work", "work (f + vjp + pgrad + jvp)", colour[1], "'%.0f'", 0.66, 0.99, 0
  };
  (void)fputs("set multiplot\nset border 3; set tics nomirror; unset key\n"
              "set grid x lc rgb '#dddddd' lt 1\nset tics scale 0.5\n",
              gp);
  (void)fprintf(
      gp, "set yrange [%g:-0.6]\nset bmargin at screen %g\nset tmargin at screen 0.97\n",
      (double)c->nrow - 0.4, bottom);
  draw_panel(c, &error, gp);
  draw_panel(c, &work, gp);
  (void)fputs("unset multiplot\n", gp);
}

double gn_plot_height(size_t nrow) { return 0.14 + 0.035 * (double)nrow; }
