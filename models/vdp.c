/* Van der Pol's oscillator, one parameter, stiff for large mu.
 *
 *   x' = v,   v' = mu (1 - x^2) v - x
 *
 * One block h = [x, v] of width 2. Van der Pol, Phil. Mag. 2 (1926), eq. (1); as a stiff
 * test: Hairer, Wanner, Solving ODEs II, eq. IV.1.5'. */
#include "base/vec.h"
#include "core/model.h"

typedef struct config {
  double mu;
} config;

static const gn_option options[] = {
  GN_REAL(config, "mu", mu, 2, -1e6, 1e6, "start of mu, the nonlinear damping"),
  GN_OPTIONS_END,
};

enum { FY, FW }; /* tape: state and cotangent, [B, 2] each */

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const double mu = at->p[0];
  gn_vec_copy(at->B * m->ny, at->y, tape->field[FY]);
  for (size_t b = 0; b < at->B; b++) {
    const double x = at->y[2 * b], v = at->y[2 * b + 1];
    z[2 * b] = v;
    z[2 * b + 1] = mu * (1 - x * x) * v - x;
  }
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const double mu = at->p[0], *y = tape->field[FY];
  gn_vec_copy(at->B * m->ny, w, tape->field[FW]);
  for (size_t b = 0; to->y && b < at->B; b++) {
    const double x = y[2 * b], v = y[2 * b + 1], wx = w[2 * b], wv = w[2 * b + 1];
    to->y[2 * b] -= wv * (2 * mu * x * v + 1);
    to->y[2 * b + 1] += wx + wv * mu * (1 - x * x);
  }
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)m, (void)p;
  const double *y = tape->field[FY], *w = tape->field[FW];
  for (size_t b = 0; b < tape->rows; b++)
    gp[0] += weight * w[2 * b + 1] * (1 - y[2 * b] * y[2 * b]) * y[2 * b + 1];
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  (void)m;
  const double mu = at->p[0], dmu = vp ? vp[0] : 0, *y = tape->field[FY];
  for (size_t b = 0; b < at->B; b++) {
    const double x = y[2 * b], v = y[2 * b + 1];
    const double dx = vy ? vy[2 * b] : 0, dv = vy ? vy[2 * b + 1] : 0;
    z[2 * b] = dv;
    z[2 * b + 1] = mu * (1 - x * x) * dv - (2 * mu * x * v + 1) * dx + dmu * (1 - x * x) * v;
  }
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  (void)data;
  const config *c = config_;
  const size_t one = 1;
  size_t offset;
  m->nx = 2;
  GN_TRY(gn_model_block(m, "h", 2));
  GN_TRY(gn_params_add(&m->params, "mu", 1, &one, c->mu, c->mu, &offset));
  GN_TRY(gn_fields_add(&m->tape[GN_F], 2, &offset));
  return gn_fields_add(&m->tape[GN_F], 2, &offset);
}

const gn_model_class gn_model_vdp = {
  .name = "vdp",
  .summary = "Van der Pol's oscillator, one parameter, stiff for large mu",
  .source = "Van der Pol 1926, eq. (1); Hairer and Wanner II, IV.1.5'",
  .size = sizeof(gn_model),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
