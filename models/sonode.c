/* Second-order neural ODE.
 *
 *   h' = v,   v' = f(h, v, t),   h(0) = x,  v(0) = 0 or g_phi(x)
 *
 * Norcliffe, Bodnar, Day, Simidjievski, Lio, "On Second Order Behaviour in Augmented Neural
 * ODEs", NeurIPS 2020, eq. (4). */
#include "base/vec.h"
#include "core/parts.h"

typedef struct config {
  gn_net_config net;
  gn_parts_config parts;
} config;

static const gn_option options[] = {
  GN_NET_OPTIONS(config, net),
  GN_SIGNAL_OPTION(config, net),
  GN_LIFT_OPTIONS(config, parts),
  GN_JUMP_OPTIONS(config, parts),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

typedef struct sonode {
  gn_model base;
  gn_net net;
} sonode;

enum { H, V, NBLOCK };

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const sonode *self = (const sonode *)m;
  const double *in[] = { at->y, gn_cblock(m, at->B, V, at->y), at->u };
  double *vdot = gn_block(m, at->B, V, z);
  gn_vec_copy(at->B * m->d[H], in[V], z);
  gn_net_eval(&self->net, at->B, at->p, in, at->t, tape->field, 0, &vdot);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const sonode *self = (const sonode *)m;
  const double *wv = gn_cblock(m, at->B, V, w);
  double *g[] = { to->y, to->y ? gn_block(m, at->B, V, to->y) : NULL, to->u };
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &wv, g);
  if (to->y) gn_vec_axpy(at->B * m->d[H], 1.0, w, g[V]);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const sonode *self = (const sonode *)m;
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const sonode *self = (const sonode *)m;
  const double *v[] = { vy, vy ? gn_cblock(m, at->B, V, vy) : NULL, NULL };
  double *vdot = gn_block(m, at->B, V, z);
  if (vy) gn_vec_copy(at->B * m->d[H], v[V], z);
  else gn_vec_fill(at->B * m->d[H], 0.0, z);
  gn_net_jvp(&self->net, at->B, at->p, tape->field, v, vp, 0, &vdot);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  sonode *self = (sonode *)m;
  size_t d;
  GN_TRY(gn_parts_state(m, &c->net, &c->parts, data, &d));
  GN_TRY(gn_model_block(m, "h", d));
  GN_TRY(gn_model_block(m, "v", d));
  m->uses_time = c->net.time;
  GN_TRY(gn_parts_net(m, &c->net, "f", NBLOCK, 1, &self->net));
  return gn_parts_setup(m, &c->parts, data, (size_t)c->net.width, 1);
}

const gn_model_class gn_model_sonode = {
  .name = "sonode",
  .summary = "second-order neural ODE, h'' = f(h, h', t)",
  .source = "Norcliffe et al., NeurIPS 2020, eq. (4)",
  .size = sizeof(sonode),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
