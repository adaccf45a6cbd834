/* Contract tests of values: eval writes, remembers nothing but its tape, and treats the
 * rows of a batch one by one. */
#include "base/vec.h"
#include "study/check_impl.h"

#include <math.h>

static int eval_here(gn_checking *x, double *z)
{
  gn_probe *pr = x->pr;
  return gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, z);
}

/* f at other times, for a model that says it does not depend on them. */
static gn_status check_time(gn_checking *x)
{
  gn_probe *pr = x->pr;
  double *later;
  GN_NEW(x->c->arena, later, pr->B);
  for (size_t i = 0; i < pr->B; i++) later[i] = pr->t[i] + 0.37;
  (void)gn_probe_eval(pr, pr->B, later, pr->in, pr->p, 0, x->b);
  return gn_checking_bits(x, GN_V_EVAL, "time", pr->nout, x->b, x->a,
                          "f depends on t: set uses_time in setup");
}

gn_status gn_check_eval(gn_checking *x)
{
  gn_probe *pr = x->pr;
  gn_vec_fill(pr->nout, 0, x->a);
  gn_probe_fill_tape(pr, 0);
  (void)eval_here(x, x->a);
  gn_vec_fill(pr->nout, (double)NAN, x->b);
  (void)eval_here(x, x->b);
  GN_TRY(gn_checking_bits(x, GN_V_EVAL, "written", pr->nout, x->b, x->a,
                          "accumulated or left out: eval must write every output (=)"));
  gn_probe_fill_tape(pr, (double)NAN);
  (void)eval_here(x, x->b);
  GN_TRY(gn_checking_bits(x, GN_V_EVAL, "tape", pr->nout, x->b, x->a,
                          "eval reads the tape before it is written"));
  for (size_t i = 0; i < pr->nall; i++) x->vin[i] = gn_rng_normal(&x->rng);
  (void)gn_probe_shifted(pr, x->vin, NULL, 0.1, x->b); /* an evaluation elsewhere */
  (void)eval_here(x, x->b);
  GN_TRY(gn_checking_bits(x, GN_V_EVAL, "repeat", pr->nout, x->b, x->a,
                          "an earlier call changes the result: state outside the tape"));
  if (pr->id == GN_F && !pr->model->uses_time) GN_TRY(check_time(x));
  return GN_OK;
}

/* Row i alone: its output against that of the batch, its gradients added to ib and q. */
static gn_status one_row(gn_checking *x, size_t i, double *in1, double *worst,
                         double pair[2])
{
  gn_probe *pr = x->pr;
  size_t n1 = pr->nout / pr->B;
  gn_probe_row_in(pr, i, pr->in, in1);
  gn_probe_row_out(pr, i, x->a, x->d);
  (void)gn_probe_eval(pr, 1, pr->t + i, in1, pr->p, 0, x->b);
  for (size_t j = 0; j < n1; j++)
    if (!(fabs(x->d[j] - x->b[j]) <= *worst)) {
      *worst = fabs(x->d[j] - x->b[j]);
      pair[0] = x->d[j];
      pair[1] = x->b[j];
    }
  gn_probe_row_out(pr, i, pr->w, x->d);
  gn_vec_fill(pr->nall, 0, x->ia);
  (void)gn_probe_vjp(pr, 1, pr->t + i, in1, pr->p, 0, x->d, x->ia);
  gn_probe_add_row(pr, i, x->ia, x->ib);
  if (!pr->map->pgrad) return GN_OK;
  gn_tape tp = gn_probe_tape(pr, 0);
  tp.rows = 1;
  pr->map->pgrad(pr->model, pr->p, &tp, 1, x->q);
  return GN_OK;
}

gn_status gn_check_rows(gn_checking *x)
{
  gn_probe *pr = x->pr;
  gn_shape none = { 0, 0 };
  double worst = 0, pair[2] = { 0, 0 }, *in1;
  GN_NEW(x->c->arena, in1, pr->nall);
  (void)eval_here(x, x->a);
  gn_vec_fill(pr->nall, 0, x->ib);
  gn_vec_fill(pr->np, 0, x->q);
  for (size_t i = 0; i < pr->B; i++) GN_TRY(one_row(x, i, in1, &worst, pair));
  GN_TRY(gn_checking_single(x, GN_V_EVAL, "rows", "", pair[0], pair[1],
                            gn_checking_scale(pr->nout, x->a, 1), GN_LIM_ROWS));
  GN_TRY(gn_checking_compare(x, GN_V_VJP, "rows", "", pr->nall, x->gin, x->ib,
                             gn_checking_scale(pr->nall, x->ib, 1), GN_LIM_SUM, none,
                             NULL));
  if (!pr->map->pgrad) return GN_OK;
  return gn_checking_compare(x, GN_V_PGRAD, "rows", "", pr->np, x->gp, x->q,
                             gn_checking_scale(pr->np, x->q, 1), GN_LIM_SUM, none, NULL);
}
