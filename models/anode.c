/* Augmented neural ODE.
 *
 *   [h; a]' = f([h; a], t),   h(0) = x,  a(0) = 0 or g_phi(x)
 *
 * The blocks h [B, d] and a [B, augment] are read and written in place. Dupont, Doucet, Teh,
 * "Augmented Neural ODEs", NeurIPS 2019, section 4, eq. (3). */
#include "core/parts.h"

typedef struct config {
  gn_net_config net;
  int augment;
  gn_parts_config parts;
} config;

static const gn_option options[] = {
  GN_NET_OPTIONS(config, net),
  GN_SIGNAL_OPTION(config, net),
  GN_INT(config, "augment", augment, 1, 1, 65536, "augmented dimensions"),
  GN_LIFT_OPTIONS(config, parts),
  GN_JUMP_OPTIONS(config, parts),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

typedef struct anode {
  gn_model base;
  gn_net net;
} anode;

enum { H, A, NBLOCK };

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const anode *self = (const anode *)m;
  const double *in[] = { at->y, gn_cblock(m, at->B, A, at->y), at->u };
  double *out[NBLOCK] = { z, gn_block(m, at->B, A, z) };
  gn_net_eval(&self->net, at->B, at->p, in, at->t, tape->field, 0, out);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const anode *self = (const anode *)m;
  const double *wb[NBLOCK] = { w, gn_cblock(m, at->B, A, w) };
  double *gx[] = { to->y, to->y ? gn_block(m, at->B, A, to->y) : NULL, to->u };
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, wb, gx);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const anode *self = (const anode *)m;
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const anode *self = (const anode *)m;
  const double *vx[] = { vy, vy ? gn_cblock(m, at->B, A, vy) : NULL, NULL };
  double *out[NBLOCK] = { z, gn_block(m, at->B, A, z) };
  gn_net_jvp(&self->net, at->B, at->p, tape->field, vx, vp, 0, out);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  anode *self = (anode *)m;
  size_t d;
  GN_TRY(gn_parts_state(m, &c->net, &c->parts, data, &d));
  GN_TRY(gn_model_block(m, "h", d));
  GN_TRY(gn_model_block(m, "a", (size_t)c->augment));
  m->uses_time = c->net.time;
  GN_TRY(gn_parts_net(m, &c->net, "f", NBLOCK, NBLOCK, &self->net));
  return gn_parts_setup(m, &c->parts, data, (size_t)c->net.width, NBLOCK);
}

const gn_model_class gn_model_anode = {
  .name = "anode",
  .summary = "neural ODE on a zero-padded state, [h; a]' = f([h; a], t)",
  .source = "Dupont et al., NeurIPS 2019, eq. (3)",
  .size = sizeof(anode),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
