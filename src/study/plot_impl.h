/* What the files of `plot` share; nothing else includes this. */
#ifndef GN_STUDY_PLOT_IMPL_H
#define GN_STUDY_PLOT_IMPL_H

#include "base/csv.h"
#include "study/facts.h"
#include "study/figure.h"
#include "study/plot.h"

enum { GN_PLOT_TABLES = 256 };

typedef struct gn_plot_table {
  const char *label; /* what the legend says */
  const char *dir;   /* where it lies        */
  const char *stem;  /* "compare"            */
  const gn_csv *csv;
  gn_facts facts;
} gn_plot_table;

typedef struct gn_plotting {
  gn_arena *arena;
  size_t nmetrics, ncompare, nsweep;
  gn_plot_table metrics[GN_PLOT_TABLES], compare[GN_PLOT_TABLES], sweep[GN_PLOT_TABLES];
  const char *out;
  int narrow;   /* for small screens, the caption elsewhere   */
  int drawable; /* gnuplot is there; 0: scripts and data only */
  size_t files; /* scripts written                            */
  FILE *log;
  size_t nsolve;
  const char *solve[GN_PLOT_TABLES]; /* files of `solve` and `spectrum` */
} gn_plotting;

/* Runs that differ only in their seeds, drawn as one line. */
typedef struct gn_plot_group {
  size_t n;
  const gn_plot_table **run; /* [n] */
} gn_plot_group;

/* [*n] groups in the order of their first runs. */
gn_status gn_plot_groups(const gn_plotting *pl, size_t *n, gn_plot_group **out);

/* The value of a curve at every epoch: median and quartiles over the runs of a group that
   have a finite one. columns: summed, NULL at the end. */
gn_status gn_plot_curve(gn_arena *a, const gn_plot_group *g, const char *const *column,
                        gn_figure_line *out);

/* A file of `gnomon solve` or `gnomon spectrum`: STEM_trajectories, _prediction, _adjoint and
   _phase; STEM. */
int gn_plot_is_solution(const char *file);
gn_status gn_plot_solution(gn_plotting *pl, const char *file);
int gn_plot_is_spectrum(const char *file);
gn_status gn_plot_spectrum(gn_plotting *pl, const char *file, const char *dir,
                           const char *stem);
/* What those two share: DIR/STEM.ending to write, and terminal k of 3 in a script, in cm. */
gn_status gn_plot_open(const gn_plotting *pl, const char *dir, const char *stem,
                       const char *ending, FILE **out);
gn_status gn_plot_shut(const char *dir, const char *stem, const char *ending, FILE *f);
void gn_plot_terminal(FILE *to, int k, const char *stem, double width, double height);

/* The figures `loss` and `cost` of all metrics tables, and to the log the options in which
   the groups differ. */
gn_status gn_plot_runs(gn_plotting *pl);

/* The figure of one comparison, and the figures STEM_work, _bytes and, if the timing table
   lies beside it, _seconds of a sweep. */
gn_status gn_plot_compare(gn_plotting *pl, const gn_plot_table *t, const char *stem);
gn_status gn_plot_sweep(gn_plotting *pl, const gn_plot_table *t, const char *stem);

/* A figure of chosen columns. */
gn_status gn_plot_tidy(gn_plotting *pl, const gn_plot_table *from, const gn_plot_columns *want);

/* DIR/STEM.gp is written: draw it, or note that it could not be. */
gn_status gn_plot_draw(gn_plotting *pl, const char *dir, const char *stem);
/* After all figures: GN_EIO if gnuplot is missing. */
gn_status gn_plot_finish(const gn_plotting *pl);

#endif
