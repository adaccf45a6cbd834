/* Cross-entropy of a softmax at the last output time.
 *
 *   L = 1/N sum over observed rows of  log sum_j exp(z_j) - z_c,
 *   dL/dz_j = (q_j - [j = c]) / N
 *
 * c is the class index in the one target column, q the softmax. The largest z is taken out
 * first, so that no exp overflows. Outputs at earlier times do not count. */
#include "core/loss.h"

#include <math.h>

typedef struct config {
  int classes;
} config;

static const gn_option options[] = {
  GN_INT(config, "classes", classes, 2, 2, 65536, "number of classes"),
  GN_OPTIONS_END,
};

static size_t outputs(const void *config_, size_t ny)
{
  (void)ny;
  return (size_t)((const config *)config_)->classes;
}

static size_t argmax(size_t n, const double *z)
{
  size_t best = 0;
  for (size_t j = 1; j < n; j++)
    if (z[j] > z[best]) best = j;
  return best;
}

/* -log softmax(z)_c, and g = (softmax - e_c) weight if g is not NULL. */
static double row(size_t n, const double *z, size_t c, double weight, double *g)
{
  const double top = z[argmax(n, z)];
  double sum = 0;
  for (size_t j = 0; j < n; j++) sum += exp(z[j] - top);
  if (g)
    for (size_t j = 0; j < n; j++) g[j] = weight * (exp(z[j] - top) / sum - (j == c));
  return log(sum) - (z[c] - top);
}

static int observed(const gn_target *tg, size_t b)
{
  return !tg->mask || tg->mask[(tg->K - 1) * tg->B + b];
}

static size_t count(const gn_target *tg)
{
  size_t N = 0;
  for (size_t b = 0; b < tg->B; b++) N += observed(tg, b) ? 1 : 0;
  return N;
}

static gn_status check(const config *c, const gn_target *tg)
{
  GN_REQUIRE(tg->ny == 1, GN_EARG,
             "cross_entropy: %zu target columns, expected 1 with the class index", tg->ny);
  GN_REQUIRE(tg->nz == (size_t)c->classes, GN_EARG,
             "cross_entropy: the model has %zu outputs, expected classes = %d", tg->nz,
             c->classes);
  for (size_t b = 0; b < tg->B; b++) {
    const double y = tg->y[(tg->K - 1) * tg->B + b];
    GN_REQUIRE(!observed(tg, b) || (y >= 0 && y < c->classes && y == floor(y)), GN_EARG,
               "cross_entropy: the target of row %zu is %g, expected a class 0 to %d", b, y,
               c->classes - 1);
  }
  return GN_OK;
}

static gn_status eval(const void *config_, const gn_target *tg, const double *z,
                      double *loss, double *gz)
{
  const config *c = config_;
  GN_TRY(check(c, tg));
  const size_t N = count(tg), last = (tg->K - 1) * tg->B;
  if (gz)
    for (size_t i = 0; i < tg->K * tg->B * tg->nz; i++) gz[i] = 0;
  double sum = 0;
  for (size_t b = 0; b < tg->B; b++) {
    if (!observed(tg, b)) continue;
    const size_t at = (last + b) * tg->nz;
    sum += row(tg->nz, z + at, (size_t)tg->y[last + b], 1 / (double)N, gz ? gz + at : NULL);
  }
  *loss = N ? sum / (double)N : 0;
  return GN_OK;
}

/* Fraction of the observed rows whose largest output is the class. */
static double metric(const void *config_, const gn_target *tg, const double *z)
{
  (void)config_;
  const size_t N = count(tg), last = (tg->K - 1) * tg->B;
  size_t right = 0;
  for (size_t b = 0; b < tg->B; b++)
    if (observed(tg, b))
      right += (double)argmax(tg->nz, z + (last + b) * tg->nz) == tg->y[last + b];
  return N ? (double)right / (double)N : 0;
}

const gn_loss_class gn_loss_cross_entropy = {
  .name = "cross_entropy",
  .summary = "cross-entropy of a softmax at the last output time",
  .source = "log-softmax and mean over rows, as torch.nn.CrossEntropyLoss",
  .options = options,
  .config_size = sizeof(config),
  .outputs = outputs,
  .eval = eval,
  .metric = metric,
  .metric_name = "accuracy",
};
