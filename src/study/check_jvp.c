/* Contract tests of jvp, per block and per named parameter:
 *   against central differences along v; <w, J v> = <J^T w, v>; and the order of
 *   r(e) = |g(y + e v) - g(y) - e J v| in e, which is 2. */
#include "base/vec.h"
#include "study/check_impl.h"

#include <math.h>

/* Largest |g(y + e v) - g(y) - e J v|; NaN if g fails there. g0 = g(y). */
static double remainder_at(gn_checking *x, const double *vin, const double *vp, double e,
                           const double *Jv, const double *g0)
{
  gn_probe *pr = x->pr;
  double rem = 0;
  if (gn_probe_shifted(pr, vin, vp, e, x->b)) return (double)NAN;
  for (size_t i = 0; i < pr->nout; i++) {
    double d = fabs(x->b[i] - g0[i] - e * Jv[i]);
    if (!(d <= rem)) rem = d;
  }
  return rem;
}

/* Log-log slope of the last two remainders above rounding, or of the fall below it if that
   is steeper (the last kink is passed); infinite for linear maps. */
static double taylor_order(gn_checking *x, const double *vin, const double *vp,
                           const double *Jv)
{
  gn_probe *pr = x->pr;
  double last = 0, order = (double)INFINITY;
  (void)gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, x->d);
  const double noise = 1e-13 * (1 + gn_checking_size(pr->nout, x->d));
  const double size = gn_checking_size(pr->nout, Jv);
  const double trust = gn_checking_numeric(x, GN_V_JVP) ? GN_LIM_NUMERIC : 1e-11;
  for (int k = 0; k < 8; k++) {
    const double e = ldexp(1e-2, -2 * k);
    const double rem = remainder_at(x, vin, vp, e, Jv, x->d);
    const double floor = noise + trust * e * size;
    if (isnan(rem)) return rem;
    const double slope =
        last > 0 ? log(last / fmax(rem, floor)) / log(4) : (double)INFINITY;
    if (rem <= floor) return isfinite(order) ? fmax(order, slope) : order;
    if (last > 0) order = slope;
    last = rem;
  }
  return order;
}

/* jvp in x->a against differences along the direction in x->b; *ok tells. */
static gn_status against_differences(gn_checking *x, const char *place, const double *vin,
                                     const double *vp, int *ok)
{
  static const double step[2] = { GN_STEP_DIFF, GN_STEP_SMALL };
  gn_probe *pr = x->pr;
  gn_shape none = { 0, 0 };
  gn_check_row *r;
  double floor = 1e-6;
  const double noise = gn_checking_noise(x, GN_STEP_DIFF) / GN_LIM_DIFF;
  gn_vec_fill(pr->nout, (double)NAN, x->a); /* jvp writes */
  (void)gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, x->b);
  if (gn_probe_jvp(pr, pr->B, pr->t, pr->in, pr->p, vin, vp, x->a))
    gn_vec_fill(pr->nout, (double)NAN, x->a);
  for (int k = 0; k < 2; k++) { /* the small step where a kink lies inside the first */
    double d = 0;
    if (gn_probe_along(pr, vin, vp, step[k], x->b)) continue;
    for (size_t i = 0; i < pr->nout; i++) d = fmax(d, fabs(x->a[i] - x->b[i]));
    floor = fmax(1e-6, noise * GN_STEP_DIFF / step[k]);
    if (d <= GN_LIM_DIFF * fmax(gn_checking_size(pr->nout, x->b), k ? 0 : noise)) break;
  }
  GN_TRY(gn_checking_compare(x, GN_V_JVP, "differences", place, pr->nout, x->a, x->b,
                             gn_checking_scale(pr->nout, x->b, floor), GN_LIM_DIFF, none,
                             &r));
  if (!r->ok)
    r->hint = isnan(r->got) ? "jvp fails or leaves outputs unwritten"
                            : gn_explain(x->c->arena, pr->nout, x->a, x->b, none);
  *ok = r->ok;
  return GN_OK;
}

/* <w, J v> with J v in x->a against <J^T w, v>. */
static gn_status dot_product(gn_checking *x, const char *place, const double *vin,
                             const double *vp, int jvp_ok)
{
  gn_probe *pr = x->pr;
  const double *g = vin ? x->gin : x->gp, *v = vin ? vin : vp;
  size_t n = !v ? 0 : vin ? pr->nall : pr->np;
  double size = 0, got = gn_vec_dot(n, g, v), want = gn_vec_dot(pr->nout, pr->w, x->a);
  for (size_t i = 0; i < pr->nout; i++) size += fabs(pr->w[i] * x->a[i]);
  for (size_t i = 0; i < n; i++) size += fabs(g[i] * v[i]);
  int verb = !jvp_ok ? GN_V_JVP : vin ? GN_V_VJP : GN_V_PGRAD;
  const int numeric =
      gn_checking_numeric(x, GN_V_JVP) || gn_checking_numeric(x, vin ? GN_V_VJP : GN_V_PGRAD);
  if (numeric) /* rounding of values of another size than their slopes */
    size = fmax(size, gn_checking_noise(x, GN_STEP_NUMERIC) / GN_LIM_NUMERIC *
                          gn_checking_size(pr->nout, pr->w) * gn_checking_size(n, v));
  return gn_checking_single(x, verb, "dot product", place, got, want, size > 0 ? size : 1,
                            numeric ? GN_LIM_NUMERIC : GN_LIM_DOT);
}

static gn_status check_direction(gn_checking *x, const char *place, const double *vin,
                                 const double *vp)
{
  int ok;
  GN_TRY(against_differences(x, place, vin, vp, &ok));
  GN_TRY(dot_product(x, place, vin, vp, ok));
  return gn_checking_least(x, GN_V_JVP, "order", place, taylor_order(x, vin, vp, x->a),
                           GN_LIM_ORDER, "the remainder is not of second order");
}

gn_status gn_check_jvp(gn_checking *x)
{
  gn_probe *pr = x->pr;
  for (size_t k = 0; k < pr->npart; k++) {
    const gn_probe_part *q = &pr->part[k];
    if (!q->state) continue;
    gn_vec_fill(pr->nall, 0, x->vin);
    for (size_t i = 0; i < q->n; i++) x->vin[q->at + i] = gn_rng_normal(&x->rng);
    GN_TRY(check_direction(x, q->name, x->vin, NULL));
  }
  const gn_params *ps = &pr->model->params;
  for (size_t k = 0; k < ps->n; k++) {
    const gn_param *q = &ps->at[k];
    if (gn_checking_unused(x, q)) continue;
    gn_vec_fill(pr->np, 0, x->vp);
    for (size_t i = 0; i < q->n; i++) x->vp[q->offset + i] = gn_rng_normal(&x->rng);
    GN_TRY(check_direction(x, gn_checking_place(x, q), NULL, x->vp));
  }
  return GN_OK;
}
