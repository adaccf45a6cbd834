/* The directory of a run: what was asked, what came out, and what a resume needs.
 *
 *   experiment.ini  every option resolved; training it again gives the same integers
 *   metrics.csv     one row an epoch: losses and counts, no seconds
 *   iterations.csv  one row an update: norms, steps, extremes (monitor.h), no seconds
 *   audit.csv       one row an audit of a gradient (audit.h)
 *   timing.csv      one row an epoch: seconds
 *   state.h5        parameters and optimiser at the end of an epoch, replaced atomically
 *   failed.h5       parameters that failed, if they did
 *   keep/           epoch_N.h5: the last few states that were saved; before_N.h5: the end of
 *                   the last epoch before the first anomaly, for good
 *   log.txt         what happened, with the time of day */
#ifndef GN_STUDY_RUNDIR_H
#define GN_STUDY_RUNDIR_H

#include "study/experiment.h"

typedef enum gn_run_mode {
  GN_RUN_NEW,      /* the directory must not hold a run */
  GN_RUN_RESUME,   /* it must, with a state.h5 and the same experiment */
  GN_RUN_OVERWRITE /* a run in it is replaced */
} gn_run_mode;

typedef struct gn_rundir {
  gn_arena *arena;
  const char *path;
  const char *state, *failed; /* PATH/state.h5, PATH/failed.h5 */
  FILE *metrics, *timing, *log;
  FILE *iterations, *audit; /* NULL: not written */
} gn_rundir;

/* Make a directory and those above it. GN_EIO if that fails or it cannot be written to. */
gn_status gn_rundir_make(const char *path);

/* Make the directory (and those above it) for e->run.out, write experiment.ini and open
   log.txt. NEW: GN_EARG if it holds a run. RESUME: GN_EARG if it holds none, or if an
   option differs that changes the numbers (epochs may grow, unless the schedule is cosine);
   the message names the first. Nothing is changed in the directory on failure. */
gn_status gn_rundir_open(const gn_experiment *e, gn_run_mode mode, gn_rundir **out);

/* Open metrics.csv and timing.csv with these header lines (without line break). epoch > 0
   (resume): rows above it are cut off, all rows up to it must be there, else GN_EIO. */
gn_status gn_rundir_tables(gn_rundir *rd, const char *metrics, const char *timing,
                           int epoch);

/* The same for another table: `per` rows an epoch, or any number (0; may be missing). */
gn_status gn_rundir_table(const gn_rundir *rd, const char *name, const char *header,
                          int epoch, size_t per, FILE **out);

/* Everything written so far reaches the disk: called before state.h5 is replaced. */
gn_status gn_rundir_sync(gn_rundir *rd);

/* One line of log.txt: UTC time and the text. */
void gn_rundir_log(gn_rundir *rd, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

void gn_rundir_close(gn_rundir **rd); /* NULL-safe, sets *rd to NULL */

#endif
