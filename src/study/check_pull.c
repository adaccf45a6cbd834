/* Contract tests of the transposed verbs: vjp per block, pgrad per named parameter, both
 * against central differences; they add to what is there, scale with the weight, and read
 * nothing in the tape that was not written for them. */
#include "base/vec.h"
#include "study/check_impl.h"

#include <math.h>

/* Does the gradient of part k look like that of another part? */
static const char *swapped(gn_checking *x, size_t k)
{
  const gn_probe_part *mine = &x->pr->part[k];
  for (size_t j = 0; j < x->pr->npart; j++) {
    const gn_probe_part *q = &x->pr->part[j];
    if (j == k || q->n != mine->n) continue;
    if (fabs(gn_explain_factor(q->n, x->gin + mine->at, x->fdin + q->at) - 1) < 1e-5) {
      const char *s =
          gn_arena_printf(x->c->arena, "mixed up: this is the value of %s", q->name);
      return s ? s : "";
    }
  }
  return "";
}

/* Does the vjp give J w instead of J^T w (square maps)? */
static int pulled_forward(gn_checking *x, const gn_probe_part *q)
{
  gn_probe *pr = x->pr;
  if (pr->nout != pr->nall || !q->state) return 0;
  if (gn_probe_along(pr, pr->w, NULL, GN_STEP_DIFF, x->a)) return 0;
  return fabs(gn_explain_factor(q->n, x->gin + q->at, x->a + q->at) - 1) < 1e-5;
}

gn_status gn_check_vjp(gn_checking *x)
{
  gn_probe *pr = x->pr;
  double all = gn_checking_size(pr->nall, x->gin);
  for (size_t k = 0; k < pr->npart; k++) {
    const gn_probe_part *q = &pr->part[k];
    gn_shape sh = { pr->B, q->n / pr->B };
    gn_check_row *r;
    const double *got = x->gin + q->at, *want = x->fdin + q->at;
    GN_TRY(gn_checking_compare(x, GN_V_VJP, "differences", q->name, q->n, got, want,
                               gn_checking_scale(q->n, want, 1e-3 * all), GN_LIM_DIFF, sh,
                               &r));
    if (r->ok) continue;
    r->hint = gn_explain(x->c->arena, q->n, got, want, (gn_shape){ 0, 0 });
    if (!*r->hint) r->hint = swapped(x, k);
    if (!*r->hint && pulled_forward(x, q)) r->hint = "transpose: J w instead of J^T w";
  }
  return GN_OK;
}

gn_status gn_check_pgrad(gn_checking *x)
{
  gn_probe *pr = x->pr;
  const gn_params *ps = &pr->model->params;
  double all = fmax(gn_checking_size(pr->np, x->gp), gn_checking_size(pr->np, x->fdp));
  if (all == 0) return GN_OK;
  const double noise = gn_checking_noise(x, GN_STEP_DIFF) / GN_LIM_DIFF;
  for (size_t k = 0; k < ps->n; k++) {
    const gn_param *q = &ps->at[k];
    if (gn_checking_unused(x, q)) continue;
    const double *got = x->gp + q->offset, *want = x->fdp + q->offset;
    gn_shape sh = gn_checking_shape(q);
    gn_check_row *r;
    GN_TRY(gn_checking_compare(x, GN_V_PGRAD, "differences", gn_checking_place(x, q), q->n,
                               got, want,
                               gn_checking_scale(q->n, want, fmax(1e-3 * all, noise)),
                               GN_LIM_DIFF, sh, &r));
    if (r->ok) continue;
    r->hint = pr->map->pgrad ? gn_explain(x->c->arena, q->n, got, want, sh)
                             : "missing: the map has parameters but no pgrad";
  }
  return GN_OK;
}

/* Gradients are added to what is there: first started from 1, second is the same once more,
   once started from zero. A second call that equals the first overwrites. */
static gn_status accumulates(gn_checking *x, int verb, const char *place, size_t n,
                             const double *first, const double *second, const double *once,
                             gn_shape sh)
{
  double scale = gn_checking_scale(n, once, 0) + 1, over = 0;
  double *want = gn_arena_alloc(x->c->arena, n, sizeof *want);
  if (!want) return GN_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    want[i] = 1 + 2 * once[i];
    over = fmax(over, fabs(second[i] - first[i]));
  }
  gn_check_row *r;
  GN_TRY(gn_checking_compare(x, verb, "accumulates", place, n, second, want, scale,
                             GN_LIM_SUM, sh, &r));
  if (!r->ok && over == 0) r->hint = "overwritten instead of accumulated (= for +=)";
  return GN_OK;
}

gn_status gn_check_accumulation(gn_checking *x)
{
  gn_probe *pr = x->pr;
  gn_vec_fill(pr->nall, 1, x->ia);
  gn_vec_fill(pr->np, 1, x->q);
  for (int call = 0; call < 2; call++) {
    gn_vec_copy(pr->nall, x->ia, x->ib); /* what was there before this call */
    gn_vec_copy(pr->np, x->q, x->q2);
    (void)gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, x->a);
    (void)gn_probe_vjp(pr, pr->B, pr->t, pr->in, pr->p, 0, pr->w, x->ia);
    gn_probe_pgrad(pr, 0, 1, x->q);
  }
  for (size_t k = 0; k < pr->npart; k++) {
    const gn_probe_part *q = &pr->part[k];
    gn_shape sh = { pr->B, q->n / pr->B };
    GN_TRY(accumulates(x, GN_V_VJP, q->name, q->n, x->ib + q->at, x->ia + q->at,
                       x->gin + q->at, sh));
  }
  const gn_params *ps = &pr->model->params;
  for (size_t k = 0; pr->map->pgrad && k < ps->n; k++) {
    const gn_param *q = &ps->at[k];
    if (gn_checking_unused(x, q)) continue;
    GN_TRY(accumulates(x, GN_V_PGRAD, gn_checking_place(x, q), q->n, x->q2 + q->offset,
                       x->q + q->offset, x->gp + q->offset, gn_checking_shape(q)));
  }
  return GN_OK;
}

/* pgrad is linear in its weight, takes two evaluations in one tape, and needs a vjp that
   was asked for nothing; a tape full of NaN before eval changes no bit. */
gn_status gn_check_tapes(gn_checking *x)
{
  gn_probe *pr = x->pr;
  gn_shape none = { 0, 0 };
  gn_check_row *r;
  gn_probe_fill_tape(pr, (double)NAN);
  (void)gn_checking_pull(x, pr->w, x->ia, x->q);
  GN_TRY(gn_checking_bits(x, GN_V_VJP, "tape", pr->nall, x->ia, x->gin,
                          "vjp reads a field of the tape that eval did not write"));
  if (!pr->map->pgrad) return GN_OK;
  GN_TRY(
      gn_checking_bits(x, GN_V_PGRAD, "tape", pr->np, x->q, x->gp,
                       "pgrad reads a field of the tape that eval and vjp did not write"));
  gn_probe_fill_tape(pr, (double)NAN);
  gn_vec_fill(pr->np, 0, x->q);
  for (int s = 0; s < 2; s++) {
    (void)gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, s, x->a);
    for (size_t i = 0; i < pr->nout; i++) x->b[i] = (1 - 3 * s) * pr->w[i];
    (void)gn_probe_vjp(pr, pr->B, pr->t, pr->in, pr->p, s, x->b, NULL);
  }
  gn_probe_pgrad(pr, 2, -0.5, x->q); /* -0.5 (w - 2 w) */
  for (size_t i = 0; i < pr->np; i++) x->q2[i] = 0.5 * x->gp[i];
  GN_TRY(gn_checking_compare(x, GN_V_PGRAD, "two tapes", "", pr->np, x->q, x->q2,
                             gn_checking_scale(pr->np, x->gp, 0), GN_LIM_SUM, none, &r));
  if (r->ok) return GN_OK;
  double c = gn_explain_factor(pr->np, x->q, x->q2);
  r->hint = fabs(c + 2) < 1e-5   ? "the weight is ignored"
            : fabs(c + 1) < 1e-5 ? "only the first evaluation of the tape is counted"
                                 : "wrong weight, or rows beyond the first evaluation";
  return GN_OK;
}
