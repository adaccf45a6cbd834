/* The attempts of CVODES one by one. For each it calls the nonlinear solver of the state once,
 * with tol = c / tq, and then tests
 *
 *   tq |ycor|_wrms <= 1        of the state (simultaneous: of all vectors), then the same of
 *                              the integrals, or of staggered sensitivities
 *
 * (cvStep, cvNls, cvDoErrorTest; tq[4] = nlscoef / tq[2] in cvSetTqBDF and cvAdamsFinish, the
 * same in 6.4.1 and 7.1.1). So the error of a rejected attempt is known where CVODES forgets
 * it: right after the solve, by the norm of the vectors it was given. The verdict is not
 * computed but read from CVODES' counters when the next attempt begins or it has returned. */
#include "watch.h"

#include <math.h>

static const double NLSCOEF = 0.1; /* CVODES' default, which gnomon leaves */

SUNNonlinearSolver gn_lid_on(gn_lid *lid, SUNNonlinearSolver solver, gn_solve_fn solve,
                             void *user)
{
  lid->solver = solver;
  lid->user = user;
  lid->ops = *solver->ops;
  lid->ops.solve = solve;
  lid->seen = *solver;
  lid->seen.ops = &lid->ops;
  return &lid->seen;
}

/* Attempts that failed an error test, of whatever vectors. */
static long count_tests(const gn_watch *self)
{
  long n = 0, more = 0;
  CVodeGetNumErrTestFails(self->mem, &n);
  if (self->parts & GN_WATCH_QUAD) CVodeGetQuadNumErrTestFails(self->mem, &more);
  if (self->parts & GN_WATCH_STAGGERED) CVodeGetSensNumErrTestFails(self->mem, &more);
  return n + more;
}

/* The norm's last evaluation becomes that of the attempt. */
static void show(gn_watch *self)
{
  gn_norm *nm = self->norm;
  double largest = -1;
  nm->value = self->error;
  for (size_t k = 0; k < nm->nseg; k++) {
    const double square = self->square[k];
    nm->seg[k].square = square;
    if (isnan(square) || square > largest) largest = square, nm->worst = (int)k;
  }
}

static void reject(gn_watch *self)
{
  const int tested = count_tests(self) > self->tests, bad = *self->bad;
  if (!tested && !bad && self->failed <= 0) return; /* told to stop: not an attempt */
  gn_history_step(self->history, self->norm, self->t, self->h,
                  tested ? GN_STEP_REJECTED
                  : bad  ? GN_STEP_NOT_FINITE
                         : GN_STEP_NO_CONVERGENCE);
  if (self->replay) return;
  self->rejects++;
  gn_norm_reject(self->norm, tested                  ? self->norm->worst
                             : bad && self->bad_block ? *self->bad_block
                                                      : -1);
}

/* The fate of the attempt is known. */
static void settle(gn_watch *self, int accepted)
{
  if (!self->pending) return;
  self->pending = 0;
  show(self);
  if (self->history) self->history->replay = self->replay;
  if (accepted) {
    CVodeGetLastStep(self->mem, &self->h);
    gn_history_step(self->history, self->norm, self->t, self->h, GN_STEP_ACCEPTED);
  } else {
    reject(self);
  }
  if (self->history) self->history->replay = 0;
}

/* The size CVODES is trying now: not always the one it calls current. */
static double attempted(void *mem)
{
  sunrealtype t, gamma, rl1, next = 0;
  N_Vector ypred, yn, fn, zn1;
  void *user;
  CVodeGetNonlinearSystemData(mem, &t, &ypred, &yn, &fn, &gamma, &rl1, &zn1, &user);
  CVodeGetCurrentStep(mem, &next);
  return next * rl1 == gamma ? next : gamma / rl1;
}

static void begin(gn_watch *self)
{
  settle(self, 0);
  self->pending = 1;
  self->failed = 0;
  self->error = 0;
  for (size_t k = 0; k < self->norm->nseg; k++) self->square[k] = -1;
  self->h = attempted(self->mem);
  self->tests = count_tests(self);
  CVodeGetNumSteps(self->mem, &self->steps);
}

/* A norm of a vector in the error test; at: its first segment in the rows. */
static void take(gn_watch *self, const gn_norm *nm, size_t at)
{
  const double error = self->tq * nm->value;
  if (isnan(error) || error > self->error) self->error = error;
  for (size_t k = 0; k < nm->nseg; k++) {
    const double square = self->tq * self->tq * nm->seg[k].square;
    double *most = &self->square[at + k];
    if (isnan(square) || square > *most) *most = square;
  }
}

/* Vectors of the state and of what is solved with it: the state is the first. */
static void see_state(void *user, const gn_norm *nm)
{
  gn_watch *self = user;
  const size_t first = self->part++ == 0;
  if (first || self->parts & GN_WATCH_SENS) take(self, nm, first ? 0 : nm->nseg);
}

static void see_staggered(void *user, const gn_norm *nm)
{
  gn_watch *self = user;
  if (self->parts & GN_WATCH_SENS) take(self, nm, nm->nseg);
}

/* Only the first norm after the solve is that of the test. */
static void see_quad(void *user, const gn_norm *nm)
{
  gn_watch *self = user;
  self->quad_space->seen = NULL;
  take(self, nm, self->norm->nseg - 1);
}

/* The norms of y by CVODES' own operation, which asks for those of its parts. */
static void look(gn_watch *self, N_Vector y, N_Vector w, double tol,
                 void (*see)(void *user, const gn_norm *nm))
{
  gn_vspace *vs = self->space;
  self->tq = NLSCOEF / tol;
  self->part = 0;
  vs->seen = see;
  vs->seen_by = self;
  (void)N_VWrmsNorm(y, w);
  vs->seen = NULL;
}

static int solve_state(SUNNonlinearSolver NLS, N_Vector y0, N_Vector y, N_Vector w,
                       sunrealtype tol, sunbooleantype setup, void *mem)
{
  const gn_lid *lid = (const gn_lid *)NLS;
  gn_watch *self = lid->user;
  gn_vspace *qs = self->parts & GN_WATCH_QUAD ? self->quad_space : NULL;
  begin(self);
  if (qs) qs->seen = NULL;
  self->failed = lid->solver->ops->solve(NLS, y0, y, w, tol, setup, mem);
  if (self->failed) return self->failed;
  look(self, y, w, tol, see_state);
  if (qs) qs->seen = see_quad, qs->seen_by = self;
  return 0;
}

static int solve_staggered(SUNNonlinearSolver NLS, N_Vector y0, N_Vector y, N_Vector w,
                           sunrealtype tol, sunbooleantype setup, void *mem)
{
  const gn_lid *lid = (const gn_lid *)NLS;
  gn_watch *self = lid->user;
  self->failed = lid->solver->ops->solve(NLS, y0, y, w, tol, setup, mem);
  if (!self->failed) look(self, y, w, tol, see_staggered);
  return self->failed;
}

gn_status gn_watch_setup(gn_watch *self, gn_arena *a)
{
  GN_NEW(a, self->square, self->norm->nseg);
  return GN_OK;
}

SUNNonlinearSolver gn_watch_state(gn_watch *self, SUNNonlinearSolver solver)
{
  return gn_lid_on(&self->lid, solver, solve_state, self);
}

SUNNonlinearSolver gn_watch_staggered(gn_watch *self, SUNNonlinearSolver solver)
{
  return gn_lid_on(&self->sens_lid, solver, solve_staggered, self);
}

void gn_watch_step(gn_watch *self, double t)
{
  settle(self, 1);
  self->t = t;
}

void gn_watch_end(gn_watch *self)
{
  long steps = self->steps;
  if (!self->pending) return;
  CVodeGetNumSteps(self->mem, &steps);
  settle(self, steps > self->steps);
}
