/* The LSTM cell as a jump: the state y has a memory c beside it, block by block, which does not
 * flow and which f does not read.
 *
 *   i, f, o = s(W [y, x] + b),  g = tanh(W_g [y, x] + b_g),  each gate with its own W, b
 *   c+ = f c + i g,   y+ = o tanh(c+),    between observations c' = 0
 *
 * Hochreiter, Schmidhuber, Neural Computation 9 (1997), with the forget gate of Gers et al.
 * (2000); memory that does not flow: Lechner, Hasani, arXiv:2006.04418, eq. (4). Products are
 * element by element. */
#include "base/vec.h"
#include "core/parts.h"

enum { IN, FORGET, FRESH, OUT, NGATE };
static const char *const names[NGATE] = { "jump.in", "jump.forget", "jump.fresh", "jump.out" };
static const gn_act acts[NGATE] = { { GN_ACT_SIGMOID, 0 }, { GN_ACT_SIGMOID, 0 },
                                    { GN_ACT_TANH, 0 }, { GN_ACT_SIGMOID, 0 } };
static const gn_act TANH = { GN_ACT_TANH, 0 };

/* Blocks that flow; as many of the memory follow, of the same widths. */
static size_t nflow(const gn_model *m) { return m->nblock / 2; }
static size_t half(const gn_model *m, size_t B) { return B * m->ny / 2; }

static void sources(const gn_model *m, size_t B, const double *y, const double *x,
                    const double **at)
{
  for (size_t k = 0; k < nflow(m); k++) at[k] = y ? gn_cblock(m, B, k, y) : NULL;
  at[nflow(m)] = x;
}

static void targets(const gn_model *m, size_t B, double *y, double *x, double **at)
{
  for (size_t k = 0; k < nflow(m); k++) at[k] = y ? gn_block(m, B, k, y) : NULL;
  at[nflow(m)] = x;
}

/* ---- the jump -------------------------------------------------------------------------- */

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const gn_parts *q = m->parts;
  const size_t n = half(m, at->B);
  const double *in[GN_BLOCKS_MAX + 1], *c = tape->field[q->fc];
  double *out[GN_BLOCKS_MAX + 1], *gate[NGATE], *th = tape->field[q->fu];
  gn_vec_copy(n, at->y + n, tape->field[q->fc]);
  sources(m, at->B, at->y, at->x, in);
  for (size_t k = 0; k < NGATE; k++) {
    gate[k] = tape->field[q->gate[k]];
    targets(m, at->B, gate[k], NULL, out);
    gn_net_eval(&q->jump[k], at->B, at->p, in, NULL, tape->field, 0, out);
    gn_act_apply(acts[k], n, gate[k]);
  }
  for (size_t i = 0; i < n; i++)
    z[n + i] = th[i] = gate[FORGET][i] * c[i] + gate[IN][i] * gate[FRESH][i];
  gn_act_apply(TANH, n, th);
  for (size_t i = 0; i < n; i++) z[i] = gate[OUT][i] * th[i];
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const gn_parts *q = m->parts;
  const size_t n = half(m, at->B);
  const double *wb[GN_BLOCKS_MAX + 1], *gate[NGATE];
  const double *c = tape->field[q->fc], *th = tape->field[q->fu];
  double *gx[GN_BLOCKS_MAX + 1], *d[NGATE];
  for (size_t k = 0; k < NGATE; k++) {
    gate[k] = tape->field[q->gate[k]];
    d[k] = tape->field[q->back[k]];
  }
  for (size_t i = 0; i < n; i++) {
    const double e = w[n + i] + w[i] * gate[OUT][i] * (1 - th[i] * th[i]); /* of c+ */
    d[OUT][i] = w[i] * th[i];
    d[FORGET][i] = e * c[i];
    d[IN][i] = e * gate[FRESH][i];
    d[FRESH][i] = e * gate[IN][i];
    if (to->y) to->y[n + i] += e * gate[FORGET][i];
  }
  targets(m, at->B, to->y, to->x, gx);
  for (size_t k = 0; k < NGATE; k++) {
    gn_act_back(acts[k], n, gate[k], d[k]);
    sources(m, at->B, d[k], NULL, wb);
    gn_net_vjp(&q->jump[k], at->B, at->p, tape->field, 1.0, wb, gx);
  }
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  for (size_t k = 0; k < NGATE; k++)
    gn_net_pgrad(&m->parts->jump[k], tape->rows, tape->field, weight, gp);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const gn_parts *q = m->parts;
  const size_t n = half(m, at->B);
  const double *vx[GN_BLOCKS_MAX + 1], *gate[NGATE];
  const double *c = tape->field[q->fc], *th = tape->field[q->fu];
  double *out[GN_BLOCKS_MAX + 1], *d[NGATE];
  sources(m, at->B, vy, NULL, vx);
  for (size_t k = 0; k < NGATE; k++) {
    gate[k] = tape->field[q->gate[k]];
    d[k] = tape->field[q->back[k]];
    targets(m, at->B, d[k], NULL, out);
    gn_net_jvp(&q->jump[k], at->B, at->p, tape->field, vx, vp, 0, out);
    gn_act_back(acts[k], n, gate[k], d[k]);
  }
  for (size_t i = 0; i < n; i++) {
    const double kept = vy ? gate[FORGET][i] * vy[n + i] : 0;
    z[n + i] = d[FORGET][i] * c[i] + kept + d[IN][i] * gate[FRESH][i] + gate[IN][i] * d[FRESH][i];
    z[i] = d[OUT][i] * th[i] + gate[OUT][i] * (1 - th[i] * th[i]) * z[n + i];
  }
  return 0;
}

static const gn_map lstm = { eval, vjp, pgrad, jvp };

/* ---- the flow: that of the class, and a memory that stays --------------------------------- */

static int flow(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const size_t n = half(m, at->B);
  gn_vec_fill(n, 0.0, z + n);
  return m->cls->f.eval(m, at, tape, z);
}

static int flow_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                    const gn_pull *to)
{
  return m->cls->f.vjp(m, at, tape, w, to);
}

static void flow_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  m->cls->f.pgrad(m, p, tape, weight, gp);
}

static int flow_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                    const double *vp, double *z)
{
  const size_t n = half(m, at->B);
  gn_vec_fill(n, 0.0, z + n);
  return m->cls->f.jvp(m, at, tape, vy, vp, z);
}

static const gn_map still = { flow, flow_vjp, flow_pgrad, flow_jvp };

/* ---- set-up ------------------------------------------------------------------------------ */

gn_status gn_parts_lstm(gn_model *m, gn_parts *q)
{
  const size_t n = m->nblock, width = m->ny;
  GN_REQUIRE(!m->cls->lift.eval && m->nlag == 0, GN_EARG,
             "jump = lstm is not offered for model %s, whose start or lags know no memory; use "
             "jump = gru", m->cls->name);
  gn_net_spec spec = { .nblock_in = n + 1, .nblock_out = n };
  for (size_t k = 0; k < n; k++) spec.in[k] = spec.out[k] = m->d[k];
  spec.in[n] = m->nobs;
  for (size_t k = 0; k < NGATE; k++) {
    GN_TRY(gn_net_setup(&q->jump[k], &spec, names[k], &m->params, &m->tape[GN_JUMP]));
    GN_TRY(gn_fields_add(&m->tape[GN_JUMP], width, &q->gate[k]));
    GN_TRY(gn_fields_add(&m->tape[GN_JUMP], width, &q->back[k]));
  }
  GN_TRY(gn_fields_add(&m->tape[GN_JUMP], width, &q->fc));
  GN_TRY(gn_fields_add(&m->tape[GN_JUMP], width, &q->fu));
  for (size_t k = 0; k < n; k++) {
    const char *name = gn_arena_printf(m->arena, "memory of %s", m->block_name[k]);
    if (!name) return GN_ENOMEM;
    m->quadrature[m->nblock] = 1;
    GN_TRY(gn_model_block(m, name, m->d[k]));
  }
  m->map[GN_JUMP] = lstm;
  m->map[GN_F] = still;
  return GN_OK;
}
