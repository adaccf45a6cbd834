/* Delay differential neural network: z' is a network of the present and of past states.
 *
 *   concat    z' = f(z, z(t - tau_1), ..., z(t - tau_k), t)       one network on all of them
 *   combine   z' = f(w_0 z + sum_k w_k z(t - tau_k), t)           trained weights, width of z
 *   additive  z' = f(z, t) + sum_k g_k(z(t - tau_k))              a network for each
 *
 * Before t0 the state is z(t0) = x; the lags are fixed or trained, tau_k = exp(log_tau_k). The paper (DDNN) is known by its abstract only: two ways
 * for past states to enter, memory-efficient adjoint. These are our reading of it; concat with
 * one lag is the NDDE of Zhu, Guo, Lin, "Neural Delay Differential Equations", ICLR 2021. */
#include "base/vec.h"
#include "core/parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LAGS_MOST = GN_NET_BLOCKS - 1 };
enum { CONCAT, COMBINE, ADDITIVE };

typedef struct config {
  gn_net_config net;
  int architecture, train_lags;
  char lags[GN_TEXT_MAX];
  gn_parts_config parts;
} config;

static const gn_option options[] = {
  GN_NET_OPTIONS(config, net),
  GN_CHOICE(config, "architecture", architecture, CONCAT, "concat|combine|additive",
            "how past states enter (our reading of the abstract)"),
  GN_TEXT(config, "lags", lags, "1", "the lags, separated by commas; 1 to 5 of them"),
  GN_BOOL(config, "train_lags", train_lags, 0, "are the lags parameters"),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

typedef struct ddnn {
  gn_model base;
  int architecture;
  gn_net net, past[LAGS_MOST];     /* past: g_k of additive                         */
  size_t w, log_tau;               /* offsets in p: [1 + nlag] of combine, [nlag]   */
  int train_lags;
  double tau[LAGS_MOST];           /* where they start, or stay                     */
  size_t fu, fgu, fl[1 + LAGS_MOST]; /* tape of combine: the sum, its cotangent, what is summed */
} ddnn;

/* The present state and the delayed ones. */
static void inputs(const gn_model *m, const double *y, const double *const *lag,
                   const double **x)
{
  x[0] = y;
  for (size_t k = 0; k < m->nlag; k++) x[1 + k] = lag ? lag[k] : NULL;
}

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const ddnn *self = (const ddnn *)m;
  const size_t n = at->B * m->ny;
  const double *x[1 + LAGS_MOST];
  inputs(m, at->y, at->lag, x);
  if (self->architecture == COMBINE) {
    double *u = tape->field[self->fu];
    for (size_t k = 0; k <= m->nlag; k++) gn_vec_copy(n, x[k], tape->field[self->fl[k]]);
    gn_vec_lincomb(n, 1 + m->nlag, at->p + self->w, x, u);
    const double *const uc = u;
    gn_net_eval(&self->net, at->B, at->p, &uc, at->t, tape->field, 0, &z);
    return 0;
  }
  gn_net_eval(&self->net, at->B, at->p, x, at->t, tape->field, 0, &z);
  for (size_t k = 0; self->architecture == ADDITIVE && k < m->nlag; k++)
    gn_net_eval(&self->past[k], at->B, at->p, &x[1 + k], NULL, tape->field, 1, &z);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const ddnn *self = (const ddnn *)m;
  const size_t n = at->B * m->ny;
  double *gx[1 + LAGS_MOST];
  gx[0] = to->y;
  for (size_t k = 0; k < m->nlag; k++) gx[1 + k] = to->lag ? to->lag[k] : NULL;
  if (self->architecture == COMBINE) {
    double *gu = tape->field[self->fgu];
    gn_vec_fill(n, 0.0, gu);
    gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &w, &gu);
    for (size_t k = 0; k <= m->nlag; k++)
      if (gx[k]) gn_vec_axpy(n, at->p[self->w + k], gu, gx[k]);
    return 0;
  }
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &w, gx);
  for (size_t k = 0; self->architecture == ADDITIVE && k < m->nlag; k++)
    gn_net_vjp(&self->past[k], at->B, at->p, tape->field, 1.0, &w, &gx[1 + k]);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const ddnn *self = (const ddnn *)m;
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
  for (size_t k = 0; self->architecture == ADDITIVE && k < m->nlag; k++)
    gn_net_pgrad(&self->past[k], tape->rows, tape->field, weight, gp);
  for (size_t k = 0; self->architecture == COMBINE && k <= m->nlag; k++)
    gp[self->w + k] += weight * gn_vec_dot(tape->rows * m->ny, tape->field[self->fgu],
                                           tape->field[self->fl[k]]);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const ddnn *self = (const ddnn *)m;
  const size_t n = at->B * m->ny;
  const double *v[1 + LAGS_MOST];
  inputs(m, vy, at->vlag, v);
  if (self->architecture == COMBINE) {
    double *vu = tape->field[self->fgu];
    gn_vec_fill(n, 0.0, vu);
    for (size_t k = 0; k <= m->nlag; k++) {
      if (v[k]) gn_vec_axpy(n, at->p[self->w + k], v[k], vu);
      if (vp) gn_vec_axpy(n, vp[self->w + k], tape->field[self->fl[k]], vu);
    }
    const double *const vuc = vu;
    gn_net_jvp(&self->net, at->B, at->p, tape->field, &vuc, vp, 0, &z);
    return 0;
  }
  gn_net_jvp(&self->net, at->B, at->p, tape->field, v, vp, 0, &z);
  for (size_t k = 0; self->architecture == ADDITIVE && k < m->nlag; k++)
    gn_net_jvp(&self->past[k], at->B, at->p, tape->field, &v[1 + k], vp, 1, &z);
  return 0;
}

static void lags(const gn_model *m, const double *p, double *tau)
{
  const ddnn *self = (const ddnn *)m;
  for (size_t k = 0; k < m->nlag; k++)
    tau[k] = self->train_lags ? exp(p[self->log_tau + k]) : self->tau[k];
}

static void lags_pgrad(const gn_model *m, const double *p, const double *gtau, double *gp)
{
  const ddnn *self = (const ddnn *)m;
  for (size_t k = 0; k < m->nlag; k++)
    gp[self->log_tau + k] += gtau[k] * exp(p[self->log_tau + k]);
}

/* "0.5,1.2" */
static gn_status read_lags(ddnn *self, const char *text)
{
  gn_model *m = &self->base;
  const char *at = text;
  for (m->nlag = 0;; at++) {
    char *end;
    GN_REQUIRE(m->nlag < LAGS_MOST, GN_EARG, "model.lags = %s: more than %d lags", text,
               (int)LAGS_MOST);
    const double tau = strtod(at, &end);
    GN_REQUIRE(end > at && tau > 0 && isfinite(tau), GN_EARG,
               "model.lags = %s: expected positive numbers, separated by commas", text);
    self->tau[m->nlag++] = tau;
    at = end + strspn(end, " ");
    if (!*at) return GN_OK;
    GN_REQUIRE(*at == ',', GN_EARG, "model.lags = %s: '%c' where a comma belongs", text, *at);
  }
}

static gn_status setup_networks(ddnn *self, const config *c, size_t d)
{
  gn_model *m = &self->base;
  gn_net_spec spec;
  gn_parts_spec(&c->net, &spec);
  spec.nblock_out = 1;
  spec.out[0] = d;
  spec.nblock_in = self->architecture == CONCAT ? 1 + m->nlag : 1;
  for (size_t k = 0; k < spec.nblock_in; k++) spec.in[k] = d;
  GN_TRY(gn_net_setup(&self->net, &spec, "f", &m->params, &m->tape[GN_F]));
  spec.time = 0;
  for (size_t k = 0; self->architecture == ADDITIVE && k < m->nlag; k++) {
    const char *prefix = gn_arena_printf(m->arena, "g%zu", k + 1);
    if (!prefix) return GN_ENOMEM;
    GN_TRY(gn_net_setup(&self->past[k], &spec, prefix, &m->params, &m->tape[GN_F]));
  }
  return GN_OK;
}

/* One tensor of n equal numbers. */
static gn_status constants(gn_model *m, const char *name, size_t n, const double *start,
                           size_t *offset)
{
  for (size_t k = 0; k < n; k++) {
    const char *each = n == 1 ? name : gn_arena_printf(m->arena, "%s.%zu", name, k);
    size_t at;
    if (!each) return GN_ENOMEM;
    GN_TRY(gn_params_scalar(&m->params, each, start[k], &at));
    if (k == 0) *offset = at;
  }
  return GN_OK;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  ddnn *self = (ddnn *)m;
  GN_TRY(gn_parts_dim(&c->net, data, &m->nx));
  const size_t d = m->nx;
  GN_TRY(gn_model_block(m, "z", d));
  m->uses_time = c->net.time;
  self->architecture = c->architecture;
  self->train_lags = c->train_lags;
  GN_TRY(read_lags(self, c->lags));
  m->lags = lags;
  m->lags_pgrad = self->train_lags ? lags_pgrad : NULL;
  GN_TRY(setup_networks(self, c, d));
  if (self->architecture == COMBINE) {
    double mean[1 + LAGS_MOST];
    for (size_t k = 0; k <= m->nlag; k++) mean[k] = 1 / (double)(1 + m->nlag);
    GN_TRY(constants(m, "w", 1 + m->nlag, mean, &self->w));
    GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fu));
    GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fgu));
    for (size_t k = 0; k <= m->nlag; k++)
      GN_TRY(gn_fields_add(&m->tape[GN_F], d, &self->fl[k]));
  }
  if (self->train_lags) {
    double start[LAGS_MOST];
    for (size_t k = 0; k < m->nlag; k++) start[k] = log(self->tau[k]);
    GN_TRY(constants(m, "log_tau", m->nlag, start, &self->log_tau));
  }
  return gn_parts_setup(m, &c->parts, data, (size_t)c->net.width, 1);
}

const gn_model_class gn_model_ddnn = {
  .name = "ddnn",
  .summary = "delay network, z' = f(z(t), z(t - tau_1), ...): three ways for the past to enter",
  .source = "our reading of the DDNN abstract; NDDE: Zhu et al., ICLR 2021",
  .size = sizeof(ddnn),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
