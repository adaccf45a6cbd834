/* Spirals in the plane, after Chen et al. 2018 (NeurIPS), their first code example.
 *
 *   cubic    y' = A (y_1^3, y_2^3)      linear   y' = A y
 *   A = [[-decay, turn], [-turn, -decay]]
 *
 * Starts are uniform in the ring radius_min <= |y| <= radius_max. Integrated by the classic
 * fourth-order method with a step far below the noise; only + - * / and sqrt are used, so
 * the data have the same bits on every machine. Sample i draws from its own stream: first
 * its start, then its noise. */
#include "base/rng.h"
#include "core/dataset.h"

#include <math.h>

typedef struct config {
  int n, valid, K, kind;
  double T, decay, turn, radius_min, radius_max, noise;
} config;
enum { CUBIC, LINEAR };

/* clang-format off */
static const gn_option options[] = {
  GN_INT(config, "n", n, 64, 1, 1000000, "training samples"),
  GN_INT(config, "valid", valid, 16, 0, 1000000, "validation samples"),
  GN_INT(config, "K", K, 20, 1, 100000, "output times, equally spaced up to T"),
  GN_REAL(config, "T", T, 2, 1e-6, 1e4, "last output time"),
  GN_CHOICE(config, "kind", kind, CUBIC, "cubic|linear", "what A multiplies: cubes of y, or y"),
  GN_REAL(config, "decay", decay, 0.1, 0, 100, "minus the diagonal of A"),
  GN_REAL(config, "turn", turn, 2, -100, 100, "upper right entry of A"),
  GN_REAL(config, "radius_min", radius_min, 0.5, 0, 10, "smallest |y| at the start"),
  GN_REAL(config, "radius_max", radius_max, 1.5, 1e-6, 10, "largest |y| at the start"),
  GN_REAL(config, "noise", noise, 0, 0, 100, "standard deviation of noise added to the targets"),
  GN_OPTIONS_END,
};
/* clang-format on */

static void slope(const config *c, const double *y, double *f)
{
  const int cubic = c->kind == CUBIC;
  const double u = cubic ? y[0] * y[0] * y[0] : y[0];
  const double v = cubic ? y[1] * y[1] * y[1] : y[1];
  f[0] = c->turn * v - c->decay * u;
  f[1] = -c->turn * u - c->decay * v;
}

static void flow(const config *c, double h, size_t steps, double *y)
{
  for (size_t n = 0; n < steps; n++) {
    double k[4][2], z[2];
    slope(c, y, k[0]);
    for (int i = 1; i < 4; i++) {
      const double a = i == 3 ? h : h / 2;
      for (int j = 0; j < 2; j++) z[j] = y[j] + a * k[i - 1][j];
      slope(c, z, k[i]);
    }
    for (int j = 0; j < 2; j++)
      y[j] += h / 6 * (k[0][j] + 2 * k[1][j] + 2 * k[2][j] + k[3][j]);
  }
}

/* Uniform in the ring, by rejection from the square around it. */
static void start(const config *c, gn_rng *r, double *y)
{
  double d2;
  do {
    for (int j = 0; j < 2; j++) y[j] = c->radius_max * (2 * gn_rng_uniform(r) - 1);
    d2 = y[0] * y[0] + y[1] * y[1];
  } while (d2 > c->radius_max * c->radius_max || d2 < c->radius_min * c->radius_min);
}

/* Steps between outputs, so short that the fastest motion moves 1/50 radian in one. */
static size_t substeps(const config *c)
{
  const double r2 = c->kind == CUBIC ? 3 * c->radius_max * c->radius_max : 1;
  const double rate = r2 * (fabs(c->turn) + c->decay);
  return 1 + (size_t)(50 * rate * c->T / c->K);
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)dir; /* nothing is read */
  GN_REQUIRE(c->radius_min <= 0.99 * c->radius_max, GN_EARG,
             "radius_min = %g, expected at most 0.99 radius_max = %g", c->radius_min,
             0.99 * c->radius_max);
  const size_t ntrain = (size_t)c->n, n = ntrain + (size_t)c->valid, K = (size_t)c->K;
  double *times, *x, *y;
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, x, n * 2);
  GN_NEW(d->arena, y, n * K * 2);
  for (size_t k = 0; k <= K; k++) times[k] = (double)k * c->T / (double)K;
  const size_t sub = substeps(c);
  const double h = c->T / (double)K / (double)sub;
  for (size_t i = 0; i < n; i++) {
    gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_DATA, i));
    double *xi = x + 2 * i, at[2];
    start(c, &r, xi);
    at[0] = xi[0], at[1] = xi[1];
    for (size_t k = 0; k < K; k++) {
      double *yk = y + (i * K + k) * 2;
      flow(c, h, sub, at);
      for (int j = 0; j < 2; j++) yk[j] = at[j] + c->noise * gn_rng_normal(&r);
    }
  }
  *d = (gn_dataset){ .arena = d->arena,
                     .n = n,
                     .ntrain = ntrain,
                     .K = K,
                     .nx = 2,
                     .ny = 2,
                     .times = times,
                     .x = x,
                     .y = y };
  return GN_OK;
}

const gn_dataset_class gn_dataset_spiral = {
  .name = "spiral",
  .summary = "synthetic spirals in the plane, cubic or linear, with noise on the targets",
  .source = "Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
