/* Forward sensitivities by CVODES: every direction is integrated with the state,
 *
 *   S' = f_y S + f_p e_j,   S_j(t0) = e_j for y0 (every row at once: rows do not mix) or 0
 *
 * for p, in the same error test, and  dL/dp_j = sum_k <dL/dY_k, S_j(t_k)>.  The correctors of
 * state and sensitivities run together (simultaneous) or one after the other (staggered). For
 * few parameters, and an oracle of the continuous gradient. Maly and Petzold, Appl. Numer.
 * Math. 20 (1996); Feehery, Tolsma, Barton, ibid. 25 (1997). */
#include "base/vec.h"
#include "core/walk.h"
#include "cvode.h"
#include "watch.h"

#include <cvodes/cvodes_ls.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>
#include <sunnonlinsol/sunnonlinsol_newton.h>

#include <math.h>
#include <stdio.h>

enum { SIMULTANEOUS, STAGGERED };
enum { STEPS_DEFAULT = 100000 };
enum { OWN_VECTORS = 64 }; /* more than CVODES clones per direction */

typedef struct config {
  int method, corrector, sens_control, max_directions;
} config;

static const gn_option options[] = {
  GN_CHOICE(config, "method", method, GN_ADAMS, GN_METHOD_CHOICES, "linear multistep method"),
  GN_CHOICE(config, "corrector", corrector, SIMULTANEOUS, "simultaneous|staggered",
            "state and sensitivities corrected together, or one after the other"),
  GN_BOOL(config, "sens_control", sens_control, 1, "sensitivities in the error test"),
  GN_INT(config, "max_directions", max_directions, 500, 1, 1000000000,
         "refuse a problem with more directions (ny + np)"),
  GN_OPTIONS_END,
};

typedef struct forward_sens {
  gn_gradient base;
  gn_walk *walk;
  SUNContext ctx;
  gn_vspace space;
  void *mem;
  gn_corrector corrector, sens_corrector;
  gn_norm norm;          /* blocks of the state, then of the sensitivities: their largest */
  gn_watch watch;
  N_Vector y, *S;        /* state, [nd] directions: ny of y0, np of p */
  size_t nd;
  gn_site site;
  double *e, *lam;       /* [np] a direction, zero between calls; [B, ny] */
  double *dY;            /* [noutput, nd, B, ny] S at the outputs */
  long steps;
  long newton;
  int fresh;
  double *Y;
  char text[GN_SUN_TEXT];
} forward_sens;

static const config *config_of(const forward_sens *self) { return self->base.config; }

static int together(const forward_sens *self)
{
  return config_of(self)->corrector == SIMULTANEOUS ? CV_SIMULTANEOUS : CV_STAGGERED;
}

/* ---- callbacks ------------------------------------------------------------------------ */

static int rhs(sunrealtype s, N_Vector y, N_Vector ydot, void *user)
{
  forward_sens *self = user;
  self->walk->flow.count.nfe++;
  const int rc = gn_site_go(&self->site, s, gn_vector_data(y));
  if (rc == 0) gn_vec_copy(self->walk->sys.n, self->site.f, gn_vector_data(ydot));
  return rc;
}

/* out = f_y v + f_p e_p at (s, y); p = np: without parameters. */
static int push_flow(forward_sens *self, double s, N_Vector y, N_Vector v, size_t p,
                     N_Vector out)
{
  const size_t np = self->base.problem->model->params.np;
  int rc = gn_site_go(&self->site, s, gn_vector_data(y));
  if (rc != 0) return rc;
  const gn_tape tape = gn_site_tape(&self->site);
  if (p < np) self->e[p] = 1;
  rc = gn_flow_jvp(&self->walk->flow, s, &tape, gn_vector_data(v), p < np ? self->e : NULL,
                   gn_vector_data(out));
  if (p < np) self->e[p] = 0;
  return gn_site_value(&self->site, rc, self->walk->sys.n, gn_vector_data(out));
}

static int sens_rhs(int ns, sunrealtype s, N_Vector y, N_Vector ydot, int j, N_Vector S,
                    N_Vector Sdot, void *user, N_Vector t1, N_Vector t2)
{
  (void)ns, (void)ydot, (void)t1, (void)t2;
  forward_sens *self = user;
  const gn_params *ps = &self->base.problem->model->params;
  const size_t ny = self->base.problem->model->ny;
  return push_flow(self, s, y, S, (size_t)j < ny ? ps->np : (size_t)j - ny, Sdot);
}

static int times(N_Vector v, N_Vector Jv, sunrealtype s, N_Vector y, N_Vector fy, void *user,
                 N_Vector tmp)
{
  (void)fy, (void)tmp;
  forward_sens *self = user;
  return push_flow(self, s, y, v, self->base.problem->model->params.np, Jv);
}

static int weights(N_Vector y, N_Vector ewt, void *user)
{
  const forward_sens *self = user;
  const gn_tolerance tol = self->base.solver.tol;
  gn_norm_weights(&self->walk->sys.norm, tol.rtol, tol.atol, gn_vector_data(y),
                  gn_vector_data(ewt));
  return 0;
}

/* ---- set-up --------------------------------------------------------------------------- */

static int attach_correctors(forward_sens *self)
{
  const config *c = config_of(self);
  const int all = (int)self->nd + (c->corrector == SIMULTANEOUS);
  int rc = 0;
  self->sens_corrector.nonlinear =
    c->method == GN_BDF ? SUNNonlinSol_NewtonSens(all, self->y, self->ctx)
                        : SUNNonlinSol_FixedPointSens(all, self->y, 0, self->ctx);
  if (!self->sens_corrector.nonlinear) return CV_MEM_FAIL;
  if (c->method == GN_BDF)
    rc = CVodeSetLinearSolver(self->mem, self->corrector.linear, NULL) |
         CVodeSetJacTimes(self->mem, NULL, times);
  self->watch.mem = self->mem;
  if (c->corrector == SIMULTANEOUS)
    return rc | CVodeSetNonlinearSolver(self->mem, self->corrector.nonlinear) |
           CVodeSetNonlinearSolverSensSim(
             self->mem, gn_watch_state(&self->watch, self->sens_corrector.nonlinear));
  return rc | CVodeSetNonlinearSolver(
                self->mem, gn_watch_state(&self->watch, self->corrector.nonlinear)) |
         CVodeSetNonlinearSolverSensStg(
           self->mem, gn_watch_staggered(&self->watch, self->sens_corrector.nonlinear));
}

/* Rows show the blocks of the state and, as S.block, the largest norm over the directions. */
static gn_status watch(forward_sens *self)
{
  const config *c = config_of(self);
  const gn_model *m = self->base.problem->model;
  gn_norm *nm = &self->walk->sys.norm;
  gn_segment *seg;
  GN_NEW(self->base.arena, seg, 2 * nm->nseg);
  for (size_t k = 0; k < nm->nseg; k++) {
    seg[k] = seg[nm->nseg + k] = nm->seg[k];
    seg[nm->nseg + k].n = m->d[k];
    seg[nm->nseg + k].name = gn_arena_printf(self->base.arena, "S.%s", m->block_name[k]);
    if (!seg[nm->nseg + k].name) return GN_ENOMEM;
  }
  nm->seg = seg;
  self->norm = *nm;
  if (c->sens_control) self->norm.nseg *= 2;
  self->watch = (gn_watch){ .norm = &self->norm, .space = &self->space,
                            .history = self->base.solver.history, .bad = &self->site.bad };
  self->watch.parts = (c->sens_control ? GN_WATCH_SENS : 0) |
                      (c->corrector == STAGGERED ? GN_WATCH_STAGGERED : 0);
  return gn_watch_setup(&self->watch, self->base.arena);
}

static int open_cvodes(forward_sens *self)
{
  const config *c = config_of(self);
  gn_sun_quiet_cvodes(self->mem, self->text);
  int rc = CVodeInit(self->mem, rhs, self->base.problem->s0, self->y);
  rc |= CVodeSetUserData(self->mem, self);
  rc |= CVodeWFtolerances(self->mem, weights);
  rc |= CVodeSetMaxNumSteps(self->mem, -1);
  rc |= CVodeSetMaxHnilWarns(self->mem, -1);
  rc |= CVodeSetMaxErrTestFails(self->mem, 20);
  if (rc == 0)
    rc = CVodeSensInit1(self->mem, (int)self->nd, together(self), sens_rhs, self->S);
  if (rc != 0) return rc;
  rc |= CVodeSensEEtolerances(self->mem);
  rc |= CVodeSetSensErrCon(self->mem, c->sens_control);
  return rc | attach_correctors(self);
}

static gn_status setup(gn_gradient *g, const void *config_)
{
  const config *c = config_;
  forward_sens *self = (forward_sens *)g;
  const gn_model *m = g->problem->model;
  gn_solver sv = g->solver;
  sv.cls = NULL;
  self->nd = m->ny + m->params.np;
  GN_REQUIRE(self->nd <= (size_t)c->max_directions, GN_ELIMIT,
             "%zu directions, but gradient.max_directions = %d; forward is for few "
             "parameters, use discrete or cvodes for a gradient of this size", self->nd,
             c->max_directions);
  GN_TRY(gn_walk_create(g->problem, &sv, g->Bmax, &self->walk));
  const size_t n = self->walk->sys.nmax;
  self->walk->sys.n = n;
  GN_TRY(gn_site_setup(&self->site, g->arena, &self->walk->flow, g->Bmax));
  GN_NEW(g->arena, self->e, m->params.np);
  GN_NEW(g->arena, self->lam, n);
  GN_NEW(g->arena, self->dY, g->problem->noutput * self->nd * n);
  GN_NEW(g->arena, self->S, self->nd); /* NOLINT(bugprone-sizeof-expression): pointers */
  self->space = (gn_vspace){ .arena = g->arena, .sys = &self->walk->sys };
  GN_TRY(gn_vspace_lazy(&self->space, OWN_VECTORS * (self->nd + 2)));
  GN_TRY(gn_sun_context(&self->ctx, self->text));
  self->y = gn_vector_new(&self->space, self->ctx);
  GN_REQUIRE(self->y, GN_ENOMEM, "out of memory for vectors");
  for (size_t j = 0; j < self->nd; j++) {
    self->S[j] = N_VClone(self->y);
    GN_REQUIRE(self->S[j], GN_ENOMEM, "out of memory for vectors");
  }
  GN_TRY(gn_corrector_make(&self->corrector, c->method, self->y, self->ctx));
  GN_TRY(watch(self));
  self->mem = CVodeCreate(c->method == GN_ADAMS ? CV_ADAMS : CV_BDF, self->ctx);
  GN_REQUIRE(self->mem, GN_ENOMEM, "CVODES could not be created");
  const int rc = open_cvodes(self);
  GN_REQUIRE(rc == 0, rc == CV_MEM_FAIL ? GN_ENOMEM : GN_ESOLVER,
             "CVODES refused an option (%s)", self->text);
  GN_REQUIRE(!self->space.failed, GN_ENOMEM, "out of memory for vectors");
  return GN_OK;
}

/* ---- the solve ------------------------------------------------------------------------ */

static gn_status check(forward_sens *self, int rc)
{
  GN_REQUIRE(!self->space.failed, GN_ENOMEM, "out of memory for the vectors of the solve");
  if (rc >= 0 && !self->site.fatal) return GN_OK;
  return gn_cvode_failed(self->mem, rc, &self->site, "forward", self->text);
}

/* Counts that a restart sets back. */
static void gather(forward_sens *self)
{
  long newton = 0, sens = 0;
  if (config_of(self)->method == GN_ADAMS) return;
  CVodeGetNumNonlinSolvIters(self->mem, &newton);
  if (config_of(self)->corrector == STAGGERED)
    CVodeGetSensNumNonlinSolvIters(self->mem, &sens);
  self->newton += newton + sens;
}

static gn_status restart(forward_sens *self, double s)
{
  const config *c = config_of(self);
  if (self->steps > 0) gather(self);
  int rc = CVodeReInit(self->mem, s, self->y);
  rc |= CVodeSensReInit(self->mem, together(self), self->S);
  if (c->method == GN_BDF)
    rc |= CVodeSetLSNormFactor(self->mem, sqrt((double)self->walk->sys.n));
  self->site.known = 0;
  self->fresh = 0;
  GN_REQUIRE(rc == 0, GN_ESOLVER, "CVODES could not start at t = %g (%s)", s, self->text);
  return GN_OK;
}

static double *stored(const forward_sens *self, size_t k, size_t j)
{
  return self->dY + (k * self->nd + j) * self->walk->sys.n;
}

/* State and sensitivities at output k, inside or at the end of the last step. */
static gn_status store(forward_sens *self, size_t k, double s)
{
  const size_t n = self->walk->sys.n;
  GN_TRY(check(self, CVodeGetDky(self->mem, s, 0, self->y)));
  gn_vec_copy(n, gn_vector_data(self->y), self->Y + k * n);
  GN_TRY(check(self, CVodeGetSensDky(self->mem, s, 0, self->S)));
  for (size_t j = 0; j < self->nd; j++)
    gn_vec_copy(n, gn_vector_data(self->S[j]), stored(self, k, j));
  return GN_OK;
}

static gn_status flow(void *user, double s, double to)
{
  forward_sens *self = user;
  const gn_problem *pb = self->base.problem;
  const long set = self->base.solver.max_steps, most = set > 0 ? set : STEPS_DEFAULT;
  if (self->fresh) GN_TRY(restart(self, s));
  GN_REQUIRE(CVodeSetStopTime(self->mem, to) == 0, GN_ESOLVER, "CVODES refused a stop at %g",
             to);
  double before = s, t = s;
  int rc;
  do {
    GN_REQUIRE(self->steps < most, GN_ELIMIT,
               "%ld steps (max_steps) taken and t = %g of %g reached, h = %.3g; raise "
               "solver.max_steps or loosen the tolerance", most, t, to, t - before);
    before = t;
    gn_watch_step(&self->watch, before);
    rc = CVode(self->mem, to, self->y, &t, CV_ONE_STEP);
    gn_watch_end(&self->watch);
    GN_TRY(check(self, rc));
    self->steps++;
    gn_extremes_step(self->base.solver.extremes, self->base.problem->model, self->walk->B, t,
                     t - before, gn_vector_data(self->y));
    for (size_t e = 0; self->walk->nsoft && e < pb->nevent; e++)
      if (self->walk->soft[e] && pb->event[e].s > before && pb->event[e].s <= t)
        GN_TRY(store(self, pb->event[e].index, pb->event[e].s));
  } while (rc != CV_TSTOP_RETURN);
  GN_TRY(check(self, CVodeGetDky(self->mem, to, 0, self->y)));
  return check(self, CVodeGetSensDky(self->mem, to, 0, self->S));
}

static gn_status output(void *user, size_t k)
{
  forward_sens *self = user;
  const size_t n = self->walk->sys.n;
  gn_vec_copy(n, gn_vector_data(self->y), self->Y + k * n);
  for (size_t j = 0; j < self->nd; j++)
    gn_vec_copy(n, gn_vector_data(self->S[j]), stored(self, k, j));
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  forward_sens *self = user;
  const size_t ny = self->base.problem->model->ny;
  self->fresh = 1;
  GN_TRY(gn_walk_jump(self->walk, j, self->walk->flow.p, gn_vector_data(self->y)));
  for (size_t d = 0; d < self->nd; d++) {
    if (d >= ny) self->e[d - ny] = 1;
    const gn_status s =
      gn_walk_jump_jvp(self->walk, j, gn_vector_data(self->S[d]), d >= ny ? self->e : NULL);
    if (d >= ny) self->e[d - ny] = 0;
    GN_TRY(s);
  }
  return GN_OK;
}

static gn_status kink(void *user, size_t span)
{
  forward_sens *self = user;
  self->fresh = 1;
  if (span != GN_NONE) gn_flow_span(&self->walk->flow, self->walk->drive, span);
  return GN_OK;
}

/* The directions at the start: component j of every row of y0; nothing of p. */
static void begin(forward_sens *self, const double *y0)
{
  const gn_model *m = self->base.problem->model;
  const size_t n = self->walk->sys.n, B = self->walk->B;
  gn_vec_copy(n, y0, gn_vector_data(self->y));
  for (size_t j = 0; j < self->nd; j++) gn_vec_fill(n, 0.0, gn_vector_data(self->S[j]));
  for (size_t k = 0, j = 0; k < m->nblock; k++)
    for (size_t c = 0; c < m->d[k]; c++, j++) {
      double *e = gn_block(m, B, k, gn_vector_data(self->S[j]));
      for (size_t i = 0; i < B; i++) e[i * m->d[k] + c] = 1;
    }
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  forward_sens *self = (forward_sens *)g;
  const config *c = g->config;
  gn_stats *st = &g->stats;
  gn_counts *count = &self->walk->flow.count;
  GN_TRY(gn_walk_bind(self->walk, B, p, dr, y0, Y));
  GN_TRY(gn_site_start(&self->site));
  *count = (gn_counts){ 0 };
  self->space.failed = 0;
  self->text[0] = 0;
  self->Y = Y;
  self->steps = self->newton = self->watch.rejects = 0;
  gn_norm_forgive(&self->norm);
  self->fresh = 1;
  (void)snprintf(st->executed, sizeof st->executed, "forward %s %s sens_control=%s",
                 c->method == GN_ADAMS ? "adams" : "bdf",
                 c->corrector == SIMULTANEOUS ? "simultaneous" : "staggered",
                 c->sens_control ? "yes" : "no");
  GN_REQUIRE(gn_vec_finite(self->walk->sys.n, y0), GN_ENONFINITE,
             "the state at the start t = %g is not finite", g->problem->s0);
  begin(self, y0);
  const gn_visit v = { self, self->walk->soft, flow, output, jump, kink };
  const gn_status s = gn_visit_forward(g->problem, &v);
  gather(self);
  st->f = count->f, st->jvp = count->jvp, st->nfe_forward = count->nfe;
  st->steps = self->steps, st->rejects = self->watch.rejects, st->newton = self->newton;
  gn_norm_blame(&self->norm, st->rejected_by, sizeof st->rejected_by);
  st->bytes = (long)(g->problem->noutput * self->nd * self->walk->sys.n * sizeof(double));
  return s;
}

/* ---- answers from what is stored ------------------------------------------------------ */

/* to[i, c] += <gY_k, S_j> of every row i: direction j = component c of block k0. */
static void pull_rows(const forward_sens *self, size_t k, size_t j, size_t k0, size_t c,
                      const double *gY, double *to)
{
  const gn_model *m = self->base.problem->model;
  const size_t B = self->walk->B;
  const double *S = stored(self, k, j);
  to = gn_block(m, B, k0, to);
  for (size_t b = 0; b < m->nblock; b++)
    for (size_t i = 0; i < B; i++, S += m->d[b], gY += m->d[b])
      to[i * m->d[k0] + c] += gn_vec_dot(m->d[b], S, gY);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  forward_sens *self = (forward_sens *)g;
  const gn_model *m = g->problem->model;
  const size_t n = self->walk->sys.n, K = g->problem->noutput;
  gn_counts *count = &self->walk->flow.count;
  GN_REQUIRE(gn_vec_finite(K * n, gY), GN_ENONFINITE, "a cotangent is not finite");
  *count = (gn_counts){ 0 };
  gn_vec_fill(n, 0.0, self->lam);
  for (size_t k = 0; k < K; k++) {
    for (size_t b = 0, j = 0; b < m->nblock; b++)
      for (size_t c = 0; c < m->d[b]; c++, j++)
        pull_rows(self, k, j, b, c, gY + k * n, self->lam);
    for (size_t p = 0; p < m->params.np; p++)
      gp[p] += gn_vec_dot(n, gY + k * n, stored(self, k, m->ny + p));
  }
  gn_vec_axpy(n, 1.0, self->lam, gy0);
  const gn_status s = gt ? gn_walk_time_gradient(self->walk, gY, self->lam, gt) : GN_OK;
  g->stats.back_f = count->f;
  return s;
}

/* dY = sum over components of vy0 and over parameters; a row of vy0 scales its own rows. */
static gn_status push(gn_gradient *g, const double *vy0, const double *vp, double *dY)
{
  forward_sens *self = (forward_sens *)g;
  const gn_model *m = g->problem->model;
  const size_t n = self->walk->sys.n, B = self->walk->B;
  for (size_t k = 0; k < g->problem->noutput; k++, dY += n) {
    gn_vec_fill(n, 0.0, dY);
    for (size_t p = 0; vp && p < m->params.np; p++)
      gn_vec_axpy(n, vp[p], stored(self, k, m->ny + p), dY);
    for (size_t b = 0, j = 0; vy0 && b < m->nblock; b++)
      for (size_t c = 0; c < m->d[b]; c++, j++) {
        const double *v = gn_cblock(m, B, b, vy0), *S = stored(self, k, j);
        double *to = dY;
        for (size_t q = 0; q < m->nblock; q++)
          for (size_t i = 0; i < B; i++, S += m->d[q], to += m->d[q])
            gn_vec_axpy(m->d[q], v[i * m->d[b] + c], S, to);
      }
  }
  return GN_OK;
}

static void destroy(gn_gradient *g)
{
  forward_sens *self = (forward_sens *)g;
  if (self->mem) CVodeFree(&self->mem);
  gn_corrector_free(&self->sens_corrector);
  gn_corrector_free(&self->corrector);
  for (size_t j = 0; self->S && j < self->nd; j++)
    if (self->S[j]) N_VDestroy(self->S[j]);
  if (self->y) N_VDestroy(self->y);
  if (self->ctx) SUNContext_Free(&self->ctx);
  gn_site_destroy(&self->site);
  gn_walk_destroy(&self->walk);
}

/* The file is not called forward.c: gn_gradient_forward is the call of every strategy. */
const gn_gradient_class gn_gradient_sensitivity = {
  .name = "forward",
  .summary = "forward sensitivities by CVODES; for few parameters, cost grows with np",
  .source = "Maly and Petzold, Appl. Numer. Math. 20 (1996); Feehery et al., ibid. 25 (1997)",
  .oracle = 1,
  .no_lags = "CVODES' sensitivities know no history",
  .size = sizeof(forward_sens),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, push, destroy },
};
