/* Explicit Runge-Kutta with a fixed step, for tests and for studies of the order.
 *
 *   every piece between stop times is cut into n = ceil(length / h) equal steps
 *
 * No error test. Butcher, Numerical Methods for Ordinary Differential Equations, 3rd ed.,
 * section 23. */
#include "base/vec.h"
#include "core/stepper.h"

#include <math.h>

typedef struct config {
  int table;
  double h;
} config;

static const char *const names[] = { "dormand_prince", "bogacki_shampine", "cash_karp",
                                     "fehlberg", "zonneveld", "rk4", "midpoint", "euler" };

static const gn_option options[] = {
  GN_CHOICE(config, "table", table, 5,
            "dormand_prince|bogacki_shampine|cash_karp|fehlberg|zonneveld|rk4|midpoint|euler",
            "Butcher table"),
  GN_REAL(config, "h", h, 0.05, 1e-12, 1e300, "largest step"),
  GN_OPTIONS_END,
};

typedef struct rkfixed {
  gn_stepper base;
  gn_pool *pool, *head_pool;
  gn_record *rec, *head;
  int fresh;
  double s_first;
  double *y[2], *Y;
  int now;
  double *K[GN_STAGES_MAX];
  const double *slopes[GN_STAGES_MAX];
  double *k_next; /* swapped with K_0 after an FSAL step */
} rkfixed;

static gn_status setup(gn_stepper *st, const void *config_)
{
  const config *c = config_;
  rkfixed *self = (rkfixed *)st;
  gn_system *sys = st->sys;
  const gn_tableau *tab = st->tab = gn_tableau_find(names[c->table]);
  const size_t slices = (size_t)(tab->s - tab->fsal);
  GN_TRY(gn_pool_create(sys->fields, slices, sys->Bmax, &self->pool));
  GN_TRY(gn_pool_create(sys->fields, 1, sys->Bmax, &self->head_pool));
  for (int k = 0; k < 2; k++) GN_NEW(st->arena, self->y[k], sys->nmax);
  GN_NEW(st->arena, self->Y, sys->nmax);
  GN_NEW(st->arena, self->k_next, sys->nmax);
  for (int i = 0; i < tab->s; i++) GN_NEW(st->arena, self->K[i], sys->nmax);
  return GN_OK;
}

static gn_status records(rkfixed *self)
{
  gn_step *last = &self->base.now;
  const size_t B = self->base.sys->B;
  GN_TRY(gn_record_reuse(self->pool, B, &self->rec, &last->rec));
  return gn_record_reuse(self->head_pool, B, &self->head, &last->head);
}

static gn_status reset(gn_stepper *st, double s, const double *y)
{
  (void)s;
  rkfixed *self = (rkfixed *)st;
  gn_vec_copy(st->sys->n, y, self->y[self->now]);
  self->fresh = 1;
  return GN_OK;
}

static gn_status start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  (void)h0, (void)dir;
  return reset(st, s0, y0);
}

static gn_status finite(const rkfixed *self, int rc, double h)
{
  GN_REQUIRE(rc >= 0, GN_ESOLVER, "the right-hand side asked to stop at t = %g",
             self->base.s);
  GN_REQUIRE(rc == 0 && gn_vec_finite(self->base.sys->n, self->y[1 - self->now]),
             GN_ENONFINITE,
             "a value is not finite in the step from t = %g, h = %.3g; a fixed step cannot be "
             "retried: reduce solver.h or use an adaptive stepper", self->base.s, h);
  return GN_OK;
}

static gn_status step(gn_stepper *st, double stop)
{
  const config *c = st->config;
  rkfixed *self = (rkfixed *)st;
  gn_system *sys = st->sys;
  const gn_tableau *tab = st->tab;
  GN_TRY(records(self));
  const double rest = stop - st->s, n = ceil(fabs(rest) / c->h * (1 - 1e-12));
  const double h = rest / fmax(n, 1);
  int rc = 0;
  if (tab->fsal && self->fresh)
    rc = sys->rhs(sys->user, st->s, self->y[self->now], self->K[0], self->head, 0);
  double *y = self->y[self->now], *y1 = self->y[1 - self->now];
  if (rc == 0)
    rc = gn_rk_step(tab, sys, st->s, h, y, self->K, tab->fsal, self->rec, tab->fsal,
                    self->Y, y1);
  GN_TRY(finite(self, rc, h));
  gn_step *out = &st->now;
  out->s = st->s, out->h = h, out->s_new = n > 1 ? st->s + h : stop;
  out->fresh = self->fresh;
  out->s_first = self->fresh || !tab->fsal ? st->s : self->s_first;
  out->y0 = y, out->y1 = y1;
  out->f1 = tab->fsal ? self->K[tab->s - 1] : NULL;
  for (int i = 0; i < tab->s; i++) self->slopes[i] = self->K[i];
  out->K = self->slopes;
  out->rec = self->rec, self->rec = NULL;
  out->head = NULL;
  if (tab->fsal && self->fresh) out->head = self->head, self->head = NULL;
  self->s_first = st->s + tab->c[tab->s - 1] * h;
  if (tab->fsal) { /* K_0 of the next step, while the listener still sees this step's */
    double *first = self->K[0];
    self->K[0] = self->K[tab->s - 1];
    self->K[tab->s - 1] = self->k_next;
    self->k_next = first;
  }
  self->fresh = 0;
  self->now = 1 - self->now;
  gn_history_step(st->history, &sys->norm, st->s, h, GN_STEP_UNTESTED);
  st->s = out->s_new;
  st->h_next = fabs(h);
  st->steps++;
  return GN_OK;
}

static void destroy(gn_stepper *st)
{
  rkfixed *self = (rkfixed *)st;
  gn_pool_destroy(&self->pool);
  gn_pool_destroy(&self->head_pool);
}

const gn_stepper_class gn_stepper_rkfixed = {
  .name = "rkfixed",
  .summary = "explicit Runge-Kutta with a fixed step",
  .source = "Butcher, Numerical Methods for ODEs, section 23",
  .offers = GN_HAS_STAGES | GN_HAS_BACKWARD | GN_HAS_DENSE | GN_HAS_LANDING,
  .size = sizeof(rkfixed),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { start, reset, step, destroy },
};
