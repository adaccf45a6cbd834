/* Implicit steppers, adams, bdf and dirk with both linear solvers: order and tolerance on
 * closed forms, stiffness, blocks of a batch, restarts, slopes, allocations, failures; and the
 * continuous adjoints on them against the discrete gradient. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "core/flow.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- systems with closed forms -------------------------------------------------------- */

/* SMOOTH  B rows of  u' = -2 s c u^2,  v' = v cos s:  u = 1 / (1/u0 + c s^2), v = v0 e^sin s.
   STIFF   y' = R diag(-1, -1e4) R^T y with R a rotation, another one in every row. */
enum { D = 2, BMAX = 4, NMAX = BMAX * D, SMOOTH = 0, STIFF = 1 };
static const double FAST = 1e4;

typedef struct bench {
  gn_arena *arena;
  gn_system sys;
  gn_segment seg[2]; /* two blocks of width 1 */
  gn_fields fields;
  gn_stepper *st;
  int kind;
  long calls, products, late;
  double end;        /* s above it: status, counted in late */
  int status;
} bench;

static double angle(size_t row) { return 0.3 + 0.4 * (double)row; }

/* A of a row, or the Jacobian of SMOOTH at (s, u). */
static void matrix(const bench *b, size_t i, double s, double u, double A[4])
{
  const double c = cos(angle(i)), q = sin(angle(i));
  if (b->kind == SMOOTH) {
    A[0] = -4 * s * (0.3 + 0.1 * (double)i) * u, A[1] = A[2] = 0, A[3] = cos(s);
    return;
  }
  A[0] = -c * c - FAST * q * q, A[3] = -q * q - FAST * c * c;
  A[1] = A[2] = (FAST - 1) * c * q;
}

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec,
               size_t slice)
{
  bench *b = user;
  const size_t B = b->sys.B;
  double A[4], *tape = gn_record_tape(rec, slice, 1).field[0];
  b->calls++;
  gn_vec_copy(b->sys.n, y, tape);
  for (size_t i = 0; i < B; i++) {
    matrix(b, i, s, y[i], A);
    ydot[i] = A[0] * y[i] / (b->kind == SMOOTH ? 2 : 1) + A[1] * y[B + i];
    ydot[B + i] = A[2] * y[i] + A[3] * y[B + i];
  }
  b->late += s > b->end;
  return s > b->end ? b->status : 0;
}

static int jvp(void *user, double s, const double *v, double *Jv, gn_record *rec, size_t slice)
{
  bench *b = user;
  const size_t B = b->sys.B;
  const double *tape = gn_record_tape(rec, slice, 1).field[0];
  double A[4];
  b->products++;
  for (size_t i = 0; i < B; i++) {
    matrix(b, i, s, tape[i], A);
    Jv[i] = A[0] * v[i] + A[1] * v[B + i];
    Jv[B + i] = A[2] * v[i] + A[3] * v[B + i];
  }
  return 0;
}

/* The solution that starts at s = 0 in u = 1, v = 0.5 + 0.1 i (SMOOTH), or with the slow and
   the fast component 1 + i and 1. */
static void exact(const bench *b, double s, double *y)
{
  const size_t B = b->sys.B;
  for (size_t i = 0; i < B; i++) {
    const double c = cos(angle(i)), q = sin(angle(i));
    const double slow = (1 + (double)i) * exp(-s), fast = exp(-FAST * s);
    y[i] = b->kind == STIFF ? c * slow - q * fast : 1 / (1 + (0.3 + 0.1 * (double)i) * s * s);
    y[B + i] = b->kind == STIFF ? q * slow + c * fast : (0.5 + 0.1 * (double)i) * exp(sin(s));
  }
}

static void resize(bench *b, size_t B)
{
  b->sys.B = b->sys.norm.B = b->seg[0].n = b->seg[1].n = B;
  b->sys.n = B * D;
}

/* Everything but the stepper. */
static void make_system(bench *b, int kind)
{
  memset(b, 0, sizeof *b);
  gn_ck_ok(gn_arena_create(&b->arena));
  size_t place;
  gn_ck_ok(gn_fields_add(&b->fields, D, &place));
  b->kind = kind;
  b->end = HUGE_VAL;
  for (int k = 0; k < 2; k++)
    b->seg[k] = (gn_segment){ .name = k ? "v" : "u", .d = 1, .atol_scale = 1, .rtol_scale = 1 };
  b->sys = (gn_system){ .nmax = NMAX, .user = b, .rhs = rhs, .jvp = jvp,
                        .fields = &b->fields, .Bmax = BMAX,
                        .norm = { .nseg = 2, .seg = b->seg, .ngroup = 1 } };
  resize(b, BMAX);
}

/* The name before the first ':'; the rest of the text. */
static const char *split(const char *way, char *name, size_t size)
{
  const size_t len = strcspn(way, ":");
  (void)snprintf(name, size, "%.*s", (int)len, way);
  return way + len + (way[len] == ':');
}

static void open_bench(bench *b, const char *way, int kind, double tol)
{
  char name[16];
  make_system(b, kind);
  const char *keys = split(way, name, sizeof name);
  const gn_stepper_class *cls = gn_stepper_find(name);
  ck_assert_ptr_nonnull(cls);
  const void *config = gn_rig_config(b->arena, cls->options, cls->config_size, keys);
  gn_ck_ok(gn_stepper_create(cls, config, &b->sys, (gn_tolerance){ tol, tol }, &b->st));
  resize(b, BMAX);
}

static void close_bench(bench *b)
{
  gn_stepper_destroy(&b->st);
  gn_arena_destroy(&b->arena);
}

static void start(bench *b, double s0, int dir)
{
  double y0[NMAX];
  exact(b, s0, y0);
  gn_ck_ok(gn_stepper_start(b->st, s0, y0, dir, 0));
}

static gn_step *reach(bench *b, double stop)
{
  const double dir = stop > b->st->s ? 1 : -1;
  gn_step *step;
  do {
    gn_ck_ok(gn_stepper_step(b->st, stop, &step));
    ck_assert(dir * step->h > 0);
    ck_assert(dir * (stop - step->s_new) >= 0);
    ck_assert(step->s_new == b->st->s);
    ck_assert(step->rec == NULL && step->head == NULL && step->f1 == NULL);
  } while (step->s_new != stop);
  return step;
}

static double error_at(const bench *b, double s, const double *y)
{
  double want[NMAX];
  exact(b, s, want);
  return gn_test_relerr_max(b->sys.n, y, want);
}

static const char *const ways[] = { "adams", "bdf", "bdf:linear=dense", "dirk",
                                    "dirk:linear=dense", "dirk:table=ark324", "dirk:table=ark436",
                                    "dirk:table=ark548:linear=dense" };
enum { NWAY = 8, NCUBIC = 6 }; /* the steps of those before are short enough for a cubic */

/* ---- accuracy ------------------------------------------------------------------------- */

/* The error test bounds one step; the sum over up to 200 steps stays within 300 of it. */
START_TEST(tolerance)
{
  for (int dir = 1; dir >= -1; dir -= 2) {
    double last = 1;
    for (int k = 0; k < 4; k++) {
      const double tol = pow(10, -4 - 2 * k);
      bench b;
      open_bench(&b, ways[_i], SMOOTH, tol);
      start(&b, dir > 0 ? 0 : 2, dir);
      const double to = dir > 0 ? 2 : 0, e = error_at(&b, to, reach(&b, to)->y1);
      ck_assert_msg(e < 300 * tol && e < 0.3 * last, "%s, direction %d: error %.2e at %.0e",
                    ways[_i], dir, e, tol);
      last = e;
      close_bench(&b);
    }
  }
}
END_TEST

static long steps_of(const char *way, double tol)
{
  bench b;
  open_bench(&b, way, SMOOTH, tol);
  start(&b, 0, 1);
  (void)reach(&b, 4);
  const long n = b.st->steps;
  close_bench(&b);
  return n;
}

/* The local error is C h^(q+1): steps grow with tol^(-1/(q+1)). Between 1e-6 and 1e-8, with
   a fifth of room for the start and for the steps' memory. */
START_TEST(max_order)
{
  static const char *const methods[] = { "adams", "bdf" };
  for (int k = 0; k < 2; k++)
    for (int q = 1; q <= 3; q++) {
      char way[32];
      (void)snprintf(way, sizeof way, "%s:max_order=%d", methods[k], q);
      const double grew = (double)steps_of(way, 1e-8) / (double)steps_of(way, 1e-6);
      const double want = pow(100, 1.0 / (q + 1));
      ck_assert_msg(grew > 0.8 * want && grew < 1.2 * want, "%s: %.2f times the steps, "
                    "expected %.2f", way, grew, want);
    }
}
END_TEST

/* The slopes at the ends of a step are f there, to what the corrector leaves. */
START_TEST(slopes)
{
  const double tol = 1e-8;
  bench b;
  gn_step *step;
  open_bench(&b, ways[_i], SMOOTH, tol);
  b.st->want_slopes = 1;
  start(&b, 0, 1);
  gn_pool *pool;
  gn_record *rec;
  gn_ck_ok(gn_pool_create(&b.fields, 1, BMAX, &pool));
  gn_ck_ok(gn_pool_take(pool, BMAX, &rec));
  double f[NMAX], before[NMAX];
  int seen = 0;
  do {
    gn_ck_ok(gn_stepper_step(b.st, 1, &step));
    ck_assert_int_eq(rhs(&b, step->s, step->y0, f, rec, 0), 0);
    gn_ck_close_all(b.sys.n, step->K[0], f, seen ? 1e-4 : 1e-15);
    if (seen++) ck_assert(gn_test_same(before, step->K[0], sizeof before));
    ck_assert_int_eq(rhs(&b, step->s_new, step->y1, f, rec, 0), 0);
    for (size_t i = 0; i < b.sys.n; i++) /* h f is solved for to a tenth of the tolerance */
      ck_assert_double_lt(fabs(step->h * (step->K[1][i] - f[i])), 20 * tol);
    gn_vec_copy(b.sys.n, step->K[1], before);
  } while (step->s_new != 1);
  gn_record_give(&rec);
  gn_pool_destroy(&pool);
  close_bench(&b);
}
END_TEST

/* ---- stiffness ------------------------------------------------------------------------ */

/* Eigenvalues -1 and -1e4 on [0, 5]: an explicit method needs 5 * 1e4 / 2 steps and more,
   BDF follows the slow component. */
START_TEST(stiff_linear)
{
  bench b;
  open_bench(&b, ways[_i], STIFF, 1e-6);
  start(&b, 0, 1);
  const double e = error_at(&b, 5, reach(&b, 5)->y1);
  if (_i == 0) {
    ck_assert_int_gt(b.st->steps, 10000);
    ck_assert_int_eq(b.st->newton, 0);
  } else {
    ck_assert_int_lt(b.st->steps, 400);
    ck_assert_double_lt(e, 1e-3); /* 100 tol, of a solution that decayed to e^-5 */
    /* With the right Jacobian the linear problem takes one iteration or two for each
       system, of which dirk has up to eight in a step; three, where gamma is an old one. */
    const long systems = (b.st->steps + b.st->rejects) * (_i < 3 ? 1 : _i == 7 ? 8 : 5);
    ck_assert_int_ge(b.st->newton, b.st->steps);
    ck_assert_int_lt(b.st->newton, (_i < 3 ? 2 : 3) * systems);
    ck_assert_int_gt(b.products, 0);
  }
  close_bench(&b);
}
END_TEST

/* Van der Pol, mu = 100, through the flow of the model: the relaxation oscillation's first
   jump is met by both linear solvers; the rows of a batch are on different phases. */
static void vdp(const char *way, size_t B, const double *y0, double tol, double *y, long *steps)
{
  gn_model *m = gn_rig_model("vdp:mu=100", 2, 0);
  const double mu = 100;
  gn_arena *a;
  gn_flow fl = { 0 };
  gn_system sys = { 0 };
  gn_stepper *st;
  gn_step *step;
  const gn_stepper_class *cls = gn_stepper_find("bdf");
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_flow_setup(&fl, a, m, BMAX));
  gn_ck_ok(gn_flow_system(&fl, a, BMAX, &sys));
  gn_ck_ok(gn_stepper_create(cls, gn_rig_config(a, cls->options, cls->config_size, way), &sys,
                             (gn_tolerance){ tol, tol }, &st));
  gn_flow_bind(&fl, B, &mu);
  gn_flow_resize(&fl, &sys);
  gn_ck_ok(gn_stepper_start(st, 0, y0, 1, 0));
  do gn_ck_ok(gn_stepper_step(st, 100, &step));
  while (step->s_new != 100);
  gn_vec_copy(2 * B, step->y1, y);
  *steps = st->steps;
  ck_assert_int_gt(fl.count.jvp, 0);
  gn_stepper_destroy(&st);
  gn_arena_destroy(&a);
  gn_model_destroy(&m);
}

START_TEST(van_der_pol)
{
  static const double y0[8] = { 2, 0, 1.5, 0, -1.8, 0.1, 2.2, 0 };
  double all[8], krylov[8];
  long steps, one_steps;
  vdp("linear=dense", 4, y0, 1e-9, all, &steps);
  ck_assert_int_lt(steps, 10000); /* a stability limit of 1/300 would be 30000 */
  vdp("", 4, y0, 1e-9, krylov, &one_steps);
  gn_ck_close_all(8, krylov, all, 1e-6); /* 1000 tol: the jump amplifies */
  for (size_t b = 0; b < 4; b++) {
    double one[2];
    vdp("linear=dense", 1, y0 + 2 * b, 1e-9, one, &one_steps);
    gn_ck_close_all(2, all + 2 * b, one, 1e-6);
    ck_assert_int_le(one_steps, steps);
  }
}
END_TEST

/* Without a jvp the products are difference quotients: the same answer. */
START_TEST(quotients)
{
  double e[2];
  long newton[2];
  for (int k = 0; k < 2; k++) {
    bench b;
    open_bench(&b, ways[_i], STIFF, 1e-6);
    if (k) b.sys.jvp = NULL;
    start(&b, 0, 1);
    e[k] = error_at(&b, 5, reach(&b, 5)->y1);
    newton[k] = b.st->newton;
    ck_assert_int_eq(b.products > 0, !k);
    close_bench(&b);
  }
  ck_assert_double_lt(e[1], 1e-3);
  ck_assert_int_lt(newton[1], newton[0] + newton[0] / 4);
}
END_TEST

/* ---- restarts ------------------------------------------------------------------------- */

/* A jump of the state at s = 1 to the solution of another start: nothing of the history of
   before is left. The first step is not the one planned at a high order. */
START_TEST(reset)
{
  bench b;
  double y[NMAX];
  open_bench(&b, ways[_i], SMOOTH, 1e-8);
  start(&b, 0, 1);
  gn_vec_scale(b.sys.n, 1, reach(&b, 1)->y1, y);
  const double planned = b.st->h_next, v = y[BMAX];
  for (size_t i = BMAX; i < NMAX; i++) y[i] *= 3;
  gn_ck_ok(gn_stepper_reset(b.st, 1, y));
  gn_step *step;
  gn_ck_ok(gn_stepper_step(b.st, 2, &step));
  ck_assert_int_eq(step->fresh, 1);
  ck_assert(step->s == 1 && step->h <= planned);
  ck_assert(gn_test_same(step->y0, y, sizeof y));
  gn_ck_close(reach(&b, 2)->y1[BMAX], 3 * v * exp(sin(2.0) - sin(1.0)), 1e-6);
  close_bench(&b);
}
END_TEST

/* Backward, half done, failed, or more rows before: a start gives the bits of a new stepper. */
START_TEST(second_start)
{
  double fresh[NMAX] = { 0 }, again[NMAX] = { 0 };
  for (int before = -1; before < 4; before++) {
    bench b;
    gn_step *step;
    open_bench(&b, ways[_i], SMOOTH, 1e-6);
    if (before >= 0) {
      resize(&b, before == 3 ? 1 : BMAX);
      start(&b, 1, before == 1 ? -1 : 1);
      for (int k = 0; k < 5; k++) gn_ck_ok(gn_stepper_step(b.st, before == 1 ? -1 : 3, &step));
      b.status = GN_RETRY;
      b.end = before == 2 ? 1.2 : HUGE_VAL;
      while (before == 2 && gn_stepper_step(b.st, 3, &step) == GN_OK) continue;
      b.end = HUGE_VAL;
    }
    resize(&b, 3);
    start(&b, 0, 1);
    (void)reach(&b, 0.7);
    gn_vec_copy(b.sys.n, reach(&b, 2)->y1, before < 0 ? fresh : again);
    close_bench(&b);
    if (before >= 0) ck_assert_msg(gn_test_same(fresh, again, sizeof fresh),
                                   "%s: history %d matters", ways[_i], before);
  }
}
END_TEST

/* Many stop times, and two of them close together: each is met, the error stays. */
START_TEST(stop_times)
{
  bench b;
  open_bench(&b, ways[_i], SMOOTH, 1e-8);
  start(&b, 0, 1);
  for (int k = 1; k <= 20; k++) {
    ck_assert_double_lt(error_at(&b, 0.1 * k, reach(&b, 0.1 * k)->y1), 1e-6);
    (void)reach(&b, 0.1 * k + 1e-6);
  }
  close_bench(&b);
}
END_TEST

/* From the second solve on nothing is allocated, with resets and fewer rows. */
START_TEST(allocations)
{
  bench b;
  double y[NMAX];
  long begin = 0, end = 0;
  open_bench(&b, ways[_i], SMOOTH, 1e-6);
  for (int k = 0; k < 3; k++) {
    resize(&b, k == 2 ? 2 : BMAX);
    exact(&b, 0, y);
    gn_step *step;
    begin = gn_wrap_count();
    gn_status s = gn_stepper_start(b.st, 0, y, 1, 0);
    while (s == GN_OK && b.st->s != 1) s = gn_stepper_step(b.st, 1, &step);
    if (s == GN_OK) s = gn_stepper_reset(b.st, 1, y);
    while (s == GN_OK && b.st->s != 2) s = gn_stepper_step(b.st, 2, &step);
    end = gn_wrap_count();
    gn_ck_ok(s);
    if (k > 0) ck_assert_int_eq(end - begin, 0);
  }
  close_bench(&b);
}
END_TEST

/* Every allocation of set-up refused in turn: out of memory, and nothing leaks. */
START_TEST(refused)
{
  char name[16];
  const char *keys = split(ways[_i], name, sizeof name);
  bench b;
  make_system(&b, SMOOTH);
  const gn_stepper_class *cls = gn_stepper_find(name);
  const void *config = gn_rig_config(b.arena, cls->options, cls->config_size, keys);
  int denied = 1;
  for (long k = 0; denied; k++) {
    gn_wrap_refuse(k);
    const gn_status s = gn_stepper_create(cls, config, &b.sys, (gn_tolerance){ 1e-6, 1e-6 },
                                          &b.st);
    denied = gn_wrap_refused();
    gn_wrap_refuse(-1);
    ck_assert_int_eq(s, denied ? GN_ENOMEM : GN_OK);
    gn_stepper_destroy(&b.st);
    ck_assert_int_lt((int)k, 1000);
  }
  close_bench(&b);
}
END_TEST

/* ---- failures ------------------------------------------------------------------------- */

/* A right-hand side that says stop is believed, also inside CVODES' fixed-point iteration,
   and not called again; one that says retry is, until the step is below rounding. */
START_TEST(failing)
{
  for (int k = 0; k < 2; k++) {
    bench b;
    gn_step *step;
    open_bench(&b, ways[_i], SMOOTH, 1e-6);
    start(&b, 0, 1);
    b.end = 0.5;
    b.status = k ? GN_RETRY : GN_ESOLVER;
    gn_status s = GN_OK;
    while (s == GN_OK) s = gn_stepper_step(b.st, 1, &step);
    ck_assert_int_eq(s, k ? GN_ENONFINITE : GN_ESOLVER);
    const char *said = k ? "not finite beyond t = 0.5" : "asked to stop";
    ck_assert_ptr_nonnull(strstr(gn_last_error(), said));
    ck_assert_double_le(b.st->s, 0.5);
    if (!k) ck_assert_int_eq(b.late, 1);
    ck_assert_int_eq(b.seg[0].rejects + b.seg[1].rejects + b.sys.norm.unknown,
                     b.st->rejects);
    close_bench(&b);
  }
}
END_TEST

/* Retries that help: the first step is far too long for the wall at s = 3. */
START_TEST(retry)
{
  char way[64];
  bench b;
  (void)snprintf(way, sizeof way, "%s:h0=5", ways[_i]);
  open_bench(&b, way, SMOOTH, 1e-5);
  b.end = 3;
  b.status = GN_RETRY;
  start(&b, 0, 1);
  ck_assert_double_lt(error_at(&b, 2, reach(&b, 2)->y1), 1e-3);
  ck_assert_int_gt(b.st->rejects, 0);
  ck_assert_int_eq(b.seg[0].rejects + b.seg[1].rejects + b.sys.norm.unknown,
                     b.st->rejects);
  close_bench(&b);
}
END_TEST

/* ---- strategies ----------------------------------------------------------------------- */

static void rig_of(const gn_model *m, gn_rig_kind kind, const char *stepper, const char *text,
                   double tol, gn_rig *r)
{
  gn_rig_way way = { .cls = gn_stepper_find(stepper) };
  (void)snprintf(way.text, sizeof way.text, "%s", text);
  gn_rig_create(m, kind, GN_LAND, 5, &way, tol, 0.1, r);
}

/* Continuous adjoints on multistep methods converge to the gradient of the ODE, here discrete
   at 1e-12; with plain outputs, and with jumps, kinks and spans. Long steps have no
   interpolant of their order. */
static const char *const strategies[] = { "interpolate", "gauss:state=trajectory",
                                          "gauss:state=backsolve", "backsolve",
                                          "backsolve:norm=semi" };
enum { NSTRATEGY = 5 };

START_TEST(converge)
{
  char name[16];
  const char *keys = split(ways[_i], name, sizeof name);
  gn_model *models[2] = { gn_rig_model("hbnode:dim=2:width=12", 0, 0),
                          gn_rig_model("kicked:dim=2", 0, 0) };
  for (int k = 0; k < 2; k++) {
    const gn_rig_kind kind = k ? GN_RIG_ALL : GN_RIG_PLAIN;
    gn_rig exactly;
    gn_rig_answer want;
    rig_of(models[k], kind, "erk", "", 1e-12, &exactly);
    gn_rig_answer_of(&exactly, "discrete", 0, &want);
    for (int j = 0; j < NSTRATEGY; j++) {
      double last = 1;
      if (_i >= NCUBIC && strcmp(strategies[j], "backsolve") != 0) continue;
      if (strcmp(name, "dirk") == 0 && strstr(strategies[j], "semi")) continue; /* refused */
      for (int q = 0; q < 3; q++) {
        const double tol = pow(10, -4 - 2 * q);
        gn_rig r;
        gn_rig_answer got;
        rig_of(models[k], kind, name, keys, tol, &r);
        gn_rig_answer_of(&r, strategies[j], 0, &got);
        const double off = gn_rig_distance(&r, &got, &want);
        ck_assert_msg(off < 1000 * tol && (off < 0.3 * last || off < 10 * tol),
                      "%s on %s, problem %d: %.2e off at %.0e, %.2e before", strategies[j],
                      ways[_i], k, off, tol, last);
        ck_assert_int_eq(got.stats.newton > 0, _i > 0);
        last = off;
        gn_rig_destroy(&r);
      }
    }
    gn_rig_destroy(&exactly);
    gn_model_destroy(&models[k]);
  }
}
END_TEST

/* Stages are solved in the norm: a block outside of it is refused, not left unsolved. */
START_TEST(outside_the_norm)
{
  gn_model *m = gn_rig_model("hbnode:dim=2:width=12", 0, 0);
  gn_rig r;
  rig_of(m, GN_RIG_PLAIN, "dirk", "", 1e-6, &r);
  gn_gradient *g = gn_rig_gradient(&r, "backsolve:norm=semi", 5);
  double *Y = calloc(r.nY, sizeof *Y), *gy0 = calloc(r.n, sizeof *gy0);
  double *gp = calloc(r.np, sizeof *gp);
  gn_ck_ok(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, Y));
  gn_ck_fails(gn_gradient_backward(g, r.gY, gy0, gp, NULL), GN_EUNSUP, "outside");
  free(Y), free(gy0), free(gp);
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* There are no stages to transpose, or no explicit ones, which can be replayed. */
START_TEST(illegal)
{
  static const char *const names[] = { "dirk", "adams", "bdf" };
  static const char *const none[] = { "seminorm", "symplectic", "fd", "discrete", "tangent" };
  for (int k = 0; k < (_i ? 5 : 3); k++)
    gn_ck_fails(gn_pair_check(gn_stepper_find(names[_i]), gn_gradient_find(none[k])),
                GN_EUNSUP, "stages");
}
END_TEST

int main(void)
{
  Suite *s = suite_create("implicit");
  TCase *steps = tcase_create("steppers"), *grads = tcase_create("strategies");
  tcase_add_loop_test(steps, tolerance, 0, NWAY);
  tcase_add_test(steps, max_order);
  tcase_add_loop_test(steps, slopes, 0, NWAY);
  tcase_add_loop_test(steps, stiff_linear, 0, NWAY);
  tcase_add_test(steps, van_der_pol);
  tcase_add_loop_test(steps, quotients, 1, NWAY);
  tcase_add_loop_test(steps, reset, 0, NWAY);
  tcase_add_loop_test(steps, second_start, 0, NWAY);
  tcase_add_loop_test(steps, stop_times, 0, NWAY);
  tcase_add_loop_test(steps, allocations, 0, NWAY);
  tcase_add_loop_test(steps, refused, 0, NWAY);
  tcase_add_loop_test(steps, failing, 0, NWAY);
  tcase_add_loop_test(steps, retry, 0, NWAY);
  tcase_add_loop_test(grads, converge, 0, NWAY);
  tcase_add_loop_test(grads, illegal, 0, 3);
  tcase_add_test(grads, outside_the_norm);
  tcase_set_timeout(steps, 300);
  tcase_set_timeout(grads, 300);
  suite_add_tcase(s, steps);
  suite_add_tcase(s, grads);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
