/* Adams-Moulton methods of order 1 to 12 by CVODES, for smooth problems at tight tolerances.
 *
 *   y_n = y_{n-1} + h sum_{j=0}^{q-1} beta_j f_{n-j},
 *
 * the implicit equation by fixed-point iteration from the predictor, so no derivative of f
 * is needed. Hindmarsh et al., ACM TOMS 31 (2005), section 2.1; order and step: Byrne and
 * Hindmarsh, ACM TOMS 1 (1975). */
#include "multistep.h"

typedef struct config {
  int max_order, max_fails;
  double h0;
} config;

static const gn_option options[] = {
  GN_INT(config, "max_order", max_order, 12, 1, 12, "highest order"),
  GN_INT(config, "max_fails", max_fails, 20, 1, 100, "rejections of one step before giving up"),
  GN_REAL(config, "h0", h0, 0, 0, 1e300, "first step (0: estimate it)"),
  GN_OPTIONS_END,
};

static gn_status setup(gn_stepper *st, const void *config_)
{
  const config *c = config_;
  const gn_multistep_options opt = { .max_order = c->max_order, .max_fails = c->max_fails,
                                     .h0 = c->h0 };
  return gn_multistep_setup(st, CV_ADAMS, &opt);
}

const gn_stepper_class gn_stepper_adams = {
  .name = "adams",
  .summary = "Adams-Moulton of variable order, fixed-point iteration, CVODES",
  .source = "Hindmarsh et al., ACM TOMS 31 (2005), section 2.1",
  .offers = GN_HAS_BACKWARD | GN_HAS_LANDING,
  .adaptive = 1,
  .size = sizeof(gn_multistep),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { gn_multistep_start, gn_multistep_reset, gn_multistep_step, gn_multistep_destroy },
};
