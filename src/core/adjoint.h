/* The continuous adjoint solved backward, shared by the strategies that differ in where the
 * state comes from and in what they do with the parameters:
 *
 *   (z' = f(z),)   a' = -f_z^T a,   (g' = -f_p^T a)
 *
 * from the last event to the start; a jumps by dL/dY_k at output k. The state is solved
 * backward too (and put back to the stored one at every output), or read from the path of
 * the forward solve. Chen et al. 2018, eq. (5)-(9).
 *
 * With lags a' has advanced terms (core/advance.h), and two integrals are carried, each with an
 * error norm of its own (a may be constant where they are not), of what the delayed states pass
 * on to the history and to the lags:
 *
 *   q' = -sum_k [s - tau_k < s0] B_k^T a,   r_k' = z'(s - tau_k)^T B_k^T a
 *   dL/dz0 = a(s0) + q(s0),                  dL/dtau_k = r_k(s0)
 *
 * (of a history that is given, a q for each of its states, by its weight). */
#ifndef GN_CORE_ADJOINT_H
#define GN_CORE_ADJOINT_H

#include "core/advance.h"
#include "core/path.h"
#include "core/walk.h"

/* What the backward vector carries besides a, and how parameters are met. */
enum {
  GN_ADJOINT_Z = 1,      /* z is solved backward; otherwise it is read from the path        */
  GN_ADJOINT_G = 2,      /* g is solved backward                                            */
  GN_ADJOINT_STEPS = 4,  /* dL/dp by a quadrature over every accepted step: its stages, or,
                            without a tableau, three Gauss-Legendre nodes                   */
  GN_ADJOINT_SCALED = 8  /* absolute tolerance of a is atol * (largest rms of dL/dY_k so far);
                            quadratures count in the sum, not in the mean */
};

typedef struct gn_adjoint {
  gn_arena *arena;
  gn_walk *walk;     /* borrowed: model, events, stored states                             */
  const gn_path *path; /* borrowed: of the forward solve; NULL with GN_ADJOINT_Z           */
  int parts;         /* GN_ADJOINT_*                                                       */
  gn_stepper *st;
  gn_system sys;     /* ([z],) [a] (, [g]); segments: blocks of z, blocks of a, tensors    */
  size_t za, ga;     /* where a and g begin, for the batch bound now                       */
  gn_advance *advance; /* with lags: z from the path, q at ga, then r; else NULL             */
  double *y;         /* the vector                                                         */
  double *w, *z, *zdot; /* [B, ny] -a, and z, z' when they are not carried                  */
  gn_record *waiting; /* stages of the last step, if its last one may be the next one's    */
  double weight[GN_STAGES_MAX];
  gn_pool *node_pool; /* without a tableau: three nodes of a step                           */
  gn_record *nodes;
  double *v;         /* the vector at a node                                               */
  /* For who wants more: called after every accepted step, and at the end of every smooth
     piece, from s to to. Either may be NULL. */
  gn_status (*on_step)(void *user, gn_step *step);
  gn_status (*on_piece)(void *user, double s, double to);
  void *user;
  double drift;      /* largest |z - y| / |y| met at a stored state, 2-norms               */
  double drift_at;   /* and its time                                                       */
  /* of the run in progress */
  const double *gY;
  double *gp;
  double scale, at;  /* largest rms so far; time reached                                   */
  size_t first, last; /* steps of the path on this piece                                   */
  int started, fresh;
} gn_adjoint;

/* A step of the forward solve goes to its path. Before the span changes, slopes that are
   missing at the ends of steps are found in the times of the old one. */
gn_status gn_adjoint_keep(gn_walk *w, gn_path *p, const gn_step *step, size_t span);

/* Set groups of sys.norm.seg after it; without, the seminorm's are in force: z and a in
   their own groups, g left out (Kidger et al. 2021). Quadratures of the model and their
   adjoints, which are constant, are left out of any (group -1), unless the stepper takes
   whole norms. */
gn_status gn_adjoint_create(gn_walk *w, int parts, const gn_path *path, gn_adjoint **out);
void gn_adjoint_destroy(gn_adjoint **a);

/* The backward solve: gy0 += a(s0); gp += the parameter gradient as far as the parts give
   it, and that of jumps; gt as gn_gradient_ops. Counters go to stats, with a note if the
   state drifted by more than 100 rtol. */
gn_status gn_adjoint_run(gn_adjoint *a, const double *gY, double *gy0, double *gp, double *gt,
                         gn_stats *stats);

#endif
