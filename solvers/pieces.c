/* The smooth pieces of a solve by CVODES, each with its forward and its backward integrator.
 *
 * Interpolation points are lent with memory on first use, so that reserving more of them
 * than a solve needs costs nothing. The replay of a segment is not compared by CVODES with
 * the length of its buffer: steps are counted where the error weights are asked for, and a
 * replay that would not fit is stopped there. Serban and Hindmarsh, CVODES, ASME DETC
 * 2005-85597, section 2.6. */
#include "pieces.h"

#include "base/vec.h"

#include <math.h>
#include <unistd.h>

#include <cvodes/cvodes_ls.h>

enum { OWN_VECTORS = 64 }; /* more than CVODES clones for one direction */
enum { POINTS_MAX = 5000, POINTS_LEAST = 250, STEPS_DEFAULT = 100000 };

long gn_pieces_max_steps(const gn_pieces *self)
{
  return self->base.solver.max_steps > 0 ? self->base.solver.max_steps : STEPS_DEFAULT;
}

/* ---- forward callbacks ---------------------------------------------------------------- */

static int rhs(sunrealtype s, N_Vector y, N_Vector ydot, void *user)
{
  gn_pieces *self = ((gn_piece *)user)->self;
  const gn_tape tape = gn_site_tape(&self->forth);
  double *f = gn_vector_data(ydot);
  self->walk->flow.count.nfe++;
  if (self->opt->method == GN_ADAMS)
    return gn_site_value(&self->forth,
                         gn_flow_eval(&self->walk->flow, s, gn_vector_data(y), &tape, f), 0,
                         NULL);
  const int rc = gn_site_go(&self->forth, s, gn_vector_data(y));
  if (rc == 0) gn_vec_copy(self->walk->sys.n, self->forth.f, f);
  return rc;
}

static int times(N_Vector v, N_Vector Jv, sunrealtype s, N_Vector y, N_Vector fy, void *user,
                 N_Vector tmp)
{
  (void)fy, (void)tmp;
  gn_pieces *self = ((gn_piece *)user)->self;
  const int rc = gn_site_go(&self->forth, s, gn_vector_data(y));
  if (rc != 0) return rc;
  const gn_tape tape = gn_site_tape(&self->forth);
  return gn_flow_jvp(&self->walk->flow, s, &tape, gn_vector_data(v), NULL,
                     gn_vector_data(Jv));
}

/* A replay begins a step. 1: it is the first one after a whole segment and would be written
   past the interpolation points. */
static int replay_full(gn_piece *pc)
{
  gn_pieces *self = pc->self;
  long n = 0;
  CVodeGetNumSteps(pc->mem, &n);
  self->overrun = n == pc->replay_at + 1 && n % pc->segment == 0;
  pc->replay_at = n;
  self->replayed += !self->overrun;
  return self->overrun;
}

static int weights(N_Vector y, N_Vector ewt, void *user)
{
  gn_piece *pc = user;
  gn_pieces *self = pc->self;
  const gn_tolerance tol = self->base.solver.tol;
  if (self->replaying) {
    self->back.known = self->at_left = 0; /* of other interpolation points */
    if (replay_full(pc)) return -1;
  }
  sunrealtype t = 0;
  CVodeGetCurrentTime(pc->mem, &t);
  gn_watch_step(&pc->forth_watch, t);
  gn_norm_weights(&self->walk->sys.norm, tol.rtol, tol.atol, gn_vector_data(y),
                  gn_vector_data(ewt));
  return 0;
}

/* ---- backward callbacks --------------------------------------------------------------- */

/* Where the interpolation points in force begin. */
static double left_end(const gn_pieces *self, const gn_piece *pc)
{
  double t = 0;
  int order;
  if (self->opt->interpolation == GN_HERMITE_POINTS)
    CVodeGetAdjDataPointHermite(pc->mem, 0, &t, NULL, NULL);
  else CVodeGetAdjDataPointPolynomial(pc->mem, 0, &t, &order, NULL);
  return t;
}

/* Be at (s, y). After a value at the first point CVODES takes the coefficients of the
   interval it was in before for those of the first one (CVAfindIndex in 6.4 and 7.1): one
   value is enough at a time, and the next is read again by way of the second interval. */
static int go_back(gn_pieces *self, const gn_piece *pc, double s, N_Vector y)
{
  if (self->back.known && s == self->back.s) return 0;
  if (self->at_left && pc->segment > 1) {
    double t = s;
    int order;
    if (self->opt->interpolation == GN_HERMITE_POINTS)
      CVodeGetAdjDataPointHermite(pc->mem, 2, &t, NULL, NULL);
    else CVodeGetAdjDataPointPolynomial(pc->mem, 2, &t, &order, NULL);
    if (CVodeGetAdjY(pc->mem, t, self->y) == 0) CVodeGetAdjY(pc->mem, s, y);
  }
  self->at_left = s <= left_end(self, pc);
  return gn_site_go(&self->back, s, gn_vector_data(y));
}

/* gy = -f_y^T v at (s, y); NULL: only what pgrad needs is left in the tape. */
static int pull(const gn_piece *pc, double s, N_Vector y, N_Vector v, double *gy)
{
  gn_pieces *self = pc->self;
  const size_t n = self->walk->sys.n;
  int rc = go_back(self, pc, s, y);
  if (rc != 0) return rc;
  const gn_tape tape = gn_site_tape(&self->back);
  gn_vec_scale(n, -1.0, gn_vector_data(v), self->w);
  if (gy) gn_vec_fill(n, 0.0, gy);
  rc = gn_flow_vjp(&self->walk->flow, s, &tape, self->w, gy);
  return gn_site_value(&self->back, rc, gy ? n : 0, gy);
}

static int back_rhs(sunrealtype s, N_Vector y, N_Vector a, N_Vector adot, void *user)
{
  gn_pieces *self = ((gn_piece *)user)->self;
  self->walk->flow.count.nfe++;
  return pull(user, s, y, a, gn_vector_data(adot));
}

static int back_times(N_Vector v, N_Vector Jv, sunrealtype s, N_Vector y, N_Vector a,
                      N_Vector fa, void *user, N_Vector tmp)
{
  (void)a, (void)fa, (void)tmp;
  return pull(user, s, y, v, gn_vector_data(Jv));
}

static int back_quad(sunrealtype s, N_Vector y, N_Vector a, N_Vector qdot, void *user)
{
  gn_pieces *self = ((gn_piece *)user)->self;
  const int rc = pull(user, s, y, a, NULL);
  if (rc != 0) return rc;
  const gn_tape tape = gn_site_tape(&self->back);
  gn_vec_fill(self->q_sys.n, 0.0, gn_vector_data(qdot));
  gn_flow_pgrad(&self->walk->flow, &tape, 1, 1.0, gn_vector_data(qdot));
  return gn_site_value(&self->back, 0, self->q_sys.n, gn_vector_data(qdot));
}

/* CVODES gives a backward problem the memory of its forward problem as user data. */
static int back_weights(N_Vector a, N_Vector ewt, void *mem)
{
  void *user = NULL;
  long n = 0;
  if (CVodeGetUserData(mem, &user) != 0) return -1;
  gn_piece *pc = user;
  gn_pieces *self = pc->self;
  const gn_tolerance tol = self->base.solver.back;
  CVodeGetNumSteps(pc->back, &n);
  self->limited = self->base.stats.back_steps + n >= gn_pieces_max_steps(self);
  if (self->limited) return -1;
  sunrealtype t = 0;
  CVodeGetCurrentTime(pc->back, &t);
  gn_watch_step(&pc->back_watch, t);
  gn_norm_weights(&self->a_sys.norm, tol.rtol, tol.atol, gn_vector_data(a),
                  gn_vector_data(ewt));
  return 0;
}

/* ---- integrators ---------------------------------------------------------------------- */

void gn_piece_close(gn_piece *pc)
{
  if (pc->mem) CVodeFree(&pc->mem);
  gn_corrector_free(&pc->forth_corrector);
  gn_corrector_free(&pc->back_corrector);
  pc->back = NULL;
}

static int open_forward(gn_pieces *self, gn_piece *pc)
{
  const gn_pieces_options *c = self->opt;
  gn_sun_quiet_cvodes(pc->mem, self->text);
  int rc = CVodeInit(pc->mem, rhs, pc->from, self->y);
  rc |= CVodeSetUserData(pc->mem, pc);
  rc |= CVodeWFtolerances(pc->mem, weights);
  rc |= CVodeSetMaxNumSteps(pc->mem, -1);
  rc |= CVodeSetMaxHnilWarns(pc->mem, -1);
  rc |= CVodeSetMaxErrTestFails(pc->mem, 20);
  pc->forth_watch.mem = pc->mem;
  rc |= CVodeSetNonlinearSolver(
    pc->mem, gn_watch_state(&pc->forth_watch, pc->forth_corrector.nonlinear));
  if (pc->forth_corrector.linear) {
    rc |= CVodeSetLinearSolver(pc->mem, pc->forth_corrector.linear, NULL);
    rc |= CVodeSetJacTimes(pc->mem, NULL, times);
  }
  return rc | CVodeAdjInit(pc->mem, pc->segment,
                           c->interpolation == GN_HERMITE_POINTS ? CV_HERMITE
                                                                 : CV_POLYNOMIAL);
}

static int open_backward(gn_pieces *self, gn_piece *pc)
{
  const gn_pieces_options *c = self->opt;
  int rc = CVodeCreateB(pc->mem, c->method == GN_ADAMS ? CV_ADAMS : CV_BDF, &pc->which);
  if (rc != 0) return rc;
  pc->back = CVodeGetAdjCVodeBmem(pc->mem, pc->which);
  rc |= CVodeInitB(pc->mem, pc->which, back_rhs, pc->to, self->a);
  rc |= CVodeSetUserDataB(pc->mem, pc->which, pc);
  rc |= CVodeWFtolerances(pc->back, back_weights);
  rc |= CVodeSetMaxNumSteps(pc->back, -1);
  rc |= CVodeSetMaxErrTestFails(pc->back, 20);
  pc->back_watch.mem = pc->back;
  rc |= CVodeSetNonlinearSolverB(
    pc->mem, pc->which, gn_watch_state(&pc->back_watch, pc->back_corrector.nonlinear));
  if (pc->back_corrector.linear) {
    rc |= CVodeSetLinearSolverB(pc->mem, pc->which, pc->back_corrector.linear, NULL);
    rc |= CVodeSetJacTimesB(pc->mem, pc->which, NULL, back_times);
  }
  rc |= CVodeQuadInitB(pc->mem, pc->which, back_quad, self->q);
  return rc | CVodeSetQuadErrConB(pc->mem, pc->which, c->quad_control);
}

gn_status gn_piece_open(gn_pieces *self, gn_piece *pc)
{
  const int method = self->opt->method;
  pc->mem = CVodeCreate(method == GN_ADAMS ? CV_ADAMS : CV_BDF, self->ctx);
  GN_REQUIRE(pc->mem, GN_ENOMEM, "CVODES could not be created");
  GN_TRY(gn_corrector_make(&pc->forth_corrector, method, self->y, self->ctx));
  GN_TRY(gn_corrector_make(&pc->back_corrector, method, self->a, self->ctx));
  int rc = open_forward(self, pc);
  if (rc == 0) rc = open_backward(self, pc);
  GN_REQUIRE(rc == 0, rc == CV_MEM_FAIL ? GN_ENOMEM : GN_ESOLVER,
             "CVODES refused an option (%s)", self->text);
  return GN_OK;
}

/* ---- set-up --------------------------------------------------------------------------- */

/* Vectors an interpolation point keeps. */
size_t gn_pieces_per_point(const gn_pieces *self)
{
  return self->opt->interpolation == GN_HERMITE_POINTS ? 2 : 1;
}

double gn_pieces_budget(const gn_pieces *self)
{
  const double b = self->opt->budget;
  return b > 0 ? b : 0.25 * (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
}

/* Steps between checkpoints: what the budget allows, of at most POINTS_MAX for the whole
   problem, and not so little that checkpoints, of up to order + 2 vectors, take more than
   they save; the Newton interpolant looks back over as many points as the order. */
static long segment_length(const gn_pieces *self, const gn_piece *pc)
{
  const gn_pieces_options *c = self->opt;
  const gn_problem *pb = self->base.problem;
  const size_t each = gn_pieces_per_point(self);
  const double point = (double)(each * self->walk->sys.nmax * sizeof(double));
  const double share = (pc->to - pc->from) / (pb->event[pb->nevent - 1].s - pb->s0);
  const double most = fmax(POINTS_LEAST, POINTS_MAX * share);
  const double afford = floor(gn_pieces_budget(self) / (point * (double)self->npiece)) - 1;
  const double least = 2 * (double)gn_order_max(c->method) + 2;
  return (long)fmax(least, fmin(afford, fmin(most, (double)gn_pieces_max_steps(self))));
}

/* Smooth pieces by the same visit as the solve. */
static gn_status plan_flow(void *user, double s, double to)
{
  gn_pieces *self = user;
  if (self->fresh) {
    if (self->piece) self->piece[self->npiece].from = s;
    self->npiece++;
  }
  if (self->piece) self->piece[self->npiece - 1].to = to;
  self->fresh = 0;
  return GN_OK;
}

static gn_status plan_break(void *user, size_t j)
{
  (void)j;
  ((gn_pieces *)user)->fresh = 1;
  return GN_OK;
}

static gn_status plan(gn_pieces *self)
{
  const gn_visit v = { self, NULL, plan_flow, NULL, plan_break, plan_break };
  for (int round = 0; round < 2; round++) {
    self->npiece = 0;
    self->fresh = 1;
    GN_TRY(gn_visit_forward(self->base.problem, &v));
    if (!self->piece) GN_NEW(self->base.arena, self->piece, self->npiece);
  }
  for (size_t k = 0; k < self->npiece; k++) {
    self->piece[k].self = self;
    self->piece[k].segment = segment_length(self, &self->piece[k]);
  }
  return GN_OK;
}

/* Who sees the attempts of a piece, for as long as there is one. */
static gn_status watch(gn_pieces *self, gn_piece *pc)
{
  gn_arena *a = self->base.arena;
  pc->forth_watch = (gn_watch){ .norm = &self->walk->sys.norm, .space = &self->y_space,
                                .history = self->base.solver.history,
                                .bad = &self->forth.bad };
  pc->back_watch = (gn_watch){ .norm = &self->back_norm, .space = &self->a_space,
                               .quad_space = &self->q_space,
                               .history = self->base.solver.history,
                               .parts = self->opt->quad_control ? GN_WATCH_QUAD : 0,
                               .bad = &self->back.bad };
  GN_TRY(gn_watch_setup(&pc->forth_watch, a));
  return gn_watch_setup(&pc->back_watch, a);
}

/* The systems of a and q: lengths and norms for the batch of now. */
void gn_pieces_resize(gn_pieces *self)
{
  const gn_model *m = self->base.problem->model;
  self->a_sys.n = self->walk->sys.n;
  self->a_sys.norm.B = self->walk->B;
  for (size_t k = 0; k < m->nblock; k++)
    self->a_sys.norm.seg[k].n = self->walk->B * m->d[k];
}

static gn_status systems(gn_pieces *self)
{
  gn_arena *a = self->base.arena;
  const gn_model *m = self->base.problem->model;
  self->a_sys = self->walk->sys;
  gn_segment *seg;
  GN_NEW(a, seg, m->nblock + 1);
  for (size_t k = 0; k < m->nblock; k++) {
    seg[k] = self->walk->sys.norm.seg[k];
    seg[k].name = gn_arena_printf(a, "a.%s", m->block_name[k]);
    if (!seg[k].name) return GN_ENOMEM;
  }
  seg[m->nblock] = (gn_segment){ .name = "parameters", .n = m->params.np, .atol_scale = 1,
                                 .rtol_scale = 1 };
  self->a_sys.norm.seg = seg;
  self->back_norm = self->a_sys.norm;
  self->back_norm.nseg += self->opt->quad_control != 0;
  self->q_sys.norm = (gn_norm){ .nseg = 1, .seg = seg + m->nblock, .ngroup = 1 };
  self->q_sys.n = self->q_sys.nmax = m->params.np;
  self->y_space = (gn_vspace){ .arena = a, .sys = &self->walk->sys };
  self->a_space = (gn_vspace){ .arena = a, .sys = &self->a_sys };
  self->q_space = (gn_vspace){ .arena = a, .sys = &self->q_sys };
  self->walk->sys.n = self->walk->sys.nmax;
  return GN_OK;
}

/* SUNDIALS 6.4 does not survive a clone that fails: what it clones is laid out here. */
static gn_status vectors(gn_pieces *self)
{
  size_t own = OWN_VECTORS, points = 0;
  for (size_t k = 0; k < self->npiece; k++) {
    own += OWN_VECTORS;
    points += gn_pieces_per_point(self) * (size_t)(self->piece[k].segment + 1);
  }
  GN_TRY(gn_vspace_lazy(&self->y_space, own + points));
  GN_TRY(gn_vspace_lazy(&self->a_space, own));
  GN_TRY(gn_vspace_lazy(&self->q_space, own));
  /* what an integrator clones now it may use in any solve, at an order not met before */
  self->y_space.eager = self->a_space.eager = self->q_space.eager = 1;
  return GN_OK;
}

gn_status gn_pieces_setup(gn_pieces *self, const gn_pieces_options *opt)
{
  gn_gradient *g = &self->base;
  gn_solver sv = g->solver;
  sv.cls = NULL;
  self->opt = opt;
  GN_TRY(gn_walk_create(g->problem, &sv, g->Bmax, &self->walk));
  GN_TRY(systems(self));
  GN_TRY(gn_site_setup(&self->forth, g->arena, &self->walk->flow, g->Bmax));
  GN_TRY(gn_site_setup(&self->back, g->arena, &self->walk->flow, g->Bmax));
  GN_NEW(g->arena, self->w, self->walk->sys.nmax);
  GN_TRY(plan(self));
  GN_TRY(vectors(self));
  GN_TRY(gn_sun_context(&self->ctx, self->text));
  self->y = gn_vector_new(&self->y_space, self->ctx);
  self->a = gn_vector_new(&self->a_space, self->ctx);
  self->q = gn_vector_new(&self->q_space, self->ctx);
  GN_REQUIRE(self->y && self->a && self->q, GN_ENOMEM, "out of memory for vectors");
  gn_pieces_resize(self);
  self->a_sys.n = self->walk->sys.nmax;
  for (size_t k = 0; k < self->npiece; k++) {
    GN_TRY(watch(self, &self->piece[k]));
    GN_TRY(gn_piece_open(self, &self->piece[k]));
  }
  self->y_space.eager = 0; /* points and checkpoints from here on */
  GN_REQUIRE(!gn_pieces_starved(self), GN_ENOMEM, "out of memory for vectors");
  return GN_OK;
}

int gn_pieces_starved(const gn_pieces *self)
{
  return self->y_space.failed || self->a_space.failed || self->q_space.failed;
}

void gn_pieces_destroy(gn_pieces *self)
{
  for (size_t k = 0; self->piece && k < self->npiece; k++) gn_piece_close(&self->piece[k]);
  if (self->y) N_VDestroy(self->y);
  if (self->a) N_VDestroy(self->a);
  if (self->q) N_VDestroy(self->q);
  if (self->ctx) SUNContext_Free(&self->ctx);
  gn_site_destroy(&self->forth);
  gn_site_destroy(&self->back);
  gn_walk_destroy(&self->walk);
}
