/* The interpolating adjoint: the path of the forward solve is kept, a alone is solved
 * backward.
 *
 *   a' = -f_z(z(t))^T a,   z(t) from the interpolant of the forward steps;
 *   on each accepted step   dL/dp += sum_i h b_i f_p(z(t_i))^T (-a_i)
 *
 * Nothing is integrated backward that was known forward, so damping does no harm. Rackauckas
 * et al., "Universal Differential Equations for Scientific Machine Learning", 2020, and
 * SciMLSensitivity's InterpolatingAdjoint; the stages as quadrature nodes as in seminorm. */
#include "core/adjoint.h"

typedef struct config {
  int scale;
} config;

static const gn_option options[] = {
  GN_BOOL(config, "scale_atol", scale, 1,
          "multiply the adjoint's absolute tolerance by rms(dL/dy)"),
  GN_OPTIONS_END,
};

typedef struct interpolate {
  gn_gradient base;
  gn_path *path, *own; /* own: NULL where the delays keep the steps anyway */
  gn_adjoint *adjoint;
} interpolate;

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  interpolate *self = (interpolate *)g;
  g->walk->st->want_slopes = 1;
  if (!g->walk->delay) GN_TRY(gn_path_create(g->walk->st, &self->own));
  self->path = g->walk->delay ? g->walk->delay->path : self->own;
  return gn_adjoint_create(g->walk, GN_ADJOINT_STEPS | (c->scale ? GN_ADJOINT_SCALED : 0),
                           self->path, &self->adjoint);
}

static gn_status keep(void *user, gn_step *step, size_t span)
{
  interpolate *self = user;
  return gn_adjoint_keep(self->base.walk, self->path, step, span);
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  interpolate *self = (interpolate *)g;
  if (!self->own) return gn_walk_forward(g->walk, B, p, dr, y0, Y, NULL, NULL);
  gn_path_clear(self->path);
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, keep, self));
  return gn_path_finish(self->path, g->walk->eval_rec);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  return gn_adjoint_run(((interpolate *)g)->adjoint, gY, gy0, gp, gt, &g->stats);
}

static void destroy(gn_gradient *g)
{
  gn_adjoint_destroy(&((interpolate *)g)->adjoint);
  gn_path_destroy(&((interpolate *)g)->own);
}

const gn_gradient_class gn_gradient_interpolate = {
  .name = "interpolate",
  .summary = "forward path kept, a solved backward, parameters by stage quadrature",
  .source = "Rackauckas et al., arXiv 2001.04385 (InterpolatingAdjoint)",
  .needs = GN_NEEDS_BACKWARD | GN_NEEDS_LANDING,
  .lags = 1,
  .size = sizeof(interpolate),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
