/* Generalized heavy-ball neural ODE, paper sign (m = h' before the gate).
 *
 *   h' = s(m),   m' = f(h, t) - gamma m - xi h
 *   gamma = eps sigmoid(rho),   xi = softplus(chi),   s = identity, tanh or hardtanh_[-c, c]
 *
 * The gate bounds h', xi pulls h back; h(0) = x, m(0) = 0 or g_phi(x). Xia et al., "Heavy
 * Ball Neural Ordinary Differential Equations", NeurIPS 2021, eq. (13). With D = diag s'(m):
 *
 *   df/dh^T w = f_h^T w_m - xi w_m,   df/dm^T w = D w_h - gamma w_m,
 *   dL/drho += -gamma (1 - gamma / eps) w_m . m,   dL/dchi += -sigmoid(chi) w_m . h */
#include "base/vec.h"
#include "core/parts.h"

typedef struct config {
  gn_net_config net;
  int gate, gamma, xi;
  double gate_clip, rho, eps, chi;
  gn_parts_config parts;
} config;

static const gn_option options[] = {
  GN_NET_OPTIONS(config, net),
  GN_SIGNAL_OPTION(config, net),
  GN_CHOICE(config, "gate", gate, 1, "identity|tanh|hardtanh", "s, applied to m in h' = s(m)"),
  GN_REAL(config, "gate_clip", gate_clip, 5, 1e-6, 1e6, "c of hardtanh"),
  GN_REAL(config, "rho", rho, -3, -100, 100, "start of rho; gamma = eps sigmoid(rho)"),
  GN_REAL(config, "eps", eps, 1, 1e-12, 1e6, "largest damping, gamma < eps"),
  GN_CHOICE(config, "gamma", gamma, 0, "trainable|frozen", "is rho a parameter"),
  GN_REAL(config, "chi", chi, 0, -100, 100, "start of chi; xi = softplus(chi)"),
  GN_CHOICE(config, "xi", xi, 0, "trainable|frozen", "is chi a parameter"),
  GN_LIFT_OPTIONS(config, parts),
  GN_JUMP_OPTIONS(config, parts),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

typedef struct ghbnode {
  gn_model base;
  gn_net net;
  gn_act gate;
  size_t rho, chi;             /* offsets in p, if trainable          */
  int train_gamma, train_xi;
  double rho0, chi0, eps;
  size_t fm, fs, fw;           /* tape: m, s(m), scratch, [B, d] each */
} ghbnode;

enum { H, M, NBLOCK };

static double gamma_of(const ghbnode *self, const double *p)
{
  return self->eps * gn_sigmoid(self->train_gamma ? p[self->rho] : self->rho0);
}

static double chi_of(const ghbnode *self, const double *p)
{
  return self->train_xi ? p[self->chi] : self->chi0;
}

static double watch_gamma(const gn_model *m, const double *p)
{
  return gamma_of((const ghbnode *)m, p);
}

static double watch_xi(const gn_model *m, const double *p)
{
  return gn_softplus(chi_of((const ghbnode *)m, p));
}

static const gn_watched watch[] = { { "gamma", "damping", 1, watch_gamma },
                                    { "xi", "pull on h", 0, watch_xi },
                                    { NULL, NULL, 0, NULL } };

static int eval(const gn_model *model, const gn_point *at, const gn_tape *tape, double *z)
{
  const ghbnode *self = (const ghbnode *)model;
  const size_t n = at->B * model->d[M];
  const double *m = gn_cblock(model, at->B, M, at->y);
  double *mdot = gn_block(model, at->B, M, z), *s = tape->field[self->fs];
  gn_vec_copy(n, m, tape->field[self->fm]);
  gn_vec_copy(n, m, s);
  gn_act_apply(self->gate, n, s);
  gn_vec_copy(n, s, z);
  gn_vec_scale(n, -gamma_of(self, at->p), m, mdot);
  gn_vec_axpy(n, -gn_softplus(chi_of(self, at->p)), at->y, mdot);
  const double *in[] = { at->y, at->u };
  gn_net_eval(&self->net, at->B, at->p, in, at->t, tape->field, 1, &mdot);
  return 0;
}

static int vjp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *w, const gn_pull *to)
{
  const ghbnode *self = (const ghbnode *)model;
  const size_t n = at->B * model->d[M];
  const double *wm = gn_cblock(model, at->B, M, w);
  double *g[] = { to->y, to->u };
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &wm, g);
  if (!to->y) return 0;
  double *gm = gn_block(model, at->B, M, to->y), *dwh = tape->field[self->fw];
  gn_vec_copy(n, w, dwh);
  gn_act_back(self->gate, n, tape->field[self->fs], dwh);
  gn_vec_axpy(n, 1.0, dwh, gm);
  gn_vec_axpy(n, -gamma_of(self, at->p), wm, gm);
  gn_vec_axpy(n, -gn_softplus(chi_of(self, at->p)), wm, to->y);
  return 0;
}

static void pgrad(const gn_model *model, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  const ghbnode *self = (const ghbnode *)model;
  const size_t n = tape->rows * model->d[M];
  const double *wm = gn_net_cotangent(&self->net, tape->field);
  const double *h = tape->field[self->net.fx];
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
  if (self->train_gamma) {
    const double gamma = gamma_of(self, p);
    gp[self->rho] -= weight * gamma * (1 - gamma / self->eps) *
                     gn_vec_dot(n, wm, tape->field[self->fm]);
  }
  if (self->train_xi)
    gp[self->chi] -= weight * gn_sigmoid(chi_of(self, p)) * gn_vec_dot(n, wm, h);
}

static int jvp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *vy, const double *vp, double *z)
{
  const ghbnode *self = (const ghbnode *)model;
  const size_t n = at->B * model->d[M];
  const double gamma = gamma_of(self, at->p), chi = chi_of(self, at->p);
  double *mdot = gn_block(model, at->B, M, z);
  gn_vec_fill(at->B * model->ny, 0.0, z);
  if (vy) {
    const double *vm = gn_cblock(model, at->B, M, vy);
    gn_vec_copy(n, vm, z);
    gn_act_back(self->gate, n, tape->field[self->fs], z);
    gn_vec_scale(n, -gamma, vm, mdot);
    gn_vec_axpy(n, -gn_softplus(chi), vy, mdot);
  }
  if (vp && self->train_gamma)
    gn_vec_axpy(n, -gamma * (1 - gamma / self->eps) * vp[self->rho], tape->field[self->fm],
                mdot);
  if (vp && self->train_xi)
    gn_vec_axpy(n, -gn_sigmoid(chi) * vp[self->chi], tape->field[self->net.fx], mdot);
  const double *v[] = { vy, NULL };
  gn_net_jvp(&self->net, at->B, at->p, tape->field, v, vp, 1, &mdot);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  static const gn_act_kind gates[] = { GN_ACT_IDENTITY, GN_ACT_TANH, GN_ACT_HARDTANH };
  const config *c = config_;
  ghbnode *self = (ghbnode *)m;
  size_t d;
  GN_TRY(gn_parts_state(m, &c->net, &c->parts, data, &d));
  GN_TRY(gn_model_block(m, "h", d));
  GN_TRY(gn_model_block(m, "m", d));
  m->uses_time = c->net.time;
  self->gate = (gn_act){ gates[c->gate], c->gate_clip };
  self->train_gamma = c->gamma == 0;
  self->train_xi = c->xi == 0;
  self->rho0 = c->rho;
  self->chi0 = c->chi;
  self->eps = c->eps;
  GN_TRY(gn_parts_net(m, &c->net, "f", 1, 1, &self->net));
  GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fm));
  GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fs));
  GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fw));
  if (self->train_gamma) GN_TRY(gn_params_scalar(&m->params, "rho", c->rho, &self->rho));
  if (self->train_xi) GN_TRY(gn_params_scalar(&m->params, "chi", c->chi, &self->chi));
  return gn_parts_setup(m, &c->parts, data, (size_t)c->net.width, 1);
}

const gn_model_class gn_model_ghbnode = {
  .name = "ghbnode",
  .summary = "generalized heavy-ball neural ODE, h' = s(m), m' = f(h, t) - gamma m - xi h",
  .source = "Xia et al., NeurIPS 2021, eq. (13)",
  .size = sizeof(ghbnode),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
  .watch = watch,
};
