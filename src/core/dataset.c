/* Data sets: lookup by name, creation, and the gather of a batch.
 *
 * A file of src/data/ fills the arrays; what it promises (sizes, increasing finite times,
 * finite values) is checked here once, so that nothing after it has to.
 *
 * Span k of a sample with its own times is t = t0 + s dt for k <= s < k + 1, with
 *   dt = row_times[k + 1] - row_times[k],   t0 = row_times[k] - k dt. */
#include "core/dataset.h"

#include "base/vec.h"
#include "core/registry.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

const gn_dataset_class *gn_dataset_find(const char *name)
{
  return gn_registry_find(gn_datasets, "data set", name);
}

/* Own times start with a step forward, never go back, and stand still only where nothing is
   observed. */
static gn_status check_row(const char *name, const gn_dataset *d, size_t i)
{
  const double *t = d->row_times + i * (d->K + 1);
  GN_REQUIRE(gn_vec_finite(d->K + 1, t), GN_ENONFINITE,
             "data set %s: a time of sample %zu is not finite", name, i);
  GN_REQUIRE(t[0] < t[1], GN_EARG, "data set %s, sample %zu: times[1] = %g is not above "
             "times[0] = %g", name, i, t[1], t[0]);
  for (size_t k = 1; k < d->K; k++) {
    GN_REQUIRE(t[k] <= t[k + 1], GN_EARG, "data set %s, sample %zu: times[%zu] = %g is below "
               "times[%zu] = %g", name, i, k + 1, t[k + 1], k, t[k]);
    for (size_t j = 0; t[k] == t[k + 1] && j < d->ny; j++)
      GN_REQUIRE(d->mask && !d->mask[(i * d->K + k) * d->ny + j], GN_EARG,
                 "data set %s, sample %zu: a target at times[%zu] = %g, which is times[%zu] "
                 "too", name, i, k + 1, t[k + 1], k);
  }
  return GN_OK;
}

/* Sequences: the outputs are those of the problem, gaps go forward, values are finite. */
static gn_status check_sequence(const char *name, const gn_dataset *d)
{
  const size_t J = d->sequence.J, K = gn_sequence_noutput(&d->sequence);
  GN_REQUIRE(J > 0 && d->nobs > 0 && K == d->K, GN_EARG,
             "data set %s: %zu observations of %zu values, %zu outputs; expected at least 1, and "
             "the %zu outputs of the sequence", name, J, d->nobs, d->K, K);
  GN_REQUIRE(!d->row_times && !d->hist && !d->u, GN_EARG,
             "data set %s: a sequence has gaps; times of its own, inputs before t0 and signals are "
             "not for it", name);
  for (size_t i = 0; i < d->n * J; i++)
    GN_REQUIRE(isfinite(d->gap[i]) && d->gap[i] >= 0, GN_EARG,
               "data set %s, sample %zu: gap %zu is %g, expected 0 or more", name, i / J, i % J,
               d->gap[i]);
  for (size_t i = 0; i < d->n * J; i++)
    GN_REQUIRE((d->obs_mask && !d->obs_mask[i]) || gn_vec_finite(d->nobs, d->obs + i * d->nobs),
               GN_ENONFINITE, "data set %s, sample %zu: observation %zu is not finite", name,
               i / J, i % J);
  return GN_OK;
}

static gn_status check(const char *name, const gn_dataset *d)
{
  GN_REQUIRE(d->n > 0 && d->ntrain > 0 && d->ntrain <= d->n, GN_EARG,
             "data set %s: %zu samples, %zu of them for training; expected at least one",
             name, d->n, d->ntrain);
  GN_REQUIRE(d->K > 0 && d->nx > 0 && d->ny > 0, GN_EARG,
             "data set %s: K = %zu, nx = %zu, ny = %zu; expected at least 1", name, d->K,
             d->nx, d->ny);
  for (size_t k = 0; k < d->K; k++)
    GN_REQUIRE(d->times[k] < d->times[k + 1], GN_EARG,
               "data set %s: times[%zu] = %g is not above times[%zu] = %g", name, k + 1,
               d->times[k + 1], k, d->times[k]);
  GN_REQUIRE(gn_vec_finite(d->K + 1, d->times), GN_ENONFINITE,
             "data set %s: a time is not finite", name);
  GN_REQUIRE(gn_vec_finite(d->n * d->nx, d->x), GN_ENONFINITE,
             "data set %s: an input is not finite", name);
  GN_REQUIRE(gn_vec_finite(d->n * d->K * d->ny, d->y), GN_ENONFINITE,
             "data set %s: a target is not finite", name);
  for (size_t i = 0; d->row_times && i < d->n; i++) GN_TRY(check_row(name, d, i));
  for (size_t h = 0; d->hist && h < d->H; h++)
    GN_REQUIRE(d->hist_times[h] < (h + 1 < d->H ? d->hist_times[h + 1] : d->times[0]), GN_EARG,
               "data set %s: hist_times[%zu] = %g, expected increasing times before %g", name, h,
               d->hist_times[h], d->times[0]);
  GN_REQUIRE(!d->hist || gn_vec_finite(d->n * d->H * d->nx, d->hist), GN_ENONFINITE,
             "data set %s: an input before the start is not finite", name);
  GN_REQUIRE(!d->u || gn_vec_finite(d->n * d->U * d->nu, d->u), GN_ENONFINITE,
             "data set %s: a signal is not finite", name);
  return d->obs ? check_sequence(name, d) : GN_OK;
}

static gn_status build(const gn_dataset_class *cls, const void *config, uint64_t seed,
                       const char *dir, gn_dataset *d)
{
  if (!config) {
    char *own;
    GN_NEW(d->arena, own, cls->config_size ? cls->config_size : 1);
    gn_options_default(cls->options, own);
    config = own;
  }
  GN_TRY(cls->make(config, seed, dir, d));
  return check(cls->name, d);
}

gn_status gn_dataset_create(const gn_dataset_class *cls, const void *config, uint64_t seed,
                            const char *dir, gn_dataset **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_dataset *d = gn_arena_alloc(a, 1, sizeof *d);
  gn_status s = GN_ENOMEM;
  if (d) {
    d->arena = a;
    s = build(cls, config, seed, dir, d);
  }
  if (s != GN_OK)
    gn_arena_destroy(&a);
  else
    *out = d;
  return s;
}

void gn_dataset_destroy(gn_dataset **d)
{
  if (!*d) return;
  gn_arena *a = (*d)->arena; /* the object lies in its own arena */
  *d = NULL;
  gn_arena_destroy(&a);
}

void gn_dataset_batch(const gn_dataset *d, size_t B, const size_t *idx, double *xb,
                      double *yb, unsigned char *mb)
{
  for (size_t b = 0; b < B; b++) {
    const size_t i = idx[b];
    if (xb) gn_vec_copy(d->nx, d->x + i * d->nx, xb + b * d->nx);
    for (size_t k = 0; k < d->K; k++) {
      const size_t from = (i * d->K + k) * d->ny, to = (k * B + b) * d->ny;
      gn_vec_copy(d->ny, d->y + from, yb + to);
      if (d->mask) memcpy(mb + to, d->mask + from, d->ny);
    }
  }
}

void gn_dataset_spans(const gn_dataset *d, size_t B, const size_t *idx, double *t0, double *dt)
{
  for (size_t b = 0; d->row_times && b < B; b++) {
    const double *t = d->row_times + idx[b] * (d->K + 1);
    for (size_t k = 0; k < d->K; k++) {
      dt[k * B + b] = t[k + 1] - t[k];
      t0[k * B + b] = t[k] - (double)k * dt[k * B + b];
    }
  }
}

void gn_dataset_history(const gn_dataset *d, size_t B, const size_t *idx, double *xh)
{
  for (size_t h = 0; d->hist && h < d->H; h++)
    for (size_t b = 0; b < B; b++)
      gn_vec_copy(d->nx, d->hist + (idx[b] * d->H + h) * d->nx, xh + (h * B + b) * d->nx);
}

void gn_dataset_signals(const gn_dataset *d, size_t B, const size_t *idx, double *ub)
{
  for (size_t k = 0; d->u && k < d->U; k++)
    for (size_t b = 0; b < B; b++)
      gn_vec_copy(d->nu, d->u + (idx[b] * d->U + k) * d->nu, ub + (k * B + b) * d->nu);
}

void gn_dataset_observations(const gn_dataset *d, size_t B, const size_t *idx, double *xb,
                             unsigned char *mb, double *t0, double *dt)
{
  const size_t J = d->sequence.J, nspan = gn_sequence_nspan(&d->sequence);
  for (size_t b = 0; d->obs && b < B; b++) {
    const double *gap = d->gap + idx[b] * J;
    double t = 0; /* the row's time at s = j */
    for (size_t j = 0; j < nspan; j++) {
      const size_t at = j * B + b;
      dt[at] = j < J ? gap[j] : 1;
      t0[at] = t - (double)j * dt[at];
      t += dt[at];
    }
    for (size_t j = 0; j < J; j++) {
      const size_t from = idx[b] * J + j, to = j * B + b;
      const int seen = !d->obs_mask || d->obs_mask[from];
      if (seen) gn_vec_copy(d->nobs, d->obs + from * d->nobs, xb + to * d->nobs);
      else gn_vec_fill(d->nobs, 0.0, xb + to * d->nobs);
      if (d->obs_mask) mb[to] = (unsigned char)seen;
    }
  }
}

const char *gn_dataset_folder(void)
{
  return access(GN_DATA_DIR, R_OK) == 0 ? GN_DATA_DIR : GN_INSTALLED_DATA_DIR;
}
