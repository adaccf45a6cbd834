/* The script of a figure of lines. Sizes are centimetres on paper: from top to bottom the
 * legend, rows of panels, the caption; every margin is set, so that panels line up. */
#include "study/figure.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { SHORT = 30, MARKS = 9 }; /* a longer line has about so many markers */

typedef struct range {
  double low, high;
} range;

/* Where everything is. */
typedef struct layout {
  double width, height;        /* of the figure                          */
  double legend, caption;      /* heights of the strips                  */
  double panel_w, panel_h;     /* with labels                            */
  size_t columns, rows, keys;  /* panels; entries of the legend in a row */
} layout;

static const double left_of = 1.9, right_of = 0.45, above = 0.3, below = 1.35;

/* ---- data ---------------------------------------------------------------------------- */

static gn_status open_beside(gn_arena *a, const gn_figure *f, const char *ending, FILE **out)
{
  const char *file = gn_arena_printf(a, "%s/%s.%s", f->dir, f->stem, ending);
  if (!file) return GN_ENOMEM;
  *out = fopen(file, "w");
  GN_REQUIRE(*out, GN_EIO, "%s: cannot open: %s", file, strerror(errno));
  return GN_OK;
}

static gn_status close_beside(const gn_figure *f, const char *ending, FILE *to)
{
  const int bad = ferror(to);
  GN_REQUIRE(fclose(to) == 0 && !bad, GN_EIO, "%s/%s.%s: cannot write", f->dir, f->stem,
             ending);
  return GN_OK;
}

static void write_data(const gn_figure *f, FILE *to)
{
  for (size_t j = 0; j < f->npanel; j++)
    for (size_t k = 0; k < f->nline; k++) {
      const gn_figure_line *l = &f->panel[j].line[k];
      if (l->n == 0) continue;
      (void)fprintf(to, "# %s%s%s\n# x: %s; y, q25, q75, number of values\n",
                    f->panel[j].ylabel, f->label[k][0] ? ": " : "", f->label[k], f->xlabel);
      for (size_t i = 0; i < l->n; i++) {
        const gn_figure_point *p = &l->at[i];
        (void)fprintf(to, "%.17g %.17g %.17g %.17g %zu\n", p->x, p->y, p->low, p->high, p->n);
      }
      (void)fputs("\n\n", to);
    }
}

static int has_band(const gn_figure_line *l)
{
  for (size_t i = 0; i < l->n; i++)
    if (l->at[i].low < l->at[i].high) return 1;
  return 0;
}

static void widen(range *r, double x)
{
  r->low = fmin(r->low, x);
  r->high = fmax(r->high, x);
}

/* Of x over all panels (pn NULL), or of y with its bands. */
static range range_of(const gn_figure *f, const gn_figure_panel *pn)
{
  range r = { (double)INFINITY, -(double)INFINITY };
  for (size_t j = 0; j < f->npanel; j++)
    for (size_t k = 0; k < f->nline; k++) {
      if (pn && pn != &f->panel[j]) continue;
      const gn_figure_line *l = &f->panel[j].line[k];
      for (size_t i = 0; i < l->n; i++) {
        widen(&r, pn ? l->at[i].low : l->at[i].x);
        widen(&r, pn ? l->at[i].high : l->at[i].x);
      }
    }
  return r;
}

/* ---- layout -------------------------------------------------------------------------- */

static layout layout_of(const gn_figure *f)
{
  layout l = { .columns = f->narrow || f->npanel == 1 ? 1 : 2 };
  size_t longest = 0;
  for (size_t k = 0; k < f->nline; k++)
    if (strlen(f->label[k]) > longest) longest = strlen(f->label[k]);
  l.rows = (f->npanel + l.columns - 1) / l.columns;
  l.panel_w = f->narrow ? 9 : f->npanel == 1 ? 14.5 : 9.5;
  l.panel_h = f->narrow ? 6 : f->npanel == 1 ? 8.5 : 6.5;
  l.width = l.panel_w * (double)l.columns;
  l.keys = (size_t)fmax(1, floor((l.width - left_of) / (2.1 + 0.215 * (double)longest)));
  if (l.keys > 4) l.keys = 4;
  l.legend = longest ? 0.25 + 0.52 * ceil((double)f->nline / (double)l.keys) : 0.2;
  l.caption = gn_gnuplot_caption_height(f->caption, l.width);
  l.height = l.legend + l.caption + l.panel_h * (double)l.rows;
  return l;
}

/* Positions of labels within a range: the first `most` of these times powers of ten. Written
   to `to` if that is not NULL; returns how many there are. */
static int write_tics(range r, int most, FILE *to)
{
  static const double digit[] = { 1, 2, 5, 3, 7 };
  int n = 0;
  for (int e = (int)floor(log10(r.low)); e <= (int)ceil(log10(r.high)); e++)
    for (int d = 0; d < most; d++) {
      const double x = digit[d] * pow(10, e);
      if (x < r.low / 1.08 || x > r.high * 1.08) continue;
      if (to) (void)fprintf(to, "%s%.6g", n ? ", " : "", x);
      n++;
    }
  return n;
}

/* Few decades are labelled at 1, 2, 5 times powers of ten, too few at more; 0 where there
   are not two labels, and the axis is better linear. */
static int write_log(const char *axis, range r, FILE *to)
{
  const int few = r.high < 300 * r.low, most = write_tics(r, 3, NULL) < 4 ? 5 : 3;
  if (few && write_tics(r, most, NULL) < 2) return 0;
  (void)fprintf(to, "set logscale %s\nset format %s '%s'\n", axis, axis,
                few ? "%g" : "10^{%L}");
  if (few) {
    (void)fprintf(to, "set %stics nomirror (", axis);
    (void)write_tics(r, most, to);
    (void)fputs(")\n", to);
  }
  const double room = few ? 1.1 : 1.3;
  (void)fprintf(to, "set %srange [%.6g:%.6g]\n", axis, r.low / room, r.high * room);
  return 1;
}

/* With room around: below and above, in parts of the range. One value is in the middle. */
static void write_linear(const char *axis, range r, double before, double after, FILE *to)
{
  const double size = r.high - r.low, one = r.high != 0 ? 0.05 * fabs(r.high) : 1;
  (void)fprintf(to, "set %srange [%.10g:%.10g]\n", axis,
                r.low - (size > 0 ? before * size : one),
                r.high + (size > 0 ? after * size : one));
}

static void write_axes(const gn_figure *f, const gn_figure_panel *pn, FILE *to)
{
  const range x = range_of(f, NULL), y = range_of(f, pn);
  const range from_zero = { 0, y.high };
  (void)fputs("unset logscale\nset format xy '%g'\nset xtics nomirror auto\n"
              "set ytics nomirror auto\n",
              to);
  if (!(f->logx && x.low > 0 && write_log("x", x, to)))
    write_linear("x", x, 0.02, 0.02, to);
  if (pn->logy && y.low > 0 && write_log("y", y, to)) return;
  if (pn->zero && y.low >= 0 && y.high > 0)
    write_linear("y", from_zero, 0, 0.08, to);
  else
    write_linear("y", y, 0.05, 0.05, to);
}

/* ---- the script ---------------------------------------------------------------------- */

static void write_title(const gn_figure *f, size_t k, FILE *to)
{
  if (!f->label[k][0]) {
    (void)fputs(" notitle", to);
    return;
  }
  (void)fputs(" title ", to);
  gn_gnuplot_quote(to, f->label[k]);
}

static void write_look(size_t k, FILE *to)
{
  (void)fprintf(to, "lw 1.8 lc rgb '%s' pt %d ps 0.8", gn_gnuplot_colour(k),
                gn_gnuplot_marker(k));
  if (k % 8) (void)fprintf(to, " dt %s", gn_gnuplot_dash(k));
}

/* A panel of its own, as wide as the figure, without axes: gnuplot fits a legend to one. */
static void write_legend(const gn_figure *f, const layout *l, FILE *to)
{
  (void)fprintf(to,
                "set lmargin at screen 0.01\nset rmargin at screen 0.99\n"
                "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                1 - 0.1 / l->height, 1 - l->legend / l->height);
  (void)fprintf(to,
                "unset border\nunset tics\nset xrange [0:1]\nset yrange [0:1]\n"
                "set key inside left top horizontal maxcols %zu Left reverse noenhanced "
                "samplen 3.5 spacing 1.1 width 1\n",
                l->keys);
  for (size_t k = 0; k < f->nline; k++) {
    (void)fputs(k ? ", \\\n    NaN with linespoints " : "plot NaN with linespoints ", to);
    write_look(k, to);
    write_title(f, k, to);
  }
  (void)fputs("\nunset key\nunset label\nset border 3 lw 1\n", to);
}

/* Bands first, so that no line is under one. */
static void write_lines(const gn_figure *f, size_t j, size_t *index, FILE *to)
{
  const char *lead = "  plot ";
  size_t at = *index;
  for (size_t k = 0; k < f->nline; k++) {
    const gn_figure_line *l = &f->panel[j].line[k];
    if (l->n && has_band(l)) {
      (void)fprintf(to,
                    "%sdata index %zu using 1:3:4 with filledcurves fs transparent solid "
                    "0.18 noborder lc rgb '%s' notitle",
                    lead, at, gn_gnuplot_colour(k));
      lead = ", \\\n    ";
    }
    at += l->n > 0;
  }
  for (size_t k = 0; k < f->nline; k++) {
    const gn_figure_line *l = &f->panel[j].line[k];
    if (l->n) {
      const size_t every = l->n <= SHORT ? 1 : l->n / MARKS;
      (void)fprintf(to, "%sdata index %zu using 1:2 with linespoints pi %zu ", lead,
                    (*index)++, every);
      write_look(k, to);
      (void)fputs(" notitle", to);
      lead = ", \\\n    ";
    }
  }
  (void)fputc('\n', to);
}

static void write_panel(const gn_figure *f, const layout *l, size_t j, size_t *index,
                        FILE *to)
{
  const double x = l->panel_w * (double)(j % l->columns);
  const size_t row = j / l->columns;
  const double top = l->height - l->legend - l->panel_h * (double)row;
  (void)fprintf(to, "set lmargin at screen %.4f\nset rmargin at screen %.4f\n",
                (x + left_of) / l->width, (x + l->panel_w - right_of) / l->width);
  (void)fprintf(to, "set tmargin at screen %.4f\nset bmargin at screen %.4f\n",
                (top - above) / l->height, (top - l->panel_h + below) / l->height);
  (void)fputs("set xlabel ", to);
  gn_gnuplot_quote(to, f->xlabel);
  (void)fputs(" noenhanced offset 0,0.3\nset ylabel ", to);
  gn_gnuplot_quote(to, f->panel[j].ylabel);
  (void)fputs(" noenhanced\n", to);
  write_axes(f, &f->panel[j], to);
  write_lines(f, j, index, to);
}

static void write_script(const gn_figure *f, FILE *to)
{
  const layout l = layout_of(f);
  size_t index = 0;
  gn_gnuplot_begin(to, f->stem, l.width, l.height);
  (void)fputs("data = ", to);
  gn_gnuplot_quote(to, f->stem);
  (void)fputs(".'.dat'\nset grid xtics ytics lc rgb '#dddddd' lw 0.7 lt 1\n", to);
  gn_gnuplot_caption(to, f->caption, l.width, l.height);
  (void)fputs("set multiplot\n", to);
  write_legend(f, &l, to);
  for (size_t j = 0; j < f->npanel; j++) write_panel(f, &l, j, &index, to);
  (void)fputs("unset multiplot\n", to);
  gn_gnuplot_end(to, f->stem);
}

gn_status gn_figure_caption(gn_arena *a, const char *dir, const char *stem,
                            const char *caption)
{
  const gn_figure f = { .dir = dir, .stem = stem };
  FILE *to;
  GN_TRY(open_beside(a, &f, "txt", &to));
  (void)fprintf(to, "%s\n", caption ? caption : "");
  return close_beside(&f, "txt", to);
}

gn_status gn_figure_write(gn_arena *a, const gn_figure *f)
{
  FILE *to;
  size_t points = 0;
  for (size_t j = 0; j < f->npanel; j++)
    for (size_t k = 0; k < f->nline; k++) points += f->panel[j].line[k].n;
  GN_REQUIRE(points > 0, GN_EARG, "%s/%s: no point with numbers to draw", f->dir, f->stem);
  GN_TRY(open_beside(a, f, "dat", &to));
  write_data(f, to);
  GN_TRY(close_beside(f, "dat", to));
  GN_TRY(open_beside(a, f, "gp", &to));
  write_script(f, to);
  GN_TRY(close_beside(f, "gp", to));
  return gn_figure_caption(a, f->dir, f->stem, f->caption);
}
