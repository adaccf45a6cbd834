/* Backward differentiation formulas of order 1 to 5 by CVODES, for stiff problems.
 *
 *   sum_{j=0}^{q} alpha_j y_{n-j} = h beta_0 f(t_n, y_n)
 *
 * by Newton's method; the linear systems I - gamma J by
 *
 *   spgmr   GMRES on products J v, nothing formed
 *   dense   LU of one block for each row of the batch: the rows are independent
 *
 * Hindmarsh et al., ACM TOMS 31 (2005), section 2.1; Brown, Byrne, Hindmarsh, SIAM J. Sci.
 * Stat. Comput. 10 (1989). */
#include "multistep.h"

typedef struct config {
  int max_order, max_fails, linear, krylov;
  double h0;
} config;

static const gn_option options[] = {
  GN_INT(config, "max_order", max_order, 5, 1, 5, "highest order"),
  GN_CHOICE(config, "linear", linear, GN_SPGMR, GN_LINEAR_CHOICES,
            "how Newton's linear systems are solved"),
  GN_INT(config, "krylov", krylov, 10, 1, 200, "spgmr: most vectors of one solve"),
  GN_INT(config, "max_fails", max_fails, 20, 1, 100, "rejections of one step before giving up"),
  GN_REAL(config, "h0", h0, 0, 0, 1e300, "first step (0: estimate it)"),
  GN_OPTIONS_END,
};

static gn_status setup(gn_stepper *st, const void *config_)
{
  const config *c = config_;
  const gn_multistep_options opt = { .max_order = c->max_order, .max_fails = c->max_fails,
                                     .h0 = c->h0, .newton = 1, .linear = c->linear,
                                     .krylov = c->linear == GN_SPGMR ? c->krylov : 0 };
  return gn_multistep_setup(st, CV_BDF, &opt);
}

const gn_stepper_class gn_stepper_bdf = {
  .name = "bdf",
  .summary = "backward differentiation of variable order, Newton, CVODES",
  .source = "Hindmarsh et al., ACM TOMS 31 (2005), section 2.1",
  .offers = GN_HAS_BACKWARD | GN_HAS_LANDING,
  .adaptive = 1,
  .size = sizeof(gn_multistep),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { gn_multistep_start, gn_multistep_reset, gn_multistep_step, gn_multistep_destroy },
};
