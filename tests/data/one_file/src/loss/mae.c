/* Mean absolute error over rows, output times and columns.
 *
 *   L = 1/N sum over the N observed (k, b, j) of |z_kbj - y_kbj|
 *
 * with the derivative 0 where z = y. Without a mask N = K B ny. */
#include "core/loss.h"

#include <math.h>

static const gn_option options[] = { GN_OPTIONS_END };

static size_t outputs(const void *config, size_t ny)
{
  (void)config;
  return ny;
}

static gn_status eval(const void *config, const gn_target *tg, const double *z, double *loss,
                      double *gz)
{
  (void)config;
  GN_REQUIRE(tg->nz == tg->ny, GN_EARG,
             "mae: the model has %zu outputs, the data have %zu target columns; expected "
             "the same", tg->nz, tg->ny);
  const size_t n = tg->K * tg->B * tg->ny;
  size_t N = 0;
  for (size_t i = 0; i < n; i++) N += !tg->mask || tg->mask[i];
  const double scale = N ? 1 / (double)N : 0;
  *loss = 0;
  for (size_t i = 0; i < n; i++) {
    const int seen = !tg->mask || tg->mask[i];
    const double e = seen ? z[i] - tg->y[i] : 0;
    *loss += scale * fabs(e);
    if (gz) gz[i] = scale * (double)((e > 0) - (e < 0));
  }
  return GN_OK;
}

static double metric(const void *config, const gn_target *tg, const double *z)
{
  double loss = 0;
  return eval(config, tg, z, &loss, NULL) == GN_OK ? loss : (double)NAN;
}

const gn_loss_class gn_loss_mae = {
  .name = "mae",
  .summary = "mean absolute error at all output times",
  .source = "mean over rows, times and columns, as torch.nn.L1Loss",
  .options = options,
  .outputs = outputs,
  .eval = eval,
  .metric = metric,
  .metric_name = "mae",
};
