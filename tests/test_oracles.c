/* Gradients against numbers that come from outside the solvers: closed forms, the matrix
 * exponential, shifted times, and the same rows solved one by one. */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"
#include "core/pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static gn_rig_way steppers[GN_RIG_WAYS], gradients[GN_RIG_WAYS];
static size_t nstepper, ngradient;

static const gn_gradient_class *gradient_of(const gn_rig_way *w) { return w->cls; }
static const gn_stepper_class *stepper_of(const gn_rig_way *w) { return w->cls; }

static const char *text_of(const gn_rig_way *g)
{
  static char text[160];
  (void)snprintf(text, sizeof text, "%s%s%s", gradient_of(g)->name, g->text[0] ? ":" : "", g->text);
  return text;
}

/* 1: the strategy solves forward by itself, at its own tolerance (see target). */
static int own_solve(const gn_rig_way *g) { return gradient_of(g)->needs == 0; }
static const double OWN_TOL = 1e-9;

/* The plain problem with K outputs at times[1..K] instead of the rig's own. */
static void set_times(gn_rig *r, size_t K, const double *times)
{
  gn_ck_ok(gn_problem_outputs(r->model, K, times, r->problem.output, r->event, &r->problem));
  r->nY = K * r->n;
}

/* What fixed steps of 1/200 should reach: as far as their order goes (errors of the low ones
   are near h^p). */
static double fixed_target(const gn_rig *r)
{
  gn_tableau tab;
  if (r->solver.cls->adaptive || !gn_rig_tableau(r, &tab)) return 0;
  return fmax(1e-8, 30 * pow(1.0 / 200, tab.order));
}

/* The tolerance a strategy is run at; what there is to choose beside fixed steps (nodes) needs
   no more than a thousandth of their error. */
static void set_tolerance(gn_rig *r, const gn_rig_way *g, double tol)
{
  const double t = own_solve(g) ? OWN_TOL : fmax(tol, 1e-3 * fixed_target(r));
  r->solver.tol = r->solver.back = (gn_tolerance){ t, t };
}

/* What a strategy on this stepper should reach: 1e-8 at tolerance 1e-11. Without a tableau steps
   are read by a cubic: h^4 of steps as long as tol^(1/5). One that solves forward itself is
   run at 1e-9, where a leapfrog of order 2 takes 3e4 steps, and may lose three digits: CVODES
   tests neither the sum of its steps nor its quadrature. */
static double target(const gn_rig *r, const gn_rig_way *g, const gn_rig_answer *a)
{
  gn_tableau tab;
  if (own_solve(g)) return 1000 * OWN_TOL;
  if (!gn_rig_tableau(r, &tab) && gn_rig_reads_steps(r, a)) return 5e-7;
  return fmax(1e-8, fixed_target(r));
}

/* ---- the damped oscillator ------------------------------------------------------------ */

/* k = 1.01, gamma = 0.2, h(0) = 1, m(0) = 0, T = 2, L = h(T)^2 / 2, in closed form. */
START_TEST(oscillator)
{
  const gn_rig_way *s = &steppers[_i];
  static const double times[2] = { 0, 2 };
  gn_model *m = gn_rig_model("oscillator:dim=1", 0, 0);
  gn_rig r;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 1, s, 1e-11, 1.0 / 200, &r);
  set_times(&r, 1, times);
  gn_params_init(&m->params, 1, r.p);
  r.y0[0] = 1, r.y0[1] = 0;
  const double hT = -0.26626523617357556;
  r.gY[0] = hT, r.gY[1] = 0;
  for (size_t k = 0; k < ngradient; k++) {
    if (!gn_rig_runs(s, &gradients[k])) continue;
    gn_rig_answer a;
    set_tolerance(&r, &gradients[k], 1e-11);
    gn_rig_answer_of(&r, text_of(&gradients[k]), 0, &a);
    const double tol = target(&r, &gradients[k], &a);
    gn_ck_close(a.Y[0], hT, tol);
    gn_ck_close(a.gp[0], 0.21720972104426306, tol);
    gn_ck_close(a.gp[1], -0.19173135727107463, tol);
    gn_ck_close(a.gy0[0], 0.07089717599456997, tol);
    gn_ck_close(a.gy0[1], -0.19822641834415672, tol);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- the linear system --------------------------------------------------------------- */

enum { N = 6 };

static void product(size_t n, const double *A, const double *B, double *C)
{
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++) {
      double sum = 0;
      for (size_t k = 0; k < n; k++) sum += A[i * n + k] * B[k * n + j];
      C[i * n + j] = sum;
    }
}

/* exp(A) by scaling (|A| / 2^10), a Taylor polynomial of degree 12, and squaring. */
static void exponential(size_t n, const double *A, double *E)
{
  double term[N * N] = { 0 }, next[N * N] = { 0 };
  const double scale = ldexp(1, -10);
  for (size_t i = 0; i < n * n; i++) E[i] = term[i] = i % (n + 1) == 0;
  for (int k = 1; k <= 12; k++) {
    product(n, term, A, next);
    for (size_t i = 0; i < n * n; i++) E[i] += term[i] = next[i] * scale / k;
  }
  for (int k = 0; k < 10; k++) {
    product(n, E, E, next);
    gn_vec_copy(n * n, next, E);
  }
}

/* L(A, h0) = <w, exp(A t) h0>; dL/dh0 = exp(A t)^T w; dL/dA_ij = <w, X h0> with X the upper
   right block of exp(t [[A, E_ij], [0, A]]). All added. */
static void linear_gradient(size_t d, const double *A, double t, const double *h0,
                            const double *w, double *Y, double *gh0, double *gA)
{
  double big[N * N], E[N * N] = { 0 };
  for (size_t ij = 0; ij < d * d; ij++) {
    memset(big, 0, sizeof big);
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++)
        big[i * 2 * d + j] = big[(i + d) * 2 * d + j + d] = t * A[i * d + j];
    big[ij / d * 2 * d + d + ij % d] = t;
    exponential(2 * d, big, E);
    for (size_t i = 0; i < d; i++)
      for (size_t j = 0; j < d; j++) gA[ij] += w[i] * E[i * 2 * d + d + j] * h0[j];
  }
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      Y[i] += E[i * 2 * d + j] * h0[j];
      gh0[j] += E[i * 2 * d + j] * w[i];
    }
}

START_TEST(linear_system)
{
  enum { D = 3, B = 2, K = 2 };
  static const double times[K + 1] = { 0.25, 1, 1.75 };
  const gn_rig_way *s = &steppers[_i];
  gn_model *m = gn_rig_model("linear:dim=3:scale=1.5", 0, 0);
  gn_rig r;
  gn_rig_answer a, want;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, B, s, 1e-11, 1.0 / 200, &r);
  set_times(&r, K, times);
  double Y[K * B * D] = { 0 }, gy0[B * D] = { 0 }, gp[D * D] = { 0 };
  for (size_t k = 0; k < K; k++)
    for (size_t b = 0; b < B; b++)
      linear_gradient(D, r.p, times[k + 1] - times[0], r.y0 + b * D, r.gY + (k * B + b) * D,
                      Y + (k * B + b) * D, gy0 + b * D, gp);
  want = (gn_rig_answer){ .Y = Y, .gy0 = gy0, .gp = gp };
  for (size_t k = 0; k < ngradient; k++) {
    if (!gn_rig_runs(s, &gradients[k])) continue;
    set_tolerance(&r, &gradients[k], 1e-11);
    gn_rig_answer_of(&r, text_of(&gradients[k]), 0, &a);
    const double tol = target(&r, &gradients[k], &a);
    gn_ck_close_all(r.nY, a.Y, Y, tol);
    const double off = gn_rig_distance(&r, &a, &want);
    ck_assert_msg(off < 3 * tol, "%s on %s %s: %.1e from the matrix exponential",
                  text_of(&gradients[k]), r.solver.cls->name, s->text, off);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- derivatives with respect to times ------------------------------------------------ */

static double loss_of(gn_rig *r)
{
  double *Y = calloc(r->nY, sizeof *Y);
  ck_assert(Y != NULL);
  gn_gradient *g = gn_rig_gradient(r, "discrete", r->B);
  gn_ck_ok(gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, Y));
  const double L = gn_vec_dot(r->nY, r->gY, Y);
  gn_gradient_destroy(&g);
  free(Y);
  return L;
}

/* dL/dt of the time *at by differences of order 4 of the loss: steps 1e-3 leave 1e-11 of
   the fifth derivative, solves at 1e-12 about 1e-9. */
static double slope_of(gn_rig *r, double *at)
{
  static const double shift[4] = { 1, -1, 2, -2 }, weight[4] = { 8, -8, -1, 1 };
  const double keep = *at, e = 1e-3;
  double sum = 0;
  for (int k = 0; k < 4; k++) {
    *at = keep + shift[k] * e;
    sum += weight[k] * loss_of(r) / (12 * e);
  }
  *at = keep;
  return sum;
}

/* Every strategy that gives dL/dt, on problems with each kind of event. Outputs that share
   their time with another event cannot be moved past it and are left out. */
static void check_times(const char *model, gn_rig_kind kind, gn_output_mode mode)
{
  const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
  gn_model *m = gn_rig_model(model, 0, 0);
  gn_rig r;
  gn_rig_create(m, kind, mode, 2, &erk, 1e-12, 1, &r);
  if (r.event[0].kind == GN_AT_JUMP) r.event[0].s += 0.1; /* dL/dt0 needs a smooth start */
  double want[GN_RIG_EVENTS + 1] = { 0 };
  int movable[GN_RIG_EVENTS + 1] = { 1 };
  want[0] = slope_of(&r, &r.problem.s0);
  for (size_t e = 0; e < r.problem.nevent; e++) {
    const gn_event *ev = &r.event[e];
    if (ev->kind != GN_AT_OUTPUT) continue;
    const int alone = (e == 0 || r.event[e - 1].s < ev->s) &&
                      (e + 1 == r.problem.nevent || r.event[e + 1].s > ev->s);
    movable[1 + ev->index] = alone;
    if (alone) want[1 + ev->index] = slope_of(&r, &r.event[e].s);
  }
  for (size_t k = 0; k < ngradient; k++) {
    gn_rig_answer a;
    if (gn_rig_refuses(&r, &gradients[k])) continue;
    set_tolerance(&r, &gradients[k], 1e-12);
    const double limit = own_solve(&gradients[k]) ? 1000 * OWN_TOL : 1e-7;
    gn_rig_answer_of(&r, text_of(&gradients[k]), 1, &a);
    for (size_t i = 0; i <= r.problem.noutput; i++)
      ck_assert_msg(!movable[i] || fabs(a.gt[i] - want[i]) < limit * (1 + fabs(want[i])),
                    "%s, %s: dL/dt[%zu] = %.12g, by differences %.12g", text_of(&gradients[k]),
                    model, i, a.gt[i], want[i]);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}

START_TEST(time_derivatives)
{
  static const char node[] = "node:dim=2:width=5:depth=1:time=append";
  static const char ghbnode[] = "ghbnode:dim=2:width=5:depth=1:time=append";
  for (int mode = 0; mode < 2; mode++) {
    const gn_output_mode output = mode ? GN_INTERPOLATE : GN_LAND;
    check_times(node, GN_RIG_PLAIN, output);
    check_times(ghbnode, GN_RIG_SPANS, output);
    check_times("kicked:dim=2", GN_RIG_JUMPS, output);
    check_times("kicked:dim=2", GN_RIG_ALL, output);
  }
}
END_TEST

/* A jump at the start leaves no slope there, which is said. */
START_TEST(time_derivatives_refused)
{
  const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
  gn_model *m = gn_rig_model("kicked:dim=2", 0, 0);
  gn_rig r;
  gn_rig_create(m, GN_RIG_JUMPS, GN_LAND, 2, &erk, 1e-5, 1, &r);
  for (size_t k = 0; k < ngradient; k++) {
    gn_gradient *g = gn_rig_gradient(&r, text_of(&gradients[k]), 2);
    double *v = calloc(r.nY + r.n + r.np + GN_RIG_EVENTS, sizeof *v);
    ck_assert(v != NULL);
    gn_ck_ok(gn_gradient_forward(g, 2, r.p, &r.drive, r.y0, v));
    double *gy0 = v + r.nY, *gp = gy0 + r.n, *gt = gp + r.np;
    gn_ck_fails(gn_gradient_backward(g, r.gY, gy0, gp, gt), GN_EUNSUP, "dL/dt0");
    gn_gradient_destroy(&g);
    free(v);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* ---- a batch with different spans ----------------------------------------------------- */

enum { ROWS = 3, OUTS = 2 };

/* Row i of a batch state (all blocks) to or from a state of one row. */
static void row(const gn_model *m, size_t i, double *batch, double *one, int put)
{
  for (size_t k = 0; k < m->nblock; batch += ROWS * m->d[k], one += m->d[k], k++)
    gn_vec_copy(m->d[k], put ? one : batch + i * m->d[k], put ? batch + i * m->d[k] : one);
}

/* Every row alone, in its own time: t = t0 + s dt. */
static void solve_rows(const gn_rig *batch, const gn_rig_way *s, double tol, double h,
                       const char *strategy, gn_rig_answer *out)
{
  const gn_model *m = batch->model;
  for (size_t i = 0; i < ROWS; i++) {
    gn_rig r;
    gn_rig_answer a;
    double times[OUTS + 1];
    gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 1, s, tol, h * batch->dt[i], &r);
    times[0] = batch->t0[i] + batch->problem.s0 * batch->dt[i];
    for (size_t k = 0; k < OUTS; k++)
      times[k + 1] = batch->t0[i] + batch->event[k].s * batch->dt[i];
    set_times(&r, OUTS, times);
    gn_vec_copy(r.np, batch->p, r.p);
    row(m, i, batch->y0, r.y0, 0);
    for (size_t k = 0; k < OUTS; k++) row(m, i, batch->gY + k * batch->n, r.gY + k * r.n, 0);
    gn_rig_answer_of(&r, strategy, 0, &a);
    row(m, i, out->gy0, a.gy0, 1);
    for (size_t k = 0; k < OUTS; k++) row(m, i, out->Y + k * batch->n, a.Y + k * r.n, 1);
    gn_vec_axpy(r.np, 1, a.gp, out->gp);
    gn_rig_destroy(&r);
  }
}

/* The tolerance check_spans runs a strategy at; fixed steps use it for nodes only. */
static double spans_tolerance(const gn_rig_way *s, const gn_rig_way *g)
{
  return own_solve(g) ? 1e-8 : stepper_of(s)->adaptive ? 1e-10 : 1e-6;
}

/* One system over s in [0, 1]. Fixed steps: the same steps in other units, so equal to
   rounding; adaptive ones share the step sizes in the batch, so equal to the tolerance and two
   digits. Three, for one that solves by itself, for nodes, which are shared as well and lie
   elsewhere in the steps, and without a tableau, where no error test is behind a semi-norm's
   parameters; and a half more where steps are read by a cubic. */
static double spans_limit(const gn_rig *r, const gn_rig_way *g, const gn_rig_answer *a)
{
  gn_tableau tab;
  const double tol = r->solver.tol.rtol;
  const int dense = gn_rig_tableau(r, &tab) ? gn_rk_dense_order(&tab) : 0;
  if (!own_solve(g) && r->solver.cls->adaptive && dense < 4 && gn_rig_reads_steps(r, a))
    return 3000 * tol;
  if (own_solve(g) || a->stats.nodes > 0 || !gn_rig_tableau(r, &tab)) return 1000 * tol;
  return r->solver.cls->adaptive ? 100 * tol : 1e-13;
}

static void check_spans(const char *model, const gn_rig_way *s, const gn_rig_way *g, double *buf)
{
  static const double t0[ROWS] = { 0, 0.5, -0.25 }, dt[ROWS] = { 1, 0.75, 2 };
  const double h = 1.0 / 16, tol = spans_tolerance(s, g);
  char text[200];
  (void)snprintf(text, sizeof text, "%s:?C=100:?nodes=64", text_of(g)); /* a rule that has no tolerance */
  gn_model *m = gn_rig_model(model, 0, 0);
  gn_rig r;
  gn_rig_answer a;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, ROWS, s, tol, h, &r);
  r.t0 = buf, r.dt = buf + ROWS;
  gn_vec_copy(ROWS, t0, r.t0);
  gn_vec_copy(ROWS, dt, r.dt);
  r.drive = (gn_drive){ .t0 = r.t0, .dt = r.dt };
  set_times(&r, OUTS, (const double[]){ 0, 0.375, 1 });
  r.problem.nspan = 1;
  if (gn_rig_possible(&r)) {
    gn_rig_answer one = { .Y = r.dt + ROWS };
    one.gy0 = one.Y + r.nY, one.gp = one.gy0 + r.n;
    gn_vec_fill(r.n + r.np, 0, one.gy0);
    solve_rows(&r, s, tol, h, text, &one);
    gn_rig_answer_of(&r, text, 0, &a);
    const double limit = spans_limit(&r, g, &a);
    gn_ck_close_all(r.nY, a.Y, one.Y, limit);
    gn_ck_close_all(r.n, a.gy0, one.gy0, limit);
    gn_ck_close_all(r.np, a.gp, one.gp, limit);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}

START_TEST(spans_are_separate_solves)
{
  static const char *const models[] = { "node:dim=2:width=5:depth=1:time=append",
                                        "ghbnode:dim=2:width=5:depth=1:time=append" };
  static double buf[1024];
  for (size_t k = 0; k < ngradient; k++) {
    const gn_rig_way *g = &gradients[k];
    if (gradient_of(g)->oracle || !gn_rig_runs(&steppers[_i], g)) continue;
    for (int j = 0; j < 2; j++) check_spans(models[j], &steppers[_i], g, buf);
  }
}
END_TEST

/* A problem with spans or jumps and a drive without them is refused. */
START_TEST(missing_drive)
{
  const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
  gn_model *m = gn_rig_model("kicked:dim=2", 0, 0);
  gn_rig r;
  double Y[128];
  gn_rig_create(m, GN_RIG_ALL, GN_LAND, 2, &erk, 1e-5, 1, &r);
  gn_gradient *g = gn_rig_gradient(&r, "discrete", 2);
  const gn_drive none = { .t0 = r.t0, .dt = r.dt }, timeless = { .x = r.x };
  gn_ck_fails(gn_gradient_forward(g, 2, r.p, &none, r.y0, Y), GN_EARG, "jumps");
  gn_ck_fails(gn_gradient_forward(g, 2, r.p, &timeless, r.y0, Y), GN_EARG, "spans");
  gn_ck_fails(gn_gradient_forward(g, 2, r.p, NULL, r.y0, Y), GN_EARG, "spans");
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 2, &erk, 1e-5, 1, &r);
  const double zero[2] = { 0, 0 }, one[2] = { 1, 1 };
  const gn_drive spans = { .t0 = zero, .dt = one };
  g = gn_rig_gradient(&r, "discrete", 2);
  gn_ck_fails(gn_gradient_forward(g, 2, r.p, &spans, r.y0, Y), GN_EARG, "nspan");
  gn_gradient_destroy(&g);
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

/* No mask is a mask that takes every row; a mask that takes none is a solve without jumps. */
START_TEST(masks)
{
  const gn_rig_way *s = &steppers[_i];
  gn_model *m = gn_rig_model("kicked:dim=2", 0, 0);
  for (size_t k = 0; k < ngradient; k++) {
    if (!gn_rig_runs(s, &gradients[k])) continue;
    gn_rig r;
    gn_rig_answer a, b;
    gn_rig_create(m, GN_RIG_JUMPS, GN_LAND, 2, s, 1e-6, 0.1, &r);
    if (!gn_rig_possible(&r)) {
      gn_rig_destroy(&r);
      continue;
    }
    const size_t jumps = r.problem.njump;
    memset(r.mask, 1, 2 * jumps);
    gn_rig_answer_of(&r, text_of(&gradients[k]), 0, &a);
    r.drive.mask = NULL;
    gn_rig_answer_of(&r, text_of(&gradients[k]), 0, &b);
    ck_assert(gn_test_same(a.Y, b.Y, r.nY * sizeof *a.Y));
    ck_assert(gn_test_same(a.gy0, b.gy0, r.n * sizeof *a.gy0));
    ck_assert(gn_test_same(a.gp, b.gp, r.np * sizeof *a.gp));
    memset(r.mask, 0, 2 * jumps);
    r.drive.mask = r.mask;
    gn_rig_answer_of(&r, text_of(&gradients[k]), 0, &a);
    for (size_t e = 0; e < r.problem.nevent; e++) /* the same stops, nothing jumps */
      if (r.event[e].kind == GN_AT_JUMP) r.event[e] = (gn_event){ r.event[e].s, GN_AT_KINK, GN_NONE };
    r.problem.njump = 0;
    gn_rig_answer_of(&r, text_of(&gradients[k]), 0, &b);
    ck_assert(gn_test_same(a.Y, b.Y, r.nY * sizeof *a.Y));
    if (gradient_of(&gradients[k])->exact) { /* others put the state back at a jump */
      gn_ck_close_all(r.n, a.gy0, b.gy0, 1e-12);
      gn_ck_close_all(r.np, a.gp, b.gp, 1e-12);
    }
    gn_rig_destroy(&r);
  }
  gn_model_destroy(&m);
}
END_TEST

/* ---- whole passes --------------------------------------------------------------------- */

/* Lift and read around the flow: <gz, dz v> = <gradient, v> with encoder, several blocks and
   a linear read, landing and interpolating. */
START_TEST(pass_against_push)
{
  static const char *const models[] = {
    "hbnode:dim=2:width=6:lift=encoder:encoder_width=4:read=linear:outputs=3",
    "ghbnode:dim=2:width=6:time=append:lift=encoder:read=state",
    "anode:dim=2:width=6:augment=2:lift=encoder:read=linear:outputs=1",
    "sonode:dim=2:width=6:read=first",
  };
  enum { B = 3 };
  const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
  for (int k = 0; k < 8; k++) {
    gn_model *m = gn_rig_model(models[k / 2], 0, 0);
    gn_rig r;
    gn_rig_create(m, GN_RIG_PLAIN, k % 2 ? GN_INTERPOLATE : GN_LAND, B, &erk, 1e-6, 1, &r);
    const size_t nx = B * m->nx, nz = r.problem.noutput * B * m->nz;
    double *v = calloc(3 * nx + 4 * nz + 2 * r.np, sizeof *v);
    ck_assert(v != NULL);
    double *x = v, *vx = x + nx, *gx = vx + nx, *gz = gx + nx, *z = gz + nz, *z2 = z + nz,
           *dz = z2 + nz, *vp = dz + nz, *gp = vp + r.np;
    gn_rig_random(1, 2 * nx, 1, x);
    gn_rig_random(2, nz, 1, gz);
    gn_rig_random(3, r.np, 1, vp);
    gn_pass *exact, *push;
    gn_ck_ok(gn_pass_create(gn_gradient_find("discrete"), NULL, &r.problem, &r.solver, B, &exact));
    gn_ck_ok(gn_pass_create(gn_gradient_find("tangent"), NULL, &r.problem, &r.solver, B, &push));
    gn_ck_fails(gn_pass_backward(exact, gz, gp, gx, NULL), GN_ESTATE, "before");
    gn_ck_ok(gn_pass_forward(exact, B, r.p, NULL, x, z));
    gn_ck_ok(gn_pass_backward(exact, gz, gp, gx, NULL));
    gn_ck_ok(gn_pass_forward(push, B, r.p, NULL, x, z2));
    gn_ck_ok(gn_pass_push(push, vx, vp, dz));
    ck_assert(gn_test_same(z, z2, nz * sizeof *z));
    double size = 0;
    for (size_t i = 0; i < nz; i++) size += fabs(gz[i] * dz[i]);
    const double pulled = gn_vec_dot(nx, gx, vx) + gn_vec_dot(r.np, gp, vp);
    ck_assert_msg(fabs(pulled - gn_vec_dot(nz, gz, dz)) <= 1e-12 * size, "%s: %.17g, %.17g",
                  models[k / 2], pulled, gn_vec_dot(nz, gz, dz));
    gn_pass_destroy(&exact);
    gn_pass_destroy(&push);
    free(v);
    gn_rig_destroy(&r);
    gn_model_destroy(&m);
  }
}
END_TEST

int main(void)
{
  nstepper = gn_rig_steppers(steppers);
  ngradient = gn_rig_gradients(gradients);
  const int n = (int)nstepper;
  Suite *s = suite_create("oracles");
  TCase *c = tcase_create("oracles");
  tcase_set_timeout(c, 300);
  tcase_add_loop_test(c, oscillator, 0, n);
  tcase_add_loop_test(c, linear_system, 0, n);
  tcase_add_test(c, time_derivatives);
  tcase_add_test(c, time_derivatives_refused);
  tcase_add_loop_test(c, spans_are_separate_solves, 0, n);
  tcase_add_test(c, missing_drive);
  tcase_add_loop_test(c, masks, 0, n);
  tcase_add_test(c, pass_against_push);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
