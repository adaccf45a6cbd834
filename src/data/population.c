/* Delayed logistic growth (Hutchinson) from constant histories,
 *
 *   x' = r x (1 - x(t - tau)),    x = h for t <= 0.
 *
 * With r tau > pi/2 the population settles on a cycle around 1. Trajectories of different h
 * cross: no ODE for x alone has them.
 *
 * Hutchinson, Ann. N.Y. Acad. Sci. 50 (1948); r = 1.8, tau = 1 as Zhu, Guo, Lin, "Neural
 * Delay Differential Equations", ICLR 2021. */
#include "core/lagged.h"

typedef struct config {
  double r, tau;
  gn_lagged_config common;
} config;

/* clang-format off */
static const gn_option options[] = {
  GN_LAGGED_OPTIONS(config, common, 0.2, 1.8),
  GN_REAL(config, "r", r, 1.8, 0, 10, "rate of growth"),
  GN_REAL(config, "tau", tau, 1, 1e-3, 1e3, "the lag"),
  GN_OPTIONS_END,
};
/* clang-format on */

static void terms(const void *user, double delayed, double *a, double *b)
{
  const config *c = user;
  *a = 0;
  *b = c->r * (1 - delayed);
}

static gn_status make(const void *config_, uint64_t seed, const char *dir, gn_dataset *d)
{
  const config *c = config_;
  (void)dir; /* nothing is read */
  const gn_lagged_law law = { terms, c, c->tau };
  return gn_lagged_make(&c->common, &law, seed, d);
}

const gn_dataset_class gn_dataset_population = {
  .name = "population",
  .summary = "delayed logistic growth from constant histories",
  .source = "Hutchinson, Ann. N.Y. Acad. Sci. 50 (1948); parameters of Zhu et al., ICLR 2021",
  .options = options,
  .config_size = sizeof(config),
  .make = make,
};
