/* Symplectic adjoint: exact derivative of the steps taken, one stage tape at a time.
 *
 * Forward keeps y_n of every step. Backward recomputes the stage states Y_i of a step, then
 * takes the stages last to first with the partner tableau:
 *
 *   Lam_i = lam - h sum_{j>i} (B_j a_ji / b_i) l_j   where b_i != 0,  B_i = b_i
 *   Lam_i =     -   sum_{j>i}  B_j a_ji        l_j   where b_i  = 0,  B_i = h
 *   l_i   = -f_y(Y_i)^T Lam_i
 *   lam  <- lam - h sum_i B_i l_i,   dL/dp += h sum_i B_i f_p(Y_i)^T Lam_i
 *
 * Outputs read off the step's interpolant add their cotangent of K_i, over h B_i, to Lam_i.
 * Equal to `discrete` up to rounding, with memory of the states and one tape. Matsubara,
 * Miyatake, Yaguchi, NeurIPS 2021, theorem 2; Sanz-Serna, SIAM Rev. 58 (2016). */
#include "base/text.h"
#include "base/vec.h"
#include "core/walk.h"

#include <stdio.h>
#include <string.h>

static const gn_option options[] = { GN_OPTIONS_END };

typedef struct kept {
  double s, h, s_first, s_new; /* as in gn_step             */
  size_t span;
  double *y;                   /* [B, ny] state at the start */
} kept;

typedef struct symplectic {
  gn_gradient base;
  const gn_tableau *tab;
  kept *step;
  size_t n, cap, nstate;       /* steps of the last solve; room; states ever made       */
  double *Y[GN_STAGES_MAX];    /* [B, ny] stage states, 1..s-1                          */
  double *l[GN_STAGES_MAX];    /* [B, ny] slopes, then the partner's slopes             */
  double *kbar[GN_STAGES_MAX]; /* [B, ny] cotangents of slopes, if outputs are soft     */
  double *start;               /* [B, ny] their cotangent at the start of the step      */
  double *Lam, *work;          /* [B, ny] cotangent of a stage; scratch                 */
  double *lam;                 /* [B, ny]                                               */
  /* of the backward in progress */
  const double *gY;
  double *gp;
} symplectic;

static gn_status setup(gn_gradient *g, const void *config)
{
  (void)config;
  symplectic *self = (symplectic *)g;
  const size_t n = g->walk->sys.nmax;
  const gn_tableau *tab = self->tab = g->walk->st->tab;
  for (int i = 0; i < tab->s; i++) {
    if (i > 0) GN_NEW(g->arena, self->Y[i], n);
    GN_NEW(g->arena, self->l[i], n);
    if (g->walk->nsoft) GN_NEW(g->arena, self->kbar[i], n);
  }
  if (g->walk->nsoft) GN_NEW(g->arena, self->start, n);
  GN_NEW(g->arena, self->Lam, n);
  GN_NEW(g->arena, self->work, n);
  GN_NEW(g->arena, self->lam, n);
  return GN_OK;
}

/* ---- forward ----------------------------------------------------------------------- */

static gn_status keep(void *user, gn_step *now, size_t span)
{
  symplectic *self = user;
  if (self->n == self->cap) { /* states stay with their place and serve the next solve */
    const size_t cap = self->cap ? 2 * self->cap : 256;
    kept *step;
    GN_NEW(self->base.arena, step, cap);
    if (self->cap) memcpy(step, self->step, self->cap * sizeof *step);
    self->step = step;
    self->cap = cap;
  }
  kept *st = &self->step[self->n];
  if (self->n == self->nstate) {
    GN_NEW(self->base.arena, st->y, self->base.walk->sys.nmax);
    self->nstate++;
  }
  st->s = now->s, st->h = now->h, st->s_first = now->s_first, st->s_new = now->s_new;
  st->span = span;
  gn_vec_copy(self->base.walk->sys.n, now->y0, st->y);
  self->n++;
  return GN_OK;
}

/* States and sizes of the steps, the stage states and slopes of one, and one tape. */
static double bytes_kept(const symplectic *self)
{
  const gn_walk *w = self->base.walk;
  const gn_fields *tape = w->sys.fields;
  const size_t state = w->sys.n * sizeof(double);
  size_t row = 0;
  for (size_t j = 0; j < tape->n; j++) row += tape->width[j];
  const size_t stages = (size_t)(2 * self->tab->s - 1);
  return (double)(self->n * (state + sizeof(kept)) + stages * state +
                  row * w->B * sizeof(double));
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  symplectic *self = (symplectic *)g;
  self->n = 0;
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, keep, self));
  g->stats.bytes = (long)bytes_kept(self);
  return GN_OK;
}

/* ---- backward ---------------------------------------------------------------------- */

static double stage_time(const symplectic *self, const kept *st, int i)
{
  return i == 0 ? st->s_first : st->s + self->tab->c[i] * st->h;
}

static const double *stage_state(const symplectic *self, const kept *st, int i)
{
  return i == 0 ? st->y : self->Y[i];
}

static gn_status eval(symplectic *self, double s, const double *y, double *slope)
{
  const gn_tape tape = gn_record_tape(self->base.walk->eval_rec, 0, 1);
  GN_REQUIRE(gn_flow_eval(&self->base.walk->flow, s, y, &tape, slope) == 0, GN_ENONFINITE,
             "the stages recomputed at t = %g are not finite", s);
  return GN_OK;
}

/* Stage states Y_1..Y_{top-1} of a step, with the slopes they need. */
static gn_status stages(symplectic *self, const kept *st, int top)
{
  const size_t n = self->base.walk->sys.n;
  for (int i = 0; i + 1 < top; i++) {
    GN_TRY(eval(self, stage_time(self, st, i), stage_state(self, st, i), self->l[i]));
    gn_rk_stage(self->tab, i + 1, n, st->h, st->y, (const double *const *)self->l,
                self->Y[i + 1]);
  }
  return GN_OK;
}

/* Cotangents of the outputs read inside a step: to its ends and its slopes; how many. */
static int pull_outputs(symplectic *self, const kept *st, double *end)
{
  const size_t n = self->base.walk->sys.n;
  gn_dense d;
  int found = 0;
  for (size_t e = 0, k; gn_walk_inside(self->base.walk, st->s, st->h, st->s_new, &e, &k, &d);) {
    const double *w = self->gY + k * n;
    if (!found++) {
      gn_vec_fill(n, 0.0, self->start);
      for (int i = 0; i < self->tab->s; i++) gn_vec_fill(n, 0.0, self->kbar[i]);
    }
    gn_vec_axpy(n, d.w1, w, end);
    gn_vec_axpy(n, d.w0, w, self->start);
    for (int i = 0; i < self->tab->s; i++)
      if (d.k[i] != 0) gn_vec_axpy(n, st->h * d.k[i], w, self->kbar[i]);
  }
  return found;
}

static double partner(const symplectic *self, int i, double h)
{
  return self->tab->b[i] != 0 ? self->tab->b[i] : h;
}

/* Lam_i from lam and l_j of the later stages; 0 if nothing reaches this stage. */
static int partner_stage(symplectic *self, int i, int top, double h, int inside)
{
  const gn_tableau *tab = self->tab;
  const double b = tab->b[i], over = b != 0 ? h / b : 1;
  double c[GN_STAGES_MAX + 2];
  const double *x[GN_STAGES_MAX + 2];
  size_t m = 0;
  if (b != 0) c[m] = 1, x[m++] = self->lam;
  for (int j = i + 1; j < top; j++)
    if (tab->A[j][i] != 0)
      c[m] = -partner(self, j, h) * tab->A[j][i] * over, x[m++] = self->l[j];
  if (inside) c[m] = 1 / (h * partner(self, i, h)), x[m++] = self->kbar[i];
  if (m > 0) gn_vec_lincomb(self->base.walk->sys.n, m, c, x, self->Lam);
  return m > 0;
}

/* l_i and the parameters: the stage's tape is made, used and given up. */
static gn_status pull_stage(symplectic *self, const kept *st, int i)
{
  gn_walk *w = self->base.walk;
  const double s = stage_time(self, st, i);
  const gn_tape tape = gn_record_tape(w->eval_rec, 0, 1);
  GN_TRY(eval(self, s, stage_state(self, st, i), self->work));
  gn_vec_fill(w->sys.n, 0.0, self->work);
  GN_REQUIRE(gn_flow_vjp(&w->flow, s, &tape, self->Lam, self->work) == 0, GN_ENONFINITE,
             "vjp of model %s failed at t = %g", self->base.problem->model->cls->name, s);
  gn_vec_scale(w->sys.n, -1.0, self->work, self->l[i]);
  gn_flow_pgrad(&w->flow, &tape, 1, st->h * partner(self, i, st->h), self->gp);
  return GN_OK;
}

/* One step transposed: lam is dL/dy_{n+1} on entry, dL/dy_n on return. */
static gn_status pull_step(symplectic *self, const kept *st)
{
  const size_t n = self->base.walk->sys.n;
  gn_flow_span(&self->base.walk->flow, self->base.walk->drive, st->span);
  const int inside = pull_outputs(self, st, self->lam);
  const int top = self->tab->s - (self->tab->fsal && !inside); /* b = 0 and no reader */
  GN_TRY(stages(self, st, top));
  double c[GN_STAGES_MAX + 2];
  const double *x[GN_STAGES_MAX + 2];
  size_t m = 0;
  for (int i = top - 1; i >= 0; i--) {
    if (!partner_stage(self, i, top, st->h, inside)) {
      gn_vec_fill(n, 0.0, self->l[i]);
      continue;
    }
    GN_TRY(pull_stage(self, st, i));
    c[m] = -st->h * partner(self, i, st->h), x[m++] = self->l[i];
  }
  if (inside) c[m] = 1, x[m++] = self->start;
  c[m] = 1, x[m++] = self->lam;
  gn_vec_lincomb(n, m, c, x, self->lam);
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  symplectic *self = user;
  (void)s;
  for (; self->n > 0 && self->step[self->n - 1].s >= to; self->n--) {
    const kept *st = &self->step[self->n - 1];
    GN_TRY(pull_step(self, st));
    gn_history_step(self->base.solver.history, &self->base.walk->sys.norm, st->s + st->h,
                    -st->h, GN_STEP_UNTESTED);
  }
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  symplectic *self = user;
  const size_t n = self->base.walk->sys.n;
  gn_vec_axpy(n, 1.0, self->gY + k * n, self->lam);
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  symplectic *self = user;
  return gn_walk_jump_vjp(self->base.walk, j, self->lam, self->gp);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  symplectic *self = (symplectic *)g;
  const size_t n = self->n;
  char size[32];
  self->gY = gY;
  self->gp = gp;
  gn_vec_fill(g->walk->sys.n, 0.0, self->lam);
  const gn_visit v = { self, g->walk->soft, flow, output, jump, NULL };
  const gn_status s = gn_visit_backward(g->problem, &v);
  self->n = n; /* for another backward */
  GN_TRY(s);
  if (gt) GN_TRY(gn_walk_time_gradient(g->walk, gY, self->lam, gt));
  gn_vec_axpy(g->walk->sys.n, 1.0, self->lam, gy0);
  g->stats.back_steps = g->stats.recomputed = (long)n;
  g->stats.bytes = (long)bytes_kept(self);
  gn_text_bytes((double)g->stats.bytes, size, sizeof size);
  (void)snprintf(g->stats.note, sizeof g->stats.note, "%zu states and one stage tape, %s", n,
                 size);
  return GN_OK;
}

const gn_gradient_class gn_gradient_symplectic = {
  .name = "symplectic",
  .summary = "exact derivative of the steps taken with one stage tape at a time",
  .source = "Matsubara, Miyatake, Yaguchi, NeurIPS 2021, theorem 2",
  .exact = 1,
  .needs = GN_NEEDS_STAGES,
  .no_lags = "its partner scheme carries no delayed slopes",
  .size = sizeof(symplectic),
  .options = options,
  .setup = setup,
  .ops = { forward, backward, NULL, NULL },
};
