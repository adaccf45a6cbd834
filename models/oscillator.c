/* Damped oscillator, the heavy-ball equation whose gradient is known in closed form.
 *
 *   h' = m,   m' = -k h - gamma m
 *
 * Blocks h and m, [B, dim] each; parameters k and gamma. Xia et al., NeurIPS 2021, eq. (8)
 * with f(h) = -k h. For k = 1.01, gamma = 0.2, h(0) = 1, m(0) = 0, T = 2, L = h(T)^2 / 2:
 * h(T) = -0.26626523617357556, dL/dk = 0.21720972104426306,
 * dL/dgamma = -0.19173135727107463, dL/dh(0) = 0.07089717599456997. */
#include "base/vec.h"
#include "core/model.h"

typedef struct config {
  int dim;
  double k, gamma;
} config;

static const gn_option options[] = {
  GN_INT(config, "dim", dim, 0, 0, 4096, "oscillators per sample (0: as the data)"),
  GN_REAL(config, "k", k, 1.01, -1e6, 1e6, "start of k"),
  GN_REAL(config, "gamma", gamma, 0.2, -1e6, 1e6, "start of gamma"),
  GN_OPTIONS_END,
};

enum { K, GAMMA };
enum { FH, FM, FW }; /* tape: h, m and the cotangent of m, [B, dim] each */

static double watch_gamma(const gn_model *m, const double *p)
{
  (void)m;
  return p[GAMMA];
}

static const gn_watched watch[] = { { "gamma", "damping", 1, watch_gamma },
                                    { NULL, NULL, 0, NULL } };

static int eval(const gn_model *model, const gn_point *at, const gn_tape *tape, double *z)
{
  const size_t n = at->B * model->nx;
  const double *h = at->y, *m = at->y + n;
  gn_vec_copy(n, h, tape->field[FH]);
  gn_vec_copy(n, m, tape->field[FM]);
  gn_vec_copy(n, m, z);
  gn_vec_scale(n, -at->p[K], h, z + n);
  gn_vec_axpy(n, -at->p[GAMMA], m, z + n);
  return 0;
}

static int vjp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *w, const gn_pull *to)
{
  const size_t n = at->B * model->nx;
  gn_vec_copy(n, w + n, tape->field[FW]);
  if (!to->y) return 0;
  gn_vec_axpy(n, -at->p[K], w + n, to->y);
  gn_vec_axpy(n, 1.0, w, to->y + n);
  gn_vec_axpy(n, -at->p[GAMMA], w + n, to->y + n);
  return 0;
}

static void pgrad(const gn_model *model, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const size_t n = tape->rows * model->nx;
  gp[K] -= weight * gn_vec_dot(n, tape->field[FH], tape->field[FW]);
  gp[GAMMA] -= weight * gn_vec_dot(n, tape->field[FM], tape->field[FW]);
}

static int jvp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *vy, const double *vp, double *z)
{
  const size_t n = at->B * model->nx;
  gn_vec_fill(2 * n, 0.0, z);
  if (vy) {
    gn_vec_copy(n, vy + n, z);
    gn_vec_axpy(n, -at->p[K], vy, z + n);
    gn_vec_axpy(n, -at->p[GAMMA], vy + n, z + n);
  }
  if (vp) {
    gn_vec_axpy(n, -vp[K], tape->field[FH], z + n);
    gn_vec_axpy(n, -vp[GAMMA], tape->field[FM], z + n);
  }
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  size_t offset;
  m->nx = c->dim ? (size_t)c->dim : data.nx;
  GN_REQUIRE(m->nx > 0, GN_EARG,
             "model.dim is not set and there are no data to take it from");
  GN_TRY(gn_model_block(m, "h", m->nx));
  GN_TRY(gn_model_block(m, "m", m->nx));
  GN_TRY(gn_params_scalar(&m->params, "k", c->k, &offset));
  GN_TRY(gn_params_scalar(&m->params, "gamma", c->gamma, &offset));
  for (int j = 0; j < 3; j++) GN_TRY(gn_fields_add(&m->tape[GN_F], m->nx, &offset));
  return GN_OK;
}

const gn_model_class gn_model_oscillator = {
  .name = "oscillator",
  .summary = "damped oscillator h'' + gamma h' + k h = 0, gradient in closed form",
  .source = "Xia et al., NeurIPS 2021, eq. (8) with f(h) = -k h",
  .size = sizeof(gn_model),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
  .watch = watch,
};
