/* Activations as loops a compiler vectorises, and their derivatives from the stored output.
 *
 *   x = k ln 2 + r, |r| <= ln(2)/2:  exp x = 2^k exp r,  expm1 x = 2^k expm1 r + 2^k - 1
 *   tanh |x| = e / (e + 2),  e = expm1 2|x|
 *   sigmoid x = exp(min(x, 0)) / (1 + exp -|x|)
 *   softplus x = max(x, 0) + log1p(exp -|x|),  log1p e = 2 atanh(e / (2 + e))
 *
 * expm1 on the reduced interval and atanh are polynomials fitted here (Remez, relative
 * error 2.5e-17 and 1.3e-18). There are no branches, tables or library calls, so that each
 * loop becomes vector code on every level of x86-64 (GN_CLONES). This file is compiled with
 * contraction into fused multiply-add; without it the results stay within the same bounds:
 * 4 ulp for tanh, 8 for the others. */
#include "nn/act.h"

#include "base/vec.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ln 2 in two parts: k LN2_HIGH is exact for |k| < 2^11. */
#define LN2_HIGH 0x1.62e42fefa3p-1
#define LN2_LOW  0x1.3de6af278ece6p-42
#define LN2      0x1.62e42fefa39efp-1
#define LOG2_E   0x1.71547652b82fep+0

/* Adding ROUND + bias leaves the integer nearest to x, plus bias, in the low bits. */
#define ROUND 0x1.8p52
#define BIAS  1023.0

/* 2^k, where k + BIAS is in the low bits of t. */
static inline double power_of_two(double t)
{
  uint64_t bits;
  memcpy(&bits, &t, sizeof bits);
  bits <<= 52;
  double scale;
  memcpy(&scale, &bits, sizeof scale);
  return scale;
}

/* exp r - 1 for |r| <= 0.3467, in pairs: the chain of a Horner scheme is the bottleneck. */
static inline double expm1_reduced(double r)
{
  const double r2 = r * r, r4 = r2 * r2;
  const double p0 = 0x1.555555555553ep-3 * r + 0.5;
  const double p1 = 0x1.1111111118d73p-7 * r + 0x1.5555555553afap-5;
  const double p2 = 0x1.a01a017190900p-13 * r + 0x1.6c16c17a065d9p-10;
  const double p3 = 0x1.71de979bd162ap-19 * r + 0x1.a019b3803a8c6p-16;
  const double p4 = 0x1.ae48fc7f479b0p-26 * r + 0x1.289786aeaea1cp-22;
  const double low = p1 * r2 + p0, high = (p4 * r2 + p3) * r2 + p2;
  return (high * r4 + low) * r2 + r;
}

/* exp x - 1 for |x| <= 40, for functions that saturate: one constant for ln 2 leaves an
   error of k 2^-53 in r, where the result no longer depends on it. NaN passes. */
static inline double expm1_bounded(double x)
{
  const double t = x * LOG2_E + (ROUND + BIAS);
  const double k = t - (ROUND + BIAS);
  const double r = x - k * LN2;
  const double scale = power_of_two(t);
  return scale * expm1_reduced(r) + (scale - 1);
}

/* exp -|x|, 0 for |x| > c = 746; 2^k is formed too large by 2^60, so that a subnormal
   result is rounded once. */
static inline double exp_minus(double x, double c)
{
  const double a = fabs(x);
  const double y = a > c ? -c : -a;
  const double t = y * LOG2_E + (ROUND + (BIAS + 60));
  const double k = t - (ROUND + (BIAS + 60));
  const double r = (y - k * LN2_HIGH) - k * LN2_LOW;
  return ((1 + expm1_reduced(r)) * power_of_two(t)) * 0x1p-60;
}

/* log(1 + e) for 0 <= e <= 1: with m = 1 for e above sqrt 2 - 1, otherwise 0,
   m ln 2 + log((1 + e) / 2^m) by atanh. */
static inline double log1p_unit(double e)
{
  const double m = (e * 0x1.3504f333f9de6p+0 + ROUND) - ROUND;
  const double up = e - m, down = (e + 2) + m;
  const double s2 = (up + up) / down; /* twice the argument of atanh */
  const double z = s2 * s2 * 0.25;
  const double z2 = z * z;
  const double p0 = 0x1.999999997fca0p-3 * z + 0x1.5555555555593p-2;
  const double p1 = 0x1.c71c51faeaca4p-4 * z + 0x1.2492494201c91p-3;
  const double p2 = 0x1.39a165229be51p-4 * z + 0x1.7466420d576c3p-4;
  const double q = ((0x1.2f08ecf9813cap-4 * z2 + p2) * z2 + p1) * z2 + p0;
  return m * LN2 + (s2 * (q * z) + s2);
}

/* Limits arrive as the argument c, unknown to the compiler: with a constant it would
   compute the clipped case apart and branch around the rest, and a loop with branches
   does not become vector code. Comparisons are written so that NaN passes. */
enum { TANH_LIMIT = 20, EXP_LIMIT = 746, EXPM1_LIMIT = 40 };

static inline double tanh_of(double x, double c)
{
  const double a = fabs(x);
  const double y = a > c ? c : a;
  const double e = expm1_bounded(y + y);
  return copysign(e / (e + 2), x);
}

static inline double sigmoid_of(double x, double c)
{
  const double e = exp_minus(x, c);
  return (x < 0 ? e : 1) / (1 + e);
}

static inline double softplus_of(double x, double c)
{
  return (x < 0 ? 0 : x) + log1p_unit(exp_minus(x, c));
}

/* A zero the compiler does not see, for the same reason. */
static inline double zero_of(double c)
{
  return c - c;
}

static inline double elu_of(double x, double c)
{
  const double zero = zero_of(c);
  const double up = x > zero ? x : zero;
  const double y = x > zero ? zero : x;
  return up + expm1_bounded(y < -c ? -c : y);
}

static inline double elu_slope(double a, double c)
{
  const double zero = zero_of(c);
  return (a > zero ? zero : a) + 1;
}

/* sigmoid x = 1 - exp(-softplus x). */
static inline double softplus_slope(double a, double c)
{
  return -expm1_bounded(a > c ? -c : -a);
}

static inline double relu_of(double x, double c)
{
  const double zero = zero_of(c);
  return (x < zero ? zero : x) + zero;
}

static inline double leaky_relu_of(double x, double c)
{
  return (x > 0 ? x : 0) + c * (x > 0 ? 0 : x);
}

static inline double hardtanh_of(double x, double c)
{
  return (x < -c ? -c : (x > c ? c : x)) + zero_of(c);
}

/* Three loops per activation: in place, with bias, and the derivative. In VALUE the
   argument is x, in SLOPE the output is a; c is the parameter of the activation. */
#define LOOPS(name, VALUE, SLOPE)                                                      \
  GN_CLONES static void name##_plain(size_t n, double c, double *restrict z)           \
  {                                                                                    \
    (void)c;                                                                           \
    for (size_t i = 0; i < n; i++) {                                                   \
      const double x = z[i];                                                           \
      z[i] = (VALUE);                                                                  \
    }                                                                                  \
  }                                                                                    \
  GN_CLONES static void name##_bias(size_t n, double c, const double *restrict bias,   \
                                    double *restrict z)                                \
  {                                                                                    \
    (void)c;                                                                           \
    for (size_t i = 0; i < n; i++) {                                                   \
      const double x = z[i] + bias[i];                                                 \
      z[i] = (VALUE);                                                                  \
    }                                                                                  \
  }                                                                                    \
  GN_CLONES static void name##_back(size_t n, double c, const double *restrict y,      \
                                    double *restrict d)                                \
  {                                                                                    \
    (void)c;                                                                           \
    for (size_t i = 0; i < n; i++) {                                                   \
      const double a = y[i];                                                           \
      (void)a;                                                                         \
      d[i] = d[i] * (SLOPE);                                                           \
    }                                                                                  \
  }

/* clang-format off */
LOOPS(identity, x, 1)
LOOPS(tanh, tanh_of(x, c), 1 - a * a)
LOOPS(sigmoid, sigmoid_of(x, c), a * (1 - a))
LOOPS(relu, relu_of(x, c), (a > 0 ? 1 : 0) + zero_of(c))
LOOPS(leaky_relu, leaky_relu_of(x, c), (a > 0 ? 1 : c) + zero_of(c))
LOOPS(softplus, softplus_of(x, c), softplus_slope(a, c))
LOOPS(elu, elu_of(x, c), elu_slope(a, c))
LOOPS(hardtanh, hardtanh_of(x, c), (fabs(a) < c ? 1 : 0) + zero_of(c))

/* The loops and their limits; 0 means c of the activation. */
static const struct {
  void (*plain)(size_t n, double c, double *restrict z);
  void (*bias)(size_t n, double c, const double *restrict bias, double *restrict z);
  void (*back)(size_t n, double c, const double *restrict y, double *restrict d);
  double limit, limit_back;
} loops[] = {
#define ROW(name, limit, limit_back) \
  {name##_plain, name##_bias, name##_back, limit, limit_back}
  [GN_ACT_IDENTITY] = ROW(identity, 0, 0),
  [GN_ACT_TANH] = ROW(tanh, TANH_LIMIT, 0),
  [GN_ACT_SIGMOID] = ROW(sigmoid, EXP_LIMIT, 0),
  [GN_ACT_RELU] = ROW(relu, 1, 1),
  [GN_ACT_LEAKY_RELU] = ROW(leaky_relu, 0, 0),
  [GN_ACT_SOFTPLUS] = ROW(softplus, EXP_LIMIT, EXPM1_LIMIT),
  [GN_ACT_ELU] = ROW(elu, EXPM1_LIMIT, EXPM1_LIMIT),
  [GN_ACT_HARDTANH] = ROW(hardtanh, 0, 0),
};
/* clang-format on */

static double limit_of(gn_act s)
{
  return loops[s.kind].limit > 0 ? loops[s.kind].limit : s.c;
}

void gn_act_apply(gn_act s, size_t n, double *z)
{
  if (s.kind != GN_ACT_IDENTITY) loops[s.kind].plain(n, limit_of(s), z);
}

/* Narrow rows are taken several at a time, against as many copies of the bias. */
void gn_act_bias(gn_act s, size_t B, size_t w, const double *bias, double *z)
{
  enum { TILE = 256 };
  double tile[TILE];
  if (!bias || w == 0) {
    gn_act_apply(s, B * w, z);
    return;
  }
  const double c = limit_of(s);
  size_t rows = w <= TILE / 2 ? TILE / w : 1;
  if (rows > B) rows = B;
  const double *b = bias;
  if (rows > 1) {
    for (size_t i = 0; i < rows; i++) memcpy(tile + i * w, bias, w * sizeof *tile);
    b = tile;
  }
  for (size_t i = 0; i < B; i += rows)
    loops[s.kind].bias((B - i < rows ? B - i : rows) * w, c, b, z + i * w);
}

void gn_act_back(gn_act s, size_t n, const double *a, double *d)
{
  const double c = loops[s.kind].limit_back;
  if (s.kind != GN_ACT_IDENTITY) loops[s.kind].back(n, c > 0 ? c : s.c, a, d);
}

double gn_sigmoid(double x)
{
  return sigmoid_of(x, EXP_LIMIT);
}

double gn_softplus(double x)
{
  return softplus_of(x, EXP_LIMIT);
}
