/* Exact derivative of the steps taken (discretise, then differentiate).
 *
 * Forward records the accepted steps; backward transposes them, last to first, with the step
 * sizes held fixed. For y+ = y + h sum_i b_i K_i, K_i = f(Y_i), and lam = dL/dy+:
 *
 *   v_i = h b_i lam + h sum_{j>i} a_ji g_j + kbar_i,   g_i = f_y(Y_i)^T v_i,   i = s..1
 *   lam <- lam + sum_i g_i,                            dL/dp += sum_i f_p(Y_i)^T v_i
 *
 * kbar_i is the cotangent of K_i from outputs read off the step's interpolant, and from later
 * stages that read delayed states off it: each stage's pull scatters the cotangent of what it
 * read into the steps it came from (lags move, the grid does not). The last
 * stage of a first-same-as-last table is the first of the next step: its cotangent is
 * completed there, before this step's parameter gradient, one product over all its stages.
 * Implicit stages are transposed by gn_stages_pull.
 *
 * Hager, Numer. Math. 87 (2000), section 3 (stated divided by b_i; this form is not). With
 * recomputation this is ACA (Zhuang et al., ICML 2020) and PNODE's discrete adjoint. */
#include "base/text.h"
#include "base/vec.h"
#include "core/window.h"
#include "stages.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

typedef struct config {
  double budget;
  int strict;
} config;

static const gn_option options[] = {
  GN_REAL(config, "budget", budget, 0, 0, 1e18,
          "bytes kept for the backward pass (0: a quarter of the memory; at least two steps' "
          "tapes and two states); beyond it steps are recomputed, with lags from whole history "
          "windows, or the solve is refused where the stages are implicit"),
  GN_BOOL(config, "strict", strict, 0,
          "a budget below the least is an error (no: go on with the least, and say so)"),
  GN_OPTIONS_END,
};

typedef struct discrete {
  gn_gradient base;
  gn_traj *traj;
  gn_stages *stages;            /* instead of it where the stages are implicit        */
  double *v, *g[GN_STAGES_MAX]; /* [B, ny]: cotangent of a slope, of the stage states */
  double *kbar[GN_STAGES_MAX];  /* [B, ny] each; output = interpolate or lags         */
  double *start;                /* [B, ny] their cotangent at the start of the step   */
  double *lam;                  /* [B, ny]                                            */
  /* of the backward in progress */
  const double *gY;
  double *gp, *gt;
  size_t event;                 /* later ones have been met: their times             */
} discrete;

static double quarter_of_memory(void)
{
  return 0.25 * (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  discrete *self = (discrete *)g;
  const size_t n = g->walk->sys.nmax;
  const gn_tableau *tab = g->walk->st->tab;
  const double budget = c->budget > 0 ? c->budget : quarter_of_memory();
  GN_NEW(g->arena, self->lam, n);
  if (g->walk->st->implicit) return gn_stages_create(g->walk, budget, &self->stages);
  GN_TRY(gn_traj_create(g->walk, budget, &self->traj));
  self->traj->strict = c->strict;
  if (g->walk->delay) GN_TRY(gn_window_create(self->traj));
  GN_NEW(g->arena, self->v, n);
  for (int i = 0; i < tab->s; i++) {
    GN_NEW(g->arena, self->g[i], n);
    if (g->walk->st->want_slopes) GN_NEW(g->arena, self->kbar[i], n);
  }
  if (g->walk->st->want_slopes) GN_NEW(g->arena, self->start, n);
  return GN_OK;
}

static gn_status forward_implicit(discrete *self, size_t B, const double *p, const gn_drive *dr,
                                  const double *y0, double *Y)
{
  gn_gradient *g = &self->base;
  gn_stages_clear(self->stages);
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, gn_stages_put, self->stages));
  g->stats.bytes = (long)self->stages->bytes;
  return GN_OK;
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  discrete *self = (discrete *)g;
  if (self->stages) return forward_implicit(self, B, p, dr, y0, Y);
  gn_traj_clear(self->traj);
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, gn_traj_put, self->traj));
  gn_traj_rewind(self->traj);
  g->stats.recompute_predicted = self->traj->predicted;
  g->stats.bytes = (long)self->traj->peak;
  return GN_OK;
}

/* The next output read inside step n: its cotangent and interpolation weights. */
static int next_inside(const discrete *self, size_t n, size_t *e, const double **w,
                       gn_dense *d)
{
  const gn_traj_step *st = &self->traj->step[n];
  const gn_walk *walk = self->base.walk;
  size_t k;
  if (!gn_walk_inside(walk, st->s, st->h, st->s_new, e, &k, d)) return 0;
  *w = self->gY + k * walk->sys.n;
  return 1;
}

/* What later stages read of step n, to both ends and to its slopes. */
static int pull_delayed(discrete *self, size_t n, double *end)
{
  const size_t len = self->base.walk->sys.n;
  const gn_delay *delay = self->base.walk->delay;
  const gn_delay_pending *wait = delay ? gn_delay_waiting(delay, n) : NULL;
  if (!wait) return 0;
  if (wait->x[0]) gn_vec_copy(len, wait->x[0], self->start);
  else gn_vec_fill(len, 0.0, self->start);
  if (wait->x[1]) gn_vec_axpy(len, 1.0, wait->x[1], end);
  for (int i = 0; i < self->traj->tab->s; i++) {
    if (wait->x[2 + i]) gn_vec_copy(len, wait->x[2 + i], self->kbar[i]);
    else gn_vec_fill(len, 0.0, self->kbar[i]);
  }
  return 1;
}

/* All that reads inside step n: their cotangents to both ends and to its slopes; how many
   there are. */
static int pull_inside(discrete *self, size_t n, double *end)
{
  const size_t len = self->base.walk->sys.n;
  const double h = self->traj->step[n].h, *w;
  gn_dense d;
  int found = pull_delayed(self, n, end);
  for (size_t e = 0; next_inside(self, n, &e, &w, &d); found++) {
    for (int i = 0; i < self->traj->tab->s; i++) {
      if (!found) gn_vec_fill(len, 0.0, self->kbar[i]);
      if (d.k[i] != 0) gn_vec_axpy(len, h * d.k[i], w, self->kbar[i]);
    }
    if (!found) gn_vec_fill(len, 0.0, self->start);
    gn_vec_axpy(len, d.w1, w, end);
    gn_vec_axpy(len, d.w0, w, self->start);
  }
  return found;
}

/* v = h b_i lam + h sum_{j>i} a_ji g_j (+ kbar_i): the cotangent of slope i. */
static void slope_cotangent(discrete *self, int i, double h, const double *lam, int inside)
{
  const gn_tableau *tab = self->traj->tab;
  const size_t len = self->base.walk->sys.n;
  double c[GN_STAGES_MAX + 2];
  const double *x[GN_STAGES_MAX + 2];
  size_t m = 0;
  if (tab->b[i] != 0) c[m] = h * tab->b[i], x[m++] = lam;
  for (int j = i + 1; j < tab->s - tab->fsal; j++)
    if (tab->A[j][i] != 0) c[m] = h * tab->A[j][i], x[m++] = self->g[j];
  if (inside) c[m] = 1, x[m++] = self->kbar[i];
  if (m == 0) gn_vec_fill(len, 0.0, self->v);
  else gn_vec_lincomb(len, m, c, x, self->v);
}

/* g = f_y^T v at a recorded evaluation. */
static gn_status pull_stage(discrete *self, double s, const gn_tape *tape, double *g)
{
  gn_walk *walk = self->base.walk;
  gn_vec_fill(walk->sys.n, 0.0, g);
  GN_REQUIRE(gn_flow_vjp(&walk->flow, s, tape, self->v, g) == 0, GN_ENONFINITE,
             "vjp of model %s failed at t = %g", self->base.problem->model->cls->name, s);
  return walk->delay ? gn_delay_scatter(walk->delay, s) : GN_OK;
}

/* Step n + 1 begins with the last slope of step n. */
static int shares_end(const gn_traj *tr, size_t n)
{
  return tr->tab->fsal && n + 1 < tr->n && !tr->step[n + 1].fresh;
}

/* The slope at the end of step n, if no step shares it, matters only to interpolated
   outputs: its cotangent goes straight into the end of the step. */
static gn_status pull_end(discrete *self, size_t n, double *lam)
{
  const gn_tableau *tab = self->traj->tab;
  const gn_traj_step *st = &self->traj->step[n];
  const int last = tab->s - 1;
  const gn_tape tape = gn_traj_stage(self->traj, n, last);
  gn_vec_copy(self->base.walk->sys.n, self->kbar[last], self->v);
  GN_TRY(pull_stage(self, st->s + tab->c[last] * st->h, &tape, self->g[last]));
  gn_vec_axpy(self->base.walk->sys.n, 1.0, self->g[last], lam);
  return GN_OK;
}

/* Slope 0 of step n: complete its cotangent and pull it into lam. */
static gn_status pull_first(discrete *self, size_t n, double *lam)
{
  gn_traj *tr = self->traj;
  const gn_traj_step *st = &tr->step[n];
  const size_t len = self->base.walk->sys.n;
  gn_tape tape;
  GN_TRY(gn_traj_first(tr, n, &tape));
  if (n > 0 && shares_end(tr, n - 1)) { /* outputs inside step n - 1 reach it too */
    const double *w;
    gn_dense d;
    for (size_t e = 0; next_inside(self, n - 1, &e, &w, &d);)
      gn_vec_axpy(len, tr->step[n - 1].h * d.k[tr->tab->s - 1], w, self->v);
    const gn_delay *delay = self->base.walk->delay;
    const gn_delay_pending *wait = delay ? gn_delay_waiting(delay, n - 1) : NULL;
    if (wait && wait->x[2 + tr->tab->s - 1])
      gn_vec_axpy(len, 1.0, wait->x[2 + tr->tab->s - 1], self->v);
  }
  GN_TRY(pull_stage(self, st->s_first, &tape, self->g[0]));
  gn_vec_axpy(len, 1.0, self->g[0], lam);
  if (tr->tab->fsal && st->fresh)
    gn_flow_pgrad(&self->base.walk->flow, &tape, 1, 1.0, self->gp);
  return GN_OK;
}

/* dL/dt of outputs after s, while the steps that f reads there are known. */
static gn_status pull_times(discrete *self, double s)
{
  const gn_problem *pb = self->base.walk->problem;
  for (; self->event > 0 && pb->event[self->event - 1].s > s; self->event--)
    GN_TRY(gn_walk_time_event(self->base.walk, self->event - 1, self->gY, self->gt));
  return GN_OK;
}

/* One step transposed: lam is dL/dy_{n+1} on entry, dL/dy_n on return. */
static gn_status pull_step(discrete *self, size_t n, double *lam)
{
  gn_traj *tr = self->traj;
  const gn_tableau *tab = tr->tab;
  GN_TRY(gn_traj_obtain(tr, n));
  const gn_traj_step *st = &tr->step[n];
  if (self->gt && self->base.walk->delay) GN_TRY(pull_times(self, st->s));
  const int inside = pull_inside(self, n, lam), top = tab->s - tab->fsal;
  const int end_live = shares_end(tr, n) || (tab->fsal && inside);
  if (end_live && !shares_end(tr, n)) GN_TRY(pull_end(self, n, lam));
  for (int i = top - 1; i >= 1; i--) {
    const gn_tape tape = gn_traj_stage(tr, n, i);
    slope_cotangent(self, i, st->h, lam, inside);
    GN_TRY(pull_stage(self, st->s + tab->c[i] * st->h, &tape, self->g[i]));
  }
  slope_cotangent(self, 0, st->h, lam, inside);
  double c[GN_STAGES_MAX + 2];
  const double *x[GN_STAGES_MAX + 2];
  size_t m = 0;
  c[m] = 1, x[m++] = lam;
  for (int i = 1; i < top; i++) c[m] = 1, x[m++] = self->g[i];
  if (inside) c[m] = 1, x[m++] = self->start;
  gn_vec_lincomb(self->base.walk->sys.n, m, c, x, lam);
  GN_TRY(pull_first(self, n, lam));

  const int slices = top - tab->fsal + end_live;
  gn_flow_span(&self->base.walk->flow, self->base.walk->drive, st->span);
  if (slices > 0) {
    const gn_tape all = gn_record_tape(st->rec, 0, (size_t)slices);
    gn_flow_pgrad(&self->base.walk->flow, &all, (size_t)slices, 1.0, self->gp);
  }
  gn_traj_release(tr, n);
  if (self->base.walk->delay) gn_delay_release(self->base.walk->delay, n);
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  discrete *self = user;
  size_t first, last;
  if (self->stages) return gn_stages_pull(self->stages, s, to, self->lam, self->gp);
  gn_traj_range(self->traj, s, to, &first, &last);
  while (last-- > first) {
    const gn_traj_step *st = &self->traj->step[last];
    GN_TRY(pull_step(self, last, self->lam));
    gn_history_step(self->base.solver.history, &self->base.walk->sys.norm, st->s + st->h,
                    -st->h, GN_STEP_UNTESTED);
  }
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  discrete *self = user;
  const size_t len = self->base.walk->sys.n;
  gn_vec_axpy(len, 1.0, self->gY + k * len, self->lam);
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  discrete *self = user;
  return gn_walk_jump_vjp(self->base.walk, j, self->lam, self->gp);
}

/* What was kept, of which budget, and what the rest cost: steps recomputed per step taken. */
static void note(discrete *self)
{
  const gn_traj *tr = self->traj;
  gn_stats *st = &self->base.stats;
  char peak[32], budget[32], over[32], excess[64] = "";
  gn_text_bytes(tr->peak, peak, sizeof peak);
  gn_text_bytes(tr->budget, budget, sizeof budget);
  gn_text_bytes(tr->peak - tr->budget, over, sizeof over);
  if (tr->peak > tr->budget)
    (void)snprintf(excess, sizeof excess, ", exceeded by %s: too small", over);
  if (tr->windows && tr->windows->gone > 0)
    (void)snprintf(st->note, sizeof st->note,
                   "history windows before %zu segments kept, %zu of them replayed: %ld steps "
                   "recomputed for %zu taken, %.3g times (predicted: %.3g): %s with a budget of "
                   "%s%s", tr->windows->n, tr->windows->gone, tr->recomputed, tr->n,
                   (double)tr->recomputed / (double)tr->n,
                   (double)tr->predicted / (double)tr->n, peak, budget, excess);
  else if (tr->oldest == 0)
    (void)snprintf(st->note, sizeof st->note,
                   "all %zu step records%s kept, %s of a budget of %s%s", tr->n,
                   tr->windows ? " and the path" : "", peak, budget, excess);
  else
    (void)snprintf(st->note, sizeof st->note,
                   "%ld steps recomputed for %zu taken, %.3g times (predicted: %.3g): %s with "
                   "a budget of %s%s", tr->recomputed, tr->n,
                   (double)tr->recomputed / (double)tr->n,
                   (double)tr->predicted / (double)tr->n, peak, budget, excess);
}

static void report_implicit(discrete *self)
{
  const gn_stages *ss = self->stages;
  gn_stats *st = &self->base.stats;
  char bytes[32], budget[32];
  gn_text_bytes(ss->bytes, bytes, sizeof bytes);
  gn_text_bytes(ss->budget, budget, sizeof budget);
  st->back_steps = (long)ss->n;
  (void)snprintf(st->note, sizeof st->note,
                 "the implicit stages of all %zu steps kept, %s of a budget of %s; exact up to what "
                 "Newton's method leaves in them (solver.newton_tol)", ss->n, bytes, budget);
}

static void report(discrete *self)
{
  gn_stats *st = &self->base.stats;
  if (self->stages) {
    report_implicit(self);
    return;
  }
  st->back_steps = (long)self->traj->n;
  st->recomputed = self->traj->recomputed;
  st->recompute_predicted = self->traj->predicted;
  st->bytes = (long)self->traj->peak;
  note(self);
}

/* dL/dt of the start, and of all that the steps have not met. */
static gn_status pull_start(discrete *self)
{
  gn_walk *w = self->base.walk;
  if (!w->delay) return gn_walk_time_gradient(w, self->gY, self->lam, self->gt);
  GN_TRY(gn_walk_time_start(w, self->lam, self->gt));
  return pull_times(self, -INFINITY);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  discrete *self = (discrete *)g;
  const size_t len = g->walk->sys.n;
  self->gY = gY;
  self->gp = gp;
  self->gt = gt;
  self->event = g->walk->problem->nevent;
  gn_delay *delay = g->walk->delay;
  if (self->stages) GN_TRY(gn_stages_rewind(self->stages, 0));
  else gn_traj_rewind(self->traj);
  if (delay) gn_delay_rewind(delay);
  gn_vec_fill(len, 0.0, self->lam);
  const gn_visit v = { self, g->walk->soft, flow, output, jump, NULL };
  GN_TRY(gn_visit_backward(g->walk->problem, &v));
  if (gt) GN_TRY(pull_start(self));
  gn_vec_axpy(len, 1.0, self->lam, gy0);
  if (delay) gn_delay_finish(delay, g->walk->flow.p, g->walk->drive, gy0, gp);
  report(self);
  return GN_OK;
}

static void destroy(gn_gradient *g)
{
  gn_traj_destroy(&((discrete *)g)->traj);
  gn_stages_destroy(&((discrete *)g)->stages);
}

const gn_gradient_class gn_gradient_discrete = {
  .name = "discrete",
  .summary = "exact derivative of the steps taken; the default",
  .source = "Hager, Numer. Math. 87 (2000), section 3; ACA, Zhuang et al., ICML 2020",
  .exact = 1,
  .needs = GN_NEEDS_STAGES | GN_TAKES_IMPLICIT,
  .lags = 1,
  .size = sizeof(discrete),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
