/* The semi-norm adjoint without carrying the parameter gradient.
 *
 *   [z, a]' = [f, -f_z^T a] solved backward, error test max( rms z, rms a );
 *   on each accepted step   dL/dp += sum_i h b_i f_p(Y_i)^T (-a_i)
 *
 * The stages of the step are the quadrature nodes, so the digits are those of backsolve with
 * norm = semi, where g rides along, outside the norm; but no vector of length np is carried,
 * and rejected steps, stages with b_i = 0 and start-up calls cost no parameter gradient.
 * The last stage of a first-same-as-last table waits for the next step, whose first it is.
 *
 * Kidger, Chen, Lyons, "Hey, that's not an ODE": Faster ODE Adjoints via Seminorms, ICML
 * 2021, section 3. */
#include "core/adjoint.h"

typedef struct config {
  int scale;
} config;

static const gn_option options[] = {
  GN_BOOL(config, "scale_atol", scale, 1,
          "multiply the adjoint's absolute tolerance by rms(dL/dy)"),
  GN_OPTIONS_END,
};

typedef struct seminorm {
  gn_gradient base;
  gn_adjoint *adjoint;
} seminorm;

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  const int parts = GN_ADJOINT_Z | GN_ADJOINT_STEPS | (c->scale ? GN_ADJOINT_SCALED : 0);
  return gn_adjoint_create(g->walk, parts, NULL, &((seminorm *)g)->adjoint);
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  return gn_walk_forward(g->walk, B, p, dr, y0, Y, NULL, NULL);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  return gn_adjoint_run(((seminorm *)g)->adjoint, gY, gy0, gp, gt, &g->stats);
}

static void destroy(gn_gradient *g) { gn_adjoint_destroy(&((seminorm *)g)->adjoint); }

const gn_gradient_class gn_gradient_seminorm = {
  .name = "seminorm",
  .summary = "[z, a] solved backward, parameters by stage quadrature",
  .source = "Kidger, Chen, Lyons, ICML 2021, section 3",
  .needs = GN_NEEDS_STAGES | GN_NEEDS_BACKWARD | GN_NEEDS_LANDING,
  .no_lags = "z'(t) needs states before t, which a backward solve does not have",
  .size = sizeof(seminorm),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
