/* Figures from the tables of runs, drawn by gnuplot. */
#ifndef GN_STUDY_PLOT_H
#define GN_STUDY_PLOT_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

/* Each path is a run directory, a metrics.csv or a compare.csv. All metrics are drawn over
   each other in two figures, `loss` and `cost`; every comparison is a figure of its own,
   named after its file. Each figure is written as .svg, .pdf and .png next to the first
   table it shows, or into the directory out if that is not NULL.

   log gets a line per file written. GN_EIO if a table or gnuplot is missing or fails,
   GN_EARG if a table has other columns. */
gn_status gn_plot(size_t n, const char *const *path, const char *out, FILE *log);

#endif
