/* Predator and prey, four parameters and no network.
 *
 *   u' = alpha u - beta u v,   v' = delta u v - gamma v
 *
 * One block h = [u, v] of width 2. Lotka, J. Phys. Chem. 14 (1910); Volterra, Nature 118
 * (1926), eq. (1). */
#include "base/vec.h"
#include "core/model.h"

typedef struct config {
  double alpha, beta, gamma, delta;
} config;

static const gn_option options[] = {
  GN_REAL(config, "alpha", alpha, 1.0, -1e3, 1e3, "start of alpha, growth of the prey"),
  GN_REAL(config, "beta", beta, 0.5, -1e3, 1e3, "start of beta, prey eaten"),
  GN_REAL(config, "gamma", gamma, 1.0, -1e3, 1e3, "start of gamma, death of the predator"),
  GN_REAL(config, "delta", delta, 0.5, -1e3, 1e3, "start of delta, predators fed"),
  GN_OPTIONS_END,
};

enum { ALPHA, BETA, GAMMA, DELTA, NP };
enum { FY, FW }; /* tape: state and cotangent, [B, 2] each */

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const double *p = at->p;
  gn_vec_copy(at->B * m->ny, at->y, tape->field[FY]);
  for (size_t b = 0; b < at->B; b++) {
    const double u = at->y[2 * b], v = at->y[2 * b + 1];
    z[2 * b] = p[ALPHA] * u - p[BETA] * u * v;
    z[2 * b + 1] = p[DELTA] * u * v - p[GAMMA] * v;
  }
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const double *p = at->p, *y = tape->field[FY];
  gn_vec_copy(at->B * m->ny, w, tape->field[FW]);
  for (size_t b = 0; to->y && b < at->B; b++) {
    const double u = y[2 * b], v = y[2 * b + 1], wu = w[2 * b], wv = w[2 * b + 1];
    to->y[2 * b] += wu * (p[ALPHA] - p[BETA] * v) + wv * p[DELTA] * v;
    to->y[2 * b + 1] += -wu * p[BETA] * u + wv * (p[DELTA] * u - p[GAMMA]);
  }
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)m, (void)p;
  const double *y = tape->field[FY], *w = tape->field[FW];
  for (size_t b = 0; b < tape->rows; b++) {
    const double u = y[2 * b], v = y[2 * b + 1];
    gp[ALPHA] += weight * w[2 * b] * u;
    gp[BETA] -= weight * w[2 * b] * u * v;
    gp[GAMMA] -= weight * w[2 * b + 1] * v;
    gp[DELTA] += weight * w[2 * b + 1] * u * v;
  }
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  static const double zero[NP] = { 0 };
  const double *p = at->p, *y = tape->field[FY], *q = vp ? vp : zero;
  (void)m;
  for (size_t b = 0; b < at->B; b++) {
    const double u = y[2 * b], v = y[2 * b + 1];
    const double du = vy ? vy[2 * b] : 0, dv = vy ? vy[2 * b + 1] : 0;
    const double duv = du * v + u * dv;
    z[2 * b] = p[ALPHA] * du - p[BETA] * duv + q[ALPHA] * u - q[BETA] * u * v;
    z[2 * b + 1] = p[DELTA] * duv - p[GAMMA] * dv + q[DELTA] * u * v - q[GAMMA] * v;
  }
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  (void)data;
  const config *c = config_;
  const double start[NP] = { c->alpha, c->beta, c->gamma, c->delta };
  static const char *const names[NP] = { "alpha", "beta", "gamma", "delta" };
  size_t offset;
  m->nx = 2;
  GN_TRY(gn_model_block(m, "h", 2));
  for (int k = 0; k < NP; k++)
    GN_TRY(gn_params_scalar(&m->params, names[k], start[k], &offset));
  GN_TRY(gn_fields_add(&m->tape[GN_F], 2, &offset));
  return gn_fields_add(&m->tape[GN_F], 2, &offset);
}

const gn_model_class gn_model_lotka = {
  .name = "lotka",
  .summary = "predator and prey, four parameters, derivatives by hand",
  .source = "Lotka 1910; Volterra 1926, eq. (1)",
  .size = sizeof(gn_model),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
