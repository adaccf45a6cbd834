/* What the two files of `plot` share; nothing else includes this. */
#ifndef GN_STUDY_PLOT_IMPL_H
#define GN_STUDY_PLOT_IMPL_H

#include "study/csv.h"
#include "study/plot.h"

enum { GN_PLOT_TABLES = 32 };

typedef struct gn_plot_table {
  const char *label; /* what the legend says */
  const char *dir;   /* where it lies        */
  const char *stem;  /* "compare"            */
  const gn_csv *csv;
} gn_plot_table;

typedef struct gn_plotting {
  gn_arena *arena;
  size_t nmetrics, ncompare, nsweep;
  gn_plot_table metrics[GN_PLOT_TABLES], compare[GN_PLOT_TABLES], sweep[GN_PLOT_TABLES];
  const char *out;
  FILE *log;
} gn_plotting;

/* The script of a figure, after the terminal is set. */
typedef void (*gn_drawing)(const gn_plotting *pl, size_t which, FILE *gp);
void gn_draw_loss(const gn_plotting *pl, size_t which, FILE *gp);
void gn_draw_cost(const gn_plotting *pl, size_t which, FILE *gp);
void gn_draw_compare(const gn_plotting *pl, size_t which, FILE *gp);

/* Run gnuplot on what write() says; DIR/STEM.svg, .pdf and .png must be there afterwards. */
gn_status gn_plot_run(const gn_plotting *pl, void (*write)(const void *user, FILE *gp),
                      const void *user, const char *dir, const char *stem);

/* The figures STEM_work, _bytes and, if the timing table lies beside it, _seconds. */
gn_status gn_plot_sweep(const gn_plotting *pl, const gn_plot_table *t, const char *stem);

/* Whether any table has a finite loss (cost = 0) or cost (1) to draw. */
int gn_plot_has(const gn_plotting *pl, int cost);

/* Height of the comparison of n strategies, in widths. */
double gn_plot_height(size_t n);

/* A gnuplot string: in single quotes, which are doubled inside. */
void gn_plot_quote(FILE *gp, const char *s);

#endif
