/* A walking robot in simulation, 17 observations a step, some steps not seen: from the steps seen so
 * far, the next one.
 *
 * Windows of `length` steps that are seen, from the rollouts of training, validation and test. Of a
 * window these are the observations, gaps the steps between them over `scale`; the output after
 * (or before) observation j is compared with the step after that one. Lechner, Hasani, "Learning
 * long-term dependencies in irregularly-sampled time series" (2020); experiment of Xia et al.,
 * NeurIPS 2021, section 4.4, whose released code has outputs before the observation for NODE and
 * ANODE and after it for the others. */
#include "base/rollouts.h"
#include "base/vec.h"
#include "core/dataset.h"

typedef struct config {
  int length, stride, part, outputs, most;
  double scale;
} config;

static const gn_option options[] = {
  GN_INT(config, "length", length, 64, 1, 4096, "observations of a window"),
  GN_INT(config, "stride", stride, 16, 1, 4096, "steps seen from one window to the next"),
  GN_REAL(config, "scale", scale, 64, 1e-6, 1e6, "a gap of so many steps is one unit of time"),
  GN_CHOICE(config, "outputs", outputs, 0, "after|before",
            "is an observation known when the next step is predicted"),
  GN_CHOICE(config, "part", part, 0, "valid|test", "what is held out beside the training windows"),
  GN_INT(config, "most", most, 0, 0, 1000000, "windows of each part, the first ones (0: all)"),
  GN_OPTIONS_END,
};

/* Arrays of a data set on their way. */
typedef struct arrays {
  double *x, *y, *gap, *obs;
} arrays;

/* Window k of r as sample i. */
static void fill(const config *c, const gn_rollouts *r, size_t k, size_t i, const arrays *to)
{
  const size_t J = r->length, d = r->cols;
  const size_t *row = r->row + k * J;
  gn_vec_copy(d, r->at + row[0] * d, to->x + i * d);
  for (size_t j = 0; j < J; j++) {
    gn_vec_copy(d, r->at + row[j] * d, to->obs + (i * J + j) * d);
    gn_vec_copy(d, r->at + (row[j] + 1) * d, to->y + (i * J + j) * d);
    to->gap[i * J + j] = (j + 1 < J ? r->gap[k * J + j + 1] : 1) / c->scale;
  }
}

static gn_status join(const config *c, const gn_rollouts part[2], gn_dataset *d)
{
  size_t n[2];
  arrays to = { NULL };
  double *times;
  for (int k = 0; k < 2; k++)
    n[k] = c->most && (size_t)c->most < part[k].n ? (size_t)c->most : part[k].n;
  const size_t J = part[0].length, cols = part[0].cols;
  GN_REQUIRE(n[0] > 0 && part[1].cols == cols, GN_EIO,
             "walker2d: %zu training windows, %zu and %zu columns", n[0], cols, part[1].cols);
  d->n = n[0] + n[1], d->ntrain = n[0];
  d->K = J, d->nx = d->ny = d->nobs = cols;
  GN_NEW(d->arena, times, J + 1);
  GN_NEW(d->arena, to.x, d->n * cols);
  GN_NEW(d->arena, to.obs, d->n * J * cols);
  GN_NEW(d->arena, to.y, d->n * J * cols);
  GN_NEW(d->arena, to.gap, d->n * J);
  for (size_t k = 0; k <= J; k++) times[k] = (double)k;
  for (size_t i = 0; i < d->n; i++)
    if (i < n[0]) fill(c, &part[0], i, i, &to);
    else fill(c, &part[1], i - n[0], i, &to);
  d->times = times, d->x = to.x, d->y = to.y, d->obs = to.obs, d->gap = to.gap;
  d->sequence = (gn_sequence){ J, c->outputs ? GN_SEQUENCE_BEFORE : GN_SEQUENCE_AFTER, 0, NULL };
  return GN_OK;
}

static gn_status read_parts(gn_arena *a, const config *c, const char *dir, gn_dataset *d)
{
  const char *const set[2] = { "train", c->part ? "test" : "valid" };
  const char *folder = gn_arena_printf(a, "%s/walker2d", dir);
  gn_rollouts part[2];
  if (!folder) return GN_ENOMEM;
  for (int k = 0; k < 2; k++) {
    const gn_status s = gn_rollouts_read(a, folder, "walker", set[k], (size_t)c->length,
                                         (size_t)c->stride, &part[k]);
    if (s != GN_OK)
      return gn_fail_prefix(s, "data set walker2d (experiments/data/fetch walker2d, and data.dir or "
                            "GNOMON_DATA for its folder)");
  }
  return join(c, part, d);
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  (void)seed;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  const gn_status s = read_parts(a, config_, dir, d);
  gn_arena_destroy(&a);
  return s;
}

const gn_dataset_class gn_dataset_walker2d = {
  .name = "walker2d",
  .summary = "a simulated walker, irregularly seen: the next step (to be fetched)",
  .source = "Lechner, Hasani, arXiv 2006.04418; Xia et al., NeurIPS 2021, section 4.4",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
