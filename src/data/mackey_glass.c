/* Mackey-Glass equation from constant histories,
 *
 *   x' = beta x_tau / (1 + x_tau^n) - g x,    x_tau = x(t - tau),    x = h for t <= 0.
 *
 * Trajectories of different h cross: no ODE for x alone has them. They are functions of h
 * and t, so that a model that lifts h to more dimensions may.
 *
 * Mackey, Glass, Science 197 (1977); beta = 4, n = 9.65, g = 2, tau = 1 as Zhu, Guo, Lin,
 * "Neural Delay Differential Equations", ICLR 2021. */
#include "core/lagged.h"

#include <math.h>

typedef struct config {
  double beta, exponent, g, tau;
  gn_lagged_config common;
} config;

/* clang-format off */
static const gn_option options[] = {
  GN_LAGGED_OPTIONS(config, common, 0.2, 1.5),
  GN_REAL(config, "beta", beta, 4, 0, 100, "rate of production"),
  GN_REAL(config, "exponent", exponent, 9.65, 1, 100, "n, how fast production falls"),
  GN_REAL(config, "g", g, 2, 0, 100, "rate of decay"),
  GN_REAL(config, "tau", tau, 1, 1e-3, 1e3, "the lag"),
  GN_OPTIONS_END,
};
/* clang-format on */

static void terms(const void *user, double delayed, double *a, double *b)
{
  const config *c = user;
  *a = c->beta * delayed / (1 + pow(delayed, c->exponent));
  *b = -c->g;
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)dir; /* nothing is read */
  const gn_lagged_law law = { terms, c, c->tau };
  return gn_lagged_make(&c->common, &law, seed, d);
}

const gn_dataset_class gn_dataset_mackey_glass = {
  .name = "mackey_glass",
  .summary = "Mackey-Glass delay equation from constant histories",
  .source = "Mackey and Glass, Science 197 (1977); parameters of Zhu et al., ICLR 2021",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
