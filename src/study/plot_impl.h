/* What the two files of `plot` share; nothing else includes this. */
#ifndef GN_STUDY_PLOT_IMPL_H
#define GN_STUDY_PLOT_IMPL_H

#include "base/csv.h"
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
  size_t nsolve;
  const char *solve[GN_PLOT_TABLES]; /* files of `solve` and `spectrum` */
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

/* A file of `gnomon solve` or `gnomon spectrum`: STEM_trajectories, _prediction, _adjoint and
   _phase; STEM. */
int gn_plot_is_solution(const char *file);
gn_status gn_plot_solution(const gn_plotting *pl, const char *file);
int gn_plot_is_spectrum(const char *file);
gn_status gn_plot_spectrum(const gn_plotting *pl, const char *file, const char *dir,
                           const char *stem);
/* What those two share: DIR/STEM.ending to write, terminal k of 3 in a script, in cm, and the
   drawing of the script DIR/STEM.gp. */
gn_status gn_plot_open(const gn_plotting *pl, const char *dir, const char *stem,
                       const char *ending, FILE **out);
gn_status gn_plot_shut(const char *dir, const char *stem, const char *ending, FILE *f);
void gn_plot_terminal(FILE *to, int k, const char *stem, double width, double height);
gn_status gn_plot_script(const gn_plotting *pl, const char *dir, const char *stem);

/* Whether any table has a finite loss (cost = 0) or cost (1) to draw. */
int gn_plot_has(const gn_plotting *pl, int cost);

/* Height of the comparison of n strategies, in widths. */
double gn_plot_height(size_t n);

/* A gnuplot string: in single quotes, which are doubled inside. */
void gn_plot_quote(FILE *gp, const char *s);

#endif
