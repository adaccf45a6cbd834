/* SUNDIALS' adjoint example cvsRoberts_ASAi_dns as an oracle from outside: Robertson's
 * kinetics from (1, 0, 0) over [0, 4e7] with G = integral of y3,
 *
 *   G = 3.9983e7,  dG/dp = (7.684e5, -3.069, 5.114e-4)  at  p = (0.04, 1e4, 3e7),
 *
 * each within 0.2 %. G is a running cost: the integral of component 2, outside the error norm
 * but on dirk, by the steps of the state at its one absolute tolerance (the example has three
 * and tests G too). */
#include "core/pass.h"
#include "core/running.h"
#include "support/rig.h"
#include "support/support.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct way {
  const char *stepper, *strategy;
  double back; /* rtol of the adjoint */
} way;

/* Parameter integrals are outside the error test of cvodes unless quad_control is on, and
   interpolate's quadrature sees the steps of the adjoint only: a tenth of rtol for it. */
static const way ways[] = {
  { "bdf:linear=dense", "cvodes:method=bdf:quad_control=yes", 1e-6 },
  { "bdf:linear=dense", "interpolate", 1e-7 },
  { "bdf:linear=spgmr", "interpolate", 1e-7 },
  { "dirk:linear=dense", "interpolate", 1e-7 },
  { "dirk:linear=dense", "discrete", 1e-6 },
  { "dirk:linear=spgmr", "discrete", 1e-6 },
};

typedef struct answer {
  double G, gp[3];
} answer;

/* "name:keys" to name; returns the keys. */
static const char *split(const char *text, char name[32])
{
  const size_t n = strcspn(text, ":");
  (void)snprintf(name, 32, "%.*s", (int)n, text);
  return text + n + (text[n] == ':');
}

static gn_status solve(const way *w, answer *out)
{
  static const double times[2] = { 0, 4e7 }, x[3] = { 1, 0, 0 }, gz[4] = { 0, 0, 0, 1 };
  gn_arena *a;
  gn_model *m;
  gn_event event;
  gn_problem pb;
  gn_pass *ps;
  double z[4] = { 0 }, p[3];
  char stepper[32], strategy[32];
  gn_ck_ok(gn_arena_create(&a));
  m = gn_rig_model("robertson", 0, 0);
  gn_ck_ok(gn_running_add(&m, GN_RUNNING_COMPONENT, 2));
  gn_ck_ok(gn_problem_outputs(m, 1, times, GN_LAND, &event, &pb));
  const char *stepper_keys = split(w->stepper, stepper), *strategy_keys = split(w->strategy, strategy);
  const gn_stepper_class *st = gn_stepper_find(stepper);
  const gn_gradient_class *g = gn_gradient_find(strategy);
  const gn_solver sv = { .cls = st,
                         .config = gn_rig_config(a, st->options, st->config_size, stepper_keys),
                         .tol = { 1e-6, 1e-14 }, .back = { w->back, 1e-14 },
                         .max_steps = 20000 };
  gn_params_init(&m->params, 1, p);
  memset(out, 0, sizeof *out);
  gn_status s = gn_pass_create(g, gn_rig_config(a, g->options, g->config_size, strategy_keys),
                               &pb, &sv, 1, &ps);
  if (s == GN_OK) s = gn_pass_forward(ps, 1, p, NULL, x, z);
  if (s == GN_OK) s = gn_pass_backward(ps, gz, out->gp, NULL, NULL);
  out->G = z[3];
  gn_pass_destroy(&ps);
  gn_model_destroy(&m);
  gn_arena_destroy(&a);
  return s;
}

START_TEST(example)
{
  static const double dG[3] = { 7.684e5, -3.069, 5.114e-4 };
  answer a;
  gn_ck_ok(solve(&ways[_i], &a));
  gn_ck_close(a.G, 3.9983e7, 2e-3);
  for (int k = 0; k < 3; k++) gn_ck_close(a.gp[k], dG[k], 2e-3);
}
END_TEST

/* Stage systems of norm 1e10 transposed by LU and by GMRES: what Newton's method has left in the
   stages differs, by 1e-6 in the gradient; digits lost in the systems would show. */
START_TEST(linear_solvers_agree)
{
  static const way both[2] = { { "dirk:linear=dense", "discrete", 1e-6 },
                               { "dirk:linear=spgmr", "discrete", 1e-6 } };
  answer a[2];
  for (int k = 0; k < 2; k++) gn_ck_ok(solve(&both[k], &a[k]));
  for (int k = 0; k < 3; k++) gn_ck_close(a[1].gp[k], a[0].gp[k], 1e-5);
}
END_TEST

/* The state cannot be solved backward through 4e7 time units of decay: said, not returned. */
START_TEST(backsolve_refuses)
{
  const way w = { "bdf:linear=dense", "backsolve", 1e-6 };
  answer a;
  gn_ck_fails(solve(&w, &a), GN_ESOLVER, "stiff");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("robertson");
  TCase *c = tcase_create("robertson");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, example, 0, (int)(sizeof ways / sizeof *ways));
  tcase_add_test(c, linear_solvers_agree);
  tcase_add_test(c, backsolve_refuses);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
