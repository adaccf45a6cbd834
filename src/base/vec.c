/* Loops over long vectors with one order of operations.
 *
 * Every loop exists once per level of x86-64 (GN_CLONES) and the levels give the same
 * bits: contraction into fused multiply-add is off, and a sum runs in LANES partial sums,
 * element i into lane i mod LANES, joined in one tree, whatever the vector length.
 * A linear combination is summed term after term for each element; the inner loops for
 * up to UNROLLED terms write each element once, longer ones go through a block that
 * stays in the cache. */
#include "base/vec.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 8, UNROLLED = 9, BLOCK = 256 };

/* The same index is read and written: z being one of the x is no dependence. */
#ifdef __clang__
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

#define SUM1 (a[0] * x[0][i])
#define SUM2 (SUM1 + a[1] * x[1][i])
#define SUM3 (SUM2 + a[2] * x[2][i])
#define SUM4 (SUM3 + a[3] * x[3][i])
#define SUM5 (SUM4 + a[4] * x[4][i])
#define SUM6 (SUM5 + a[5] * x[5][i])
#define SUM7 (SUM6 + a[6] * x[6][i])
#define SUM8 (SUM7 + a[7] * x[7][i])
#define SUM9 (SUM8 + a[8] * x[8][i])
#define TERMS(m)                                                                       \
  case m:                                                                              \
    INDEPENDENT for (size_t i = 0; i < n; i++) z[i] = SUM##m;                          \
    break

GN_CLONES static void few_terms(size_t n, size_t m, const double *restrict a,
                                const double *const *restrict x, double *z)
{
  switch (m) {
    TERMS(1);
    TERMS(2);
    TERMS(3);
    TERMS(4);
    TERMS(5);
    TERMS(6);
    TERMS(7);
    TERMS(8);
    TERMS(9);
  default:
    break;
  }
}

/* The running sum is the first term of the next group, with coefficient 1. */
static void many_terms(size_t n, size_t m, const double *c, const double *const *x,
                       double *z)
{
  double sum[BLOCK], a[UNROLLED];
  const double *y[UNROLLED];
  for (size_t o = 0; o < n; o += BLOCK) {
    const size_t len = n - o < BLOCK ? n - o : BLOCK;
    for (size_t j = 0; j < UNROLLED; j++) y[j] = x[j] + o;
    few_terms(len, UNROLLED, c, y, sum);
    a[0] = 1;
    y[0] = sum;
    for (size_t j = UNROLLED; j < m;) {
      size_t k = 1;
      for (; k < UNROLLED && j < m; k++, j++) {
        a[k] = c[j];
        y[k] = x[j] + o;
      }
      few_terms(len, k, a, y, sum);
    }
    memcpy(z + o, sum, len * sizeof *z);
  }
}

void gn_vec_lincomb(size_t n, size_t m, const double *c, const double *const *x,
                    double *z)
{
  if (m <= UNROLLED)
    few_terms(n, m, c, x, z);
  else
    many_terms(n, m, c, x, z);
}

GN_CLONES void gn_vec_axpy(size_t n, double a, const double *restrict x,
                           double *restrict y)
{
  for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

GN_CLONES void gn_vec_scale(size_t n, double a, const double *x, double *z)
{
  INDEPENDENT
  for (size_t i = 0; i < n; i++) z[i] = a * x[i];
}

void gn_vec_copy(size_t n, const double *x, double *z)
{
  if (n) memcpy(z, x, n * sizeof *z);
}

GN_CLONES void gn_vec_fill(size_t n, double a, double *z)
{
  for (size_t i = 0; i < n; i++) z[i] = a;
}

static double joined(const double *s)
{
  return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

GN_CLONES double gn_vec_dot(size_t n, const double *x, const double *y)
{
  double s[LANES] = {0};
  const size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) s[l] += x[i + l] * y[i + l];
  for (size_t i = whole; i < n; i++) s[i - whole] += x[i] * y[i];
  return joined(s);
}

GN_CLONES double gn_vec_sumsq(size_t n, const double *x)
{
  double s[LANES] = {0};
  const size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) s[l] += x[i + l] * x[i + l];
  for (size_t i = whole; i < n; i++) s[i - whole] += x[i] * x[i];
  return joined(s);
}

GN_CLONES double gn_vec_wsumsq(size_t n, const double *x, const double *w)
{
  double s[LANES] = {0};
  const size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) {
      const double v = x[i + l] * w[i + l];
      s[l] += v * v;
    }
  for (size_t i = whole; i < n; i++) s[i - whole] += (x[i] * w[i]) * (x[i] * w[i]);
  return joined(s);
}

/* A NaN loses every comparison, so it is caught in lanes of its own. */
GN_CLONES double gn_vec_maxabs(size_t n, const double *x)
{
  double m[LANES] = {0}, odd[LANES] = {0};
  const size_t whole = n - n % LANES;
  for (size_t i = 0; i < whole; i += LANES)
    for (size_t l = 0; l < LANES; l++) {
      const double v = fabs(x[i + l]);
      m[l] = v > m[l] ? v : m[l];
      odd[l] = v != v ? v : odd[l];
    }
  for (size_t i = whole; i < n; i++) {
    const double v = fabs(x[i]);
    m[0] = v > m[0] ? v : m[0];
    odd[0] = v != v ? v : odd[0];
  }
  for (size_t l = 1; l < LANES; l++) m[0] = m[l] > m[0] ? m[l] : m[0];
  const double bad = joined(odd);
  return bad != bad ? bad : m[0];
}

GN_CLONES void gn_vec_weights(size_t n, double rtol, double atol,
                              const double *restrict y, double *restrict w)
{
  for (size_t i = 0; i < n; i++) w[i] = 1 / (rtol * fabs(y[i]) + atol);
}

/* An exponent of all ones, plus one, carries into the sign bit. */
GN_CLONES int gn_vec_finite(size_t n, const double *x)
{
  uint64_t carry = 0;
  for (size_t i = 0; i < n; i++) {
    uint64_t b;
    memcpy(&b, x + i, sizeof b);
    carry |= (b & UINT64_C(0x7ff0000000000000)) + UINT64_C(0x0010000000000000);
  }
  return !(carry >> 63);
}
