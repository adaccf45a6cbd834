/* A folder of results as one HTML file: figures, tables, options, versions, log, and the
 * commands that do it again. It opens offline and on a small screen. */
#ifndef GN_STUDY_REPORT_H
#define GN_STUDY_REPORT_H

#include "base/status.h"

#include <stdio.h>

/* dir: of a run (metrics.csv, with compare.csv if it is there), of a comparison or of a sweep
   (sweep.csv, sweep_train.csv). file: where it goes; NULL: DIR/report.html. log gets its name
   (NULL: none). Without gnuplot the figures are missing, and a sentence says so. GN_EIO if
   dir has none of these tables, or one cannot be read, or the file not be written. */
gn_status gn_report(const char *dir, const char *file, FILE *log);

#endif
