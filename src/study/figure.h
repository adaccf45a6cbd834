/* A figure of lines: panels over a common legend and caption, as a gnuplot script with its
 * data beside it, so that it can be drawn again, and changed, without gnomon.
 *
 *   STEM.dat  a block a line: x, y, lower and upper quartile, how many values they are of
 *   STEM.gp   the script; `gnuplot STEM.gp` in its folder writes STEM.pdf, .svg and .png
 *   STEM.txt  the caption: what the numbers are of
 *
 * Lines differ in dash and marker as well as in colour, to be told apart in grey. */
#ifndef GN_STUDY_FIGURE_H
#define GN_STUDY_FIGURE_H

#include "base/arena.h"

#include <stdio.h>

typedef struct gn_figure_point {
  double x, y, low, high; /* low..high: a band around y; equal: none */
  size_t n;               /* values behind y                         */
} gn_figure_point;

typedef struct gn_figure_line {
  size_t n; /* 0: not in this panel */
  gn_figure_point *at;
} gn_figure_line;

typedef struct gn_figure_panel {
  const char *ylabel;
  int logy;             /* where all values are positive     */
  int zero;             /* linear from 0                     */
  gn_figure_line *line; /* [nline], in the order of `label`  */
} gn_figure_panel;

typedef struct gn_figure {
  const char *dir, *stem; /* where it goes                           */
  const char *xlabel;
  int logx;
  int narrow;   /* one column of panels, for small screens      */
  size_t nline, npanel;
  const char *const *label; /* [nline], the legend; "" : none       */
  gn_figure_panel *panel;   /* [npanel]                             */
  const char *caption;      /* one paragraph                        */
} gn_figure;

/* Write the three files. GN_EIO if that fails, GN_EARG if there is not one point. */
gn_status gn_figure_write(gn_arena *a, const gn_figure *f);

/* The caption beside a figure that has a script of its own. */
gn_status gn_figure_caption(gn_arena *a, const char *dir, const char *stem,
                            const char *caption);

/* Whether gnuplot is on the PATH; and its run on DIR/STEM.gp. log gets the names of the
   pictures (NULL: none). GN_EIO if one of them is not there afterwards. */
int gn_gnuplot_found(void);
gn_status gn_gnuplot_draw(gn_arena *a, const char *dir, const char *stem, FILE *log);

/* A gnuplot string: in single quotes, which are doubled inside. */
void gn_gnuplot_quote(FILE *gp, const char *s);
/* What every script begins and ends with: the terminals of a figure of width x height
   centimetres, and drawing it again for the next of pdf, svg, png. */
void gn_gnuplot_begin(FILE *gp, const char *stem, double width, double height);
void gn_gnuplot_end(FILE *gp, const char *stem);
/* The caption as labels at the foot of a figure, and the height it takes. */
void gn_gnuplot_caption(FILE *gp, const char *text, double width, double height);
double gn_gnuplot_caption_height(const char *text, double width);
/* How the k-th line looks: colours are Okabe and Ito's, from dark to light. */
const char *gn_gnuplot_colour(size_t k);
const char *gn_gnuplot_dash(size_t k); /* "solid", "(12,4)" */
int gn_gnuplot_marker(size_t k);

/* Quantile q of sorted values, linear between the order statistics. */
double gn_quantile(size_t n, const double *sorted, double q);
/* Median and quartiles of y[n], n > 0, which is sorted on the way. */
gn_figure_point gn_figure_summary(double x, size_t n, double *y);

#endif
