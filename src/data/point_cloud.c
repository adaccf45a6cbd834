/* Nested circles in the plane, the point cloud of the SONODE and HBNODE papers: points with
 * |x| <= 0.5 against points with 0.85 <= |x| <= 1, drawn by rejection from [-1, 1]^2.
 *
 * A flow of the plane cannot separate them with a linear read-out (trajectories do not
 * cross), one with momentum or added dimensions can. One output time T; the target is the
 * label -1 (inner) or +1 (outer), or the class 0 or 1 for cross-entropy.
 *
 * Source: Norcliffe et al., NeurIPS 2020 (SONODE); Xia et al., NeurIPS 2021 (HBNODE). */
#include "base/rng.h"
#include "core/dataset.h"

typedef struct config {
  int inner, outer, valid, labels;
  double T;
} config;

/* clang-format off */
static const gn_option options[] = {
  GN_INT(config, "inner", inner, 22, 1, 1000000, "training points with |x| <= 0.5"),
  GN_INT(config, "outer", outer, 28, 1, 1000000, "training points with 0.85 <= |x| <= 1"),
  GN_INT(config, "valid", valid, 10, 0, 1000000, "validation points, of either kind as they fall"),
  GN_REAL(config, "T", T, 1, 1e-6, 1e4, "the output time"),
  GN_CHOICE(config, "labels", labels, 0, "signs|classes", "targets -1 and +1, or 0 and 1"),
  GN_OPTIONS_END,
};
/* clang-format on */

enum { INNER = -1, EITHER = 0, OUTER = 1 };

/* A point of the wanted kind; its kind. */
static int draw(gn_rng *r, int want, double *x)
{
  for (;;) {
    for (int j = 0; j < 2; j++) x[j] = 2 * gn_rng_uniform(r) - 1;
    const double d2 = x[0] * x[0] + x[1] * x[1];
    if (d2 <= 0.25 && want != OUTER) return INNER;
    if (d2 >= 0.85 * 0.85 && d2 <= 1 && want != INNER) return OUTER;
  }
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)dir; /* nothing is read */
  const size_t inner = (size_t)c->inner, ntrain = inner + (size_t)c->outer;
  const size_t n = ntrain + (size_t)c->valid;
  double *times, *x, *y;
  GN_NEW(d->arena, times, 2);
  GN_NEW(d->arena, x, n * 2);
  GN_NEW(d->arena, y, n);
  times[1] = c->T;
  for (size_t i = 0; i < n; i++) {
    gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_DATA, i));
    const int want = i < inner ? INNER : i < ntrain ? OUTER : EITHER;
    const int kind = draw(&r, want, x + 2 * i);
    y[i] = c->labels ? kind == OUTER : kind;
  }
  *d = (gn_dataset){ .arena = d->arena,
                     .n = n,
                     .ntrain = ntrain,
                     .K = 1,
                     .nx = 2,
                     .ny = 1,
                     .times = times,
                     .x = x,
                     .y = y };
  return GN_OK;
}

const gn_dataset_class gn_dataset_point_cloud = {
  .name = "point_cloud",
  .summary = "nested circles in the plane, to be told apart at one output time",
  .source = "Norcliffe et al., NeurIPS 2020; Xia et al., NeurIPS 2021, point cloud",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
