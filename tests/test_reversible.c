/* The reversible leapfrog against its own forward map: its gradient is the derivative of
 * the steps it took, with every kind of event; order 2; the drift of what it recovers. */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"

#include <math.h>
#include <stdio.h>

enum { B = 3 };

static void create(gn_rig *r, const gn_model *m, gn_rig_kind kind, double tol)
{
  const gn_rig_way way = { gn_stepper_find("erk"), "" }; /* not used by this strategy */
  gn_rig_create(m, kind, GN_LAND, B, &way, tol, 0.1, r);
}

/* <gY, Y> from y0 + e vy and p + e vp. */
static double loss(const gn_rig *r, gn_gradient *g, double e, const double *vy,
                   const double *vp)
{
  double *y0 = gn_arena_alloc(r->arena, r->n, sizeof *y0);
  double *p = gn_arena_alloc(r->arena, r->np, sizeof *p);
  double *Y = gn_arena_alloc(r->arena, r->nY, sizeof *Y);
  ck_assert(y0 && p && Y);
  for (size_t i = 0; i < r->n; i++) y0[i] = r->y0[i] + e * vy[i];
  for (size_t i = 0; i < r->np; i++) p[i] = r->p[i] + e * vp[i];
  gn_ck_ok(gn_gradient_forward(g, r->B, p, &r->drive, y0, Y));
  return gn_vec_dot(r->nY, r->gY, Y);
}

/* Directional derivative by central differences of order 4 (error about 1e-12 + eps / d)
   against the gradient; steps do not depend on y0 and p with h fixed. */
static void check_gradient(const gn_model *m, gn_rig_kind kind, const char *text)
{
  const double d = 1e-3;
  gn_rig r;
  gn_rig_answer a;
  create(&r, m, kind, 1e-6);
  gn_gradient *g = gn_rig_gradient(&r, text, B);
  gn_rig_run(&r, g, 0, &a);
  double *v = gn_arena_alloc(r.arena, r.n + r.np, sizeof *v);
  ck_assert(v != NULL);
  for (uint64_t seed = 20; seed < 23; seed++) {
    gn_rig_random(seed, r.n + r.np, 0.3, v);
    if (seed == 20) gn_vec_fill(r.np, 0.0, v + r.n); /* y0 alone, p alone, both */
    if (seed == 21) gn_vec_fill(r.n, 0.0, v);
    const double *vy = v, *vp = v + r.n;
    const double want = (8 * (loss(&r, g, d, vy, vp) - loss(&r, g, -d, vy, vp)) -
                         (loss(&r, g, 2 * d, vy, vp) - loss(&r, g, -2 * d, vy, vp))) /
                        (12 * d);
    const double got = gn_vec_dot(r.n, a.gy0, vy) + gn_vec_dot(r.np, a.gp, vp);
    const double size = sqrt(gn_vec_sumsq(r.n, a.gy0) + gn_vec_sumsq(r.np, a.gp)) *
                        sqrt(gn_vec_sumsq(r.n + r.np, v));
    ck_assert_msg(fabs(got - want) < 1e-8 * size, "%s, %s, kind %d: %.12g, expected %.12g",
                  text, m->cls->name, (int)kind, got, want);
  }
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
}

START_TEST(own_derivative)
{
  static const char *const texts[] = { "reversible:h=0.07", "reversible:h=0.3",
                                       "reversible:h=0.07:eta=0.9" };
  static const char *const models[] = { "kicked:dim=3", "hbnode:dim=2:width=5:time=append",
                                        "lotka" };
  for (int k = 0; k < 3; k++) {
    gn_model *m = gn_rig_model(models[k], 0, 0);
    for (int kind = GN_RIG_PLAIN; kind <= GN_RIG_ALL; kind++) {
      if ((kind == GN_RIG_JUMPS || kind == GN_RIG_ALL) && !m->map[GN_JUMP].eval) continue;
      check_gradient(m, (gn_rig_kind)kind, texts[_i]);
    }
    gn_model_destroy(&m);
  }
}
END_TEST

/* Halving h divides the error by 4: forward values and gradient. */
START_TEST(order_two)
{
  gn_model *m = gn_rig_model("lotka", 0, 0);
  gn_rig r;
  gn_rig_answer best, a[2];
  create(&r, m, GN_RIG_SPANS, 1e-11);
  gn_rig_answer_of(&r, "discrete", 1, &best);
  gn_rig_answer_of(&r, "reversible:h=0.02", 1, &a[0]);
  gn_rig_answer_of(&r, "reversible:h=0.01", 1, &a[1]);
  const double grad = gn_rig_distance(&r, &a[0], &best) / gn_rig_distance(&r, &a[1], &best);
  const double value =
    gn_test_relerr_max(r.nY, a[0].Y, best.Y) / gn_test_relerr_max(r.nY, a[1].Y, best.Y);
  ck_assert_msg(fabs(log2(grad) - 2) < 0.2, "gradient: order %g", log2(grad));
  ck_assert_msg(fabs(log2(value) - 2) < 0.2, "values: order %g", log2(value));
  gn_ck_close_all(1 + r.problem.noutput, a[1].gt, best.gt, 1e-3);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* The tolerance is obeyed: the error falls with it, at least as its square root less a
   factor of 2 (the error test is of order 1, the steps are of order 2). */
START_TEST(adaptive)
{
  gn_model *m = gn_rig_model("hbnode:dim=2:width=5", 0, 0);
  double last = 1;
  for (int k = 4; k <= 8; k += 2) {
    gn_rig r;
    gn_rig_answer best, a;
    create(&r, m, GN_RIG_PLAIN, 1e-11);
    gn_rig_answer_of(&r, "discrete", 0, &best);
    r.solver.tol = (gn_tolerance){ pow(10, -k), pow(10, -k) };
    gn_rig_answer_of(&r, "reversible", 0, &a);
    const double off = gn_rig_distance(&r, &a, &best);
    ck_assert_msg(off < last / 20, "1e-%d: %g, before %g", k, off, last);
    ck_assert_double_lt(off, 100 * pow(10, -k));
    ck_assert_int_eq(a.stats.nfe_forward, 2 + a.stats.steps + a.stats.rejects);
    ck_assert_int_eq(a.stats.back_steps, a.stats.steps);
    ck_assert_int_eq(a.stats.back_vjp, a.stats.steps + 1);
    ck_assert_int_eq(a.stats.back_f, a.stats.steps + 1);
    ck_assert_ptr_null(strstr(a.stats.note, "trusted"));
    last = off;
    gn_rig_destroy(&r);
  }
  gn_model_destroy(&m);
}
END_TEST

/* Damping is undone by 1 / |1 - 2 eta| a step: 2^60 loses everything, and is noticed. */
START_TEST(drift)
{
  gn_model *m = gn_rig_model("lotka", 0, 0);
  gn_rig r;
  gn_rig_answer a;
  create(&r, m, GN_RIG_PLAIN, 1e-6);
  gn_rig_answer_of(&r, "reversible:h=0.02", 0, &a);
  ck_assert_ptr_null(strstr(a.stats.note, "trusted"));
  ck_assert_ptr_nonnull(strstr(a.stats.note, "recovered backward is off by"));
  gn_rig_answer_of(&r, "reversible:h=0.02:eta=0.75", 0, &a);
  ck_assert_msg(strstr(a.stats.note, "not to be trusted") != NULL, "%s", a.stats.note);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* Twice the steps: 16 bytes for each more, and nothing else. */
START_TEST(memory)
{
  gn_model *m = gn_rig_model("hbnode:dim=2:width=64", 0, 0);
  gn_rig r;
  gn_rig_answer a, b;
  create(&r, m, GN_RIG_PLAIN, 1e-6);
  gn_rig_answer_of(&r, "reversible:h=0.02", 0, &a);
  gn_rig_answer_of(&r, "reversible:h=0.01", 0, &b);
  ck_assert_int_gt(b.stats.steps, a.stats.steps);
  ck_assert_int_eq(b.stats.bytes - a.stats.bytes, 16 * (b.stats.steps - a.stats.steps));
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* A second backward and a second solve change no bit and allocate nothing. */
START_TEST(again)
{
  gn_model *m = gn_rig_model("kicked:dim=3", 0, 0);
  gn_rig r;
  gn_rig_answer a, b;
  create(&r, m, GN_RIG_ALL, 1e-4);
  gn_gradient *g = gn_rig_gradient(&r, "reversible", B);
  gn_rig_run(&r, g, 1, &a);
  gn_rig_run(&r, g, 1, &b);
  ck_assert(gn_test_same(a.gy0, b.gy0, r.n * sizeof(double)));
  ck_assert(gn_test_same(a.gp, b.gp, r.np * sizeof(double)));
  gn_rig_again(&r, g, &a);
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

START_TEST(refusals)
{
  gn_model *m = gn_rig_model("lotka", 0, 0);
  const gn_gradient_class *cls = gn_gradient_find("reversible");
  gn_rig r;
  gn_gradient *g;
  create(&r, m, GN_RIG_PLAIN, 1e-6);
  const void *half = gn_rig_config(r.arena, cls->options, cls->config_size, "eta=0.505");
  gn_ck_fails(gn_gradient_create(cls, half, &r.problem, &r.solver, B, &g), GN_EARG,
              "eta = 0.505");
  r.problem.output = GN_INTERPOLATE;
  gn_ck_fails(gn_gradient_create(cls, NULL, &r.problem, &r.solver, B, &g), GN_EUNSUP,
              "output = land");
  r.problem.output = GN_LAND;
  r.solver.max_steps = 3;
  g = gn_rig_gradient(&r, "reversible:h=0.02", B);
  double *Y = gn_arena_alloc(r.arena, r.nY, sizeof *Y);
  gn_ck_fails(gn_gradient_forward(g, B, r.p, &r.drive, r.y0, Y), GN_ELIMIT, "max_steps");
  gn_ck_fails(gn_gradient_backward(g, r.gY, r.y0, r.p, NULL), GN_ESTATE, "before");
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("reversible");
  TCase *tc = tcase_create("reversible");
  tcase_add_loop_test(tc, own_derivative, 0, 3);
  tcase_add_test(tc, order_two);
  tcase_add_test(tc, adaptive);
  tcase_add_test(tc, drift);
  tcase_add_test(tc, memory);
  tcase_add_test(tc, again);
  tcase_add_test(tc, refusals);
  tcase_set_timeout(tc, 300);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
