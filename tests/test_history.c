/* The history of steps: as many rows of each kind as the counters say, for every legal pair,
 * in both directions and with replays; blocks blamed as often as rows name them; and the
 * errors of attempts that the integrators keep to themselves, against what they did next and
 * against their own estimates. */
#include "../solvers/multistep.h"
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"
#include "base/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- reading --------------------------------------------------------------------------- */

typedef struct book {
  gn_history history;
  const char *file;
  gn_arena *arena;
  gn_csv *csv;
} book;

static void open_book(book *k)
{
  static const char *folder;
  if (!folder) folder = gn_test_tmpdir();
  *k = (book){ .history = { .label = "test" } };
  k->file = gn_test_file(folder, "history.csv", "");
  k->history.to = fopen(k->file, "w");
  ck_assert_ptr_nonnull(k->history.to);
  gn_history_header(k->history.to);
}

static void read_book(book *k)
{
  ck_assert_int_eq(fclose(k->history.to), 0);
  gn_ck_ok(gn_arena_create(&k->arena));
  gn_ck_ok(gn_csv_read(k->arena, k->file, &k->csv));
}

static const char *text(const book *k, size_t row, const char *column)
{
  return gn_csv_text(k->csv, row, gn_csv_column(k->csv, column));
}

static double number(const book *k, size_t row, const char *column)
{
  return gn_csv_number(k->csv, row, gn_csv_column(k->csv, column));
}

static int is(const book *k, size_t row, const char *column, const char *value)
{
  return strcmp(text(k, row, column), value) == 0;
}

/* Rows with that direction, accepted or not, and if it is not NULL that cause. */
static long rows(const book *k, const char *direction, const char *accepted, const char *cause)
{
  long n = 0;
  for (size_t i = 0; i < k->csv->nrow; i++)
    n += is(k, i, "direction", direction) && is(k, i, "accepted", accepted) &&
         (!cause || is(k, i, "cause", cause));
  return n;
}

/* ---- every pair ------------------------------------------------------------------------ */

/* Sum of the counts in "h 1, m 2; backward a.h 3", and each of them against the rows. */
static long blamed(const book *k, const char *list, const char *direction)
{
  long sum = 0, unknown = 0;
  while (*list && strncmp(list, "backward ", 9) != 0) {
    const size_t length = strcspn(list, " ");
    char name[80];
    (void)snprintf(name, sizeof name, "%.*s", (int)length, list);
    const long n = strtol(list + length, NULL, 10);
    ck_assert_int_gt(n, 0);
    sum += n;
    if (strcmp(name, "unknown") != 0)
      ck_assert_msg(n >= rows(k, direction, "0", name), "%s: %ld rows, blamed %ld", name,
                    rows(k, direction, "0", name), n);
    else unknown = n;
    list += strcspn(list, ",;");
    if (*list != ',') break;
    list += 2;
  }
  ck_assert_int_le(unknown, rows(k, direction, "0", "not finite") +
                              rows(k, direction, "0", "no convergence"));
  return sum;
}

/* The largest number in "h=0.31 m=0.02". */
static double largest(const char *blocks)
{
  double most = 0;
  for (const char *s = blocks; (s = strchr(s, '=')); s++) most = fmax(most, strtod(s + 1, NULL));
  return most;
}

/* Errors where there was a test, and on the right side of 1; steps that meet. */
static void check_rows(const book *k, const char *name)
{
  double end = (double)NAN;
  for (size_t i = 0; i < k->csv->nrow; i++) {
    const double t = number(k, i, "t"), h = number(k, i, "h"), error = number(k, i, "error");
    const int taken = is(k, i, "accepted", "1"), forth = is(k, i, "direction", "forward");
    const int tested = !is(k, i, "error", "");
    const char *cause = text(k, i, "cause");
    ck_assert_msg(!is(k, i, "direction", "replay") == !!strchr("fb", text(k, i, "direction")[0]),
                  "%s", name);
    ck_assert_msg(isfinite(t) && isfinite(h) && (is(k, i, "direction", "backward") == (h < 0)),
                  "%s: t = %g, h = %g", name, t, h);
    ck_assert_msg(taken == !*cause, "%s: cause '%s'", name, cause);
    ck_assert_int_eq(tested, !is(k, i, "blocks", ""));
    if (strcmp(cause, "not finite") == 0 || strcmp(cause, "no convergence") == 0)
      ck_assert_msg(!tested, "%s: error %g of a step that was not solved", name, error);
    else if (tested)
      ck_assert_msg(taken == (error <= 1), "%s: error %.17g, accepted %d", name, error, taken);
    /* rowwise norms are above, means over blocks below the largest rms of a block */
    if (tested) ck_assert_msg(largest(text(k, i, "blocks")) > 0 || error == 0, "%s", name);
    if (!forth) continue;
    if (!isnan(end)) /* rounding of t + h, and stop times met to rounding */
      ck_assert_msg(fabs(t - end) <= 1e-13, "%s: a step from %.17g after one to %.17g", name, t,
                    end);
    end = taken ? t + h : t;
  }
}

static void check_book(const book *k, const gn_stats *st, const char *name)
{
  const struct {
    const char *direction, *accepted;
    long n;
  } want[] = {
    { "forward", "1", st->steps },       { "forward", "0", st->rejects },
    { "backward", "1", st->back_steps }, { "backward", "0", st->back_rejects },
    { "replay", "1", strncmp(st->executed, "cvodes", 6) == 0 ? st->recomputed : 0 },
  };
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    ck_assert_msg(rows(k, want[i].direction, want[i].accepted, NULL) == want[i].n,
                  "%s: %ld rows %s, accepted %s, expected %ld", name,
                  rows(k, want[i].direction, want[i].accepted, NULL), want[i].direction,
                  want[i].accepted, want[i].n);
  const char *back = strstr(st->rejected_by, "backward ");
  const long forth = back == st->rejected_by ? 0 : blamed(k, st->rejected_by, "forward");
  ck_assert_msg(forth == st->rejects, "%s: %ld rejected, blamed: %s", name, st->rejects,
                st->rejected_by);
  ck_assert_msg((back ? blamed(k, back + 9, "backward") : 0) == st->back_rejects,
                "%s: %ld rejected backward, blamed: %s", name, st->back_rejects,
                st->rejected_by);
  check_rows(k, name);
}

static gn_rig_way steppers[GN_RIG_WAYS], gradients[GN_RIG_WAYS];
static size_t nstepper, ngradient;
static long seen_rejects[2]; /* forward, backward: over all pairs */

/* The second solve of one object. */
static void check_pair(gn_rig *r, const char *name)
{
  book k;
  gn_rig_answer a;
  open_book(&k);
  r->solver.history = &k.history;
  gn_gradient *g = gn_rig_gradient(r, name, r->B);
  k.history.paused = 1;
  gn_rig_run(r, g, 0, &a);
  k.history.paused = 0;
  gn_rig_run(r, g, 0, &a);
  read_book(&k);
  char what[200];
  (void)snprintf(what, sizeof what, "%s on %s", name, r->solver.cls->name);
  check_book(&k, &a.stats, what);
  seen_rejects[0] += a.stats.rejects;
  seen_rejects[1] += a.stats.back_rejects;
  gn_gradient_destroy(&g);
  gn_arena_destroy(&k.arena);
  r->solver.history = NULL;
}

START_TEST(every_pair)
{
  static const struct {
    const char *model;
    gn_rig_kind kind;
  } scenes[] = { { "hbnode:width=6:depth=1", GN_RIG_SPANS }, { "kicked", GN_RIG_ALL } };
  const gn_rig_way *s = &steppers[_i];
  for (int k = 0; k < 2; k++) {
    gn_model *m = gn_rig_model(scenes[k].model, 3, k ? 3 : 0);
    gn_rig r;
    gn_rig_create(m, scenes[k].kind, GN_LAND, 3, s, 1e-4, 0.1, &r);
    for (size_t j = 0; gn_rig_possible(&r) && j < ngradient; j++) {
      const gn_gradient_class *cls = gradients[j].cls;
      char name[120];
      (void)snprintf(name, sizeof name, "%s:%s", cls->name, gradients[j].text);
      if (!gn_rig_runs(s, &gradients[j]) || gn_rig_refuses(&r, &gradients[j])) continue;
      check_pair(&r, name);
    }
    gn_rig_destroy(&r);
    gn_model_destroy(&m);
  }
}
END_TEST

/* Replays with few points, staggered sensitivities, and integrals in the error test. */
START_TEST(own_solvers)
{
  static const char *const ways[] = {
    "cvodes:budget=1",
    "cvodes:budget=1:method=bdf:quad_control=yes",
    "cvodes:budget=1:interpolation=polynomial:carry=yes",
    "cvodes:method=bdf:quad_control=yes",
    "forward:corrector=staggered",
    "forward:method=bdf:corrector=staggered",
    "forward:method=bdf",
    "forward:sens_control=no",
    "forward:sens_control=no:corrector=staggered",
  };
  const gn_rig_way erk = { gn_stepper_find("erk"), "" };
  for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
    for (int kind = GN_RIG_PLAIN; kind <= GN_RIG_ALL; kind += GN_RIG_ALL) {
      gn_model *m = gn_rig_model("kicked", 3, 3);
      gn_rig r;
      gn_rig_create(m, (gn_rig_kind)kind, GN_LAND, 5, &erk, 1e-8, 0.1, &r);
      check_pair(&r, ways[i]);
      gn_rig_destroy(&r);
      gn_model_destroy(&m);
    }
}
END_TEST

/* Every cause of a rejection was met in both directions: the counts above say something. */
START_TEST(rejections_were_met)
{
  ck_assert_int_gt(seen_rejects[0], 0);
  ck_assert_int_gt(seen_rejects[1], 0);
}
END_TEST

/* ---- what the integrators keep to themselves ------------------------------------------- */

/* y' = c (cos 5s - y) + y2, y2' = sin(9 s) - y1 y2: two blocks, smooth or stiff. */
typedef struct bench {
  gn_arena *arena;
  gn_fields fields;
  gn_segment seg[2];
  gn_system sys;
  gn_stepper *st;
  double c, wall; /* beyond the wall there are no values */
  double tape[2];
} bench;

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec, size_t slice)
{
  bench *b = user;
  (void)rec, (void)slice;
  b->tape[0] = y[0], b->tape[1] = y[1];
  ydot[0] = b->c * (cos(5 * s) - y[0]) + y[1];
  ydot[1] = s > b->wall ? (double)NAN : sin(9 * s) - y[0] * y[1];
  return s > b->wall ? GN_RETRY : 0;
}

static int jvp(void *user, double s, const double *v, double *Jv, gn_record *rec, size_t slice)
{
  const bench *b = user;
  (void)s, (void)rec, (void)slice;
  Jv[0] = -b->c * v[0] + v[1];
  Jv[1] = -b->tape[1] * v[0] - b->tape[0] * v[1];
  return 0;
}

static void open_bench(bench *b, const char *name, const char *keys, double c, double tol)
{
  size_t place;
  *b = (bench){ .c = c, .wall = HUGE_VAL };
  gn_ck_ok(gn_arena_create(&b->arena));
  gn_ck_ok(gn_fields_add(&b->fields, 2, &place));
  for (int k = 0; k < 2; k++)
    b->seg[k] = (gn_segment){ .name = k ? "v" : "u", .n = 1, .d = 1, .atol_scale = 1,
                              .rtol_scale = 1 };
  b->sys = (gn_system){ .n = 2, .nmax = 2, .user = b, .rhs = rhs, .jvp = jvp, .B = 1,
                        .fields = &b->fields, .Bmax = 1,
                        .norm = { .nseg = 2, .seg = b->seg, .ngroup = 1, .B = 1 } };
  const gn_stepper_class *cls = gn_stepper_find(name);
  const void *config = gn_rig_config(b->arena, cls->options, cls->config_size, keys);
  gn_ck_ok(gn_stepper_create(cls, config, &b->sys, (gn_tolerance){ tol, tol }, &b->st));
}

static void close_bench(bench *b)
{
  gn_stepper_destroy(&b->st);
  gn_arena_destroy(&b->arena);
}

/* Steps from 0 to 3, or to where the stepper gives up. */
static void solve(bench *b, book *k)
{
  static const double y0[2] = { 0, 1 };
  gn_step *step;
  gn_status s = GN_OK;
  b->st->history = &k->history;
  gn_ck_ok(gn_stepper_start(b->st, 0, y0, 1, 0));
  while (s == GN_OK && b->st->s < 3) s = gn_stepper_step(b->st, 3, &step);
  read_book(k);
  ck_assert_int_eq(rows(k, "forward", "1", NULL), b->st->steps);
  ck_assert_int_eq(rows(k, "forward", "0", NULL), b->st->rejects);
  ck_assert_int_eq(b->seg[0].rejects + b->seg[1].rejects + b->sys.norm.unknown,
                   b->st->rejects);
  for (int i = 0; i < 2; i++)
    ck_assert_int_ge(b->seg[i].rejects, rows(k, "forward", "0", b->seg[i].name));
  check_rows(k, b->st->cls->name);
}

/* CVODES' own estimates and weights after every accepted step; its counters at the end. */
START_TEST(cvodes_estimates)
{
  bench b;
  book k;
  static double error[2000];
  size_t n = 0;
  open_bench(&b, _i ? "bdf" : "adams", "", _i ? 300 : 3, _i ? 1e-5 : 1e-7);
  gn_multistep *ms = (gn_multistep *)b.st;
  N_Vector e = N_VClone(ms->base.y[0]), w = N_VClone(ms->base.y[0]);
  open_book(&k);
  static const double y0[2] = { 0, 1 };
  gn_step *step;
  b.st->history = &k.history;
  gn_ck_ok(gn_stepper_start(b.st, 0, y0, 1, 0));
  while (b.st->s < 3) {
    gn_ck_ok(gn_stepper_step(b.st, 3, &step));
    ck_assert_uint_lt(n, sizeof error / sizeof *error);
    ck_assert_int_eq(CVodeGetEstLocalErrors(ms->mem, e), 0);
    ck_assert_int_eq(CVodeGetErrWeights(ms->mem, w), 0);
    error[n++] = gn_norm_eval(&b.sys.norm, gn_vector_data(e), gn_vector_data(w));
  }
  long tests = 0, solves = 0, steps = 0;
  CVodeGetNumErrTestFails(ms->mem, &tests);
  CVodeGetNumStepSolveFails(ms->mem, &solves);
  CVodeGetNumSteps(ms->mem, &steps);
  read_book(&k);
  ck_assert_int_eq(rows(&k, "forward", "1", NULL), steps);
  ck_assert_int_eq(rows(&k, "forward", "0", NULL), tests + solves);
  ck_assert_int_eq(rows(&k, "forward", "0", "no convergence"), solves);
  ck_assert_int_gt(tests, 0);
  for (size_t i = 0, j = 0; i < k.csv->nrow; i++) /* 1 / tq and tq: some rounding */
    if (is(&k, i, "accepted", "1")) gn_ck_close(number(&k, i, "error"), error[j++], 1e-13);
  N_VDestroy(e);
  N_VDestroy(w);
  close_bench(&b);
  gn_arena_destroy(&k.arena);
}
END_TEST

/* The size CVODES tries after an error test of order q, its BIAS2 and ADDON; at least a tenth,
   and after more than one failure at most a fifth. */
static int follows_cvodes(double ratio, double error)
{
  const double least = fabs(ratio - 0.1), fifth = fabs(ratio - 0.2);
  int fits = least < 1e-12 || fifth < 1e-12;
  for (int L = 2; L <= 13; L++)
    fits |= fabs(ratio * (pow(6 * error, 1.0 / L) + 1e-6) - 1) < 1e-11;
  return fits;
}

/* h (safety e^(-1/k)), k = 4 for sdirk_5_3_4; at least a tenth, after many failures 0.3. */
static int follows_dirk(double ratio, double error)
{
  const double e = pow(error, -0.25);
  return fabs(ratio / (0.8 * e) - 1) < 1e-11 || fabs(ratio - 0.1) < 1e-12 ||
         fabs(ratio - 0.3) < 1e-12;
}

/* The errors of rejected steps are those the next size was chosen by. */
START_TEST(rejected_errors)
{
  static const char *const names[] = { "adams", "bdf", "dirk" };
  bench b;
  book k;
  long n = 0;
  open_bench(&b, names[_i], "h0=0.9", _i ? 50 : 3, 1e-6);
  open_book(&k);
  solve(&b, &k);
  for (size_t i = 0; i + 1 < k.csv->nrow; i++) {
    if (is(&k, i, "accepted", "1") || is(&k, i, "error", "")) continue;
    const double ratio = number(&k, i + 1, "h") / number(&k, i, "h");
    const double error = number(&k, i, "error");
    ck_assert_msg(_i < 2 ? follows_cvodes(ratio, error) : follows_dirk(ratio, error),
                  "%s: %.17g times the size after an error of %.17g", names[_i], ratio, error);
    n++;
  }
  ck_assert_int_gt(n, 1);
  close_bench(&b);
  gn_arena_destroy(&k.arena);
}
END_TEST

/* A fixed-point iteration that diverges, and a wall: causes without an error. The wall is in
   v, and where its value is seen the rejection is v's. */
START_TEST(other_causes)
{
  bench b;
  book k;
  open_bench(&b, "adams", "", 2000, 1e-3);
  open_book(&k);
  solve(&b, &k);
  ck_assert_int_gt(rows(&k, "forward", "0", "no convergence"), 0);
  ck_assert_int_eq(rows(&k, "forward", "0", "no convergence"), b.sys.norm.unknown);
  close_bench(&b);
  gn_arena_destroy(&k.arena);
  static const char *const names[] = { "adams", "bdf", "dirk", "erk", "torchdiffeq" };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    open_bench(&b, names[i], "?h0=0.9", 3, 1e-3);
    open_book(&k);
    b.wall = 1;
    solve(&b, &k);
    ck_assert_msg(b.st->s < 3, "%s went through the wall", names[i]);
    const long n = rows(&k, "forward", "0", "not finite");
    ck_assert_msg(n > 0, "%s: no value that is not finite", names[i]);
    if (strcmp(names[i], "torchdiffeq") == 0) ck_assert_int_eq(b.sys.norm.unknown, n);
    else ck_assert_int_ge(b.seg[1].rejects, n);
    close_bench(&b);
    gn_arena_destroy(&k.arena);
  }
}
END_TEST

int main(void)
{
  nstepper = gn_rig_steppers(steppers);
  ngradient = gn_rig_gradients(gradients);
  Suite *s = suite_create("history");
  TCase *pairs = tcase_create("pairs"), *kept = tcase_create("kept to themselves");
  tcase_add_loop_test(pairs, every_pair, 0, (int)nstepper);
  tcase_add_test(pairs, own_solvers);
  tcase_add_test(pairs, rejections_were_met);
  tcase_add_loop_test(kept, cvodes_estimates, 0, 2);
  tcase_add_loop_test(kept, rejected_errors, 0, 3);
  tcase_add_test(kept, other_causes);
  tcase_set_timeout(pairs, 600);
  suite_add_tcase(s, pairs);
  suite_add_tcase(s, kept);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
