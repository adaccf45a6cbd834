/* The flow of a model over a batch as a system for a stepper, with per-row times, and the
 * counted doors to the derivatives of f. Everything that evaluates f goes through here. */
#ifndef GN_CORE_FLOW_H
#define GN_CORE_FLOW_H

#include "core/delay.h"
#include "core/norm.h"
#include "core/signal.h"
#include "core/stats.h"

/* What is counted while a pass runs in one direction. */
typedef struct gn_counts {
  long f, vjp, pgrad, jvp, nfe;
} gn_counts;

typedef struct gn_flow {
  const gn_model *model;
  size_t B;
  const double *p;             /* bound for the solve                                 */
  const double *t0, *dt;       /* [B] of the span in force; NULL: t = s               */
  double *t;                   /* [B] scratch: times of the rows                      */
  double *w;                   /* [B ny] scratch: cotangent with rows scaled by dt    */
  gn_delay *delay;             /* borrowed: delayed states; NULL without lags         */
  const double *const *vlag;   /* [nlag] tangents of the delayed states for jvp       */
  gn_signal_values signal;     /* signals of the batch                                */
  gn_counts count;
} gn_flow;

/* Scratch for at most Bmax rows comes from the arena. */
gn_status gn_flow_setup(gn_flow *fl, gn_arena *a, const gn_model *m, size_t Bmax);
void gn_flow_bind(gn_flow *fl, size_t B, const double *p);
/* Span j of the problem comes into force (no-op without spans); with lags or signals,
   piece j. */
void gn_flow_span(gn_flow *fl, const gn_drive *dr, size_t j);

/* Times of the rows at s, into t. */
void gn_flow_times(gn_flow *fl, double s);

/* ydot = dt f(t0 + s dt, y) into the tape. */
int gn_flow_eval(gn_flow *fl, double s, const double *y, const gn_tape *tape, double *ydot);
/* gy += (d ydot/dy)^T w; with lags also delay->glag = (d ydot/dlag)^T w. */
int gn_flow_vjp(gn_flow *fl, double s, const gn_tape *tape, const double *w, double *gy);
/* gp += weight (d ydot/dp)^T w over the n evaluations in the tape. */
void gn_flow_pgrad(gn_flow *fl, const gn_tape *tape, size_t n, double weight, double *gp);
/* The same over the slices of a record with a weight each: one product per run of equal
   weights, none for weight 0. */
void gn_flow_pgrad_weighted(gn_flow *fl, const gn_record *rec, size_t nslice,
                            const double *weight, double *gp);
/* out = (d ydot/dy) vy + (d ydot/dp) vp. */
int gn_flow_jvp(gn_flow *fl, double s, const gn_tape *tape, const double *vy,
                const double *vp, double *out);

/* sys.rhs of a plain forward solve; user is the flow. The norm is one rms over all blocks
   but quadratures. */
gn_status gn_flow_system(gn_flow *fl, gn_arena *a, size_t Bmax, gn_system *sys);
/* Lengths of that system for the batch that is bound now. */
void gn_flow_resize(const gn_flow *fl, gn_system *sys);

#endif
