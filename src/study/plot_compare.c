/* The figure of a comparison: bars of error and of work per strategy, side by side or, for
 * small screens, under each other. Its data are compare.csv itself; the script holds a copy
 * of the two columns. Errors and costs are on logarithmic axes where they span decades. */
#include "study/plot_impl.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A panel of the comparison: horizontal bars, strategies from top to bottom. */
typedef struct panel {
  const char *column, *xlabel, *colour, *number; /* number: format of the values */
  double left, right, top, bottom;               /* cm from the lower left       */
  int names;                                     /* strategies at the left       */
} panel;

/* Everything about the figure. */
typedef struct sheet {
  const gn_csv *csv;
  double width, height;
  const char *caption;
} sheet;

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
static void draw_axes(const sheet *sh, const panel *p, const axis *a, FILE *gp)
{
  const gn_csv *c = sh->csv;
  const size_t name = gn_csv_column(c, "strategy");
  const int every = (a->to - a->from + 4) / 5;
  const double room = 0.3 * (a->to - a->from);
  (void)fprintf(gp, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n",
                p->left / sh->width, p->right / sh->width);
  (void)fprintf(gp, "set bmargin at screen %.4f\nset tmargin at screen %.4f\n",
                p->bottom / sh->height, p->top / sh->height);
  (void)fprintf(gp, "set xlabel '%s' offset 0,0.3\n", p->xlabel);
  if (a->linear) {
    const double unit = pow(10, floor(log10(a->high)));
    const double tick = a->high > 4 * unit ? 2 * unit : a->high > 2 * unit ? unit : unit / 2;
    (void)fprintf(gp,
                  "unset logscale x\nset format x '%%g'\nset xrange [0:%g]\n"
                  "set xtics 0, %g, %g\nset ytics (",
                  1.3 * a->high, tick, a->high);
  } else {
    (void)fprintf(gp, "set logscale x\nset xrange [%g:%g]\nset xtics (", pow(10, a->from),
                  pow(10, a->to + room));
    for (int k = a->from; k <= a->to; k += every)
      (void)fprintf(gp, "%s'1e%d' 1e%d", k > a->from ? ", " : "", k, k);
    (void)fputs(")\nset ytics (", gp);
  }
  for (size_t i = 0; i < c->nrow; i++) {
    gn_gnuplot_quote(gp, p->names ? gn_csv_text(c, i, name) : "");
    (void)fprintf(gp, " %zu%s", i, i + 1 < c->nrow ? ", " : ")\n");
  }
}

/* Bars with their values; what has no place on the axis is written at its foot: 0, the
   status of a strategy that failed, or "none". */
static void draw_panel(const sheet *sh, const panel *p, FILE *gp)
{
  const gn_csv *c = sh->csv;
  const size_t col = gn_csv_column(c, p->column), status = gn_csv_column(c, "status");
  const axis a = axis_of(c, col);
  const double foot = a.linear ? 0 : pow(10, a.from);
  draw_axes(sh, p, &a, gp);
  (void)fputs("$b << EOD\n", gp);
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
      (void)fprintf(gp, " at first %.17g, first %zu left offset 0.5,0 noenhanced\n", x, i);
      continue;
    }
    gn_gnuplot_quote(gp, x == 0 ? "0" : !*why || strcmp(why, "ok") == 0 ? "none" : why);
    (void)fprintf(gp, " at graph 0.02, first %zu left noenhanced\n", i);
  }
  (void)fprintf(
      gp,
      "plot $b using (%g):1:(%g):2:($1-0.36):($1+0.36) with boxxyerror fs solid 1 "
      "noborder lc rgb '%s' notitle\nunset label\n",
      foot, foot, p->colour);
}


static gn_status write_script(const gn_plotting *pl, const char *dir, const char *stem,
                              const sheet *sh, const panel *p)
{
  const char *file = gn_arena_printf(pl->arena, "%s/%s.gp", dir, stem);
  if (!file) return GN_ENOMEM;
  FILE *gp = fopen(file, "w");
  GN_REQUIRE(gp, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  gn_gnuplot_begin(gp, stem, sh->width, sh->height);
  (void)fputs("set border 3; set tics nomirror; unset key\nset ytics noenhanced\n"
              "set grid x lc rgb '#dddddd' lt 1\nset tics scale 0.5\n",
              gp);
  (void)fprintf(gp, "set yrange [%g:-0.6]\n", (double)sh->csv->nrow - 0.4);
  gn_gnuplot_caption(gp, sh->caption, sh->width, sh->height);
  (void)fputs("set multiplot\n", gp);
  draw_panel(sh, &p[0], gp);
  draw_panel(sh, &p[1], gp);
  (void)fputs("unset multiplot\n", gp);
  gn_gnuplot_end(gp, stem);
  const int bad = ferror(gp);
  GN_REQUIRE(fclose(gp) == 0 && !bad, GN_EIO, "%s: cannot write", file);
  return gn_figure_caption(pl->arena, dir, stem, sh->caption);
}

gn_status gn_plot_compare(gn_plotting *pl, const gn_plot_table *t, const char *stem)
{
  const double bars = 0.62 * (double)t->csv->nrow, foot = 1.45;
  gn_facts varied = t->facts;
  const gn_facts *facts = &varied;
  const char *dir = pl->out ? pl->out : t->dir;
  sheet sh = { .csv = t->csv, .width = pl->narrow ? 10 : 18 };
  size_t longest = 0;
  for (size_t i = 0; i < t->csv->nrow; i++) {
    const size_t n = strlen(gn_csv_text(t->csv, i, gn_csv_column(t->csv, "strategy")));
    if (n > longest) longest = n;
  }
  const double names = fmin(0.7 + 0.205 * (double)longest, pl->narrow ? 5 : 8);
  GN_TRY(gn_facts_without(pl->arena, "strategy", &varied));
  sh.caption = pl->narrow ? "" : gn_facts_caption(pl->arena, 1, &facts);
  if (!sh.caption) return GN_ENOMEM;
  const double strip = gn_gnuplot_caption_height(sh.caption, sh.width);
  const double middle = (names + sh.width) / 2;
  panel p[2] = {
    { "err_ode", "relative error of dL/dp", gn_gnuplot_colour(2), "'%.1e'", names,
      middle - 0.4, 0, 0, 1 },
    { "work", "work (f + vjp + pgrad + jvp)", gn_gnuplot_colour(1), "'%.0f'", middle + 0.4,
      sh.width - 0.3, 0, 0, 0 },
  };
  for (int k = 0; k < 2; k++) {
    p[k].bottom = strip + foot + (pl->narrow && k == 0 ? bars + foot + 0.3 : 0);
    p[k].top = p[k].bottom + bars;
    if (!pl->narrow) continue;
    p[k].left = names;
    p[k].right = sh.width - 0.3;
    p[k].names = 1;
  }
  sh.height = p[0].top + 0.3;
  GN_TRY(write_script(pl, dir, stem, &sh, p));
  return gn_plot_draw(pl, dir, stem);
}
