/* CVODES' own adjoint: the state by Adams or BDF with checkpoints, then
 *
 *   a' = -f_y^T a,   q' = -f_p^T a      from the last output to the start,
 *
 * with y(t) between checkpoints recomputed and read from Hermite or Newton interpolants; a
 * jumps by dL/dY_k at output k, and dL/dp = q(t0) is a quadrature, in the error test (full
 * norm) or not (semi-norm). One CVODES object per smooth piece between jumps and kinks. When
 * a replay takes more steps than its segment has points, the gradient is taken anew with
 * segments twice as long. Serban and Hindmarsh, CVODES, ASME DETC 2005-85597, section 2.6. */
#include "base/text.h"
#include "base/vec.h"
#include "pieces.h"

#include <float.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ATTEMPTS = 8 };
static const char *const method_names[] = { "adams", "bdf" };
static const char *const interpolation_names[] = { "hermite", "polynomial" };

typedef struct config {
  gn_pieces_options pieces;
  int scale_atol, carry;
} config;

static const gn_option options[] = {
  GN_CHOICE(config, "method", pieces.method, GN_ADAMS, GN_METHOD_CHOICES,
            "linear multistep method of both directions"),
  GN_CHOICE(config, "interpolation", pieces.interpolation, GN_HERMITE_POINTS, GN_POINTS_CHOICES,
            "y(t) between the points kept: 2 or 1 vectors a point"),
  GN_CHOICE(config, "quad_control", pieces.quad_control, 0, "no|yes",
            "parameter integrals in the error test: no is the semi-norm, yes the full norm"),
  GN_BOOL(config, "scale_atol", scale_atol, 1,
          "multiply the absolute tolerance of the adjoint by rms(dL/dy)"),
  GN_BOOL(config, "carry", carry, 0,
          "begin after an output with the step size of before, not with an estimate"),
  GN_REAL(config, "budget", pieces.budget, 0, 0, 1e18,
          "bytes for interpolation points (0: a quarter of the memory); beyond it steps are "
          "recomputed"),
  GN_OPTIONS_END,
};
typedef struct cvodes {
  gn_pieces base;
  double *jump_gp;        /* [np] parameter gradient of the jumps            */
  size_t now;             /* piece being solved                              */
  long steps, newton;     /* forward                                         */
  double *Y;              /* forward writes outputs here; NULL: not again    */
  /* of the backward in progress */
  const double *gY;
  double scale;           /* largest rms of dL/dY_k so far                   */
  int restart;            /* a has changed                                   */
  double h;               /* step size of before                             */
} cvodes;

static const config *config_of(const cvodes *self) { return self->base.base.config; }

static gn_status setup(gn_gradient *g, const void *config_)
{
  cvodes *self = (cvodes *)g;
  GN_NEW(g->arena, self->jump_gp, g->problem->model->params.np);
  return gn_pieces_setup(&self->base, &((const config *)config_)->pieces);
}

/* ---- forward -------------------------------------------------------------------------- */

static gn_status check(cvodes *self, const gn_piece *pc, int rc, const char *what,
                       const gn_site *site)
{
  GN_REQUIRE(!gn_pieces_starved(&self->base),
             GN_ENOMEM, "out of memory for the vectors of the %s solve", what);
  if (rc >= 0 && !site->fatal) return GN_OK;
  void *mem = site == &self->base.back ? pc->back : pc->mem;
  return gn_cvode_failed(mem, rc, site, what, self->base.text);
}

static gn_status begin(cvodes *self, gn_piece *pc, double s)
{
  const config *c = config_of(self);
  int rc = CVodeReInit(pc->mem, s, self->base.y);
  rc |= CVodeSetInitStep(pc->mem, 0);
  if (c->pieces.method == GN_BDF) {
    const double root = sqrt((double)self->base.walk->sys.n);
    rc |= CVodeSetLSNormFactor(pc->mem, root);
    rc |= CVodeSetLSNormFactorB(pc->mem, pc->which, root);
  }
  pc->taken = 0;
  pc->kept = 2;
  self->base.forth.known = 0;
  GN_REQUIRE(rc == 0, GN_ESOLVER, "CVODES could not start at t = %g (%s)", s, self->base.text);
  return GN_OK;
}

/* Outputs inside the step that ended at t, by the method's own interpolant. */
static gn_status read_outputs(cvodes *self, gn_piece *pc, double before, double t)
{
  const gn_problem *pb = self->base.base.problem;
  const size_t n = self->base.walk->sys.n;
  for (size_t e = 0; self->Y && self->base.walk->nsoft && e < pb->nevent; e++) {
    const gn_event *ev = &pb->event[e];
    if (!self->base.walk->soft[e] || ev->s <= before || ev->s > t) continue;
    const int rc = CVodeGetDky(pc->mem, ev->s, 0, self->base.a);
    GN_TRY(check(self, pc, rc, "forward", &self->base.forth));
    gn_vec_copy(n, gn_vector_data(self->base.a), self->Y + ev->index * n);
  }
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  cvodes *self = user;
  if (self->base.fresh) GN_TRY(begin(self, &self->base.piece[self->now++], s));
  self->base.fresh = 0;
  gn_piece *pc = &self->base.piece[self->now - 1];
  const long most = gn_pieces_max_steps(&self->base);
  int rc, had = 0, have = 0, order = 0;
  double before = s, t = s;
  GN_REQUIRE(CVodeSetStopTime(pc->mem, to) == 0, GN_ESOLVER, "CVODES refused a stop at %g",
             to);
  do {
    GN_REQUIRE(self->steps < most, GN_ELIMIT,
               "%ld steps (max_steps) taken and t = %g of %g reached, h = %.3g; raise "
               "solver.max_steps or loosen the tolerance", most, t, to, t - before);
    before = t;
    had = have;
    rc = CVodeF(pc->mem, to, self->base.y, &t, CV_ONE_STEP, &have);
    gn_watch_end(&pc->forth_watch);
    GN_TRY(check(self, pc, rc, "forward", &self->base.forth));
    self->steps++;
    gn_extremes_step(self->base.base.solver.extremes, self->base.base.problem->model,
                     self->base.walk->B, t, t - before, gn_vector_data(self->base.y));
    pc->taken++;
    if (pc->taken % pc->segment == 0 && have != had) {
      CVodeGetCurrentOrder(pc->mem, &order);
      pc->kept += order + 1 + (order < gn_order_max(config_of(self)->pieces.method));
    }
    GN_TRY(read_outputs(self, pc, before, t));
  } while (rc != CV_TSTOP_RETURN);
  CVodeGetCurrentTime(pc->mem, &pc->end);
  gn_vec_copy(self->base.walk->sys.n, gn_vector_data(self->base.y), self->base.walk->y);
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  cvodes *self = user;
  const size_t n = self->base.walk->sys.n;
  if (self->Y) gn_vec_copy(n, self->base.walk->y, self->Y + k * n);
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  cvodes *self = user;
  self->base.fresh = 1;
  GN_TRY(gn_walk_jump(self->base.walk, j, self->base.walk->flow.p, self->base.walk->y));
  gn_vec_copy(self->base.walk->sys.n, self->base.walk->y, gn_vector_data(self->base.y));
  return GN_OK;
}

static gn_status kink(void *user, size_t span)
{
  cvodes *self = user;
  self->base.fresh = 1;
  if (span != GN_NONE) gn_flow_span(&self->base.walk->flow, self->base.walk->drive, span);
  return GN_OK;
}

/* Solve from y0; outputs go to Y unless it is NULL, and the solve one that was before. */
static gn_status solve(cvodes *self, double *Y)
{
  const gn_problem *pb = self->base.base.problem;
  gn_walk *w = self->base.walk;
  GN_TRY(gn_site_start(&self->base.forth));
  GN_TRY(gn_site_start(&self->base.back));
  self->base.y_space.failed = self->base.a_space.failed = self->base.q_space.failed = 0;
  self->base.text[0] = 0;
  self->Y = Y;
  self->now = 0;
  self->steps = 0;
  self->base.fresh = 1;
  self->base.replaying = 0;
  for (size_t k = 0; k < self->base.npiece; k++) { /* checkpoints of before are given back */
    gn_piece *pc = &self->base.piece[k];
    pc->forth_watch.replay = !Y;
    GN_TRY(check(self, pc, CVodeAdjReInit(pc->mem), "forward", &self->base.forth));
  }
  if (gn_problem_numbered(pb)) gn_flow_span(&w->flow, w->drive, 0);
  gn_vec_copy(w->sys.n, w->y0, w->y);
  gn_vec_copy(w->sys.n, w->y0, gn_vector_data(self->base.y));
  const gn_visit v = { self, w->soft, flow, output, jump, kink };
  return gn_visit_forward(pb, &v);
}

static long count_newton(const cvodes *self, void *mem)
{
  long n = 0;
  if (config_of(self)->pieces.method == GN_BDF) CVodeGetNumNonlinSolvIters(mem, &n);
  return n;
}

/* Bytes of the points and checkpoints in use. */
static long bytes(const cvodes *self)
{
  size_t vectors = 0;
  for (size_t k = 0; k < self->base.npiece; k++) {
    const gn_piece *pc = &self->base.piece[k];
    const long points = 1 + (pc->taken < pc->segment ? pc->taken : pc->segment);
    vectors += (size_t)pc->kept + gn_pieces_per_point(&self->base) * (size_t)points;
  }
  return (long)(vectors * self->base.walk->sys.n * sizeof(double));
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  cvodes *self = (cvodes *)g;
  const config *c = g->config;
  gn_stats *st = &g->stats;
  GN_TRY(gn_walk_bind(self->base.walk, B, p, dr, y0, Y));
  gn_pieces_resize(&self->base);
  gn_counts *count = &self->base.walk->flow.count;
  *count = (gn_counts){ 0 };
  gn_norm_forgive(&self->base.walk->sys.norm);
  for (size_t k = 0; k < self->base.npiece; k++) self->base.piece[k].forth_watch.rejects = 0;
  (void)snprintf(st->executed, sizeof st->executed, "cvodes %s %s quad_control=%s",
                 method_names[c->pieces.method], interpolation_names[c->pieces.interpolation],
                 c->pieces.quad_control ? "yes" : "no");
  const gn_status s = gn_vec_finite(self->base.walk->sys.n, y0)
                        ? solve(self, Y)
                        : GN_FAIL(GN_ENONFINITE, "the state at the start t = %g is not "
                                  "finite", g->problem->s0);
  st->f = count->f, st->jvp = count->jvp, st->nfe_forward = count->nfe;
  st->steps = self->steps;
  for (size_t k = 0; k < self->now; k++) {
    st->rejects += self->base.piece[k].forth_watch.rejects;
    st->newton += count_newton(self, self->base.piece[k].mem);
  }
  gn_norm_blame(&self->base.walk->sys.norm, st->rejected_by, sizeof st->rejected_by);
  self->newton = st->newton;
  st->bytes = bytes(self);
  return s;
}

/* ---- backward ------------------------------------------------------------------------- */

/* Counts of the backward integrator, which a restart sets back. */
static void gather(cvodes *self, gn_piece *pc)
{
  long steps = 0;
  if (!pc->running) return;
  pc->running = 0;
  CVodeGetNumSteps(pc->back, &steps);
  self->base.base.stats.back_steps += steps;
  self->base.base.stats.back_rejects += pc->back_watch.rejects;
  pc->back_watch.rejects = 0;
  self->base.base.stats.newton += count_newton(self, pc->back);
  if (steps > 0) CVodeGetCurrentStep(pc->back, &self->h);
}

static gn_status restart(cvodes *self, gn_piece *pc, double s)
{
  const gn_solver *sv = &self->base.base.solver;
  const gn_tolerance quad = { sv->quad.rtol > 0 ? sv->quad.rtol : sv->back.rtol,
                              sv->quad.atol > 0 ? sv->quad.atol : sv->back.atol };
  const double start = fmin(s, pc->end), scale = self->scale > 0 ? self->scale : 1;
  gather(self, pc);
  const double h =
    config_of(self)->carry ? -fmin(fabs(self->h), start - pc->from) : 0;
  int rc = CVodeReInitB(pc->mem, pc->which, start, self->base.a);
  rc |= CVodeQuadReInitB(pc->mem, pc->which, self->base.q);
  rc |= CVodeSetInitStep(pc->back, h);
  rc |= CVodeQuadSStolerancesB(pc->mem, pc->which, quad.rtol,
                               fmax(quad.atol * scale, DBL_MIN / DBL_EPSILON));
  pc->running = 1;
  self->restart = 0;
  GN_REQUIRE(rc == 0, GN_ESOLVER, "CVODES could not restart at t = %g (%s)", s, self->base.text);
  return GN_OK;
}

static double last_step(const gn_piece *pc)
{
  double h = 0;
  CVodeGetLastStep(pc->back, &h);
  return h;
}

static gn_status back_flow(void *user, double s, double to)
{
  cvodes *self = user;
  if (self->base.fresh) {
    if (self->now < self->base.npiece) gather(self, &self->base.piece[self->now]);
    self->now--;
    self->restart = 1;
    self->base.back.known = self->base.at_left = 0;
  }
  self->base.fresh = 0;
  gn_piece *pc = &self->base.piece[self->now];
  if (self->restart && gn_vec_maxabs(self->base.a_sys.n, gn_vector_data(self->base.a)) == 0)
    return GN_OK; /* nothing to pull back yet */
  if (self->restart) GN_TRY(restart(self, pc, s));
  double t;
  pc->replay_at = LONG_MAX - 1;
  self->base.replaying = 1;
  int rc = CVodeB(pc->mem, to, CV_NORMAL);
  self->base.replaying = 0;
  gn_watch_end(&pc->forth_watch);
  gn_watch_end(&pc->back_watch);
  GN_REQUIRE(!self->base.overrun, GN_RETRY, "a replay takes more than %ld steps", pc->segment);
  GN_REQUIRE(!self->base.limited, GN_ELIMIT,
             "%ld steps (max_steps) taken backward and t = %g not reached, h = %.3g; raise "
             "solver.max_steps or loosen the tolerance", gn_pieces_max_steps(&self->base), to,
             last_step(pc));
  if (rc == CV_FWD_FAIL || rc == CV_REIFWD_FAIL)
    return check(self, pc, rc, "repeated forward", &self->base.forth);
  GN_TRY(check(self, pc, rc, "backward", &self->base.back));
  rc = CVodeGetB(pc->mem, pc->which, &t, self->base.a);
  rc |= CVodeGetQuadB(pc->mem, pc->which, &t, self->base.q);
  return check(self, pc, rc ? -abs(rc) : 0, "backward", &self->base.back);
}

static gn_status back_output(void *user, size_t k)
{
  cvodes *self = user;
  const size_t n = self->base.walk->sys.n;
  const size_t nread = self->base.walk->B * gn_model_nread(self->base.base.problem->model);
  const double *gY = self->gY + k * n;
  const double rms = sqrt(gn_vec_sumsq(n, gY) / (double)nread);
  if (rms == 0) return GN_OK;
  if (config_of(self)->scale_atol && rms > self->scale) self->scale = rms;
  for (size_t j = 0; self->scale > 0 && j < self->base.a_sys.norm.nseg; j++)
    self->base.a_sys.norm.seg[j].atol_scale = self->scale;
  gn_vec_axpy(n, 1.0, gY, gn_vector_data(self->base.a));
  self->restart = 1;
  return GN_OK;
}

static gn_status back_jump(void *user, size_t j)
{
  cvodes *self = user;
  self->base.fresh = 1;
  return gn_walk_jump_vjp(self->base.walk, j, gn_vector_data(self->base.a), self->jump_gp);
}

/* The last span comes into force, which a backward pass before this one has left. */
static void last_span(cvodes *self)
{
  const gn_problem *pb = self->base.base.problem;
  size_t span = 0;
  for (size_t e = 0; e < pb->nevent; e++)
    if (pb->event[e].kind == GN_AT_KINK && pb->event[e].index != GN_NONE)
      span = pb->event[e].index;
  gn_flow_span(&self->base.walk->flow, self->base.walk->drive, span);
}

static gn_status back_once(cvodes *self)
{
  const size_t n = self->base.walk->sys.n, np = self->base.q_sys.n;
  last_span(self);
  self->now = self->base.npiece;
  self->base.fresh = self->restart = 1;
  self->scale = self->h = 0;
  self->base.limited = self->base.overrun = 0;
  gn_norm *nm = &self->base.a_sys.norm;
  for (size_t j = 0; j < nm->nseg; j++) nm->seg[j].atol_scale = 1;
  for (size_t k = 0; k < self->base.npiece; k++) self->base.piece[k].forth_watch.replay = 1;
  gn_vec_fill(n, 0.0, gn_vector_data(self->base.a));
  gn_vec_fill(np, 0.0, gn_vector_data(self->base.q));
  gn_vec_fill(np, 0.0, self->jump_gp);
  self->base.forth.known = 0;
  const gn_visit v = { self, NULL, back_flow, back_output, back_jump, kink };
  const gn_status s = gn_visit_backward(self->base.base.problem, &v);
  for (size_t k = 0; k < self->base.npiece; k++) gather(self, &self->base.piece[k]);
  return s;
}

/* A replay did not fit: segments of that piece twice as long, and everything again. */
static gn_status enlarge(cvodes *self)
{
  gn_piece *pc = &self->base.piece[self->now];
  gn_piece_close(pc);
  pc->segment *= 2;
  GN_TRY(gn_piece_open(&self->base, pc));
  return solve(self, NULL);
}

static void note(cvodes *self, int again)
{
  gn_stats *st = &self->base.base.stats;
  char used[32], most[32], more[64] = "";
  long segment = 0;
  for (size_t k = 0; k < self->base.npiece; k++)
    if (self->base.piece[k].segment > segment) segment = self->base.piece[k].segment;
  gn_text_bytes((double)st->bytes, used, sizeof used);
  gn_text_bytes(gn_pieces_budget(&self->base), most, sizeof most);
  if (again)
    (void)snprintf(more, sizeof more, "; taken anew %d times, a replay was longer", again);
  if (self->base.replayed == 0)
    (void)snprintf(st->note, sizeof st->note, "all %ld steps kept, %s of a budget of %s%s",
                   self->steps, used, most, more);
  else
    (void)snprintf(st->note, sizeof st->note,
             "%ld steps recomputed for %ld taken: checkpoints every %ld steps, %s with a "
             "budget of %s%s", self->base.replayed, self->steps, segment, used, most, more);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  cvodes *self = (cvodes *)g;
  gn_stats *st = &g->stats;
  const size_t n = self->base.walk->sys.n, np = self->base.q_sys.n;
  gn_counts *count = &self->base.walk->flow.count;
  GN_REQUIRE(gn_vec_finite(g->problem->noutput * n, gY), GN_ENONFINITE,
             "a cotangent is not finite");
  *count = (gn_counts){ 0 };
  self->gY = gY;
  self->base.replayed = 0;
  st->back_steps = st->back_rejects = 0;
  gn_norm_forgive(&self->base.back_norm);
  st->newton = self->newton;
  int again = 0;
  gn_status s = back_once(self);
  for (; s == GN_RETRY && again < ATTEMPTS; again++) {
    s = enlarge(self);
    self->base.replayed += self->steps;
    if (s == GN_OK) s = back_once(self);
  }
  gn_norm_blame_back(&self->base.back_norm, st->rejected_by, sizeof st->rejected_by);
  st->recomputed = self->base.replayed;
  st->bytes = bytes(self);
  if (s == GN_OK && gt)
    s = gn_walk_time_gradient(self->base.walk, gY, gn_vector_data(self->base.a), gt);
  st->back_f = count->f, st->back_vjp = count->vjp, st->back_pgrad = count->pgrad;
  st->back_jvp = count->jvp, st->nfe_backward = count->nfe;
  note(self, again);
  GN_REQUIRE(s != GN_RETRY, GN_ESOLVER,
             "a segment takes more steps when it is recomputed, however long it is (%ld "
             "steps): f does not give the same values twice",
             self->base.piece[self->now].segment);
  GN_TRY(s);
  gn_vec_axpy(n, 1.0, gn_vector_data(self->base.a), gy0);
  gn_vec_axpy(np, 1.0, gn_vector_data(self->base.q), gp);
  gn_vec_axpy(np, 1.0, self->jump_gp, gp);
  return GN_OK;
}

static void destroy(gn_gradient *g) { gn_pieces_destroy((gn_pieces *)g); }

const gn_gradient_class gn_gradient_cvodes = {
  .name = "cvodes",
  .summary = "CVODES' own adjoint with checkpoints, Adams or BDF; solves forward itself",
  .source = "Serban and Hindmarsh, ASME DETC 2005-85597, section 2.6",
  .no_lags = "CVODES' checkpoints know one state at a time, no history",
  .size = sizeof(cvodes),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
