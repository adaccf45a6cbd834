/* CVODES as strategies use it: one place of evaluation, correctors, failures. Adams takes
 * the fixed-point iteration, BDF Newton with matrix-free SPGMR. Hindmarsh et al., ACM TOMS
 * 31 (2005), section 2. */
#include "cvode.h"

#include "base/vec.h"

#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>
#include <sunnonlinsol/sunnonlinsol_newton.h>

#include <string.h>

gn_status gn_site_setup(gn_site *st, gn_arena *a, gn_flow *fl, size_t Bmax)
{
  const gn_model *m = fl->model;
  st->flow = fl;
  GN_NEW(a, st->y, Bmax * m->ny);
  GN_NEW(a, st->f, Bmax * m->ny);
  return gn_pool_create(&m->tape[GN_F], 1, Bmax, &st->pool);
}

void gn_site_destroy(gn_site *st) { gn_pool_destroy(&st->pool); }

gn_status gn_site_start(gn_site *st)
{
  st->known = st->fatal = st->bad = 0;
  if (st->rec && st->rec->B == st->flow->B) return GN_OK;
  gn_record_give(&st->rec);
  return gn_pool_take(st->pool, st->flow->B, &st->rec);
}

gn_tape gn_site_tape(const gn_site *st) { return gn_record_tape(st->rec, 0, 1); }

int gn_site_go(gn_site *st, double s, const double *y)
{
  const size_t n = st->flow->B * st->flow->model->ny;
  if (st->known && s == st->s && memcmp(y, st->y, n * sizeof *y) == 0) return 0;
  const gn_tape tape = gn_site_tape(st);
  st->s = s;
  gn_vec_copy(n, y, st->y);
  const int rc = gn_flow_eval(st->flow, s, y, &tape, st->f);
  st->known = rc == 0;
  return gn_site_value(st, rc, 0, NULL);
}

int gn_site_value(gn_site *st, int rc, size_t n, const double *z)
{
  if (rc == 0 && n > 0 && !gn_vec_finite(n, z)) rc = GN_RETRY;
  st->bad = rc > 0;
  if (rc < 0) st->fatal = 1;
  return rc;
}

gn_status gn_corrector_make(gn_corrector *c, int method, N_Vector y, SUNContext ctx)
{
  if (method == GN_ADAMS) c->nonlinear = SUNNonlinSol_FixedPoint(y, 0, ctx);
  else c->nonlinear = SUNNonlinSol_Newton(y, ctx);
  if (method == GN_BDF) c->linear = SUNLinSol_SPGMR(y, SUN_PREC_NONE, 0, ctx);
  GN_REQUIRE(c->nonlinear && (c->linear || method == GN_ADAMS), GN_ENOMEM,
             "SUNDIALS could not make a nonlinear solver");
  return GN_OK;
}

void gn_corrector_free(gn_corrector *c)
{
  if (c->nonlinear) SUNNonlinSolFree(c->nonlinear);
  if (c->linear) SUNLinSolFree(c->linear);
  *c = (gn_corrector){ NULL, NULL };
}

gn_status gn_cvode_failed(void *mem, int rc, const gn_site *st, const char *what,
                          const char *text)
{
  double t = 0, h = 0;
  if (mem) {
    CVodeGetCurrentTime(mem, &t);
    CVodeGetCurrentStep(mem, &h);
  }
  if (rc == CV_MEM_FAIL) return GN_FAIL(GN_ENOMEM, "out of memory in the %s solve", what);
  if (st->fatal)
    return GN_FAIL(GN_ESOLVER, "the right-hand side asked to stop at t = %g (%s solve)", t,
                   what);
  if (st->bad)
    return GN_FAIL(GN_ENONFINITE,
                   "values are not finite beyond t = %g, h = %.3g (%s solve): the solution "
                   "blows up or the model overflows; bound the model or shorten the time",
                   t, h, what);
  return GN_FAIL(GN_ESOLVER,
                 "CVODES gave up the %s solve at t = %g, h = %.3g (%s, code %d); loosen the "
                 "tolerance, or the problem is stiff: gradient.method = bdf",
                 what, t, h, text[0] ? text : "no message", rc);
}
