/* Figures from the tables of runs, drawn by gnuplot. */
#ifndef GN_STUDY_PLOT_H
#define GN_STUDY_PLOT_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

/* Each path is a run directory, a metrics.csv, a compare.csv or a sweep.csv. All metrics are
   drawn over each other in two figures, `loss` and `cost`: runs that differ only in their
   seeds as one line, their median in a band between the quartiles; the options in which the
   lines differ go to the log as a table. Every comparison is a figure of its own, named
   after its file; a sweep gives sweep_work, sweep_bytes and, if sweep_timing.csv lies beside
   it, sweep_seconds (trainings: sweep_train_loss, _growth, _target_work, _target_seconds).
   A figure is written as .svg, .pdf and .png, with its script (.gp), its data (.dat; of a
   comparison the table itself) and its caption (.txt), next to the first table it shows, or
   into the directory out if that is not NULL.

   log gets a line per file written (NULL: none). GN_EIO if a table is missing or gnuplot
   fails, and if gnuplot is not there, after scripts and data were written; GN_EARG if a
   table has other columns. */
gn_status gn_plot(size_t n, const char *const *path, const char *out, FILE *log);

/* The same for small screens: legends above, panels under each other, no captions. */
gn_status gn_plot_narrow(size_t n, const char *const *path, const char *out);

/* What to draw of a table. Lists are separated by commas. */
typedef struct gn_plot_columns {
  const char *x, *y; /* columns of numbers; y may be a list                            */
  const char *by;    /* a line for each of its values; a list; NULL: one line          */
  const char *band;  /* rows at one x are a point: median, quartiles; NULL: as they are */
  int logx, logy;
  const char *out;   /* figure files without ending; NULL: beside the table            */
} gn_plot_columns;

/* Any table with a header line. GN_EARG names the nearest column for one that is not there;
   otherwise as gn_plot. */
gn_status gn_plot_csv(const char *file, const gn_plot_columns *want, FILE *log);

#endif
