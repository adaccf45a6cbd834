/* Breaking points: a sorted list of times that cuts a solve into numbered pieces, and the
 * events of a problem with a kink at each of them. Points closer than rounding are one. */
#ifndef GN_CORE_BREAKS_H
#define GN_CORE_BREAKS_H

#include "base/arena.h"
#include "core/problem.h"

typedef struct gn_breaks {
  gn_arena *arena;
  size_t n, cap;         /* pieces; room                                     */
  double *at;            /* [n + 1] their ends: piece j is from at[j] to at[j + 1] */
  double tol;            /* points this close are the same                   */
  gn_problem problem;    /* as given, with kink j where piece j begins       */
  gn_event *event;
  unsigned char *soft;   /* [nevent] as gn_problem_soft                      */
  size_t ecap;
} gn_breaks;

/* One piece, over all of pb; memory of before is kept. Rounding is that of the times, and of
   pieces as long as `least`. */
gn_status gn_breaks_begin(gn_breaks *b, gn_arena *a, const gn_problem *pb, double least);
/* Cut at s; nothing happens outside, or where a cut is. */
gn_status gn_breaks_add(gn_breaks *b, double s);
/* Cut at s + sign (n_1 tau_1 + ... + n_k tau_k) for all n_1 + ... + n_k <= order. */
gn_status gn_breaks_comb(gn_breaks *b, double s, int sign, size_t nlag, const double *tau,
                         int order);
/* Cut at s + sign n tau for all n. */
gn_status gn_breaks_tooth(gn_breaks *b, double s, int sign, double tau);
/* Cuts are complete: those at an event of pb take its time; merge the events. */
gn_status gn_breaks_finish(gn_breaks *b, const gn_problem *pb);
/* The pieces that share more than rounding with (lo, hi): first and last; GN_NONE where that
   lies outside. */
void gn_breaks_cover(const gn_breaks *b, double lo, double hi, size_t *first, size_t *last);

#endif
