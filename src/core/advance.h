/* The advanced terms of the adjoint of a delay equation, read from the adjoint solve itself:
 *
 *   a'(s) = -A(s)^T a(s) - sum_k B_k(s + tau_k)^T a(s + tau_k),    a = 0 after the end,
 *
 * A = df/dz(s), B_k = df/dz(s - tau_k). Going backward they lie behind. a jumps at outputs, so
 * a' jumps a lag before them, and so on: these are breaking points of the backward solve, as
 * are those of the forward one and the times a lag before them. */
#ifndef GN_CORE_ADVANCE_H
#define GN_CORE_ADVANCE_H

#include "core/flow.h"

typedef struct gn_advance {
  gn_arena *arena;
  gn_flow *flow;          /* borrowed, with its delays                               */
  gn_delay *delay;
  gn_path *path;          /* steps of the adjoint solve; its vector begins with a    */
  gn_breaks breaks;       /* pieces of the backward solve, and its events            */
  size_t piece;           /* in force                                                */
  size_t cap;
  size_t *forward;        /* [n] forward piece of each                               */
  size_t *ahead;          /* [n, nlag] forward piece of s + tau_k; GN_NONE: past the end */
  size_t *from, *to;      /* [n, nlag] backward pieces that a(s + tau_k) reads       */
  size_t *first, *last;   /* [n] steps of the path on a piece                        */
  gn_pool *pool;
  gn_record *rec;
  double *a, *z, *slope;  /* [length of the adjoint's vector], [B, ny], [B, ny]      */
} gn_advance;

/* For adjoint solves by st, whose vector is a and what is carried with it. */
gn_status gn_advance_create(gn_flow *fl, const gn_stepper *st, gn_advance **out);
void gn_advance_destroy(gn_advance **ad);
/* A backward solve begins: breaking points and events of problem pb (as given). */
gn_status gn_advance_begin(gn_advance *ad, const gn_problem *pb);
/* Piece j comes into force, here and in the delays. */
void gn_advance_piece(gn_advance *ad, size_t j);
/* A step was taken. */
gn_status gn_advance_put(gn_advance *ad, const gn_step *step);
/* adot -= sum_k B_k(s + tau_k)^T a(s + tau_k). Return values as of a map. */
int gn_advance_add(gn_advance *ad, double s, double *adot);
/* The delays' cotangents glag at s as integrands, as far as they reach the steps: if lags are
   trained, gtau_k -= glag_k . z'(s - tau_k), z' = f: the slope of an interpolant is an order
   less than its values. */
int gn_advance_lags(gn_advance *ad, double s, double *gtau);

#endif
