/* The derivative of the recorded steps pushed forward, one direction at a time: the oracle
 * of every exact strategy, with jumps and interpolated outputs,
 *
 *   vY_i = v + h sum_{j<i} a_ij vK_j,   vK_i = f_y vY_i + f_p vp,   v+ = v + h sum_i b_i vK_i.
 *
 * implicit stages by gn_stages_push. <w, dPhi v> = <dPhi^T w, v> to rounding for any exact strategy. As a strategy it needs
 * ny + np directions and is for checking. Griewank and Walther, Evaluating Derivatives,
 * 2nd ed., section 3.1. */
#include "base/vec.h"
#include "core/trajectory.h"
#include "stages.h"

typedef struct config {
  int max_directions;
} config;

static const gn_option options[] = {
  GN_INT(config, "max_directions", max_directions, 5000, 1, 1000000000,
         "refuse a gradient that needs more directions (ny + np)"),
  GN_OPTIONS_END,
};

typedef struct tangent {
  gn_gradient base;
  gn_traj *traj;
  gn_stages *stages;                       /* instead of it: implicit ones */
  double *v, *v1, *vY, *vK[GN_STAGES_MAX]; /* [B, ny] each                 */
  double *dY;                              /* [noutput, B, ny]             */
  double *e;                               /* [max(B ny, np)] a direction  */
  double *lam;                             /* [B, ny] dL/dy0               */
  gn_path *vpath;                          /* tangents of the steps, with lags */
  double **vlag, *vtau, *gp;               /* [nlag] of [B, ny], [nlag], [np]  */
  int still;                               /* 1: the history before y0 stays   */
  /* of the push in progress */
  const double *vy0, *vp;
  double *out;
} tangent;

static gn_status setup(gn_gradient *g, const void *config_)
{
  (void)config_;
  tangent *self = (tangent *)g;
  const size_t n = g->walk->sys.nmax, np = g->problem->model->params.np;
  GN_NEW(g->arena, self->v, n);
  GN_NEW(g->arena, self->lam, n);
  GN_NEW(g->arena, self->dY, g->problem->noutput * n);
  GN_NEW(g->arena, self->e, n > np ? n : np);
  if (g->walk->st->implicit) return gn_stages_create(g->walk, 1e18, &self->stages);
  GN_TRY(gn_traj_create(g->walk, 1e18, &self->traj));
  GN_NEW(g->arena, self->v1, n);
  GN_NEW(g->arena, self->vY, n);
  for (int i = 0; i < g->walk->st->tab->s; i++) GN_NEW(g->arena, self->vK[i], n);
  const size_t nlag = g->problem->model->nlag;
  if (nlag == 0) return GN_OK;
  GN_NEW(g->arena, self->vlag, nlag); /* NOLINT(bugprone-sizeof-expression): pointers */
  for (size_t k = 0; k < nlag; k++) GN_NEW(g->arena, self->vlag[k], n);
  GN_NEW(g->arena, self->vtau, nlag);
  GN_NEW(g->arena, self->gp, np);
  return gn_path_create(g->walk->st, &self->vpath);
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  tangent *self = (tangent *)g;
  if (self->stages) gn_stages_clear(self->stages);
  else gn_traj_clear(self->traj);
  void *steps = self->stages ? (void *)self->stages : (void *)self->traj;
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, self->stages ? gn_stages_put : gn_traj_put,
                         steps));
  g->stats.bytes = (long)(self->stages ? self->stages->bytes : self->traj->peak);
  return GN_OK;
}

static gn_status push_stage(tangent *self, double s, const gn_tape *tape, const double *vy,
                            double *vk)
{
  gn_walk *walk = self->base.walk;
  if (walk->delay) {
    gn_delay_read_tangent(walk->delay, self->vpath, self->vy0, self->vtau, s, self->vlag);
    walk->flow.vlag = (const double *const *)self->vlag;
  }
  GN_REQUIRE(gn_flow_jvp(&self->base.walk->flow, s, tape, vy, self->vp, vk) == 0,
             GN_ENONFINITE, "jvp of model %s failed at t = %g",
             self->base.problem->model->cls->name, s);
  return GN_OK;
}

static gn_status push_step(tangent *self, size_t n)
{
  gn_traj *tr = self->traj;
  const gn_tableau *tab = tr->tab;
  const size_t len = self->base.walk->sys.n;
  GN_TRY(gn_traj_obtain(tr, n));
  const gn_traj_step *st = &tr->step[n];
  const double *const *vK = (const double *const *)self->vK;
  if (!tab->fsal || st->fresh) {
    gn_tape first;
    GN_TRY(gn_traj_first(tr, n, &first));
    GN_TRY(push_stage(self, st->s_first, &first, self->v, self->vK[0]));
  } else {
    gn_vec_copy(len, self->vK[tab->s - 1], self->vK[0]);
  }
  for (int i = 1; i < tab->s; i++) {
    const gn_tape tape = gn_traj_stage(tr, n, i);
    gn_rk_stage(tab, i, len, st->h, self->v, vK, self->vY);
    GN_TRY(push_stage(self, st->s + tab->c[i] * st->h, &tape, self->vY, self->vK[i]));
  }
  gn_rk_stage(tab, tab->s, len, st->h, self->v, vK, self->v1);
  gn_walk_read(self->base.walk, st->s, st->h, st->s_new, self->v, self->v1, vK, self->out);
  if (self->vpath) {
    const gn_step now = { .s = st->s, .h = st->h, .s_new = st->s_new, .fresh = st->fresh,
                          .y0 = self->v, .y1 = self->v1, .K = vK };
    GN_TRY(gn_path_put(self->vpath, &now));
  }
  double *swap = self->v;
  self->v = self->v1, self->v1 = swap;
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  tangent *self = user;
  size_t first, last;
  if (self->stages) return gn_stages_push(self->stages, s, to, self->v, self->vp);
  gn_traj_range(self->traj, s, to, &first, &last);
  for (size_t n = first; n < last; n++) GN_TRY(push_step(self, n));
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  tangent *self = user;
  const size_t len = self->base.walk->sys.n;
  gn_vec_copy(len, self->v, self->out + k * len);
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  tangent *self = user;
  return gn_walk_jump_jvp(self->base.walk, j, self->v, self->vp);
}

/* vtau = (dtau/dp) vp, a lag at a time. */
static void push_lags(tangent *self)
{
  const gn_model *m = self->base.problem->model;
  gn_delay *d = self->base.walk->delay;
  for (size_t k = 0; k < m->nlag; k++) {
    gn_vec_fill(m->nlag, 0.0, d->gtau);
    gn_vec_fill(m->params.np, 0.0, self->gp);
    d->gtau[k] = 1;
    if (self->vp && m->lags_pgrad)
      m->lags_pgrad(m, self->base.walk->flow.p, d->gtau, self->gp);
    self->vtau[k] = self->vp ? gn_vec_dot(m->params.np, self->gp, self->vp) : 0;
  }
}

static gn_status push(gn_gradient *g, const double *vy0, const double *vp, double *dY)
{
  tangent *self = (tangent *)g;
  const size_t len = g->walk->sys.n;
  self->vy0 = self->still ? NULL : vy0;
  self->vp = vp;
  if (self->vpath) {
    gn_path_clear(self->vpath);
    push_lags(self);
  }
  self->out = dY;
  if (vy0) gn_vec_copy(len, vy0, self->v);
  else gn_vec_fill(len, 0.0, self->v);
  if (self->stages) GN_TRY(gn_stages_rewind(self->stages, 1));
  const gn_visit v = { self, g->walk->soft, flow, output, jump, NULL };
  return gn_visit_forward(g->walk->problem, &v);
}

/* Rows do not mix: component j of every row at once, one dot product per row. */
static gn_status gradient_y0(tangent *self, size_t block, size_t j, const double *gY,
                             double *gy0)
{
  const gn_model *m = self->base.problem->model;
  const size_t B = self->base.walk->B, d = m->d[block], len = self->base.walk->sys.n;
  gn_vec_fill(len, 0.0, self->e);
  double *e = gn_block(m, B, block, self->e), *to = gn_block(m, B, block, gy0);
  for (size_t i = 0; i < B; i++) e[i * d + j] = 1;
  GN_TRY(push(&self->base, self->e, NULL, self->dY));
  for (size_t k = 0; k < self->base.problem->noutput; k++) {
    const double *dY = self->dY + k * len, *w = gY + k * len;
    for (size_t b = 0; b < m->nblock; b++)
      for (size_t i = 0; i < B; i++, dY += m->d[b], w += m->d[b])
        to[i * d + j] += gn_vec_dot(m->d[b], dY, w);
  }
  return GN_OK;
}

static gn_status gradient_start(tangent *self, const double *gY, double *gy0)
{
  const gn_model *m = self->base.problem->model;
  gn_vec_fill(self->base.walk->sys.n, 0.0, gy0);
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t j = 0; j < m->d[k]; j++) GN_TRY(gradient_y0(self, k, j, gY, gy0));
  return GN_OK;
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp, double *gt)
{
  tangent *self = (tangent *)g;
  const config *c = g->config;
  const gn_model *m = g->problem->model;
  const size_t np = m->params.np, total = g->problem->noutput * g->walk->sys.n;
  GN_REQUIRE(m->ny + np <= (size_t)c->max_directions, GN_ELIMIT,
             "%zu directions, but gradient.max_directions = %d; tangent is an oracle, use "
             "discrete for a gradient of this size", m->ny + np, c->max_directions);
  GN_TRY(gradient_start(self, gY, self->lam));
  gn_vec_axpy(g->walk->sys.n, 1.0, self->lam, gy0);
  gn_vec_fill(np, 0.0, self->e);
  for (size_t k = 0; k < np; k++) {
    self->e[k] = 1;
    GN_TRY(push(g, NULL, self->e, self->dY));
    gp[k] += gn_vec_dot(total, gY, self->dY);
    self->e[k] = 0;
  }
  if (!gt) return GN_OK;
  self->still = 1; /* of the start alone */
  const gn_status s = g->walk->delay ? gradient_start(self, gY, self->lam) : GN_OK;
  self->still = 0;
  GN_TRY(s);
  return gn_walk_time_gradient(g->walk, gY, self->lam, gt);
}

static void destroy(gn_gradient *g)
{
  gn_traj_destroy(&((tangent *)g)->traj);
  gn_stages_destroy(&((tangent *)g)->stages);
  gn_path_destroy(&((tangent *)g)->vpath);
}

const gn_gradient_class gn_gradient_tangent = {
  .name = "tangent",
  .summary = "jvp pushed through the recorded steps; oracle, cost grows with np",
  .source = "Griewank and Walther, Evaluating Derivatives, section 3.1",
  .exact = 1,
  .oracle = 1,
  .needs = GN_NEEDS_STAGES | GN_TAKES_IMPLICIT,
  .lags = 1,
  .size = sizeof(tangent),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, push, destroy },
};
