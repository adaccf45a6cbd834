/* The Gauss-Legendre adjoint: only [z, a] is solved backward; the parameter gradient of each
 * interval between outputs is a quadrature over nodes of its own,
 *
 *   dL/dp = sum_intervals sum_j w_j f_p(z(t_j))^T a(t_j),
 *
 * one pgrad over all nodes. Rules for the number of nodes of an interval:
 *
 *   paper     ceil( C NFE_forward length / total ), at most 64
 *   fixed     nodes
 *   adaptive  doubled until the gradient moves less than tol (relative)
 *
 * The nodes' states come from the interpolant of the backward steps; z from there too
 * (paper) or from the forward path. The rules without an estimate have an error floor the
 * tolerance does not see. Norcliffe, Deisenroth, "Faster Training of Neural ODEs Using
 * Gauss-Legendre Quadrature", TMLR 2023, section 4; nodes by Golub and Welsch 1969. */
#include "base/lapack.h"
#include "base/vec.h"
#include "core/adjoint.h"

#include <math.h>
#include <stdio.h>

enum { PAPER, FIXED, ADAPTIVE };
enum { PAPER_MOST = 64, BATCH = 64, MOST = 1024 };

typedef struct config {
  int rule, nodes, state, scale;
  double C, tol;
} config;

static const gn_option options[] = {
  GN_CHOICE(config, "rule", rule, ADAPTIVE, "paper|fixed|adaptive",
            "how many nodes an interval gets"),
  GN_REAL(config, "C", C, 0.1, 1e-6, 100, "paper: nodes for each forward evaluation"),
  GN_INT(config, "nodes", nodes, 16, 1, MOST, "fixed: nodes of an interval"),
  GN_REAL(config, "tol", tol, 0, 0, 1, "adaptive: largest relative change (0: the adjoint's rtol)"),
  GN_CHOICE(config, "state", state, 0, "backsolve|trajectory",
            "where z comes from (a model with lags: trajectory)"),
  GN_CHOICE(config, "scale_atol", scale, 0, "auto|yes|no",
            "multiply the adjoint's absolute tolerance by rms(dL/dy); auto: yes, but not on "
            "torchdiffeq"),
  GN_OPTIONS_END,
};

typedef struct gauss {
  gn_gradient base;
  gn_path *forward, *back; /* of z, if it is kept; of the backward solve on one interval */
  gn_path *own;            /* forward, unless the delays keep it                       */
  gn_adjoint *adjoint;
  gn_pool *pool;
  gn_record *rec;          /* BATCH nodes                                              */
  double *x, *w, *work;    /* nodes and weights, scratch of their computation          */
  size_t room, known;      /* most nodes there is memory for; how many x and w hold     */
  double *v, *z, *zdot, *c; /* backward vector, state, slope, weighted cotangent       */
  double *g[2];            /* [np] gradient of an interval with Q and 2 Q nodes         */
  double moved;            /* sum of the last changes                                  */
  long nodes;
} gauss;

/* Memory for the nodes and weights of a rule of Q. */
static gn_status reserve(gauss *self, size_t Q)
{
  if (Q <= self->room) return GN_OK;
  GN_NEW(self->base.arena, self->x, Q);
  GN_NEW(self->base.arena, self->w, Q);
  GN_NEW(self->base.arena, self->work, Q * (Q + 4));
  self->room = Q;
  self->known = 0;
  return GN_OK;
}

static gn_status setup(gn_gradient *base, const void *config_)
{
  const config *c = config_;
  gauss *self = (gauss *)base;
  gn_walk *w = base->walk;
  const gn_model *m = base->problem->model;
  const int scaled = c->scale == 0 ? !base->solver.cls->literal : c->scale == 1;
  if (c->state || w->delay) {
    w->st->want_slopes = 1;
    if (!w->delay) GN_TRY(gn_path_create(w->st, &self->own));
    self->forward = w->delay ? w->delay->path : self->own;
  }
  GN_TRY(gn_adjoint_create(w, (self->forward ? 0 : GN_ADJOINT_Z) | (scaled ? GN_ADJOINT_SCALED : 0),
                           self->forward, &self->adjoint));
  self->adjoint->st->want_slopes = 1;
  GN_TRY(gn_path_create(self->adjoint->st, &self->back));
  GN_TRY(gn_pool_create(&m->tape[GN_F], BATCH, base->Bmax, &self->pool));
  GN_TRY(reserve(self, c->rule == FIXED ? (size_t)c->nodes : PAPER_MOST));
  GN_NEW(base->arena, self->v, self->adjoint->sys.nmax);
  GN_NEW(base->arena, self->z, w->sys.nmax);
  GN_NEW(base->arena, self->zdot, w->sys.nmax);
  GN_NEW(base->arena, self->c, w->sys.nmax);
  for (int k = 0; k < 2; k++) GN_NEW(base->arena, self->g[k], m->params.np);
  return GN_OK;
}

/* The tape of node j: f at z(t), and the cotangent weight a(t) pulled through it. */
static gn_status node(gauss *self, size_t slice, double t, double weight)
{
  gn_adjoint *ad = self->adjoint;
  gn_flow *fl = &self->base.walk->flow;
  const size_t n = self->base.walk->sys.n;
  const gn_tape tape = gn_record_tape(self->rec, slice, 1);
  gn_path_eval(self->back, 0, self->back->n, t, self->v);
  if (self->forward) gn_path_eval(self->forward, ad->first, ad->last, t, self->z);
  int rc = gn_flow_eval(fl, t, self->forward ? self->z : self->v, &tape, self->zdot);
  gn_vec_scale(n, weight, self->v + ad->za, self->c);
  if (rc == 0) rc = gn_flow_vjp(fl, t, &tape, self->c, NULL);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "a quadrature node at t = %g is not finite", t);
  return GN_OK;
}

/* g += the integral over [to, s] with Q nodes. */
static gn_status integrate(gauss *self, double s, double to, size_t Q, double *g)
{
  gn_flow *fl = &self->base.walk->flow;
  const double half = (s - to) / 2, mid = (s + to) / 2;
  GN_TRY(reserve(self, Q));
  if (self->known != Q) GN_TRY(gn_gauss_legendre(Q, self->x, self->w, self->work));
  self->known = Q;
  self->nodes += (long)Q;
  for (size_t j = 0; j < Q; j += BATCH) {
    const size_t many = Q - j < BATCH ? Q - j : BATCH;
    for (size_t k = 0; k < many; k++)
      GN_TRY(node(self, k, mid + half * self->x[j + k], half * self->w[j + k]));
    const gn_tape all = gn_record_tape(self->rec, 0, many);
    gn_flow_pgrad(fl, &all, many, 1.0, g);
  }
  return GN_OK;
}

/* Double the nodes until the gradient of the interval moves less than tol. */
static gn_status adapt(gauss *self, double s, double to, double tol)
{
  const size_t np = self->base.problem->model->params.np;
  double moved = INFINITY;
  gn_vec_fill(np, 0.0, self->g[0]);
  GN_TRY(integrate(self, s, to, 4, self->g[0]));
  for (size_t Q = 8; Q <= MOST; Q *= 2) {
    gn_vec_fill(np, 0.0, self->g[1]);
    GN_TRY(integrate(self, s, to, Q, self->g[1]));
    gn_vec_axpy(np, -1.0, self->g[1], self->g[0]);
    moved = sqrt(gn_vec_sumsq(np, self->g[0]));
    double *swap = self->g[0];
    self->g[0] = self->g[1], self->g[1] = swap;
    if (moved <= tol * sqrt(gn_vec_sumsq(np, self->g[0]))) break;
  }
  self->moved += moved;
  gn_vec_axpy(np, 1.0, self->g[0], self->adjoint->gp);
  return GN_OK;
}

static gn_status keep_back(void *user, gn_step *step)
{
  return gn_path_put(((gauss *)user)->back, step);
}

static gn_status piece(void *user, double s, double to)
{
  gauss *self = user;
  const config *c = self->base.config;
  const gn_problem *pb = self->base.problem;
  const double total = pb->event[pb->nevent - 1].s - pb->s0;
  const double share = c->C * (double)self->base.stats.nfe_forward * (s - to) / total;
  size_t Q = (size_t)c->nodes;
  GN_TRY(gn_path_finish(self->back, self->base.walk->eval_rec));
  if (c->rule == PAPER) Q = (size_t)fmin(fmax(ceil(share), 1), PAPER_MOST);
  if (c->rule == ADAPTIVE)
    GN_TRY(adapt(self, s, to, c->tol > 0 ? c->tol : self->base.solver.back.rtol));
  else GN_TRY(integrate(self, s, to, Q, self->adjoint->gp));
  gn_path_clear(self->back);
  return GN_OK;
}

static gn_status keep(void *user, gn_step *step, size_t span)
{
  gauss *self = user;
  return gn_adjoint_keep(self->base.walk, self->forward, step, span);
}

static gn_status forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                         const double *y0, double *Y)
{
  static const char *const rules[] = { "paper", "fixed", "adaptive" };
  gauss *self = (gauss *)g;
  const config *c = g->config;
  (void)snprintf(g->stats.executed, sizeof g->stats.executed, "gauss rule=%s state=%s on %s",
           rules[c->rule], self->forward ? "trajectory" : "backsolve", g->solver.cls->name);
  if (!self->own) return gn_walk_forward(g->walk, B, p, dr, y0, Y, NULL, NULL);
  gn_path_clear(self->forward);
  GN_TRY(gn_walk_forward(g->walk, B, p, dr, y0, Y, keep, self));
  return gn_path_finish(self->forward, g->walk->eval_rec);
}

static gn_status backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                          double *gt)
{
  gauss *self = (gauss *)g;
  const config *c = g->config;
  const double rtol = g->solver.back.rtol;
  gn_record_give(&self->rec);
  GN_TRY(gn_pool_take(self->pool, g->walk->B, &self->rec));
  gn_path_clear(self->back);
  self->moved = 0;
  self->nodes = 0;
  self->adjoint->on_step = keep_back;
  self->adjoint->on_piece = piece;
  self->adjoint->user = self;
  GN_TRY(gn_adjoint_run(self->adjoint, gY, gy0, gp, gt, &g->stats));
  g->stats.nodes = self->nodes;
  const double moved = self->moved / sqrt(gn_vec_sumsq(g->problem->model->params.np, gp));
  if (c->rule != ADAPTIVE || g->stats.note[0]) return GN_OK;
  (void)snprintf(g->stats.note, sizeof g->stats.note,
                 "%s%ld nodes; the last doubling moved the gradient by %.1e",
                 moved > 10 * rtol ? "quadrature not converged: " : "", self->nodes, moved);
  return GN_OK;
}

static void destroy(gn_gradient *g)
{
  gauss *self = (gauss *)g;
  gn_adjoint_destroy(&self->adjoint);
  gn_path_destroy(&self->own);
  gn_path_destroy(&self->back);
  gn_pool_destroy(&self->pool);
}

const gn_gradient_class gn_gradient_gauss = {
  .name = "gauss",
  .summary = "[z, a] solved backward, parameters by Gauss-Legendre quadrature",
  .source = "Norcliffe and Deisenroth, TMLR 2023, section 4 (GQ)",
  .needs = GN_NEEDS_BACKWARD | GN_KEEPS_STEPS,
  .lags = 1,
  .size = sizeof(gauss),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .ops = { forward, backward, NULL, destroy },
};
