/* Diagonally implicit Runge-Kutta by ARKODE's ARKStep, for stiff problems with many restarts.
 *
 *   Y_i = y + h sum_{j<=i} a_ij K_j,   K_i = f(t + c_i h, Y_i),   y+ = Y_s
 *
 * Newton's method for one stage after the other, linear systems as in bdf. All tables are
 * stiffly accurate, so the last stage is the new state and its slope comes from the stage
 * equation, (Y_s - y)/h - ..., not from an evaluation that would multiply the error left in
 * Y_s by the stiffness. gnomon pins table, first step, controller, growth, norm, predictor
 * (the last state) and iterations:
 *
 *   h' = safety h e^(-1/k),   k = order of the error + 1
 *
 * A stop time that cuts a step does not shrink the ones after it; neither does a restart.
 * Stages are solved in the norm, so a quadrature is in it here and may shorten the steps.
 * Between its ends a step is a cubic through their slopes: adjoints that read the path
 * (interpolate, gauss) do not reach the accuracy of ark548's long steps.
 *
 * Kennedy, Carpenter, Appl. Numer. Math. 44 (2003) (ark324, ark436, ark548); sdirk_5_3_4:
 * Hairer, Wanner, Solving ODEs II, table IV.6.5. */
#include "base/vec.h"
#include "implicit.h"
#include "watch.h"

#include <sunnonlinsol/sunnonlinsol_newton.h>

#include <float.h>
#include <math.h>

typedef struct config {
  int table, linear, krylov, max_fails;
  double safety, growth, h0, newton_tol;
} config;

static const gn_option options[] = {
  GN_CHOICE(config, "table", table, 0, "sdirk_5_3_4|ark324|ark436|ark548",
            "Butcher table (orders 4, 3, 4, 5)"),
  GN_CHOICE(config, "linear", linear, GN_SPGMR, GN_LINEAR_CHOICES,
            "how Newton's linear systems are solved"),
  GN_INT(config, "krylov", krylov, 10, 1, 200, "spgmr: most vectors of one solve"),
  GN_REAL(config, "safety", safety, 0.8, 0.1, 0.99, "safety factor of the controller"),
  GN_REAL(config, "growth", growth, 5, 1.1, 100, "largest growth from step to step"),
  GN_INT(config, "max_fails", max_fails, 20, 1, 100, "rejections of one step before giving up"),
  GN_REAL(config, "h0", h0, 0, 0, 1e300, "first step (0: estimate it)"),
  GN_REAL(config, "newton_tol", newton_tol, 0.1, 1e-12, 1,
          "last correction of Newton's method, of the error allowed in a step; what it leaves puts "
          "discrete off the gradient of the steps, in proportion, at 0.1 by up to 0.5 (spgmr) or "
          "20 (dense) rtol, where it is stiff by 40 or 1e4 (van der Pol, mu = 100)"),
  GN_OPTIONS_END,
};

static const struct {
  ARKODE_DIRKTableID id;
  int stages, least; /* lower one of the orders of solution and embedded solution */
} tables[] = {
  { ARKODE_SDIRK_5_3_4, 5, 3 },
  { ARKODE_ARK324L2SA_DIRK_4_2_3, 4, 2 },
  { ARKODE_ARK436L2SA_DIRK_6_3_4, 6, 3 },
  { ARKODE_ARK548L2SA_DIRK_8_4_5, 8, 4 },
};

/* ARKStep's vectors besides the stages, and those of its solvers besides Krylov's. Iterations
   at the tolerance 0.1; one that is ten times smaller gets two more. */
enum { OWN_VECTORS = 32, ITERATIONS = 3, CONVERGENCE_FAILS = 10 };

typedef struct dirk {
  gn_implicit base;
  void *mem;
  gn_controller ctrl;
  SUNNonlinearSolver newton;
  gn_lid lid;       /* on newton */
  double carry;     /* size that the stop time in force has cut, or 0 */
  long begun;       /* failed attempts before this step               */
  gn_tableau tab;
  int first;        /* the first implicit stage, 0 or 1               */
  double *Y[GN_STAGES_MAX];           /* [nmax] the implicit stages solved last, in turn */
  const double *stage[GN_STAGES_MAX]; /* of the step, in order                           */
  size_t solved;
} dirk;

/* ---- what ARKODE calls ---------------------------------------------------------------- */

static int factor(sunrealtype s, N_Vector y, N_Vector fy, SUNMatrix A, SUNMatrix M,
                  sunbooleantype keep, sunbooleantype *fresh, sunrealtype gamma, void *user,
                  N_Vector tmp1, N_Vector tmp2, N_Vector tmp3)
{
  (void)A, (void)M, (void)tmp1, (void)tmp2, (void)tmp3;
  return gn_implicit_factor(user, s, y, fy, keep, fresh, gamma);
}

static long count_iterations(gn_implicit *self)
{
  long n = 0;
  GN_ARKSTEP(GetNumNonlinSolvIters)(((dirk *)self)->mem, &n);
  return n;
}

/* A stage that is not solved ends its attempt. */
static int solve(SUNNonlinearSolver NLS, N_Vector y0, N_Vector y, N_Vector w, sunrealtype tol,
                 sunbooleantype fresh, void *mem)
{
  dirk *self = ((const gn_lid *)NLS)->user;
  const int rc = self->lid.solver->ops->solve(NLS, y0, y, w, tol, fresh, mem);
  sunrealtype h = 0;
  if (rc <= 0) return rc;
  GN_ARKSTEP(GetCurrentStep)(mem, &h);
  gn_implicit_rejected(&self->base, h,
                       self->base.bad ? GN_STEP_NOT_FINITE : GN_STEP_NO_CONVERGENCE);
  return rc;
}

/* Told of every error test right after its norm was taken. */
static double next_h(void *user, double h, double err)
{
  dirk *self = user;
  gn_stepper *st = &self->base.base;
  const config *c = st->config;
  const double k = tables[c->table].least + 1;
  double size = fabs(h) * fmin(c->safety * pow(fmax(err, 1e-10), -1 / k), c->growth);
  if (!(err <= 1)) gn_implicit_rejected(&self->base, h, GN_STEP_REJECTED);
  if (st->rejects > self->begun) self->carry = 0;
  size = fmax(size, self->carry); /* the step was cut: back to the size planned */
  if (err <= 1) {
    const double rest = fabs(self->base.stop - st->s - h);
    if (size < rest && rest < 1.1 * size) size = rest;
    else if (size < rest && rest < 2 * size) size = rest / 2;
    st->h_next = size;
  }
  return copysign(size / c->safety, h);
}

/* A stage is solved. The accepted attempt is the last one of a step, and its stages the last
   ones solved; an explicit first stage is the state before the step, whatever is said here. */
static int keep_stage(sunrealtype s, N_Vector y, void *user)
{
  (void)s;
  dirk *self = user;
  const gn_stepper *st = &self->base.base;
  if (!st->want_stages) return 0;
  const size_t slot = self->solved++ % (size_t)(self->tab.s - self->first);
  gn_vec_copy(st->sys->n, gn_vector_data(y), self->Y[slot]);
  return 0;
}

static void describe_stages(dirk *self)
{
  gn_step *out = &self->base.base.now;
  const size_t ring = (size_t)(self->tab.s - self->first);
  self->stage[0] = out->y0;
  for (size_t i = 0; i < ring; i++)
    self->stage[(size_t)self->first + i] = self->Y[(self->solved + i) % ring];
  out->Y = self->stage;
}

/* ---- set-up --------------------------------------------------------------------------- */

/* ARKODE's own coefficients. */
static gn_status read_table(dirk *self)
{
  gn_stepper *st = &self->base.base;
  const config *c = st->config;
  gn_tableau *tab = &self->tab;
  ARKodeButcherTable from = ARKodeButcherTable_LoadDIRK(tables[c->table].id);
  GN_REQUIRE(from, GN_ENOMEM, "the Butcher table could not be loaded");
  tab->name = "dirk";
  tab->s = from->stages, tab->order = from->q, tab->embedded = from->p;
  for (int i = 0; i < tab->s; i++) {
    tab->b[i] = from->b[i], tab->bhat[i] = from->d[i], tab->c[i] = from->c[i];
    for (int j = 0; j <= i; j++) tab->A[i][j] = from->A[i][j];
  }
  ARKodeButcherTable_Free(from);
  self->first = tab->A[0][0] == 0;
  for (int i = self->first; i < tab->s; i++) GN_NEW(st->arena, self->Y[i - self->first], st->nmax);
  st->implicit = tab;
  st->dense = c->linear == GN_DENSE;
  return GN_OK;
}

static int newton_iterations(double tol)
{
  return ITERATIONS + (int)fmax(0, ceil(2 * log10(0.1 / tol)));
}

static gn_status integrator(dirk *self)
{
  gn_implicit *base = &self->base;
  const config *c = base->base.config;
  self->mem = ARKStepCreate(NULL, gn_implicit_rhs, 0, base->y[0], base->ctx);
  GN_REQUIRE(self->mem, GN_ENOMEM, "ARKStep could not be created (%s)", base->text);
  gn_sun_quiet(self->mem, base->text);
  int rc = GN_ARKSTEP(SetNonlinearSolver)(
    self->mem, gn_lid_on(&self->lid, self->newton, solve, self));
  rc |= ARKStepSetTableNum(self->mem, tables[c->table].id, ARKODE_ERK_NONE);
  rc |= GN_ARKSTEP(WFtolerances)(self->mem, gn_implicit_weights);
  rc |= GN_ARKSTEP(SetUserData)(self->mem, self);
  rc |= GN_ARKSTEP(SetSafetyFactor)(self->mem, c->safety);
  rc |= GN_ARKSTEP(SetMaxGrowth)(self->mem, 1e6);
  rc |= GN_ARKSTEP(SetMaxFirstGrowth)(self->mem, 1e6);
  rc |= GN_ARKSTEP(SetFixedStepBounds)(self->mem, 1, 1);
  rc |= GN_ARKSTEP(SetMaxErrTestFails)(self->mem, c->max_fails);
  rc |= GN_ARKSTEP(SetMaxConvFails)(self->mem, CONVERGENCE_FAILS);
  rc |= GN_ARKSTEP(SetMaxNonlinIters)(self->mem, newton_iterations(c->newton_tol));
  rc |= GN_ARKSTEP(SetNonlinConvCoef)(self->mem, c->newton_tol);
  rc |= GN_ARKSTEP(SetPostprocessStageFn)(self->mem, keep_stage);
  rc |= GN_ARKSTEP(SetInterpolantDegree)(self->mem, 3);
  rc |= GN_ARKSTEP(SetPredictorMethod)(self->mem, 0);
  rc |= GN_ARKSTEP(SetDeduceImplicitRhs)(self->mem, SUNTRUE);
  rc |= GN_ARKSTEP(SetLinearSolver)(self->mem, base->linear.solver, base->linear.matrix);
  if (c->linear == GN_DENSE) rc |= GN_ARKSTEP(SetLinSysFn)(self->mem, factor);
  else rc |= GN_ARKSTEP(SetJacTimes)(self->mem, NULL, gn_implicit_times);
  GN_REQUIRE(rc == 0, GN_ESOLVER, "ARKStep refused an option (%s)", base->text);
  self->ctrl = (gn_controller){ next_h, self, NULL };
  return gn_sun_controller(self->mem, base->ctx, &self->ctrl);
}

static gn_status setup(gn_stepper *st, const void *config_)
{
  const config *c = config_;
  dirk *self = (dirk *)st;
  gn_implicit *base = &self->base;
  base->count_iterations = count_iterations;
  const int krylov = c->linear == GN_SPGMR ? c->krylov : 0;
  GN_TRY(gn_implicit_setup(base, (size_t)(OWN_VECTORS + tables[c->table].stages + krylov)));
  GN_TRY(gn_linear_solver(&base->linear, st->arena, c->linear, c->krylov, base->y[0],
                          base->ctx));
  self->newton = SUNNonlinSol_Newton(base->y[0], base->ctx);
  GN_REQUIRE(self->newton, GN_ENOMEM, "out of memory for Newton's method");
  GN_TRY(read_table(self));
  return integrator(self);
}

/* ---- steps ---------------------------------------------------------------------------- */

static gn_status failed(const dirk *self, const char *what)
{
  return gn_implicit_failed(&self->base, what, "loosen the tolerance");
}

/* ARKStepReInit keeps the sign of the last step and then refuses stop times of the other. */
static gn_status turn(dirk *self)
{
  GN_ARKSTEP(Free)(&self->mem);
  gn_sun_controller_free(&self->ctrl);
  return integrator(self);
}

/* Newton's method and GMRES look at the norm: a block outside of it would stay as it came,
   and be wrong where the last stage is the solution. */
static gn_status all_in_norm(const gn_norm *nm)
{
  for (size_t k = 0; k < nm->nseg; k++)
    GN_REQUIRE(nm->seg[k].group >= 0, GN_EUNSUP,
               "dirk solves its stages in the norm, and %s is outside of it; use backsolve with "
               "another norm, or interpolate", nm->seg[k].name);
  return GN_OK;
}

static gn_status start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  dirk *self = (dirk *)st;
  gn_implicit *base = &self->base;
  const config *c = st->config;
  GN_TRY(all_in_norm(&st->sys->norm));
  if (base->dir == -dir) GN_TRY(turn(self));
  base->dir = dir;
  base->now = base->fatal = 0;
  base->text[0] = 0;
  self->carry = 0;
  double h = h0 > 0 ? h0 : c->h0;
  GN_TRY(gn_implicit_begin(base, s0, y0, tables[c->table].least + 1, h > 0 ? NULL : &h));
  st->h_next = h;
  base->iterations = 0;
  int rc = ARKStepReInit(self->mem, NULL, gn_implicit_rhs, s0, base->y[0]);
  rc |= GN_ARKSTEP(SetInitStep)(self->mem, dir * h);
  if (c->linear == GN_SPGMR)
    rc |= GN_ARKSTEP(SetLSNormFactor)(self->mem, sqrt((double)st->sys->n));
  return rc == 0 ? GN_OK : failed(self, "ARKStep could not start");
}

static gn_status reset(gn_stepper *st, double s, const double *y)
{
  dirk *self = (dirk *)st;
  gn_implicit *base = &self->base;
  GN_TRY(gn_implicit_begin(base, s, y, 0, NULL));
  self->carry = 0;
  return GN_ARKSTEP(Reset)(self->mem, s, base->y[base->now]) == 0
           ? GN_OK
           : failed(self, "ARKStep could not restart");
}

/* Tell ARKODE how far it may go and what is too small. */
static int aim(dirk *self, double stop)
{
  gn_implicit *base = &self->base;
  const double s = base->base.s, h = base->base.h_next;
  self->carry = h > fabs(stop - s) ? h : 0;
  self->begun = base->base.rejects;
  const double least = 4 * DBL_EPSILON * fmax(fabs(s), fabs(stop));
  const int rc = GN_ARKSTEP(SetMinStep)(self->mem, least);
  if (stop == base->stop) return rc;
  base->stop = stop;
  return rc | GN_ARKSTEP(SetStopTime)(self->mem, stop);
}

static gn_status step(gn_stepper *st, double stop)
{
  dirk *self = (dirk *)st;
  gn_implicit *base = &self->base;
  N_Vector y1 = base->y[1 - base->now];
  sunrealtype s_new, h;
  if (aim(self, stop) != 0) return failed(self, "bad stop time");
  const int rc = GN_ARKSTEP(Evolve)(self->mem, stop, y1, &s_new, ARK_ONE_STEP);
  gn_implicit_count(base);
  if (rc < 0 || base->fatal)
    return failed(self, rc == ARK_CONV_FAILURE ? "Newton's method did not converge"
                                               : "the error test failed repeatedly");
  if (s_new == st->s) return failed(self, "the step size is below rounding");
  GN_ARKSTEP(GetLastStep)(self->mem, &h);
  gn_history_step(st->history, &st->sys->norm, st->s, h, GN_STEP_ACCEPTED);
  if (rc == ARK_TSTOP_RETURN) base->stop = (double)NAN;
  if (st->want_slopes &&
      GN_ARKSTEP(GetDky)(self->mem, s_new, 1, base->slope[1 - base->now]) != 0)
    return failed(self, "the slope could not be read");
  gn_implicit_describe(base, s_new, h);
  if (st->want_stages) describe_stages(self);
  return GN_OK;
}

static void destroy(gn_stepper *st)
{
  dirk *self = (dirk *)st;
  if (self->mem) GN_ARKSTEP(Free)(&self->mem);
  gn_sun_controller_free(&self->ctrl);
  if (self->newton) SUNNonlinSolFree(self->newton);
  gn_implicit_destroy(&self->base);
}

const gn_stepper_class gn_stepper_dirk = {
  .name = "dirk",
  .summary = "adaptive diagonally implicit Runge-Kutta, Newton, ARKODE ARKStep",
  .source = "Hairer and Wanner II, IV.6; Kennedy and Carpenter, Appl. Numer. Math. 44 (2003)",
  .offers = GN_HAS_BACKWARD | GN_HAS_LANDING | GN_HAS_IMPLICIT_STAGES,
  .adaptive = 1,
  .whole_norm = 1,
  .size = sizeof(dirk),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { start, reset, step, destroy },
};
