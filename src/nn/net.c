/* A dense network over lists of blocks.
 *
 *   eval    a_l = s(a_{l-1} W_l^T + b_l)
 *   vjp     d_L = alpha w,  d_{l-1} = (d_l W_l) s'(a_{l-1}),  gx += d_1 W_1
 *   pgrad   gW_l += weight d_l^T a_{l-1},  gb_l += weight sum_i d_l[i, :]
 *   jvp     v_l = (v_{l-1} W_l^T + a_{l-1} VW_l^T + vb_l) s'(a_l)
 *
 * An input block meets its columns of W_1, an output block its rows of W_L. The time
 * column is the rank-one term t W_1[:, last], added in the pass that adds the bias. In the
 * code layer l = 0 .. L-1 has the parameters prefix.l.*, input a_l and output a_{l+1}. */
#include "nn/net.h"

#include "base/vec.h"
#include "nn/gemm.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

gn_status gn_fields_add(gn_fields *f, size_t width, size_t *position)
{
  GN_REQUIRE(f->n < GN_FIELDS_MAX, GN_ELIMIT,
             "a tape needs more than %d arrays: use fewer layers or blocks",
             GN_FIELDS_MAX);
  *position = f->n;
  f->width[f->n++] = width;
  return GN_OK;
}

static gn_status spec_check(const gn_net_spec *s, const char *prefix)
{
  GN_REQUIRE(s->nblock_in >= 1 && s->nblock_in <= GN_NET_BLOCKS, GN_EARG,
             "network %s: %zu input blocks, expected 1 to %d", prefix, s->nblock_in,
             GN_NET_BLOCKS);
  GN_REQUIRE(s->nblock_out >= 1 && s->nblock_out <= GN_NET_BLOCKS, GN_EARG,
             "network %s: %zu output blocks, expected 1 to %d", prefix, s->nblock_out,
             GN_NET_BLOCKS);
  GN_REQUIRE(s->depth < GN_NET_LAYERS, GN_EARG,
             "network %s: depth = %zu, expected 0 to %d", prefix, s->depth,
             GN_NET_LAYERS - 1);
  GN_REQUIRE(s->depth == 0 || s->width >= 1, GN_EARG,
             "network %s: width = 0, expected 1 or more", prefix);
  GN_REQUIRE(s->act.kind <= GN_ACT_HARDTANH, GN_EARG,
             "network %s: activation %d, expected 0 to %d", prefix, (int)s->act.kind,
             (int)GN_ACT_HARDTANH);
  GN_REQUIRE(s->act.kind != GN_ACT_HARDTANH || (s->act.c > 0 && isfinite(s->act.c)),
             GN_EARG, "network %s: hardtanh bound %g, expected finite and > 0", prefix,
             s->act.c);
  GN_REQUIRE(s->act.kind != GN_ACT_LEAKY_RELU || (s->act.c >= 0 && isfinite(s->act.c)),
             GN_EARG, "network %s: leaky_relu slope %g, expected finite and >= 0",
             prefix, s->act.c);
  return GN_OK;
}

static gn_status add_layer(gn_net *net, size_t l, const char *prefix, gn_params *ps)
{
  char name[256];
  const size_t shape[2] = {net->n[l + 1], net->n[l]};
  const double bound = 1 / sqrt((double)net->n[l]);
  int len = snprintf(name, sizeof name, "%s.%zu.weight", prefix, l);
  GN_REQUIRE(len > 0 && (size_t)len < sizeof name, GN_EARG,
             "network name of %d characters, expected at most %zu", len,
             sizeof name - 1);
  GN_TRY(gn_params_add(ps, name, 2, shape, -bound, bound, &net->W[l]));
  (void)snprintf(name, sizeof name, "%s.%zu.bias", prefix, l);
  return gn_params_add(ps, name, 1, shape, -bound, bound, &net->b[l]);
}

static gn_status add_fields(gn_net *net, gn_fields *fields)
{
  const gn_net_spec *s = &net->spec;
  net->fx = fields->n;
  for (size_t j = 0; j < s->nblock_in; j++) {
    size_t position;
    GN_TRY(gn_fields_add(fields, s->in[j], &position));
  }
  if (s->time) GN_TRY(gn_fields_add(fields, 1, &net->ft));
  for (size_t l = 0; l + 1 < net->nlayer; l++)
    GN_TRY(gn_fields_add(fields, net->n[l + 1], &net->fa[l]));
  for (size_t l = 0; l < net->nlayer; l++)
    GN_TRY(gn_fields_add(fields, net->n[l + 1], &net->fd[l]));
  return GN_OK;
}

gn_status gn_net_setup(gn_net *net, const gn_net_spec *spec, const char *prefix,
                       gn_params *ps, gn_fields *fields)
{
  GN_TRY(spec_check(spec, prefix));
  *net = (gn_net){.spec = *spec, .nlayer = spec->depth + 1};
  net->spec.time = spec->time != 0;
  for (size_t j = 0; j < spec->nblock_in; j++) net->nin += spec->in[j];
  for (size_t j = 0; j < spec->nblock_out; j++) net->nout += spec->out[j];
  net->n[0] = net->nin + (net->spec.time ? 1 : 0);
  for (size_t l = 1; l < net->nlayer; l++) net->n[l] = spec->width;
  if (spec->depth > 0 && spec->last > 0) net->n[net->nlayer - 1] = spec->last;
  net->n[net->nlayer] = net->nout;
  GN_REQUIRE(net->n[0] > 0, GN_EARG, "network %s: all input blocks have width 0",
             prefix);
  GN_REQUIRE(net->nout > 0, GN_EARG, "network %s: all output blocks have width 0",
             prefix);
  for (size_t l = 0; l < net->nlayer; l++) GN_TRY(add_layer(net, l, prefix, ps));
  return add_fields(net, fields);
}

enum { TILE = 256, CHUNK = 64 };

/* Rows from .. from + w of a layer: what is added to the products, b_j + t_i W[j, last]. */
typedef struct shift {
  const double *b, *col, *t; /* col: the time column, every ld-th; t NULL: no time */
  size_t ld;
} shift;

static shift shift_of(const gn_net *net, size_t l, const double *p,
                      double *const *field, size_t from)
{
  const int time = l == 0 && net->spec.time;
  shift s = {.b = p + net->b[l] + from, .ld = net->n[l]};
  if (time) {
    s.t = field[net->ft];
    s.col = p + net->W[l] + from * s.ld + net->nin;
  }
  return s;
}

/* tile [rows, w] = b + t_i col for the columns at b and col. */
static void shift_rows(size_t rows, size_t w, const double *b, const double *t,
                       const double *col, double *tile)
{
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < w; j++) tile[i * w + j] = b[j] + (t ? t[i] * col[j] : 0);
}

/* Visit z [B, w] in pieces with their shift: act NULL adds to z or overwrites it, otherwise
   z = act(z + shift). */
static void apply_shift(size_t B, size_t w, shift s, const gn_act *act, int accumulate,
                        double *z)
{
  double tile[TILE], col[TILE];
  for (size_t c = 0; c < w; c += TILE) {
    const size_t cw = w - c < TILE ? w - c : TILE;
    const size_t rows = cw == w ? TILE / w : 1;
    for (size_t j = 0; s.t && j < cw; j++) col[j] = s.col[(c + j) * s.ld];
    for (size_t i = 0; i < B; i += rows) {
      const size_t len = (B - i < rows ? B - i : rows) * cw;
      double *to = z + i * w + c;
      if (s.t || i == 0)
        shift_rows(s.t ? len / cw : rows, cw, s.b + c, s.t ? s.t + i : NULL, col, tile);
      if (act)
        gn_act_bias(*act, 1, len, tile, to);
      else if (accumulate)
        gn_vec_axpy(len, 1, tile, to);
      else
        gn_vec_copy(len, tile, to);
    }
  }
}

/* z [B, w] = in W^T + beta z with rows from .. from + w of layer l of the parameters p. in
   holds the input blocks of layer 0, or the one input of a later layer; NULL is zero. */
static void add_products(const gn_net *net, size_t l, size_t B, const double *p,
                         const double *const *in, size_t from, size_t w, double beta,
                         double *z)
{
  const size_t ld = net->n[l];
  const double *W = p + net->W[l] + from * ld;
  if (l > 0) {
    gn_gemm_nt(B, w, ld, 1, in[0], ld, W, ld, beta, z, w);
    return;
  }
  for (size_t j = 0; j < net->spec.nblock_in; j++) {
    const size_t nj = net->spec.in[j];
    if (in[j] || nj == 0) {
      gn_gemm_nt(B, w, nj, 1, in[j], nj, W, ld, beta, z, w);
      beta = 1;
    }
    W += nj;
  }
}

/* The kept inputs of layer l, as add_products takes them. */
static void inputs_of(const gn_net *net, size_t l, double *const *field,
                      const double **in)
{
  if (l > 0)
    in[0] = field[net->fa[l - 1]];
  else
    for (size_t j = 0; j < net->spec.nblock_in; j++) in[j] = field[net->fx + j];
}

void gn_net_eval(const gn_net *net, size_t B, const double *p, const double *const *x,
                 const double *t, double *const *field, int accumulate,
                 double *const *out)
{
  const gn_net_spec *s = &net->spec;
  const size_t last = net->nlayer - 1;
  const double *in[GN_NET_BLOCKS];
  for (size_t j = 0; j < s->nblock_in; j++)
    if (x[j] != field[net->fx + j]) gn_vec_copy(B * s->in[j], x[j], field[net->fx + j]);
  if (s->time && t != field[net->ft]) gn_vec_copy(B, t, field[net->ft]);
  for (size_t l = 0; l < last; l++) {
    const size_t w = net->n[l + 1];
    double *a = field[net->fa[l]];
    inputs_of(net, l, field, in);
    add_products(net, l, B, p, in, 0, w, 0, a);
    if (l == 0 && s->time)
      apply_shift(B, w, shift_of(net, l, p, field, 0), &s->act, 0, a);
    else
      gn_act_bias(s->act, B, w, p + net->b[l], a);
  }
  inputs_of(net, last, field, in);
  for (size_t k = 0, from = 0; k < s->nblock_out; from += s->out[k++]) {
    apply_shift(B, s->out[k], shift_of(net, last, p, field, from), NULL, accumulate,
                out[k]);
    add_products(net, last, B, p, in, from, s->out[k], 1, out[k]);
  }
}

/* d [B, nout] = alpha w, the blocks side by side. */
static void join_cotangents(const gn_net *net, size_t B, double alpha,
                            const double *const *w, double *d)
{
  for (size_t k = 0, from = 0; k < net->spec.nblock_out; from += net->spec.out[k++]) {
    const size_t nk = net->spec.out[k];
    for (size_t i = 0; i < B; i++) {
      double *to = d + i * net->nout + from;
      for (size_t j = 0; j < nk; j++) to[j] = w[k] ? alpha * w[k][i * nk + j] : 0;
    }
  }
}

void gn_net_vjp(const gn_net *net, size_t B, const double *p, double *const *field,
                double alpha, const double *const *w, double *const *gx)
{
  join_cotangents(net, B, alpha, w, field[net->fd[net->nlayer - 1]]);
  for (size_t l = net->nlayer - 1; l > 0; l--) {
    const size_t ni = net->n[l], no = net->n[l + 1];
    double *d = field[net->fd[l - 1]];
    gn_gemm_nn(B, ni, no, 1, field[net->fd[l]], no, p + net->W[l], ni, 0, d, ni);
    gn_act_back(net->spec.act, B * ni, field[net->fa[l - 1]], d);
  }
  if (!gx) return;
  const double *W = p + net->W[0];
  for (size_t j = 0; j < net->spec.nblock_in; W += net->spec.in[j++])
    if (gx[j])
      gn_gemm_nn(B, net->spec.in[j], net->n[1], 1, field[net->fd[0]], net->n[1], W,
                 net->n[0], 1, gx[j], net->spec.in[j]);
}

/* g_j += weight sum_i t_i d[i, j], with every ld-th element of g; t NULL is 1. Four rows at
   a time, since the running sums pass through memory. */
GN_CLONES static void add_column_sums(size_t rows, size_t w, const double *t,
                                      const double *d, double weight, size_t ld,
                                      double *g)
{
  double sum[CHUNK];
  for (size_t c = 0; c < w; c += CHUNK) {
    const size_t cw = w - c < CHUNK ? w - c : CHUNK;
    size_t i = 0;
    for (size_t j = 0; j < cw; j++) sum[j] = 0;
    for (; i + 4 <= rows; i += 4) {
      const double *r = d + i * w + c;
      const double t0 = t ? t[i] : 1, t1 = t ? t[i + 1] : 1;
      const double t2 = t ? t[i + 2] : 1, t3 = t ? t[i + 3] : 1;
      for (size_t j = 0; j < cw; j++)
        sum[j] += (t0 * r[j] + t1 * r[w + j]) + (t2 * r[2 * w + j] + t3 * r[3 * w + j]);
    }
    for (; i < rows; i++) {
      const double ti = t ? t[i] : 1;
      for (size_t j = 0; j < cw; j++) sum[j] += ti * d[i * w + c + j];
    }
    for (size_t j = 0; j < cw; j++) g[(c + j) * ld] += weight * sum[j];
  }
}

void gn_net_pgrad(const gn_net *net, size_t rows, double *const *field, double weight,
                  double *gp)
{
  for (size_t l = 0; l < net->nlayer; l++) {
    const size_t w = net->n[l + 1], ld = net->n[l];
    const double *d = field[net->fd[l]];
    double *gW = gp + net->W[l];
    add_column_sums(rows, w, NULL, d, weight, 1, gp + net->b[l]);
    if (l > 0) {
      gn_gemm_tn(w, ld, rows, weight, d, w, field[net->fa[l - 1]], ld, 1, gW, ld);
      continue;
    }
    for (size_t j = 0; j < net->spec.nblock_in; j++) {
      const size_t nj = net->spec.in[j];
      gn_gemm_tn(w, nj, rows, weight, d, w, field[net->fx + j], nj, 1, gW, ld);
      gW += nj;
    }
    if (net->spec.time) add_column_sums(rows, w, field[net->ft], d, weight, ld, gW);
  }
}

/* Rows from .. from + w of the tangent of layer l, before the activation; v holds the
   tangents of its input. */
static void layer_tangent(const gn_net *net, size_t l, size_t B, const double *p,
                          double *const *field, const double *const *v,
                          const double *vp, size_t from, size_t w, int accumulate,
                          double *z)
{
  const double *in[GN_NET_BLOCKS];
  if (vp) {
    inputs_of(net, l, field, in);
    apply_shift(B, w, shift_of(net, l, vp, field, from), NULL, accumulate, z);
    add_products(net, l, B, vp, in, from, w, 1, z);
  } else if (!accumulate) {
    gn_vec_fill(B * w, 0, z);
  }
  if (v) add_products(net, l, B, p, v, from, w, 1, z);
}

void gn_net_jvp(const gn_net *net, size_t B, const double *p, double *const *field,
                const double *const *vx, const double *vp, int accumulate,
                double *const *vout)
{
  const gn_net_spec *s = &net->spec;
  const size_t last = net->nlayer - 1;
  const double *hidden[1];
  const double *const *v = vx;
  for (size_t l = 0; l < last; l++) {
    const size_t w = net->n[l + 1];
    double *z = field[net->fd[l]];
    layer_tangent(net, l, B, p, field, v, vp, 0, w, 0, z);
    gn_act_back(s->act, B * w, field[net->fa[l]], z);
    hidden[0] = z;
    v = hidden;
  }
  for (size_t k = 0, from = 0; k < s->nblock_out; from += s->out[k++])
    layer_tangent(net, last, B, p, field, v, vp, from, s->out[k], accumulate, vout[k]);
}
