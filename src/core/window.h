/* Recorded steps of a solve with lags within a byte budget, as whole history windows.
 *
 * A step reads others, up to the longest lag before it, so that replaying needs the path of
 * that window besides the state. The solve is cut into segments; the window before each of
 * them stays until the sweep has passed it. Segments are dropped whole, the earliest first,
 * when records and path outgrow the budget; the sweep replays such a segment once, from its
 * window, with the recorded step sizes: at most one more forward pass in all, and the same
 * bits (a second sweep over the same solve takes one more, to find the windows again).
 *
 * With W = length of the solve / longest lag, at least 1, and c = bytes of a step's path and
 * records per bytes of its path, such a schedule needs sqrt(2 c W) windows of path; a smaller
 * budget is exceeded. bytes and peak of the trajectory count the path as well, but not the
 * cotangents that wait for the sweep, those of one window. */
#ifndef GN_CORE_WINDOW_H
#define GN_CORE_WINDOW_H

#include "core/trajectory.h"

/* Let the trajectory of a model with lags, new or cleared, drop steps by segments. */
gn_status gn_window_create(gn_traj *tr);

/* For the trajectory: step tr->n, the last of the path, was taken, and its records of so many
   bytes follow. */
gn_status gn_window_put(gn_traj *tr, const gn_step *step, double records);
/* Before a sweep: predict what it replays. */
void gn_window_rewind(gn_traj *tr);
/* Replay the segment of step n, up to n. */
gn_status gn_window_restore(gn_traj *tr, size_t n);
/* Step n is not needed again in this sweep. */
void gn_window_release(gn_traj *tr, size_t n);

#endif
