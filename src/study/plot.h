/* Figures from the tables of runs, drawn by gnuplot. */
#ifndef GN_STUDY_PLOT_H
#define GN_STUDY_PLOT_H

#include "base/status.h"

#include <stddef.h>
#include <stdio.h>

/* Each path is a run directory, a metrics.csv, a compare.csv or a sweep.csv. All metrics are
   drawn over each other in two figures, `loss` and `cost`; every comparison is a figure of
   its own, named after its file; a sweep gives sweep_work, sweep_bytes and, if
   sweep_timing.csv lies beside it, sweep_seconds (trainings: sweep_train_loss, _growth,
   _target_work, _target_seconds), each with its data and its script. Each figure is written as .svg, .pdf and .png next to the first
   table it shows, or into the directory out if that is not NULL.

   log gets a line per file written. GN_EIO if a table or gnuplot is missing or fails,
   GN_EARG if a table has other columns. */
gn_status gn_plot(size_t n, const char *const *path, const char *out, FILE *log);

#endif
