/* Adams and BDF by CVODES, one step at a time.
 *
 *   sum_j alpha_j y_{n-j} = h sum_j beta_j f_{n-j},   order and step chosen by the error test
 *
 * gnomon pins what decides the steps: first step (Hairer, Norsett, Wanner II.4 for order
 * one), norm, vector loops, order, failures and iterations. A stop time that the next step
 * would not reach, but the one after it would pass, is met in two equal steps: a remainder
 * of rounding size spoils the history of a multistep method. A restart begins at order one,
 * where the step planned at a higher order would be rejected several times: it is the most
 * the first step may be (15 to 25 % fewer evaluations with eight restarts). The slopes of a
 * step are the derivative of CVODES' own polynomial.
 *
 * Hindmarsh et al., ACM TOMS 31 (2005); Brown, Byrne, Hindmarsh, SIAM J. Sci. Stat. Comput.
 * 10 (1989). */
#include "multistep.h"

#include <cvodes/cvodes_ls.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>
#include <sunnonlinsol/sunnonlinsol_newton.h>

#include <float.h>
#include <math.h>

/* CVODES' vectors besides the history (7), and those of its solvers besides Krylov's (7). */
enum { OWN_VECTORS = 14, ITERATIONS = 3, CONVERGENCE_FAILS = 10 };

/* ---- set-up --------------------------------------------------------------------------- */

static int factor(sunrealtype s, N_Vector y, N_Vector fy, SUNMatrix A, sunbooleantype keep,
                  sunbooleantype *fresh, sunrealtype gamma, void *user, N_Vector tmp1,
                  N_Vector tmp2, N_Vector tmp3)
{
  (void)A, (void)tmp1, (void)tmp2, (void)tmp3;
  return gn_implicit_factor(user, s, y, fy, keep, fresh, gamma);
}

static long count_iterations(gn_implicit *self)
{
  long n = 0;
  if (((gn_multistep *)self)->opt.newton)
    CVodeGetNumNonlinSolvIters(((gn_multistep *)self)->mem, &n);
  return n;
}

static gn_status solvers(gn_multistep *self)
{
  const gn_multistep_options *o = &self->opt;
  gn_implicit *base = &self->base;
  self->corrector = o->newton ? SUNNonlinSol_Newton(base->y[0], base->ctx)
                              : SUNNonlinSol_FixedPoint(base->y[0], 0, base->ctx);
  GN_REQUIRE(self->corrector, GN_ENOMEM, "out of memory for the corrector");
  self->watch = (gn_watch){ .mem = self->mem, .norm = &base->base.sys->norm,
                            .space = &base->space, .bad = &base->bad,
                            .bad_block = &base->bad_block };
  GN_TRY(gn_watch_setup(&self->watch, base->base.arena));
  int rc = CVodeSetNonlinearSolver(self->mem, gn_watch_state(&self->watch, self->corrector));
  if (o->newton) {
    GN_TRY(gn_linear_solver(&base->linear, base->base.arena, o->linear, o->krylov,
                            base->y[0], base->ctx));
    rc |= CVodeSetLinearSolver(self->mem, base->linear.solver, base->linear.matrix);
    if (o->linear == GN_DENSE) rc |= CVodeSetLinSysFn(self->mem, factor);
    else rc |= CVodeSetJacTimes(self->mem, NULL, gn_implicit_times);
  }
  rc |= CVodeSetMaxNonlinIters(self->mem, ITERATIONS);
  GN_REQUIRE(rc == 0, GN_ESOLVER, "CVODES refused a solver (%s)", base->text);
  return GN_OK;
}

gn_status gn_multistep_setup(gn_stepper *st, int lmm, const gn_multistep_options *opt)
{
  gn_multistep *self = (gn_multistep *)st;
  gn_implicit *base = &self->base;
  self->opt = *opt;
  base->count_iterations = count_iterations;
  GN_TRY(gn_implicit_setup(base, (size_t)(OWN_VECTORS + opt->max_order + 1 + opt->krylov)));
  self->mem = CVodeCreate(lmm, base->ctx);
  GN_REQUIRE(self->mem, GN_ENOMEM, "CVODES could not be created (%s)", base->text);
  gn_sun_quiet_cvodes(self->mem, base->text);
  int rc = CVodeSetMaxOrd(self->mem, opt->max_order);
  rc |= CVodeInit(self->mem, gn_implicit_rhs, 0, base->y[0]);
  rc |= CVodeWFtolerances(self->mem, gn_implicit_weights);
  rc |= CVodeSetUserData(self->mem, self);
  rc |= CVodeSetMaxErrTestFails(self->mem, opt->max_fails);
  rc |= CVodeSetMaxConvFails(self->mem, CONVERGENCE_FAILS);
  GN_REQUIRE(rc == 0, GN_ESOLVER, "CVODES refused an option (%s)", base->text);
  return solvers(self);
}

/* ---- steps ---------------------------------------------------------------------------- */

static gn_status failed(const gn_multistep *self, const char *what)
{
  return gn_implicit_failed(&self->base, what,
                            self->opt.newton ? "loosen the tolerance"
                                             : "loosen the tolerance, or use bdf if the "
                                               "problem is stiff");
}

/* Order one from (s, y), and nothing of what was before. fixed > 0: the first step. */
static gn_status restart(gn_multistep *self, double s, const double *y, double fixed,
                         double most)
{
  gn_implicit *base = &self->base;
  const gn_system *sys = base->base.sys;
  double h = fixed;
  GN_TRY(gn_implicit_begin(base, s, y, 2, fixed > 0 ? NULL : &h));
  if (fixed <= 0 && most > 0 && most < h) h = most;
  base->base.h_next = h;
  base->iterations = 0;
  int rc = CVodeReInit(self->mem, s, base->y[base->now]);
  rc |= CVodeSetInitStep(self->mem, base->dir * h);
  if (self->opt.newton && self->opt.linear == GN_SPGMR)
    rc |= CVodeSetLSNormFactor(self->mem, sqrt((double)sys->n));
  return rc == 0 ? GN_OK : failed(self, "CVODES could not start");
}

gn_status gn_multistep_start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  gn_multistep *self = (gn_multistep *)st;
  self->base.dir = dir;
  self->base.now = 0;
  self->base.fatal = 0;
  self->base.text[0] = 0;
  return restart(self, s0, y0, self->opt.h0, h0);
}

gn_status gn_multistep_reset(gn_stepper *st, double s, const double *y)
{
  return restart((gn_multistep *)st, s, y, 0, st->h_next);
}

/* Tell CVODES how far the next step may go and what is too small. */
static int aim(gn_multistep *self, double stop)
{
  gn_implicit *base = &self->base;
  const double s = base->base.s, h = base->base.h_next, rest = fabs(stop - s);
  const double to = h < rest && rest < 2 * h ? (s + stop) / 2 : stop;
  const int rc = CVodeSetMinStep(self->mem, 4 * DBL_EPSILON * fmax(fabs(s), fabs(stop)));
  if (to == base->stop) return rc;
  base->stop = to;
  return rc | CVodeSetStopTime(self->mem, to);
}

gn_status gn_multistep_step(gn_stepper *st, double stop)
{
  gn_multistep *self = (gn_multistep *)st;
  gn_implicit *base = &self->base;
  const double planned = st->h_next;
  sunrealtype s_new, h, next;
  if (aim(self, stop) != 0) return failed(self, "bad stop time");
  self->watch.history = st->history;
  self->watch.rejects = 0;
  gn_watch_step(&self->watch, st->s);
  const int rc = CVode(self->mem, stop, base->y[1 - base->now], &s_new, CV_ONE_STEP);
  gn_watch_end(&self->watch);
  st->rejects += self->watch.rejects;
  gn_implicit_count(base);
  if (rc < 0 || base->fatal)
    return failed(self, rc == CV_CONV_FAILURE ? "the corrector did not converge"
                                              : "the error test failed repeatedly");
  if (s_new == st->s) return failed(self, "the step size is below rounding");
  CVodeGetLastStep(self->mem, &h);
  CVodeGetCurrentStep(self->mem, &next);
  st->h_next = fabs(next);
  if (rc == CV_TSTOP_RETURN) { /* CVODES has forgotten the size it had planned */
    base->stop = (double)NAN;
    st->h_next = fmax(st->h_next, planned);
  }
  if (st->want_slopes && CVodeGetDky(self->mem, s_new, 1, base->slope[1 - base->now]) != 0)
    return failed(self, "the slope could not be read");
  gn_implicit_describe(base, s_new, h);
  return GN_OK;
}

void gn_multistep_destroy(gn_stepper *st)
{
  gn_multistep *self = (gn_multistep *)st;
  if (self->mem) CVodeFree(&self->mem);
  if (self->corrector) SUNNonlinSolFree(self->corrector);
  gn_implicit_destroy(&self->base);
}
