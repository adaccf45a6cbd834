/* Steppers over the registry, with every table: order and tolerance on a closed form, replay
 * to the bit, stop times, restarts, values that are not finite, limits, directions; and the
 * tables, interpolants and norms they stand on. */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"
#include "core/stepper.h"

#include <float.h>
#include <math.h>
#include <stdio.h>

/* ---- a system with a closed form ------------------------------------------------------ */

/* B rows of  u' = -2 s c u^2,  v' = v cos s,  q' = 1 - q:
   u = 1 / (1/u0 + c s^2),  v = v0 exp(sin s - sin 0),  q = 1 + (q0 - 1) e^-s, from s = 0. */
enum { D = 3, BMAX = 7, NMAX = BMAX * D };

typedef struct bench {
  gn_arena *arena;
  gn_system sys;
  gn_segment seg[1];
  gn_fields fields;
  gn_stepper *st;
  gn_pool *pool; /* records for replays, one slice a stage */
  long calls;
  double wall;   /* q above it cannot be evaluated       */
  int nan;       /* how that is said                      */
  double end;    /* s above it cannot be evaluated       */
  int dir;       /* of the solve                         */
} bench;

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec,
               size_t slice)
{
  bench *b = user;
  double *tape = gn_record_tape(rec, slice, 1).field[0];
  int bad = s > b->end;
  b->calls++;
  for (size_t i = 0; i < b->sys.B; i++, y += D, ydot += D, tape += D + 1) {
    tape[0] = s;
    gn_vec_copy(D, y, tape + 1);
    ydot[0] = -2 * s * (0.3 + 0.03 * (double)i) * y[0] * y[0];
    ydot[1] = y[1] * cos(s);
    ydot[2] = 1 - y[2];
    if (y[2] > b->wall) {
      bad = bad || !b->nan;
      ydot[2] = (double)NAN;
    }
  }
  return bad ? GN_RETRY : 0;
}

static void exact(size_t B, double s, double *y)
{
  for (size_t i = 0; i < B; i++, y += D) {
    y[0] = 1 / (1 + (0.3 + 0.03 * (double)i) * s * s);
    y[1] = (0.5 + 0.1 * (double)i) * exp(sin(s));
    y[2] = 1 - exp(-s);
  }
}

static void resize(bench *b, size_t B)
{
  b->sys.B = b->sys.norm.B = B;
  b->sys.n = b->seg[0].n = B * D;
}

static void open_bench(bench *b, const gn_rig_way *way, double tol, double h)
{
  char text[160];
  const gn_stepper_class *cls = way->cls;
  memset(b, 0, sizeof *b);
  gn_ck_ok(gn_arena_create(&b->arena));
  size_t place;
  gn_ck_ok(gn_fields_add(&b->fields, D + 1, &place));
  b->wall = b->end = HUGE_VAL;
  b->seg[0] = (gn_segment){ .name = "y", .d = D, .atol_scale = 1, .rtol_scale = 1 };
  b->sys = (gn_system){ .nmax = NMAX, .user = b, .rhs = rhs, .fields = &b->fields,
                        .Bmax = BMAX, .norm = { .nseg = 1, .seg = b->seg, .ngroup = 1 } };
  (void)snprintf(text, sizeof text, "?h=%.17g%s%s", h, way->text[0] ? ":" : "", way->text);
  const void *config = gn_rig_config(b->arena, cls->options, cls->config_size, text);
  gn_ck_ok(gn_stepper_create(cls, config, &b->sys, (gn_tolerance){ tol, tol }, &b->st));
  gn_ck_ok(gn_pool_create(&b->fields, GN_STAGES_MAX, BMAX, &b->pool));
  resize(b, BMAX);
}

static void close_bench(bench *b)
{
  gn_stepper_destroy(&b->st);
  gn_pool_destroy(&b->pool);
  gn_arena_destroy(&b->arena);
}

static void start(bench *b, double s0, int dir, double h0)
{
  double y0[NMAX];
  exact(b->sys.B, s0, y0);
  b->dir = dir;
  gn_ck_ok(gn_stepper_start(b->st, s0, y0, dir, h0));
}

/* Step until the stop time, which is met exactly and never passed, unless the stepper says
   that it overshoots; returns the state there. */
static const double *reach(bench *b, double stop)
{
  static double y[NMAX];
  const int dir = b->dir, overshoots = b->st->cls->overshoots;
  b->st->want_slopes = overshoots;
  while (dir * (stop - b->st->s) > 0) {
    gn_step *step;
    gn_ck_ok(gn_stepper_step(b->st, stop, &step));
    ck_assert(dir * step->h > 0);
    ck_assert(overshoots || dir * (stop - step->s_new) >= 0);
    ck_assert(step->s_new == b->st->s);
  }
  ck_assert(overshoots || b->st->s == stop);
  gn_stepper_state(b->st, stop, y);
  return y;
}

/* The order rises from one at every start, and a stop time spoils what it has risen on. */
static int multistep(const gn_stepper_class *cls)
{
  return gn_option_find(cls->options, "max_order") != NULL;
}

static double error_at(const bench *b, double s, const double *y)
{
  double want[NMAX];
  exact(b->sys.B, s, want);
  return gn_test_relerr_max(b->sys.n, y, want);
}

static double error_of(const gn_rig_way *way, double tol, double h, double from, double to)
{
  bench b;
  open_bench(&b, way, tol, h);
  start(&b, from, to > from ? 1 : -1, 0);
  const double *y = reach(&b, to), e = error_at(&b, to, y);
  close_bench(&b);
  return e;
}

/* ---- the loops ----------------------------------------------------------------------- */

static gn_rig_way ways[GN_RIG_WAYS];

static const gn_stepper_class *cls_of(const gn_rig_way *w) { return w->cls; }

static const char *name_of(const gn_rig_way *w)
{
  static char text[128];
  (void)snprintf(text, sizeof text, "%s %s", cls_of(w)->name, w->text);
  return text;
}

/* ---- accuracy ------------------------------------------------------------------------ */

/* Fixed steps: error ~ h^order, both directions. 0.2 is room for the next term; the steps
   keep the error of order 5 far above rounding. */
START_TEST(observed_order)
{
  const gn_rig_way *w = &ways[_i];
  if (cls_of(w)->adaptive) return;
  bench b;
  open_bench(&b, w, 1, 1);
  const int p = b.st->tab->order;
  close_bench(&b);
  const double h = p < 4 ? 1.0 / 64 : 1.0 / 32;
  for (int dir = 1; dir >= -1; dir -= 2) {
    const double from = dir > 0 ? 0 : 1, to = 1 - from;
    const double coarse = error_of(w, 1, h, from, to), fine = error_of(w, 1, h / 2, from, to);
    ck_assert_msg(fine > 20 * DBL_EPSILON, "%s: error %.1e is rounding", name_of(w), fine);
    const double seen = log2(coarse / fine);
    ck_assert_msg(seen >= p - 0.2 && seen < p + 1.5, "%s: order %.2f, expected %d (%.2e, %.2e)",
                  name_of(w), seen, p, coarse, fine);
  }
}
END_TEST

/* Adaptive: the error follows the tolerance down, both directions. The error test bounds
   the local error; the sum over the steps, with the growth of q backward, stays within a factor 100. */
START_TEST(tolerance)
{
  const gn_rig_way *w = &ways[_i];
  if (!cls_of(w)->adaptive) return;
  for (int dir = 1; dir >= -1; dir -= 2) {
    double last = 1;
    for (int k = 0; k < 4; k++) {
      const double tol = pow(10, -4 - 2 * k);
      const double e = error_of(w, tol, 1, dir > 0 ? 0 : 1.5, dir > 0 ? 1.5 : 0);
      ck_assert_msg(e < 100 * tol && e < 0.3 * last, "%s: error %.2e at tolerance %.0e, %.2e before",
                    name_of(w), e, tol, last);
      last = e;
    }
  }
}
END_TEST

/* ---- replay -------------------------------------------------------------------------- */

/* What a strategy may rely on: from y0, h and the first slope alone, gn_rk_step gives the
   bits of y1, of the last slope and of every tape. */
typedef struct replay {
  double *K[GN_STAGES_MAX], *Y, *y1, *last; /* last: slope at the end of the step before */
} replay;

static void check_step(bench *b, replay *r, const gn_step *step, const char *what)
{
  const gn_tableau *tab = b->st->tab;
  const size_t n = b->sys.n;
  const int lead = tab->fsal;
  gn_record *rec, *head;
  gn_ck_ok(gn_pool_take(b->pool, b->sys.B, &rec));
  gn_ck_ok(gn_pool_take(b->pool, b->sys.B, &head));
  if (lead && step->fresh) {
    ck_assert(step->s_first == step->s);
    ck_assert_msg(step->head != NULL, "%s: a fresh step without the record of its first stage",
                  what);
    ck_assert_int_eq(rhs(b, step->s_first, step->y0, r->K[0], head, 0), 0);
    ck_assert(gn_test_same(head->at[0], step->head->at[0],
                           b->sys.B * (D + 1) * sizeof(double)));
  } else if (lead) {
    gn_vec_copy(n, r->last, r->K[0]);
  }
  if (!lead) ck_assert(step->s_first == step->s);
  const int rc = gn_rk_step(tab, &b->sys, step->s, step->h, step->y0, r->K, lead, rec, lead,
                            r->Y, r->y1);
  ck_assert_int_eq(rc, 0);
  ck_assert_msg(gn_test_same(r->y1, step->y1, n * sizeof *r->y1),
                "%s: y at %.17g is not what a replay gives", what, step->s_new);
  ck_assert_int_eq(step->f1 != NULL, lead);
  if (lead) {
    ck_assert_msg(gn_test_same(r->K[tab->s - 1], step->f1, n * sizeof *step->f1),
                  "%s: slope at %.17g is not what a replay gives", what, step->s_new);
    gn_vec_copy(n, r->K[tab->s - 1], r->last);
  }
  for (int i = 0; step->K && i < tab->s; i++)
    ck_assert_msg(gn_test_same(r->K[i], step->K[i], n * sizeof(double)),
                  "%s: slope %d of the step from %.17g differs", what, i, step->s);
  for (int i = lead; i < tab->s; i++)
    ck_assert_msg(gn_test_same(gn_record_tape(rec, (size_t)(i - lead), 1).field[0],
                               gn_record_tape(step->rec, (size_t)(i - lead), 1).field[0],
                               b->sys.B * (D + 1) * sizeof(double)),
                  "%s: the tape of stage %d of the step from %.17g differs", what, i, step->s);
  gn_record_give(&rec);
  gn_record_give(&head);
}

/* A step is kept as strategies do: its records leave the stepper, and come back much later. */
static void keep_records(gn_step *step)
{
  gn_record *rec = step->rec, *head = step->head;
  step->rec = step->head = NULL;
  gn_record_give(&rec);
  gn_record_give(&head);
}

/* Through stop times, resets and both directions, keeping some records and leaving others. A
   stepper that overshoots may be past the next stop already, and is reset inside its step. */
static void replay_all(bench *b, int slopes, const char *what)
{
  static const double stops[] = { 0.2, 0.2001, 0.9, 1.5 };
  const size_t nstop = sizeof stops / sizeof *stops;
  replay r = { 0 };
  double **all[] = { &r.Y, &r.y1, &r.last };
  for (int i = 0; i < GN_STAGES_MAX; i++)
    ck_assert((r.K[i] = gn_arena_alloc(b->arena, NMAX, sizeof(double))) != NULL);
  for (int i = 0; i < 3; i++)
    ck_assert((*all[i] = gn_arena_alloc(b->arena, NMAX, sizeof(double))) != NULL);
  b->st->want_slopes = slopes;
  for (int dir = 1; dir >= -1; dir -= 2) {
    long seen = 0;
    int fresh = 1;
    start(b, dir > 0 ? 0 : 1.7, dir, 0);
    for (size_t k = 0; k < nstop; k++) {
      const double stop = stops[dir > 0 ? k : nstop - 1 - k];
      double y[NMAX];
      gn_step *step;
      while (dir * (stop - b->st->s) > 0) {
        gn_ck_ok(gn_stepper_step(b->st, stop, &step));
        ck_assert_int_eq(step->fresh, fresh);
        fresh = 0;
        check_step(b, &r, step, what);
        if (seen++ % 3 == 0) keep_records(step);
      }
      if (k % 2 == 0) continue;
      gn_stepper_state(b->st, stop, y);
      gn_vec_scale(b->sys.n, 1.01, y, y);
      gn_ck_ok(gn_stepper_reset(b->st, stop, y));
      ck_assert(b->st->s == stop);
      fresh = 1;
    }
    ck_assert_int_eq(seen, b->st->steps);
    ck_assert_int_gt(seen, 4);
  }
}

START_TEST(replays)
{
  const gn_rig_way *w = &ways[_i];
  if (!(cls_of(w)->offers & GN_HAS_STAGES)) return;
  for (int slopes = 0; slopes < 2; slopes++) {
    bench b;
    open_bench(&b, w, 1e-6, 0.05);
    const int inside = cls_of(w)->overshoots; /* states at stops are read from the slopes */
    replay_all(&b, inside || (slopes && (cls_of(w)->offers & GN_HAS_DENSE)), name_of(w));
    close_bench(&b);
  }
}
END_TEST

/* ---- stop times ---------------------------------------------------------------------- */

/* Each of n stop times can cost one step, and the step size of before is resumed after it:
   a pair of stops 1e-6 apart must not be paid with a climb from 1e-6. A multistep method climbs
   from there, five to twelve steps; one that overshoots has no stops. The error test is passed as
   often as there are steps: 100 tolerances for methods that take hundreds. */
START_TEST(stop_times)
{
  const gn_rig_way *w = &ways[_i];
  if (!cls_of(w)->adaptive) return;
  enum { PAIRS = 10, STOPS = 2 * PAIRS };
  const long each = multistep(cls_of(w)) ? 12 : 1;
  const double limit = cls_of(w)->offers & GN_HAS_STAGES ? 3e-7 : 1e-6;
  long steps[2];
  for (int stops = 0; stops < 2; stops++) {
    bench b;
    open_bench(&b, w, 1e-8, 1);
    start(&b, 0, 1, 0);
    for (int k = 1; stops && k <= PAIRS; k++) {
      (void)reach(&b, k * 0.13);
      (void)reach(&b, k * 0.13 + 1e-6);
    }
    const double *y = reach(&b, 2);
    ck_assert_double_lt(error_at(&b, 2, y), limit);
    steps[stops] = b.st->steps + b.st->rejects;
    close_bench(&b);
  }
  if (cls_of(w)->overshoots) ck_assert_int_eq(steps[1], steps[0]);
  ck_assert_msg(steps[1] <= steps[0] + each * STOPS + 6, "%s: %ld steps, %ld with %d stop times",
                name_of(w), steps[0], steps[1], STOPS);
}
END_TEST

/* Size of the first step from (s, y) when nothing is said about it. */
static double estimated(const gn_rig_way *w, double tol, double s, const double *y)
{
  bench b;
  gn_step *step;
  open_bench(&b, w, tol, 1);
  gn_ck_ok(gn_stepper_start(b.st, s, y, 1, 0));
  gn_ck_ok(gn_stepper_step(b.st, 10, &step));
  const double h = step->h;
  close_bench(&b);
  return h;
}

/* A reset evaluates the slope anew and goes on with the size that was planned. A multistep
   method falls back to order one and takes it for the most; a literal one estimates anew. */
START_TEST(restart)
{
  const gn_rig_way *w = &ways[_i];
  if (!cls_of(w)->adaptive) return;
  bench b;
  gn_step *step;
  double y[NMAX];
  open_bench(&b, w, 1e-8, 1);
  start(&b, 0, 1, 0);
  for (int k = 0; k < 6; k++) gn_ck_ok(gn_stepper_step(b.st, 10, &step));
  const double planned = b.st->h_next, s = b.st->s;
  const long rejects = b.st->rejects;
  gn_vec_copy(b.sys.n, step->y1, y);
  gn_ck_ok(gn_stepper_reset(b.st, b.st->s, y));
  gn_ck_ok(gn_stepper_step(b.st, 10, &step));
  ck_assert_int_eq(step->fresh, 1);
  ck_assert(step->s == s);
  const double want = cls_of(w)->literal ? estimated(w, 1e-8, s, y) : planned;
  ck_assert_msg(multistep(cls_of(w)) ? step->h > 0 && step->h <= want
                                     : gn_test_relerr(step->h, want) < 1e-12,
                "%s: h = %g after a restart, planned %g", name_of(w), step->h, want);
  ck_assert_int_eq(b.st->rejects, rejects);
  close_bench(&b);
}
END_TEST

/* h0 > 0 is the first step's size; a literal stepper estimates its own. */
START_TEST(first_step)
{
  const gn_rig_way *w = &ways[_i];
  if (!cls_of(w)->adaptive) return;
  bench b;
  gn_step *step;
  double y[NMAX];
  open_bench(&b, w, 1e-4, 1);
  exact(b.sys.B, 0.5, y);
  start(&b, 0.5, 1, 1.0 / 1024);
  gn_ck_ok(gn_stepper_step(b.st, 10, &step));
  ck_assert_double_eq(step->h, cls_of(w)->literal ? estimated(w, 1e-4, 0.5, y) : 1.0 / 1024);
  close_bench(&b);
}
END_TEST

/* ---- starting again ------------------------------------------------------------------ */

typedef struct run_log {
  size_t n;
  struct {
    double s, h, y[NMAX];
  } at[400];
} run_log;

static void log_run(bench *b, size_t B, run_log *log)
{
  gn_step *step;
  resize(b, B);
  start(b, 0, 1, 0);
  memset(log, 0, sizeof *log);
  do {
    gn_ck_ok(gn_stepper_step(b->st, b->st->s < 0.7 ? 0.7 : 1.3, &step));
    ck_assert_uint_lt(log->n, 400);
    log->at[log->n].s = step->s_new;
    log->at[log->n].h = step->h;
    gn_vec_copy(b->sys.n, step->y1, log->at[log->n++].y);
  } while (step->s_new < 1.3);
}

/* Whatever happened before, backward, half done, failed, or with more rows: a start gives
   the bits of a fresh stepper. */
START_TEST(second_start)
{
  static run_log fresh, again;
  const gn_rig_way *w = &ways[_i];
  bench b;
  gn_step *step;
  open_bench(&b, w, 1e-6, 0.05);
  log_run(&b, 3, &fresh);
  close_bench(&b);

  open_bench(&b, w, 1e-6, 0.05);
  for (int before = 0; before < 4; before++) {
    resize(&b, before == 3 ? 1 : BMAX);
    start(&b, 1, before == 1 ? -1 : 1, 0);
    gn_ck_ok(gn_stepper_step(b.st, before == 1 ? -1 : 3, &step));
    gn_ck_ok(gn_stepper_step(b.st, before == 1 ? -1 : 3, &step));
    if (before == 2) { /* fails */
      b.end = 1.2;
      gn_status s = GN_OK;
      while (s == GN_OK) s = gn_stepper_step(b.st, 3, &step);
      ck_assert_int_eq(s, GN_ENONFINITE);
      b.end = HUGE_VAL;
    }
    log_run(&b, 3, &again);
    ck_assert_msg(gn_test_same(&fresh, &again, sizeof fresh), "%s: history %d matters",
                  name_of(w), before);
  }
  close_bench(&b);
}
END_TEST

/* ---- values that are not finite ------------------------------------------------------ */

/* q' = 1 - q cannot be evaluated above 1.2, where only too long steps come: at h = 10 the
   first stage does. Adaptive steppers retry, and count it. A literal one takes no first step
   from outside: a loose tolerance brings it to steps that are too long. */
START_TEST(retry)
{
  const gn_rig_way *w = &ways[_i];
  if (!cls_of(w)->adaptive) return;
  const int literal = cls_of(w)->literal;
  for (int nan = 0; nan < 2; nan++) { /* said by the return value, or only by the slope */
    bench b;
    open_bench(&b, w, literal ? 1 : 1e-5, 1);
    b.wall = 1.2;
    b.nan = nan;
    start(&b, 0, 1, 10);
    gn_step *step;
    while (literal && b.st->rejects == 0) gn_ck_ok(gn_stepper_step(b.st, 40, &step));
    if (!literal) { /* as stop_times: more steps, more errors */
      const double limit = cls_of(w)->offers & GN_HAS_STAGES ? 3e-4 : 1e-3;
      ck_assert_double_lt(error_at(&b, 1.5, reach(&b, 1.5)), limit);
    }
    ck_assert_int_gt(b.st->rejects, 0);
    ck_assert_int_eq(b.seg[0].rejects + b.sys.norm.unknown, b.st->rejects);
    if (nan && cls_of(w)->offers & GN_HAS_STAGES) /* the slope shows where; Newton's method
                                                     may fail without one */
      ck_assert_int_eq(b.sys.norm.unknown, 0);
    close_bench(&b);
  }
}
END_TEST

/* Nothing can be evaluated beyond s = 0.5: GN_ENONFINITE that names the place. */
START_TEST(hopeless)
{
  const gn_rig_way *w = &ways[_i];
  bench b;
  gn_step *step;
  open_bench(&b, w, 1e-5, 0.05);
  b.end = 0.5;
  start(&b, 0, 1, 0);
  gn_status s = GN_OK;
  while (s == GN_OK) s = gn_stepper_step(b.st, 1, &step);
  ck_assert_msg(s == GN_ENONFINITE, "%s: %s (%s)", name_of(w), gn_status_name(s),
                gn_last_error());
  ck_assert_msg(strstr(gn_last_error(), "t = 0.") != NULL, "'%s' does not say where",
                gn_last_error());
  ck_assert_double_le(b.st->s, 0.5 + 0.05); /* Euler looks at the start of a step only */
  close_bench(&b);
}
END_TEST

START_TEST(bad_start)
{
  bench b;
  double y[NMAX];
  open_bench(&b, &ways[_i], 1e-5, 0.05);
  exact(BMAX, 0, y);
  y[4] = (double)NAN;
  gn_ck_fails(gn_stepper_start(b.st, 0, y, 1, 0), GN_ENONFINITE, "t = 0");
  close_bench(&b);
}
END_TEST

/* A step begins only below the limit; its rejections count. */
START_TEST(step_limit)
{
  long begun = 0;
  bench b;
  gn_step *step;
  open_bench(&b, &ways[_i], 1e-10, 1e-3);
  b.st->max_steps = 7;
  start(&b, 0, 1, 0);
  gn_status s = GN_OK;
  while (s == GN_OK) {
    begun = b.st->steps + b.st->rejects;
    s = gn_stepper_step(b.st, 3, &step);
    if (s == GN_OK) ck_assert_int_lt(begun, 7);
  }
  ck_assert_int_eq(s, GN_ELIMIT);
  ck_assert_int_ge(begun, 7);
  ck_assert_int_eq(b.st->steps + b.st->rejects, begun);
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "max_steps"));
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "t = "));
  ck_assert_ptr_nonnull(strstr(gn_last_error(), "h = "));
  close_bench(&b);
}
END_TEST

/* ---- tables and interpolants --------------------------------------------------------- */

/* The conditions on weights b at theta for quadrature and composition up to order 4:
   sum b_i c_i^k = theta^(k+1)/(k+1), and the four with A. */
static double condition(const gn_tableau *t, const double *b, int which)
{
  double sum = 0;
  for (int i = 0; i < t->s; i++) {
    double Ac = 0, Ac2 = 0, AAc = 0;
    for (int j = 0; j < i; j++) {
      double Acj = 0;
      for (int k = 0; k < j; k++) Acj += t->A[j][k] * t->c[k];
      Ac += t->A[i][j] * t->c[j];
      Ac2 += t->A[i][j] * t->c[j] * t->c[j];
      AAc += t->A[i][j] * Acj;
    }
    const double c = t->c[i];
    const double f[] = { 1, c, c * c, Ac, c * c * c, c * Ac, Ac2, AAc, c * c * c * c };
    sum += b[i] * f[which];
  }
  return sum;
}
static const struct {
  int order;
  double value; /* at theta = 1; times theta^order */
} conditions[] = { { 1, 1 },        { 2, 1.0 / 2 }, { 3, 1.0 / 3 },  { 3, 1.0 / 6 }, { 4, 1.0 / 4 },
                   { 4, 1.0 / 8 }, { 4, 1.0 / 12 }, { 4, 1.0 / 24 }, { 5, 1.0 / 5 } };
enum { NCOND = sizeof conditions / sizeof *conditions };

static void check_conditions(const gn_tableau *t, const double *b, int order, double theta,
                             const char *what)
{
  for (int k = 0; k < NCOND; k++) {
    if (conditions[k].order > order) continue;
    const double want = conditions[k].value * pow(theta, conditions[k].order);
    const double got = condition(t, b, k); /* sums of numbers up to 12 cancel */
    ck_assert_msg(fabs(got - want) < 2e-14, "%s, theta %g: condition %d of order %d is %.17g, "
                  "expected %.17g", what, theta, k, conditions[k].order, got, want);
  }
}

START_TEST(table_conditions)
{
  const gn_tableau *t = &gn_tableaus[_i];
  for (int i = 0; i < t->s; i++) {
    double row = 0;
    for (int j = 0; j < i; j++) row += t->A[i][j];
    ck_assert_double_lt(fabs(row - t->c[i]), 4e-15);
  }
  check_conditions(t, t->b, t->order, 1, t->name);
  if (t->embedded) check_conditions(t, t->bhat, t->embedded, 1, "embedded");
  int fsal = t->c[t->s - 1] == 1;
  for (int j = 0; j < t->s; j++) fsal = fsal && t->A[t->s - 1][j] == t->b[j];
  ck_assert_int_eq(t->fsal, fsal);
}
END_TEST

/* The table of that name is the one written here; a literal stepper may have another embedded
   solution, of the order it says. */
START_TEST(same_tables)
{
  bench b;
  open_bench(&b, &ways[_i], 1e-5, 0.05);
  const gn_tableau *got = b.st->tab, *want = got ? gn_tableau_find(got->name) : NULL;
  if (want && got != want) {
    ck_assert_int_eq(got->s, want->s);
    ck_assert_int_eq(got->order, want->order);
    ck_assert_int_eq(got->embedded, want->embedded);
    ck_assert_int_eq(got->fsal, want->fsal);
    for (int i = 0; i < got->s; i++) { /* one rounding of each coefficient, the largest 30 */
      for (int j = 0; j < i; j++) ck_assert_double_lt(fabs(got->A[i][j] - want->A[i][j]), 1e-14);
      ck_assert_double_lt(fabs(got->b[i] - want->b[i]), 1e-15);
      ck_assert(b.st->cls->literal || fabs(got->bhat[i] - want->bhat[i]) < 1e-14);
      ck_assert_double_lt(fabs(got->c[i] - want->c[i]), 1e-15);
    }
    check_conditions(got, got->bhat, got->embedded, 1, name_of(&ways[_i]));
  }
  close_bench(&b);
}
END_TEST

/* The interpolant as weights of the slopes: y1 = y0 + h sum b_i K_i put in. */
static void dense_weights(const gn_tableau *t, double theta, double *b)
{
  gn_dense d;
  gn_rk_dense(t, theta, &d);
  gn_ck_close(d.w0 + d.w1, 1, 1e-15);
  for (int i = 0; i < t->s; i++) b[i] = d.k[i] + d.w1 * t->b[i];
}

START_TEST(interpolants)
{
  const gn_tableau *t = &gn_tableaus[_i];
  double b[GN_STAGES_MAX];
  const int order = gn_rk_dense_order(t);
  if (strcmp(t->name, "dormand_prince") == 0) ck_assert_int_eq(order, 4);
  else ck_assert_int_eq(order, t->fsal ? 3 : 0);
  if (order == 0) return;
  for (int k = 0; k <= 8; k++) {
    const double theta = k / 8.0;
    dense_weights(t, theta, b);
    check_conditions(t, b, order, theta, t->name);
  }
  for (int end = 0; end < 2; end++) { /* both ends of the step, to rounding */
    dense_weights(t, end, b);
    for (int i = 0; i < t->s; i++)
      ck_assert_double_lt(fabs(b[i] - (end ? t->b[i] : 0)), 1e-15);
  }
  if (order == 3) { /* Hermite: the slopes at both ends are K_0 and K_last */
    const double e = 1e-6;
    double b1[GN_STAGES_MAX];
    dense_weights(t, e, b);
    dense_weights(t, 1 - e, b1);
    for (int i = 0; i < t->s; i++) {
      ck_assert_double_lt(fabs(b[i] / e - (i == 0)), 1e-5);
      ck_assert_double_lt(fabs((t->b[i] - b1[i]) / e - (i == t->s - 1)), 1e-5);
    }
  }
}
END_TEST

/* ---- norms --------------------------------------------------------------------------- */

/* Five segments: two [3, 2] and [3, 1] blocks twice, and a tensor of four numbers. */
enum { NB = 3, NSEG = 5, NH = 2 * NB, NE = 2 * (NH + NB) + 4 };

static gn_norm norm(gn_segment *seg, const int *group, int ngroup, int rowwise)
{
  static const size_t n[NSEG] = { NH, NB, NH, NB, 4 }, d[NSEG] = { 2, 1, 2, 1, 0 };
  static const char *const names[NSEG] = { "h", "m", "a.h", "a.m", "f.0.weight" };
  for (int k = 0; k < NSEG; k++)
    seg[k] = (gn_segment){ .name = names[k], .n = n[k], .d = d[k], .group = group[k],
                           .atol_scale = 1, .rtol_scale = 1 };
  return (gn_norm){ .nseg = NSEG, .seg = seg, .ngroup = ngroup, .rowwise = rowwise, .B = NB };
}

static double rms(const double *e, const double *w, size_t from, size_t n)
{
  double sum = 0;
  for (size_t i = from; i < from + n; i++) sum += e[i] * w[i] * e[i] * w[i];
  return sqrt(sum / (double)n);
}

START_TEST(norm_groups)
{
  static const int one[NSEG] = { 0, 0, 0, 0, 0 }, blocks[NSEG] = { 0, 0, 1, 1, 2 },
                   semi[NSEG] = { 0, 0, 1, 1, -1 };
  double e[NE], w[NE];
  gn_segment seg[NSEG];
  gn_rig_random(1, NE, 1, e);
  gn_rig_random(2, NE, 1, w);
  e[NE - 1] = 40; /* the tensor is worst where it counts */
  gn_norm nm = norm(seg, one, 1, 0);
  gn_ck_close(gn_norm_eval(&nm, e, w), rms(e, w, 0, NE), 1e-15);
  ck_assert_int_eq(nm.worst, 4);
  nm = norm(seg, blocks, 3, 0);
  gn_ck_close(gn_norm_eval(&nm, e, w), rms(e, w, 18, 4), 1e-15);
  nm = norm(seg, semi, 2, 0);
  gn_ck_close(gn_norm_eval(&nm, e, w), fmax(rms(e, w, 0, 9), rms(e, w, 9, 9)), 1e-15);
  ck_assert_int_ne(nm.worst, 4); /* what is not in the norm is not blamed */
}
END_TEST

START_TEST(norm_rows)
{
  static const int rows[NSEG] = { 0, 0, 0, 0, 1 };
  double e[NE], w[NE], most = 0;
  gn_segment seg[NSEG];
  gn_rig_random(3, NE, 1, e);
  gn_vec_fill(NE, 1, w);
  for (size_t i = 0; i < NB; i++) {
    const double v[6] = { e[2 * i], e[2 * i + 1], e[6 + i], e[9 + 2 * i], e[10 + 2 * i], e[15 + i] };
    double sum = 0;
    for (int j = 0; j < 6; j++) sum += v[j] * v[j];
    most = fmax(most, sqrt(sum / 6));
  }
  gn_norm nm = norm(seg, rows, 2, 1);
  gn_vec_fill(4, 0, e + 18);
  gn_ck_close(gn_norm_eval(&nm, e, w), most, 1e-15);
  gn_vec_fill(4, 100, e + 18);
  gn_ck_close(gn_norm_eval(&nm, e, w), 100, 1e-15);
  e[3] = (double)NAN;
  ck_assert(isnan(gn_norm_eval(&nm, e, w)));
}
END_TEST

START_TEST(norm_weights_and_blame)
{
  static const int one[NSEG] = { 0, 0, 0, 0, 0 };
  double y[NE], w[NE];
  char text[64];
  gn_segment seg[NSEG];
  gn_norm nm = norm(seg, one, 1, 0);
  gn_rig_random(4, NE, 1, y);
  seg[2].atol_scale = 1e-3;
  gn_norm_weights(&nm, 1e-2, 1e-4, y, w);
  for (size_t i = 0; i < NE; i++)
    gn_ck_close(w[i], 1 / (1e-2 * fabs(y[i]) + 1e-4 * (i >= 9 && i < 15 ? 1e-3 : 1)), 1e-15);
  gn_norm_blame(&nm, text, sizeof text);
  ck_assert_str_eq(text, "");
  seg[1].rejects = 3;
  seg[4].rejects = 1;
  gn_norm_blame(&nm, text, sizeof text);
  ck_assert_str_eq(text, "m 3, f.0.weight 1");
}
END_TEST

int main(void)
{
  const int n = (int)gn_rig_steppers(ways);
  int ntab = 0;
  while (gn_tableaus[ntab].name) ntab++;
  Suite *s = suite_create("steppers");
  TCase *steps = tcase_create("steppers"), *parts = tcase_create("tables and norms");
  tcase_add_loop_test(steps, observed_order, 0, n);
  tcase_add_loop_test(steps, tolerance, 0, n);
  tcase_add_loop_test(steps, replays, 0, n);
  tcase_add_loop_test(steps, stop_times, 0, n);
  tcase_add_loop_test(steps, restart, 0, n);
  tcase_add_loop_test(steps, first_step, 0, n);
  tcase_add_loop_test(steps, second_start, 0, n);
  tcase_add_loop_test(steps, retry, 0, n);
  tcase_add_loop_test(steps, hopeless, 0, n);
  tcase_add_loop_test(steps, bad_start, 0, n);
  tcase_add_loop_test(steps, step_limit, 0, n);
  tcase_add_loop_test(parts, same_tables, 0, n);
  tcase_add_loop_test(parts, table_conditions, 0, ntab);
  tcase_add_loop_test(parts, interpolants, 0, ntab);
  tcase_add_test(parts, norm_groups);
  tcase_add_test(parts, norm_rows);
  tcase_add_test(parts, norm_weights_and_blame);
  tcase_set_timeout(steps, 300);
  suite_add_tcase(s, steps);
  suite_add_tcase(s, parts);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
