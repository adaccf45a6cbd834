/* Evaluation counts of torchdiffeq as integers.
 *
 * The scalar toy z' = a z, L = z(T)^2, a = 0.2, z0 = 10 at rtol 1e-6, atol 1e-7:
 *   L = z0^2 exp(2 a T),   dL/da = 2 T L,   dL/dz0 = 2 L / z0,   dL/dT = 2 a L,
 * with the full norm, the semi-norm and the Gauss-Legendre adjoint (C = 0.4); and the
 * recorded cases of the shared folder, run with torchdiffeq 0.2.5. */
#include "support/rig.h"
#include "support/support.h"

#include "core/registry.h"
#include "study/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the scalar toy ---------------------------------------------------------------- */

enum { FULL, SEMI, GAUSS, NWAYS };
static const char *const toy_ways[NWAYS] = {
  "backsolve:norm=blockmax", "backsolve:norm=semi", "gauss:rule=paper:C=0.4"
};
static const struct {
  double T;
  long forward, backward[NWAYS], nodes;
  double error[NWAYS]; /* of dL/da, relative */
} toy[] = {
  { 19, 98, { 158, 104, 104 }, 40, { 3.4e-6, 4.9e-6, 3.4e-6 } },
  { 20, 104, { 164, 110, 110 }, 42, { 3.6e-6, 5.1e-6, 3.6e-6 } },
  { 25, 122, { 194, 134, 134 }, 49, { 4.0e-6, 5.5e-6, 4.0e-6 } },
  { 29, 140, { 218, 152, 152 }, 56, { 4.7e-6, 6.3e-6, 4.7e-6 } },
};
enum { NTOY = sizeof toy / sizeof *toy };

typedef struct answer {
  double z, gy0, gp, gt[2];
  gn_stats stats;
} answer;

static void solve_toy(const char *way, double T, answer *out)
{
  const double a = 0.2, z0 = 10, times[2] = { 0, T };
  gn_model *m = gn_rig_model("linear:dim=1", 0, 0);
  gn_event event;
  gn_rig r = { .model = m };
  r.solver = (gn_solver){ .cls = gn_stepper_find("torchdiffeq"), .tol = { 1e-6, 1e-7 },
                          .back = { 1e-6, 1e-7 } };
  gn_ck_ok(gn_problem_outputs(m, 1, times, GN_LAND, &event, &r.problem));
  gn_gradient *g = gn_rig_gradient(&r, way, 1);
  *out = (answer){ 0 };
  gn_ck_ok(gn_gradient_forward(g, 1, &a, NULL, &z0, &out->z));
  const double gY = 2 * out->z;
  gn_ck_ok(gn_gradient_backward(g, &gY, &out->gy0, &out->gp, out->gt));
  out->stats = g->stats;
  gn_gradient_destroy(&g);
  gn_model_destroy(&m);
}

START_TEST(toy_table)
{
  const double T = toy[_i].T, L = 100 * exp(0.4 * T);
  for (int k = 0; k < NWAYS; k++) {
    answer a;
    solve_toy(toy_ways[k], T, &a);
    ck_assert_msg(a.stats.nfe_forward == toy[_i].forward,
                  "T = %g: %ld evaluations forward, published %ld", T, a.stats.nfe_forward,
                  toy[_i].forward);
    ck_assert_msg(a.stats.nfe_backward == toy[_i].backward[k],
                  "T = %g, %s: %ld evaluations backward, published %ld", T, toy_ways[k],
                  a.stats.nfe_backward, toy[_i].backward[k]);
    if (k == GAUSS) ck_assert_int_eq(a.stats.nodes, toy[_i].nodes);
    const double error = fabs(a.gp / (2 * T * L) - 1);
    ck_assert_msg(fabs(error / toy[_i].error[k] - 1) < 0.1, "T = %g, %s: dL/da is off by "
                  "%.2e, published %.1e", T, toy_ways[k], error, toy[_i].error[k]);
    gn_ck_close(a.gy0, 2 * L / 10, 1e-5);
    gn_ck_close(a.gt[1], 0.4 * L, 1e-5);
  }
}
END_TEST

/* ---- recorded cases ---------------------------------------------------------------- */

typedef struct recorded {
  char model[32], norm[16];
  double tol;
  long forward, backward;
} recorded;
enum { RECORDED_MAX = 32 };

/* Entries "MODEL_small/TOL/full|semi": { "forward": n, "backward": n, ... }; how many. */
static int read_counts(const char *path, recorded *r)
{
  static char text[16384];
  FILE *f = fopen(path, "r");
  ck_assert(f != NULL);
  text[fread(text, 1, sizeof text - 1, f)] = '\0';
  ck_assert_int_eq(fclose(f), 0);
  int n = 0;
  for (const char *s = text; (s = strstr(s, "_small/")) != NULL; s++) {
    const char *begin = s;
    while (begin > text && begin[-1] != '"') begin--;
    ck_assert_int_lt(n, RECORDED_MAX);
    recorded *e = &r[n++];
    char *norm;
    (void)snprintf(e->model, sizeof e->model, "%.*s", (int)(s - begin), begin);
    e->tol = strtod(s + strlen("_small/"), &norm);
    ck_assert(strncmp(norm, "/full\"", 6) == 0 || strncmp(norm, "/semi\"", 6) == 0);
    (void)snprintf(e->norm, sizeof e->norm, "%s", norm[1] == 'f' ? "blockmax" : "semi");
    const char *forward = strstr(s, "\"forward\":"), *backward = strstr(s, "\"backward\":");
    ck_assert(forward && backward);
    e->forward = strtol(forward + strlen("\"forward\":"), NULL, 10);
    e->backward = strtol(backward + strlen("\"backward\":"), NULL, 10);
  }
  return n;
}

static void run_case(const recorded *e, gn_stats *stats)
{
  char name[64], text[64];
  (void)snprintf(name, sizeof name, "cases/%.31s_small.h5", e->model);
  (void)snprintf(text, sizeof text, "%.17g", e->tol);
  char keys[9][64];
  const char *key[9];
  const struct {
    const char *name, *value;
  } set[9] = {
    { "model.name", e->model }, { "model.dim", "2" },
    { "model.width", strcmp(e->model, "node") ? "12" : "10" }, { "model.depth", "2" },
    { "solver.name", "torchdiffeq" }, { "solver.rtol", text }, { "solver.atol", text },
    { "gradient.name", "backsolve" }, { "gradient.norm", e->norm },
  };
  for (int k = 0; k < 9; k++) {
    (void)snprintf(keys[k], sizeof keys[k], "%s=%s", set[k].name, set[k].value);
    key[k] = keys[k];
  }
  gn_experiment *x;
  gn_case *c;
  gn_ck_ok(gn_experiment_read(NULL, 9, key, &x));
  gn_ck_ok(gn_case_create(x, gn_test_path(gn_test_shared(), name), &c));
  gn_ck_ok(gn_case_run(c));
  *stats = *gn_case_stats(c);
  gn_case_destroy(&c);
  gn_experiment_destroy(&x);
}

START_TEST(recorded_counts)
{
  recorded r[RECORDED_MAX];
  const char *path = gn_test_path(gn_test_shared(), "cases/nfe.json");
  if (!gn_test_need("recorded counts", path)) return;
  const int n = read_counts(path, r);
  ck_assert_int_eq(n, 12);
  for (int k = 0; k < n; k++) {
    gn_stats stats;
    run_case(&r[k], &stats);
    ck_assert_msg(stats.nfe_forward == r[k].forward && stats.nfe_backward == r[k].backward,
                  "%s at %g, norm %s: %ld and %ld evaluations, recorded %ld and %ld",
                  r[k].model, r[k].tol, r[k].norm, stats.nfe_forward, stats.nfe_backward,
                  r[k].forward, r[k].backward);
  }
}
END_TEST

int main(void)
{
  Suite *s = suite_create("toy");
  TCase *tc = tcase_create("counts");
  tcase_add_loop_test(tc, toy_table, 0, NTOY);
  tcase_add_test(tc, recorded_counts);
  tcase_set_timeout(tc, 120);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
