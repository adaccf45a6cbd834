/* A test model with lags:  z' = a z(t) + sum_k b_k z(t - tau_k) + c sin t,  componentwise, all
 * of them trainable; tau_k = exp(theta_k). Nonlinear on request: z(t - tau_k)^2 instead. */
#include "support/rig.h"

#include "base/vec.h"

#include <math.h>

typedef struct config {
  int dim, lags, square;
  double a, b, c, tau, ratio;
} config;

static const gn_option options[] = {
  GN_INT(config, "dim", dim, 1, 1, 100, "width of the state"),
  GN_INT(config, "lags", lags, 1, 1, 4, "how many"),
  GN_BOOL(config, "square", square, 0, "square the delayed states"),
  GN_REAL(config, "a", a, 0, -100, 100, "weight of z(t)"),
  GN_REAL(config, "b", b, -1, -100, 100, "weight of every delayed state"),
  GN_REAL(config, "c", c, 0, -100, 100, "weight of sin t"),
  GN_REAL(config, "tau", tau, 1, 1e-6, 1e6, "first lag"),
  GN_REAL(config, "ratio", ratio, 1.3, 1, 10, "of one lag to the one before"),
  GN_OPTIONS_END,
};

typedef struct delayed {
  gn_model base;
  int square;
  size_t a, b[4], c, theta[4], fy, fl[4], fw, ft;
} delayed;

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const delayed *self = (const delayed *)m;
  const size_t n = at->B * m->ny;
  gn_vec_copy(n, at->y, tape->field[self->fy]);
  gn_vec_copy(at->B, at->t, tape->field[self->ft]);
  gn_vec_scale(n, at->p[self->a], at->y, z);
  for (size_t i = 0; i < n; i++) z[i] += at->p[self->c] * sin(at->t[i / m->ny]);
  for (size_t k = 0; k < m->nlag; k++) {
    double *lag = tape->field[self->fl[k]];
    gn_vec_copy(n, at->lag[k], lag);
    for (size_t i = 0; i < n; i++)
      z[i] += at->p[self->b[k]] * (self->square ? lag[i] * lag[i] : lag[i]);
  }
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const delayed *self = (const delayed *)m;
  const size_t n = at->B * m->ny;
  gn_vec_copy(n, w, tape->field[self->fw]);
  if (to->y) gn_vec_axpy(n, at->p[self->a], w, to->y);
  for (size_t k = 0; to->lag && k < m->nlag; k++)
    for (size_t i = 0; to->lag[k] && i < n; i++)
      to->lag[k][i] += w[i] * at->p[self->b[k]] *
                       (self->square ? 2 * tape->field[self->fl[k]][i] : 1);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const delayed *self = (const delayed *)m;
  const size_t n = tape->rows * m->ny;
  const double *w = tape->field[self->fw];
  gp[self->a] += weight * gn_vec_dot(n, w, tape->field[self->fy]);
  for (size_t i = 0; i < n; i++)
    gp[self->c] += weight * w[i] * sin(tape->field[self->ft][i / m->ny]);
  for (size_t k = 0; k < m->nlag; k++)
    for (size_t i = 0; i < n; i++) {
      const double lag = tape->field[self->fl[k]][i];
      gp[self->b[k]] += weight * w[i] * (self->square ? lag * lag : lag);
    }
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const delayed *self = (const delayed *)m;
  const size_t n = at->B * m->ny;
  for (size_t i = 0; i < n; i++) {
    z[i] = vy ? at->p[self->a] * vy[i] : 0;
    if (vp) z[i] += vp[self->a] * tape->field[self->fy][i] +
                    vp[self->c] * sin(tape->field[self->ft][i / m->ny]);
    for (size_t k = 0; k < m->nlag; k++) {
      const double lag = tape->field[self->fl[k]][i];
      if (vp) z[i] += vp[self->b[k]] * (self->square ? lag * lag : lag);
      if (at->vlag && at->vlag[k])
        z[i] += at->p[self->b[k]] * (self->square ? 2 * lag : 1) * at->vlag[k][i];
    }
  }
  return 0;
}

static void lags(const gn_model *m, const double *p, double *tau)
{
  const delayed *self = (const delayed *)m;
  for (size_t k = 0; k < m->nlag; k++) tau[k] = exp(p[self->theta[k]]);
}

static void lags_pgrad(const gn_model *m, const double *p, const double *gtau, double *gp)
{
  const delayed *self = (const delayed *)m;
  for (size_t k = 0; k < m->nlag; k++)
    gp[self->theta[k]] += gtau[k] * exp(p[self->theta[k]]);
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  delayed *self = (delayed *)m;
  const size_t d = data.nx ? data.nx : (size_t)c->dim;
  GN_TRY(gn_model_block(m, "z", d));
  m->uses_time = 1;
  m->nlag = (size_t)c->lags;
  self->square = c->square;
  GN_TRY(gn_params_scalar(&m->params, "a", c->a, &self->a));
  GN_TRY(gn_params_scalar(&m->params, "c", c->c, &self->c));
  double tau = c->tau;
  for (size_t k = 0; k < m->nlag; k++) {
    const char *name = gn_arena_printf(m->arena, "b%zu", k);
    const char *theta = gn_arena_printf(m->arena, "theta%zu", k);
    if (!name || !theta) return GN_ENOMEM;
    GN_TRY(gn_params_scalar(&m->params, name, c->b, &self->b[k]));
    GN_TRY(gn_params_scalar(&m->params, theta, log(tau), &self->theta[k]));
    GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fl[k]));
    tau *= c->ratio;
  }
  GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fy));
  GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fw));
  return gn_fields_add(&m->tape[GN_F], 1, &self->ft);
}

const gn_model_class gn_rig_delayed = {
  .name = "delayed",
  .summary = "z' = a z(t) + sum b_k z(t - tau_k) + c sin t; for tests",
  .source = "none",
  .size = sizeof(delayed),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
  .lags = lags,
  .lags_pgrad = lags_pgrad,
};
