/* A dense network read from and written to blocks in place.
 *
 *   a_0 = [x_1, ..., x_k, t],  a_l = s(a_{l-1} W_l^T + b_l),  out = a_{L-1} W_L^T + b_L
 *
 * The input is a list of blocks x_j [B, nin_j] and, with time appended, one more column t;
 * they are never joined: the weight W_1 is addressed by column offset. The output is
 * likewise a list of blocks, rows of W_L. Parameters are prefix.i.weight [out, in] and
 * prefix.i.bias [out], i = 0..L-1 (layer 0 is the first), started as PyTorch does:
 * U(-1/sqrt(in), 1/sqrt(in)).
 *
 * What the derivatives need of one evaluation lives in arrays ("fields") of the caller's
 * tape: field j has width[j] doubles a row. Rows of several evaluations may follow each
 * other, so that pgrad over them is one product. */
#ifndef GN_NN_NET_H
#define GN_NN_NET_H

#include "base/param.h"
#include "nn/act.h"

#include <stddef.h>

enum { GN_NET_BLOCKS = 6, GN_FIELDS_MAX = 128, GN_NET_LAYERS = 16 };

/* Widths of the arrays of a tape, filled at set-up by everyone who keeps something. */
typedef struct gn_fields {
  size_t n;
  size_t width[GN_FIELDS_MAX];
} gn_fields;
/* Add one array of width doubles a row; its position. GN_ELIMIT when the table is full. */
gn_status gn_fields_add(gn_fields *f, size_t width, size_t *position);

typedef struct gn_net_spec {
  size_t nblock_in, in[GN_NET_BLOCKS];   /* widths of the input blocks  */
  size_t nblock_out, out[GN_NET_BLOCKS]; /* widths of the output blocks */
  size_t width, depth;                   /* hidden units, hidden layers; depth 0 is one linear layer */
  size_t last;                           /* units of the last hidden layer; 0: width */
  gn_act act;                            /* after every layer but the last */
  int time;                              /* 1: t is one more input column, the last */
} gn_net_spec;

typedef struct gn_net {
  gn_net_spec spec;
  size_t nlayer;                       /* depth + 1                            */
  size_t nin, nout;                    /* sums over the blocks; nin without t  */
  size_t n[GN_NET_LAYERS + 1];         /* n[0] = nin + time, ..., n[L] = nout  */
  size_t W[GN_NET_LAYERS], b[GN_NET_LAYERS]; /* offsets in p                   */
  size_t fx;                           /* first of the nblock_in fields with the input copies */
  size_t ft;                           /* field of t, width 1, if time         */
  size_t fa[GN_NET_LAYERS];            /* fields of a_1 .. a_{L-1} (fa[l-1])   */
  size_t fd[GN_NET_LAYERS];            /* fields of the cotangents of layer 1..L before the activation (fd[l-1]) */
} gn_net;

/* Fill net, add its parameters as prefix.i.* and its fields. */
gn_status gn_net_setup(gn_net *net, const gn_net_spec *spec, const char *prefix,
                       gn_params *ps, gn_fields *fields);

/* out_k = net(x, t), or += if accumulate (linear terms of the model prefilled by the caller).
   x_j [B, in_j], t [B] (NULL allowed without time); field as of the tape. */
void gn_net_eval(const gn_net *net, size_t B, const double *p, const double *const *x,
                 const double *t, double *const *field, int accumulate, double *const *out);

/* Given w = dL/d out (blocks w_k [B, out_k]; NULL block = zero), leave the layer
   cotangents of alpha w in the tape and add dL/dx_j to gx_j (NULL = not wanted; gx itself
   may be NULL). Reads the tape of an eval at the same p. */
void gn_net_vjp(const gn_net *net, size_t B, const double *p, double *const *field,
                double alpha, const double *const *w, double *const *gx);

/* Those of the output, alpha w [rows, nout]: for the parameters of the model itself. */
static inline const double *gn_net_cotangent(const gn_net *net, double *const *field)
{
  return field[net->fd[net->nlayer - 1]];
}

/* gp += weight (d out/dp)^T w, over rows rows that follow each other in the tape (one or
   more evaluations), w as left by gn_net_vjp. */
void gn_net_pgrad(const gn_net *net, size_t rows, double *const *field, double weight,
                  double *gp);

/* vout_k = (d out/dx) vx + (d out/dp) vp, or += if accumulate. vx (or a block of it) and
   vp may be NULL = zero; t is held fixed. Uses the cotangent fields of the tape as scratch. */
void gn_net_jvp(const gn_net *net, size_t B, const double *p, double *const *field,
                const double *const *vx, const double *vp, int accumulate,
                double *const *vout);

#endif
