/* A loss at 100 times instead of 1, on the medium heavy-ball network of the bench (B 256,
 * d 32, w 128, T 2) at tolerance 1e-5: what the outputs cost, counted. */
#include "base/vec.h"
#include "core/pass.h"
#include "support/rig.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 256, D = 32, MANY = 100, STAGES = 7 };
static const double T = 2, TOL = 1e-5;

/* Forward and backward with K outputs; z [K, B, D] for the caller to free. */
static double *gradient(const char *strategy, gn_output_mode mode, size_t K, double tol,
                        gn_stats *stats)
{
  gn_model *m = gn_rig_model("hbnode:width=128", D, 0);
  gn_event *events = calloc(K, sizeof *events);
  double *times = calloc(K + 1, sizeof *times), *x = calloc((size_t)B * D, sizeof *x);
  double *z = calloc(K * B * D, sizeof *z), *gz = calloc(K * B * D, sizeof *gz);
  double *p = calloc(m->params.np, sizeof *p), *gp = calloc(m->params.np, sizeof *gp);
  gn_problem pb;
  gn_pass *ps;
  for (size_t k = 1; k <= K; k++) times[k] = T * (double)k / (double)K;
  gn_ck_ok(gn_problem_outputs(m, K, times, mode, events, &pb));
  gn_rig_params(m, 1, 0.1, p);
  for (size_t k = 0; k < m->params.n; k++) /* weights of size one: several steps */
    if (m->params.at[k].rank == 2)
      gn_vec_scale(m->params.at[k].n, 2.5, p + m->params.at[k].offset, p + m->params.at[k].offset);
  gn_rig_random(2, (size_t)B * D, 1, x);
  gn_rig_random(3, K * B * D, 1.0 / B, gz);
  const gn_solver sv = { .cls = gn_stepper_find("erk"), .tol = { tol, tol },
                         .back = { tol, tol }, .max_steps = 100000 };
  gn_ck_ok(gn_pass_create(gn_gradient_find(strategy), NULL, &pb, &sv, B, &ps));
  gn_ck_ok(gn_pass_forward(ps, B, p, NULL, x, z));
  gn_ck_ok(gn_pass_backward(ps, gz, gp, NULL, NULL));
  *stats = *gn_pass_stats(ps);
  gn_pass_destroy(&ps);
  gn_model_destroy(&m);
  free(events), free(times), free(x), free(gz), free(p), free(gp);
  return z;
}

/* rms of (z - want) / (tol (1 + |want|)) at output k: the norm of the error test. */
static double distance(const double *z, const double *want, size_t k)
{
  const size_t n = (size_t)B * D;
  double sum = 0;
  for (size_t i = k * n; i < (k + 1) * n; i++)
    sum += pow((z[i] - want[i]) / (TOL * (1 + fabs(want[i]))), 2);
  return sqrt(sum / (double)n);
}

/* Interpolated outputs cost the exact gradient at most a fifth more, and are as good as the
   solution: within 10 times the tolerance of a solve at 1e-11, in the norm of the error test. */
START_TEST(exact)
{
  gn_stats one, many, tight;
  double *z1 = gradient("discrete", GN_LAND, 1, TOL, &one);
  double *z = gradient("discrete", GN_INTERPOLATE, MANY, TOL, &many);
  double *want = gradient("discrete", GN_LAND, MANY, 1e-11, &tight);
  double worst = 0;
  for (size_t k = 0; k < MANY; k++) worst = fmax(worst, distance(z, want, k));
  const double ratio = (double)(many.f + many.back_vjp) / (double)(one.f + one.back_vjp);
  ck_assert_int_gt(one.steps, 5);
  ck_assert_msg(ratio <= 1.2, "%ld + %ld evaluations for %d outputs, %ld + %ld for one",
                many.f, many.back_vjp, MANY, one.f, one.back_vjp);
  ck_assert_msg(worst <= 10, "an output is off by %.1f tolerances", worst);
  (void)printf("f + vjp: %ld for 1 output, %ld for %d (ratio %.3f); largest output error %.2f tol\n",
               one.f + one.back_vjp, many.f + many.back_vjp, MANY, ratio, worst);
  free(z1), free(z), free(want);
}
END_TEST

/* A restart at an output costs a continuous adjoint its first slope and nothing more: no
   probe, no rejected step, at most stages + 1 calls an interval. */
static const char *const continuous[] = { "backsolve", "seminorm", "interpolate", "gauss" };

START_TEST(restarts)
{
  gn_stats many;
  double *z = gradient(continuous[_i], GN_INTERPOLATE, MANY, TOL, &many);
  ck_assert_int_eq(many.back_rejects, 0);
  ck_assert_int_ge(many.back_steps, MANY);
  ck_assert_msg(many.nfe_backward <= (STAGES + 1L) * MANY, "%s: %ld calls for %d intervals",
                continuous[_i], many.nfe_backward, MANY);
  free(z);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("outputs");
  TCase *c = tcase_create("outputs");
  tcase_set_timeout(c, 600);
  tcase_add_test(c, exact);
  tcase_add_loop_test(c, restarts, 0, (int)(sizeof continuous / sizeof *continuous));
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
