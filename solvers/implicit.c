/* What the implicit steppers share.
 *
 * A value that is not finite is a recoverable failure: the nonlinear solver gives up and the
 * integrator retries with a smaller step. CVODES 6.4.1 goes on after a fatal failure inside
 * its fixed-point iteration, so a flag keeps it. */
#include "implicit.h"

#include "base/vec.h"

#include <math.h>
#include <string.h>

/* ---- callbacks ------------------------------------------------------------------------ */

void gn_implicit_count(gn_implicit *self)
{
  const long iterations = self->count_iterations(self);
  self->base.newton += iterations - self->iterations;
  self->iterations = iterations;
}

void gn_implicit_rejected(gn_implicit *self, double h, gn_verdict v)
{
  gn_stepper *st = &self->base;
  gn_norm *nm = &st->sys->norm;
  gn_history_step(st->history, nm, st->s, h, v);
  gn_norm_reject(nm, v == GN_STEP_REJECTED     ? nm->worst
                     : v == GN_STEP_NOT_FINITE ? self->bad_block
                                               : -1);
  st->rejects++;
}

static int verdict(gn_implicit *self, int rc)
{
  if (rc < 0) self->fatal = GN_ESOLVER;
  return rc > 0 ? 1 : rc;
}

/* Of a map: z is what it gave. */
static int value(gn_implicit *self, int rc, const double *z)
{
  self->bad = rc > 0;
  self->bad_in_row = rc > 0 ? self->bad_in_row + 1 : 0;
  if (rc > 0) self->bad_block = gn_norm_not_finite(&self->base.sys->norm, z);
  return verdict(self, rc);
}

int gn_implicit_rhs(sunrealtype s, N_Vector y, N_Vector ydot, void *user)
{
  gn_implicit *self = user;
  double *f = gn_vector_data(ydot);
  const size_t n = self->base.sys->n;
  const double *y0 = gn_vector_data(self->y[self->now]);
  const int first = self->given && s == self->base.s;
  self->given = 0;
  if (first && memcmp(gn_vector_data(y), y0, n * sizeof *y0) == 0) {
    gn_vec_copy(n, gn_vector_data(self->slope[self->now]), f);
    return 0;
  }
  if (self->fatal) return -1;
  const int rc = gn_linear_eval(&self->linear, s, gn_vector_data(y), f);
  return value(self, rc, f);
}

int gn_implicit_weights(N_Vector y, N_Vector ewt, void *user)
{
  const gn_implicit *self = user;
  gn_norm_weights(&self->base.sys->norm, self->base.tol.rtol, self->base.tol.atol,
                  gn_vector_data(y), gn_vector_data(ewt));
  return 0;
}

int gn_implicit_times(N_Vector v, N_Vector Jv, sunrealtype s, N_Vector y, N_Vector fy,
                      void *user, N_Vector tmp)
{
  (void)tmp;
  gn_implicit *self = user;
  double *z = gn_vector_data(Jv);
  return value(self, gn_linear_times(&self->linear, s, gn_vector_data(y), gn_vector_data(fy),
                                     gn_vector_data(v), z), z);
}

int gn_implicit_factor(gn_implicit *self, double s, N_Vector y, N_Vector fy, int keep,
                       sunbooleantype *fresh, double gamma)
{
  *fresh = keep ? SUNFALSE : SUNTRUE;
  return verdict(self, gn_linear_factor(&self->linear, s, gn_vector_data(y),
                                        gn_vector_data(fy), keep, gamma));
}

/* ---- set-up --------------------------------------------------------------------------- */

gn_status gn_implicit_setup(gn_implicit *self, size_t vectors)
{
  gn_stepper *st = &self->base;
  gn_system *sys = st->sys;
  self->space = (gn_vspace){ .arena = st->arena, .sys = sys };
  GN_TRY(gn_linear_setup(&self->linear, st->arena, sys, st->tol));
  GN_NEW(st->arena, self->work, 3 * sys->nmax);
  sys->n = sys->nmax;
  GN_TRY(gn_vspace_reserve(&self->space, vectors + 4));
  GN_TRY(gn_sun_context(&self->ctx, self->text));
  for (int k = 0; k < 2; k++) {
    self->y[k] = gn_vector_new(&self->space, self->ctx);
    self->slope[k] = gn_vector_new(&self->space, self->ctx);
    GN_REQUIRE(self->y[k] && self->slope[k], GN_ENOMEM, "out of memory for the state");
    gn_vec_fill(sys->nmax, 0.0, gn_vector_data(self->y[k]));
  }
  return GN_OK;
}

void gn_implicit_destroy(gn_implicit *self)
{
  gn_linear_destroy(&self->linear);
  for (int k = 0; k < 2; k++) {
    if (self->y[k]) N_VDestroy(self->y[k]);
    if (self->slope[k]) N_VDestroy(self->slope[k]);
  }
  if (self->ctx) SUNContext_Free(&self->ctx);
}

/* ---- steps ---------------------------------------------------------------------------- */

gn_status gn_implicit_begin(gn_implicit *self, double s, const double *y, int order, double *h)
{
  gn_stepper *st = &self->base;
  gn_system *sys = st->sys;
  double *y0 = gn_vector_data(self->y[self->now]);
  double *f0 = gn_vector_data(self->slope[self->now]);
  if (y != y0) gn_vec_copy(sys->n, y, y0);
  GN_TRY(gn_linear_start(&self->linear));
  GN_REQUIRE(gn_linear_eval(&self->linear, s, y0, f0) == 0, GN_ENONFINITE,
             "the right-hand side is not finite at t = %g", s);
  if (h) {
    GN_TRY(gn_initial_step(sys, st->tol, order, s, self->dir, y0, f0, self->linear.rec,
                           self->work, h));
    self->linear.taped = 0;
  }
  self->fresh = self->given = 1;
  self->bad = self->bad_in_row = 0;
  self->stop = (double)NAN;
  return GN_OK;
}

void gn_implicit_describe(gn_implicit *self, double s_new, double h)
{
  gn_stepper *st = &self->base;
  const int now = self->now;
  gn_step *out = &st->now;
  *out = (gn_step){ .s = st->s, .h = h, .s_first = st->s, .s_new = s_new,
                    .fresh = self->fresh };
  out->y0 = gn_vector_data(self->y[now]);
  out->y1 = gn_vector_data(self->y[1 - now]);
  self->K[0] = gn_vector_data(self->slope[now]);
  self->K[1] = gn_vector_data(self->slope[1 - now]);
  out->K = st->want_slopes ? self->K : NULL;
  self->fresh = 0;
  self->now = 1 - now;
  st->s = s_new;
  st->steps++;
}

gn_status gn_implicit_failed(const gn_implicit *self, const char *what, const char *hint)
{
  const gn_stepper *st = &self->base;
  const gn_norm *nm = &st->sys->norm;
  if (self->fatal)
    return GN_FAIL(GN_ESOLVER, "the right-hand side asked to stop at t = %g", st->s);
  if (self->bad)
    return GN_FAIL(GN_ENONFINITE,
                   "values are not finite beyond t = %g (%d evaluations in a row): the "
                   "solution blows up or the model overflows; bound the model or shorten the "
                   "time", st->s, self->bad_in_row);
  return GN_FAIL(GN_ESOLVER, "%s at t = %g, h = %.3g, worst block %s (%s); %s", what, st->s,
                 st->h_next, nm->seg[nm->worst].name,
                 self->text[0] ? self->text : "no message",
                 self->dir < 0 ? "backward a stiff state grows as fast as it decayed forward: "
                                 "keep it, with strategy interpolate or cvodes"
                               : hint);
}
