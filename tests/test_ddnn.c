/* The delay network: its gradients against differences for every architecture, how fast they
 * converge as the tolerance falls, and the memory of `discrete` over many lags. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "core/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 101 };

/* A ddnn, what it runs on, and K outputs at equal distances until T. */
typedef struct scene {
  gn_model *model;
  gn_rig r;
  gn_event event[MANY];
} scene;

static void open_scene(scene *sc, const char *model, const char *table, gn_output_mode mode,
                       double tol, size_t B, size_t K, double T)
{
  gn_rig_way w = { .cls = gn_stepper_find("erk") };
  double times[MANY + 1];
  (void)snprintf(w.text, sizeof w.text, "table=%s", table);
  for (size_t k = 0; k <= K; k++) times[k] = T * (double)k / (double)K;
  sc->model = gn_rig_model(model, 0, 0);
  gn_rig_create(sc->model, GN_RIG_PLAIN, mode, B, &w, tol, 0, &sc->r);
  gn_rig *r = &sc->r;
  gn_ck_ok(gn_problem_outputs(sc->model, K, times, mode, sc->event, &r->problem));
  r->nY = K * r->n;
  r->gY = gn_arena_alloc(r->arena, r->nY, sizeof *r->gY);
  ck_assert(r->gY != NULL);
  gn_rig_random(3, r->nY, 1, r->gY);
  r->solver.max_steps = 1000000;
}

/* Weights of a network of one hidden layer: z_i' = -2 tanh z_i(t - tau), the last lag, which
   oscillates for ever, so that steps are as many in every window. */
static void oscillate(scene *sc)
{
  const gn_params *ps = &sc->model->params;
  const gn_param *in = gn_params_find(ps, "f.0.weight"), *out = gn_params_find(ps, "f.1.weight");
  const size_t d = sc->model->ny, width = in->shape[0], from = in->shape[1] - d;
  gn_vec_fill(in->n, 0.0, sc->r.p + in->offset);
  gn_vec_fill(out->n, 0.0, sc->r.p + out->offset);
  for (size_t i = 0; i < d; i++) {
    sc->r.p[in->offset + i * in->shape[1] + from + i] = 1;
    sc->r.p[out->offset + i * width + i] = -2;
  }
}

static void close_scene(scene *sc)
{
  gn_rig_destroy(&sc->r);
  gn_model_destroy(&sc->model);
}

static void same_bits(const gn_rig *r, const gn_rig_answer *a, const gn_rig_answer *b)
{
  ck_assert_mem_eq(a->gp, b->gp, r->np * sizeof *a->gp);
  ck_assert_mem_eq(a->gy0, b->gy0, r->n * sizeof *a->gy0);
  if (a->gt) ck_assert_mem_eq(a->gt, b->gt, (1 + r->problem.noutput) * sizeof *a->gt);
}

/* ---- against differences -------------------------------------------------------------- */

static const char *const shapes[] = {
  "architecture=concat:lags=0.37",
  "architecture=concat:lags=0.29,0.53:train_lags=yes:time=append",
  "architecture=concat:lags=0.2,0.4,0.9:train_lags=yes",
  "architecture=combine:lags=0.37:train_lags=yes",
  "architecture=combine:lags=0.29,0.53",
  "architecture=combine:lags=0.6,0.2,0.23:train_lags=yes",
  "architecture=additive:lags=0.37:train_lags=yes:time=append",
  "architecture=additive:lags=0.29,0.53:train_lags=yes",
  "architecture=additive:lags=0.21,0.43,2.5",
};
enum { NSHAPE = sizeof shapes / sizeof *shapes };

/* Order-4 differences leave d^4 + eps / d of the gradient. Outputs lie between breaking
   points; the table alternates. */
START_TEST(matches_differences)
{
  static const char *const tables[] = { "dormand_prince", "bogacki_shampine" };
  const char *shape = shapes[_i / 2];
  char model[160];
  scene sc;
  (void)snprintf(model, sizeof model, "ddnn:dim=2:width=5:depth=2:%s", shape);
  open_scene(&sc, model, tables[_i / 2 % 2], _i % 2 ? GN_INTERPOLATE : GN_LAND, 1e-5, 2, 3, 1.5);
  gn_rig_answer d, f, t, small;
  gn_rig_answer_of(&sc.r, "discrete", 1, &d);
  gn_rig_answer_of(&sc.r, "fd", 1, &f);
  gn_rig_answer_of(&sc.r, "tangent", 1, &t);
  gn_rig_answer_of(&sc.r, "discrete:budget=1", 1, &small);
  ck_assert_msg(gn_rig_distance(&sc.r, &d, &f) <= 1e-8, "%s: off by %.1e", shape,
                gn_rig_distance(&sc.r, &d, &f));
  ck_assert_double_le(gn_rig_distance(&sc.r, &d, &t), 1e-12);
  gn_ck_close_all(4, d.gt, t.gt, 1e-12);
  gn_ck_close_all(4, d.gt, f.gt, 1e-8);
  same_bits(&sc.r, &small, &d);
  close_scene(&sc);
}
END_TEST

/* ---- awkward lags --------------------------------------------------------------------- */

typedef struct awkward {
  const char *lags;
  size_t K;
  gn_output_mode output;
  double exact, near; /* bounds of the distances below */
} awkward;

static const awkward awkwards[] = {
  { "0.3,0.6", 100, GN_LAND, 1e-12, 1e-8 },        /* multiples, outputs at breaking points */
  { "0.3,0.6", 100, GN_INTERPOLATE, 1e-12, 1e-8 },
  { "0.2,0.31,0.47", 100, GN_INTERPOLATE, 1e-12, 1e-8 },
  { "0.25,0.5,1", 6, GN_INTERPOLATE, 1e-12, 1e-8 },
  { "1.5,0.5", 3, GN_LAND, 1e-12, 1e-8 },          /* as long as the solve                  */
  { "0.5,2.5", 3, GN_INTERPOLATE, 1e-12, 1e-8 },   /* longer                                */
  { "2.5", 3, GN_LAND, 1e-12, 1e-8 },
  { "0.4,0.4", 3, GN_LAND, 1e-12, 1e-8 },          /* equal, and almost                     */
  { "0.4,0.40000000001", 3, GN_LAND, 1e-12, 1e-8 },
  { "0.4,0.4000001", 3, GN_LAND, 1e-12, 1e-8 },
  { "0.003,0.5", 3, GN_LAND, 1e-11, 1e-8 },        /* hundreds of pieces add up rounding    */
};
enum { NAWKWARD = sizeof awkwards / sizeof *awkwards };

/* Exact strategies agree to rounding; the continuous adjoint at 1e-10 is near, the derivatives
   with respect to the lags apart, which the grid does not follow. */
START_TEST(awkward_lags)
{
  const awkward *w = &awkwards[_i];
  char model[160];
  scene sc;
  (void)snprintf(model, sizeof model, "ddnn:dim=2:width=5:depth=1:train_lags=%s:lags=%s",
                 _i % 2 ? "yes" : "no", w->lags);
  open_scene(&sc, model, "dormand_prince", w->output, 1e-10, 2, w->K, 1.5);
  gn_rig_answer d, t, small, c;
  gn_rig_answer_of(&sc.r, "discrete", 1, &d);
  gn_rig_answer_of(&sc.r, "tangent", 1, &t);
  ck_assert_double_le(gn_rig_distance(&sc.r, &d, &t), w->exact);
  gn_ck_close_all(1 + w->K, d.gt, t.gt, w->exact);
  gn_rig_answer_of(&sc.r, "discrete:budget=1", 1, &small);
  same_bits(&sc.r, &small, &d);
  gn_rig_answer_of(&sc.r, "interpolate", 1, &c);
  for (size_t k = 0; _i % 2 && k < sc.model->nlag; k++) /* the last parameters */
    c.gp[sc.r.np - 1 - k] = d.gp[sc.r.np - 1 - k];
  ck_assert_msg(gn_rig_distance(&sc.r, &c, &d) <= w->near, "lags %s: off by %.1e", w->lags,
                gn_rig_distance(&sc.r, &c, &d));
  close_scene(&sc);
}
END_TEST

/* ---- convergence ---------------------------------------------------------------------- */

/* Weights so large that the tolerance and not the breaking points rule the steps. */
static void strengthen(scene *sc, double gain)
{
  const gn_params *ps = &sc->model->params;
  for (size_t k = 0; k < ps->n; k++)
    if (strncmp(ps->at[k].name, "log_tau", 7) != 0)
      gn_vec_scale(ps->at[k].n, gain, sc->r.p + ps->at[k].offset, sc->r.p + ps->at[k].offset);
}

static void converge(const char *table, const char *strategy, double tol, scene *sc,
                     gn_rig_answer *a)
{
  open_scene(sc, "ddnn:dim=2:width=6:depth=1:lags=4,6.5:train_lags=yes", table, GN_LAND, tol, 2, 3,
             15);
  strengthen(sc, 3);
  gn_rig_answer_of(&sc->r, strategy, 0, a);
}

static double error(size_t n, const double *a, const double *b)
{
  double d = 0;
  for (size_t i = 0; i < n; i++) d += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(d / gn_vec_sumsq(n, b));
}

/* Errors of dL/dp, dL/dz0, dL/dtau, relative to the reference. */
static void errors(const scene *sc, const gn_rig_answer *a, const gn_rig_answer *ref, double *e)
{
  const size_t nlag = sc->model->nlag, np = sc->r.np - nlag;
  e[0] = error(np, a->gp, ref->gp);
  e[1] = error(sc->r.n, a->gy0, ref->gy0);
  e[2] = error(nlag, a->gp + np, ref->gp + np);
}

/* The least-squares slope of log error against log tolerance over 1e-4 .. 1e-12. The two
   references, by different quadratures, agree to 1e-13; the errors end near 1e-12. */
START_TEST(converges)
{
  static const char *const tables[] = { "dormand_prince", "bogacki_shampine" };
  static const char *const names[] = { "discrete", "interpolate", "gauss:state=trajectory" };
  static const double least[] = { 0.9, 0.75 };
  const char *table = tables[_i / 3], *name = names[_i % 3];
  enum { FROM = 4, TO = 12 };
  scene sc[2], at;
  gn_rig_answer ref, other, a;
  double e[3], sum[3] = { 0 };
  converge("dormand_prince", "gauss:state=trajectory", 1e-14, &sc[0], &ref);
  converge("dormand_prince", "interpolate", 3e-14, &sc[1], &other);
  errors(&sc[0], &other, &ref, e);
  for (int k = 0; k < 3; k++) ck_assert_double_le(e[k], 1e-13);
  for (int x = FROM; x <= TO; x++) { /* slopes: sum (x - mean) y / sum (x - mean)^2 = 60 */
    converge(table, name, pow(10, -x), &at, &a);
    errors(&at, &a, &ref, e);
    for (int k = 0; k < 3; k++) sum[k] -= (x - 0.5 * (FROM + TO)) * log10(e[k]) / 60;
    close_scene(&at);
  }
  printf("%s, %s: slopes %.2f %.2f %.2f; errors at 1e-12 %.1e %.1e %.1e\n", table, name, sum[0],
         sum[1], sum[2], e[0], e[1], e[2]);
  for (int k = 0; k < 3; k++) ck_assert_double_ge(sum[k], least[_i / 3]);
  close_scene(&sc[0]);
  close_scene(&sc[1]);
}
END_TEST

/* ---- derivatives with respect to times ------------------------------------------------ */

static double loss(scene *sc, const double *times, size_t K)
{
  gn_rig *r = &sc->r;
  double *Y = calloc(r->nY, sizeof *Y);
  ck_assert(Y != NULL);
  gn_ck_ok(gn_problem_outputs(sc->model, K, times, GN_LAND, sc->event, &r->problem));
  gn_gradient *g = gn_rig_gradient(r, "discrete", r->B);
  gn_ck_ok(gn_gradient_forward(g, r->B, r->p, NULL, r->y0, Y));
  const double L = gn_vec_dot(r->nY, Y, r->gY);
  gn_gradient_destroy(&g);
  free(Y);
  return L;
}

/* dL/dt is that of the equation, the history staying constant: differences of solves at a
   tolerance of 1e-12, of order 4, have an error of 1e-12 / d + d^4. The last output is at a
   breaking point. */
START_TEST(times_match_differences)
{
  static const char *const names[] = { "discrete", "discrete:budget=1", "tangent", "fd",
                                       "interpolate", "gauss:state=trajectory" };
  enum { K = 4 };
  static const double shift[4] = { 1, -1, 2, -2 }, weight[4] = { 8, -8, -1, 1 };
  const double d = 1e-2, at[K + 1] = { 0.3, 0.5, 0.9, 1.23, 1.7 };
  scene sc;
  open_scene(&sc, "ddnn:dim=2:width=5:depth=1:lags=0.7,0.31:train_lags=yes:time=append",
             "dormand_prince", GN_LAND, 1e-12, 2, K, 1.5);
  gn_rig_answer a;
  gn_ck_ok(gn_problem_outputs(sc.model, K, at, GN_LAND, sc.event, &sc.r.problem));
  gn_rig_answer_of(&sc.r, names[_i], 1, &a);
  for (size_t k = 0; k <= K; k++) {
    double sum = 0;
    for (int i = 0; i < 4; i++) {
      double times[K + 1];
      memcpy(times, at, sizeof times);
      times[k] += shift[i] * d;
      sum += weight[i] / (12 * d) * loss(&sc, times, K);
    }
    ck_assert_msg(fabs(a.gt[k] - sum) <= 1e-7 * (1 + fabs(sum)), "%s, dL/dt_%zu = %.12g: %.12g",
                  names[_i], k, a.gt[k], sum);
  }
  close_scene(&sc);
}
END_TEST

/* ---- windows -------------------------------------------------------------------------- */

static const char *const long_models[] = {
  "ddnn:dim=2:width=16:depth=1:lags=1",
  "ddnn:dim=2:width=16:depth=1:lags=0.37,1:train_lags=yes",
  "ddnn:dim=3:width=8:depth=1:lags=0.31,0.5,1",
};

/* The bytes that wait for the backward pass over T lags, with all of it kept and with as
   little as possible; the same bits, and at most one more forward pass. */
static void measure(const char *model, double T, gn_output_mode mode, double tol, double *all,
                    double *least)
{
  scene sc;
  open_scene(&sc, model, "dormand_prince", mode, tol, 3, 7, T);
  oscillate(&sc);
  gn_rig_answer a, b;
  gn_rig_answer_of(&sc.r, "discrete", 1, &a);
  gn_rig_answer_of(&sc.r, "discrete:budget=1", 1, &b);
  same_bits(&sc.r, &a, &b);
  ck_assert_int_eq(a.stats.recomputed, 0);
  ck_assert_int_gt(b.stats.recomputed, 0);
  ck_assert_int_eq(b.stats.recomputed, b.stats.recompute_predicted);
  ck_assert_int_lt(b.stats.recomputed, b.stats.steps);
  ck_assert_int_le(b.stats.back_f - a.stats.back_f, b.stats.f);
  ck_assert(strstr(b.stats.note, "history windows") && strstr(a.stats.note, "the path kept"));
  *all = (double)a.stats.bytes;
  *least = (double)b.stats.bytes;
  printf("%s, T = %g: %ld steps, %.4g bytes, with windows %.4g, %ld steps again\n", model, T,
         a.stats.steps, *all, *least, b.stats.recomputed);
  close_scene(&sc);
}

START_TEST(memory_grows_like_the_root)
{
  const gn_output_mode mode = _i % 2 ? GN_INTERPOLATE : GN_LAND;
  const double tol = _i < 3 ? 1e-6 : 1e-9;
  double all[2], least[2];
  measure(long_models[_i % 3], 10, mode, tol, &all[0], &least[0]);
  measure(long_models[_i % 3], 80, mode, tol, &all[1], &least[1]);
  printf("%g: grow %.2f times, with windows %.2f\n", tol, all[1] / all[0], least[1] / least[0]);
  if (_i >= 3) ck_assert_double_ge(all[1], 7 * all[0]); /* else breaking points rule the steps */
  ck_assert_double_le(least[1], 3 * least[0]);
}
END_TEST

/* The budget governs: never more than it where windows fit, and steps are replayed only as
   far as needed. */
START_TEST(budget_governs)
{
  scene sc;
  open_scene(&sc, long_models[1], "bogacki_shampine", GN_LAND, 1e-5, 2, 5, 20);
  gn_rig_answer a, b;
  gn_rig_answer_of(&sc.r, "discrete", 0, &a);
  long before = 0;
  for (long tenths = 10; tenths > 4; tenths--) {
    char text[64];
    const long budget = a.stats.bytes * tenths / 10;
    (void)snprintf(text, sizeof text, "discrete:budget=%ld", budget);
    gn_rig_answer_of(&sc.r, text, 0, &b);
    same_bits(&sc.r, &a, &b);
    ck_assert_int_le(b.stats.bytes, budget);
    ck_assert_int_ge(b.stats.recomputed, before);
    ck_assert(tenths == 10 ? b.stats.recomputed == 0 : b.stats.recomputed > 0);
    ck_assert(!strstr(b.stats.note, "exceeded"));
    before = b.stats.recomputed;
  }
  gn_rig_answer_of(&sc.r, "discrete:budget=1", 0, &b);
  ck_assert(strstr(b.stats.note, "exceeded") != NULL);
  const long least = b.stats.bytes;
  gn_gradient *g = gn_rig_gradient(&sc.r, "discrete:budget=1000:strict=yes", 2);
  gn_ck_fails(gn_gradient_forward(g, 2, sc.r.p, NULL, sc.r.y0, a.Y), GN_ELIMIT, "history windows");
  gn_gradient_destroy(&g);
  char text[64];
  (void)snprintf(text, sizeof text, "discrete:budget=%ld:strict=yes", least);
  gn_rig_answer_of(&sc.r, text, 0, &b);
  same_bits(&sc.r, &a, &b);
  close_scene(&sc);
}
END_TEST

/* What is counted is what is there: the vectors of the path ever made fit beside one step. */
START_TEST(path_is_dropped)
{
  scene sc;
  open_scene(&sc, "ddnn:dim=2:width=4:depth=1:lags=1", "dormand_prince", GN_LAND, 1e-7, 3, 3, 80);
  oscillate(&sc);
  gn_gradient *g = gn_rig_gradient(&sc.r, "discrete:budget=1", 3);
  gn_rig_answer a;
  gn_rig_run(&sc.r, g, 0, &a);
  const gn_path *p = g->walk->delay->path;
  const double made = (double)(p->nvector * sc.r.n * sizeof(double));
  printf("path: %.3g of %.3g bytes made\n", made, (double)(p->n * 7 * sc.r.n * sizeof(double)));
  ck_assert_double_lt(made, 0.5 * (double)(p->n * 7 * sc.r.n * sizeof(double)));
  ck_assert_double_lt(made, (double)a.stats.bytes);
  gn_gradient_destroy(&g);
  close_scene(&sc);
}
END_TEST

/* Again, backward again, other lags, a smaller batch: the same bits as anew, and from the
   second solve of the same steps on nothing is allocated. */
START_TEST(windows_repeat)
{
  static const char *const names[] = { "discrete", "discrete:budget=1", "interpolate",
                                       "gauss:state=trajectory" };
  scene sc, one;
  open_scene(&sc, long_models[1], "dormand_prince", GN_LAND, 1e-5, 3, 5, 12);
  open_scene(&one, long_models[1], "dormand_prince", GN_LAND, 1e-5, 1, 5, 12);
  gn_rig *r = &sc.r;
  gn_gradient *g = gn_rig_gradient(r, names[_i], 3);
  gn_rig_answer a, b, fresh;
  gn_rig_run(r, g, 0, &a);
  double *v = calloc(r->np + r->n + r->nY, sizeof *v);
  ck_assert(v != NULL);
  long made = gn_wrap_count();
  gn_status s = gn_gradient_backward(g, r->gY, v + r->np, v, NULL);
  made = gn_wrap_count() - made;
  gn_ck_ok(s);
  ck_assert_int_eq(made, 0);
  ck_assert_mem_eq(v, a.gp, r->np * sizeof *v);
  made = gn_wrap_count();
  s = gn_gradient_forward(g, 3, r->p, NULL, r->y0, v + r->np + r->n);
  if (s == GN_OK) s = gn_gradient_backward(g, r->gY, v + r->np, v, NULL);
  made = gn_wrap_count() - made;
  gn_ck_ok(s);
  ck_assert_int_eq(made, 0);
  r->p[r->np - 1] += 0.3; /* the longest lag */
  gn_rig_run(r, g, 0, &b);
  gn_rig_answer_of(r, names[_i], 0, &fresh);
  same_bits(r, &b, &fresh);
  r->p[r->np - 1] -= 0.3;
  gn_rig_run(&one.r, g, 0, &b);
  gn_rig_answer_of(&one.r, names[_i], 0, &fresh);
  same_bits(&one.r, &b, &fresh);
  gn_rig_run(r, g, 0, &b);
  same_bits(r, &a, &b);
  gn_gradient_destroy(&g);
  free(v);
  close_scene(&one);
  close_scene(&sc);
}
END_TEST

/* Every allocation refused in turn: out of memory, nothing lost, and an answer when there is
   memory again. */
START_TEST(refused_memory)
{
  static const char *const names[] = { "discrete", "discrete:budget=1", "interpolate",
                                       "gauss:state=trajectory" };
  scene sc;
  char name[32];
  open_scene(&sc, "ddnn:dim=1:width=3:depth=1:lags=0.37,1", "dormand_prince", GN_LAND, 1e-3, 1, 2,
             5);
  gn_rig *r = &sc.r;
  double *v = calloc(r->np + r->n + r->nY, sizeof *v);
  ck_assert(v != NULL);
  (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(names[_i], ":"), names[_i]);
  const gn_gradient_class *cls = gn_gradient_find(name);
  const char *keys = names[_i] + strlen(name) + (strlen(name) < strlen(names[_i]));
  const void *config = gn_rig_config(r->arena, cls->options, cls->config_size, keys);
  int refused = 1;
  for (long k = 0; refused; k++) {
    gn_gradient *g;
    gn_wrap_refuse(k);
    gn_status got = gn_gradient_create(cls, config, &r->problem, &r->solver, 1, &g);
    if (got == GN_OK) got = gn_gradient_forward(g, 1, r->p, NULL, r->y0, v + r->np + r->n);
    if (got == GN_OK) got = gn_gradient_backward(g, r->gY, v + r->np, v, NULL);
    refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    ck_assert_msg(got == (refused ? GN_ENOMEM : GN_OK), "%s, allocation %ld refused: %s (%s)",
                  names[_i], k, gn_status_name(got), gn_last_error());
    gn_gradient_destroy(&g);
    ck_assert_int_lt(k, 2000);
  }
  free(v);
  close_scene(&sc);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("ddnn");
  TCase *exact = tcase_create("differences"), *memory = tcase_create("windows");
  TCase *order = tcase_create("convergence");
  tcase_add_loop_test(exact, matches_differences, 0, 2 * NSHAPE);
  tcase_add_loop_test(exact, awkward_lags, 0, NAWKWARD);
  tcase_add_loop_test(exact, times_match_differences, 0, 6);
  tcase_add_loop_test(order, converges, 0, 6);
  tcase_set_timeout(order, 600);
  tcase_add_loop_test(memory, memory_grows_like_the_root, 0, 6);
  tcase_add_test(memory, budget_governs);
  tcase_add_test(memory, path_is_dropped);
  tcase_add_loop_test(memory, windows_repeat, 0, 4);
  tcase_add_loop_test(memory, refused_memory, 0, 4);
  tcase_set_timeout(exact, 300);
  tcase_set_timeout(memory, 300);
  suite_add_tcase(s, exact);
  suite_add_tcase(s, order);
  suite_add_tcase(s, memory);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
