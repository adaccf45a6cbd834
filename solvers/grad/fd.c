/* Central differences of order 4 over replayed steps: the oracle that needs no derivative.
 *
 *   dL/dx ~ [ 8 (L(x + d) - L(x - d)) - (L(x + 2d) - L(x - 2d)) ] / (12 d)
 *
 * with the recorded step sizes and interpolation intervals held fixed, so that what is
 * differenced is smooth. L = <gY, Y>. Error about d^4 + eps / d, least near
 * d = eps^(1/5) = 7e-4. Fornberg, Math. Comp. 51 (1988), table 1. */
#include "base/vec.h"
#include "core/trajectory.h"

#include <math.h>

typedef struct config {
  int max_directions;
  double delta;
} config;

static const gn_option options[] = {
  GN_INT(config, "max_directions", max_directions, 5000, 1, 1000000000,
         "refuse a gradient that needs more directions (ny + np)"),
  GN_REAL(config, "delta", delta, 7e-4, 1e-12, 1, "difference, relative to max(1, |x|)"),
  GN_OPTIONS_END,
};

typedef struct fd {
  gn_gradient base;
  gn_traj *traj;
  gn_pool *pool;
  gn_record *rec;
  double *y, *y1, *Y, *K[GN_STAGES_MAX]; /* [B, ny] state, next state, stage, slopes */
  double *y0, *p;                        /* the shifted start and parameters         */
  double *out;                           /* [noutput, B, ny] replayed outputs        */
  double *sum;                           /* [B] weighted sum of row losses           */
  double *lam;                           /* [B, ny] dL/dy0                           */
  const double *gY, *start;
  int still;                             /* 1: the history before y0 stays           */
} fd;

static gn_status setup(gn_gradient *g, const void *config_)
{
  (void)config_;
  fd *self = (fd *)g;
  gn_system *sys = &g->walk->sys;
  const gn_tableau *tab = g->walk->st->tab;
  GN_TRY(gn_traj_create(g->walk, 1, &self->traj)); /* step sizes only */
  GN_TRY(gn_pool_create(sys->fields, (size_t)tab->s, sys->Bmax, &self->pool));
  double **vectors[] = { &self->y, &self->y1, &self->Y, &self->y0, &self->lam };
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
    GN_NEW(g->arena, *vectors[k], sys->nmax);
  for (int i = 0; i < tab->s; i++) GN_NEW(g->arena, self->K[i], sys->nmax);
  GN_NEW(g->arena, self->p, g->problem->model->params.np);
  GN_NEW(g->arena, self->out, g->problem->noutput * sys->nmax);
  GN_NEW(g->arena, self->sum, g->Bmax);
  return GN_OK;
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  fd *self = (fd *)g;
  gn_traj_clear(self->traj);
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, gn_traj_put, self->traj));
  self->start = y0;
  g->stats.bytes = (long)self->traj->peak;
  return GN_OK;
}

static gn_status replay_step(fd *self, size_t n)
{
  gn_walk *w = self->base.walk;
  const gn_traj_step *st = &self->traj->step[n];
  const gn_tableau *tab = self->traj->tab;
  gn_flow_span(&w->flow, w->drive, st->span);
  int rc = 0;
  if (tab->fsal && !st->fresh) {
    double *swap = self->K[0];
    self->K[0] = self->K[tab->s - 1], self->K[tab->s - 1] = swap;
  } else if (tab->fsal) {
    rc = w->sys.rhs(w->sys.user, st->s_first, self->y, self->K[0], self->rec, 0);
  }
  if (rc == 0)
    rc = gn_rk_step(tab, &w->sys, st->s, st->h, self->y, self->K, tab->fsal, self->rec,
                    tab->fsal, self->Y, self->y1);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "a shifted replay is not finite at t = %g", st->s);
  gn_walk_read(w, st->s, st->h, st->s_new, self->y, self->y1,
               (const double *const *)self->K, self->out);
  if (w->delay) {
    const gn_step now = { .s = st->s, .h = st->h, .s_new = st->s_new, .fresh = st->fresh,
                          .y0 = self->y, .y1 = self->y1,
                          .K = (const double *const *)self->K };
    GN_TRY(gn_delay_put(w->delay, &now, st->span));
  }
  double *swap = self->y;
  self->y = self->y1, self->y1 = swap;
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  fd *self = user;
  size_t first, last;
  gn_traj_range(self->traj, s, to, &first, &last);
  for (size_t n = first; n < last; n++) GN_TRY(replay_step(self, n));
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  fd *self = user;
  const size_t len = self->base.walk->sys.n;
  gn_vec_copy(len, self->y, self->out + k * len);
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  fd *self = user;
  return gn_walk_jump(self->base.walk, j, self->p, self->y);
}

/* sum_i += weight * <gY_i, Y_i> of a replay from the shifted y0 and p. */
static gn_status replay(fd *self, double weight)
{
  gn_walk *w = self->base.walk;
  const gn_model *m = self->base.problem->model;
  w->flow.p = self->p;
  if (w->delay) { /* the steps read by later ones are shifted too; which ones are, is not */
    gn_delay_cut(w->delay, 0);
    w->delay->y0 = self->still ? self->start : self->y0;
    m->lags(m, self->p, w->delay->tau);
  }
  gn_vec_copy(w->sys.n, self->y0, self->y);
  const gn_visit v = { self, self->base.walk->soft, flow, output, jump, NULL };
  GN_TRY(gn_visit_forward(self->base.walk->problem, &v));
  const double *Y = self->out, *gY = self->gY;
  for (size_t k = 0; k < self->base.problem->noutput; k++)
    for (size_t b = 0; b < m->nblock; b++)
      for (size_t i = 0; i < w->B; i++, Y += m->d[b], gY += m->d[b])
        self->sum[i] += weight * gn_vec_dot(m->d[b], Y, gY);
  return GN_OK;
}

/* The difference formula for x_i, i = 0, stride, ..., n of them, shifted together. */
static gn_status difference(fd *self, double *x, size_t n, size_t stride, double delta)
{
  static const double shift[4] = { 1, -1, 2, -2 }, weight[4] = { 8, -8, -1, 1 };
  gn_vec_fill(self->base.walk->B, 0.0, self->sum);
  for (int k = 0; k < 4; k++) {
    for (size_t i = 0; i < n; i++) x[i * stride] += shift[k] * delta;
    GN_TRY(replay(self, weight[k] / (12 * delta)));
    for (size_t i = 0; i < n; i++) x[i * stride] -= shift[k] * delta;
  }
  return GN_OK;
}

static gn_status all_y0(fd *self, double *gy0)
{
  const config *c = self->base.config;
  const gn_model *m = self->base.problem->model;
  gn_walk *w = self->base.walk;
  for (size_t b = 0; b < m->nblock; b++)
    for (size_t j = 0; j < m->d[b]; j++) {
      gn_vec_copy(w->sys.n, self->start, self->y0);
      double *x = gn_block(m, w->B, b, self->y0) + j, *g = gn_block(m, w->B, b, gy0) + j;
      GN_TRY(difference(self, x, w->B, m->d[b], c->delta));
      for (size_t i = 0; i < w->B; i++) g[i * m->d[b]] += self->sum[i];
    }
  gn_vec_copy(w->sys.n, self->start, self->y0);
  return GN_OK;
}

static gn_status all(fd *self, double *gy0, double *gp)
{
  const config *c = self->base.config;
  const gn_model *m = self->base.problem->model;
  gn_walk *w = self->base.walk;
  const double *p = w->flow.p;
  gn_vec_copy(m->params.np, p, self->p);
  GN_TRY(all_y0(self, gy0));
  for (size_t k = 0; k < m->params.np; k++) {
    GN_TRY(difference(self, &self->p[k], 1, 1, c->delta * fmax(1, fabs(p[k]))));
    self->p[k] = p[k];
    for (size_t i = 0; i < w->B; i++) gp[k] += self->sum[i];
  }
  return GN_OK;
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp, double *gt)
{
  fd *self = (fd *)g;
  const config *c = g->config;
  const gn_model *m = g->problem->model;
  gn_walk *w = g->walk;
  GN_REQUIRE(m->ny + m->params.np <= (size_t)c->max_directions, GN_ELIMIT,
             "%zu directions, but gradient.max_directions = %d; fd is an oracle, use discrete "
             "for a gradient of this size", m->ny + m->params.np, c->max_directions);
  gn_record_give(&self->rec);
  GN_TRY(gn_pool_take(self->pool, w->B, &self->rec));
  self->gY = gY;
  const double *p = w->flow.p;
  gn_vec_fill(w->sys.n, 0.0, self->lam);
  gn_status s = all(self, self->lam, gp);
  if (s == GN_OK) gn_vec_axpy(w->sys.n, 1.0, self->lam, gy0);
  if (s == GN_OK && gt && w->delay) { /* of the start alone */
    gn_vec_fill(w->sys.n, 0.0, self->lam);
    self->still = 1;
    s = all_y0(self, self->lam);
    self->still = 0;
  }
  if (s == GN_OK && w->delay) { /* the steps as they were */
    gn_vec_copy(m->params.np, p, self->p);
    s = replay(self, 0);
    w->delay->y0 = self->start;
  }
  w->flow.p = p;
  GN_TRY(s);
  return gt ? gn_walk_time_gradient(w, gY, self->lam, gt) : GN_OK;
}

static void destroy(gn_gradient *g)
{
  gn_traj_destroy(&((fd *)g)->traj);
  gn_pool_destroy(&((fd *)g)->pool);
}

const gn_gradient_class gn_gradient_fd = {
  .name = "fd",
  .summary = "central differences over replayed steps; slow oracle without derivatives",
  .source = "Fornberg, Math. Comp. 51 (1988), table 1",
  .exact = 1,
  .oracle = 1,
  .needs = GN_NEEDS_STAGES,
  .lags = 1,
  .size = sizeof(fd),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
