/* Asynchronous leapfrog, run backward by solving each step for where it came from: neither
 * states nor tapes are kept.
 *
 *   k = z + h/2 v,  u = f(s + h/2, k),  v+ = v + 2 eta (u - v),  z+ = k + h/2 v+
 *   back:  k = z+ - h/2 v+,  v = (v+ - 2 eta u) / (1 - 2 eta),  z = k - h/2 v
 *
 * with v = f(s, z) at the start and after every jump and kink, where (z, v) are kept. The
 * gradient is that of these steps, transposed exactly at the recovered states:
 *
 *   av += h/2 az,  ak = az + f_z(k)^T (2 eta av),  av <- (1 - 2 eta) av + h/2 ak,  az <- ak
 *
 * eta = 1 is plain leapfrog; eta < 1 damps it, and going back multiplies rounding by
 * 1 / |1 - 2 eta| a step. Adaptive steps use the error h/2 (u - v) of order 1. Order 2; the
 * stepper of the experiment is not used. Mutze, arXiv 1311.6602; MALI: Zhuang, Dvornek,
 * Tatikonda, Duncan, ICLR 2021, algorithms 2-4 and appendix A.5 (damping). */
#include "base/vec.h"
#include "core/walk.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct config {
  double h, eta;
} config;

static const gn_option options[] = {
  GN_REAL(config, "h", h, 0, 0, 1e300,
          "largest step; pieces between stops are cut evenly (0: steps by the tolerance)"),
  GN_REAL(config, "eta", eta, 1, 1e-3, 1,
          "damping; 1: none. Not within 0.01 of 0.5, where a step cannot be undone"),
  GN_OPTIONS_END,
};

static const double SAFETY = 0.9, GROW = 10, SHRINK = 0.2;

typedef struct taken {
  double s, h;
} taken;

typedef struct reversible {
  gn_gradient base;
  gn_walk *walk;         /* events, jumps and f, without a stepper                       */
  taken *step;           /* of the last forward                                          */
  size_t n, cap;
  size_t npiece, at;     /* smooth pieces of the problem; piece now                      */
  double **z_end, **v_end; /* [npiece] state and slope where each ends                   */
  double *z, *v, *k, *u; /* [B, ny]                                                      */
  double *z1, *v1;       /* [B, ny] after the step being tried                           */
  double *work;          /* [3 B ny]                                                     */
  double *az, *av, *g;   /* [B, ny] cotangents of z and v; scratch                       */
  double h;              /* proposed size of the next step                               */
  int fresh;             /* v has to be evaluated anew                                   */
  long rejects, undone;
  double drift;          /* largest |z - y| / |y| at the outputs and the start, 2-norms */
  /* of the backward in progress */
  const double *gY;
  double *gp;
} reversible;

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  reversible *self = (reversible *)g;
  const gn_problem *pb = g->problem;
  gn_solver own = g->solver;
  GN_REQUIRE(fabs(c->eta - 0.5) >= 0.01, GN_EARG,
             "eta = %g, expected 0.001 to 0.49 or 0.51 to 1: at 0.5 a step loses v",
             c->eta);
  GN_REQUIRE(pb->output == GN_LAND, GN_EUNSUP,
             "reversible keeps no steps to interpolate in; use output = land");
  own.cls = NULL;
  GN_TRY(gn_walk_create(pb, &own, g->Bmax, &self->walk));
  self->npiece = 1;
  for (size_t e = 0; e < pb->nevent; e++) self->npiece += pb->event[e].kind != GN_AT_OUTPUT;
  GN_NEW(g->arena, self->z_end, self->npiece);
  GN_NEW(g->arena, self->v_end, self->npiece);
  const size_t n = self->walk->sys.nmax;
  for (size_t k = 0; k < self->npiece; k++) {
    GN_NEW(g->arena, self->z_end[k], n);
    GN_NEW(g->arena, self->v_end[k], n);
  }
  double **vectors[] = { &self->z,  &self->v,  &self->k,  &self->u, &self->z1,
                         &self->v1, &self->az, &self->av, &self->g };
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++)
    GN_NEW(g->arena, *vectors[k], n);
  GN_NEW(g->arena, self->work, 3 * n);
  return GN_OK;
}

static size_t state(const reversible *self) { return self->walk->sys.n; }

static double eta(const reversible *self)
{
  return ((const config *)self->base.config)->eta;
}

/* f(s, y), tape in the walk's one slice. */
static int eval(reversible *self, double s, const double *y, double *slope)
{
  gn_system *sys = &self->walk->sys;
  return sys->rhs(sys->user, s, y, slope, self->walk->eval_rec, 0);
}

/* ---- forward ----------------------------------------------------------------------- */

static gn_status keep(reversible *self, double s, double h)
{
  if (self->n == self->cap) {
    const size_t cap = self->cap ? 2 * self->cap : 256;
    taken *step;
    GN_NEW(self->base.arena, step, cap);
    if (self->cap) memcpy(step, self->step, self->cap * sizeof *step);
    self->step = step;
    self->cap = cap;
  }
  self->step[self->n++] = (taken){ s, h };
  return GN_OK;
}

/* z1, v1 from z, v. */
static int step(reversible *self, double s, double h)
{
  const size_t n = state(self);
  const double e = eta(self);
  const double half[2] = { 1, h / 2 }, turn[2] = { 1 - 2 * e, 2 * e };
  gn_vec_lincomb(n, 2, half, (const double *const[]){ self->z, self->v }, self->k);
  const int rc = eval(self, s + h / 2, self->k, self->u);
  if (rc != 0) return rc;
  gn_vec_lincomb(n, 2, turn, (const double *const[]){ self->v, self->u }, self->v1);
  gn_vec_lincomb(n, 2, half, (const double *const[]){ self->k, self->v1 }, self->z1);
  return gn_vec_finite(n, self->z1) ? 0 : GN_RETRY;
}

/* norm( h/2 (u - v) / (rtol max(|z|, |z1|) + atol) ). */
static double error_ratio(reversible *self, double h)
{
  gn_norm *nm = &self->walk->sys.norm;
  const gn_tolerance tol = self->base.solver.tol;
  const size_t n = state(self);
  double *bigger = self->work, *w = bigger + n, *err = w + n;
  for (size_t i = 0; i < n; i++) {
    bigger[i] = fmax(fabs(self->z[i]), fabs(self->z1[i]));
    err[i] = h / 2 * (self->u[i] - self->v[i]);
  }
  gn_norm_weights(nm, tol.rtol, tol.atol, bigger, w);
  return gn_norm_eval(nm, err, w);
}

/* A step toward `to`, of size h at first, until it is accepted; its size. */
static gn_status attempt(reversible *self, double s, double to, double *size)
{
  const config *c = self->base.config;
  gn_norm *nm = &self->walk->sys.norm;
  gn_history *hs = self->base.solver.history;
  const double rest = to - s;
  if (c->h > 0) {
    *size = rest / fmax(1, ceil(rest / c->h * (1 - 1e-12)));
    const int rc = step(self, s, *size);
    gn_history_step(hs, nm, s, *size, rc ? GN_STEP_NOT_FINITE : GN_STEP_UNTESTED);
    GN_REQUIRE(rc == 0, GN_ENONFINITE,
               "a value is not finite in the step from t = %g, h = %.3g; a fixed step "
               "cannot be retried: reduce gradient.h", s, *size);
    return GN_OK;
  }
  for (;;) {
    const int last = self->h >= rest * (1 - 1e-12);
    const double h = last ? rest : self->h;
    GN_REQUIRE(last || s + h > s, GN_ESOLVER,
               "the step size is below rounding at t = %g, h = %.3g, worst block %s", s, h,
               nm->seg[nm->worst].name);
    const int rc = step(self, s, h);
    GN_REQUIRE(rc >= 0, GN_ESOLVER, "the right-hand side asked to stop at t = %g", s);
    const double r = rc == 0 ? error_ratio(self, h) : (double)NAN;
    const double factor = isfinite(r) ? fmin(GROW, SAFETY / sqrt(fmax(r, 1e-12))) : SHRINK;
    *size = h;
    gn_history_step(hs, nm, s, h,
                    rc != 0  ? GN_STEP_NOT_FINITE
                    : r <= 1 ? GN_STEP_ACCEPTED
                             : GN_STEP_REJECTED);
    if (r <= 1) {
      if (!last || factor < 1) self->h = h * fmax(factor, SHRINK);
      return GN_OK;
    }
    self->h = h * fmax(factor, SHRINK);
    self->rejects++;
    gn_norm_reject(nm, rc == 0 ? nm->worst : -1);
  }
}

/* v = f(s, z) where a smooth piece begins. */
static gn_status begin(reversible *self, double s)
{
  gn_walk *w = self->walk;
  GN_REQUIRE(eval(self, s, self->z, self->v) == 0, GN_ENONFINITE,
             "the right-hand side is not finite at the start t = %g", s);
  self->fresh = 0;
  if (self->h > 0 || ((const config *)self->base.config)->h > 0) return GN_OK;
  return gn_initial_step(&w->sys, self->base.solver.tol, 2, s, 1, self->z, self->v,
                         w->eval_rec, self->work, &self->h);
}

static gn_status flow(void *user, double s, double to)
{
  reversible *self = user;
  const long most = self->base.solver.max_steps > 0 ? self->base.solver.max_steps : 100000;
  if (self->fresh) GN_TRY(begin(self, s));
  double h = self->h;
  while (s < to) {
    GN_REQUIRE((long)self->n + self->rejects < most, GN_ELIMIT,
               "%ld steps (max_steps) taken and t = %g of %g reached, h = %.3g; raise "
               "solver.max_steps or loosen the tolerance", most, s, to, h);
    GN_TRY(attempt(self, s, to, &h));
    GN_TRY(keep(self, s, h));
    double *swap = self->z;
    self->z = self->z1, self->z1 = swap;
    swap = self->v;
    self->v = self->v1, self->v1 = swap;
    const double before = s;
    s = h >= to - s ? to : s + h;
    gn_extremes_step(self->base.solver.extremes, self->base.problem->model, self->walk->B, s,
                     s - before, self->z);
  }
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  reversible *self = user;
  gn_vec_copy(state(self), self->z, self->walk->Y + k * state(self));
  return GN_OK;
}

/* A smooth piece ends here. */
static void end_piece(reversible *self)
{
  gn_vec_copy(state(self), self->z, self->z_end[self->at]);
  gn_vec_copy(state(self), self->v, self->v_end[self->at]);
  self->at++;
  self->fresh = 1;
}

static gn_status jump(void *user, size_t j)
{
  reversible *self = user;
  end_piece(self);
  return gn_walk_jump(self->walk, j, self->walk->flow.p, self->z);
}

static gn_status kink(void *user, size_t span)
{
  reversible *self = user;
  end_piece(self);
  if (span != GN_NONE) gn_flow_span(&self->walk->flow, self->walk->drive, span);
  return GN_OK;
}

static gn_status prepare(reversible *self, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  gn_walk *w = self->walk;
  w->flow.count = (gn_counts){ 0 };
  GN_TRY(gn_walk_bind(w, B, p, dr, y0, Y));
  gn_norm_forgive(&w->sys.norm);
  gn_vec_copy(state(self), y0, self->z);
  gn_vec_fill(state(self), 0.0, self->v);
  self->n = self->at = 0;
  self->rejects = 0;
  self->h = 0;
  self->fresh = 1;
  return GN_OK;
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  reversible *self = (reversible *)g;
  const config *c = g->config;
  gn_stats *stats = &g->stats;
  GN_TRY(prepare(self, B, p, dr, y0, Y));
  const gn_visit v = { self, NULL, flow, output, jump, kink };
  const gn_status s = gn_visit_forward(g->problem, &v);
  if (s == GN_OK) end_piece(self);
  const gn_counts *count = &self->walk->flow.count;
  stats->f = count->f, stats->nfe_forward = count->nfe;
  stats->steps = (long)self->n, stats->rejects = self->rejects;
  stats->bytes = (long)(self->n * sizeof(taken) +
                        2 * self->npiece * state(self) * sizeof(double));
  gn_norm_blame(&self->walk->sys.norm, stats->rejected_by, sizeof stats->rejected_by);
  if (c->h > 0)
    (void)snprintf(stats->executed, sizeof stats->executed, "reversible leapfrog h=%g eta=%g",
                   c->h, c->eta);
  else
    (void)snprintf(stats->executed, sizeof stats->executed, "reversible leapfrog eta=%g", c->eta);
  return s;
}

/* ---- backward ---------------------------------------------------------------------- */

/* z, v before the step that led to them; the tape of its evaluation stays. */
static gn_status undo(reversible *self, double s, double h)
{
  const size_t n = state(self);
  const double e = eta(self);
  const double half[2] = { 1, -h / 2 }, turn[2] = { 1 / (1 - 2 * e), -2 * e / (1 - 2 * e) };
  gn_vec_lincomb(n, 2, half, (const double *const[]){ self->z, self->v }, self->k);
  GN_REQUIRE(eval(self, s + h / 2, self->k, self->u) == 0, GN_ENONFINITE,
             "undoing the step from t = %g met a value that is not finite", s);
  gn_vec_lincomb(n, 2, turn, (const double *const[]){ self->v, self->u }, self->v);
  gn_vec_lincomb(n, 2, half, (const double *const[]){ self->k, self->v }, self->z);
  self->undone++;
  gn_history_step(self->base.solver.history, &self->walk->sys.norm, s + h, -h,
                  GN_STEP_UNTESTED);
  return GN_OK;
}

/* to += f_z^T w at the evaluation in the tape, and gp += f_p^T w. */
static gn_status pull(reversible *self, double s, const double *w, double *to)
{
  gn_flow *fl = &self->walk->flow;
  const gn_tape tape = gn_record_tape(self->walk->eval_rec, 0, 1);
  GN_REQUIRE(gn_flow_vjp(fl, s, &tape, w, to) == 0, GN_ENONFINITE,
             "vjp of model %s failed at t = %g", self->base.problem->model->cls->name, s);
  gn_flow_pgrad(fl, &tape, 1, 1.0, self->gp);
  return GN_OK;
}

/* The transpose of `step` at the states that undo has recovered. */
static gn_status pull_step(reversible *self, double s, double h)
{
  const size_t n = state(self);
  const double e = eta(self);
  gn_vec_axpy(n, h / 2, self->az, self->av);
  gn_vec_scale(n, 2 * e, self->av, self->g);
  GN_TRY(pull(self, s + h / 2, self->g, self->az));
  gn_vec_scale(n, 1 - 2 * e, self->av, self->av);
  gn_vec_axpy(n, h / 2, self->az, self->av);
  return GN_OK;
}

/* Going back, a smooth piece is entered where it had ended, */
static void enter_piece(reversible *self)
{
  self->at--;
  gn_vec_copy(state(self), self->z_end[self->at], self->z);
  gn_vec_copy(state(self), self->v_end[self->at], self->v);
  gn_vec_fill(state(self), 0.0, self->av);
  self->fresh = 0;
}

/* and left through v = f(s, z), if it had a step at all. */
static gn_status leave_piece(reversible *self)
{
  if (!self->fresh) return GN_OK;
  const double s = self->step[self->n].s;
  GN_REQUIRE(eval(self, s, self->z, self->u) == 0, GN_ENONFINITE,
             "the right-hand side at the recovered start t = %g is not finite", s);
  return pull(self, s, self->av, self->az);
}

static gn_status flow_back(void *user, double s, double to)
{
  reversible *self = user;
  (void)s;
  self->fresh = 1;
  for (; self->n > 0 && self->step[self->n - 1].s >= to; self->n--) {
    const taken *st = &self->step[self->n - 1];
    GN_TRY(undo(self, st->s, st->h));
    GN_TRY(pull_step(self, st->s, st->h));
  }
  return GN_OK;
}

/* The recovered state meets a stored one. */
static void measure(reversible *self, const double *y)
{
  const double norm = sqrt(gn_vec_sumsq(state(self), y));
  gn_vec_copy(state(self), self->z, self->g);
  gn_vec_axpy(state(self), -1.0, y, self->g);
  const double off = sqrt(gn_vec_sumsq(state(self), self->g)) / (norm > 0 ? norm : 1);
  if (!(off <= self->drift)) self->drift = off;
}

static gn_status output_back(void *user, size_t k)
{
  reversible *self = user;
  const size_t n = state(self);
  measure(self, self->walk->Y + k * n);
  gn_vec_axpy(n, 1.0, self->gY + k * n, self->az);
  return GN_OK;
}

static gn_status jump_back(void *user, size_t j)
{
  reversible *self = user;
  GN_TRY(leave_piece(self));
  enter_piece(self);
  return gn_walk_jump_vjp(self->walk, j, self->az, self->gp);
}

static gn_status kink_back(void *user, size_t span)
{
  reversible *self = user;
  GN_TRY(leave_piece(self));
  enter_piece(self);
  if (span != GN_NONE) gn_flow_span(&self->walk->flow, self->walk->drive, span);
  return GN_OK;
}

/* Everything before the events: the last span, the last piece, no cotangent yet. */
static void turn_round(reversible *self)
{
  const gn_problem *pb = self->base.problem;
  gn_walk *w = self->walk;
  size_t span = 0;
  for (size_t e = 0; e < pb->nevent; e++)
    if (pb->event[e].kind == GN_AT_KINK && pb->event[e].index != GN_NONE)
      span = pb->event[e].index;
  gn_flow_span(&w->flow, w->drive, span);
  w->flow.count = (gn_counts){ 0 };
  self->at = self->npiece;
  self->undone = 0;
  self->drift = 0;
  gn_vec_fill(state(self), 0.0, self->az);
  enter_piece(self);
}

static void report(reversible *self)
{
  gn_stats *stats = &self->base.stats;
  const gn_counts *count = &self->walk->flow.count;
  const double rtol = self->base.solver.tol.rtol;
  stats->back_f = count->f, stats->nfe_backward = count->nfe;
  stats->back_vjp = count->vjp, stats->back_pgrad = count->pgrad;
  stats->back_steps = self->undone;
  const int bad = !(self->drift <= 100 * rtol);
  (void)snprintf(stats->note, sizeof stats->note,
           bad ? "the state recovered backward is off by %.1e (rtol %g): this gradient is "
                       "not to be trusted; use symplectic"
                     : "the state recovered backward is off by %.1e (rtol %g)",
                 self->drift, rtol);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  reversible *self = (reversible *)g;
  const size_t n = self->n;
  GN_REQUIRE(gn_vec_finite(g->problem->noutput * state(self), gY), GN_ENONFINITE,
             "a cotangent is not finite");
  self->gY = gY;
  self->gp = gp;
  turn_round(self);
  const gn_visit v = { self, NULL, flow_back, output_back, jump_back, kink_back };
  gn_status s = gn_visit_backward(g->problem, &v);
  if (s == GN_OK) s = leave_piece(self);
  if (s == GN_OK) measure(self, self->walk->y0);
  self->n = n; /* for another backward */
  report(self);
  GN_TRY(s);
  if (gt) GN_TRY(gn_walk_time_gradient(self->walk, gY, self->az, gt));
  gn_vec_axpy(state(self), 1.0, self->az, gy0);
  return GN_OK;
}

static void destroy(gn_gradient *g) { gn_walk_destroy(&((reversible *)g)->walk); }

const gn_gradient_class gn_gradient_reversible = {
  .name = "reversible",
  .summary = "asynchronous leapfrog, each step undone and transposed (MALI)",
  .source = "Zhuang et al., ICLR 2021, algorithms 2-4; Mutze, arXiv 1311.6602",
  .no_lags = "z'(t) needs states before t, which stepping backward does not have",
  .size = sizeof(reversible),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
