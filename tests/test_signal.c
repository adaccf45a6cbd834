/* Signals: their values, closed forms of driven linear equations, exact strategies against
 * tangents and differences over replayed steps, convergence of the others, rows with times of
 * their own, refusals. */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"
#include "core/signal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static gn_rig_way way(const char *name, const char *text)
{
  gn_rig_way w = { gn_stepper_find(name), "" };
  ck_assert(w.cls != NULL);
  (void)snprintf(w.text, sizeof w.text, "%s", text);
  return w;
}

/* ---- values ---------------------------------------------------------------------------- */

/* Signals 0, 1, 0 at knots 0, 1, 2 over a problem from 0 to 2. */
static void open_values(gn_arena *a, const gn_model *m, gn_signal_kind kind, int stops,
                        gn_problem *pb, gn_signal_values *v)
{
  static const double times[2] = { 0, 2 }, knots[3] = { 0, 1, 2 }, u[3] = { 0, 1, 0 };
  static gn_event event[1];
  static const gn_drive drive = { .u = u };
  gn_problem plain;
  gn_ck_ok(gn_problem_outputs(m, 1, times, GN_LAND, event, &plain));
  gn_ck_ok(gn_problem_signal(a, &plain, kind, 3, knots, stops, pb));
  gn_ck_ok(gn_signal_setup(v, a, pb, 1));
  gn_ck_ok(gn_signal_begin(v, pb, 1, &drive));
}

static double value(gn_signal_values *v, double s)
{
  return gn_signal_read(v, s, &s)[0];
}

/* M_1 = 6 (-1 - 1) / 4 = -3, so u(1/2) = 1/2 + (1/8 - 1/2) (-3) / 6 = 11/16. */
START_TEST(values_between_knots)
{
  static const double half[] = { 0, 0.5, 0.6875 };
  gn_model *m = gn_rig_model("node:dim=1:signals=1", 0, 0);
  gn_arena *a;
  gn_problem pb;
  gn_signal_values v;
  gn_ck_ok(gn_arena_create(&a));
  open_values(a, m, (gn_signal_kind)_i, 1, &pb, &v);
  ck_assert_uint_eq(pb.nevent, 2);
  ck_assert(pb.event[0].kind == GN_AT_KINK && pb.event[0].s == 1);
  ck_assert_uint_eq(pb.event[0].index, 1);
  gn_ck_close(value(&v, 0.5), half[_i], 1e-15);
  gn_ck_close(value(&v, 0), 0, 0);
  const double left = value(&v, 1);
  v.interval = pb.signal->interval[1];
  const double right = value(&v, 1);
  gn_ck_close(left, _i == GN_HOLD ? 0 : 1, 0); /* each side its own */
  gn_ck_close(right, 1, 0);
  gn_ck_close(value(&v, 1.5), _i == GN_HOLD ? 1 : half[_i], 1e-15);
  if (_i != GN_HOLD) {
    open_values(a, m, (gn_signal_kind)_i, 0, &pb, &v);
    ck_assert_uint_eq(pb.nevent, 1); /* without stops s decides */
    gn_ck_close(value(&v, 0.5), half[_i], 1e-15);
    gn_ck_close(value(&v, 1.5), half[_i], 1e-15);
    ck_assert_double_eq_tol(value(&v, 2), 0, 1e-15);
  }
  gn_arena_destroy(&a);
  gn_model_destroy(&m);
}
END_TEST

/* ---- a closed form --------------------------------------------------------------------- */

/* y' = a y + b u + c over one piece of length h with u = u0 + slope t: its end. */
static double piece(double a, double b, double c, double y, double u0, double slope, double h)
{
  const double E = expm1(a * h);
  return y + E * y + (b * u0 + c) * E / a + b * slope * (E - a * h) / (a * a);
}

enum { NKNOT = 5 };
static const double knot[NKNOT] = { 0.1, 0.35, 0.8, 1.3, 1.7 };
static const double knot_u[NKNOT] = { 0.4, -1, 2, 1.1, -0.7 };

/* Events as in the rig's plain problem, which ends at 1.5 and has an output at a knot. y(t_k),
   and sum_k w_k y(t_k) by y0, b and c. */
START_TEST(driven_linear_equation)
{
  static const char *const names[] = { "discrete", "tangent", "interpolate", "cvodes",
                                       "seminorm", "backsolve", "gauss", "forward",
                                       "reversible" };
  static const double out[3] = { 0.35, 0.95, 1.5 };
  const gn_signal_kind kind = _i % 2 ? GN_LINEAR : GN_HOLD;
  const char *name = names[_i / 2];
  /* reversible is of order 2 only */
  const double a = -0.7, b = 1.3, c = 0.2, tol = strcmp(name, "reversible") == 0 ? 1e-4 : 1e-9;
  const double sv = strcmp(name, "reversible") == 0 ? 1e-8 : 1e-12;
  const gn_rig_way st = way("erk", "");
  gn_model *m = gn_rig_model("node:dim=1:signals=1:depth=0", 0, 0);
  gn_rig r;
  gn_rig_answer g;
  gn_problem pb;
  double y[3][3] = { { 0 } }, at[3] = { 1, 0, 0 }; /* by y0, b, c */
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 1, &st, sv, 0, &r);
  for (size_t k = 0; k < 3; k++) r.event[k] = (gn_event){ out[k], GN_AT_OUTPUT, k };
  r.problem.nevent = r.problem.noutput = 3;
  gn_ck_ok(gn_problem_signal(r.arena, &r.problem, kind, NKNOT, knot, 1, &pb));
  r.problem = pb;
  r.drive.u = knot_u;
  r.p[0] = a, r.p[1] = b, r.p[2] = c;
  double s = 0.1, state = r.y0[0], want[3] = { 0 };
  for (size_t e = 0; e < pb.nevent; e++) {
    size_t k = 0;
    while (k + 2 < NKNOT && knot[k + 1] <= s) k++;
    const double h = pb.event[e].s - s;
    const double slope =
      kind == GN_HOLD ? 0 : (knot_u[k + 1] - knot_u[k]) / (knot[k + 1] - knot[k]);
    const double u0 = knot_u[k] + slope * (s - knot[k]);
    state = piece(a, b, c, state, u0, slope, h);
    at[0] = piece(a, 0, 0, at[0], 0, 0, h);
    at[1] = piece(a, 1, 0, at[1], u0, slope, h);
    at[2] = piece(a, 0, 1, at[2], 0, 0, h);
    s = pb.event[e].s;
    if (pb.event[e].kind != GN_AT_OUTPUT) continue;
    want[pb.event[e].index] = state;
    memcpy(y[pb.event[e].index], at, sizeof y[0]);
  }
  gn_rig_answer_of(&r, name, 0, &g);
  gn_ck_close_all(3, g.Y, want, tol);
  double dy0 = 0, db = 0, dc = 0;
  for (size_t k = 0; k < 3; k++)
    dy0 += r.gY[k] * y[k][0], db += r.gY[k] * y[k][1], dc += r.gY[k] * y[k][2];
  gn_ck_close(g.gy0[0], dy0, tol);
  gn_ck_close(g.gp[1], db, tol);
  gn_ck_close(g.gp[2], dc, tol);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- exact and continuous strategies --------------------------------------------------- */

typedef struct scene {
  const char *model, *stepper, *way;
  gn_rig_kind kind;
  gn_output_mode output;
  gn_signal_kind signal;
  int stops;
} scene;

static const scene scenes[] = {
  { "node:dim=2:signals=2:width=8:time=append", "erk", "", GN_RIG_PLAIN, GN_LAND, GN_HOLD, 1 },
  { "anode:dim=2:signals=1:width=8", "erk", "", GN_RIG_PLAIN, GN_INTERPOLATE, GN_LINEAR, 1 },
  { "sonode:dim=2:signals=3:width=8", "erk", "table=bogacki_shampine", GN_RIG_PLAIN, GN_LAND,
    GN_CUBIC, 1 },
  { "hbnode:dim=2:signals=1:width=8", "rkfixed", "table=rk4", GN_RIG_PLAIN, GN_LAND, GN_HOLD, 1 },
  { "ghbnode:dim=2:signals=1:width=8", "dirk", "", GN_RIG_PLAIN, GN_LAND, GN_LINEAR, 1 },
  { "adamnode:dim=2:signals=2:width=8", "erk", "", GN_RIG_PLAIN, GN_INTERPOLATE, GN_CUBIC, 0 },
  { "node:dim=2:signals=2:width=8", "erk", "", GN_RIG_SPANS, GN_LAND, GN_HOLD, 1 },
  { "node:dim=2:signals=2:width=8", "erk", "", GN_RIG_SPANS, GN_INTERPOLATE, GN_LINEAR, 1 },
  { "ghbnode:dim=1:signals=2:width=8", "erk", "", GN_RIG_SPANS, GN_LAND, GN_CUBIC, 1 },
  { "node:dim=2:signals=1:width=8", "torchdiffeq", "", GN_RIG_PLAIN, GN_INTERPOLATE, GN_LINEAR, 0 },
};
enum { NSCENE = sizeof scenes / sizeof *scenes, ROWS = 3 };

/* Make the rows' times go on where a span ends, as they do in data. */
static void join_spans(gn_rig *r)
{
  for (size_t i = 0; i < r->B && r->t0; i++)
    r->t0[r->B + i] = r->t0[i] + 0.8 * (r->dt[i] - r->dt[r->B + i]);
}

static void open_scene(const scene *sc, size_t B, double tol, gn_model **m, gn_rig *r)
{
  const gn_rig_way st = way(sc->stepper, sc->way);
  gn_problem pb;
  *m = gn_rig_model(sc->model, 0, 0);
  gn_rig_create(*m, sc->kind, sc->output, B, &st, tol, 0.07, r);
  join_spans(r);
  gn_ck_ok(gn_problem_signal(r->arena, &r->problem, sc->signal, NKNOT, knot, sc->stops, &pb));
  r->problem = pb;
  double *u = gn_arena_alloc(r->arena, NKNOT * B * (*m)->nu, sizeof *u);
  ck_assert(u != NULL);
  gn_rig_random(9, NKNOT * B * (*m)->nu, 1, u);
  r->drive.u = u;
}

/* <w, dPhi v> = <dPhi^T w, v>; the same bits whatever is kept; differences of replayed steps. */
START_TEST(discrete_is_exact)
{
  gn_model *m;
  gn_rig r;
  gn_rig_answer d, small, t, f;
  open_scene(&scenes[_i], ROWS, 1e-5, &m, &r);
  gn_rig_answer_of(&r, "discrete", 0, &d);
  gn_rig_answer_of(&r, "tangent", 0, &t);
  ck_assert_double_le(gn_rig_distance(&r, &d, &t), 1e-12);
  if (r.solver.cls->offers & GN_HAS_STAGES) {
    gn_rig_answer_of(&r, "fd", 0, &f);
    ck_assert_double_le(gn_rig_distance(&r, &d, &f), 1e-8); /* differences: d^4 + eps / d */
    gn_rig_answer_of(&r, "discrete:budget=1", 0, &small);
    ck_assert_mem_eq(small.gp, d.gp, r.np * sizeof *d.gp);
    ck_assert_mem_eq(small.gy0, d.gy0, r.n * sizeof *d.gy0);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* Two tolerances: the distance from discrete at the tighter one falls, to the solver's order. */
START_TEST(continuous_converge)
{
  static const char *const names[] = { "interpolate", "seminorm", "backsolve", "gauss",
                                       "cvodes", "forward", "symplectic" };
  static const int of[] = { 0, 1, 6, 7 };
  const scene *sc = &scenes[of[_i % 4]];
  const char *name = names[_i / 4];
  gn_model *m;
  gn_rig r;
  gn_rig_answer ref, coarse, fine;
  double e[2];
  if (sc->output == GN_INTERPOLATE && strcmp(name, "symplectic") == 0) return;
  open_scene(sc, ROWS, 1e-12, &m, &r);
  gn_rig_answer_of(&r, "discrete", 0, &ref);
  r.solver.tol = r.solver.back = (gn_tolerance){ 1e-5, 1e-5 };
  gn_rig_answer_of(&r, name, 0, &coarse);
  r.solver.tol = r.solver.back = (gn_tolerance){ 1e-10, 1e-10 };
  gn_rig_answer_of(&r, name, 0, &fine);
  e[0] = gn_rig_distance(&r, &coarse, &ref), e[1] = gn_rig_distance(&r, &fine, &ref);
  ck_assert_msg(e[1] <= 1e-7 && (e[1] < 0.1 * e[0] || e[0] < 1e-9), "%s: %.2e, then %.2e", name,
                e[0], e[1]);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- jumps ----------------------------------------------------------------------------- */

/* node with a jump, y+ = y + x / 4. */
static int jump(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  for (size_t i = 0; i < at->B * m->ny; i++) z[i] = at->y[i] + at->x[i] / 4;
  return 0;
}

static int jump_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
                    const gn_pull *to)
{
  (void)tape;
  if (to->y) gn_vec_axpy(at->B * m->ny, 1.0, w, to->y);
  return 0;
}

static int jump_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
                    const double *vp, double *z)
{
  (void)tape, (void)vp;
  gn_vec_fill(at->B * m->ny, 0.0, z);
  if (vy) gn_vec_copy(at->B * m->ny, vy, z);
  return 0;
}

/* Jumps, outputs, a change of spans and a knot at one time. */
START_TEST(knots_among_events)
{
  static const char *const names[] = { "tangent", "fd", "cvodes", "interpolate", "gauss",
                                       "backsolve", "forward", "reversible" };
  static const gn_rig_kind kinds[] = { GN_RIG_JUMPS, GN_RIG_ALL };
  gn_model_class cls = *gn_model_find("node");
  const gn_rig_way st = way("erk", "");
  gn_arena *a;
  gn_model *m;
  gn_rig r;
  gn_problem pb;
  gn_rig_answer ref, g;
  cls.jump = (gn_map){ jump, jump_vjp, NULL, jump_jvp };
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_model_create(&cls, gn_rig_config(a, cls.options, cls.config_size,
                                               "dim=2:width=4:signals=2"), (gn_sizes){ 0 }, &m));
  gn_rig_create(m, kinds[_i / 2], GN_LAND, ROWS, &st, 1e-10, 0, &r);
  join_spans(&r);
  double u[NKNOT * ROWS * 2];
  gn_rig_random(9, sizeof u / sizeof *u, 1, u);
  gn_ck_ok(gn_problem_signal(a, &r.problem, _i % 2 ? GN_LINEAR : GN_HOLD, NKNOT, knot, 1, &pb));
  r.problem = pb;
  r.drive.u = u;
  gn_rig_answer_of(&r, "discrete", 0, &ref);
  for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
    /* exact; differences; 1e-10 a step; order 2 */
    const double tol = k == 0 ? 1e-12 : k == 1 ? 1e-8 : k + 1 < sizeof names / sizeof *names ? 1e-6 : 1e-3;
    gn_rig_answer_of(&r, names[k], 0, &g);
    ck_assert_msg(gn_rig_distance(&r, &g, &ref) <= tol, "%s: %.2e", names[k],
                  gn_rig_distance(&r, &g, &ref));
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
  gn_arena_destroy(&a);
}
END_TEST

/* ---- rows ------------------------------------------------------------------------------ */

/* A row with a span of its own sees what a solve in its own time sees. */
START_TEST(rows_read_at_their_own_times)
{
  static const gn_event end = { 1.5, GN_AT_OUTPUT, 0 };
  static const scene sc = { "node:dim=2:signals=2:time=append", "erk", "", GN_RIG_PLAIN, GN_LAND,
                            GN_HOLD, 1 };
  const gn_signal_kind kind = (gn_signal_kind)_i;
  gn_model *m, *same;
  gn_rig r, one;
  gn_rig_answer all, alone;
  gn_problem pb;
  open_scene(&sc, 2, 1e-12, &m, &r);
  const double t0[2] = { 0.3, -0.2 }, dt[2] = { 0.6, 1.7 };
  const double *u = r.drive.u;
  gn_problem bare = { .model = m, .s0 = 0.1, .nevent = 1, .event = &end, .noutput = 1, .nspan = 1 };
  gn_ck_ok(gn_problem_signal(r.arena, &bare, kind, NKNOT, knot, 1, &r.problem));
  r.nY = r.n;
  r.drive.t0 = t0, r.drive.dt = dt;
  gn_rig_answer_of(&r, "discrete", 0, &all);
  for (size_t i = 0; i < 2; i++) {
    double own[NKNOT], mine[NKNOT * 2];
    open_scene(&sc, 1, 1e-12, &same, &one);
    for (size_t k = 0; k < NKNOT; k++) {
      own[k] = t0[i] + knot[k] * dt[i];
      memcpy(mine + 2 * k, u + (k * 2 + i) * 2, 2 * sizeof *u);
    }
    const gn_event last = { t0[i] + 1.5 * dt[i], GN_AT_OUTPUT, 0 };
    bare = (gn_problem){ .model = same, .s0 = t0[i] + 0.1 * dt[i], .nevent = 1, .event = &last,
                         .noutput = 1 };
    gn_ck_ok(gn_problem_signal(one.arena, &bare, kind, NKNOT, own, 1, &pb));
    one.problem = pb;
    one.nY = one.n;
    one.drive.u = mine;
    memcpy(one.y0, r.y0 + 2 * i, 2 * sizeof *r.y0);
    gn_rig_answer_of(&one, "discrete", 0, &alone);
    gn_ck_close_all(2, alone.Y, all.Y + 2 * i, 1e-10); /* two solves at 1e-12 */
    gn_rig_destroy(&one);
    gn_model_destroy(&same);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- refusals -------------------------------------------------------------------------- */

START_TEST(what_cannot_be_done)
{
  static const double late[2] = { 0.2, 2 }, back[3] = { 0, 1, 1 }, few[2] = { 0, 1 };
  const gn_rig_way st = way("erk", ""), over = way("torchdiffeq", "");
  gn_model *m = gn_rig_model("node:dim=2:signals=1", 0, 0), *deaf = gn_rig_model("node:dim=2", 0, 0);
  gn_problem pb;
  gn_rig r;
  gn_gradient *g = NULL;
  gn_rig_create(m, GN_RIG_SPANS, GN_LAND, 2, &st, 1e-4, 0.1, &r);
  gn_ck_fails(gn_problem_signal(r.arena, &r.problem, GN_HOLD, 2, late, 1, &pb), GN_EARG,
              "begin at 0.2");
  gn_ck_fails(gn_problem_signal(r.arena, &r.problem, GN_LINEAR, 3, back, 1, &pb), GN_EARG,
              "knot 2");
  gn_ck_fails(gn_problem_signal(r.arena, &r.problem, GN_LINEAR, 2, few, 1, &pb), GN_EARG,
              "end at 1");
  gn_ck_fails(gn_problem_signal(r.arena, &r.problem, GN_CUBIC, 1, few, 1, &pb), GN_EARG,
              "at least 2");
  const gn_gradient_class *cls = gn_gradient_find("discrete");
  gn_ck_fails(gn_gradient_create(cls, NULL, &r.problem, &r.solver, 2, &g), GN_EARG,
              "takes 1 signals");
  /* times of a row that jump between spans: nothing to interpolate across, but to hold */
  gn_ck_ok(gn_problem_signal(r.arena, &r.problem, GN_LINEAR, NKNOT, knot, 1, &pb));
  gn_ck_ok(gn_gradient_create(cls, NULL, &pb, &r.solver, 2, &g));
  double Y[64];
  gn_ck_fails(gn_gradient_forward(g, 2, r.p, &r.drive, r.y0, Y), GN_EARG, "no values");
  r.drive.u = knot_u;
  gn_ck_fails(gn_gradient_forward(g, 1, r.p, &r.drive, r.y0, Y), GN_EARG,
              "row 0: its time jumps");
  gn_gradient_destroy(&g);
  join_spans(&r);
  r.dt[0] = r.dt[2] = 0; /* a row that stands still */
  r.t0[2] = r.t0[0];
  gn_ck_ok(gn_problem_signal(r.arena, &r.problem, GN_CUBIC, NKNOT, knot, 1, &pb));
  gn_ck_ok(gn_gradient_create(cls, NULL, &pb, &r.solver, 2, &g));
  double u[2 * NKNOT] = { 0 };
  r.drive.u = u;
  gn_ck_fails(gn_gradient_forward(g, 2, r.p, &r.drive, r.y0, Y), GN_EARG,
              "row 0: knots 0 and 1");
  gn_gradient_destroy(&g);
  r.problem.nspan = 0;
  gn_ck_fails(gn_problem_signal(r.arena, &(gn_problem){ .model = deaf, .nevent = 1,
                .event = r.event, .noutput = 1 }, GN_HOLD, 2, few, 1, &pb), GN_EARG,
              "takes no signals");
  gn_rig_destroy(&r);
  gn_rig_create(m, GN_RIG_PLAIN, GN_INTERPOLATE, 1, &over, 1e-4, 0.1, &r);
  gn_ck_ok(gn_problem_signal(r.arena, &r.problem, GN_LINEAR, NKNOT, knot, 1, &pb));
  gn_ck_fails(gn_gradient_create(cls, NULL, &pb, &r.solver, 1, &g), GN_EUNSUP, "kinks");
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
  gn_model_destroy(&deaf);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("signal");
  TCase *numbers = tcase_create("numbers"), *exact = tcase_create("exact");
  tcase_add_loop_test(numbers, values_between_knots, 0, 3);
  tcase_add_loop_test(numbers, driven_linear_equation, 0, 18);
  tcase_add_loop_test(exact, discrete_is_exact, 0, NSCENE);
  tcase_add_loop_test(exact, continuous_converge, 0, 28);
  tcase_add_loop_test(exact, knots_among_events, 0, 4);
  tcase_add_loop_test(exact, rows_read_at_their_own_times, 0, 3);
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
