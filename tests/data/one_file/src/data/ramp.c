/* Straight lines: the smallest data set.
 *
 *   y_i(t) = x_i + slope t,   x_i uniform in [-1, 1)^2,   t = 0, 1/K, ..., 1 */
#include "base/rng.h"
#include "core/dataset.h"

typedef struct config {
  int n, K;
  double slope;
} config;

static const gn_option options[] = {
  GN_INT(config, "n", n, 8, 1, 1000000, "samples"),
  GN_INT(config, "K", K, 4, 1, 100000, "output times"),
  GN_REAL(config, "slope", slope, 0.5, -100, 100, "of every line"),
  GN_OPTIONS_END,
};

enum { DIM = 2 };

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)dir; /* nothing is read */
  const size_t n = (size_t)c->n, K = (size_t)c->K;
  double *times, *x, *y;
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, x, n * DIM);
  GN_NEW(d->arena, y, n * K * DIM);
  for (size_t k = 0; k <= K; k++) times[k] = (double)k / (double)K;
  for (size_t i = 0; i < n; i++) {
    gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_DATA, i));
    for (size_t j = 0; j < DIM; j++) {
      x[i * DIM + j] = 2 * gn_rng_uniform(&r) - 1;
      for (size_t k = 0; k < K; k++)
        y[(i * K + k) * DIM + j] = x[i * DIM + j] + c->slope * times[k + 1];
    }
  }
  d->n = d->ntrain = n;
  d->K = K;
  d->nx = d->ny = DIM;
  d->times = times, d->x = x, d->y = y;
  return GN_OK;
}

const gn_dataset_class gn_dataset_ramp = {
  .name = "ramp",
  .summary = "straight lines in the plane",
  .source = "none; for tests",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
