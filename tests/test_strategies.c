/* Strategies over all legal pairs with steppers, in every way either can be run: exact ones
 * against tangents and differences and in every memory mode, continuous ones as tolerances
 * fall, and the habits of all: the same forward steps, the same bits again, counts that are
 * true, no allocation after the first solve, failures that say where. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "core/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what is run --------------------------------------------------------------------- */

typedef struct scene {
  char model[120];
  gn_rig_kind kind;
} scene;

enum { NSCENE = 40 };
static scene scenes[NSCENE];
static int nscene;
static gn_rig_way steppers[GN_RIG_WAYS], gradients[GN_RIG_WAYS];
static size_t nstepper, ngradient;

/* Small, and not stiff: robertson with rates of size 1. */
static void add_scene(const char *model, gn_rig_kind kind)
{
  if (nscene == NSCENE) abort();
  (void)snprintf(scenes[nscene].model, sizeof scenes->model,
                 "%s:?dim=2:?width=5:?depth=1:?time=append:?points=3:?k2=0.5:?k3=0.8", model);
  scenes[nscene++].kind = kind;
}

static void make_lists(void)
{
  for (const gn_model_class *const *m = gn_models; *m; m++) add_scene((*m)->name, GN_RIG_PLAIN);
  add_scene("node", GN_RIG_SPANS);
  add_scene("ghbnode", GN_RIG_SPANS);
  add_scene("kicked", GN_RIG_JUMPS);
  add_scene("kicked", GN_RIG_ALL);
  add_scene("hbnode+kinetic", GN_RIG_PLAIN);
  add_scene("node+kinetic", GN_RIG_SPANS);
  add_scene("lotka+component", GN_RIG_PLAIN);
  add_scene("kicked+square", GN_RIG_ALL);
  nstepper = gn_rig_steppers(steppers);
  ngradient = gn_rig_gradients(gradients);
}

static const gn_stepper_class *stepper_of(const gn_rig_way *w) { return w->cls; }
static const gn_gradient_class *gradient_of(const gn_rig_way *w) { return w->cls; }

static int staged(const gn_rig_way *s) { return (stepper_of(s)->offers & GN_HAS_STAGES) != 0; }

/* Explicit or implicit ones, which tangent can follow. */
static int recorded(const gn_rig_way *s)
{
  return gn_pair_check(stepper_of(s), gn_gradient_find("tangent")) == GN_OK;
}

/* A strategy that spends a budget, and not on implicit stages, for which it must do. */
static int has_budget(const gn_rig_way *s, const gn_rig_way *g)
{
  return gn_option_find(gradient_of(g)->options, "budget") &&
         (staged(s) || !gradient_of(g)->exact);
}

/* 1: strategy g is run on stepper s and this problem. */
static int runs(const gn_rig *r, const gn_rig_way *s, const gn_rig_way *g)
{
  return gn_rig_runs(s, g) && !gn_rig_refuses(r, g);
}

/* "name:key=value" of a strategy, with more keys. */
static const char *text_of(const gn_rig_way *g, const char *more)
{
  static char text[160];
  (void)snprintf(text, sizeof text, "%s%s%s%s%s", gradient_of(g)->name, g->text[0] ? ":" : "", g->text,
           more[0] ? ":" : "", more);
  return text;
}

static const char *what(const gn_rig_way *s, const gn_rig *r, const char *strategy)
{
  static char text[300];
  (void)snprintf(text, sizeof text, "%s on %s %s, %s, %zu jumps, %zu spans, output %d", strategy,
           stepper_of(s)->name, s->text, r->model->cls->name, r->problem.njump, r->problem.nspan,
           (int)r->problem.output);
  return text;
}

/* Walk over all scenes the stepper takes with both output modes, for one way of a stepper. One
   that overshoots reads its outputs inside steps in either mode; other tables of one without
   stages are other coefficients in SUNDIALS and see the scenes with events. */
typedef struct tour {
  const gn_rig_way *stepper;
  int scene, mode; /* the next one */
  double tol, h;
  gn_model *model;
  gn_rig rig;
} tour;

static gn_rig *next(tour *t)
{
  if (t->model) gn_rig_destroy(&t->rig);
  gn_model_destroy(&t->model);
  while (t->scene < nscene) {
    const scene *sc = &scenes[t->scene];
    const gn_output_mode mode = t->mode ? GN_INTERPOLATE : GN_LAND;
    t->scene += t->mode;
    t->mode = !t->mode;
    t->model = gn_rig_model(sc->model, 0, 0);
    gn_rig_create(t->model, sc->kind, mode, 3, t->stepper, t->tol, t->h, &t->rig);
    const int twice = (mode == GN_INTERPOLATE && stepper_of(t->stepper)->overshoots) ||
                      (!staged(t->stepper) && t->stepper->text[0] && sc->kind == GN_RIG_PLAIN);
    if (!twice && gn_rig_possible(&t->rig)) return &t->rig;
    gn_rig_destroy(&t->rig);
    gn_model_destroy(&t->model);
  }
  return NULL;
}

/* The scene next() has given. */
static const scene *scene_of(const tour *t) { return &scenes[t->mode ? t->scene : t->scene - 1]; }

/* ---- exact strategies ---------------------------------------------------------------- */

/* <gY, dPhi v> = <dPhi^T gY, v> relative to the size of the terms. The sums have a few
   hundred terms and the chain up to 100 steps: rounding reaches 1e-14. */
static void check_dot(const gn_rig *r, gn_gradient *tangent, const gn_rig_answer *a,
                      const char *name)
{
  double *v = calloc(r->n + r->np + r->nY, sizeof *v), size = 0;
  ck_assert(v != NULL);
  double *vp = v + r->n, *dY = vp + r->np;
  gn_rig_random(11, r->n + r->np, 1, v);
  gn_ck_ok(gn_gradient_push(tangent, v, vp, dY));
  const double pushed = gn_vec_dot(r->nY, r->gY, dY);
  const double pulled = gn_vec_dot(r->n, a->gy0, v) + gn_vec_dot(r->np, a->gp, vp);
  for (size_t i = 0; i < r->nY; i++) size += fabs(r->gY[i] * dY[i]);
  ck_assert_msg(fabs(pushed - pulled) <= 1e-12 * size, "%s: <w, Jv> = %.17g, <J'w, v> = %.17g",
                name, pushed, pulled);
  free(v);
}

START_TEST(exact_against_tangent)
{
  if (!recorded(&steppers[_i])) return;
  tour t = { .stepper = &steppers[_i], .tol = 1e-5, .h = 0.1 };
  for (const gn_rig *r; (r = next(&t));) {
    gn_gradient *tangent = gn_rig_gradient(r, "tangent", r->B);
    gn_rig_answer pushed, a;
    gn_rig_run(r, tangent, 0, &pushed);
    for (size_t k = 0; k < ngradient; k++) {
      const gn_rig_way *g = &gradients[k];
      if (!gradient_of(g)->exact || gradient_of(g)->oracle || !runs(r, t.stepper, g)) continue;
      gn_rig_answer_of(r, text_of(g, ""), 0, &a);
      const char *name = what(t.stepper, r, text_of(g, ""));
      ck_assert_msg(gn_test_same(a.Y, pushed.Y, r->nY * sizeof *a.Y), "%s: other outputs", name);
      check_dot(r, tangent, &a, name);
      const double off = gn_rig_distance(r, &a, &pushed); /* every direction at once */
      ck_assert_msg(off <= 1e-12, "%s: %.1e from the tangents", name, off);
    }
    gn_gradient_destroy(&tangent);
  }
}
END_TEST

/* Differences need no derivative at all. Order 4 at 1e-4: 1e-16 times fifth derivatives, which
   brusselator makes large, and rounding of 1e-12. */
START_TEST(exact_against_differences)
{
  if (!staged(&steppers[_i])) return;
  tour t = { .stepper = &steppers[_i], .tol = 1e-4, .h = 0.2 };
  for (const gn_rig *r; (r = next(&t));) {
    gn_rig_answer fd, a;
    gn_rig_answer_of(r, "fd:delta=1e-4", 0, &fd);
    for (size_t k = 0; k < ngradient; k++) {
      const gn_rig_way *g = &gradients[k];
      if (!gradient_of(g)->exact || !runs(r, t.stepper, g)) continue;
      gn_rig_answer_of(r, text_of(g, "?delta=1e-4"), 0, &a);
      const double off = gn_rig_distance(r, &a, &fd);
      ck_assert_msg(off <= 1e-7, "%s: %.1e from differences", what(t.stepper, r, text_of(g, "")),
                    off);
    }
  }
}
END_TEST

static int is_fsal(const gn_rig *r)
{
  gn_tableau tab;
  return gn_rig_tableau(r, &tab) && tab.fsal;
}

/* All records, states only, and a few states: the same bits. With lags history windows are the
   least, and steps are replayed once (test_ddnn). */
static void check_modes(const gn_rig_way *s, const gn_rig *r, const gn_rig_way *g)
{
  char budget[64];
  gn_rig_answer all, states, few;
  gn_rig_answer_of(r, text_of(g, "budget=1e12"), 1, &all);
  const long steps = all.stats.steps;
  const char *name = what(s, r, text_of(g, ""));
  ck_assert_int_eq(all.stats.recomputed, 0);
  /* a state (and a slope) a step, and half of the records */
  const long states_bytes = (long)(sizeof(double) * r->n) * (steps + 1) * (1 + is_fsal(r));
  const long half = (states_bytes + all.stats.bytes) / 2;
  const long record = (all.stats.bytes - states_bytes) / steps + 8 * (long)r->n;
  (void)snprintf(budget, sizeof budget, "budget=%ld", half);
  gn_rig_answer_of(r, text_of(g, budget), 1, &states);
  ck_assert_msg(states.stats.recomputed > 0 && states.stats.recomputed <= 2 * steps,
                "%s: %ld of %ld steps recomputed with %s", name, states.stats.recomputed, steps,
                budget);
  const int lags = r->model->nlag > 0;
  ck_assert_int_le(states.stats.bytes, lags ? all.stats.bytes : half + 4 * record);
  /* ^ the sweep's own on top */
  gn_rig_answer_of(r, text_of(g, "budget=1"), 1, &few);
  ck_assert_msg(lags ? few.stats.recomputed > 0 && few.stats.recomputed <= steps
                     : few.stats.recomputed > steps,
                "%s: %ld steps, %ld recomputed with one byte", name, steps, few.stats.recomputed);
  const gn_rig_answer *other[2] = { &states, &few };
  for (int k = 0; k < 2; k++) {
    const gn_rig_answer *b = other[k];
    ck_assert_msg(gn_test_same(all.Y, b->Y, r->nY * sizeof *b->Y) &&
                    gn_test_same(all.gy0, b->gy0, r->n * sizeof *b->gy0) &&
                    gn_test_same(all.gp, b->gp, r->np * sizeof *b->gp) &&
                    gn_test_same(all.gt, b->gt, (1 + r->problem.noutput) * sizeof *b->gt),
                  "%s: budget %d gives other bits", name, k);
  }
}

START_TEST(memory_modes)
{
  tour t = { .stepper = &steppers[_i], .tol = 1e-8, .h = 0.04 };
  for (const gn_rig *r; (r = next(&t));) {
    const gn_event *first = r->problem.event;
    if (first->kind == GN_AT_JUMP) continue; /* dL/dt0 is not defined; checked elsewhere */
    for (size_t k = 0; k < ngradient; k++)
      if (gradient_of(&gradients[k])->exact && /* others spend a budget in their own ways */
          has_budget(t.stepper, &gradients[k]) &&
          runs(r, t.stepper, &gradients[k]))
        check_modes(t.stepper, r, &gradients[k]);
  }
}
END_TEST

/* ---- continuous strategies ----------------------------------------------------------- */

/* The gradient of the ODE itself: exact, adaptive, order 5, tolerance 1e-12. */
static void reference(const gn_model *m, gn_rig_kind kind, gn_rig *r, gn_rig_answer *a)
{
  const gn_rig_way fine = { .cls = gn_stepper_find("erk") };
  gn_rig_create(m, kind, GN_LAND, 3, &fine, 1e-12, 1, r);
  gn_rig_answer_of(r, "discrete", 0, a);
}

/* Order of the interpolant; 3 is the cubic that joins slopes where a table has none. */
static int dense_order(const gn_rig *r)
{
  gn_tableau tab;
  const int order = gn_rig_tableau(r, &tab) ? gn_rk_dense_order(&tab) : 0;
  return order > 0 ? order : 3;
}

/* Rules that do not look at a tolerance get nodes enough not to be seen. */
#define QUADRATURE "?C=100:?nodes=64"

/* Tolerances 1e-4, 1e-6, 1e-8: the error is at most 300 tolerances (state, adjoint and
   their coupling over 1.5 units of time) and falls at least 30-fold in all, or to three times
   the last tolerance: where the first steps are cut by the outputs it starts far below its own.
   The multistep and implicit methods, which start far below it in long steps too, fall to fifty.
   A cubic is off by h^4, and the steps of a method of order 5 are as long as tol^(1/5).
   Who solves forward itself is taken from 1e-3 to 1e-6, where a method of order 2 takes
   a thousand steps, and may be off by 1000 tolerances: CVODES tests one step, of the state or
   of the adjoint, and no quadrature. */
static void check_adaptive(const gn_model *m, const scene *sc, gn_output_mode mode,
                           const gn_rig_way *s, const gn_rig_way *g, const gn_rig_answer *ref)
{
  const int own = gradient_of(g)->needs == 0;
  double first = 0;
  for (int k = 0; k < 3; k++) {
    const double tol = own ? pow(10, -3 - 1.5 * k) : pow(10, -4 - 2 * k);
    gn_rig r;
    gn_rig_answer a;
    gn_tableau tab;
    gn_rig_create(m, sc->kind, mode, 3, s, tol, 1, &r);
    gn_rig_answer_of(&r, text_of(g, QUADRATURE), 0, &a);
    const double off = gn_rig_distance(&r, &a, ref);
    const int cubic = !own && dense_order(&r) == 3 && gn_rig_reads_steps(&r, &a);
    const double unit = cubic ? pow(tol, 0.8) : tol, least = gn_rig_tableau(&r, &tab) ? 3 : 50;
    if (k == 0) first = off;
    ck_assert_msg(off < (own ? 1000 : 300) * unit && (k < 2 || off < fmax(first / 30, least * unit)),
                  "%s: error %.1e at tolerance %.0e, %.1e at first", what(s, &r, text_of(g, "")),
                  off, tol, first);
    gn_rig_destroy(&r);
  }
}

/* Steps 1/10 and 1/40: the error falls by 4^(order - 0.6), or to 1e-10, the reference's; the
   order is not above that of the interpolant, whose error in one step is of one order more. */
static void check_fixed(const gn_model *m, const scene *sc, gn_output_mode mode,
                        const gn_rig_way *s, const gn_rig_way *g, const gn_rig_answer *ref)
{
  double off[2];
  for (int k = 0; k < 2; k++) {
    gn_rig r;
    gn_rig_answer a;
    gn_tableau tab;
    gn_rig_create(m, sc->kind, mode, 3, s, 1, k ? 0.025 : 0.1, &r);
    ck_assert(gn_rig_tableau(&r, &tab));
    gn_rig_answer_of(&r, text_of(g, QUADRATURE), 0, &a);
    const int most = gn_rig_reads_steps(&r, &a) ? dense_order(&r) + 1 : tab.order;
    const int order = tab.order < most ? tab.order : most;
    off[k] = gn_rig_distance(&r, &a, ref);
    ck_assert_msg(k == 0 || off[1] < fmax(1e-10, off[0] * pow(4, 0.6 - order)),
                  "%s: error %.1e at h = 0.1, %.1e at 0.025, order %d",
                  what(s, &r, text_of(g, "")), off[0], off[1], order);
    gn_rig_destroy(&r);
  }
}

START_TEST(continuous_converge)
{
  tour t = { .stepper = &steppers[_i], .tol = 1, .h = 1 };
  for (const gn_rig *r; (r = next(&t));) {
    const scene *sc = scene_of(&t);
    gn_rig ref;
    gn_rig_answer exact;
    reference(r->model, sc->kind, &ref, &exact);
    for (size_t j = 0; j < ngradient; j++) {
      const gn_rig_way *g = &gradients[j];
      if (gradient_of(g)->exact || !runs(r, t.stepper, g)) continue;
      if (stepper_of(t.stepper)->adaptive)
        check_adaptive(r->model, sc, r->problem.output, t.stepper, g, &exact);
      else check_fixed(r->model, sc, r->problem.output, t.stepper, g, &exact);
    }
    gn_rig_destroy(&ref);
  }
}
END_TEST

/* The stage quadrature is what carrying g would integrate: the same digits for the same steps. */
START_TEST(seminorm_is_semi)
{
  if (gn_pair_check(stepper_of(&steppers[_i]), gn_gradient_find("seminorm")) != GN_OK) return;
  tour t = { .stepper = &steppers[_i], .tol = 1e-6, .h = 0.1 };
  for (const gn_rig *r; (r = next(&t));) {
    if (r->model->nlag) continue; /* neither does delays */
    gn_rig_answer a, b;
    gn_rig_answer_of(r, "seminorm", 0, &a);
    gn_rig_answer_of(r, "backsolve:norm=semi", 0, &b);
    const char *name = what(t.stepper, r, "seminorm");
    const double off = gn_rig_distance(r, &a, &b);
    ck_assert_msg(off < 1e-12, "%s: %.1e from backsolve norm=semi", name, off);
    ck_assert_int_eq(a.stats.back_steps, b.stats.back_steps);
    ck_assert_int_eq(a.stats.back_rejects, b.stats.back_rejects);
    ck_assert_int_le(a.stats.back_pgrad, b.stats.back_pgrad);
  }
}
END_TEST

/* ---- habits -------------------------------------------------------------------------- */

/* All that use the stepper take the same forward steps. A path of a table without an
   interpolant asks for slopes at the ends of steps, which may cost an evaluation each. */
START_TEST(same_forward_steps)
{
  tour t = { .stepper = &steppers[_i], .tol = 1e-5, .h = 0.1 };
  for (const gn_rig *r; (r = next(&t));) {
    gn_rig_answer first = { 0 }, a;
    gn_tableau tab;
    const int bare = gn_rig_tableau(r, &tab) && gn_rk_dense_order(&tab) == 0;
    if (staged(t.stepper)) gn_rig_answer_of(r, "discrete", 0, &first);
    for (size_t k = 0; k < ngradient; k++) {
      const gn_rig_way *g = &gradients[k];
      if (!gradient_of(g)->needs || !runs(r, t.stepper, g)) continue; /* its own forward solve */
      gn_rig_answer_of(r, text_of(g, ""), 0, &a);
      if (!first.Y) first = a;
      const char *name = what(t.stepper, r, text_of(g, ""));
      const long more = a.stats.f - first.stats.f;
      const long most = bare && !gradient_of(g)->exact && gn_rig_reads_steps(r, &a) ? a.stats.steps : 0;
      ck_assert_msg(gn_test_same(a.Y, first.Y, r->nY * sizeof *a.Y), "%s: other outputs", name);
      ck_assert_msg(a.stats.steps == first.stats.steps && a.stats.rejects == first.stats.rejects &&
                      more >= 0 && more <= most &&
                      a.stats.nfe_forward - first.stats.nfe_forward == more,
                    "%s: %ld steps, %ld rejected, %ld f; the first took %ld, %ld, %ld", name,
                    a.stats.steps, a.stats.rejects, a.stats.f, first.stats.steps,
                    first.stats.rejects, first.stats.f);
    }
  }
}
END_TEST

static void check_same(const gn_rig *r, const gn_rig_answer *a, const gn_rig_answer *b,
                       const char *name)
{
  ck_assert_msg(gn_test_same(a->Y, b->Y, r->nY * sizeof *a->Y), "%s: Y differs", name);
  ck_assert_msg(gn_test_same(a->gy0, b->gy0, r->n * sizeof *a->gy0), "%s: dL/dy0 differs", name);
  ck_assert_msg(gn_test_same(a->gp, b->gp, r->np * sizeof *a->gp), "%s: dL/dp differs", name);
  for (int i = 0; i < (int)GN_STATS_N; i++)
    ck_assert_msg(gn_stats_get(&a->stats, i) == gn_stats_get(&b->stats, i), "%s: %s is %ld, %ld",
                  name, gn_stats_names[i], gn_stats_get(&a->stats, i),
                  gn_stats_get(&b->stats, i));
}

/* Two solves, a smaller batch between them, and two backward passes of one forward. */
START_TEST(same_bits_again)
{
  tour t = { .stepper = &steppers[_i], .tol = 1e-5, .h = 0.1 };
  for (gn_rig *r; (r = next(&t));) {
    for (size_t k = 0; k < ngradient; k++) {
      if (!runs(r, t.stepper, &gradients[k])) continue;
      const char *name = what(t.stepper, r, text_of(&gradients[k], ""));
      gn_rig_answer a, b;
      gn_gradient *g = gn_rig_gradient(r, text_of(&gradients[k], ""), r->B);
      gn_rig_run(r, g, 0, &a);
      gn_rig_run(r, g, 0, &b);
      check_same(r, &a, &b, name);
      gn_vec_fill(r->n, 0, b.gy0);
      gn_vec_fill(r->np, 0, b.gp);
      gn_ck_ok(gn_gradient_backward(g, r->gY, b.gy0, b.gp, NULL));
      b.stats = g->stats;
      check_same(r, &a, &b, name);
      gn_vec_fill(r->nY, (double)NAN, b.Y);
      gn_ck_ok(gn_gradient_forward(g, 1, r->p, &r->drive, r->y0, b.Y));
      gn_rig_run(r, g, 0, &b);
      check_same(r, &a, &b, name);
      gn_gradient_destroy(&g);
    }
  }
}
END_TEST

/* Gradients are added to what is there. */
START_TEST(accumulates)
{
  tour t = { .stepper = &steppers[_i], .tol = 1e-5, .h = 0.1 };
  const gn_rig *r = next(&t);
  for (size_t k = 0; k < ngradient; k++) {
    if (!runs(r, t.stepper, &gradients[k])) continue;
    gn_rig_answer a, b;
    gn_gradient *g = gn_rig_gradient(r, text_of(&gradients[k], ""), r->B);
    gn_rig_run(r, g, 1, &a);
    gn_rig_run(r, g, 1, &b);
    gn_ck_ok(gn_gradient_backward(g, r->gY, b.gy0, b.gp, b.gt));
    for (size_t i = 0; i < r->n; i++) gn_ck_close(b.gy0[i], 2 * a.gy0[i], 1e-13);
    for (size_t i = 0; i < r->np; i++) /* added in place, term by term */
      ck_assert_double_le(fabs(b.gp[i] - 2 * a.gp[i]), 1e-12 * (1 + gn_vec_maxabs(r->np, a.gp)));
    for (size_t i = 0; b.gt && i <= r->problem.noutput; i++)
      gn_ck_close(b.gt[i], 2 * a.gt[i], 1e-13);
    gn_gradient_destroy(&g);
  }
  gn_rig_destroy(&t.rig);
  gn_model_destroy(&t.model);
}
END_TEST

/* ---- counts -------------------------------------------------------------------------- */

static struct {
  long eval, vjp, pgrad, jvp;
} seen;
static const gn_map *inner;
static size_t rows; /* of the batch: pgrad sees several evaluations at once */

static int count_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  seen.eval++;
  return inner->eval(m, at, tape, z);
}

static int count_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                     const gn_pull *to)
{
  seen.vjp++;
  return inner->vjp(m, at, tape, w, to);
}

static void count_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                        double *gp)
{
  seen.pgrad += (long)(tape->rows / rows);
  inner->pgrad(m, p, tape, weight, gp);
}

static int count_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                     const double *vp, double *z)
{
  seen.jvp++;
  return inner->jvp(m, at, tape, vy, vp, z);
}

static void check_counts(const gn_rig *r, gn_gradient *g, const char *name)
{
  const gn_stats *s = &g->stats;
  double *Y = calloc(r->nY + r->n + r->np, sizeof *Y);
  ck_assert(Y != NULL);
  rows = r->B;
  memset(&seen, 0, sizeof seen);
  gn_ck_ok(gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, Y));
  ck_assert_msg(s->f == seen.eval && s->jvp == seen.jvp && seen.vjp == 0 && seen.pgrad == 0,
                "%s: forward f %ld, jvp %ld; the model saw %ld, %ld", name, s->f, s->jvp, seen.eval,
                seen.jvp);
  memset(&seen, 0, sizeof seen);
  gn_ck_ok(gn_gradient_backward(g, r->gY, Y + r->nY, Y + r->nY + r->n, NULL));
  ck_assert_msg(s->back_f == seen.eval && s->back_vjp == seen.vjp && s->back_pgrad == seen.pgrad &&
                  s->back_jvp == seen.jvp,
                "%s: backward f %ld, vjp %ld, pgrad %ld, jvp %ld; the model saw %ld, %ld, %ld, %ld",
                name, s->back_f, s->back_vjp, s->back_pgrad, s->back_jvp, seen.eval, seen.vjp,
                seen.pgrad, seen.jvp);
  ck_assert_int_eq(gn_stats_work(s), s->f + s->jvp + s->back_f + s->back_vjp + s->back_pgrad +
                                       s->back_jvp);
  free(Y);
}

/* A model that counts its evaluations agrees with the counters. */
START_TEST(counts_are_true)
{
  tour t = { .stepper = &steppers[_i], .tol = 1e-5, .h = 0.1 };
  for (gn_rig *r; (r = next(&t));) {
    gn_model_class counting = *r->model->cls;
    inner = &r->model->cls->f;
    counting.f = (gn_map){ count_eval, count_vjp, inner->pgrad ? count_pgrad : NULL, count_jvp };
    gn_model *m;
    gn_ck_ok(gn_model_create(&counting, r->model->config, (gn_sizes){ 0 }, &m));
    r->problem.model = m;
    for (size_t k = 0; k < ngradient; k++) {
      const gn_rig_way *w = &gradients[k];
      if (!runs(r, t.stepper, w)) continue;
      const int budget = has_budget(t.stepper, w);
      for (int low = 0; low <= budget; low++) {
        const char *text = text_of(w, low ? "budget=1" : "");
        gn_gradient *g = gn_rig_gradient(r, text, r->B);
        check_counts(r, g, what(t.stepper, r, text));
        gn_gradient_destroy(&g);
      }
    }
    gn_model_destroy(&m);
  }
}
END_TEST

/* ---- memory -------------------------------------------------------------------------- */

static long solve(const gn_rig *r, gn_gradient *g, double *Y)
{
  const long before = gn_wrap_count();
  const gn_status s = gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, Y);
  const gn_status b =
    s == GN_OK ? gn_gradient_backward(g, r->gY, Y + r->nY, Y + r->nY + r->n, NULL) : s;
  const long after = gn_wrap_count();
  gn_ck_ok(b);
  return after - before;
}

/* From the second solve on nothing is allocated, a smaller batch included. The rows are
   equal, so that fewer of them take the same steps: a longer solve may need more records. */
START_TEST(no_allocation)
{
  enum { BMAX = 3 };
  tour t = { .stepper = &steppers[_i], .tol = 1e-6, .h = 0.1 };
  for (const gn_rig *r; (r = next(&t));) {
    gn_rig batch[BMAX + 1];
    for (size_t B = 1; B <= BMAX; B++) {
      gn_rig_create(r->model, scene_of(&t)->kind, r->problem.output, B,
                    t.stepper, t.tol, t.h, &batch[B]);
      gn_rig_equal_rows(&batch[B]);
    }
    double *Y = calloc(r->nY + r->n + r->np, sizeof *Y);
    ck_assert(Y != NULL);
    for (size_t k = 0; k < ngradient; k++) {
      const gn_rig_way *w = &gradients[k];
      if (gradient_of(w)->oracle || !runs(r, t.stepper, w)) continue;
      const int budget = has_budget(t.stepper, w);
      for (int low = 0; low <= budget; low++) {
        const char *text = text_of(w, low ? "budget=1" : "");
        gn_gradient *g = gn_rig_gradient(r, text, r->B);
        static const size_t B[] = { 3, 3, 2, 3, 1, 2 };
        for (size_t j = 0; j < sizeof B / sizeof *B; j++) {
          const long made = solve(&batch[B[j]], g, Y);
          ck_assert_msg(j == 0 || made == 0, "%s: %ld allocations in solve %zu of %zu rows",
                        what(t.stepper, r, text), made, j + 1, B[j]);
        }
        gn_gradient_destroy(&g);
      }
    }
    free(Y);
    for (size_t B = 1; B <= BMAX; B++) gn_rig_destroy(&batch[B]);
  }
}
END_TEST

/* Creation and the first solve with every allocation refused in turn: out of memory, nothing
   lost, and the same answer when there is memory again. */
START_TEST(refused_memory)
{
  const gn_rig_way *s = &steppers[_i];
  const gn_rig_kind kind = stepper_of(s)->overshoots ? GN_RIG_PLAIN : GN_RIG_ALL;
  gn_model *m = gn_rig_model("kicked:dim=2", 0, 0);
  gn_rig r;
  gn_rig_create(m, kind, GN_LAND, 2, s, 1e-3, 0.3, &r);
  double *Y = calloc(2 * (r.nY + r.n + r.np), sizeof *Y);
  ck_assert(Y != NULL);
  for (const gn_gradient_class *const *cls = gn_gradients; *cls; cls++) {
    const gn_rig_way w = { .cls = *cls };
    if (!gn_rig_runs(s, &w) || (*cls)->oracle) continue;
    int refused = 1;
    for (long k = 0; refused; k++) {
      gn_gradient *g;
      gn_wrap_refuse(k);
      gn_status got = gn_gradient_create(*cls, NULL, &r.problem, &r.solver, 2, &g);
      if (got == GN_OK) got = gn_gradient_forward(g, 2, r.p, &r.drive, r.y0, Y);
      if (got == GN_OK) got = gn_gradient_backward(g, r.gY, Y + r.nY, Y + r.nY + r.n, NULL);
      refused = gn_wrap_refused();
      gn_wrap_refuse(-1);
      ck_assert_msg(got == (refused ? GN_ENOMEM : GN_OK), "%s, allocation %ld refused: %s (%s)",
                    what(s, &r, (*cls)->name), k, gn_status_name(got), gn_last_error());
      gn_gradient_destroy(&g);
      ck_assert_int_lt(k, 2000);
    }
  }
  free(Y);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- failures ------------------------------------------------------------------------ */

static void rig_of(const char *model, gn_rig_kind kind, const gn_rig_way *s, double tol, double h,
                   gn_model **m, gn_rig *r)
{
  *m = gn_rig_model(model, 0, 0);
  gn_rig_create(*m, kind, GN_LAND, 3, s, tol, h, r);
}

START_TEST(wrong_order)
{
  gn_rig r;
  gn_model *m;
  gn_rig_answer a;
  rig_of("lotka", GN_RIG_PLAIN, &steppers[_i], 1e-5, 0.1, &m, &r);
  for (size_t k = 0; k < ngradient; k++) {
    if (!runs(&r, &steppers[_i], &gradients[k])) continue;
    gn_gradient *g = gn_rig_gradient(&r, text_of(&gradients[k], ""), 3);
    double Y[64] = { 0 }, gy0[8] = { 0 }, gp[8] = { 0 };
    gn_ck_fails(gn_gradient_backward(g, r.gY, gy0, gp, NULL), GN_ESTATE, "before");
    if (g->cls->ops.push)
      gn_ck_fails(gn_gradient_push(g, NULL, NULL, Y), GN_ESTATE, "before");
    else
      gn_ck_fails(gn_gradient_push(g, NULL, NULL, Y), GN_EUNSUP, "tangent");
    gn_ck_fails(gn_gradient_forward(g, 4, r.p, &r.drive, r.y0, Y), GN_EARG, "batch = 4");
    gn_ck_fails(gn_gradient_forward(g, 0, r.p, &r.drive, r.y0, Y), GN_EARG, "batch = 0");
    gn_rig_run(&r, g, 0, &a);
    const double keep = r.p[1];
    r.p[1] = (double)NAN; /* a forward that fails takes the answer of the last one away */
    gn_ck_fails(gn_gradient_forward(g, 3, r.p, &r.drive, r.y0, Y), GN_ENONFINITE, "parameter");
    r.p[1] = keep;
    gn_rig_run(&r, g, 0, &a);
    const double w = r.gY[1];
    r.gY[1] = (double)INFINITY;
    gn_ck_fails(gn_gradient_backward(g, r.gY, gy0, gp, NULL), GN_ENONFINITE, "cotangent");
    r.gY[1] = w;
    gn_gradient_destroy(&g);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* A limit on the steps stops either direction, says where, and the next solve is as if
   nothing had been. */
START_TEST(step_limit)
{
  gn_rig r;
  gn_model *m;
  const gn_rig_way *s = &steppers[_i];
  rig_of("oscillator:dim=2", GN_RIG_PLAIN, s, 1e-6, 0.05, &m, &r);
  for (size_t k = 0; k < ngradient; k++) {
    if (!runs(&r, s, &gradients[k])) continue;
    gn_rig_answer before, after;
    gn_rig_answer_of(&r, text_of(&gradients[k], ""), 0, &before);
    const long forth = before.stats.steps + before.stats.rejects;
    const long back = before.stats.back_steps + before.stats.back_rejects;
    r.solver.max_steps = forth > back ? forth : back;
    gn_gradient *g = gn_rig_gradient(&r, text_of(&gradients[k], ""), 3);
    gn_rig_run(&r, g, 0, &after); /* just enough */
    check_same(&r, &before, &after, what(s, &r, text_of(&gradients[k], "")));
    gn_gradient_destroy(&g);
    r.solver.max_steps = 3;
    g = gn_rig_gradient(&r, text_of(&gradients[k], ""), 3);
    double *Y = after.Y;
    gn_ck_fails(gn_gradient_forward(g, 3, r.p, &r.drive, r.y0, Y), GN_ELIMIT, "3 steps");
    ck_assert_ptr_nonnull(strstr(gn_last_error(), "t = "));
    ck_assert_ptr_nonnull(strstr(gn_last_error(), "h = "));
    gn_ck_fails(gn_gradient_backward(g, r.gY, after.gy0, after.gp, NULL), GN_ESTATE, "before");
    gn_gradient_destroy(&g);
    r.solver.max_steps = 0;
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* A backward solve that is stopped: here its tolerance asks for more steps than allowed. */
START_TEST(backward_limit)
{
  gn_rig r;
  gn_model *m;
  const gn_rig_way *s = &steppers[_i];
  if (!stepper_of(s)->adaptive) return;
  rig_of("oscillator:dim=2", GN_RIG_PLAIN, s, 1e-3, 1, &m, &r);
  r.solver.back = (gn_tolerance){ 1e-13, 1e-13 };
  r.solver.max_steps = 30;
  for (size_t k = 0; k < ngradient; k++) {
    const gn_rig_way *w = &gradients[k];
    if (!(gradient_of(w)->needs & GN_NEEDS_BACKWARD) || !runs(&r, s, w)) continue;
    gn_gradient *g = gn_rig_gradient(&r, text_of(w, ""), 3);
    double Y[64], gy0[16] = { 0 }, gp[4] = { 0 };
    ck_assert_uint_le(r.nY, 64);
    for (int again = 0; again < 2; again++) {
      gn_ck_ok(gn_gradient_forward(g, 3, r.p, &r.drive, r.y0, Y));
      gn_ck_fails(gn_gradient_backward(g, r.gY, gy0, gp, NULL), GN_ELIMIT, "h = ");
      gn_ck_fails(gn_gradient_backward(g, r.gY, gy0, gp, NULL), GN_ESTATE, "before");
    }
    gn_gradient_destroy(&g);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* u' = u v, v' = u v from u = v = 1: u = 1 / (1 - t), and the last output is beyond. */
START_TEST(blow_up)
{
  gn_rig r;
  gn_model *m;
  const gn_rig_way *s = &steppers[_i];
  rig_of("lotka", GN_RIG_PLAIN, s, 1e-5, 0.01, &m, &r);
  static const double p[4] = { 0, -1, 0, 1 };
  r.problem.s0 = 0;
  r.event[2].s = 30; /* fixed steps need some time to overflow */
  r.solver.max_steps = 10000;
  gn_vec_copy(4, p, r.p);
  gn_vec_fill(r.n, 1, r.y0);
  for (size_t k = 0; k < ngradient; k++) {
    if (!runs(&r, s, &gradients[k])) continue;
    double Y[64];
    gn_gradient *g = gn_rig_gradient(&r, text_of(&gradients[k], ""), 3);
    const gn_status got = gn_gradient_forward(g, 3, r.p, &r.drive, r.y0, Y);
    ck_assert_msg(got == GN_ENONFINITE || got == GN_ESOLVER || got == GN_ELIMIT, "%s: %s",
                  what(s, &r, text_of(&gradients[k], "")), gn_status_name(got));
    ck_assert_msg(strstr(gn_last_error(), "t = ") && strstr(gn_last_error(), "h = "),
                  "'%s' does not say t and h", gn_last_error());
    gn_gradient_destroy(&g);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- pairs --------------------------------------------------------------------------- */

/* A stepper that offers nothing: what needs something says what, and where there is it. */
START_TEST(illegal_pairs)
{
  const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
  gn_stepper_class bare = *stepper_of(&erk);
  bare.name = "bare";
  bare.offers = 0;
  gn_model *m = gn_rig_model("lotka", 0, 0);
  gn_rig r;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 1, &erk, 1e-5, 0.1, &r);
  r.solver.cls = &bare;
  for (const gn_gradient_class *const *g = gn_gradients; *g; g++) {
    if (!(*g)->needs) continue;
    gn_gradient *made;
    gn_ck_fails(gn_pair_check(&bare, *g), GN_EUNSUP, "bare");
    ck_assert_ptr_nonnull(strstr(gn_last_error(), (*g)->name));
    ck_assert_ptr_nonnull(strstr(gn_last_error(), "solver.name = "));
    gn_ck_fails(gn_gradient_create(*g, NULL, &r.problem, &r.solver, 1, &made), GN_EUNSUP, "bare");
    ck_assert_ptr_null(made);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  make_lists();
  const int n = (int)nstepper;
  Suite *s = suite_create("strategies");
  TCase *right = tcase_create("gradients"), *habits = tcase_create("habits"),
        *bad = tcase_create("failures");
  tcase_add_loop_test(right, exact_against_tangent, 0, n);
  tcase_add_loop_test(right, exact_against_differences, 0, n);
  tcase_add_loop_test(right, memory_modes, 0, n);
  tcase_add_loop_test(right, continuous_converge, 0, n);
  tcase_add_loop_test(right, seminorm_is_semi, 0, n);
  tcase_add_loop_test(habits, same_forward_steps, 0, n);
  tcase_add_loop_test(habits, same_bits_again, 0, n);
  tcase_add_loop_test(habits, accumulates, 0, n);
  tcase_add_loop_test(habits, counts_are_true, 0, n);
  tcase_add_loop_test(habits, no_allocation, 0, n);
  tcase_add_loop_test(bad, refused_memory, 0, n);
  tcase_add_loop_test(bad, wrong_order, 0, n);
  tcase_add_loop_test(bad, step_limit, 0, n);
  tcase_add_loop_test(bad, backward_limit, 0, n);
  tcase_add_loop_test(bad, blow_up, 0, n);
  tcase_add_test(bad, illegal_pairs);
  TCase *cases[] = { right, habits, bad };
  for (int k = 0; k < 3; k++) {
    tcase_set_timeout(cases[k], 600);
    suite_add_tcase(s, cases[k]);
  }
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
