/* Signals: pieces of a problem cut at knots, and values between the knots.
 *
 * The second derivatives M of the natural spline solve, row by row and column by column,
 *
 *   h_{k-1} M_{k-1} + 2 (h_{k-1} + h_k) M_k + h_k M_{k+1}
 *     = 6 ((u_{k+1} - u_k) / h_k - (u_k - u_{k-1}) / h_{k-1}),   M_0 = M_last = 0,
 *
 * by elimination without pivots (de Boor, A Practical Guide to Splines, 2001, chapter IV). */
#include "core/signal.h"

#include "base/vec.h"

#include <float.h>
#include <math.h>

/* ---- pieces of a problem --------------------------------------------------------------- */

static gn_status check_knots(const gn_problem *pb, gn_signal_kind kind, size_t nknot,
                             const double *s, double tol)
{
  const double end = pb->event[pb->nevent - 1].s;
  GN_REQUIRE(nknot >= (kind == GN_HOLD ? 1U : 2U), GN_EARG,
             "signals with %zu knots, expected at least %d", nknot, kind == GN_HOLD ? 1 : 2);
  GN_REQUIRE(gn_vec_finite(nknot, s), GN_ENONFINITE, "a knot of the signals is not finite");
  for (size_t k = 0; k + 1 < nknot; k++)
    GN_REQUIRE(s[k + 1] - s[k] > tol, GN_EARG,
               "knot %zu of the signals at %g does not come after knot %zu at %g", k + 1,
               s[k + 1], k, s[k]);
  GN_REQUIRE(s[0] <= pb->s0 + tol, GN_EARG,
             "the signals begin at %g, after the start %g of the problem", s[0], pb->s0);
  GN_REQUIRE(kind == GN_HOLD || s[nknot - 1] >= end - tol, GN_EARG,
             "the signals end at %g, the problem at %g: choose earlier times", s[nknot - 1],
             end);
  return GN_OK;
}

/* Pieces and events while they are put together. */
typedef struct cut {
  gn_event *event;
  size_t nevent;
  size_t *span, *interval, npiece;
} cut;

static void begin_piece(cut *c, double s, size_t span, size_t interval)
{
  c->event[c->nevent++] = (gn_event){ s, GN_AT_KINK, c->npiece };
  c->span[c->npiece] = span;
  c->interval[c->npiece++] = interval;
}

/* What happens at a knot belongs to the piece before it; a knot within rounding of an event
   takes its time. */
static void merge(const gn_problem *pb, size_t nknot, const double *s, int stops, double tol,
                  cut *c)
{
  const double end = pb->event[pb->nevent - 1].s;
  double last = pb->s0;
  size_t k = 0, e = 0, span = 0;
  while (k + 1 < nknot && s[k + 1] <= pb->s0 + tol) k++;
  c->span[0] = 0;
  c->interval[0] = stops ? k : GN_NONE;
  c->npiece = 1;
  for (;;) {
    const int knot = stops && k + 1 < nknot && s[k + 1] < end - tol;
    if (e == pb->nevent && !knot) return;
    const gn_event *ev = &pb->event[e];
    if (knot && (e == pb->nevent || ev->s > s[k + 1] + tol)) {
      k++;
      begin_piece(c, last >= s[k] - tol ? last : s[k], span, k);
    } else {
      last = ev->s;
      e++;
      if (ev->kind == GN_AT_KINK && ev->index != GN_NONE)
        begin_piece(c, last, span = ev->index, stops ? k : GN_NONE);
      else c->event[c->nevent++] = *ev;
    }
  }
}

static gn_status make_signal(gn_arena *a, const gn_problem *pb, gn_signal_kind kind,
                             size_t nknot, const double *s, int stops, double tol,
                             gn_problem *out)
{
  gn_signal *sig;
  cut c = { 0 };
  size_t *in_span;
  const size_t most = pb->nevent + 1 + (stops ? nknot : 0);
  GN_NEW(a, sig, 1);
  GN_NEW(a, in_span, nknot);
  GN_NEW(a, c.event, most);
  GN_NEW(a, c.span, most);
  GN_NEW(a, c.interval, most);
  merge(pb, nknot, s, stops, tol, &c);
  size_t span = 0;
  for (size_t k = 0, e = 0; k < nknot; in_span[k++] = span)
    for (; e < pb->nevent && pb->event[e].s <= s[k] + tol; e++)
      if (pb->event[e].kind == GN_AT_KINK && pb->event[e].index != GN_NONE)
        span = pb->event[e].index;
  *sig = (gn_signal){ kind, nknot, s, in_span, c.npiece, c.span, c.interval };
  *out = *pb;
  out->signal = sig;
  out->event = c.event;
  out->nevent = c.nevent;
  return gn_problem_check(out);
}

gn_status gn_problem_signal(gn_arena *a, const gn_problem *pb, gn_signal_kind kind,
                            size_t nknot, const double *s, int stops, gn_problem *out)
{
  const double end = pb->event[pb->nevent - 1].s;
  const double tol = 16 * DBL_EPSILON * fmax(fabs(pb->s0), fabs(end));
  GN_REQUIRE(pb->model->nu > 0, GN_EARG, "model %s takes no signals", pb->model->cls->name);
  GN_REQUIRE(!pb->signal, GN_EARG, "the problem has signals already");
  GN_TRY(check_knots(pb, kind, nknot, s, tol));
  return make_signal(a, pb, kind, nknot, s, stops || kind == GN_HOLD, tol, out);
}

/* ---- a batch --------------------------------------------------------------------------- */

gn_status gn_signal_setup(gn_signal_values *v, gn_arena *a, const gn_problem *pb, size_t Bmax)
{
  const gn_signal *sig = pb->signal;
  GN_REQUIRE(sig || pb->model->nu == 0, GN_EARG,
             "model %s takes %zu signals, the problem has none: give data with signals",
             pb->model->cls->name, pb->model->nu);
  GN_REQUIRE(!sig || pb->model->nlag == 0, GN_EUNSUP,
             "model %s has lags: signals are not offered with delays", pb->model->cls->name);
  *v = (gn_signal_values){ .of = sig, .nu = pb->model->nu };
  if (!sig) return GN_OK;
  v->own = pb->nspan > 0;
  GN_NEW(a, v->now, Bmax * v->nu);
  if (v->own) GN_NEW(a, v->t, sig->nknot * Bmax);
  if (sig->kind != GN_CUBIC) return GN_OK;
  GN_NEW(a, v->bend, sig->nknot * Bmax * v->nu);
  GN_NEW(a, v->work, sig->nknot);
  return GN_OK;
}

/* Time of row i at s in a span. */
static double row_time(const gn_drive *dr, size_t B, size_t span, size_t i, double s)
{
  return dr->t0[span * B + i] + s * dr->dt[span * B + i];
}

/* Between knots the time of a row must be one line after the other, without a jump. */
static gn_status check_times(const gn_problem *pb, size_t B, const gn_drive *dr)
{
  size_t before = 0;
  for (size_t e = 0; e < pb->nevent; e++) {
    const gn_event *ev = &pb->event[e];
    if (ev->kind != GN_AT_KINK || ev->index == GN_NONE) continue;
    const size_t span = pb->signal->span[ev->index];
    for (size_t i = 0; span != before && i < B; i++) {
      const double l = row_time(dr, B, before, i, ev->s), r = row_time(dr, B, span, i, ev->s);
      GN_REQUIRE(fabs(r - l) <= 1e-10 * fmax(1, fmax(fabs(l), fabs(r))), GN_EARG,
                 "row %zu: its time jumps from %g to %g between its spans %zu and %zu, so no "
                 "signal can be interpolated across; use hold", i, l, r, before, span);
    }
    before = span;
  }
  return GN_OK;
}

static double knot_time(const gn_signal_values *v, size_t k, size_t i)
{
  return v->own ? v->t[k * v->B + i] : v->of->s[k];
}

/* M of row i, column c. */
static void bend_column(gn_signal_values *v, size_t i, size_t c)
{
  const size_t n = v->of->nknot, stride = v->B * v->nu, at = i * v->nu + c;
  const double *u = v->u + at;
  double *M = v->bend + at, *r = v->work;
  M[0] = r[0] = 0;
  for (size_t k = 1; k + 1 < n; k++) {
    const double t = knot_time(v, k, i), h0 = t - knot_time(v, k - 1, i);
    const double h1 = knot_time(v, k + 1, i) - t;
    const double right = 6 * ((u[(k + 1) * stride] - u[k * stride]) / h1 -
                              (u[k * stride] - u[(k - 1) * stride]) / h0);
    const double pivot = 2 * (h0 + h1) - h0 * r[k - 1];
    r[k] = h1 / pivot;
    M[k * stride] = (right - h0 * M[(k - 1) * stride]) / pivot;
  }
  M[(n - 1) * stride] = 0;
  for (size_t k = n - 1; k-- > 1;) M[k * stride] -= r[k] * M[(k + 1) * stride];
}

static gn_status bend(gn_signal_values *v)
{
  for (size_t i = 0; i < v->B; i++) {
    for (size_t k = 0; k + 1 < v->of->nknot; k++)
      GN_REQUIRE(knot_time(v, k + 1, i) > knot_time(v, k, i), GN_EARG,
                 "row %zu: knots %zu and %zu of its signals are both at its time %g, which a "
                 "spline cannot have; use linear or hold", i, k, k + 1, knot_time(v, k, i));
    for (size_t c = 0; c < v->nu; c++) bend_column(v, i, c);
  }
  return GN_OK;
}

gn_status gn_signal_begin(gn_signal_values *v, const gn_problem *pb, size_t B,
                          const gn_drive *dr)
{
  const gn_signal *sig = v->of;
  if (!sig) return GN_OK;
  GN_REQUIRE(dr && dr->u, GN_EARG, "the problem has signals with %zu knots, the drive brings no "
             "values", sig->nknot);
  v->B = B;
  v->u = dr->u;
  v->interval = sig->interval[0];
  if (sig->kind == GN_HOLD) return GN_OK;
  if (v->own) GN_TRY(check_times(pb, B, dr));
  for (size_t k = 0; v->own && k < sig->nknot; k++)
    for (size_t i = 0; i < B; i++)
      v->t[k * B + i] = row_time(dr, B, sig->in_span[k], i, sig->s[k]);
  return sig->kind == GN_CUBIC ? bend(v) : GN_OK;
}

/* Knot the interval of s begins with; that of hold may be the last. */
static size_t find(const gn_signal *sig, double s)
{
  size_t lo = 0, hi = sig->nknot - (sig->kind != GN_HOLD);
  while (hi - lo > 1) {
    const size_t mid = lo + (hi - lo) / 2;
    if (sig->s[mid] <= s) lo = mid;
    else hi = mid;
  }
  return lo;
}

const double *gn_signal_read(gn_signal_values *v, double s, const double *t)
{
  const size_t n = v->B * v->nu;
  const gn_signal_kind kind = v->of->kind;
  const size_t k = v->interval == GN_NONE ? find(v->of, s) : v->interval;
  const double *u0 = v->u + k * n, *u1 = u0 + n;
  if (kind == GN_HOLD) return u0;
  for (size_t i = 0, j = 0; i < v->B; i++) {
    const double a = knot_time(v, k, i), h = knot_time(v, k + 1, i) - a;
    const double C = h > 0 ? ((v->own ? t[i] : s) - a) / h : 0, A = 1 - C;
    const double p = kind == GN_CUBIC ? h * h / 6 * (A * A * A - A) : 0;
    const double q = kind == GN_CUBIC ? h * h / 6 * (C * C * C - C) : 0;
    for (const size_t end = j + v->nu; j < end; j++) {
      v->now[j] = A * u0[j] + C * u1[j];
      if (kind == GN_CUBIC) v->now[j] += p * v->bend[k * n + j] + q * v->bend[(k + 1) * n + j];
    }
  }
  return v->now;
}
