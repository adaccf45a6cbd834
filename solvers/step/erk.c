/* Explicit Runge-Kutta by ARKODE's ERKStep.
 *
 * ARKODE takes the steps, tests the error and retries; gnomon pins everything that decides
 * them: table, first step (Hairer, Norsett, Wanner II.4), controller, growth, vector loops
 * and norm. The right-hand side sees the stages of an attempt in order, so their tapes go
 * straight into the step's record; on acceptance the recorded stage times are compared with
 * t + c_i h. Tables are those ERKStep 6.4.1 takes as written: it treats any table with
 * c_s = 1 as first-same-as-last, which is right for Dormand-Prince and Bogacki-Shampine.
 *
 *   controller i:   h' = safety h e^(-1/k)                       k = order of the error + 1
 *   controller pi:  h' = safety h e^(-0.8/k) e_old^(0.31/k)
 *
 * A stop time that cuts a step does not shrink the ones after it: the size planned before
 * is resumed. A value that is not finite becomes a huge slope, which the error test
 * rejects: ERKStep does not recover from a positive return (all versions up to 7.5).
 *
 * Hindmarsh et al., ACM TOMS 31 (2005); Reynolds et al., ACM TOMS 49 (2023). */
#include "base/vec.h"
#include "sundials.h"

#include <arkode/arkode_butcher_erk.h>

#include <math.h>
#include <string.h>

typedef struct config {
  int table, controller, max_fails;
  double safety, growth, h0;
} config;

static const gn_option options[] = {
  GN_CHOICE(config, "table", table, 0,
            "dormand_prince|bogacki_shampine|cash_karp|fehlberg|zonneveld",
            "Butcher table (orders 5, 3, 5, 5, 4)"),
  GN_CHOICE(config, "controller", controller, 0, "i|pi", "step-size controller"),
  GN_REAL(config, "safety", safety, 0.8, 0.1, 0.99, "safety factor of the controller"),
  GN_REAL(config, "growth", growth, 5, 1.1, 100, "largest growth from step to step"),
  GN_INT(config, "max_fails", max_fails, 20, 1, 100, "rejections of one step before giving up"),
  GN_REAL(config, "h0", h0, 0, 0, 1e300, "first step (0: estimate it)"),
  GN_OPTIONS_END,
};

static const struct {
  ARKODE_ERKTableID id;
  const char *name;
} tables[] = {
  { ARKODE_DORMAND_PRINCE_7_4_5, "dormand_prince" },
  { ARKODE_BOGACKI_SHAMPINE_4_2_3, "bogacki_shampine" },
  { ARKODE_CASH_KARP_6_4_5, "cash_karp" },
  { ARKODE_FEHLBERG_6_4_5, "fehlberg" },
  { ARKODE_ZONNEVELD_5_3_4, "zonneveld" },
};

enum { OWN_VECTORS = 16 }; /* more than ERKStep uses besides its stages (12 in 6.4) */
static const double HUGE_SLOPE = 1e100; /* its square stays finite in the norm */

typedef struct erk {
  gn_stepper base;
  gn_tableau tab;
  SUNContext ctx;
  void *mem;
  gn_controller ctrl;
  gn_vspace space;
  N_Vector y[2];              /* states before and after a step, in turn           */
  int now;                    /* which one holds the current state                 */
  gn_pool *pool, *head_pool;
  gn_record *rec, *head, *ahead; /* this step's, stage 0's, and the next step's     */
  int dir;
  int expect;                 /* stage the next call evaluates; s: attempt complete */
  int fresh;                  /* stage 0 of this step was evaluated anew            */
  int given;                  /* f0 holds the slope ARKODE will ask for first       */
  int bad, bad_attempts;      /* a stage of this attempt was not finite; in a row   */
  int bad_block;              /* where; -1: not known                               */
  int walled;                 /* so it was in the last attempt that failed          */
  int fatal;                  /* status of a right-hand side that said stop         */
  long fails;                 /* ARKODE's error-test failures seen                  */
  double stage_s[GN_STAGES_MAX];
  double s_first;             /* time stage 0 was evaluated                         */
  double *f0, *work;
  double *k0[2];              /* slope of stage 0, this step and the next           */
  const double *K[GN_STAGES_MAX];
  double stop, carry;         /* stop time in force; step size it cut, or 0         */
  int stop_set;
  double err_old;
  double tried;               /* size of the last attempt, as the controller saw it */
  char text[GN_SUN_TEXT];
} erk;

/* ---- the right-hand side as ARKODE sees it -------------------------------------------- */

/* A new attempt begins: the last one failed its error test. */
static void count_failure(erk *self, long fails)
{
  gn_norm *nm = &self->base.sys->norm;
  for (long k = self->fails; k < fails; k++) {
    gn_history_step(self->base.history, nm, self->base.s, self->tried,
                    self->bad ? GN_STEP_NOT_FINITE : GN_STEP_REJECTED);
    gn_norm_reject(nm, self->bad ? self->bad_block : nm->worst);
  }
  self->base.rejects += fails - self->fails;
  self->fails = fails;
  self->bad_attempts = self->bad ? self->bad_attempts + 1 : 0;
  self->walled = self->bad;
  self->bad = 0;
}

/* Which stage a call evaluates, and where its tape goes. */
static int place(erk *self, gn_record **rec, size_t *slice)
{
  const gn_tableau *tab = &self->tab;
  if (self->expect == tab->s) { /* after a whole attempt, and ARKODE has not returned */
    long fails = 0;
    ARKodeGetNumErrTestFails(self->mem, &fails);
    if (fails > self->fails) {
      count_failure(self, fails);
      self->expect = 1;
    } else { /* 6.4 evaluates stage 0 of the next step at the end of this one */
      if (!self->ahead && gn_pool_take(self->pool, self->base.sys->B, &self->ahead) != GN_OK)
        return -1;
      *rec = self->ahead;
      *slice = 0;
      return 0;
    }
  }
  const int i = self->expect++;
  *rec = tab->fsal && i == 0 ? self->head : self->rec;
  *slice = (size_t)(tab->fsal && i > 0 ? i - 1 : i);
  return i;
}

static int rhs(sunrealtype s, N_Vector y, N_Vector ydot, void *user)
{
  erk *self = user;
  gn_system *sys = self->base.sys;
  const int last = self->tab.s - 1;
  double *f = gn_vector_data(ydot);
  gn_record *rec = NULL;
  size_t slice = 0;
  const int i = place(self, &rec, &slice);
  if (i < 0) return self->fatal = GN_ENOMEM, -1;
  if (self->bad && i > 0) { /* the attempt is lost: spare the model */
    gn_vec_fill(sys->n, HUGE_SLOPE, f);
    return 0;
  }
  int rc = 0;
  if (i == 0 && self->given) gn_vec_copy(sys->n, self->f0, f);
  else rc = sys->rhs(sys->user, s, gn_vector_data(y), f, rec, slice);
  if (i == 0) self->given = 0;
  if (rc < 0 || (rc > 0 && i == 0)) {
    self->fatal = rc < 0 ? GN_ESOLVER : GN_ENONFINITE;
    return -1;
  }
  if (rc > 0) {
    self->bad = 1;
    self->bad_block = gn_norm_not_finite(&sys->norm, f);
    gn_vec_fill(sys->n, HUGE_SLOPE, f);
  }
  self->stage_s[i] = s;
  self->K[i] = f;
  if (self->base.want_slopes && (i == 0 || (self->tab.fsal && i == last)))
    gn_vec_copy(sys->n, f, self->k0[i == 0 && rec != self->ahead ? 0 : 1]);
  return 0;
}

static int weights(N_Vector y, N_Vector ewt, void *user)
{
  const erk *self = user;
  gn_norm_weights(&self->base.sys->norm, self->base.tol.rtol, self->base.tol.atol,
                  gn_vector_data(y), gn_vector_data(ewt));
  return 0;
}

static double next_h(void *user, double h, double err)
{
  erk *self = user;
  const config *c = self->base.config;
  const double k = self->tab.embedded + 1;
  const double e = fmax(err, 1e-10);
  self->tried = h;
  double factor = c->controller == 0 ? pow(e, -1 / k)
                                     : pow(e, -0.8 / k) * pow(self->err_old, 0.31 / k);
  if (err <= 1) self->err_old = e;
  double size = fabs(h) * fmin(c->safety * factor, c->growth);
  if (err > 1) self->carry = 0;
  size = fmax(size, self->carry); /* the step was cut: back to the size planned */
  if (err <= 1) {
    const double rest = fabs(self->stop - self->base.s - h);
    if (size < rest && rest < 1.1 * size) size = rest;
    else if (size < rest && rest < 2 * size) size = rest / 2;
    self->base.h_next = size;
  }
  return copysign(size / c->safety, h);
}

/* ---- the stepper ---------------------------------------------------------------------- */

static gn_status failed(const erk *self, const char *what)
{
  const gn_norm *nm = &self->base.sys->norm;
  if (self->fatal == GN_ENOMEM) return GN_FAIL(GN_ENOMEM, "out of memory");
  if (self->fatal == GN_ENONFINITE)
    return GN_FAIL(GN_ENONFINITE, "the right-hand side is not finite at t = %g",
                   self->base.s);
  if (self->fatal)
    return GN_FAIL(GN_ESOLVER, "the right-hand side asked to stop at t = %g", self->base.s);
  if (self->bad || self->walled)
    return GN_FAIL(GN_ENONFINITE,
                   "values are not finite beyond t = %g (%d attempts in a row): the solution "
                   "blows up or the model overflows; bound the model or shorten the time",
                   self->base.s, self->bad_attempts + 1);
  return GN_FAIL(GN_ESOLVER,
                 "%s at t = %g, h = %.3g, worst block %s (%s); loosen the tolerance, or the "
                 "problem is stiff", what, self->base.s, self->base.h_next,
                 nm->seg[nm->worst].name, self->text[0] ? self->text : "no message");
}

static gn_status fresh_record(erk *self)
{
  gn_system *sys = self->base.sys;
  if (self->rec && self->rec->B != sys->B) gn_record_give(&self->rec);
  if (self->head && self->head->B != sys->B) gn_record_give(&self->head);
  gn_record_give(&self->ahead);
  if (!self->rec) GN_TRY(gn_pool_take(self->pool, sys->B, &self->rec));
  if (self->tab.fsal && !self->head)
    GN_TRY(gn_pool_take(self->head_pool, sys->B, &self->head));
  self->expect = 0;
  self->fresh = 1;
  self->bad = self->bad_attempts = self->walled = 0;
  self->stop_set = 0;
  self->carry = 0;
  return GN_OK;
}

/* Take back what the listener left, and make sure there is a record to write into. */
static gn_status next_record(erk *self)
{
  gn_step *last = &self->base.now;
  if (last->head) self->head = last->head;
  if (last->rec && !self->rec) self->rec = last->rec;
  else gn_record_give(&last->rec);
  last->rec = last->head = NULL;
  if (!self->rec) GN_TRY(gn_pool_take(self->pool, self->base.sys->B, &self->rec));
  return GN_OK;
}

static gn_status integrator(erk *self)
{
  const config *c = self->base.config;
  self->mem = ERKStepCreate(rhs, 0, self->y[0], self->ctx);
  GN_REQUIRE(self->mem, GN_ENOMEM, "ERKStep could not be created (%s)", self->text);
  gn_sun_quiet(self->mem, self->text);
  int rc = ERKStepSetTableNum(self->mem, tables[c->table].id);
  rc |= ARKodeWFtolerances(self->mem, weights);
  rc |= ARKodeSetUserData(self->mem, self);
  rc |= ARKodeSetSafetyFactor(self->mem, c->safety);
  rc |= ARKodeSetMaxGrowth(self->mem, 1e30);
  rc |= ARKodeSetMaxFirstGrowth(self->mem, 1e30);
  rc |= ARKodeSetFixedStepBounds(self->mem, 1, 1);
  rc |= ARKodeSetMaxErrTestFails(self->mem, c->max_fails);
  rc |= ARKodeSetInterpolantDegree(self->mem, 3); /* degree 4 would call f at stop times */
  GN_REQUIRE(rc == 0, GN_ESOLVER, "ERKStep refused an option (%s)", self->text);
  self->ctrl = (gn_controller){ next_h, self, NULL };
  return gn_sun_controller(self->mem, self->ctx, &self->ctrl);
}

static gn_status arkode(erk *self)
{
  GN_TRY(gn_sun_context(&self->ctx, self->text));
  for (int k = 0; k < 2; k++) {
    self->y[k] = gn_vector_new(&self->space, self->ctx);
    GN_REQUIRE(self->y[k], GN_ENOMEM, "out of memory for the state");
    gn_vec_fill(self->base.sys->nmax, 0.0, gn_vector_data(self->y[k]));
  }
  return integrator(self);
}

/* ERKStepReInit keeps the sign of the last step and then refuses stop times of the other. */
static gn_status turn(erk *self)
{
  ARKodeFree(&self->mem);
  gn_sun_controller_free(&self->ctrl);
  return integrator(self);
}

/* ARKODE's own coefficients, as it will use them. */
static gn_status tableau(erk *self)
{
  const config *c = self->base.config;
  ARKodeButcherTable B = ARKodeButcherTable_LoadERK(tables[c->table].id);
  GN_REQUIRE(B && B->d && B->stages <= GN_STAGES_MAX, GN_ESOLVER,
             "ARKODE has no table %s", tables[c->table].name);
  gn_tableau *t = &self->tab;
  t->name = tables[c->table].name;
  t->s = B->stages;
  t->order = B->q;
  t->embedded = B->p;
  t->fsal = B->c[t->s - 1] == 1.0;
  for (int i = 0; i < t->s; i++) {
    for (int j = 0; j < t->s; j++) t->A[i][j] = B->A[i][j];
    t->b[i] = B->b[i];
    t->bhat[i] = B->d[i];
    t->c[i] = B->c[i];
  }
  for (int i = 0; i < t->s; i++) t->fsal = t->fsal && t->A[t->s - 1][i] == t->b[i];
  ARKodeButcherTable_Free(B);
  const gn_tableau *known = gn_tableau_find(t->name);
  t->interpolant = t->fsal && known ? known->interpolant : GN_NO_INTERPOLANT;
  self->base.tab = t;
  return GN_OK;
}

static gn_status setup(gn_stepper *st, const void *config_)
{
  (void)config_;
  erk *self = (erk *)st;
  gn_system *sys = st->sys;
  self->space = (gn_vspace){ .arena = st->arena, .sys = sys };
  GN_TRY(tableau(self));
  const size_t slices = (size_t)(self->tab.s - self->tab.fsal);
  GN_TRY(gn_pool_create(sys->fields, slices, sys->Bmax, &self->pool));
  GN_TRY(gn_pool_create(sys->fields, 1, sys->Bmax, &self->head_pool));
  GN_NEW(st->arena, self->f0, sys->nmax);
  GN_NEW(st->arena, self->work, 3 * sys->nmax);
  GN_NEW(st->arena, self->k0[0], sys->nmax);
  GN_NEW(st->arena, self->k0[1], sys->nmax);
  sys->n = sys->nmax;
  GN_TRY(gn_vspace_reserve(&self->space, (size_t)self->tab.s + OWN_VECTORS));
  return arkode(self);
}

static gn_status start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  erk *self = (erk *)st;
  const config *c = st->config;
  gn_system *sys = st->sys;
  GN_TRY(next_record(self));
  GN_TRY(fresh_record(self));
  if (self->dir == -dir) GN_TRY(turn(self));
  self->dir = dir;
  self->now = 0;
  self->fatal = 0;
  self->fails = 0;
  self->err_old = 1;
  self->text[0] = 0;
  self->given = 0;
  double h = h0 > 0 ? h0 : c->h0;
  if (h <= 0) {
    gn_record *rec = self->tab.fsal ? self->head : self->rec;
    GN_REQUIRE(sys->rhs(sys->user, s0, y0, self->f0, rec, 0) == 0, GN_ENONFINITE,
               "the right-hand side is not finite at the start t = %g", s0);
    self->given = 1;
    gn_record *scratch = self->tab.fsal ? self->rec : NULL;
    if (!scratch) GN_TRY(gn_pool_take(self->pool, sys->B, &self->ahead));
    GN_TRY(gn_initial_step(sys, st->tol, self->tab.embedded + 1, s0, dir, y0, self->f0,
                           scratch ? scratch : self->ahead, self->work, &h));
    gn_record_give(&self->ahead);
  }
  st->h_next = h;
  gn_vec_copy(sys->n, y0, gn_vector_data(self->y[0]));
  int rc = ERKStepReInit(self->mem, rhs, s0, self->y[0]);
  rc |= ARKodeSetInitStep(self->mem, dir * h);
  return rc == 0 ? GN_OK : failed(self, "ERKStep could not start");
}

static gn_status reset(gn_stepper *st, double s, const double *y)
{
  erk *self = (erk *)st;
  GN_TRY(next_record(self));
  GN_TRY(fresh_record(self));
  gn_vec_copy(st->sys->n, y, gn_vector_data(self->y[self->now]));
  return ARKodeReset(self->mem, s, self->y[self->now]) == 0
           ? GN_OK
           : failed(self, "ERKStep could not restart");
}

/* The tapes are the stages of this step: their times are t + c_i h to the bit. */
static gn_status check_stages(const erk *self, double h)
{
  for (int i = 1; i < self->tab.s; i++)
    GN_REQUIRE(self->stage_s[i] == self->base.s + self->tab.c[i] * h, GN_ESOLVER,
               "stage %d was recorded at t = %.17g, expected %.17g: this SUNDIALS calls the "
               "right-hand side in another order than gnomon knows", i, self->stage_s[i],
               self->base.s + self->tab.c[i] * h);
  return GN_OK;
}

static void describe(erk *self, double s_new, double h)
{
  gn_stepper *st = &self->base;
  const int last = self->tab.s - 1;
  gn_step *out = &st->now;
  out->s = st->s, out->h = h, out->s_new = s_new;
  out->fresh = self->fresh;
  out->s_first = self->fresh || !self->tab.fsal ? st->s : self->s_first;
  out->y0 = gn_vector_data(self->y[self->now]);
  out->y1 = gn_vector_data(self->y[1 - self->now]);
  out->f1 = self->tab.fsal ? self->K[last] : NULL;
  out->K = st->want_slopes ? self->K : NULL;
  out->rec = self->rec;
  out->head = self->fresh && self->tab.fsal ? self->head : NULL;
  self->rec = self->ahead;
  if (out->head) self->head = NULL;
  if (st->want_slopes) {
    self->K[0] = self->k0[0];
    if (self->tab.fsal || self->ahead) { /* the next step's first slope is there already */
      double *swap = self->k0[0];
      self->k0[0] = self->k0[1], self->k0[1] = swap;
    }
  }
  self->s_first = self->stage_s[last];
  self->expect = self->tab.fsal || self->ahead ? 1 : 0;
  self->ahead = NULL;
  self->fresh = 0;
}

static gn_status step(gn_stepper *st, double stop)
{
  erk *self = (erk *)st;
  GN_TRY(next_record(self));
  if (!self->stop_set || stop != self->stop) {
    self->stop = stop;
    self->stop_set = 1;
    if (ARKodeSetStopTime(self->mem, stop) != 0) return failed(self, "bad stop time");
  }
  self->carry = st->h_next > fabs(stop - st->s) ? st->h_next : 0;
  N_Vector y1 = self->y[1 - self->now];
  sunrealtype s_new, h;
  const int rc = ARKodeEvolve(self->mem, stop, y1, &s_new, ARK_ONE_STEP);
  if (rc < 0 || self->fatal) return failed(self, "the error test failed repeatedly");
  ARKodeGetLastStep(self->mem, &h);
  long fails = 0;
  ARKodeGetNumErrTestFails(self->mem, &fails);
  if (fails > self->fails) count_failure(self, fails);
  if (rc == ARK_TSTOP_RETURN) self->stop_set = 0;
  if (s_new == st->s) return failed(self, "the step size is below rounding");
  gn_history_step(st->history, &st->sys->norm, st->s, h, GN_STEP_ACCEPTED);
  self->bad_attempts = 0;
  GN_TRY(check_stages(self, h));
  describe(self, s_new, h);
  self->now = 1 - self->now;
  st->s = s_new;
  st->steps++;
  return GN_OK;
}

static void destroy(gn_stepper *st)
{
  erk *self = (erk *)st;
  if (self->mem) ARKodeFree(&self->mem);
  gn_sun_controller_free(&self->ctrl);
  for (int k = 0; k < 2; k++)
    if (self->y[k]) N_VDestroy(self->y[k]);
  if (self->ctx) SUNContext_Free(&self->ctx);
  gn_pool_destroy(&self->pool);
  gn_pool_destroy(&self->head_pool);
}

const gn_stepper_class gn_stepper_erk = {
  .name = "erk",
  .summary = "adaptive explicit Runge-Kutta, ARKODE ERKStep",
  .source = "Reynolds et al., ACM TOMS 49 (2023)",
  .offers = GN_HAS_STAGES | GN_HAS_BACKWARD | GN_HAS_DENSE | GN_HAS_LANDING,
  .adaptive = 1,
  .size = sizeof(erk),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { start, reset, step, destroy },
};
