/* The snapshots of a run, in DIR/keep: epoch_N.h5 is the state at the end of epoch N, of
 * which the last few stay; before_N.h5 is the one before the first anomaly, and stays. */
#ifndef GN_STUDY_KEEP_H
#define GN_STUDY_KEEP_H

#include "base/status.h"

#include <stddef.h>

/* Put DIR/state.h5, of this epoch, among the snapshots; all but the last `most` go. */
gn_status gn_keep_state(const char *dir, int epoch, int most);

/* PATH of before_N.h5 into file, the folder made. */
gn_status gn_keep_before(const char *dir, int epoch, char *file, size_t size);

/* Remove the snapshots of epochs above `epoch`, those before anomalies included. */
void gn_keep_cut(const char *dir, int epoch);

/* The latest snapshot of an epoch up to `epoch`: its path and *at; *at = 0 and "" if there
   is none. */
void gn_keep_find(const char *dir, int epoch, char *file, size_t size, int *at);

#endif
