/* Ready-made jumps: what an observation x does to the state y = [y_1, ..., y_k].
 *
 *   linear  y+ = y + sum_k (A_k y_k + a_k) + B x + b          (without y if jump_skip = no)
 *   mlp     y+ = y + g_phi(y_1, ..., y_k, x)                  (the same)
 *   gru     u = s(U [y, x]), r = s(R [y, x]), c = tanh(C [r y, x]), y+ = u y + (1 - u) c
 *
 * linear has a bias for every term, as the sum of torch.nn.Linear that it is in the released
 * code of Xia et al., NeurIPS 2021 (section 4.3); position and added dimensions (anode) are one
 * term. gru: Cho et al., EMNLP 2014, eq. (5)-(8), each gate
 * with a bias; products of states are element by element. */
#include "base/vec.h"
#include "core/parts.h"

static const gn_act SIGMOID = { GN_ACT_SIGMOID, 0 }, TANH = { GN_ACT_TANH, 0 };

/* Pointers to the blocks of y, and x after them; y NULL: NULL for all its blocks. */
static void sources(const gn_model *m, size_t B, const double *y, const double *x,
                    const double **at)
{
  for (size_t k = 0; k < m->nblock; k++) at[k] = y ? gn_cblock(m, B, k, y) : NULL;
  at[m->nblock] = x;
}

static void targets(const gn_model *m, size_t B, double *y, double *x, double **at)
{
  for (size_t k = 0; k < m->nblock; k++) at[k] = y ? gn_block(m, B, k, y) : NULL;
  at[m->nblock] = x;
}

/* ---- jump = linear, mlp --------------------------------------------------------------- */

/* The networks share the sources out among them, in order; their outputs add up. */
static int update(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const gn_parts *q = m->parts;
  const double *in[GN_BLOCKS_MAX + 1];
  double *out[GN_BLOCKS_MAX + 1];
  sources(m, at->B, at->y, at->x, in);
  targets(m, at->B, z, NULL, out);
  if (q->skip) gn_vec_copy(at->B * m->ny, at->y, z);
  for (size_t j = 0, k = 0; j < q->njump; k += q->jump[j++].spec.nblock_in)
    gn_net_eval(&q->jump[j], at->B, at->p, in + k, NULL, tape->field, q->skip || j > 0, out);
  return 0;
}

static int update_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *w, const gn_pull *to)
{
  const gn_parts *q = m->parts;
  const double *wb[GN_BLOCKS_MAX + 1];
  double *gx[GN_BLOCKS_MAX + 1];
  sources(m, at->B, w, NULL, wb);
  targets(m, at->B, to->y, to->x, gx);
  if (to->y && q->skip) gn_vec_axpy(at->B * m->ny, 1.0, w, to->y);
  for (size_t j = 0, k = 0; j < q->njump; k += q->jump[j++].spec.nblock_in)
    gn_net_vjp(&q->jump[j], at->B, at->p, tape->field, 1.0, wb, gx + k);
  return 0;
}

static void nets_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  (void)p;
  for (size_t j = 0; j < m->parts->njump; j++)
    gn_net_pgrad(&m->parts->jump[j], tape->rows, tape->field, weight, gp);
}

static int update_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *vy, const double *vp, double *z)
{
  const gn_parts *q = m->parts;
  const double *vx[GN_BLOCKS_MAX + 1];
  double *out[GN_BLOCKS_MAX + 1];
  sources(m, at->B, vy, NULL, vx);
  targets(m, at->B, z, NULL, out);
  if (q->skip && vy) gn_vec_copy(at->B * m->ny, vy, z);
  else gn_vec_fill(at->B * m->ny, 0.0, z);
  for (size_t j = 0, k = 0; j < q->njump; k += q->jump[j++].spec.nblock_in)
    gn_net_jvp(&q->jump[j], at->B, at->p, tape->field, vx + k, vp, 1, out);
  return 0;
}

static const gn_map update_jump = { update, update_vjp, nets_pgrad, update_jvp };

/* ---- jump = gru ------------------------------------------------------------------------ */

/* Networks: the gates [u, r], and what goes through tanh. */
enum { GATES, FRESH };

/* Blocks of the two gates, side by side as the network has them. */
static void gates(const gn_model *m, size_t B, double *u, double *r, double **at)
{
  targets(m, B, u, NULL, at);
  targets(m, B, r, NULL, at + m->nblock);
}

static int gru(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const gn_parts *q = m->parts;
  const size_t B = at->B, n = B * m->ny;
  const double *in[GN_BLOCKS_MAX + 1];
  double *out[2 * GN_BLOCKS_MAX + 1];
  double *y = tape->field[q->fy], *u = tape->field[q->fu], *r = tape->field[q->fr],
         *c = tape->field[q->fc], *s = tape->field[q->fs];
  gn_vec_copy(n, at->y, y);
  sources(m, B, y, at->x, in);
  gates(m, B, u, r, out);
  gn_net_eval(&q->jump[GATES], B, at->p, in, NULL, tape->field, 0, out);
  gn_act_apply(SIGMOID, n, u);
  gn_act_apply(SIGMOID, n, r);
  for (size_t i = 0; i < n; i++) s[i] = r[i] * y[i];
  sources(m, B, s, at->x, in);
  targets(m, B, c, NULL, out);
  gn_net_eval(&q->jump[FRESH], B, at->p, in, NULL, tape->field, 0, out);
  gn_act_apply(TANH, n, c);
  for (size_t i = 0; i < n; i++) z[i] = u[i] * y[i] + (1 - u[i]) * c[i];
  return 0;
}

static int gru_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                   const gn_pull *to)
{
  const gn_parts *q = m->parts;
  const size_t B = at->B, n = B * m->ny;
  const double *y = tape->field[q->fy], *u = tape->field[q->fu], *r = tape->field[q->fr],
               *c = tape->field[q->fc];
  const double *wb[2 * GN_BLOCKS_MAX + 1];
  double *gx[2 * GN_BLOCKS_MAX + 1];
  double *d = tape->field[q->fd], *e = tape->field[q->fe], *s = tape->field[q->fs];
  for (size_t i = 0; i < n; i++) d[i] = w[i] * (1 - u[i]);
  gn_act_back(TANH, n, c, d);
  gn_vec_fill(n, 0.0, s); /* the cotangent of r y */
  sources(m, B, d, NULL, wb);
  targets(m, B, s, to->x, gx);
  gn_net_vjp(&q->jump[FRESH], B, at->p, tape->field, 1.0, wb, gx);
  for (size_t i = 0; i < n; i++) {
    d[i] = w[i] * (y[i] - c[i]);
    e[i] = s[i] * y[i];
    if (to->y) to->y[i] += u[i] * w[i] + r[i] * s[i];
  }
  gn_act_back(SIGMOID, n, u, d);
  gn_act_back(SIGMOID, n, r, e);
  sources(m, B, d, NULL, wb);
  sources(m, B, e, NULL, wb + m->nblock);
  targets(m, B, to->y, to->x, gx);
  gn_net_vjp(&q->jump[GATES], B, at->p, tape->field, 1.0, wb, gx);
  return 0;
}

static int gru_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                   const double *vp, double *z)
{
  const gn_parts *q = m->parts;
  const size_t B = at->B, n = B * m->ny;
  const double *y = tape->field[q->fy], *u = tape->field[q->fu], *r = tape->field[q->fr],
               *c = tape->field[q->fc];
  const double *vx[GN_BLOCKS_MAX + 1];
  double *out[2 * GN_BLOCKS_MAX + 1];
  double *d = tape->field[q->fd], *e = tape->field[q->fe], *s = tape->field[q->fs];
  sources(m, B, vy, NULL, vx);
  gates(m, B, d, e, out);
  gn_net_jvp(&q->jump[GATES], B, at->p, tape->field, vx, vp, 0, out);
  gn_act_back(SIGMOID, n, u, d);
  gn_act_back(SIGMOID, n, r, e);
  for (size_t i = 0; i < n; i++) s[i] = e[i] * y[i] + (vy ? r[i] * vy[i] : 0);
  sources(m, B, s, NULL, vx);
  targets(m, B, e, NULL, out);
  gn_net_jvp(&q->jump[FRESH], B, at->p, tape->field, vx, vp, 0, out);
  gn_act_back(TANH, n, c, e);
  for (size_t i = 0; i < n; i++)
    z[i] = (vy ? u[i] * vy[i] : 0) + d[i] * (y[i] - c[i]) + (1 - u[i]) * e[i];
  return 0;
}

static const gn_map gru_jump = { gru, gru_vjp, nets_pgrad, gru_jvp };

/* ---- set-up --------------------------------------------------------------------------- */

/* The next network, from the sources first .. first + n - 1 to `times` copies of the state. */
static gn_status add_net(gn_model *m, gn_parts *q, const char *prefix, size_t first, size_t n,
                         size_t times, gn_net_spec spec)
{
  GN_REQUIRE(n <= GN_NET_BLOCKS && times * m->nblock <= GN_NET_BLOCKS, GN_EARG,
             "jump = gru is for models of at most %d state blocks, %s has %zu",
             GN_NET_BLOCKS / 2, m->cls->name, m->nblock);
  spec.nblock_in = n;
  for (size_t k = 0; k < n; k++)
    spec.in[k] = first + k < m->nblock ? m->d[first + k] : m->nobs;
  spec.nblock_out = times * m->nblock;
  for (size_t k = 0; k < spec.nblock_out; k++) spec.out[k] = m->d[k % m->nblock];
  return gn_net_setup(&q->jump[q->njump++], &spec, prefix, &m->params, &m->tape[GN_JUMP]);
}

static gn_status setup_gru(gn_model *m, gn_parts *q)
{
  const gn_net_spec plain = { .depth = 0 };
  size_t *const own[] = { &q->fy, &q->fu, &q->fr, &q->fc, &q->fs, &q->fd, &q->fe };
  for (size_t k = 0; k < sizeof own / sizeof *own; k++)
    GN_TRY(gn_fields_add(&m->tape[GN_JUMP], m->ny, own[k]));
  GN_TRY(add_net(m, q, "jump.gates", 0, m->nblock + 1, 2, plain));
  m->map[GN_JUMP] = gru_jump;
  return add_net(m, q, "jump.fresh", 0, m->nblock + 1, 1, plain);
}

/* The blocks that are read together are one position, with one bias. */
static gn_status setup_linear(gn_model *m, gn_parts *q)
{
  const gn_net_spec plain = { .depth = 0 };
  for (size_t k = 0, n = q->read_blocks; k <= m->nblock; k += n, n = 1) {
    const char *from = k < m->nblock ? m->block_name[k] : "x";
    const char *prefix = gn_arena_printf(m->arena, "jump.%s", from);
    if (!prefix) return GN_ENOMEM;
    GN_TRY(add_net(m, q, prefix, k, n, 1, plain));
  }
  m->map[GN_JUMP] = update_jump;
  return GN_OK;
}

gn_status gn_parts_jump(gn_model *m, const gn_parts_config *c, gn_sizes data, size_t width,
                        gn_parts *q)
{
  if (c->jump == GN_JUMP_NONE) return GN_OK;
  const size_t given = (size_t)c->observations;
  m->nobs = given ? given : data.nobs ? data.nobs : m->nx;
  q->skip = c->jump_skip;
  if (c->jump == GN_JUMP_GRU) return setup_gru(m, q);
  if (c->jump == GN_JUMP_LSTM) return gn_parts_lstm(m, q);
  if (c->jump == GN_JUMP_LINEAR) return setup_linear(m, q);
  const gn_net_spec spec = { .width = c->jump_width ? (size_t)c->jump_width : width,
                             .last = (size_t)c->jump_width_last,
                             .depth = (size_t)c->jump_depth,
                             .act = { (gn_act_kind)c->jump_act, 1 } };
  m->map[GN_JUMP] = update_jump;
  return add_net(m, q, "jump", 0, m->nblock + 1, 1, spec);
}
