/* Delays: closed forms by the method of steps, exact strategies against tangents and against
 * differences over replayed steps, convergence of the continuous ones, refusals. */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const gn_rig_way erk = { NULL, "" };

static gn_rig_way way(const char *name, const char *text)
{
  gn_rig_way w = erk;
  w.cls = gn_stepper_find(name);
  ck_assert(w.cls != NULL);
  (void)snprintf(w.text, sizeof w.text, "%s", text);
  return w;
}

static void set_times(gn_rig *r, size_t K, const double *times)
{
  gn_ck_ok(gn_problem_outputs(r->model, K, times, r->problem.output, r->event, &r->problem));
  r->nY = K * r->n;
}

/* ---- a closed form -------------------------------------------------------------------- */

/* z' = b z(t - 1), z = 1 before 0, L = z(3)^2 / 2 at b = -1: z(3) = -1/6 and, piece by piece
   polynomials of degree <= 3, dL/db = 1/12, dL/dz0 = 1/36, dL/dtau = 1/6. */
static void closed_form(const char *strategy, double rtol, gn_rig_answer *a, double *theta)
{
  static const double times[2] = { 0, 3 };
  const gn_rig_way st = way("erk", "");
  gn_model *m = gn_rig_model("delayed:dim=1", 0, 0);
  gn_rig r;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 1, &st, rtol, 0, &r);
  set_times(&r, 1, times);
  gn_rig_params(m, 1, 0, r.p);
  r.y0[0] = 1;
  r.gY[0] = -1.0 / 6;
  gn_rig_answer_of(&r, strategy, 0, a);
  theta[0] = a->Y[0], theta[1] = a->gy0[0];
  theta[2] = a->gp[2], theta[3] = a->gp[3]; /* b0, theta0: tau = exp(0) = dtau/dtheta */
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}

START_TEST(exact_on_polynomials)
{
  static const char *const exact[] = { "discrete", "discrete:budget=1", "tangent" };
  gn_rig_answer a;
  double v[4];
  closed_form(exact[_i], 1e-6, &a, v);
  gn_ck_close(v[0], -1.0 / 6, 1e-12);
  gn_ck_close(v[1], 1.0 / 36, 1e-12);
  gn_ck_close(v[2], 1.0 / 12, 1e-12);
}
END_TEST

/* At tolerance 1e-11 continuous adjoints have all of it, the lag included. */
START_TEST(continuous_on_polynomials)
{
  static const char *const names[] = { "interpolate", "gauss:state=trajectory",
                                       "gauss:state=trajectory:rule=adaptive" };
  gn_rig_answer a;
  double v[4];
  closed_form(names[_i], 1e-11, &a, v);
  gn_ck_close(v[0], -1.0 / 6, 1e-9);
  gn_ck_close(v[1], 1.0 / 36, 1e-9);
  gn_ck_close(v[2], 1.0 / 12, 1e-9);
  gn_ck_close(v[3], 1.0 / 6, 1e-9);
}
END_TEST

/* Many outputs, three of them at breaking points: z(t) = sum_j b^j (t - (j - 1) tau)^j / j! over
   j with t > (j - 1) tau, L = sum_k w_k z(t_k). All derivatives, but by the lag, of which the
   exact strategies have that on a grid that stays. */
START_TEST(many_outputs_on_polynomials)
{
  static const char *const names[] = { "discrete", "discrete:budget=1", "tangent", "fd",
                                       "interpolate", "gauss:state=trajectory" };
  enum { K = 30 };
  const int exact = _i < 3;
  const double tol = exact ? 1e-12 : 1e-9, b = -1;
  const gn_rig_way st = way("erk", "");
  double times[K + 1] = { 0 }, gz = 0, gb = 0, gtau = 0, gt[K + 1] = { 0 }, w[K];
  gn_model *m = gn_rig_model("delayed:dim=1", 0, 0);
  gn_rig r;
  gn_rig_answer a;
  gn_event event[K];
  for (int k = 1; k <= K; k++) times[k] = k / 10.0;
  gn_rig_random(5, K, 1, w);
  gn_rig_create(m, GN_RIG_PLAIN, _i % 2 ? GN_INTERPOLATE : GN_LAND, 1, &st, exact ? 1e-6 : 1e-11, 0,
                &r);
  gn_ck_ok(gn_problem_outputs(m, K, times, r.problem.output, event, &r.problem));
  r.nY = K;
  r.gY = w;
  gn_rig_params(m, 1, 0, r.p);
  r.y0[0] = 1;
  gn_rig_answer_of(&r, names[_i], 1, &a);
  for (int k = 1; k <= K; k++) {
    double z = 1, power = 1, fall = 1; /* power = b^j, fall = j! */
    for (int j = 1; j - 1 < times[k] - 1e-9; j++) {
      const double u = times[k] - (j - 1);
      power *= b, fall *= j;
      z += power * pow(u, j) / fall;
      gb += w[k - 1] * j * power / b * pow(u, j) / fall;
      gtau -= w[k - 1] * (j - 1) * power * pow(u, j - 1) / (fall / j);
      gt[k] += w[k - 1] * power * pow(u, j - 1) / (fall / j);
    }
    ck_assert_double_eq_tol(a.Y[k - 1], z, tol);
    gz += w[k - 1] * z;
    gt[0] -= gt[k];
  }
  gn_ck_close(a.gy0[0], gz, tol);
  gn_ck_close(a.gp[2], gb, tol);
  gn_ck_close_all(K + 1, a.gt, gt, tol);
  if (_i > 3) gn_ck_close(a.gp[3], gtau, tol);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- exact strategies ----------------------------------------------------------------- */

typedef struct scene {
  const char *model, *stepper, *way;
  gn_output_mode output;
} scene;

static const scene scenes[] = {
  { "delayed:dim=2:tau=0.4:a=-0.3:c=0.5", "erk", "", GN_LAND },
  { "delayed:dim=2:tau=0.4:a=-0.3:c=0.5:square=yes", "erk", "", GN_INTERPOLATE },
  { "delayed:dim=1:tau=0.23:lags=2:square=yes:b=-0.6", "erk", "", GN_LAND },
  { "delayed:dim=2:tau=0.2:lags=3:square=yes:b=-0.4:c=1", "erk", "", GN_INTERPOLATE },
  { "delayed:dim=2:tau=0.2:lags=3:square=yes:b=-0.4:c=1", "erk", "table=bogacki_shampine",
    GN_LAND },
  { "delayed:dim=1:tau=0.3:lags=2:ratio=2:square=yes:b=0.4", "erk", "table=bogacki_shampine",
    GN_INTERPOLATE },
  { "delayed:dim=2:tau=0.2:lags=2:square=yes:b=-0.4:c=1", "rkfixed", "table=dormand_prince",
    GN_LAND },
  { "delayed:dim=2:tau=5:lags=1:square=yes:b=-0.4:c=1", "erk", "", GN_LAND },
};
enum { NSCENE = sizeof scenes / sizeof *scenes };

static void open_scene(const scene *sc, double tol, gn_model **m, gn_rig *r)
{
  const gn_rig_way st = way(sc->stepper, sc->way);
  *m = gn_rig_model(sc->model, 0, 0);
  gn_rig_create(*m, GN_RIG_PLAIN, sc->output, 3, &st, tol, 0.07, r);
}

/* The same gradient to rounding, whatever is kept; and <w, dPhi v> = <dPhi^T w, v>. */
START_TEST(discrete_is_exact)
{
  gn_model *m;
  gn_rig r;
  open_scene(&scenes[_i], 1e-5, &m, &r);
  gn_rig_answer d, small, t, f;
  gn_rig_answer_of(&r, "discrete", 0, &d);
  gn_rig_answer_of(&r, "tangent", 0, &t);
  gn_rig_answer_of(&r, "fd", 0, &f);
  ck_assert_double_le(gn_rig_distance(&r, &d, &t), 1e-12);
  ck_assert_double_le(gn_rig_distance(&r, &d, &f), 1e-8); /* differences: d^4 + eps / d */
  gn_rig_answer_of(&r, "discrete:budget=1", 0, &small);
  ck_assert_int_gt(small.stats.recomputed, 0);
  ck_assert_mem_eq(small.gp, d.gp, r.np * sizeof *d.gp);
  ck_assert_mem_eq(small.gy0, d.gy0, r.n * sizeof *d.gy0);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* A strategy may be used again, also after an oracle has shifted what it reads. */
START_TEST(runs_repeat)
{
  static const char *const names[] = { "discrete", "tangent", "fd" };
  gn_model *m;
  gn_rig r;
  open_scene(&scenes[3], 1e-5, &m, &r);
  gn_gradient *g = gn_rig_gradient(&r, names[_i], r.B);
  gn_rig_answer a, b;
  gn_rig_run(&r, g, 0, &a);
  gn_rig_run(&r, g, 0, &b);
  ck_assert_mem_eq(a.gp, b.gp, r.np * sizeof *a.gp);
  double *gp = gn_arena_alloc(r.arena, r.np, sizeof *gp);
  double *gy0 = gn_arena_alloc(r.arena, r.n, sizeof *gy0);
  ck_assert(gp && gy0);
  gn_ck_ok(gn_gradient_backward(g, r.gY, gy0, gp, NULL)); /* backward twice */
  ck_assert_mem_eq(a.gp, gp, r.np * sizeof *gp);
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* A history of three states: dL/d of each, of y0, p and the lags, by discrete and by the continuous
   adjoint, against differences of whole solves at tight tolerance. */
typedef struct past {
  gn_model *m;
  gn_rig r;
  double *hist, *ghist;
} past;
static const double past_at[3] = { -0.9, -0.5, -0.2 };

static void open_past(past *w)
{
  static const scene sc = { "delayed:dim=2:tau=0.6:lags=2:square=yes:b=-0.5:c=1", "erk", "", GN_LAND };
  open_scene(&sc, 1e-12, &w->m, &w->r);
  w->hist = gn_arena_alloc(w->r.arena, 3 * w->r.n, sizeof *w->hist);
  w->ghist = gn_arena_alloc(w->r.arena, 3 * w->r.n, sizeof *w->ghist);
  ck_assert(w->hist && w->ghist);
  gn_rig_random(5, 3 * w->r.n, 0.7, w->hist);
  w->r.problem.nhist = 3;
  w->r.problem.hist_s = past_at;
  w->r.drive.hist = w->hist;
  w->r.drive.ghist = w->ghist;
}

static double loss_of(const past *w)
{
  gn_rig_answer a;
  gn_rig_answer_of(&w->r, "discrete", 0, &a);
  return gn_vec_dot(w->r.nY, a.Y, w->r.gY);
}

static double slope_of(const past *w, double *x)
{
  const double keep = *x, e = 1e-2;
  static const double c[4] = { 1, -1, 2, -2 }, b[4] = { 8, -8, -1, 1 };
  double sum = 0;
  for (int k = 0; k < 4; k++) {
    *x = keep + c[k] * e;
    sum += b[k] * loss_of(w) / (12 * e);
  }
  *x = keep;
  return sum;
}

/* Largest distance of g [n] from differences by x, over the largest of them; every skip-th of
   the last ones is left out. */
static double distance(past *w, size_t n, double *x, const double *g, size_t from, size_t skip)
{
  double size = 0, off = 0;
  for (size_t i = 0; i < n; i++) {
    if (skip && i >= from && (i - from) % skip == 0) continue;
    const double want = slope_of(w, &x[i]);
    size = fmax(size, fabs(want)), off = fmax(off, fabs(g[i] - want));
  }
  ck_assert_double_gt(size, 1e-3);
  return off / size;
}

/* Solves at 1e-12 jitter by 1e-9, over e; differences by a lag see the kinks that pass outputs.
   discrete's lags move while the grid does not: its derivative by them (parameters 3 and 5)
   is another one. */
START_TEST(history_is_differentiated)
{
  static const char *const names[] = { "discrete", "interpolate", "gauss:state=trajectory" };
  past w;
  gn_rig_answer a;
  open_past(&w);
  gn_rig_answer_of(&w.r, names[_i], 0, &a);
  double *g = gn_arena_alloc(w.r.arena, 3 * w.r.n, sizeof *g);
  ck_assert(g != NULL);
  memcpy(g, w.ghist, 3 * w.r.n * sizeof *g);
  ck_assert_double_le(distance(&w, 3 * w.r.n, w.hist, g, 0, 0), 1e-6);
  ck_assert_double_le(distance(&w, w.r.n, w.r.y0, a.gy0, 0, 0), 1e-6);
  ck_assert_double_le(distance(&w, w.r.np, w.r.p, a.gp, 3, _i == 0 ? 2 : 0), 1e-6);
  gn_rig_destroy(&w.r);
  gn_model_destroy(&w.m);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------- */

static void refused(const char *stepper, const char *text, const char *strategy, const char *says)
{
  const gn_rig_way st = way(stepper, text);
  gn_model *m = gn_rig_model("delayed", 0, 0);
  gn_rig r;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 1, &st, 1e-4, 0.1, &r);
  gn_gradient *g = NULL;
  const gn_gradient_class *cls = gn_gradient_find(strategy);
  ck_assert(cls != NULL);
  ck_assert_int_eq(gn_gradient_create(cls, NULL, &r.problem, &r.solver, 1, &g), GN_EUNSUP);
  ck_assert_msg(strstr(gn_last_error(), says) != NULL, "%s", gn_last_error());
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}

START_TEST(what_cannot_be_done)
{
  refused("erk", "", "backsolve", "cannot do delays, which model delayed has: ");
  refused("erk", "", "seminorm", "use one of");
  refused("erk", "", "cvodes", "discrete");
  refused("erk", "", "symplectic", "tangent");
  refused("erk", "", "reversible", "delays");
  refused("erk", "", "forward", "delays");
  refused("rkfixed", "table=rk4", "discrete", "interpolant");
  refused("torchdiffeq", "", "discrete", "cannot stop at breaking points");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("delay");
  TCase *numbers = tcase_create("numbers"), *exact = tcase_create("exact");
  tcase_add_loop_test(numbers, exact_on_polynomials, 0, 3);
  tcase_add_loop_test(numbers, continuous_on_polynomials, 0, 3);
  tcase_add_loop_test(numbers, many_outputs_on_polynomials, 0, 6);
  tcase_add_loop_test(exact, discrete_is_exact, 0, NSCENE);
  tcase_add_loop_test(exact, runs_repeat, 0, 3);
  tcase_add_loop_test(exact, history_is_differentiated, 0, 3);
  tcase_add_test(exact, what_cannot_be_done);
  tcase_set_timeout(exact, 120);
  suite_add_tcase(s, numbers);
  suite_add_tcase(s, exact);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
