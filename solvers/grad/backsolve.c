/* The adjoint method of neural ODEs: state, adjoint and parameter gradient solved backward
 * as one system,
 *
 *   [z, a, g]' = [f, -f_z^T a, -f_p^T a],   a(T) = dL/dz(T),  g(T) = 0,
 *
 * with nothing kept from the forward solve but the outputs. The norm of its error test is
 * the option that decides its cost:
 *
 *   blockmax  max( rms z, rms a, rms of each parameter tensor )   torchdiffeq's default
 *             (params = joint: one rms over all parameters, torchdiffeq 0.1)
 *   rms       one rms over everything                              SUNDIALS
 *   rowmax    max over samples of the rms of (z_i, a_i), and the rms of g
 *   semi      max( rms z, rms a ): g left out                      Kidger et al. 2021
 *
 * The state is re-integrated, which is wrong for long or damped dynamics: the drift of the
 * recovered state is measured and noted. Chen et al., NeurIPS 2018, algorithm 1; Kidger,
 * Chen, Lyons, ICML 2021, section 3. */
#include "core/adjoint.h"

#include <stdio.h>

enum { BLOCKMAX, RMS, ROWMAX, SEMI };
enum { AUTO, YES };
static const char *const norm_names[] = { "blockmax", "rms", "rowmax", "semi" };

typedef struct config {
  int norm, params, scale;
} config;

static const gn_option options[] = {
  GN_CHOICE(config, "norm", norm, BLOCKMAX, "blockmax|rms|rowmax|semi",
            "norm of the backward error test"),
  GN_CHOICE(config, "params", params, 0, "each|joint",
            "blockmax: one rms for each parameter tensor, or for all together"),
  GN_CHOICE(config, "scale_atol", scale, 0, "auto|yes|no",
            "multiply the adjoint's absolute tolerance by rms(dL/dy); auto: yes, but not on "
            "torchdiffeq"),
  GN_OPTIONS_END,
};

typedef struct backsolve {
  gn_gradient base;
  gn_adjoint *adjoint;
} backsolve;

static void group(gn_norm *nm, size_t nblock, const config *c)
{
  for (size_t k = 0; k < nm->nseg; k++) {
    const int is_z = k < nblock, is_g = k >= 2 * nblock;
    const int tensor = c->params ? 0 : (int)(k - 2 * nblock);
    if (!is_g && nm->seg[k].group < 0) continue; /* a quadrature */
    nm->seg[k].group = c->norm == RMS      ? 0
                       : c->norm == ROWMAX ? is_g
                       : is_z              ? 0
                       : !is_g             ? 1
                                           : 2 + tensor;
    if (nm->seg[k].group >= nm->ngroup) nm->ngroup = nm->seg[k].group + 1;
  }
  nm->rowwise = c->norm == ROWMAX;
}

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  backsolve *self = (backsolve *)g;
  const int scale = c->scale == AUTO ? !g->solver.cls->literal : c->scale == YES;
  GN_TRY(gn_adjoint_create(g->walk, GN_ADJOINT_Z | GN_ADJOINT_G | (scale ? GN_ADJOINT_SCALED : 0),
                           NULL, &self->adjoint));
  if (c->norm != SEMI) group(&self->adjoint->sys.norm, g->problem->model->nblock, c);
  return GN_OK;
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  const config *c = g->config;
  (void)snprintf(g->stats.executed, sizeof g->stats.executed, "backsolve norm=%s%s on %s",
           norm_names[c->norm], c->norm == BLOCKMAX && c->params ? " params=joint" : "",
           g->solver.cls->name);
  return gn_walk_forward(g->walk, B, p, dr, y0, Y, NULL, NULL);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  return gn_adjoint_run(((backsolve *)g)->adjoint, gY, gy0, gp, gt, &g->stats);
}

static void destroy(gn_gradient *g) { gn_adjoint_destroy(&((backsolve *)g)->adjoint); }

const gn_gradient_class gn_gradient_backsolve = {
  .name = "backsolve",
  .summary = "state, adjoint and gradient solved backward as one system",
  .source = "Chen et al., NeurIPS 2018, algorithm 1; norms: Kidger et al., ICML 2021",
  .needs = GN_NEEDS_BACKWARD,
  .no_lags = "z'(t) needs states before t, which a backward solve does not have",
  .size = sizeof(backsolve),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
