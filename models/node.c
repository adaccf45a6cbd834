/* Neural ODE.
 *
 *   h' = f(h, t)
 *
 * with f a dense network. Chen, Rubanova, Bettencourt, Duvenaud, "Neural Ordinary
 * Differential Equations", NeurIPS 2018, eq. (2). */
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

typedef struct node {
  gn_model base;
  gn_net net;
} node;

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const node *self = (const node *)m;
  const double *in[] = { at->y, at->u };
  gn_net_eval(&self->net, at->B, at->p, in, at->t, tape->field, 0, &z);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const node *self = (const node *)m;
  double *g[] = { to->y, to->u };
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &w, g);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const node *self = (const node *)m;
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const node *self = (const node *)m;
  const double *v[] = { vy, NULL };
  gn_net_jvp(&self->net, at->B, at->p, tape->field, v, vp, 0, &z);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  node *self = (node *)m;
  size_t d;
  GN_TRY(gn_parts_state(m, &c->net, &c->parts, data, &d));
  GN_TRY(gn_model_block(m, "h", d));
  m->uses_time = c->net.time;
  GN_TRY(gn_parts_net(m, &c->net, "f", 1, 1, &self->net));
  return gn_parts_setup(m, &c->parts, data, (size_t)c->net.width, 1);
}

const gn_model_class gn_model_node = {
  .name = "node",
  .summary = "neural ODE, h' = f(h, t)",
  .source = "Chen et al., NeurIPS 2018, eq. (2)",
  .size = sizeof(node),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
