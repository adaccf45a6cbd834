/* Cross-entropy of a softmax at the last output of a row that has a class.
 *
 *   L = 1/N sum over the N rows with a class of  log sum_j exp(z_j) - z_c,
 *   dL/dz_j = (q_j - [j = c]) / N
 *
 * c is the class index in the one target column, q the softmax. The largest z is taken out
 * first, so that no exp overflows. Without a mask that is the last output time; outputs
 * before a row's last observed one do not count. */
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

#define NONE ((size_t)-1)

/* Place k B + b of the last observed class of row b, or NONE. */
static size_t last(const gn_target *tg, size_t b)
{
  for (size_t k = tg->K; k-- > 0;)
    if (!tg->mask || tg->mask[k * tg->B + b]) return k * tg->B + b;
  return NONE;
}

static size_t count(const gn_target *tg)
{
  size_t N = 0;
  for (size_t b = 0; b < tg->B; b++) N += last(tg, b) != NONE;
  return N;
}

static gn_status check(const config *c, const gn_target *tg)
{
  GN_REQUIRE(!tg->weight, GN_EARG,
             "cross_entropy: the data weigh their outputs, of which one counts; use loss mse");
  GN_REQUIRE(tg->ny == 1, GN_EARG,
             "cross_entropy: %zu target columns, expected 1 with the class index", tg->ny);
  GN_REQUIRE(tg->nz == (size_t)c->classes, GN_EARG,
             "cross_entropy: the model has %zu outputs, expected classes = %d", tg->nz,
             c->classes);
  for (size_t b = 0; b < tg->B; b++) {
    const size_t at = last(tg, b);
    const double y = at == NONE ? 0 : tg->y[at];
    GN_REQUIRE(y >= 0 && y < c->classes && y == floor(y), GN_EARG,
               "cross_entropy: the target of row %zu is %g, expected a class 0 to %d; a data set "
               "of signs may have an option for classes (point_cloud: labels = classes)",
               b, y, c->classes - 1);
  }
  return GN_OK;
}

static gn_status eval(const void *config_, const gn_target *tg, const double *z,
                      double *loss, double *gz)
{
  const config *c = config_;
  GN_TRY(check(c, tg));
  const size_t N = count(tg);
  if (gz)
    for (size_t i = 0; i < tg->K * tg->B * tg->nz; i++) gz[i] = 0;
  double sum = 0;
  for (size_t b = 0; b < tg->B; b++) {
    const size_t at = last(tg, b);
    if (at == NONE) continue;
    sum += row(tg->nz, z + at * tg->nz, (size_t)tg->y[at], 1 / (double)N,
               gz ? gz + at * tg->nz : NULL);
  }
  *loss = N ? sum / (double)N : 0;
  return GN_OK;
}

/* Fraction of the rows with a class whose largest output is the class. */
static double metric(const void *config_, const gn_target *tg, const double *z)
{
  (void)config_;
  const size_t N = count(tg);
  size_t right = 0;
  for (size_t b = 0; b < tg->B; b++) {
    const size_t at = last(tg, b);
    if (at != NONE) right += (double)argmax(tg->nz, z + at * tg->nz) == tg->y[at];
  }
  return N ? (double)right / (double)N : 0;
}

const gn_loss_class gn_loss_cross_entropy = {
  .name = "cross_entropy",
  .summary = "cross-entropy of a softmax at the last output time with a class",
  .source = "log-softmax and mean over rows, as torch.nn.CrossEntropyLoss",
  .options = options,
  .config_size = sizeof(config),
  .outputs = outputs,
  .eval = eval,
  .metric = metric,
  .metric_name = "accuracy",
};
