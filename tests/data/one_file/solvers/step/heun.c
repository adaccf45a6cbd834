/* Heun's method with a fixed step, order 2.
 *
 *   K_0 = f(s, y),   K_1 = f(s + h, y + h K_0),   y+ = y + h/2 (K_0 + K_1)
 *
 * Every piece between stop times is cut into equal steps of at most h. Heun, Z. Math. Phys.
 * 45 (1900), section 3. */
#include "base/vec.h"
#include "core/stepper.h"

#include <math.h>

typedef struct config {
  double h;
} config;

static const gn_option options[] = {
  GN_REAL(config, "h", h, 0.05, 1e-12, 1e300, "largest step"),
  GN_OPTIONS_END,
};

enum { STAGES = 2 };
static const gn_tableau table = { .name = "heun", .s = STAGES, .order = 2,
                                  .A = { { 0 }, { 1 } }, .b = { 0.5, 0.5 }, .c = { 0, 1 } };

typedef struct heun {
  gn_stepper base;
  gn_pool *pool;
  gn_record *rec;
  double *y[2], *Y, *K[STAGES];
  int now, fresh;
} heun;

static gn_status setup(gn_stepper *st, const void *config_)
{
  (void)config_;
  heun *self = (heun *)st;
  st->tab = &table;
  GN_TRY(gn_pool_create(st->sys->fields, STAGES, st->sys->Bmax, &self->pool));
  for (int k = 0; k < 2; k++) GN_NEW(st->arena, self->y[k], st->sys->nmax);
  for (int i = 0; i < STAGES; i++) GN_NEW(st->arena, self->K[i], st->sys->nmax);
  GN_NEW(st->arena, self->Y, st->sys->nmax);
  return GN_OK;
}

static gn_status reset(gn_stepper *st, double s, const double *y)
{
  (void)s;
  heun *self = (heun *)st;
  gn_vec_copy(st->sys->n, y, self->y[self->now]);
  self->fresh = 1;
  return GN_OK;
}

static gn_status start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  (void)dir, (void)h0;
  return reset(st, s0, y0);
}

static gn_status step(gn_stepper *st, double stop)
{
  heun *self = (heun *)st;
  const config *c = st->config;
  gn_record_give(&st->now.rec); /* what the listener left */
  GN_TRY(gn_pool_take(self->pool, st->sys->B, &self->rec));
  const double rest = stop - st->s, n = fmax(1, ceil(fabs(rest) / c->h * (1 - 1e-12)));
  const double h = rest / n;
  double *y = self->y[self->now], *y1 = self->y[1 - self->now];
  const int rc = gn_rk_step(&table, st->sys, st->s, h, y, self->K, 0, self->rec, 0, self->Y,
                            y1);
  st->now = (gn_step){ .s = st->s, .h = h, .s_new = n > 1 ? st->s + h : stop,
                       .s_first = st->s, .fresh = self->fresh, .y0 = y, .y1 = y1,
                       .K = (const double *const *)self->K, .rec = self->rec };
  GN_REQUIRE(rc >= 0, GN_ESOLVER, "the right-hand side asked to stop at t = %g", st->s);
  GN_REQUIRE(rc == 0 && gn_vec_finite(st->sys->n, y1), GN_ENONFINITE,
             "a value is not finite in the step from t = %g, h = %.3g; reduce solver.h",
             st->s, h);
  self->fresh = 0;
  self->now = 1 - self->now;
  st->s = st->now.s_new;
  st->h_next = fabs(h);
  st->steps++;
  return GN_OK;
}

static void destroy(gn_stepper *st) { gn_pool_destroy(&((heun *)st)->pool); }

const gn_stepper_class gn_stepper_heun = {
  .name = "heun",
  .summary = "Heun's method with a fixed step, order 2",
  .source = "Heun, Z. Math. Phys. 45 (1900), section 3",
  .offers = GN_HAS_STAGES | GN_HAS_BACKWARD | GN_HAS_LANDING,
  .size = sizeof(heun),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { start, reset, step, destroy },
};
