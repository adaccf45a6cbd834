/* Strategies cvodes and forward: the gradients converge to the exact one for every choice of
 * options and kind of problem, checkpoints change nothing but the cost, a replay that would
 * not fit is caught, and failures say where. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/h5.h"
#include "base/vec.h"
#include "core/pass.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const ways[] = {
  "cvodes",
  "cvodes:quad_control=yes",
  "cvodes:interpolation=polynomial",
  "cvodes:interpolation=polynomial:quad_control=yes",
  "cvodes:carry=yes",
  "cvodes:method=bdf",
  "cvodes:method=bdf:quad_control=yes",
  "cvodes:method=bdf:interpolation=polynomial",
  "cvodes:method=bdf:interpolation=polynomial:quad_control=yes",
  "cvodes:budget=1",
  "cvodes:budget=1:interpolation=polynomial",
  "cvodes:budget=1:method=bdf",
  "forward",
  "forward:corrector=staggered",
  "forward:sens_control=no",
  "forward:method=bdf",
  "forward:method=bdf:corrector=staggered",
};
enum { NWAYS = sizeof ways / sizeof *ways, NCVODES = 12 };

static gn_rig_way erk(void) { return (gn_rig_way){ gn_stepper_find("erk"), "" }; }

static void make(gn_rig *r, const gn_model *m, gn_rig_kind kind, gn_output_mode mode,
                 double tol)
{
  const gn_rig_way w = erk();
  gn_rig_create(m, kind, mode, 5, &w, tol, 0.05, r);
}

/* Distance of a strategy at tolerance tol to the exact gradient at 1e-12. */
static double error_of(const gn_model *m, gn_rig_kind kind, gn_output_mode mode, double tol,
                       const char *way)
{
  gn_rig r, exact;
  gn_rig_answer a, b;
  make(&r, m, kind, mode, tol);
  make(&exact, m, kind, GN_LAND, 1e-12);
  const int times = kind != GN_RIG_JUMPS; /* jumps at its start: no dL/dt0 */
  gn_rig_answer_of(&r, way, times, &a);
  gn_rig_answer_of(&exact, "discrete", times, &b);
  double e = gn_rig_distance(&r, &a, &b);
  if (times) e = fmax(e, gn_test_relerr_max(1 + r.problem.noutput, a.gt, b.gt));
  e = fmax(e, gn_test_relerr_max(r.nY, a.Y, b.Y));
  gn_rig_destroy(&r);
  gn_rig_destroy(&exact);
  return e;
}

/* ---- convergence --------------------------------------------------------------------- */

START_TEST(converges)
{
  static const char *const models[] = { "kicked", "node:width=6", "hbnode:width=6:depth=1" };
  const char *way = ways[_i];
  for (int k = 0; k < 3; k++) {
    gn_model *m = gn_rig_model(models[k], 3, k == 0 ? 3 : 0);
    for (int kind = GN_RIG_PLAIN; kind <= GN_RIG_ALL; kind++) {
      if (k > 0 && kind != GN_RIG_PLAIN && kind != GN_RIG_SPANS) continue; /* no jump map */
      for (int mode = GN_LAND; mode <= GN_INTERPOLATE; mode++) {
        const double coarse =
          error_of(m, (gn_rig_kind)kind, (gn_output_mode)mode, 1e-4, way);
        const double fine =
          error_of(m, (gn_rig_kind)kind, (gn_output_mode)mode, 1e-9, way);
        /* errors follow the tolerance times a constant of the problem, at most 1e3 here */
        ck_assert_msg(fine < 1e-6 && fine < 0.02 * coarse,
                      "%s, %s, kind %d, output %d: error %.2e at 1e-9, %.2e at 1e-4", way,
                      models[k], kind, mode, fine, coarse);
      }
    }
    gn_model_destroy(&m);
  }
}
END_TEST

/* dL/dp recorded by another program, through a whole pass. */
START_TEST(recorded_cases)
{
  static const char *const file[] = { "cases/hbnode_small.h5", "cases/node_small.h5" };
  static const char *const model[] = { "hbnode:dim=2:width=12:depth=2",
                                       "node:dim=2:width=10:depth=2" };
  const char *path = gn_test_path(gn_test_shared(), file[_i]);
  if (!gn_test_need("recorded_cases", path)) return;
  static double x[64], times[8], w[256], p[1024], want[1024], got[1024], z[256];
  size_t shape[GN_H5_MAXRANK];
  int rank;
  gn_h5 *h;
  gn_model *m = gn_rig_model(model[_i], 2, 2);
  gn_ck_ok(gn_h5_open(path, &h));
  gn_ck_ok(gn_h5_shape(h, "cotangent", &rank, shape));
  const size_t K = shape[0], B = shape[1];
  ck_assert(K < 8 && B * 2 <= 64 && K * B * 2 <= 256 && m->params.np <= 1024);
  gn_ck_ok(gn_h5_read(h, "x", B * 2, x));
  gn_ck_ok(gn_h5_read(h, "times", K + 1, times));
  gn_ck_ok(gn_h5_read(h, "cotangent", K * B * 2, w));
  gn_ck_ok(gn_params_read(&m->params, h, "params", p));
  gn_ck_ok(gn_params_read(&m->params, h, "grad/params", want));
  gn_ck_ok(gn_h5_close(&h));
  gn_event events[8];
  gn_problem pb;
  gn_ck_ok(gn_problem_outputs(m, K, times, GN_LAND, events, &pb));
  const gn_tolerance tol = { 1e-9, 1e-9 };
  const gn_solver sv = { .cls = gn_stepper_find("erk"), .tol = tol, .back = tol };
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  for (int k = 0; k < NWAYS; k++) {
    const char *keys = strchr(ways[k], ':');
    const gn_gradient_class *cls = gn_gradient_find(k < NCVODES ? "cvodes" : "forward");
    const void *config =
      gn_rig_config(a, cls->options, cls->config_size, keys ? keys + 1 : "");
    gn_pass *ps;
    gn_ck_ok(gn_pass_create(cls, config, &pb, &sv, B, &ps));
    gn_vec_fill(m->params.np, 0, got);
    gn_ck_ok(gn_pass_forward(ps, B, p, NULL, x, z));
    gn_ck_ok(gn_pass_backward(ps, w, got, NULL, NULL));
    const double e = gn_test_relerr_max(m->params.np, got, want);
    ck_assert_msg(e < 1e-6, "%s: relative error %.2e", ways[k], e);
    gn_pass_destroy(&ps);
  }
  gn_arena_destroy(&a);
  gn_model_destroy(&m);
}
END_TEST

/* ---- many outputs -------------------------------------------------------------------- */

enum { MANY = 40 };

START_TEST(many_outputs)
{
  gn_model *m = gn_rig_model("kicked", 3, 3);
  gn_rig r;
  gn_rig_answer exact, a;
  gn_event event[MANY];
  make(&r, m, GN_RIG_PLAIN, GN_LAND, 1e-8);
  for (size_t k = 0; k < MANY; k++)
    event[k] = (gn_event){ 0.1 + 3 * (double)(k + 1) / MANY, GN_AT_OUTPUT, k };
  r.problem.event = event;
  r.problem.nevent = r.problem.noutput = MANY;
  r.nY = MANY * r.n;
  r.gY = gn_arena_alloc(r.arena, r.nY, sizeof *r.gY);
  gn_rig_random(9, r.nY, 1, r.gY);
  r.solver.tol = r.solver.back = (gn_tolerance){ 1e-12, 1e-12 };
  gn_rig_answer_of(&r, "discrete", 0, &exact);
  r.solver.tol = r.solver.back = (gn_tolerance){ 1e-8, 1e-8 };
  gn_rig_answer_of(&r, ways[_i], 0, &a);
  const double e = gn_rig_distance(&r, &a, &exact);
  ck_assert_msg(e < 1e-5, "%s: error %.2e with %d outputs", ways[_i], e, MANY);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- checkpoints --------------------------------------------------------------------- */

static void one_output(gn_rig *r, gn_event *event, double end)
{
  *event = (gn_event){ end, GN_AT_OUTPUT, 0 };
  r->problem.event = event;
  r->problem.nevent = r->problem.noutput = 1;
  r->nY = r->n;
}

/* Segments of 26 steps (Adams) or 12 (BDF) instead of everything: the same gradient to the
   tolerance, every step but those of the last segment taken twice, and less memory. */
START_TEST(checkpoints)
{
  char text[160];
  const char *way = ways[_i];
  gn_model *m = gn_rig_model("kicked", 3, 3);
  gn_rig r;
  gn_event event;
  gn_rig_answer all, few;
  if (strstr(way, "budget")) {
    gn_model_destroy(&m);
    return;
  }
  make(&r, m, GN_RIG_PLAIN, GN_LAND, 1e-8);
  one_output(&r, &event, 24);
  gn_rig_answer_of(&r, way, 0, &all);
  (void)snprintf(text, sizeof text, "%s:budget=1", way);
  gn_rig_answer_of(&r, text, 0, &few);
  const double e = gn_rig_distance(&r, &few, &all);
  const long segment = strstr(way, "bdf") ? 12 : 26;
  ck_assert_msg(e < 1e-5, "%s: the gradients differ by %.2e", way, e);
  ck_assert_int_eq(all.stats.recomputed, 0);
  ck_assert_int_gt(all.stats.steps, 3 * segment);
  if (!strstr(few.stats.note, "anew")) {
    const long whole = (few.stats.steps / segment) * segment;
    ck_assert_msg(labs(few.stats.recomputed - whole) <= few.stats.steps / segment + 1,
                  "%s: %ld steps recomputed, expected about %ld", way, few.stats.recomputed,
                  whole);
  }
  ck_assert_int_ge(few.stats.back_f - all.stats.back_f, few.stats.recomputed / 2);
  ck_assert_int_lt(few.stats.bytes, all.stats.bytes);
  ck_assert_msg(strstr(few.stats.note, "recomputed") != NULL, "'%s'", few.stats.note);
  ck_assert_msg(strstr(all.stats.note, "all ") == all.stats.note, "'%s'", all.stats.note);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- a replay longer than its segment ------------------------------------------------ */

static gn_model_class flawed;
static long flaws, calls, in_a_row; /* values to refuse still; calls; calls without a vjp */
static const double START = 0.1, END = 24; /* CVODES does not retry at a start */

/* f that sometimes says "not finite here" where it was finite before, three times in a row
   so that the step is retried smaller. Only in replays: the backward solve pulls after every
   value. */
static int flawed_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  if (flaws > 0 && ++in_a_row > 3 && at->t[0] > START && calls++ % 8 < 3) {
    flaws--;
    return 1;
  }
  return gn_rig_kicked.f.eval(m, at, tape, z);
}

static int flawed_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                      const double *w, const gn_pull *to)
{
  in_a_row = 0;
  return gn_rig_kicked.f.vjp(m, at, tape, w, to);
}

/* Rows of a history with that direction, accepted or not. */
static long rows_with(const char *rows, const char *direction, const char *accepted)
{
  long n = 0;
  for (const char *row = rows; *row; row = strchr(row, '\n') + 1) {
    const char *cell = strstr(row, direction);
    if (!cell || cell > strchr(row, '\n')) continue;
    cell += strlen(direction);
    for (int k = 0; k < 3; k++) cell = strchr(cell, ',') + 1; /* t, h, error */
    n += *cell == *accepted;
  }
  return n;
}

START_TEST(long_replay)
{
  char text[160];
  gn_model *m;
  gn_rig r;
  gn_event event;
  gn_rig_answer a, b;
  flawed = gn_rig_kicked;
  flawed.name = "flawed";
  flawed.f.eval = flawed_eval;
  flawed.f.vjp = flawed_vjp;
  flaws = 0;
  gn_ck_ok(gn_model_create(&flawed, NULL, (gn_sizes){ 3, 3, 0 }, &m));
  make(&r, m, GN_RIG_PLAIN, GN_LAND, 1e-8);
  one_output(&r, &event, END);
  gn_rig_answer_of(&r, "discrete", 0, &b);
  (void)snprintf(text, sizeof text, "%s:budget=1", ways[_i]);
  gn_history history = { .label = "long", .paused = 1 };
  char *rows = NULL;
  size_t length = 0;
  r.solver.history = &history;
  gn_gradient *g = gn_rig_gradient(&r, text, r.B);
  gn_rig_run(&r, g, 0, &a); /* without a flaw nothing is taken anew */
  ck_assert_msg(strstr(a.stats.note, "anew") == NULL, "%s: '%s'", text, a.stats.note);
  gn_vec_fill(r.n, 0, a.gy0);
  gn_vec_fill(r.np, 0, a.gp);
  gn_ck_ok(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, a.Y));
  history.to = open_memstream(&rows, &length);
  ck_assert_ptr_nonnull(history.to);
  history.paused = 0;
  calls = 0;
  flaws = 60;
  gn_ck_ok(gn_gradient_backward(g, r.gY, a.gy0, a.gp, NULL));
  flaws = 0;
  ck_assert_int_eq(fclose(history.to), 0);
  ck_assert_msg(strstr(g->stats.note, "anew") != NULL, "%s: '%s'", text, g->stats.note);
  ck_assert_int_eq(rows_with(rows, ",replay,", "1"), g->stats.recomputed);
  ck_assert_int_eq(rows_with(rows, ",backward,", "1"), g->stats.back_steps);
  ck_assert_int_eq(rows_with(rows, ",backward,", "0"), g->stats.back_rejects);
  ck_assert_int_eq(rows_with(rows, ",forward,", "1"), 0);
  ck_assert_ptr_nonnull(strstr(rows, ",0,not finite,"));
  free(rows);
  const double e = gn_rig_distance(&r, &a, &b);
  ck_assert_msg(e < 1e-5, "%s: error %.2e after a replay that did not fit", text, e);
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- again ---------------------------------------------------------------------------- */

/* A second solve has the bits and counts of the first one, whatever came between, and
   allocates nothing; a second backward gives the same to rounding of the replays. The rows are
   equal, so that one of them takes the same steps: a longer solve may need more checkpoints. */
START_TEST(again)
{
  gn_model *m = gn_rig_model("kicked", 3, 3);
  gn_rig r;
  gn_rig_answer a, b;
  make(&r, m, GN_RIG_ALL, GN_LAND, 1e-7);
  gn_rig_equal_rows(&r);
  gn_gradient *g = gn_rig_gradient(&r, ways[_i], r.B + 2);
  gn_rig_run(&r, g, 1, &a);
  const size_t B = r.B;
  gn_drive one = r.drive;
  gn_ck_ok(gn_gradient_forward(g, 1, r.p, &one, r.y0, a.Y)); /* fewer rows between */
  r.B = B;
  b = a;
  b.Y = gn_arena_alloc(r.arena, r.nY, sizeof *b.Y);
  b.gy0 = gn_arena_alloc(r.arena, r.n, sizeof *b.gy0);
  b.gp = gn_arena_alloc(r.arena, r.np, sizeof *b.gp);
  b.gt = gn_arena_alloc(r.arena, 1 + r.problem.noutput, sizeof *b.gt);
  gn_vec_fill(1 + r.problem.noutput, 0, b.gt);
  const long before = gn_wrap_count();
  const gn_status forth = gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, b.Y);
  const gn_status back = gn_gradient_backward(g, r.gY, b.gy0, b.gp, b.gt);
  const long made = gn_wrap_count() - before;
  gn_ck_ok(forth);
  gn_ck_ok(back);
  /* segments that grew stay as long as they are: then the steps recomputed differ */
  const int grown = strstr(a.stats.note, "anew") != NULL;
  ck_assert_msg(made == 0 || grown, "%s: %ld allocations in the second solve", ways[_i],
                made);
  if (!grown) {
    ck_assert(gn_test_same(a.gy0, b.gy0, r.n * sizeof *a.gy0));
    ck_assert(gn_test_same(a.gp, b.gp, r.np * sizeof *a.gp));
    ck_assert(gn_test_same(a.gt, b.gt, (1 + r.problem.noutput) * sizeof *a.gt));
    for (int k = 0; k < GN_STATS_N; k++)
      ck_assert_msg(gn_stats_get(&a.stats, k) == gn_stats_get(&g->stats, k),
                    "%s: %s was %ld, then %ld", ways[_i], gn_stats_names[k],
                    gn_stats_get(&a.stats, k), gn_stats_get(&g->stats, k));
  }
  gn_vec_fill(r.n, 0, a.gy0);
  gn_vec_fill(r.np, 0, a.gp);
  gn_ck_ok(gn_gradient_backward(g, r.gY, a.gy0, a.gp, NULL));
  ck_assert_double_lt(gn_rig_distance(&r, &a, &b), 1e-5);
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- what a gradient costs ------------------------------------------------------------ */

static long evals;
static int counting_eval(const gn_model *m, const gn_point *at, const gn_tape *tape,
                         double *z)
{
  evals++;
  return gn_rig_kicked.f.eval(m, at, tape, z);
}

START_TEST(counts)
{
  static gn_model_class counting;
  gn_model *m;
  gn_rig r;
  gn_rig_answer a;
  counting = gn_rig_kicked;
  counting.f.eval = counting_eval;
  gn_ck_ok(gn_model_create(&counting, NULL, (gn_sizes){ 3, 3, 0 }, &m));
  make(&r, m, GN_RIG_ALL, GN_LAND, 1e-7);
  evals = 0;
  gn_rig_answer_of(&r, ways[_i], 0, &a);
  const gn_stats *st = &a.stats;
  ck_assert_int_eq(evals, st->f + st->back_f);
  ck_assert_int_gt(st->steps, 10);
  if (_i < NCVODES) {
    ck_assert_int_gt(st->back_steps, 10);
    ck_assert_int_ge(st->back_vjp, st->back_pgrad); /* one vjp before every pgrad */
    ck_assert_int_ge(st->back_pgrad, st->back_steps);
    ck_assert_int_lt(st->back_pgrad, 2 * (st->back_steps + st->back_rejects));
  }
  ck_assert_int_eq(st->newton > 0, strstr(ways[_i], "bdf") != NULL);
  ck_assert_int_gt(st->bytes, 0);
  ck_assert_msg(strncmp(st->executed, _i < NCVODES ? "cvodes " : "forward ", 7) == 0, "'%s'",
                st->executed);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- failures ------------------------------------------------------------------------- */

START_TEST(failures)
{
  gn_model *m = gn_rig_model("kicked", 3, 3);
  gn_rig r;
  gn_rig_answer a;
  make(&r, m, GN_RIG_JUMPS, GN_LAND, 1e-9);
  gn_rig_answer_of(&r, ways[_i], 0, &a);
  r.solver.max_steps = 5;
  gn_gradient *g = gn_rig_gradient(&r, ways[_i], r.B);
  gn_ck_fails(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, a.Y), GN_ELIMIT, "max_steps");
  gn_ck_fails(gn_gradient_backward(g, r.gY, a.gy0, a.gp, NULL), GN_ESTATE, "forward");
  gn_gradient_destroy(&g);
  r.solver.max_steps = a.stats.steps + 1; /* enough forward, not backward */
  g = gn_rig_gradient(&r, ways[_i], r.B);
  gn_ck_ok(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, a.Y));
  if (_i < NCVODES)
    gn_ck_fails(gn_gradient_backward(g, r.gY, a.gy0, a.gp, NULL), GN_ELIMIT, "max_steps");
  gn_gradient_destroy(&g);
  r.solver.max_steps = 0;
  g = gn_rig_gradient(&r, ways[_i], r.B);
  r.p[0] = -1e300; /* h' = 1e300 h */
  gn_ck_fails(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, a.Y), GN_ENONFINITE, "t = ");
  gn_rig_params(m, 1, 0.1, r.p);
  gn_ck_ok(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, a.Y)); /* and recovers */
  gn_ck_ok(gn_gradient_backward(g, r.gY, a.gy0, a.gp, NULL));
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* Every allocation of gnomon's own refused in turn: out of memory, or it was not needed. */
START_TEST(refused_allocations)
{
  gn_model *m = gn_rig_model("kicked", 2, 2);
  gn_rig r;
  make(&r, m, GN_RIG_JUMPS, GN_LAND, 1e-3);
  double *Y = gn_arena_alloc(r.arena, r.nY, sizeof *Y);
  double *gy0 = gn_arena_alloc(r.arena, r.n, sizeof *gy0);
  double *gp = gn_arena_alloc(r.arena, r.np, sizeof *gp);
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  const gn_gradient_class *cls = gn_gradient_find(_i < NCVODES ? "cvodes" : "forward");
  const char *keys = strchr(ways[_i], ':');
  const void *config =
    gn_rig_config(a, cls->options, cls->config_size, keys ? keys + 1 : "");
  for (long k = 0, refused = 1; refused; k++) {
    gn_gradient *g = NULL;
    gn_wrap_refuse(k);
    gn_status s = gn_gradient_create(cls, config, &r.problem, &r.solver, r.B, &g);
    if (s == GN_OK) s = gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, Y);
    if (s == GN_OK) s = gn_gradient_backward(g, r.gY, gy0, gp, NULL);
    refused = gn_wrap_refused();
    gn_wrap_refuse(-1);
    ck_assert_msg(s == (refused ? GN_ENOMEM : GN_OK), "%s: allocation %ld refused: %s (%s)",
                  ways[_i], k, gn_status_name(s), gn_last_error());
    if (g) gn_gradient_destroy(&g);
  }
  gn_arena_destroy(&a);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- forward sensitivities ------------------------------------------------------------ */

START_TEST(pushes)
{
  gn_model *m = gn_rig_model("kicked", 3, 3);
  gn_rig r;
  make(&r, m, GN_RIG_ALL, GN_LAND, 1e-10);
  double *Y = gn_arena_alloc(r.arena, r.nY, sizeof *Y), *d[2];
  double *vp = gn_arena_alloc(r.arena, r.np, sizeof *vp);
  double *vy = gn_arena_alloc(r.arena, r.n, sizeof *vy);
  gn_rig_random(11, r.np, 1, vp);
  gn_rig_random(12, r.n, 1, vy);
  for (int k = 0; k < 2; k++) {
    gn_gradient *g = gn_rig_gradient(&r, k ? "tangent" : "forward", r.B);
    d[k] = gn_arena_alloc(r.arena, r.nY, sizeof *Y);
    gn_ck_ok(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, Y));
    gn_ck_ok(gn_gradient_push(g, vy, vp, d[k]));
    gn_gradient_destroy(&g);
  }
  gn_ck_close_all(r.nY, d[0], d[1], 1e-7); /* two solves at 1e-10 */
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

START_TEST(too_many_directions)
{
  gn_model *m = gn_rig_model("node:width=6", 3, 0);
  gn_gradient *g;
  gn_rig r;
  make(&r, m, GN_RIG_PLAIN, GN_LAND, 1e-6);
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  const gn_gradient_class *cls = gn_gradient_find("forward");
  const void *config = gn_rig_config(a, cls->options, cls->config_size, "max_directions=50");
  gn_ck_fails(gn_gradient_create(cls, config, &r.problem, &r.solver, r.B, &g), GN_ELIMIT,
              "max_directions");
  gn_arena_destroy(&a);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("cvodes");
  TCase *t = tcase_create("cvodes");
  tcase_add_loop_test(t, converges, 0, NWAYS);
  tcase_add_loop_test(t, recorded_cases, 0, 2);
  tcase_add_loop_test(t, many_outputs, 0, NWAYS);
  tcase_add_loop_test(t, checkpoints, 0, NCVODES);
  tcase_add_loop_test(t, long_replay, 0, 9);
  tcase_add_loop_test(t, again, 0, NWAYS);
  tcase_add_loop_test(t, counts, 0, NWAYS);
  tcase_add_loop_test(t, failures, 0, NWAYS);
  tcase_add_loop_test(t, refused_allocations, 0, NWAYS);
  tcase_add_test(t, pushes);
  tcase_add_test(t, too_many_directions);
  tcase_set_timeout(t, 300);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
