/* The accepted steps of a forward solve, kept within a byte budget: step records while they
 * fit, else the state of every step (the step is recomputed), else every K-th state (the
 * steps between are replayed with the recorded sizes). One door, gn_traj_obtain, gives the
 * tapes of step n with the same bits in all three. The budget is for what waits for the
 * backward pass; the two records and the few states of the sweep itself come on top, and
 * are in the peak. */
#ifndef GN_CORE_TRAJECTORY_H
#define GN_CORE_TRAJECTORY_H

#include "core/walk.h"

typedef struct gn_traj_step {
  double s, h, s_first, s_new; /* as in gn_step                                    */
  int fresh;                   /* stage 0 was evaluated anew                       */
  size_t span;
  gn_record *rec, *head;       /* tapes kept or recomputed; NULL = not here now    */
  double *y, *f;               /* state at the start, and slope (FSAL, not fresh); or NULL */
} gn_traj_step;

typedef struct gn_traj {
  gn_arena *arena;
  gn_walk *walk;
  const gn_tableau *tab;
  double budget;             /* bytes                                             */
  double bytes, peak;        /* kept now, and the most so far                     */
  gn_traj_step *step;
  size_t n, cap;
  size_t stride;             /* states are kept at multiples of it, and at fresh steps */
  size_t oldest;             /* first step that may still have its record          */
  double **spare;            /* free state vectors                                */
  size_t nspare, ncap;
  gn_pool *stage_pool, *head_pool; /* records for recomputed steps                 */
  gn_record *scratch;        /* for replays that keep no tape                     */
  double *K[GN_STAGES_MAX];  /* [n] slopes of the replayed step                   */
  double *y, *y1, *Y;        /* [n] its states                                    */
  size_t *temp;              /* steps whose state is kept only for the sweep       */
  size_t ntemp;
  long recomputed;           /* steps replayed                                    */
} gn_traj;

/* The walk is borrowed; its stepper must have a tableau. */
gn_status gn_traj_create(gn_walk *w, double budget, gn_traj **out);
void gn_traj_destroy(gn_traj **tr);

/* Forget the last solve, keep its memory. */
void gn_traj_clear(gn_traj *tr);
/* A gn_listener: user is the trajectory. */
gn_status gn_traj_put(void *user, gn_step *step, size_t span);

/* Make the tapes of step n available in step[n].rec (and .head for a fresh FSAL step). */
gn_status gn_traj_obtain(gn_traj *tr, size_t n);
/* The tapes of step n are not needed again in this sweep. */
void gn_traj_release(gn_traj *tr, size_t n);
/* Stage 0 of step n as a tape: its own head or slice 0, or the last slice of step n - 1
   (which is obtained). */
gn_status gn_traj_first(gn_traj *tr, size_t n, gn_tape *tape);
/* Tape of stage i >= 1 of step n (obtained). */
gn_tape gn_traj_stage(const gn_traj *tr, size_t n, int i);

/* The steps in (s, to] or (to, s]: first <= n < last. */
void gn_traj_range(const gn_traj *tr, double s, double to, size_t *first, size_t *last);

#endif
