/* The map x -> -x on an interval, to be reached at T; in between nothing is asked.
 *
 * A flow of the line keeps the order of its points, so that no NODE on one number has it: the
 * best it can do is to bring all points to 0, mean squared error radius^2 / 3. With
 * z' = f(z(t), z(t - tau)), tau >= T, the start is seen all along, and z' = -2 z(t - tau) / T
 * has it.
 *
 * Dupont, Doucet, Teh, "Augmented Neural ODEs", NeurIPS 2019, g_1d. */
#include "base/rng.h"
#include "core/dataset.h"
#include "core/split.h"

typedef struct config {
  int n, valid, test;
  double T, radius;
  gn_split split;
} config;

/* clang-format off */
static const gn_option options[] = {
  GN_INT(config, "n", n, 40, 1, 1000000, "training samples"),
  GN_INT(config, "valid", valid, 20, 0, 1000000, "validation samples"),
  GN_INT(config, "test", test, 40, 0, 1000000, "test samples"),
  GN_REAL(config, "T", T, 1, 1e-6, 1e4, "the output time"),
  GN_REAL(config, "radius", radius, 1, 1e-6, 1e3, "x is uniform in [-radius, radius]"),
  GN_SPLIT_OPTIONS(config, split),
  GN_OPTIONS_END,
};
/* clang-format on */

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)dir; /* nothing is read */
  const size_t ntrain = gn_split_train(&c->split, (size_t)c->n);
  const size_t n = ntrain + (size_t)(c->split.part == GN_PART_TEST ? c->test : c->valid);
  double *times, *x, *y;
  GN_NEW(d->arena, times, 2);
  GN_NEW(d->arena, x, n);
  GN_NEW(d->arena, y, n);
  times[1] = c->T;
  for (size_t i = 0; i < n; i++) {
    gn_rng r = gn_rng_make(seed, gn_split_stream(&c->split, ntrain, i));
    x[i] = c->radius * (2 * gn_rng_uniform(&r) - 1);
    y[i] = -x[i];
  }
  *d = (gn_dataset){ .arena = d->arena, .n = n, .ntrain = ntrain, .K = 1, .nx = 1, .ny = 1,
                     .times = times, .x = x, .y = y };
  return GN_OK;
}

const gn_dataset_class gn_dataset_flip = {
  .name = "flip",
  .summary = "x -> -x on an interval: not to be had by a flow of the line, with a delay it is",
  .source = "Dupont et al., Augmented Neural ODEs, NeurIPS 2019, g_1d",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
