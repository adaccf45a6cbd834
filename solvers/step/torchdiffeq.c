/* The dopri5 driver of torchdiffeq, rule by rule, so that the evaluation counts published
 * with it can be met as integers.
 *
 *   error      r = norm( h sum_i (b_i - bhat_i) K_i / (atol + rtol max(|y_n|, |y_{n+1}|)) )
 *   accept     r <= 1
 *   next step  h min(10, max(0.9 r^(-1/5), r < 1 ? 1 : 0.2)),  10 h if r = 0
 *   start      Hairer, Norsett, Wanner II.4 with exponent 1/5, again after every restart
 *   outputs    the last step is not shortened; values come from the quartic interpolant
 *
 * so that one solve costs 2 + 6 (accepted + rejected) evaluations. Chen, torchdiffeq 0.2
 * (2021); coefficients: Shampine, Math. Comp. 46 (1986), p. 149. */
#include "base/vec.h"
#include "core/stepper.h"

#include <math.h>

typedef struct config {
  int max_fails;
} config;

static const gn_option options[] = {
  GN_INT(config, "max_fails", max_fails, 50, 1, 1000,
         "rejections of one step before giving up"),
  GN_OPTIONS_END,
};

static const double SAFETY = 0.9, GROW = 10, SHRINK = 0.2;

typedef struct torchdiffeq {
  gn_stepper base;
  gn_tableau tab;
  gn_pool *pool, *head_pool;
  gn_record *rec, *head;
  int dir, fresh;
  double s_first, h;
  double *y[2], *work; /* states before and after a step, in turn; [3 n] scratch     */
  int now;
  double *K[GN_STAGES_MAX], *k_next;
  const double *slopes[GN_STAGES_MAX];
} torchdiffeq;

static gn_status setup(gn_stepper *st, const void *config_)
{
  static const double bhat[7] = { 1951.0 / 21600, 0, 22642.0 / 50085, 451.0 / 720,
                                  -12231.0 / 42400, 649.0 / 6300, 1.0 / 60 };
  (void)config_;
  torchdiffeq *self = (torchdiffeq *)st;
  gn_system *sys = st->sys;
  self->tab = *gn_tableau_find("dormand_prince");
  self->tab.interpolant = GN_QUARTIC;
  for (int i = 0; i < self->tab.s; i++) self->tab.bhat[i] = bhat[i];
  st->tab = &self->tab;
  GN_TRY(gn_pool_create(sys->fields, (size_t)self->tab.s - 1, sys->Bmax, &self->pool));
  GN_TRY(gn_pool_create(sys->fields, 1, sys->Bmax, &self->head_pool));
  for (int k = 0; k < 2; k++) GN_NEW(st->arena, self->y[k], sys->nmax);
  for (int i = 0; i < self->tab.s; i++) GN_NEW(st->arena, self->K[i], sys->nmax);
  GN_NEW(st->arena, self->k_next, sys->nmax);
  GN_NEW(st->arena, self->work, 3 * sys->nmax);
  return GN_OK;
}

static gn_status reset(gn_stepper *st, double s, const double *y)
{
  torchdiffeq *self = (torchdiffeq *)st;
  gn_system *sys = st->sys;
  GN_TRY(gn_record_reuse(self->pool, sys->B, &self->rec, &st->now.rec));
  GN_TRY(gn_record_reuse(self->head_pool, sys->B, &self->head, &st->now.head));
  gn_vec_copy(sys->n, y, self->y[self->now]);
  GN_REQUIRE(sys->rhs(sys->user, s, y, self->K[0], self->head, 0) == 0, GN_ENONFINITE,
             "the right-hand side is not finite at the start t = %g", s);
  self->fresh = 1;
  return gn_initial_step(sys, st->tol, self->tab.order, s, self->dir, y, self->K[0],
                         self->rec, self->work, &self->h);
}

static gn_status start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  (void)h0; /* every solve of torchdiffeq estimates its first step */
  ((torchdiffeq *)st)->dir = dir;
  return reset(st, s0, y0);
}

/* norm( h sum_i (b_i - bhat_i) K_i / (atol + rtol max(|y|, |y1|)) ). */
static double error_ratio(torchdiffeq *self, double h, const double *y, const double *y1)
{
  gn_stepper *st = &self->base;
  const size_t n = st->sys->n;
  double c[GN_STAGES_MAX], *e = self->work, *bigger = e + n, *w = bigger + n;
  for (int i = 0; i < self->tab.s; i++) c[i] = h * (self->tab.b[i] - self->tab.bhat[i]);
  gn_vec_lincomb(n, (size_t)self->tab.s, c, (const double *const *)self->K, e);
  for (size_t i = 0; i < n; i++) bigger[i] = fmax(fabs(y[i]), fabs(y1[i]));
  gn_norm_weights(&st->sys->norm, st->tol.rtol, st->tol.atol, bigger, w);
  return gn_norm_eval(&st->sys->norm, e, w);
}

static double next_h(double h, double r)
{
  if (r == 0) return h * GROW;
  return h * fmin(GROW, fmax(SAFETY / pow(r, 0.2), r < 1 ? 1 : SHRINK));
}

/* Try until a step is accepted; its signed size. */
static gn_status attempt(torchdiffeq *self, double *taken)
{
  const config *c = self->base.config;
  gn_stepper *st = &self->base;
  gn_system *sys = st->sys;
  double *y = self->y[self->now], *y1 = self->y[1 - self->now];
  int finite = 1;
  for (int fails = 0; fails < c->max_fails; fails++) {
    const double h = self->dir * self->h;
    if (st->s + h == st->s) break;
    const int rc = gn_rk_step(&self->tab, sys, st->s, h, y, self->K, 1, self->rec, 1, y1, y1);
    GN_REQUIRE(rc >= 0, GN_ESOLVER, "the right-hand side asked to stop at t = %g", st->s);
    const double r = rc == 0 ? error_ratio(self, h, y, y1) : (double)INFINITY;
    finite = isfinite(r);
    self->h = finite ? next_h(self->h, r) : self->h * SHRINK;
    *taken = h;
    gn_history_step(st->history, &sys->norm, st->s, h,
                    !finite  ? GN_STEP_NOT_FINITE
                    : r <= 1 ? GN_STEP_ACCEPTED
                             : GN_STEP_REJECTED);
    if (r <= 1) return GN_OK;
    st->rejects++;
    gn_norm_reject(&sys->norm, rc == 0 ? sys->norm.worst : -1);
  }
  GN_REQUIRE(finite, GN_ENONFINITE,
             "values are not finite beyond t = %g, h = %.3g: the solution blows up or the "
             "model overflows", st->s, self->h);
  const char *what = st->s + self->h == st->s ? "the step size is below rounding"
                                              : "the error test failed repeatedly";
  return GN_FAIL(GN_ESOLVER, "%s at t = %g, h = %.3g, worst block %s", what, st->s, self->h,
                 sys->norm.seg[sys->norm.worst].name);
}

static gn_status step(gn_stepper *st, double stop)
{
  (void)stop; /* overshoots */
  torchdiffeq *self = (torchdiffeq *)st;
  gn_step *out = &st->now;
  const int last = self->tab.s - 1;
  double h = 0;
  GN_TRY(gn_record_reuse(self->pool, st->sys->B, &self->rec, &out->rec));
  gn_record_give(&out->head);
  GN_TRY(attempt(self, &h));
  out->s = st->s, out->h = h, out->s_new = st->s + h;
  out->fresh = self->fresh;
  out->s_first = self->fresh ? st->s : self->s_first;
  out->y0 = self->y[self->now], out->y1 = self->y[1 - self->now];
  out->f1 = self->K[last];
  for (int i = 0; i <= last; i++) self->slopes[i] = self->K[i];
  out->K = self->slopes;
  out->rec = self->rec, self->rec = NULL;
  if (self->fresh) out->head = self->head, self->head = NULL;
  self->s_first = st->s + self->tab.c[last] * h;
  double *first = self->K[0]; /* still shown to the listener */
  self->K[0] = self->K[last], self->K[last] = self->k_next, self->k_next = first;
  self->fresh = 0;
  self->now = 1 - self->now;
  st->s = out->s_new;
  st->h_next = self->h;
  st->steps++;
  return GN_OK;
}

static void destroy(gn_stepper *st)
{
  torchdiffeq *self = (torchdiffeq *)st;
  gn_pool_destroy(&self->pool);
  gn_pool_destroy(&self->head_pool);
}

const gn_stepper_class gn_stepper_torchdiffeq = {
  .name = "torchdiffeq",
  .summary = "torchdiffeq's dopri5 driver rule by rule, for its evaluation counts",
  .source = "Chen, torchdiffeq 0.2; Shampine, Math. Comp. 46 (1986)",
  .offers = GN_HAS_STAGES | GN_HAS_BACKWARD | GN_HAS_DENSE,
  .adaptive = 1,
  .overshoots = 1,
  .literal = 1,
  .size = sizeof(torchdiffeq),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { start, reset, step, destroy },
};
