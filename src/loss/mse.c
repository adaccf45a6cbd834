/* Mean squared error over rows, output times and columns.
 *
 *   L = 1/N sum over the N observed (k, b, j) of (s(z_kbj) - y_kbj)^2
 *
 * s is the identity, or hardtanh to [-clip, clip] (the read-out of the point cloud
 * experiment of Xia et al. 2021), whose derivative is 0 from the bounds on, as in PyTorch.
 * Without a mask N = K B ny. With one every observed number counts the same, as in the
 * likelihood of equal Gaussian noise; a mean of means over rows would give the few numbers of
 * a short row more weight than those of a long one. */
#include "core/loss.h"

#include <math.h>

typedef struct config {
  int squash;
  double clip;
} config;
enum { NONE, HARDTANH };

/* clang-format off */
static const gn_option options[] = {
  GN_CHOICE(config, "squash", squash, NONE, "none|hardtanh", "applied to the outputs first"),
  GN_REAL(config, "clip", clip, 1, 1e-6, 1e6, "bound of squash = hardtanh"),
  GN_OPTIONS_END,
};
/* clang-format on */

static size_t outputs(const void *config_, size_t ny)
{
  (void)config_;
  return ny;
}

/* Sum of squares over the observed entries, with half its gradient if g is not NULL; *N
   counts the entries. The order is that of the array. */
static double squares(const config *c, const gn_target *tg, const double *z, double *g,
                      size_t *N)
{
  const double bound = c->squash == HARDTANH ? c->clip : HUGE_VAL;
  double sum = 0;
  *N = 0;
  for (size_t i = 0; i < tg->K * tg->B * tg->ny; i++) {
    const int seen = !tg->mask || tg->mask[i];
    const int flat = fabs(z[i]) >= bound;
    const double e = (flat ? copysign(bound, z[i]) : z[i]) - tg->y[i];
    if (seen) {
      sum += e * e;
      ++*N;
    }
    if (g) g[i] = seen && !flat ? e : 0;
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
  const double sum = squares(config_, tg, z, gz, &N);
  *loss = N ? sum / (double)N : 0;
  if (gz && N)
    for (size_t i = 0; i < tg->K * tg->B * tg->nz; i++) gz[i] *= 2 / (double)N;
  return GN_OK;
}

static double metric(const void *config_, const gn_target *tg, const double *z)
{
  size_t N;
  const double sum = squares(config_, tg, z, NULL, &N);
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
