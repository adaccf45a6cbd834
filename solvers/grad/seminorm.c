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

#include <stdio.h>

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
  gn_record *waiting;           /* the last step's stages, if its last one may be shared */
  double weight[GN_STAGES_MAX]; /* and their weights                                     */
} seminorm;

static gn_status finish(void *user)
{
  seminorm *self = user;
  if (!self->waiting) return GN_OK;
  gn_flow_pgrad_weighted(&self->base.walk->flow, self->waiting, self->waiting->nslice,
                         self->weight, self->adjoint->gp);
  gn_record_give(&self->waiting);
  return GN_OK;
}

static gn_status accepted(void *user, gn_step *step)
{
  seminorm *self = user;
  const gn_tableau *tab = self->adjoint->st->tab;
  gn_flow *fl = &self->base.walk->flow;
  const double first = step->h * tab->b[0];
  if (tab->fsal && !step->fresh) {
    self->weight[self->waiting->nslice - 1] += first;
  } else if (tab->fsal) {
    gn_flow_pgrad_weighted(fl, step->head, 1, &first, self->adjoint->gp);
  }
  GN_TRY(finish(self));
  self->waiting = step->rec;
  step->rec = NULL;
  for (int i = tab->fsal; i < tab->s; i++) self->weight[i - tab->fsal] = step->h * tab->b[i];
  return tab->fsal ? GN_OK : finish(self);
}

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  seminorm *self = (seminorm *)g;
  GN_TRY(gn_adjoint_create(g->walk, 0, c->scale, &self->adjoint));
  gn_adjoint_seminorm(self->adjoint);
  self->adjoint->on_step = accepted;
  self->adjoint->on_break = finish;
  self->adjoint->user = self;
  return GN_OK;
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  return gn_walk_forward(g->walk, B, p, dr, y0, Y, NULL, NULL);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  seminorm *self = (seminorm *)g;
  gn_record_give(&self->waiting); /* of a backward that failed */
  return gn_adjoint_run(self->adjoint, gY, gy0, gp, gt, &g->stats);
}

static void destroy(gn_gradient *g) { gn_adjoint_destroy(&((seminorm *)g)->adjoint); }

const gn_gradient_class gn_gradient_seminorm = {
  .name = "seminorm",
  .summary = "[z, a] solved backward, parameters by stage quadrature",
  .source = "Kidger, Chen, Lyons, ICML 2021, section 3",
  .needs = GN_NEEDS_STAGES | GN_NEEDS_BACKWARD,
  .size = sizeof(seminorm),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
