/* A forward solve looked at from inside: how far the state grows, row by row, and how close
 * the steps come to the stability limit of the method.
 *
 *   |lambda|: power iteration on jvp at the start of a step, every row for itself,
 *   v <- J v / |J v|; the geometric mean of |J v|, for a complex pair has no limit.
 * A step counts as stiff when lambda lies in the left half plane, nearer to the real axis
 * than to the imaginary one, and h |lambda| is close to where |R(-x)| passes 1, with R the
 * stability function of the table: Hairer, Wanner, Solving ODEs II, IV.2. */
#ifndef GN_STUDY_TRACE_H
#define GN_STUDY_TRACE_H

#include "core/gradient.h"
#include "study/experiment.h"

typedef struct gn_trace {
  gn_status status;      /* of the solve                                               */
  char reason[256];      /* why it failed, or ""                                       */
  long steps, rejects;
  double h_min, t_end;   /* smallest step; time reached                                */
  double peak;           /* of the row that grew most: |y| / max(|y(t0)|, scale)       */
  double growth;         /* the same where the solve ended: a state that comes back has
                            not blown up                                               */
  size_t row;            /* which one that is                                          */
  double t_large;        /* when it first passed `large`; NaN: never                   */
  double limit;          /* x at which |R(-x)| passes 1; NaN: method without a tableau */
  long looked;           /* steps whose |lambda| was estimated                         */
  double stiff;          /* upper quartile of h |lambda| / limit over them, 0 for a step
                            that is not stiff; NaN: not known                          */
  double lambda;         /* largest |lambda| on the way                                */
} gn_trace;

/* x on the negative real axis where the stability function of an explicit table leaves the
   unit circle. */
double gn_stability_limit(const gn_tableau *tab);

/* Solve from the inputs x [B, nx] with parameters p and drive dr as the experiment does. A solve that
   fails is no failure: it is in out->status. */
gn_status gn_trace_run(const gn_experiment *e, const gn_setup *setup, size_t B,
                       const gn_drive *dr, const double *x, const double *p, double scale,
                       double large, gn_trace *out);

#endif
