/* Robertson's chemical kinetics, the standard stiff problem: three rates, no network.
 *
 *   y1' = -k1 y1 + k2 y2 y3,   y2' = k1 y1 - k2 y2 y3 - k3 y2^2,   y3' = k3 y2^2
 *
 * One block y of width 3, usually from (1, 0, 0). Robertson 1966; Hairer and Wanner, Solving
 * ODEs II, IV.1 (1.4); with these rates the adjoint example of SUNDIALS, whose G is the
 * running cost of component 2. */
#include "base/vec.h"
#include "core/parts.h"

typedef struct config {
  double k1, k2, k3;
  gn_parts_config parts;
} config;

static const gn_option options[] = {
  GN_REAL(config, "k1", k1, 0.04, 0, 1e12, "start of k1, the slow reaction"),
  GN_REAL(config, "k2", k2, 1e4, 0, 1e12, "start of k2, the fast reaction"),
  GN_REAL(config, "k3", k3, 3e7, 0, 1e12, "start of k3, the very fast reaction"),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

enum { K1, K2, K3, NP };
enum { FY, FW }; /* tape: y and its cotangent, [B, 3] each */

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)m;
  const double *p = at->p, *y = at->y;
  gn_vec_copy(at->B * 3, y, tape->field[FY]);
  for (size_t b = 0; b < at->B; b++, y += 3, z += 3) {
    const double r1 = p[K1] * y[0], r2 = p[K2] * y[1] * y[2], r3 = p[K3] * y[1] * y[1];
    z[0] = -r1 + r2;
    z[1] = r1 - r2 - r3;
    z[2] = r3;
  }
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  (void)m;
  const double *p = at->p, *y = tape->field[FY];
  double *gy = to->y;
  gn_vec_copy(at->B * 3, w, tape->field[FW]);
  for (size_t b = 0; gy && b < at->B; b++, y += 3, w += 3, gy += 3) {
    const double w1 = w[1] - w[0], w2 = w[0] - w[1], w3 = w[2] - w[1]; /* of the rates */
    gy[0] += w1 * p[K1];
    gy[1] += w2 * p[K2] * y[2] + w3 * 2 * p[K3] * y[1];
    gy[2] += w2 * p[K2] * y[1];
  }
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)m, (void)p;
  const double *y = tape->field[FY], *w = tape->field[FW];
  for (size_t b = 0; b < tape->rows; b++, y += 3, w += 3) {
    gp[K1] += weight * (w[1] - w[0]) * y[0];
    gp[K2] += weight * (w[0] - w[1]) * y[1] * y[2];
    gp[K3] += weight * (w[2] - w[1]) * y[1] * y[1];
  }
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  (void)m;
  static const double zero[3] = { 0 };
  const double *p = at->p, *y = tape->field[FY], *dp = vp ? vp : zero;
  for (size_t b = 0; b < at->B; b++, y += 3, z += 3) {
    const double *v = vy ? vy + 3 * b : zero;
    const double r1 = p[K1] * v[0] + dp[K1] * y[0];
    const double r2 = p[K2] * (v[1] * y[2] + y[1] * v[2]) + dp[K2] * y[1] * y[2];
    const double r3 = 2 * p[K3] * y[1] * v[1] + dp[K3] * y[1] * y[1];
    z[0] = -r1 + r2;
    z[1] = r1 - r2 - r3;
    z[2] = r3;
  }
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  const double start[NP] = { c->k1, c->k2, c->k3 };
  static const char *const names[NP] = { "k1", "k2", "k3" };
  size_t offset;
  m->nx = 3;
  GN_TRY(gn_model_block(m, "y", 3));
  for (int k = 0; k < NP; k++)
    GN_TRY(gn_params_scalar(&m->params, names[k], start[k], &offset));
  GN_TRY(gn_fields_add(&m->tape[GN_F], 3, &offset));
  GN_TRY(gn_fields_add(&m->tape[GN_F], 3, &offset));
  return gn_parts_setup(m, &c->parts, data, 0, 1);
}

const gn_model_class gn_model_robertson = {
  .name = "robertson",
  .summary = "stiff chemical kinetics, three rates, derivatives by hand",
  .source = "Robertson 1966; Hairer and Wanner, Solving ODEs II, IV.1 (1.4)",
  .size = sizeof(gn_model),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
