/* The accepted steps of a forward solve, kept within a byte budget: step records and the
 * state of every step while they fit; else the latest records and all states (a step is
 * recomputed from its state); else as many states as fit, near the binomial positions for
 * the steps so far (the steps between are replayed with the recorded sizes, and states are
 * placed by revolve in the room of those passed). One door, gn_traj_obtain, gives the tapes
 * of step n with the same bits in all three.
 *
 * With lags a step also reads earlier ones, so that a state is not enough to replay from; who
 * may drop steps then keeps windows of them instead (core/window.h).
 *
 * bytes and peak count all that waits for the backward pass or is made in it: records, heads
 * and states, not the list of step sizes. The peak is within the budget if that has room for
 *
 *   two records, a head (FSAL), and one state more than there are fresh steps, but two,
 *
 * a state being y and, FSAL, its slope, and the second record as large as a state at least.
 * Fresh steps are the first one and those after a jump or a kink: no replay crosses them, so
 * that their states always stay. A smaller budget is taken for this minimum. */
#ifndef GN_CORE_TRAJECTORY_H
#define GN_CORE_TRAJECTORY_H

#include "core/checkpoint.h"
#include "core/walk.h"

typedef struct gn_traj_step {
  double s, h, s_first, s_new; /* as in gn_step                                    */
  int fresh;                   /* stage 0 was evaluated anew                       */
  size_t span;
  gn_record *rec, *head;       /* tapes kept or recomputed; NULL = not here now    */
  double *y, *f;               /* state at the start, and slope (FSAL, not fresh); or NULL */
  int held;                    /* its part of the path stays: it is in a window    */
} gn_traj_step;

/* Segments of a solve with lags, see core/window.h. */
typedef struct gn_windows {
  double bytes;                /* of a step of the path                            */
  double longest, c, most;     /* longest lag; see there: c, C                     */
  double next;                 /* where the next segment begins                    */
  size_t n, cap;
  size_t *start;               /* [cap] first step of each of n                    */
  size_t gone;                 /* earlier ones have to be replayed                 */
  int passed, absent;          /* windows go in this sweep; went in the last one   */
} gn_windows;

typedef struct gn_traj {
  gn_arena *arena;
  gn_walk *walk;
  const gn_tableau *tab;
  double budget;             /* bytes                                             */
  int strict;                /* less than the least is an error, not taken for it  */
  double bytes, peak;        /* kept now, and the most so far                     */
  gn_traj_step *step;
  size_t n, cap;
  size_t oldest;             /* records of earlier steps are gone                 */
  double record, head, state; /* bytes of each                                    */
  size_t room;               /* states that fit                                   */
  size_t fresh;              /* fresh steps so far                                */
  gn_kept kept;              /* states, ascending; in a sweep, those not yet passed */
  size_t passed;             /* fresh states the sweep has passed                 */
  int thinned;               /* not every state was kept                          */
  gn_windows *windows;       /* instead of states; NULL: not asked for            */
  double **spare;            /* free state vectors                                */
  size_t nspare;
  gn_pool *record_pool, *head_pool; /* the stepper's, borrowed                     */
  double *K[GN_STAGES_MAX];  /* [n] slopes of the replayed step                   */
  double *y, *y1, *Y;        /* [n] its states                                    */
  long recomputed, predicted; /* steps replayed in this sweep, and in all of it   */
} gn_traj;

/* The walk is borrowed; its stepper must have a tableau. */
gn_status gn_traj_create(gn_walk *w, double budget, gn_traj **out);
void gn_traj_destroy(gn_traj **tr);

/* What waits for the backward pass grows by so many bytes. */
void gn_traj_account(gn_traj *tr, double bytes);
/* A state [B, ny] to be kept. */
gn_status gn_traj_copy(gn_traj *tr, const double *from, double **to);
/* The records of step n: new ones where it has none; and back to their pools. */
gn_status gn_traj_take(gn_traj *tr, size_t n);
void gn_traj_give(gn_traj *tr, size_t n);

/* Forget the last solve, keep its memory. */
void gn_traj_clear(gn_traj *tr);
/* A gn_listener: user is the trajectory. */
gn_status gn_traj_put(void *user, gn_step *step, size_t span);

/* Before a sweep (steps last to first): count what it will replay in `predicted`. */
void gn_traj_rewind(gn_traj *tr);
/* The least budget for the steps taken, see above. */
double gn_traj_minimum(const gn_traj *tr);

/* Make the tapes of step n available in step[n].rec (and .head for a fresh FSAL step).
   Steps whose records are gone come in descending order after gn_traj_rewind. */
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
