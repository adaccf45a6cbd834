/* Heavy-ball neural ODE, paper sign (m = h').
 *
 *   h' = m,   m' = f(h, t) - gamma m,   gamma = eps sigmoid(rho)
 *
 * h(0) = x, m(0) = 0 or g_phi(x). Xia, Suliafu, Ji, Nguyen, Bertozzi, Osher, Wang, "Heavy
 * Ball Neural Ordinary Differential Equations", NeurIPS 2021, eq. (8)-(9). The adjoint of
 * (lam_h, lam_m) is again of this form with the same gamma:
 *
 *   df/dh^T w = f_h^T w_m,   df/dm^T w = w_h - gamma w_m,
 *   dL/drho += -gamma (1 - gamma / eps) w_m . m */
#include "base/vec.h"
#include "core/parts.h"

typedef struct config {
  gn_net_config net;
  double rho, eps;
  int gamma;
  gn_parts_config parts;
} config;

static const gn_option options[] = {
  GN_NET_OPTIONS(config, net),
  GN_SIGNAL_OPTION(config, net),
  GN_REAL(config, "rho", rho, -3, -100, 100, "start of rho; gamma = eps sigmoid(rho)"),
  GN_REAL(config, "eps", eps, 1, 1e-12, 1e6, "largest damping, gamma < eps"),
  GN_CHOICE(config, "gamma", gamma, 0, "trainable|frozen", "is rho a parameter"),
  GN_LIFT_OPTIONS(config, parts),
  GN_JUMP_OPTIONS(config, parts),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

typedef struct hbnode {
  gn_model base;
  gn_net net;
  size_t rho;        /* offset of rho in p, if trainable */
  int trainable;
  double rho0, eps;
  size_t fm;         /* tape: m [B, d]                   */
} hbnode;

enum { H, M, NBLOCK };

static double gamma_of(const hbnode *self, const double *p)
{
  return self->eps * gn_sigmoid(self->trainable ? p[self->rho] : self->rho0);
}

static double watch_gamma(const gn_model *m, const double *p)
{
  return gamma_of((const hbnode *)m, p);
}

static const gn_watched watch[] = { { "gamma", "damping", 1, watch_gamma },
                                    { NULL, NULL, 0, NULL } };

static int eval(const gn_model *model, const gn_point *at, const gn_tape *tape, double *z)
{
  const hbnode *self = (const hbnode *)model;
  const size_t n = at->B * model->d[M];
  const double *m = gn_cblock(model, at->B, M, at->y);
  double *mdot = gn_block(model, at->B, M, z);
  gn_vec_copy(n, m, z);
  gn_vec_copy(n, m, tape->field[self->fm]);
  gn_vec_scale(n, -gamma_of(self, at->p), m, mdot);
  const double *in[] = { at->y, at->u };
  gn_net_eval(&self->net, at->B, at->p, in, at->t, tape->field, 1, &mdot);
  return 0;
}

static int vjp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *w, const gn_pull *to)
{
  const hbnode *self = (const hbnode *)model;
  const size_t n = at->B * model->d[M];
  const double *wm = gn_cblock(model, at->B, M, w);
  double *g[] = { to->y, to->u };
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &wm, g);
  if (!to->y) return 0;
  double *gm = gn_block(model, at->B, M, to->y);
  gn_vec_axpy(n, 1.0, w, gm);
  gn_vec_axpy(n, -gamma_of(self, at->p), wm, gm);
  return 0;
}

static void pgrad(const gn_model *model, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  const hbnode *self = (const hbnode *)model;
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
  if (!self->trainable) return;
  const double gamma = gamma_of(self, p);
  const double wm_m = gn_vec_dot(tape->rows * model->d[M], tape->field[self->fm],
                                 gn_net_cotangent(&self->net, tape->field));
  gp[self->rho] -= weight * gamma * (1 - gamma / self->eps) * wm_m;
}

static int jvp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *vy, const double *vp, double *z)
{
  const hbnode *self = (const hbnode *)model;
  const size_t n = at->B * model->d[M];
  const double gamma = gamma_of(self, at->p);
  double *mdot = gn_block(model, at->B, M, z);
  gn_vec_fill(at->B * model->ny, 0.0, z);
  if (vy) {
    const double *vm = gn_cblock(model, at->B, M, vy);
    gn_vec_copy(n, vm, z);
    gn_vec_scale(n, -gamma, vm, mdot);
  }
  if (vp && self->trainable)
    gn_vec_axpy(n, -gamma * (1 - gamma / self->eps) * vp[self->rho], tape->field[self->fm],
                mdot);
  const double *v[] = { vy, NULL };
  gn_net_jvp(&self->net, at->B, at->p, tape->field, v, vp, 1, &mdot);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  hbnode *self = (hbnode *)m;
  size_t d;
  GN_TRY(gn_parts_state(m, &c->net, &c->parts, data, &d));
  GN_TRY(gn_model_block(m, "h", d));
  GN_TRY(gn_model_block(m, "m", d));
  m->uses_time = c->net.time;
  self->trainable = c->gamma == 0;
  self->rho0 = c->rho;
  self->eps = c->eps;
  GN_TRY(gn_parts_net(m, &c->net, "f", 1, 1, &self->net));
  GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fm));
  if (self->trainable)
    GN_TRY(gn_params_scalar(&m->params, "rho", c->rho, &self->rho));
  return gn_parts_setup(m, &c->parts, data, (size_t)c->net.width, 1);
}

const gn_model_class gn_model_hbnode = {
  .name = "hbnode",
  .summary = "heavy-ball neural ODE, h'' + gamma h' = f(h, t)",
  .source = "Xia et al., NeurIPS 2021, eq. (8)-(9)",
  .size = sizeof(hbnode),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
  .watch = watch,
};
