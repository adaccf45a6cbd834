/* The continuous adjoint solved backward together with the state, shared by the strategies
 * that differ only in what they do with the parameters:
 *
 *   z' = f(z),   a' = -f_z^T a,   (g' = -f_p^T a)
 *
 * from the last event to the start; a jumps by dL/dY_k at output k, where z is put back to
 * the stored state of the forward solve. Chen et al. 2018, eq. (5)-(9). */
#ifndef GN_CORE_ADJOINT_H
#define GN_CORE_ADJOINT_H

#include "core/walk.h"

typedef struct gn_adjoint {
  gn_arena *arena;
  gn_walk *walk;     /* borrowed: model, events, stored states */
  gn_stepper *st;
  gn_system sys;     /* [z, a] or [z, a, g]; segments: blocks of z, blocks of a, tensors */
  int with_g;
  int scaled;        /* 1: absolute tolerance of a is atol * (largest rms of dL/dY_k so far) */
  double *y;         /* the vector [z, a, g] */
  double *w;         /* [B, ny] -a           */
  /* Called after every accepted step, and before the state jumps; either may be NULL. */
  gn_status (*on_step)(void *user, gn_step *step);
  gn_status (*on_break)(void *user);
  void *user;
  double drift;      /* largest |z - y| / |y| met at a stored state, 2-norms */
  double drift_at;   /* and its time */
  const double *gY;
  double *gp;
  double scale;
  int started, fresh;
} gn_adjoint;

/* Set groups of sys.norm.seg after it. */
gn_status gn_adjoint_create(gn_walk *w, int with_g, int scaled, gn_adjoint **out);
void gn_adjoint_destroy(gn_adjoint **a);

/* Groups of the norms: z and a their own groups, g left out (Kidger et al. 2021). */
void gn_adjoint_seminorm(gn_adjoint *a);

/* The backward solve: gy0 += a(s0); gp += g and the parameter gradients of jumps; gt as
   gn_gradient_ops. Counters of the backward solve go to stats, with a note if the state
   drifted by more than 100 rtol. */
gn_status gn_adjoint_run(gn_adjoint *a, const double *gY, double *gy0, double *gp, double *gt,
                         gn_stats *stats);

#endif
