/* Mean squared error over rows, output times and columns.
 *
 *   L = 1/N sum over the N observed (k, b, j) of w_k (s(z_kbj) - y_kbj)^2
 *
 * s is the identity, or hardtanh to [-clip, clip] (the read-out of the point cloud
 * experiment of Xia et al. 2021), whose derivative is 0 from the bounds on, as in PyTorch.
 * w_k = 1 unless the data weigh their outputs: weights K/G on G of the K outputs make L the
 * mean over those. Without a mask N = K B ny. With one every observed number counts the same, as in the
 * likelihood of equal Gaussian noise; a mean of means over rows would give the few numbers of
 * a short row more weight than those of a long one. */
#include "core/loss.h"

#include <math.h>

typedef struct config {
  int squash;
  double clip;
  int last;
} config;
enum { NONE, HARDTANH };

/* clang-format off */
static const gn_option options[] = {
  GN_CHOICE(config, "squash", squash, NONE, "none|hardtanh", "applied to the outputs first"),
  GN_REAL(config, "clip", clip, 1, 1e-6, 1e6, "bound of squash = hardtanh"),
  GN_INT(config, "rmse_last", last, 0, 0, 1000000000, "rmse: over so many last outputs, unweighted (0: the root of the loss)"),
  GN_OPTIONS_END,
};
/* clang-format on */

static size_t outputs(const void *config_, size_t ny)
{
  (void)config_;
  return ny;
}

/* Weighted sum of squares over the observed entries of the outputs from `first` on, with half
   its gradient if g is not NULL; *N counts the entries. The order is that of the array. */
static double squares(const config *c, const gn_target *tg, size_t first, const double *z,
                      double *g, size_t *N)
{
  const size_t row = tg->B * tg->ny;
  const double bound = c->squash == HARDTANH ? c->clip : HUGE_VAL;
  double sum = 0;
  *N = 0;
  for (size_t i = first * row; i < tg->K * row; i++) {
    const double weight = tg->weight ? tg->weight[i / row] : 1;
    const int seen = !tg->mask || tg->mask[i];
    const int flat = fabs(z[i]) >= bound;
    const double e = (flat ? copysign(bound, z[i]) : z[i]) - tg->y[i];
    if (seen) {
      sum += weight * e * e;
      ++*N;
    }
    if (g) g[i] = seen && !flat ? weight * e : 0;
  }
  return sum;
}

static gn_status eval(const void *config_, const gn_target *tg, const double *z,
                      double *loss, double *gz)
{
  size_t N;
  GN_REQUIRE(tg->nz == tg->ny, GN_EARG,
             "mse: the model has %zu outputs, the data have %zu target columns; expected "
             "the same",
             tg->nz, tg->ny);
  const double sum = squares(config_, tg, 0, z, gz, &N);
  *loss = N ? sum / (double)N : 0;
  if (gz && N)
    for (size_t i = 0; i < tg->K * tg->B * tg->nz; i++) gz[i] *= 2 / (double)N;
  return GN_OK;
}

static double metric(const void *config_, const gn_target *tg, const double *z)
{
  size_t N;
  gn_target part = *tg;
  const size_t last = (size_t)((const config *)config_)->last;
  if (last > 0) part.weight = NULL;
  const size_t first = last > 0 && last < tg->K ? tg->K - last : 0;
  const double sum = squares(config_, &part, first, z, NULL, &N);
  return N ? sqrt(sum / (double)N) : 0;
}

const gn_loss_class gn_loss_mse = {
  .name = "mse",
  .summary = "mean squared error at all output times",
  .source = "mean over rows, times and columns, as torch.nn.MSELoss",
  .options = options,
  .config_size = sizeof(config),
  .outputs = outputs,
  .eval = eval,
  .metric = metric,
  .metric_name = "rmse",
};
