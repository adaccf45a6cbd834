/* Breaking points: sorted insertion, combs of lags, and the merge with the events. */
#include "core/breaks.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const double ROUNDING = 1e-10; /* of the least lag: the same point */

static gn_status reserve(gn_breaks *b, size_t n)
{
  if (n + 1 <= b->cap) return GN_OK;
  const size_t cap = 2 * n + 64;
  double *at;
  GN_NEW(b->arena, at, cap);
  if (b->n > 0) memcpy(at, b->at, (b->n + 1) * sizeof *at);
  b->at = at;
  b->cap = cap;
  return GN_OK;
}

gn_status gn_breaks_begin(gn_breaks *b, gn_arena *a, const gn_problem *pb, double least)
{
  const double end = pb->event[pb->nevent - 1].s;
  b->arena = a;
  b->n = 0;
  GN_TRY(reserve(b, 1));
  b->at[0] = pb->s0;
  b->at[1] = end;
  b->n = 1;
  b->tol = ROUNDING * fmin(end - pb->s0, least) +
           16 * DBL_EPSILON * fmax(fabs(pb->s0), fabs(end));
  return GN_OK;
}

gn_status gn_breaks_add(gn_breaks *b, double s)
{
  if (!(s > b->at[0] + b->tol && s < b->at[b->n] - b->tol)) return GN_OK;
  size_t lo = 0, hi = b->n; /* at[lo] < s <= at[hi] */
  while (hi - lo > 1) {
    const size_t mid = lo + (hi - lo) / 2;
    if (b->at[mid] < s) lo = mid;
    else hi = mid;
  }
  if (s - b->at[lo] <= b->tol || b->at[hi] - s <= b->tol) return GN_OK;
  GN_TRY(reserve(b, b->n + 1));
  memmove(b->at + hi + 1, b->at + hi, (b->n + 1 - hi) * sizeof *b->at);
  b->at[hi] = s;
  b->n++;
  return GN_OK;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the order */
gn_status gn_breaks_comb(gn_breaks *b, double s, int sign, size_t nlag, const double *tau,
                         int order)
{
  GN_TRY(gn_breaks_add(b, s));
  for (size_t k = 0; order > 0 && k < nlag; k++)
    GN_TRY(gn_breaks_comb(b, s + sign * tau[k], sign, nlag - k, tau + k, order - 1));
  return GN_OK;
}

gn_status gn_breaks_tooth(gn_breaks *b, double s, int sign, double tau)
{
  const double length = b->at[b->n] - b->at[0];
  GN_REQUIRE(length / tau < 1e6, GN_ELIMIT,
             "a lag of %g is less than a millionth of the time span %g, and no step is longer "
             "than the least lag", tau, length);
  for (int n = 1; n * tau < length; n++) GN_TRY(gn_breaks_add(b, s + sign * n * tau));
  return GN_OK;
}

/* The events with a kink at every cut; after an output there, which belongs to the piece
   before. */
static gn_status merge(gn_breaks *b, const gn_problem *pb)
{
  const size_t n = pb->nevent + b->n - 1;
  if (n > b->ecap) {
    GN_NEW(b->arena, b->event, 2 * n);
    GN_NEW(b->arena, b->soft, 2 * n);
    b->ecap = 2 * n;
  }
  size_t e = 0, j = 1, at = 0;
  while (e < pb->nevent || j < b->n) {
    if (e < pb->nevent && (j == b->n || pb->event[e].s <= b->at[j]))
      b->event[at++] = pb->event[e++];
    else b->event[at++] = (gn_event){ b->at[j], GN_AT_KINK, j }, j++;
  }
  b->problem = *pb;
  b->problem.event = b->event;
  b->problem.nevent = at;
  gn_problem_soft(&b->problem, 0, b->soft);
  return GN_OK;
}

gn_status gn_breaks_finish(gn_breaks *b, const gn_problem *pb)
{
  size_t j = 1;
  for (size_t e = 0; e < pb->nevent; e++) {
    while (j < b->n && b->at[j] < pb->event[e].s - b->tol) j++;
    if (j < b->n && fabs(b->at[j] - pb->event[e].s) <= b->tol) b->at[j] = pb->event[e].s;
  }
  return merge(b, pb);
}

void gn_breaks_cover(const gn_breaks *b, double lo, double hi, size_t *first, size_t *last)
{
  const double in = 1e-6 * (hi - lo);
  *first = *last = GN_NONE;
  if (hi - in <= b->at[0] || lo + in >= b->at[b->n]) return;
  for (*first = 0; *first + 1 < b->n && b->at[*first + 1] <= lo + in;) ++*first;
  for (*last = *first; *last + 1 < b->n && b->at[*last + 1] < hi - in;) ++*last;
}
