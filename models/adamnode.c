/* AdamNODE: h moves along -m / sqrt(v), running means of -f and f^2, as the optimiser does.
 *
 *   h' = -m / S,  S = sqrt(a(v)) + eps,   m' = b1 (-f(h, t) - m),   v' = b2 (f(h, t)^2 - v)
 *
 * b1, b2 = sigmoid(beta1), sigmoid(beta2). The paper's equations are known through its code
 * only; the ODE of Adam is da Silva, Gazeau, JMLR 21 (2020). a(v) keeps the root real where a
 * stage of the solver takes v below 0: softplus(v), sigmoid(v) (between 0.7 and 1 under the
 * root: hardly a normalisation), or max(v, 0) + delta (identity: stiff, the gain reaches
 * 1 / sqrt(delta)). h(0) = x; m(0), v(0) by `start`, with o = g_phi(x):
 *
 *   aligned   m = o, v = o^2
 *   paper     [x, o, o^2] cut into [h, m, v]: the reshape of the released code, in which m and
 *             v do not belong to each other (but where h = x)
 *   draw      m = w, v = w^2 everywhere, w from U(-1, 1)
 *
 * With w_f = -b1 w_m + 2 b2 f w_v:
 *
 *   df/dh^T w = f_h^T w_f,   df/dm^T w = -w_h / S - b1 w_m,
 *   df/dv^T w = m a'(v) / (2 sqrt(a) S^2) w_h - b2 w_v,
 *   dL/dbeta1 += b1 (1 - b1) w_m . (-f - m),   dL/dbeta2 += b2 (1 - b2) w_v . (f^2 - v) */
#include "base/rng.h"
#include "base/vec.h"
#include "core/parts.h"

#include <math.h>

typedef struct config {
  gn_net_config net;
  int augment, a, start, draw_seed;
  double eps, delta, beta1, beta2;
  gn_parts_config parts;
} config;

enum { SOFTPLUS, SIGMOID, IDENTITY };
enum { ALIGNED, PAPER, ZERO, DRAW };

static const gn_option options[] = {
  GN_NET_OPTIONS(config, net),
  GN_SIGNAL_OPTION(config, net),
  GN_INT(config, "augment", augment, 0, 0, 65536, "dimensions of h beyond those of x"),
  GN_CHOICE(config, "a", a, SOFTPLUS, "softplus|sigmoid|identity",
            "a(v) under the root; identity is stiff near v = 0"),
  GN_REAL(config, "delta", delta, 1e-6, 1e-12, 1, "identity: least value under the root"),
  GN_REAL(config, "eps", eps, 1e-8, 0, 1, "added to the root"),
  GN_REAL(config, "beta1", beta1, -5, -100, 100, "start of beta1; b1 = sigmoid(beta1)"),
  GN_REAL(config, "beta2", beta2, 5, -100, 100, "start of beta2; b2 = sigmoid(beta2)"),
  GN_CHOICE(config, "start", start, ALIGNED, "aligned|paper|zero|draw", "blocks m and v at t0"),
  GN_INT(config, "draw_seed", draw_seed, 0, 0, 1000000, "start = draw: seed of w"),
  GN_ENCODER_OPTIONS(config, parts),
  GN_JUMP_OPTIONS(config, parts),
  GN_READ_OPTIONS(config, parts),
  GN_OPTIONS_END,
};

/* Where an entry of the initial state comes from. */
typedef enum origin { NOTHING, INPUT, CODE, SQUARE, CONSTANT } origin;
typedef struct source {
  origin from;
  size_t at;    /* column of x or o */
  double value; /* CONSTANT         */
} source;

typedef struct adamnode {
  gn_model base;
  gn_net net, encoder;
  int a;
  double eps, delta;
  size_t beta1, beta2;             /* offsets in p                                   */
  size_t fm, fv, fa, ff, fw, fs;   /* tape: m, v, a(v), f, cotangent of f, scratch    */
  size_t f1, f2;                   /* tape: w_m . (-f - m), w_v . (f^2 - v) [B, 1]    */
  size_t fo, fgo;                  /* tape of lift: o and its cotangent [B, q]        */
  size_t q;                        /* encoder outputs; 0: no encoder                 */
  source *start;                   /* [ny]                                           */
} adamnode;

enum { H, M, V, NBLOCK };

/* ---- f ------------------------------------------------------------------------------ */

static gn_act act_of(const adamnode *self)
{
  return (gn_act){ self->a == SOFTPLUS ? GN_ACT_SOFTPLUS : GN_ACT_SIGMOID, 0 };
}

/* a(v) in place. */
static void apply_a(const adamnode *self, size_t n, double *v)
{
  if (self->a != IDENTITY) gn_act_apply(act_of(self), n, v);
  else for (size_t i = 0; i < n; i++) v[i] = fmax(v[i], 0) + self->delta;
}

/* d *= a'(v). */
static void back_a(const adamnode *self, size_t n, const double *v, const double *a, double *d)
{
  if (self->a != IDENTITY) gn_act_back(act_of(self), n, a, d);
  else for (size_t i = 0; i < n; i++) d[i] = v[i] < 0 ? 0 : d[i];
}

/* (m a'(v) / (2 sqrt(a) S^2)) into c, the derivative of -m / S by v. */
static void slope_by_v(const adamnode *self, const gn_tape *tape, size_t n, double *c)
{
  const double *m = tape->field[self->fm], *a = tape->field[self->fa];
  for (size_t i = 0; i < n; i++) {
    const double root = sqrt(a[i]), S = root + self->eps;
    c[i] = root > 0 ? m[i] / (2 * root * S * S) : 0;
  }
  back_a(self, n, tape->field[self->fv], a, c);
}

static int eval(const gn_model *model, const gn_point *at, const gn_tape *tape, double *z)
{
  const adamnode *self = (const adamnode *)model;
  const size_t n = at->B * model->d[H];
  const double b1 = gn_sigmoid(at->p[self->beta1]), b2 = gn_sigmoid(at->p[self->beta2]);
  double *m = tape->field[self->fm], *v = tape->field[self->fv];
  double *a = tape->field[self->fa], *f = tape->field[self->ff];
  double *mdot = gn_block(model, at->B, M, z), *vdot = gn_block(model, at->B, V, z);
  gn_vec_copy(n, gn_cblock(model, at->B, M, at->y), m);
  gn_vec_copy(n, gn_cblock(model, at->B, V, at->y), v);
  gn_vec_copy(n, v, a);
  apply_a(self, n, a);
  const double *in[] = { at->y, at->u };
  gn_net_eval(&self->net, at->B, at->p, in, at->t, tape->field, 0, &f);
  for (size_t i = 0; i < n; i++) {
    z[i] = -m[i] / (sqrt(a[i]) + self->eps);
    mdot[i] = b1 * (-f[i] - m[i]);
    vdot[i] = b2 * (f[i] * f[i] - v[i]);
  }
  return 0;
}

static int vjp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *w, const gn_pull *to)
{
  const adamnode *self = (const adamnode *)model;
  const size_t d = model->d[H], n = at->B * d;
  const double b1 = gn_sigmoid(at->p[self->beta1]), b2 = gn_sigmoid(at->p[self->beta2]);
  const double *wm = gn_cblock(model, at->B, M, w), *wv = gn_cblock(model, at->B, V, w);
  const double *m = tape->field[self->fm], *v = tape->field[self->fv];
  const double *a = tape->field[self->fa], *f = tape->field[self->ff];
  double *wf = tape->field[self->fw], *s = tape->field[self->fs];
  for (size_t i = 0; i < n; i++) {
    wf[i] = -b1 * wm[i] + 2 * b2 * f[i] * wv[i];
    s[i] = -f[i] - m[i];
  }
  for (size_t i = 0; i < at->B; i++)
    tape->field[self->f1][i] = gn_vec_dot(d, wm + i * d, s + i * d);
  for (size_t i = 0; i < n; i++) s[i] = f[i] * f[i] - v[i];
  for (size_t i = 0; i < at->B; i++)
    tape->field[self->f2][i] = gn_vec_dot(d, wv + i * d, s + i * d);
  const double *wfc = wf;
  double *g[] = { to->y, to->u };
  gn_net_vjp(&self->net, at->B, at->p, tape->field, 1.0, &wfc, g);
  if (!to->y) return 0;
  double *gm = gn_block(model, at->B, M, to->y), *gv = gn_block(model, at->B, V, to->y);
  slope_by_v(self, tape, n, s);
  for (size_t i = 0; i < n; i++) {
    gm[i] += -w[i] / (sqrt(a[i]) + self->eps) - b1 * wm[i];
    gv[i] += s[i] * w[i] - b2 * wv[i];
  }
  return 0;
}

static void pgrad(const gn_model *model, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  const adamnode *self = (const adamnode *)model;
  const double b1 = gn_sigmoid(p[self->beta1]), b2 = gn_sigmoid(p[self->beta2]);
  gn_net_pgrad(&self->net, tape->rows, tape->field, weight, gp);
  double sum1 = 0, sum2 = 0;
  for (size_t i = 0; i < tape->rows; i++) {
    sum1 += tape->field[self->f1][i];
    sum2 += tape->field[self->f2][i];
  }
  gp[self->beta1] += weight * b1 * (1 - b1) * sum1;
  gp[self->beta2] += weight * b2 * (1 - b2) * sum2;
}

static int jvp(const gn_model *model, const gn_point *at, const gn_tape *tape,
               const double *vy, const double *vp, double *z)
{
  const adamnode *self = (const adamnode *)model;
  const size_t n = at->B * model->d[H];
  const double b1 = gn_sigmoid(at->p[self->beta1]), b2 = gn_sigmoid(at->p[self->beta2]);
  const double db1 = vp ? b1 * (1 - b1) * vp[self->beta1] : 0;
  const double db2 = vp ? b2 * (1 - b2) * vp[self->beta2] : 0;
  const double *m = tape->field[self->fm], *v = tape->field[self->fv];
  const double *a = tape->field[self->fa], *f = tape->field[self->ff];
  double *df = tape->field[self->fw], *s = tape->field[self->fs];
  double *mdot = gn_block(model, at->B, M, z), *vdot = gn_block(model, at->B, V, z);
  const double *vin[] = { vy, NULL };
  gn_net_jvp(&self->net, at->B, at->p, tape->field, vin, vp, 0, &df);
  for (size_t i = 0; i < n; i++) {
    z[i] = 0;
    mdot[i] = -b1 * df[i] + db1 * (-f[i] - m[i]);
    vdot[i] = 2 * b2 * f[i] * df[i] + db2 * (f[i] * f[i] - v[i]);
  }
  if (!vy) return 0;
  const double *vm = gn_cblock(model, at->B, M, vy), *vv = gn_cblock(model, at->B, V, vy);
  slope_by_v(self, tape, n, s);
  for (size_t i = 0; i < n; i++) {
    z[i] = -vm[i] / (sqrt(a[i]) + self->eps) + s[i] * vv[i];
    mdot[i] -= b1 * vm[i];
    vdot[i] -= b2 * vv[i];
  }
  return 0;
}

/* ---- lift --------------------------------------------------------------------------- */

/* Entry (row i, column c of all columns) of a state of B rows. */
static size_t place(const gn_model *m, size_t B, size_t i, size_t c)
{
  const size_t k = c / m->d[H];
  return k * B * m->d[H] + i * m->d[H] + c % m->d[H];
}

static int lift(const gn_model *model, const gn_point *at, const gn_tape *tape, double *z)
{
  const adamnode *self = (const adamnode *)model;
  double *o = self->q ? tape->field[self->fo] : NULL;
  if (o) gn_net_eval(&self->encoder, at->B, at->p, &at->y, NULL, tape->field, 0, &o);
  for (size_t i = 0; i < at->B; i++)
    for (size_t c = 0; c < model->ny; c++) {
      const source *s = &self->start[c];
      const double code = o ? o[i * self->q + (s->from >= CODE ? s->at : 0)] : 0;
      z[place(model, at->B, i, c)] = s->from == INPUT  ? at->y[i * model->nx + s->at]
                                     : s->from == CODE ? code
                                     : s->from == SQUARE ? code * code
                                                         : s->value;
    }
  return 0;
}

static int lift_vjp(const gn_model *model, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  const adamnode *self = (const adamnode *)model;
  const double *o = self->q ? tape->field[self->fo] : NULL;
  double *go = self->q ? tape->field[self->fgo] : NULL;
  if (go) gn_vec_fill(at->B * self->q, 0.0, go);
  for (size_t i = 0; i < at->B; i++)
    for (size_t c = 0; c < model->ny; c++) {
      const source *s = &self->start[c];
      const double wc = w[place(model, at->B, i, c)];
      const size_t j = i * self->q + s->at;
      if (s->from == INPUT && to->y) to->y[i * model->nx + s->at] += wc;
      if (s->from == CODE && go) go[j] += wc;
      if (s->from == SQUARE && go) go[j] += 2 * o[j] * wc;
    }
  const double *goc = go;
  if (go) gn_net_vjp(&self->encoder, at->B, at->p, tape->field, 1.0, &goc, &to->y);
  return 0;
}

static void lift_pgrad(const gn_model *model, const double *p, const gn_tape *tape,
                       double weight, double *gp)
{
  (void)p;
  const adamnode *self = (const adamnode *)model;
  if (self->q) gn_net_pgrad(&self->encoder, tape->rows, tape->field, weight, gp);
}

static int lift_jvp(const gn_model *model, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  const adamnode *self = (const adamnode *)model;
  const double *o = self->q ? tape->field[self->fo] : NULL;
  double *vo = self->q ? tape->field[self->fgo] : NULL;
  if (vo) gn_net_jvp(&self->encoder, at->B, at->p, tape->field, &vy, vp, 0, &vo);
  for (size_t i = 0; i < at->B; i++)
    for (size_t c = 0; c < model->ny; c++) {
      const source *s = &self->start[c];
      const size_t j = i * self->q + s->at;
      double v = 0;
      if (s->from == INPUT && vy) v = vy[i * model->nx + s->at];
      if (s->from == CODE && vo) v = vo[j];
      if (s->from == SQUARE && vo) v = 2 * o[j] * vo[j];
      z[place(model, at->B, i, c)] = v;
    }
  return 0;
}

/* ---- set-up ------------------------------------------------------------------------- */

/* The initial state, entry by entry, and the number of encoder outputs it wants. */
static gn_status plan_start(adamnode *self, const config *c)
{
  gn_model *m = &self->base;
  const size_t d = m->d[H], nx = m->nx;
  GN_NEW(m->arena, self->start, m->ny);
  for (size_t i = 0; i < nx; i++) self->start[i] = (source){ .from = INPUT, .at = i };
  if (c->start == ALIGNED || c->start == PAPER) {
    const size_t rest = m->ny - (c->start == PAPER ? nx : d);
    GN_REQUIRE(rest % 2 == 0, GN_EARG,
               "model.start = paper: %zu entries of the state after the %zu inputs, expected "
               "an even number; augment = %zu, make it even", rest, nx, d - nx);
    self->q = rest / 2;
    for (size_t j = 0; j < self->q; j++) {
      self->start[m->ny - rest + j] = (source){ .from = CODE, .at = j };
      self->start[m->ny - self->q + j] = (source){ .from = SQUARE, .at = j };
    }
  }
  if (c->start == DRAW) {
    gn_rng r = gn_rng_make((uint64_t)c->draw_seed, 0);
    const double w = 2 * gn_rng_uniform(&r) - 1;
    for (size_t j = 0; j < d; j++) {
      self->start[d + j] = (source){ .from = CONSTANT, .value = w };
      self->start[2 * d + j] = (source){ .from = CONSTANT, .value = w * w };
    }
  }
  return GN_OK;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  adamnode *self = (adamnode *)m;
  GN_TRY(gn_parts_dim(&c->net, data, &m->nx));
  const size_t d = m->nx + (size_t)c->augment;
  GN_TRY(gn_model_block(m, "h", d));
  GN_TRY(gn_model_block(m, "m", d));
  GN_TRY(gn_model_block(m, "v", d));
  m->uses_time = c->net.time;
  self->a = c->a;
  self->eps = c->eps;
  self->delta = c->delta;

  gn_net_spec spec;
  gn_parts_spec(&c->net, &spec);
  const size_t width = spec.width;
  spec.nblock_in = spec.nblock_out = 1;
  spec.in[0] = spec.out[0] = d;
  m->nu = (size_t)c->net.signals;
  if (m->nu) spec.in[spec.nblock_in++] = m->nu;
  GN_TRY(gn_net_setup(&self->net, &spec, "f", &m->params, &m->tape[GN_F]));
  size_t *const own[] = { &self->fm, &self->fv, &self->fa, &self->ff, &self->fw, &self->fs };
  for (size_t k = 0; k < sizeof own / sizeof *own; k++)
    GN_TRY(gn_fields_add(&m->tape[GN_F], d, own[k]));
  GN_TRY(gn_fields_add(&m->tape[GN_F], 1, &self->f1));
  GN_TRY(gn_fields_add(&m->tape[GN_F], 1, &self->f2));
  GN_TRY(gn_params_scalar(&m->params, "beta1", c->beta1, &self->beta1));
  GN_TRY(gn_params_scalar(&m->params, "beta2", c->beta2, &self->beta2));

  GN_TRY(plan_start(self, c));
  if (self->q) {
    gn_parts_encoder(&c->parts, width, &spec);
    spec.nblock_in = spec.nblock_out = 1;
    spec.in[0] = m->nx;
    spec.out[0] = self->q;
    GN_TRY(gn_net_setup(&self->encoder, &spec, "encoder", &m->params, &m->tape[GN_LIFT]));
    GN_TRY(gn_fields_add(&m->tape[GN_LIFT], self->q, &self->fo));
    GN_TRY(gn_fields_add(&m->tape[GN_LIFT], self->q, &self->fgo));
  }
  return gn_parts_setup(m, &c->parts, data, width, 1);
}

const gn_model_class gn_model_adamnode = {
  .name = "adamnode",
  .summary = "Adam neural ODE, h' = -m / sqrt(a(v)), m and v running means of -f and f^2",
  .source = "AdamNODE's code; da Silva, Gazeau, JMLR 21 (2020)",
  .size = sizeof(adamnode),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
  .lift = { lift, lift_vjp, lift_pgrad, lift_jvp },
};
