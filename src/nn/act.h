/* Activations, vectorised; the derivative is computed from the stored output, so that
   pre-activations are never kept. */
#ifndef GN_NN_ACT_H
#define GN_NN_ACT_H

#include <stddef.h>

/* The choices of an activation option, in the order of the enum. */
#define GN_ACT_CHOICES "identity|tanh|sigmoid|relu|leaky_relu|softplus|elu|hardtanh"
typedef enum gn_act_kind {
  GN_ACT_IDENTITY, GN_ACT_TANH, GN_ACT_SIGMOID, GN_ACT_RELU, GN_ACT_LEAKY_RELU,
  GN_ACT_SOFTPLUS, GN_ACT_ELU, GN_ACT_HARDTANH
} gn_act_kind;

/* c is the slope for x < 0 of leaky_relu (>= 0: the output must tell the sign of x) and the
   bound of hardtanh (> 0: clip to [-c, c]), both finite; ELU has alpha = 1. */
typedef struct gn_act {
  gn_act_kind kind;
  double c;
} gn_act;

/* z = s(z) in place. NaN and infinities pass as in libm. */
void gn_act_apply(gn_act s, size_t n, double *z);
/* z[i, :] = s(z[i, :] + bias) for the rows of z [B, w]; one pass. bias NULL means none. */
void gn_act_bias(gn_act s, size_t B, size_t w, const double *bias, double *z);
/* d_i = d_i s'(x_i), where a_i = s(x_i) is the stored output. */
void gn_act_back(gn_act s, size_t n, const double *a, double *d);

/* Scalars, for single parameters (not for the hot path). */
double gn_sigmoid(double x);
double gn_softplus(double x);

#endif
