/* Delayed states y(s - tau_k) of the solve in progress, read from the steps it has taken, and
 * the cotangents that go back into them.
 *
 * z'(s) = f(z(s), z(s - tau_1), ..., s) begins with a history: z = y0 before s0, or straight
 * lines through given states. A slope that
 * jumps at s0 makes the solution less smooth than its order needs at the breaking points
 * s0 + sum n_k tau_k; these are stop times, and the pieces between them are numbered. Which
 * steps a delayed time lies in is decided by the number of its piece, never by comparing
 * sums: a step at a breaking point has the slope of its own side. Pieces are no longer than
 * the least lag, so that what a step reads is known when it begins.
 *
 * Bellen, Zennaro, Numerical Methods for Delay Differential Equations (2003), chapters 2, 4. */
#ifndef GN_CORE_DELAY_H
#define GN_CORE_DELAY_H

#include "core/breaks.h"
#include "core/path.h"

/* Cotangents that wait at a step of the path: of its start, its end and its slopes, as its
   interpolant reads them; NULL: none. */
typedef struct gn_delay_pending {
  double *x[GN_STAGES_MAX + 2];
} gn_delay_pending;

typedef struct gn_delay {
  gn_arena *arena;
  const gn_model *model;
  gn_path *path;          /* the steps, filled by gn_delay_put                        */
  size_t n;               /* length of a state                                        */
  double *tau;            /* [nlag] lags                                              */
  double *place;          /* [nlag] those that decide which step is read; tau, unless
                             differences shift tau                                    */
  const double *y0;       /* [B, ny] state at s0, borrowed                            */
  size_t nhist;           /* states before it                                         */
  const double *hist_s, *hist; /* [nhist] times, [nhist, B, ny]; borrowed             */
  double *ghist;          /* [nhist, B, ny] their cotangents                          */
  gn_breaks breaks;       /* pieces, and the problem with a kink at each           */
  size_t cap;
  size_t *from, *to;      /* [npiece, nlag] pieces read from there; GN_NONE: history, */
  size_t *line;           /*   on the straight line that ends at state `line` of it
                             (nhist: at s0); 0: before the first one                  */
  size_t *first, *last;   /* [npiece] steps of the path on a piece                    */
  size_t piece;           /* in force                                                 */
  double **lag;           /* [nlag] delayed states, [B, ny] each                      */
  double **glag;          /* [nlag] their cotangents                                  */
  gn_delay_pending *pending; /* [pcap] by step                                        */
  size_t pcap;
  double **spare;         /* vectors of pending not in use                            */
  size_t nspare, nvector, vcap;
  double *gy0;            /* [B, ny] cotangent of the history                         */
  double *gtau;           /* [nlag] of the lags                                       */
  double *work;           /* [B, ny]                                                  */
} gn_delay;

/* For a model with lags. GN_EUNSUP if the stepper has no table with an interpolant, or the
   problem jumps or has spans. */
gn_status gn_delay_create(const gn_stepper *st, const gn_problem *pb, gn_delay **out);
void gn_delay_destroy(gn_delay **d);

/* A solve begins: lags of p, breaking points, events. GN_EARG if a lag is not positive, or the
   drive lacks the history that the problem has. */
gn_status gn_delay_begin(gn_delay *d, const gn_problem *pb, size_t B, const double *p,
                         const gn_drive *dr, const double *y0);
/* A step was taken on this piece. */
gn_status gn_delay_put(gn_delay *d, const gn_step *step, size_t piece);
/* Forget the steps from n on, to take them again. */
void gn_delay_cut(gn_delay *d, size_t n);

/* The step that holds s - tau_k, s on the piece in force, and where in it; 0: history. */
int gn_delay_locate(const gn_delay *d, size_t k, double s, size_t *n, double *theta);
/* The earliest step that is read at s, on the piece in force, or later; path->n: none. */
size_t gn_delay_earliest(const gn_delay *d, double s);
/* The delayed states at s on the piece in force, into lag. */
void gn_delay_read(gn_delay *d, double s);
/* The same of another path of the same steps (tangents), which is v0 at s0 (NULL: zero) and
   zero before where a history is given, and of shifted lags: lag_k = v(s - tau_k) - vtau_k z'(s - tau_k). */
void gn_delay_read_tangent(gn_delay *d, const gn_path *v, const double *v0,
                           const double *vtau, double s, double *const *lag);

/* Before a backward pass: nothing waits. */
void gn_delay_rewind(gn_delay *d);
/* glag, the cotangents of the delayed states at s, to the steps, the history and gtau. */
gn_status gn_delay_scatter(gn_delay *d, double s);
/* What waits at step n; NULL: nothing. */
const gn_delay_pending *gn_delay_waiting(const gn_delay *d, size_t n);
/* Step n has been met: its vectors are free. */
void gn_delay_release(gn_delay *d, size_t n);
/* glag, the cotangents at s, as integrands, as far as they reach the history: q [1 + nhist, B,
   ny] += those of the state at s0 and those before it, gtau_k -= glag_k . z'(s - tau_k). */
void gn_delay_integrands(gn_delay *d, double s, double *q, double *gtau);
/* The sums: gy0 += that of the state at s0, gp += that of the lags, the drive's ghist +=. */
void gn_delay_finish(const gn_delay *d, const double *p, const gn_drive *dr, double *gy0,
                     double *gp);

#endif
