/* Philox4x32-10: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011, section 3.3. The counter is (index, stream), the key is the seed; one
 * index gives 64 bits, one uniform or one normal.
 *
 * Normals are the inverse distribution function at a uniform: Wichura, Algorithm AS 241
 * (PPND16), Appl. Statist. 37 (1988) 477-484, relative error 1e-16. Its logarithm is
 *   log(m 2^e) = e log 2 + 2 atanh((m - 1)/(m + 1)),  sqrt(1/2) <= m < sqrt(2),
 * by the series of atanh. Only + - * / and sqrt occur, which IEEE 754 rounds alike. */
#include "base/rng.h"

#include <math.h>
#include <string.h>

void gn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = UINT64_C(0xD2511F53) * c0, p1 = UINT64_C(0xCD9E8D57) * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += UINT32_C(0x9E3779B9);
    k1 += UINT32_C(0xBB67AE85);
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

gn_rng gn_rng_make(uint64_t seed, uint64_t stream)
{
  return (gn_rng){seed, stream, 0};
}

uint64_t gn_rng_bits(gn_rng *r)
{
  const uint32_t counter[4] = {(uint32_t)r->index, (uint32_t)(r->index >> 32),
                               (uint32_t)r->stream, (uint32_t)(r->stream >> 32)};
  const uint32_t key[2] = {(uint32_t)r->seed, (uint32_t)(r->seed >> 32)};
  uint32_t out[4];
  gn_philox(counter, key, out);
  r->index++;
  return (uint64_t)out[1] << 32 | out[0];
}

double gn_rng_uniform(gn_rng *r)
{
  return (double)(gn_rng_bits(r) >> 11) * 0x1p-53;
}

/* log(x) of a normal positive number, error below 2 ulp. */
static double own_log(double x)
{
  uint64_t bits = 0;
  memcpy(&bits, &x, sizeof bits);
  int e = (int)(bits >> 52) - 1023;
  bits = (bits & UINT64_C(0x000FFFFFFFFFFFFF)) | UINT64_C(0x3FF0000000000000);
  double m = 0;
  memcpy(&m, &bits, sizeof m);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e++;
  }
  double s = (m - 1) / (m + 1), q = s * s;
  double sum = 1.0 / 23; /* |s| < 0.172: the next term is below 1e-18 */
  for (int k = 21; k >= 1; k -= 2) sum = sum * q + 1.0 / k;
  return e * 0.6931471805599453 + 2 * s * sum;
}

/* c[0] + c[1] x + ... + c[7] x^7 */
static double poly(const double c[8], double x)
{
  double v = c[7];
  for (int k = 6; k >= 0; k--) v = v * x + c[k];
  return v;
}

/* x with P(N < x) = u, 0 < u < 1 */
static double normal_at(double u)
{
  /* clang-format off */
  static const double a[8] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                              1.9715909503065514427e3, 1.3731693765509461125e4,
                              4.5921953931549871457e4, 6.7265770927008700853e4,
                              3.3430575583588128105e4, 2.5090809287301226727e3};
  static const double b[8] = {1.0, 4.2313330701600911252e1, 6.8718700749205790830e2,
                              5.3941960214247511077e3, 2.1213794301586595867e4,
                              3.9307895800092710610e4, 2.8729085735721942674e4,
                              5.2264952788528545610e3};
  static const double c[8] = {1.42343711074968357734e0, 4.63033784615654529590e0,
                              5.76949722146069140550e0, 3.64784832476320460504e0,
                              1.27045825245236838258e0, 2.41780725177450611770e-1,
                              2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static const double d[8] = {1.0, 2.05319162663775882187e0, 1.67638483018380384940e0,
                              6.89767334985100004550e-1, 1.48103976427480074590e-1,
                              1.51986665636164571966e-2, 5.47593808499534494600e-4,
                              1.05075007164441684324e-9};
  static const double e[8] = {6.65790464350110377720e0, 5.46378491116411436990e0,
                              1.78482653991729133580e0, 2.96560571828504891230e-1,
                              2.65321895265761230930e-2, 1.24266094738807843860e-3,
                              2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static const double f[8] = {1.0, 5.99832206555887937690e-1, 1.36929880922735805310e-1,
                              1.48753612908506148525e-2, 7.86869131145613259100e-4,
                              1.84631831751005468180e-5, 1.42151175831644588870e-7,
                              2.04426310338993978564e-15};
  /* clang-format on */
  double q = u - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    double r = 0.180625 - q * q;
    return q * poly(a, r) / poly(b, r);
  }
  double r = sqrt(-own_log(q < 0 ? u : 1 - u));
  double x =
      r <= 5 ? poly(c, r - 1.6) / poly(d, r - 1.6) : poly(e, r - 5) / poly(f, r - 5);
  return q < 0 ? -x : x;
}

double gn_rng_normal(gn_rng *r)
{
  /* k + 1/2 with 52 bits is exact, symmetric about 1/2, and never 0 or 1 */
  return normal_at(((double)(gn_rng_bits(r) >> 12) + 0.5) * 0x1p-52);
}

uint64_t gn_rng_below(gn_rng *r, uint64_t n)
{
  if (n < 2) return 0;
  uint64_t extra = (UINT64_MAX - n + 1) % n; /* 2^64 mod n draws too many */
  uint64_t v = gn_rng_bits(r);
  while (v < extra) v = gn_rng_bits(r);
  return v % n;
}

void gn_rng_shuffle(gn_rng *r, size_t n, size_t *perm)
{
  for (size_t i = n; i > 1; i--) {
    size_t j = (size_t)gn_rng_below(r, i);
    size_t keep = perm[i - 1];
    perm[i - 1] = perm[j];
    perm[j] = keep;
  }
}
