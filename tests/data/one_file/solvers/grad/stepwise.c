/* The adjoint solved backward step by step: every accepted forward step is one interval, at
 * whose end the state is put back to the one the forward solve had there.
 *
 *   z' = f(z),   a' = -f_z^T a,   g' = -f_p^T a    on [s_n, s_n+1],   z(s_n+1) = y_n+1
 *
 * The state cannot drift, at the price of y_n at every step. Chen et al., NeurIPS 2018,
 * appendix C, with the checkpoints of Zhuang et al., ICML 2020, section 3.2. */
#include "base/vec.h"
#include "core/walk.h"

#include <string.h>

static const gn_option options[] = { GN_OPTIONS_END };

typedef struct kept {
  double s, s_new, *y; /* both ends of the step, state at the later one */
  size_t span;
} kept;

typedef struct stepwise {
  gn_gradient base;
  gn_stepper *st;
  gn_system sys; /* segments z, a, g */
  gn_segment seg[3];
  double *y, *w;
  kept *step;
  size_t n, made, cap; /* in use, with memory for y, in the array */
  int started;
  const double *gY;
  double *gp;
} stepwise;

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec,
               size_t slice)
{
  stepwise *self = user;
  gn_flow *fl = &self->base.walk->flow;
  const size_t n = self->seg[0].n;
  const gn_tape tape = gn_record_tape(rec, slice, 1);
  fl->count.nfe++;
  int rc = gn_flow_eval(fl, s, y, &tape, ydot);
  if (rc != 0) return rc;
  gn_vec_scale(n, -1, y + n, self->w);
  gn_vec_fill(self->sys.n - n, 0, ydot + n);
  rc = gn_flow_vjp(fl, s, &tape, self->w, ydot + n);
  if (rc == 0) gn_flow_pgrad(fl, &tape, 1, 1, ydot + 2 * n);
  return rc != 0 ? rc : gn_vec_finite(self->sys.n, ydot) ? 0 : GN_RETRY;
}

static gn_status setup(gn_gradient *g, const void *config)
{
  (void)config;
  static const char *const names[3] = { "z", "a", "g" };
  stepwise *self = (stepwise *)g;
  const gn_model *m = g->problem->model;
  for (int k = 0; k < 3; k++)
    self->seg[k] = (gn_segment){ .name = names[k], .group = k, .atol_scale = 1,
                                   .rtol_scale = 1 };
  self->seg[2].n = m->params.np;
  self->sys = (gn_system){ .nmax = 2 * g->walk->sys.nmax + m->params.np, .user = self,
                           .rhs = rhs, .fields = &m->tape[GN_F], .Bmax = g->Bmax,
                           .norm = { .nseg = 3, .seg = self->seg, .ngroup = 3 } };
  GN_NEW(g->arena, self->y, self->sys.nmax);
  GN_NEW(g->arena, self->w, g->walk->sys.nmax);
  GN_TRY(gn_stepper_create(g->solver.cls, g->solver.config, &self->sys, g->solver.back,
                           &self->st));
  if (g->solver.max_steps > 0) self->st->max_steps = g->solver.max_steps;
  return GN_OK;
}

static gn_status keep(void *user, gn_step *step, size_t span)
{
  stepwise *self = user;
  if (self->n == self->cap) {
    kept *more;
    GN_NEW(self->base.arena, more, 2 * self->cap + 64);
    if (self->n > 0) memcpy(more, self->step, self->n * sizeof *more);
    self->step = more;
    self->cap = 2 * self->cap + 64;
  }
  kept *k = &self->step[self->n];
  if (self->n == self->made) {
    GN_NEW(self->base.arena, k->y, self->base.walk->sys.nmax);
    self->made++;
  }
  self->n++;
  k->s = step->s;
  k->s_new = step->s_new;
  k->span = span;
  gn_vec_copy(self->base.walk->sys.n, step->y1, k->y);
  return GN_OK;
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  stepwise *self = (stepwise *)g;
  self->n = 0;
  return gn_walk_forward(g->walk, B, p, dr, y0, Y, keep, self);
}

/* From s down to an end, in one forward step. */
static gn_status piece(stepwise *self, double s, double end)
{
  const gn_walk *w = self->base.walk;
  GN_TRY(self->started ? gn_stepper_reset(self->st, s, self->y)
                       : gn_stepper_start(self->st, s, self->y, -1, w->last_h));
  self->started = 1;
  gn_step *step;
  do GN_TRY(gn_stepper_step(self->st, end, &step));
  while (step->s_new > end);
  gn_vec_copy(self->sys.n, step->y1, self->y);
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  stepwise *self = user;
  gn_walk *w = self->base.walk;
  while (s > to) { /* an interpolated output may lie inside a step */
    const kept *k = &self->step[self->n - 1];
    const double end = k->s > to ? k->s : to;
    gn_flow_span(&w->flow, w->drive, k->span);
    if (s == k->s_new) gn_vec_copy(w->sys.n, k->y, self->y);
    GN_TRY(piece(self, s, end));
    if (end == k->s) self->n--;
    s = end;
  }
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  stepwise *self = user;
  const size_t n = self->seg[0].n;
  gn_vec_axpy(n, 1, self->gY + k * n, self->y + n);
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  stepwise *self = user;
  return gn_walk_jump_vjp(self->base.walk, j, self->y + self->seg[0].n, self->gp);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  stepwise *self = (stepwise *)g;
  gn_walk *w = g->walk;
  const size_t n = w->sys.n, np = w->flow.model->params.np, steps = self->n;
  self->sys.B = self->sys.norm.B = w->B;
  self->sys.n = 2 * n + np;
  self->seg[0].n = self->seg[1].n = n;
  self->gY = gY;
  self->gp = gp;
  self->started = 0;
  gn_vec_fill(self->sys.n, 0, self->y);
  const gn_visit v = { self, 0, flow, output, jump, NULL };
  const gn_status s = gn_visit_backward(g->problem, &v);
  self->n = steps; /* a second backward finds them again */
  g->stats.back_steps = self->st->steps;
  g->stats.back_rejects = self->st->rejects;
  g->stats.bytes = (long)(steps * n * sizeof(double));
  GN_TRY(s);
  if (gt) GN_TRY(gn_walk_time_gradient(w, gY, self->y + n, gt));
  gn_vec_axpy(n, 1, self->y + n, gy0);
  gn_vec_axpy(np, 1, self->y + 2 * n, gp);
  return GN_OK;
}

static void destroy(gn_gradient *g) { gn_stepper_destroy(&((stepwise *)g)->st); }

const gn_gradient_class gn_gradient_stepwise = {
  .name = "stepwise",
  .summary = "[z, a, g] solved backward, the state put back at every accepted forward step",
  .source = "Chen et al., NeurIPS 2018, appendix C; Zhuang et al., ICML 2020, section 3.2",
  .needs = GN_NEEDS_BACKWARD | GN_NEEDS_LANDING,
  .size = sizeof(stepwise),
  .options = options,
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
