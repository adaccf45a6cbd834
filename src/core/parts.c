/* Ready-made lift and read, and the set-up of all parts.
 *
 *   lift = encoder   y_0 = x,  [y_1, ..., y_k] = g_phi(x)
 *   lift = draw      y_0 = x,  y_1 = ... = y_k = w everywhere
 *   lift = first     y_0 = A x + a,   lift = all   [y_0, ..., y_k] = A x + a
 *   read = linear    z = C [y_0, ..., y_{r-1}] + c
 *   read = state     z = [y_0, ..., y_k] side by side, row by row */
#include "core/parts.h"

#include "base/rng.h"
#include "base/vec.h"

static gn_act activation(int kind, double slope, double clip)
{
  gn_act a = { (gn_act_kind)kind, kind == GN_ACT_HARDTANH ? clip : slope };
  return a;
}

gn_status gn_parts_dim(const gn_net_config *c, gn_sizes data, size_t *dim)
{
  const size_t want = (size_t)c->dim;
  GN_REQUIRE(want > 0 || data.nx > 0, GN_EARG,
             "model.dim is not set and there are no data to take it from");
  GN_REQUIRE(want == 0 || data.nx == 0 || want == data.nx, GN_EARG,
             "model.dim = %zu, but the data have %zu inputs; set model.lift = first, all or none "
             "where the model offers them", want, data.nx);
  *dim = want ? want : data.nx;
  return GN_OK;
}

gn_status gn_parts_state(gn_model *m, const gn_net_config *c, const gn_parts_config *parts,
                         gn_sizes data, size_t *dim)
{
  if (parts->lift < GN_LIFT_FIRST) {
    GN_REQUIRE(parts->inputs == 0, GN_EARG,
               "model.inputs = %d is for lift = first, all or none; here block 0 is the input, "
               "set model.dim", parts->inputs);
    GN_TRY(gn_parts_dim(c, data, &m->nx));
    *dim = m->nx;
    return GN_OK;
  }
  m->nx = parts->inputs ? (size_t)parts->inputs : data.nx ? data.nx : (size_t)c->dim;
  *dim = c->dim ? (size_t)c->dim : m->nx;
  GN_REQUIRE(*dim > 0, GN_EARG,
             "model.dim is not set and there are no data to take it from");
  return GN_OK;
}

void gn_parts_spec(const gn_net_config *c, gn_net_spec *spec)
{
  *spec = (gn_net_spec){ .width = (size_t)c->width, .last = (size_t)c->width_last, .depth = (size_t)c->depth,
                         .act = activation(c->act, c->slope, c->clip), .time = c->time };
}

gn_status gn_parts_net(gn_model *m, const gn_net_config *c, const char *prefix, size_t nin,
                       size_t nout, gn_net *net)
{
  gn_net_spec spec;
  gn_parts_spec(c, &spec);
  spec.nblock_in = nin;
  spec.nblock_out = nout;
  for (size_t k = 0; k < nin; k++) spec.in[k] = m->d[k];
  for (size_t k = 0; k < nout; k++) spec.out[k] = m->d[k];
  m->nu = (size_t)c->signals;
  if (m->nu) spec.in[spec.nblock_in++] = m->nu;
  return gn_net_setup(net, &spec, prefix, &m->params, &m->tape[GN_F]);
}

void gn_parts_encoder(const gn_parts_config *c, size_t width, gn_net_spec *spec)
{
  *spec = (gn_net_spec){
    .width = c->encoder_width ? (size_t)c->encoder_width : width,
    .depth = (size_t)c->encoder_depth,
    .act = activation(c->encoder_act, c->encoder_slope, c->encoder_clip),
  };
}

/* Pointers to the blocks first, first + 1, ... of a state. */
static void blocks(const gn_model *m, size_t B, size_t from, double *y, double **at)
{
  for (size_t k = from; k < m->nblock; k++) at[k - from] = gn_block(m, B, k, y);
}

static void cblocks(const gn_model *m, size_t B, size_t from, const double *y,
                    const double **at)
{
  for (size_t k = from; k < m->nblock; k++) at[k - from] = gn_cblock(m, B, k, y);
}

/* ---- lift = encoder, first, all ------------------------------------------------------------------- */

/* Block 0 = x where the encoder begins after it, zeros in the blocks after its last. */
static void rest(const gn_model *m, size_t B, const double *x, double *z)
{
  const size_t end = m->parts->lift_from + m->parts->nlift;
  if (m->parts->lift_from > 0 && x) gn_vec_copy(B * m->d[0], x, z);
  else gn_vec_fill(B * m->d[0], 0.0, z);
  for (size_t k = end; k < m->nblock; k++)
    gn_vec_fill(B * m->d[k], 0.0, gn_block(m, B, k, z));
}

static int encode(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  double *out[GN_BLOCKS_MAX];
  rest(m, at->B, at->y, z);
  blocks(m, at->B, m->parts->lift_from, z, out);
  gn_net_eval(&m->parts->encoder, at->B, at->p, &at->y, NULL, tape->field, 0, out);
  return 0;
}

static int encode_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *w, const gn_pull *to)
{
  const double *wb[GN_BLOCKS_MAX];
  cblocks(m, at->B, m->parts->lift_from, w, wb);
  if (to->y && m->parts->lift_from > 0) gn_vec_axpy(at->B * m->d[0], 1.0, w, to->y);
  gn_net_vjp(&m->parts->encoder, at->B, at->p, tape->field, 1.0, wb, &to->y);
  return 0;
}

static void encode_pgrad(const gn_model *m, const double *p, const gn_tape *tape,
                         double weight, double *gp)
{
  (void)p;
  gn_net_pgrad(&m->parts->encoder, tape->rows, tape->field, weight, gp);
}

static int encode_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *vy, const double *vp, double *z)
{
  double *out[GN_BLOCKS_MAX];
  rest(m, at->B, vy, z);
  blocks(m, at->B, m->parts->lift_from, z, out);
  gn_net_jvp(&m->parts->encoder, at->B, at->p, tape->field, &vy, vp, 0, out);
  return 0;
}

static const gn_map encoder = { encode, encode_vjp, encode_pgrad, encode_jvp };

/* ---- lift = draw ---------------------------------------------------------------------- */

static int draw(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  const size_t n = at->B * m->d[0];
  gn_vec_copy(n, at->y, z);
  gn_vec_fill(at->B * m->ny - n, m->parts->draw, z + n);
  return 0;
}

static int draw_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  (void)tape;
  if (to->y) gn_vec_axpy(at->B * m->d[0], 1.0, w, to->y);
  return 0;
}

static int draw_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  (void)tape, (void)vp;
  const size_t n = at->B * m->d[0];
  gn_vec_fill(at->B * m->ny, 0.0, z);
  if (vy) gn_vec_copy(n, vy, z);
  return 0;
}

static const gn_map drawn = { draw, draw_vjp, NULL, draw_jvp };

/* ---- lift = none ---------------------------------------------------------------------- */

static int nothing(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  gn_vec_fill(at->B * m->ny, 0.0, z);
  return 0;
}

static int nothing_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                       const double *w, const gn_pull *to)
{
  (void)m, (void)at, (void)tape, (void)w, (void)to;
  return 0;
}

static int nothing_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                       const double *vy, const double *vp, double *z)
{
  (void)vy, (void)vp;
  return nothing(m, at, tape, z);
}

static const gn_map none = { nothing, nothing_vjp, NULL, nothing_jvp };

/* ---- read = linear -------------------------------------------------------------------- */

static int linear(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const double *in[GN_BLOCKS_MAX];
  cblocks(m, at->B, 0, at->y, in);
  gn_net_eval(&m->parts->decoder, at->B, at->p, in, NULL, tape->field, 0, &z);
  return 0;
}

static int linear_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *w, const gn_pull *to)
{
  double *gx[GN_BLOCKS_MAX];
  if (to->y) blocks(m, at->B, 0, to->y, gx);
  gn_net_vjp(&m->parts->decoder, at->B, at->p, tape->field, 1.0, &w, to->y ? gx : NULL);
  return 0;
}

static void linear_pgrad(const gn_model *m, const double *p, const gn_tape *tape,
                         double weight, double *gp)
{
  (void)p;
  gn_net_pgrad(&m->parts->decoder, tape->rows, tape->field, weight, gp);
}

static int linear_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *vy, const double *vp, double *z)
{
  const double *vx[GN_BLOCKS_MAX];
  if (vy) cblocks(m, at->B, 0, vy, vx);
  gn_net_jvp(&m->parts->decoder, at->B, at->p, tape->field, vy ? vx : NULL, vp, 0, &z);
  return 0;
}

static const gn_map linear_read = { linear, linear_vjp, linear_pgrad, linear_jvp };

/* ---- read = state --------------------------------------------------------------------- */

/* Rows of the blocks side by side in z [B, ny]; back the other way adds. */
static void join(const gn_model *m, size_t B, const double *y, double *z)
{
  size_t column = 0;
  for (size_t k = 0; k < m->nblock; column += m->d[k++])
    for (size_t i = 0; i < B; i++, y += m->d[k])
      gn_vec_copy(m->d[k], y, z + i * m->ny + column);
}

static int whole(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  join(m, at->B, at->y, z);
  return 0;
}

static int whole_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                     const double *w, const gn_pull *to)
{
  (void)tape;
  double *gy = to->y;
  size_t column = 0;
  for (size_t k = 0; gy && k < m->nblock; column += m->d[k++])
    for (size_t i = 0; i < at->B; i++, gy += m->d[k])
      gn_vec_axpy(m->d[k], 1.0, w + i * m->ny + column, gy);
  return 0;
}

static int whole_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                     const double *vy, const double *vp, double *z)
{
  (void)tape, (void)vp;
  if (vy) join(m, at->B, vy, z);
  else gn_vec_fill(at->B * m->ny, 0.0, z);
  return 0;
}

static const gn_map state_read = { whole, whole_vjp, NULL, whole_jvp };

/* ---- set-up --------------------------------------------------------------------------- */

static gn_status setup_lift(gn_model *m, const gn_parts_config *c, size_t width,
                            gn_parts *parts)
{
  if (c->lift == GN_LIFT_NONE) m->map[GN_LIFT] = none;
  if (c->lift == GN_LIFT_ZERO || c->lift == GN_LIFT_NONE) return GN_OK;
  const int draws = c->lift == GN_LIFT_DRAW;
  GN_REQUIRE((c->lift != GN_LIFT_ENCODER && !draws) || m->nblock > 1, GN_EARG,
             "model %s has one state block, which the input fills: lift = %s has nothing to "
             "start; use lift = zero", m->cls->name, draws ? "draw" : "encoder");
  if (draws) {
    gn_rng r = gn_rng_make((uint64_t)c->draw_seed, 0);
    parts->draw = 2 * gn_rng_uniform(&r) - 1;
    m->map[GN_LIFT] = drawn;
    return GN_OK;
  }
  const int network = c->lift == GN_LIFT_ENCODER;
  gn_net_spec spec = { .depth = 0 };
  if (network) gn_parts_encoder(c, width, &spec);
  parts->lift_from = network ? 1 : 0;
  parts->nlift = c->lift == GN_LIFT_FIRST ? 1 : m->nblock - parts->lift_from;
  spec.nblock_in = 1;
  spec.in[0] = m->nx;
  spec.nblock_out = parts->nlift;
  for (size_t k = 0; k < parts->nlift; k++) spec.out[k] = m->d[parts->lift_from + k];
  m->map[GN_LIFT] = encoder;
  return gn_net_setup(&parts->encoder, &spec, network ? "encoder" : "lift", &m->params, &m->tape[GN_LIFT]);
}

static gn_status setup_read(gn_model *m, const gn_parts_config *c, gn_sizes data,
                            gn_parts *parts)
{
  int read = c->read;
  if (read == GN_READ_AUTO)
    read = data.nz == m->ny && data.nz != m->d[0] ? GN_READ_STATE : GN_READ_FIRST;
  if (read == GN_READ_STATE) {
    m->nz = m->ny;
    m->map[GN_READ] = state_read;
  }
  if (read != GN_READ_LINEAR) return GN_OK;
  m->nz = c->outputs ? (size_t)c->outputs : data.nz;
  GN_REQUIRE(m->nz > 0, GN_EARG,
             "read = linear needs model.outputs, or data that fix the number of outputs");
  gn_net_spec spec = { .nblock_in = parts->read_blocks, .nblock_out = 1, .out = { m->nz } };
  for (size_t k = 0; k < parts->read_blocks; k++) spec.in[k] = m->d[k];
  m->map[GN_READ] = linear_read;
  return gn_net_setup(&parts->decoder, &spec, "read", &m->params, &m->tape[GN_READ]);
}

gn_status gn_parts_setup(gn_model *m, const gn_parts_config *c, gn_sizes data, size_t width,
                         size_t read_blocks)
{
  gn_parts *parts;
  GN_NEW(m->arena, parts, 1);
  parts->read_blocks = read_blocks;
  m->parts = parts;
  GN_TRY(setup_lift(m, c, width, parts));
  GN_TRY(gn_parts_jump(m, c, data, width, parts));
  return setup_read(m, c, data, parts);
}
