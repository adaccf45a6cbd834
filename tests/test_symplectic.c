/* The symplectic adjoint is the derivative of the recorded steps: on every explicit stepper
 * and table, with every kind of event and of output, it equals `discrete` to rounding. */
#include "support/rig.h"
#include "support/support.h"


#include <math.h>
#include <stdio.h>

enum { B = 3, NMODELS = 3 };
static const char *const models[NMODELS] = { "kicked:dim=3", "hbnode:dim=2:width=5",
                                             "lotka" };
static gn_rig_way ways[GN_RIG_WAYS];

static const gn_stepper_class *cls_of(const gn_rig_way *w) { return w->cls; }

/* Both sum the same products in different orders; a solve has some hundred of them. */
static int compare(const gn_rig_way *w, const gn_model *m, gn_rig_kind kind,
                   gn_output_mode mode)
{
  gn_rig r;
  gn_rig_answer a, b;
  if (!(cls_of(w)->offers & GN_HAS_STAGES)) return 0;
  if ((kind == GN_RIG_JUMPS || kind == GN_RIG_ALL) && !m->map[GN_JUMP].eval) return 0;
  gn_rig_create(m, kind, mode, B, w, 1e-5, 0.13, &r);
  if (!gn_rig_possible(&r)) {
    gn_rig_destroy(&r);
    return 0;
  }
  const int times = kind != GN_RIG_JUMPS; /* which jumps at its start */
  gn_rig_answer_of(&r, "symplectic", times, &a);
  gn_rig_answer_of(&r, "discrete", times, &b);
  ck_assert(gn_test_same(a.Y, b.Y, r.nY * sizeof *a.Y));
  const double off = gn_rig_distance(&r, &a, &b);
  ck_assert_msg(off < 1e-12, "%s %s on %s, kind %d, mode %d: off by %.1e", cls_of(w)->name,
                w->text, m->cls->name, (int)kind, (int)mode, off);
  if (times) gn_ck_close_all(1 + r.problem.noutput, a.gt, b.gt, 1e-12);
  ck_assert_int_eq(a.stats.steps, b.stats.steps);
  ck_assert_int_eq(a.stats.recomputed, a.stats.steps);
  gn_rig_destroy(&r);
  return 1;
}

START_TEST(equals_discrete)
{
  const gn_rig_way *w = &ways[_i];
  int n = 0;
  for (int k = 0; k < NMODELS; k++) {
    gn_model *m = gn_rig_model(models[k], 0, 0);
    for (int kind = GN_RIG_PLAIN; kind <= GN_RIG_ALL; kind++)
      for (int mode = GN_LAND; mode <= GN_INTERPOLATE; mode++)
        n += compare(w, m, (gn_rig_kind)kind, (gn_output_mode)mode);
    gn_model_destroy(&m);
  }
  ck_assert_int_eq(n > 0, (cls_of(w)->offers & GN_HAS_STAGES) != 0);
}
END_TEST

/* Kept: the state of every step, and for one step its stages and one tape. */
START_TEST(memory)
{
  gn_model *m = gn_rig_model("hbnode:dim=2:width=64", 0, 0);
  const gn_rig_way way = { gn_stepper_find("rkfixed"), "table=dormand_prince" };
  long bytes[2];
  for (int k = 0; k < 2; k++) {
    gn_rig r;
    gn_rig_answer a, d;
    gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, B, &way, 1e-5, k ? 0.025 : 0.05, &r);
    gn_rig_answer_of(&r, "symplectic", 0, &a);
    gn_rig_answer_of(&r, "discrete", 0, &d);
    bytes[k] = a.stats.bytes;
    ck_assert_int_lt(4 * a.stats.bytes, d.stats.bytes);
    gn_rig_destroy(&r);
  }
  const long step = (bytes[1] - bytes[0]) / 28, state = (long)(B * m->ny * sizeof(double));
  ck_assert_int_ge(step, state); /* 28 steps more: a state and its times each */
  ck_assert_int_le(step, state + 64);
  gn_model_destroy(&m);
}
END_TEST

/* A second backward and a second solve change no bit and allocate nothing. */
START_TEST(again)
{
  gn_model *m = gn_rig_model("kicked:dim=3", 0, 0);
  const gn_rig_way way = { gn_stepper_find("erk"), "" };
  gn_rig r;
  gn_rig_answer a, b;
  gn_rig_create(m, GN_RIG_ALL, GN_LAND, B, &way, 1e-6, 0.1, &r);
  gn_gradient *g = gn_rig_gradient(&r, "symplectic", B);
  gn_rig_run(&r, g, 0, &a);
  gn_rig_answer_of(&r, "symplectic", 0, &b); /* zeroed vectors */
  gn_rig_run(&r, g, 0, &b);
  ck_assert(gn_test_same(a.gy0, b.gy0, r.n * sizeof(double)));
  ck_assert(gn_test_same(a.gp, b.gp, r.np * sizeof(double)));
  gn_rig_again(&r, g, &a);
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  const int n = (int)gn_rig_steppers(ways);
  Suite *s = suite_create("symplectic");
  TCase *tc = tcase_create("symplectic");
  tcase_add_loop_test(tc, equals_discrete, 0, n);
  tcase_add_test(tc, memory);
  tcase_add_test(tc, again);
  tcase_set_timeout(tc, 300);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
