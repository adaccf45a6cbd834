/* Gradient strategies: creation, legal pairs, and the checked, timed and counted calls. */
#include "core/gradient.h"

#include "base/clock.h"
#include "base/vec.h"
#include "core/numeric.h"
#include "core/registry.h"
#include "core/walk.h"

#include <stdio.h>
#include <string.h>

const gn_gradient_class *gn_gradient_find(const char *name)
{
  return gn_registry_find(gn_gradients, "strategy", name);
}

static int has_stages(const gn_stepper_class *st, const gn_gradient_class *g)
{
  const int implicit = (g->needs & GN_TAKES_IMPLICIT) && (st->offers & GN_HAS_IMPLICIT_STAGES);
  return implicit || (g->needs & GN_NEEDS_STAGES) == 0 || (st->offers & GN_HAS_STAGES);
}

static int legal(const gn_stepper_class *st, const gn_gradient_class *g)
{
  return has_stages(st, g) &&
         ((g->needs & GN_NEEDS_BACKWARD) == 0 || (st->offers & GN_HAS_BACKWARD)) &&
         ((g->needs & GN_NEEDS_LANDING) == 0 || (st->offers & GN_HAS_LANDING));
}

gn_status gn_pair_check(const gn_stepper_class *st, const gn_gradient_class *g)
{
  if (legal(st, g)) return GN_OK;
  const char *what = !has_stages(st, g) ? (g->needs & GN_TAKES_IMPLICIT)
                                            ? "recorded Runge-Kutta stages"
                                            : "recorded explicit Runge-Kutta stages"
                     : (g->needs & GN_NEEDS_BACKWARD) && !(st->offers & GN_HAS_BACKWARD)
                       ? "a backward solve"
                       : "steps that end at the outputs";
  for (const gn_stepper_class *const *s = gn_steppers; *s; s++)
    if (legal(*s, g))
      return GN_FAIL(GN_EUNSUP, "strategy %s needs %s, which stepper %s does not offer; the "
                     "nearest legal pair is solver.name = %s",
                     g->name, what, st->name, (*s)->name);
  return GN_FAIL(GN_EUNSUP, "strategy %s needs %s, which no stepper offers", g->name, what);
}

/* A model with lags needs a strategy that can do them. */
static gn_status check_lags(const gn_model *m, const gn_gradient_class *cls)
{
  if (m->nlag == 0 || cls->lags) return GN_OK;
  char can[256] = "";
  size_t used = 0;
  for (const gn_gradient_class *const *g = gn_gradients; *g; g++) {
    if (!(*g)->lags) continue;
    const int n = snprintf(can + used, sizeof can - used, "%s%s", used ? ", " : "", (*g)->name);
    if (n > 0 && (size_t)n < sizeof can - used) used += (size_t)n;
  }
  return GN_FAIL(GN_EUNSUP, "strategy %s cannot do delays, which model %s has%s%s; use one of %s",
                 cls->name, m->cls->name, cls->no_lags ? ": " : "",
                 cls->no_lags ? cls->no_lags : "", can);
}

/* Steps that run past a jump, a kink or a change of spans do not follow each other: only for who
   keeps none of them. */
static gn_status check_stops(const gn_problem *pb, const gn_stepper_class *st,
                             const gn_gradient_class *cls)
{
  GN_REQUIRE(!st->overshoots || cls->needs == 0 || cls->needs == GN_NEEDS_BACKWARD ||
                 pb->nspan + pb->nevent == pb->noutput, GN_EUNSUP,
             "stepper %s runs past output times, jumps, kinks and spans, over which strategy %s "
             "needs steps; use erk, or strategy backsolve", st->name, cls->name);
  return GN_OK;
}

static gn_status make(gn_arena *a, const gn_gradient_class *cls, const void *config,
                      const gn_problem *problem, const gn_solver *solver, size_t Bmax,
                      gn_gradient **out)
{
  gn_gradient *g = gn_arena_alloc(a, 1, cls->size);
  if (!g) return GN_ENOMEM;
  void *copy = gn_arena_alloc(a, 1, cls->config_size ? cls->config_size : 1);
  if (!copy) return GN_ENOMEM;
  if (config && cls->config_size) memcpy(copy, config, cls->config_size);
  else gn_options_default(cls->options, copy);
  g->cls = cls;
  g->config = copy;
  g->arena = a;
  g->problem = problem;
  g->solver = *solver;
  g->Bmax = Bmax;
  *out = g;
  GN_TRY(gn_problem_check(problem));
  GN_TRY(gn_pair_check(solver->cls, cls));
  GN_TRY(check_lags(problem->model, cls));
  GN_TRY(check_stops(problem, solver->cls, cls));
  if (cls->needs) GN_TRY(gn_walk_create(problem, solver, Bmax, &g->walk));
  return cls->setup(g, copy);
}

gn_status gn_gradient_create(const gn_gradient_class *cls, const void *config,
                             const gn_problem *problem, const gn_solver *solver,
                             size_t Bmax, gn_gradient **out)
{
  *out = NULL;
  GN_REQUIRE(Bmax > 0, GN_EARG, "a batch has at least one row");
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  const gn_status s = make(a, cls, config, problem, solver, Bmax, out);
  if (s == GN_OK) return GN_OK;
  if (*out) gn_gradient_destroy(out);
  else gn_arena_destroy(&a);
  return s;
}

void gn_gradient_destroy(gn_gradient **g)
{
  if (!*g) return;
  if ((*g)->cls->ops.destroy) (*g)->cls->ops.destroy(*g);
  gn_walk_destroy(&(*g)->walk);
  gn_arena *a = (*g)->arena;
  gn_arena_destroy(&a);
  *g = NULL;
}

/* What was run, and on whose derivatives. */
static void name_executed(gn_gradient *g)
{
  char *to = g->stats.executed;
  const size_t size = sizeof g->stats.executed;
  const char *numeric = gn_model_numeric(g->problem->model);
  if (!to[0]) (void)snprintf(to, size, "%s on %s", g->cls->name, g->solver.cls->name);
  const size_t n = strlen(to);
  if (*numeric) (void)snprintf(to + n, size - n, " (%s)", numeric);
}

gn_status gn_gradient_forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                              const double *y0, double *Y)
{
  GN_REQUIRE(B > 0 && B <= g->Bmax, GN_EARG, "batch = %zu, expected 1 to %zu", B, g->Bmax);
  GN_REQUIRE(gn_vec_finite(g->problem->model->params.np, p), GN_ENONFINITE,
             "a parameter is not finite");
  g->ready = 0;
  g->stats = (gn_stats){ 0 };
  if (g->walk) g->walk->flow.count = (gn_counts){ 0 };
  const double begin = gn_clock_wall();
  gn_extremes_start(g->solver.extremes, g->problem->model, B, g->problem->s0, y0);
  const gn_status s = g->cls->ops.forward(g, B, p, dr, y0, Y);
  gn_extremes_stop(g->solver.extremes);
  g->stats.sec = gn_clock_wall() - begin;
  if (g->walk) {
    const gn_counts *c = &g->walk->flow.count;
    g->stats.f = c->f, g->stats.jvp = c->jvp, g->stats.nfe_forward = c->nfe;
    g->stats.steps = g->walk->st->steps;
    g->stats.rejects = g->walk->st->rejects;
    g->stats.newton = g->walk->st->newton;
    gn_norm_blame(&g->walk->sys.norm, g->stats.rejected_by, sizeof g->stats.rejected_by);
  }
  name_executed(g);
  g->ready = s == GN_OK;
  return s;
}

gn_status gn_gradient_backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                               double *gt)
{
  GN_REQUIRE(g->ready, GN_ESTATE, "backward of %s before a successful forward",
             g->cls->name);
  const gn_problem *pb = g->problem;
  GN_REQUIRE(!g->walk || gn_vec_finite(pb->noutput * g->walk->sys.n, gY), GN_ENONFINITE,
             "a cotangent is not finite");
  if (g->walk) g->walk->flow.count = (gn_counts){ 0 };
  if (g->walk) g->stats.newton = g->walk->st->newton; /* backward adds its own */
  const double begin = gn_clock_wall();
  const gn_status s = g->cls->ops.backward(g, gY, gy0, gp, gt);
  g->stats.back_sec = gn_clock_wall() - begin;
  if (g->walk) {
    const gn_counts *c = &g->walk->flow.count;
    g->stats.back_f = c->f, g->stats.back_vjp = c->vjp, g->stats.back_pgrad = c->pgrad;
    g->stats.back_jvp = c->jvp, g->stats.nfe_backward = c->nfe;
  }
  if (s != GN_OK) g->ready = 0;
  return s;
}

gn_status gn_gradient_push(gn_gradient *g, const double *vy0, const double *vp, double *dY)
{
  GN_REQUIRE(g->cls->ops.push, GN_EUNSUP, "strategy %s does not push tangents; use tangent",
             g->cls->name);
  GN_REQUIRE(g->ready, GN_ESTATE, "push of %s before a successful forward", g->cls->name);
  return g->cls->ops.push(g, vy0, vp, dY);
}
