/* Steppers: creation, limits, and the first step of Hairer, Norsett, Wanner, Solving ODEs I,
 * II.4:
 *
 *   h0 = 0.01 |y| / |f|,   d2 = |f(s + h0, y + h0 f) - f| / h0,
 *   h1 = (0.01 / max(|f|, d2))^(1/order),   h = min(100 h0, h1)
 *
 * in the norm of the error test, as torchdiffeq does. */
#include "core/stepper.h"

#include "base/vec.h"
#include "core/registry.h"

#include <math.h>
#include <string.h>

const gn_stepper_class *gn_stepper_find(const char *name)
{
  return gn_registry_find(gn_steppers, "stepper", name);
}

static gn_status make(gn_arena *a, const gn_stepper_class *cls, const void *config,
                      gn_system *sys, gn_tolerance tol, gn_stepper **out)
{
  gn_stepper *st = gn_arena_alloc(a, 1, cls->size);
  if (!st) return GN_ENOMEM;
  void *copy = gn_arena_alloc(a, 1, cls->config_size);
  if (!copy) return GN_ENOMEM;
  if (config) memcpy(copy, config, cls->config_size);
  else gn_options_default(cls->options, copy);
  st->cls = cls;
  st->config = copy;
  st->arena = a;
  st->sys = sys;
  st->tol = tol;
  st->nmax = sys->nmax;
  st->max_steps = 100000;
  *out = st;
  return cls->setup(st, copy);
}

gn_status gn_stepper_create(const gn_stepper_class *cls, const void *config, gn_system *sys,
                            gn_tolerance tol, gn_stepper **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  const gn_status s = make(a, cls, config, sys, tol, out);
  if (s == GN_OK) return GN_OK;
  if (*out) gn_stepper_destroy(out);
  else gn_arena_destroy(&a);
  return s;
}

void gn_stepper_destroy(gn_stepper **st)
{
  if (!*st) return;
  if ((*st)->cls->ops.destroy) (*st)->cls->ops.destroy(*st);
  gn_arena *a = (*st)->arena;
  gn_arena_destroy(&a);
  *st = NULL;
}

gn_status gn_stepper_start(gn_stepper *st, double s0, const double *y0, int dir, double h0)
{
  GN_REQUIRE(gn_vec_finite(st->sys->n, y0), GN_ENONFINITE,
             "the state at the start t = %g is not finite", s0);
  st->s = s0;
  st->h_next = 0;
  st->steps = st->rejects = st->newton = 0;
  gn_norm_forgive(&st->sys->norm);
  return st->cls->ops.start(st, s0, y0, dir, h0);
}

gn_status gn_stepper_reset(gn_stepper *st, double s, const double *y)
{
  st->s = s;
  return st->cls->ops.reset(st, s, y);
}

void gn_stepper_state(const gn_stepper *st, double s, double *y)
{
  const gn_step *step = &st->now;
  const gn_tableau *tab = st->tab ? st->tab : &gn_tableau_ends;
  if (s == step->s_new) {
    gn_vec_copy(st->sys->n, step->y1, y);
    return;
  }
  gn_dense d;
  gn_rk_dense(tab, (s - step->s) / step->h, &d);
  double c[GN_STAGES_MAX + 2];
  const double *x[GN_STAGES_MAX + 2];
  c[0] = d.w0, x[0] = step->y0;
  c[1] = d.w1, x[1] = step->y1;
  for (int i = 0; i < tab->s; i++) c[i + 2] = step->h * d.k[i], x[i + 2] = step->K[i];
  gn_vec_lincomb(st->sys->n, (size_t)tab->s + 2, c, x, y);
}

gn_status gn_stepper_step(gn_stepper *st, double stop, gn_step **out)
{
  GN_REQUIRE(st->steps + st->rejects < st->max_steps, GN_ELIMIT,
             "%ld steps (max_steps) taken and t = %g of %g reached, h = %.3g; "
             "raise solver.max_steps or loosen the tolerance",
             st->max_steps, st->s, stop, st->h_next);
  *out = &st->now;
  return st->cls->ops.step(st, stop);
}


gn_status gn_initial_step(gn_system *sys, gn_tolerance tol, int order, double s0, int dir,
                          const double *y0, const double *f0, gn_record *scratch,
                          double *work, double *h)
{
  const size_t n = sys->n;
  double *w = work, *y1 = work + n, *f1 = work + 2 * n;
  gn_norm_weights(&sys->norm, tol.rtol, tol.atol, y0, w);
  const double d0 = gn_norm_eval(&sys->norm, y0, w), d1 = gn_norm_eval(&sys->norm, f0, w);
  double h0 = d0 < 1e-5 || d1 < 1e-5 ? 1e-6 : 0.01 * d0 / d1;
  int rc = 1;
  for (int tries = 0; rc > 0 && tries < 8; tries++) {
    if (tries > 0) h0 *= 0.1;
    const double c[2] = { 1.0, dir * h0 };
    const double *x[2] = { y0, f0 };
    gn_vec_lincomb(n, 2, c, x, y1);
    rc = sys->rhs(sys->user, s0 + dir * h0, y1, f1, scratch, 0);
  }
  GN_REQUIRE(rc == 0, GN_ENONFINITE,
             "the right-hand side is not finite next to the start t = %g", s0);
  gn_vec_axpy(n, -1.0, f0, f1);
  const double d2 = gn_norm_eval(&sys->norm, f1, w) / h0;
  const double d = d1 > d2 ? d1 : d2;
  const double h1 = d <= 1e-15 ? fmax(1e-6, 1e-3 * h0) : pow(0.01 / d, 1.0 / order);
  *h = fmin(100 * h0, h1);
  return GN_OK;
}
