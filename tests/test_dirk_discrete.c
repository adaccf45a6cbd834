/* discrete on dirk: the implicit steps of a solve, transposed. The oracle is a code of its own
 * that takes the recorded step sizes again, solves every stage to 1e-14 with the whole Jacobian,
 * and carries tangents through the stages; central differences confirm the tangents. */
#include "support/rig.h"
#include "support/support.h"

#include "../solvers/rowsolve.h"
#include "base/vec.h"
#include "core/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the oracle ----------------------------------------------------------------------- */

enum { NSTEP = 20000, NMAX = 32, SMAX = GN_STAGES_MAX };

typedef struct replay {
  const gn_rig *rig;
  gn_walk *walk;
  size_t n, nstep, span[NSTEP];
  double s[NSTEP], h[NSTEP], s_new[NSTEP];
  gn_pool *pool;
  gn_record *rec;
  double A[NMAX * NMAX], LU[NMAX * NMAX]; /* I - gamma J by rows */
} replay;

static gn_status record(void *user, gn_step *step, size_t span)
{
  replay *r = user;
  ck_assert_uint_lt(r->nstep, NSTEP);
  r->s[r->nstep] = step->s, r->h[r->nstep] = step->h, r->s_new[r->nstep] = step->s_new;
  r->span[r->nstep++] = span;
  return GN_OK;
}

static replay *open_replay(const gn_rig *rig)
{
  replay *r = calloc(1, sizeof *r);
  double *Y = calloc(rig->nY, sizeof *Y);
  ck_assert(r && Y);
  ck_assert_uint_le(rig->n, NMAX);
  r->rig = rig;
  r->n = rig->n;
  gn_ck_ok(gn_walk_create(&rig->problem, &rig->solver, rig->B, &r->walk));
  gn_ck_ok(gn_walk_forward(r->walk, rig->B, rig->p, &rig->drive, rig->y0, Y, record, r));
  gn_ck_ok(gn_pool_create(r->walk->sys.fields, 1, rig->B, &r->pool));
  gn_ck_ok(gn_pool_take(r->pool, rig->B, &r->rec));
  free(Y);
  return r;
}

static void close_replay(replay *r)
{
  gn_pool_destroy(&r->pool);
  gn_walk_destroy(&r->walk);
  free(r);
}

static void eval(replay *r, double s, const double *Y, double *f)
{
  const gn_tape tape = gn_record_tape(r->rec, 0, 1);
  ck_assert_int_eq(gn_flow_eval(&r->walk->flow, s, Y, &tape, f), 0);
}

static void times(replay *r, double s, const double *v, const double *vp, double *out)
{
  const gn_tape tape = gn_record_tape(r->rec, 0, 1);
  ck_assert_int_eq(gn_flow_jvp(&r->walk->flow, s, &tape, v, vp, out), 0);
}

/* A = I - gamma J at the last evaluation. */
static void matrix(replay *r, double s, double gamma)
{
  double e[NMAX] = { 0 }, Je[NMAX];
  for (size_t j = 0; j < r->n; j++) {
    e[j] = 1;
    times(r, s, e, NULL, Je);
    e[j] = 0;
    for (size_t i = 0; i < r->n; i++) r->A[i * r->n + j] = (i == j) - gamma * Je[i];
  }
}

/* x <- A^-1 x, Gauss with pivots. */
static void gauss(replay *r, double *x)
{
  const size_t n = r->n;
  double *A = r->LU;
  gn_vec_copy(n * n, r->A, A);
  for (size_t k = 0; k < n; k++) {
    size_t best = k;
    for (size_t i = k + 1; i < n; i++)
      if (fabs(A[i * n + k]) > fabs(A[best * n + k])) best = i;
    for (size_t j = 0; j < n; j++) {
      const double t = A[k * n + j];
      A[k * n + j] = A[best * n + j], A[best * n + j] = t;
    }
    const double t = x[k];
    x[k] = x[best], x[best] = t;
    for (size_t i = k + 1; i < n; i++) {
      const double c = A[i * n + k] / A[k * n + k];
      for (size_t j = k; j < n; j++) A[i * n + j] -= c * A[k * n + j];
      x[i] -= c * x[k];
    }
  }
  for (size_t k = n; k-- > 0;) {
    for (size_t j = k + 1; j < n; j++) x[k] -= A[k * n + j] * x[j];
    x[k] /= A[k * n + k];
  }
}

/* Y = base + gamma f(s, Y), Newton from y until a correction is rounding; K = f(s, Y). */
static void solve_stage(replay *r, double s, double gamma, const double *base, double *Y, double *K)
{
  double d[NMAX] = { 0 }, last = HUGE_VAL;
  for (int it = 0; it < 50; it++) {
    eval(r, s, Y, K);
    if (gamma == 0) return;
    for (size_t i = 0; i < r->n; i++) d[i] = base[i] + gamma * K[i] - Y[i];
    matrix(r, s, gamma);
    gauss(r, d);
    gn_vec_axpy(r->n, 1, d, Y);
    double size = 0;
    for (size_t i = 0; i < r->n; i++) size = fmax(size, fabs(d[i]) / (1e-12 + fabs(Y[i])));
    if (size < 1e-14 || (size < 1e-9 && size >= last)) { /* no better in this arithmetic */
      eval(r, s, Y, K);
      return;
    }
    last = size;
  }
  ck_abort_msg("the oracle's Newton did not converge at s = %g", s);
}

static void combine(size_t n, const double *y, double h, const double *a, int m,
                    double (*K)[NMAX], double *out)
{
  gn_vec_copy(n, y, out);
  for (int j = 0; j < m; j++) gn_vec_axpy(n, h * a[j], K[j], out);
}

/* <gY, Y> of the steps from y0 and p; with ndir directions (vy0 [n], vp [np], one after the
   other in v) their derivatives in dL, NULL: none. */
static double follow(replay *r, const double *y0, const double *p, size_t ndir, const double *v,
                     double *dL)
{
  const gn_rig *rig = r->rig;
  const gn_tableau *tab = r->walk->st->implicit;
  const size_t n = r->n, len = n + rig->np;
  const int m = tab->s;
  double y[NMAX], Y[NMAX], base[NMAX], K[SMAX][NMAX], L = 0;
  double *w = calloc(ndir * (SMAX + 1) * NMAX + 1, sizeof *w);
  double(*t)[NMAX] = (double(*)[NMAX])w, (*vK)[NMAX] = t + ndir; /* [ndir], [ndir * SMAX] */
  ck_assert(w != NULL);
  gn_vec_copy(n, y0, y);
  for (size_t d = 0; d < ndir; d++) {
    gn_vec_copy(n, v + d * len, t[d]);
    dL[d] = 0;
  }
  r->walk->flow.p = p;
  size_t e = 0;
  for (size_t k = 0; k < r->nstep; k++) {
    gn_flow_span(&r->walk->flow, r->walk->drive, r->span[k]);
    for (int i = 0; i < m; i++) {
      const double s = r->s[k] + tab->c[i] * r->h[k], gamma = r->h[k] * tab->A[i][i];
      combine(n, y, r->h[k], tab->A[i], i, K, base);
      gn_vec_copy(n, base, Y);
      if (gamma != 0) gn_vec_copy(n, y, Y);
      solve_stage(r, s, gamma, base, Y, K[i]);
      if (ndir > 0) matrix(r, s, gamma);
      for (size_t d = 0; d < ndir; d++) { /* (I - gamma J) vK = J base' + f_p vp */
        combine(n, t[d], r->h[k], tab->A[i], i, vK + d * SMAX, base);
        times(r, s, base, v + d * len + n, vK[d * SMAX + (size_t)i]);
        gauss(r, vK[d * SMAX + (size_t)i]);
      }
    }
    combine(n, y, r->h[k], tab->b, m, K, base);
    gn_vec_copy(n, base, y);
    for (size_t d = 0; d < ndir; d++) {
      combine(n, t[d], r->h[k], tab->b, m, vK + d * SMAX, base);
      gn_vec_copy(n, base, t[d]);
    }
    for (; e < rig->problem.nevent && rig->problem.event[e].s <= r->s_new[k]; e++) {
      if (rig->problem.event[e].kind != GN_AT_OUTPUT) continue;
      const double *gY = rig->gY + rig->problem.event[e].index * n;
      L += gn_vec_dot(n, gY, y);
      for (size_t d = 0; d < ndir; d++) dL[d] += gn_vec_dot(n, gY, t[d]);
    }
  }
  r->walk->flow.p = rig->p;
  free(w);
  return L;
}

/* The gradient of the steps, direction by direction. */
static void exactly(const gn_rig *rig, gn_rig_answer *out)
{
  replay *r = open_replay(rig);
  const size_t len = rig->n + rig->np;
  double *unit = calloc(len * len, sizeof *unit), *g = calloc(len, sizeof *g);
  ck_assert(unit && g);
  for (size_t d = 0; d < len; d++) unit[d * len + d] = 1;
  (void)follow(r, rig->y0, rig->p, len, unit, g);
  memset(out, 0, sizeof *out);
  out->gy0 = gn_arena_alloc(rig->arena, rig->n, sizeof *g);
  out->gp = gn_arena_alloc(rig->arena, rig->np, sizeof *g);
  ck_assert(out->gy0 && out->gp);
  gn_vec_copy(rig->n, g, out->gy0);
  gn_vec_copy(rig->np, g + rig->n, out->gp);
  free(unit), free(g);
  close_replay(r);
}

/* ---- what is run ---------------------------------------------------------------------- */

static const char *const tables[] = { "sdirk_5_3_4", "ark324", "ark436", "ark548" };
static const char *const linear[] = { "spgmr", "dense" };
enum { NTABLE = 4, NLINEAR = 2 };

typedef struct scene {
  const char *model;
  gn_rig_kind kind;
  double stretch; /* of the times */
} scene;

static const scene scenes[] = {
  { "node:dim=2:width=5:depth=1:time=append", GN_RIG_PLAIN, 1 },
  { "hbnode:dim=2:width=4", GN_RIG_PLAIN, 1 },
  { "node:dim=2:width=5:depth=1", GN_RIG_SPANS, 1 },
  { "vdp:mu=2", GN_RIG_PLAIN, 3 },
};
enum { NSCENE = 4 };

static void open_rig(const scene *sc, int table, int lin, double newton, double tol, gn_model **m,
                     gn_rig *r)
{
  gn_rig_way way = { .cls = gn_stepper_find("dirk") };
  (void)snprintf(way.text, sizeof way.text, "table=%s:linear=%s:newton_tol=%.3g", tables[table],
                 linear[lin], newton);
  *m = gn_rig_model(sc->model, 0, 0);
  gn_rig_create(*m, sc->kind, GN_LAND, 2, &way, tol, 1, r);
  for (size_t e = 0; e < r->problem.nevent; e++) r->event[e].s *= sc->stretch;
}

static void close_rig(gn_model **m, gn_rig *r)
{
  gn_rig_destroy(r);
  gn_model_destroy(m);
}

/* ---- exactness ------------------------------------------------------------------------ */

/* The last correction of Newton's method is 1e-14 of the state: what is left is rounding. The
   tangents of the library agree as well, whatever Newton's method has left. */
START_TEST(exact)
{
  for (int k = 0; k < NSCENE; k++) {
    gn_model *m;
    gn_rig r;
    gn_rig_answer a, want;
    open_rig(&scenes[k], _i / NLINEAR, _i % NLINEAR, 1e-9, 1e-5, &m, &r);
    gn_rig_answer_of(&r, "discrete", 0, &a);
    exactly(&r, &want);
    const double off = gn_rig_distance(&r, &a, &want);
    ck_assert_msg(off < 1e-12, "%s, %s, %s: %.2e off", scenes[k].model, tables[_i / NLINEAR],
                  linear[_i % NLINEAR], off);
    close_rig(&m, &r);
  }
}
END_TEST

/* Nonlinear tolerance 1e-12: a simplified Newton (dense, one Jacobian for many steps) ends with
   an error of that size, and the cycle of vdp multiplies it. At the default, 0.1 of the tolerance,
   as the help of newton_tol says: in tolerances, the worst of networks and of vdp. */
START_TEST(residual)
{
  static const double tight[NLINEAR] = { 1e-11, 1e-9 }, said[NLINEAR][2] = { { 0.1, 1 }, { 3, 30 } };
  for (int lin = 0; lin < NLINEAR; lin++)
    for (int k = 0; k < NSCENE; k++)
      for (int table = 0; table < NTABLE; table++)
        for (int q = 0; q < 4; q++) {
          const double tol = q ? pow(10, -2 - 2 * q) : 1e-5;
          gn_model *m;
          gn_rig r;
          gn_rig_answer a, want;
          open_rig(&scenes[k], table, lin, q ? 0.1 : 1e-7, tol, &m, &r);
          gn_rig_answer_of(&r, "discrete", 0, &a);
          exactly(&r, &want);
          const double off = gn_rig_distance(&r, &a, &want);
          const double limit = q ? tol * said[lin][k == NSCENE - 1] : tight[lin];
          ck_assert_msg(off < limit, "%s, %s, %s, tolerance %.0e: %.2e off", scenes[k].model,
                        tables[table], linear[lin], tol, off);
          close_rig(&m, &r);
        }
}
END_TEST

/* Order 4 with 1e-3: 1e-12 times fifth derivatives, and rounding of 1e-12. */
START_TEST(oracle_against_differences)
{
  static const double shift[4] = { 1, -1, 2, -2 }, weight[4] = { 8, -8, -1, 1 };
  for (int k = 0; k < NSCENE; k++) {
    gn_model *m;
    gn_rig r;
    open_rig(&scenes[k], _i, 0, 0.1, 1e-4, &m, &r);
    replay *rep = open_replay(&r);
    const size_t len = r.n + r.np;
    double *v = calloc(2 * len, sizeof *v), tangent, sum = 0;
    ck_assert(v != NULL);
    double *x = v + len;
    gn_rig_random(7, len, 1, v);
    (void)follow(rep, r.y0, r.p, 1, v, &tangent);
    for (int j = 0; j < 4; j++) {
      gn_vec_copy(r.n, r.y0, x);
      gn_vec_copy(r.np, r.p, x + r.n);
      gn_vec_axpy(len, shift[j] * 1e-3, v, x);
      sum += weight[j] * follow(rep, x, x + r.n, 0, NULL, NULL) / 12e-3;
    }
    gn_ck_close(sum, tangent, 1e-8);
    free(v);
    close_replay(rep);
    close_rig(&m, &r);
  }
}
END_TEST

/* Stiff: the slow branch of a cycle and its jumps, and kinetics with rates of 0.04 and 3e7. */
static void open_stiff(int robertson, int table, int lin, double newton, double tol, gn_model **m,
                       gn_rig *r)
{
  static const scene hard[2] = {
    { "vdp:mu=100", GN_RIG_PLAIN, 50 },
    { "robertson", GN_RIG_PLAIN, 100 },
  };
  static const double y0[2][6] = { { 2, 0, -1.8, 0.1 }, { 1, 0, 0, 0.9, 1e-5, 0.1 } };
  open_rig(&hard[robertson], table, lin, newton, tol, m, r);
  gn_vec_copy(r->n, y0[robertson], r->y0);
  gn_params_init(&(*m)->params, 1, r->p);
}

/* The last correction is 1e-12 of the error weights; the way from one jump of the cycle to the
   next multiplies it by 1e4. The linear systems are solved to rounding: pulled and pushed agree,
   up to what one of the two multiplies rounding by. */
START_TEST(stiff)
{
  static const double limit[2] = { 1e-7, 1e-9 };
  for (int k = 0; k < 2; k++) {
    const int table = _i / NLINEAR, lin = _i % NLINEAR;
    gn_model *m;
    gn_rig r;
    gn_rig_answer a, pushed, want;
    open_stiff(k, table, lin, 1e-6, 1e-6, &m, &r);
    gn_rig_answer_of(&r, "discrete", 0, &a);
    gn_rig_answer_of(&r, "tangent", 0, &pushed);
    exactly(&r, &want);
    const double off = gn_rig_distance(&r, &a, &want), own = gn_rig_distance(&r, &a, &pushed);
    ck_assert_int_lt(a.stats.steps, 500);
    ck_assert_msg(off < limit[k], "%s, %s, %s: %.2e off", m->cls->name, tables[table],
                  linear[lin], off);
    ck_assert_msg(own < 1e-10, "%s, %s, %s: %.2e from the tangents", m->cls->name, tables[table],
                  linear[lin], own);
    close_rig(&m, &r);
  }
}
END_TEST

/* newton_tol at its default on van der Pol's stiff cycle, in tolerances: 40 by spgmr and 1e4 by
   dense, twice the worst seen over tables; what the error test allows is multiplied alike, the
   solves are off by 300 to 3e4. Ten times smaller, ten times less. */
START_TEST(residual_stiff)
{
  static const double said[NLINEAR] = { 80, 2e4 }, tol = 1e-6;
  for (int table = 0; table < NTABLE; table++)
    for (int lin = 0; lin < NLINEAR; lin++)
      for (int k = 0; k < 2; k++) {
        gn_model *m;
        gn_rig r;
        gn_rig_answer a, want;
        open_stiff(0, table, lin, k ? 0.01 : 0.1, tol, &m, &r);
        gn_rig_answer_of(&r, "discrete", 0, &a);
        exactly(&r, &want);
        const double off = gn_rig_distance(&r, &a, &want);
        ck_assert_msg(off < said[lin] * tol / (k ? 10 : 1), "%s, %s: %.1e off", tables[table],
                      linear[lin], off);
        close_rig(&m, &r);
      }
}
END_TEST

/* ---- memory and limits ---------------------------------------------------------------- */

/* What is kept are the stage states; a budget of that many bytes will do, one byte less is
   refused, and so is one too small for a step. The next solve is as if nothing had been. */
START_TEST(budget)
{
  gn_model *m;
  gn_rig r;
  gn_rig_answer a, b;
  char text[64];
  open_rig(&scenes[1], _i, 0, 0.1, 1e-5, &m, &r);
  gn_rig_answer_of(&r, "discrete", 0, &a);
  gn_walk *w;
  gn_ck_ok(gn_walk_create(&r.problem, &r.solver, r.B, &w));
  const long stages = w->st->implicit->s, one = stages * (long)(r.n * sizeof(double));
  gn_walk_destroy(&w);
  ck_assert_int_eq(a.stats.bytes, a.stats.steps * one);
  ck_assert_int_eq(a.stats.back_f, a.stats.steps * stages);
  ck_assert_int_eq(a.stats.back_pgrad, a.stats.steps * stages);
  ck_assert_int_eq(a.stats.recomputed, 0);
  ck_assert_ptr_nonnull(strstr(a.stats.note, "newton_tol"));
  (void)snprintf(text, sizeof text, "discrete:budget=%ld", a.stats.bytes);
  gn_rig_answer_of(&r, text, 0, &b);
  ck_assert(gn_test_same(a.gp, b.gp, r.np * sizeof *a.gp));
  for (int k = 0; k < 2; k++) {
    (void)snprintf(text, sizeof text, "discrete:budget=%ld", k ? one - 1 : a.stats.bytes - 1);
    gn_gradient *g = gn_rig_gradient(&r, text, r.B);
    gn_ck_fails(gn_gradient_forward(g, r.B, r.p, &r.drive, r.y0, b.Y), GN_ELIMIT, "budget");
    ck_assert_ptr_nonnull(strstr(gn_last_error(), "raise the budget"));
    gn_ck_fails(gn_gradient_backward(g, r.gY, b.gy0, b.gp, NULL), GN_ESTATE, "before");
    gn_gradient_destroy(&g);
  }
  close_rig(&m, &r);
}
END_TEST

/* Two rows in room for three, then one, then two: the bits of objects made for them. */
START_TEST(fewer_rows)
{
  gn_rig_way way = { .cls = gn_stepper_find("dirk") };
  (void)snprintf(way.text, sizeof way.text, "linear=%s:table=ark324", linear[_i]);
  gn_model *m = gn_rig_model(scenes[2].model, 0, 0);
  gn_rig r[2];
  for (size_t k = 0; k < 2; k++)
    gn_rig_create(m, GN_RIG_SPANS, GN_LAND, k + 1, &way, 1e-5, 1, &r[k]);
  gn_gradient *g = gn_rig_gradient(&r[0], "discrete", 3);
  for (int turn = 0; turn < 3; turn++) {
    const gn_rig *now = &r[turn != 1];
    gn_rig_answer a, want;
    gn_rig_run(now, g, 1, &a);
    gn_rig_answer_of(now, "discrete", 1, &want);
    ck_assert(gn_test_same(a.gy0, want.gy0, now->n * sizeof *a.gy0));
    ck_assert(gn_test_same(a.gp, want.gp, now->np * sizeof *a.gp));
    ck_assert(gn_test_same(a.gt, want.gt, (1 + now->problem.noutput) * sizeof *a.gt));
    ck_assert_int_eq(a.stats.bytes, want.stats.bytes);
  }
  gn_gradient_destroy(&g);
  for (size_t k = 0; k < 2; k++) gn_rig_destroy(&r[k]);
  gn_model_destroy(&m);
}
END_TEST

/* Outputs are landed on: there is no interpolant of the steps' order. */
START_TEST(no_interpolant)
{
  gn_model *m;
  gn_rig r;
  gn_gradient *g;
  open_rig(&scenes[0], 0, 0, 0.1, 1e-5, &m, &r);
  r.problem.output = GN_INTERPOLATE;
  gn_ck_fails(gn_gradient_create(gn_gradient_find("discrete"), NULL, &r.problem, &r.solver, 2, &g),
              GN_EUNSUP, "output = land");
  close_rig(&m, &r);
}
END_TEST

/* ---- the linear systems --------------------------------------------------------------- */

/* Rows of one block of width D, each with a matrix of its own: a small one, one of size 1e6 and
   rank 2, and one with every eigenvalue the same but far from normal; one right side is 0. */
enum { ROWS = 3, D = 45 };
typedef struct matrices {
  double M[ROWS][D][D];
} matrices;
static double right[ROWS][D], x[ROWS][D], Mx[ROWS][D];

static int multiply(void *user, const double *from, double *to)
{
  matrices *a = user;
  for (size_t b = 0; b < ROWS; b++)
    for (size_t i = 0; i < D; i++) to[b * D + i] = gn_vec_dot(D, a->M[b][i], from + b * D);
  return 0;
}

static void open_systems(matrices *mat, int dense, gn_arena **a, gn_rowsolve *rs)
{
  static gn_model model;
  model.ny = model.d[0] = D;
  model.nblock = 1;
  gn_ck_ok(gn_arena_create(a));
  gn_ck_ok(gn_rowsolve_setup(rs, *a, &model, ROWS, dense));
  rs->B = ROWS, rs->gamma = 0.5, rs->times = multiply, rs->user = mat;
}

START_TEST(systems)
{
  gn_arena *a;
  gn_rowsolve rs = { 0 };
  static matrices mat;
  open_systems(&mat, _i, &a, &rs);
  gn_rig_random(1, sizeof mat.M / sizeof(double), 0.1, &mat.M[0][0][0]);
  for (int i = 0; i < D; i++)
    for (int j = 0; j < D; j++) {
      mat.M[1][i][j] = -1e6 * (sin(i) * sin(j) + cos(i) * cos(j)) / D;
      mat.M[2][i][j] = j == i + 1 ? 2 : j == i ? -1 : 0;
    }
  gn_rig_random(2, sizeof right / sizeof(double), 1, right[0]);
  for (int zero = 0; zero < 2; zero++) {
    if (zero) gn_vec_fill(D, 0, right[1]);
    gn_ck_ok(gn_rowsolve_run(&rs, right[0], x[0], Mx[0]));
    for (int k = 0; k < ROWS; k++) {
      double r[D];
      for (int i = 0; i < D; i++)
        r[i] = right[k][i] - x[k][i] + 0.5 * gn_vec_dot(D, mat.M[k][i], x[k]);
      const double size = sqrt(gn_vec_sumsq(D, right[k])) +
                          (k == 1 ? 5e5 : 3) * sqrt(gn_vec_sumsq(D, x[k]));
      ck_assert_double_le(sqrt(gn_vec_sumsq(D, r)), 1e-14 * size);
    }
    for (int i = 0; zero && i < D; i++) ck_assert(x[1][i] == 0);
  }
  gn_arena_destroy(&a);
}
END_TEST

/* I - gamma M = 0: said, not returned. */
START_TEST(singular)
{
  gn_arena *a;
  gn_rowsolve rs = { 0 };
  static matrices mat;
  open_systems(&mat, _i, &a, &rs);
  for (int k = 0; k < ROWS; k++)
    for (int i = 0; i < D; i++) mat.M[k][i][i] = 2, right[k][i] = 1;
  gn_ck_fails(gn_rowsolve_run(&rs, right[0], x[0], Mx[0]), GN_ESOLVER, "stage system");
  gn_arena_destroy(&a);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("dirk discrete");
  TCase *c = tcase_create("exact");
  tcase_add_loop_test(c, exact, 0, NTABLE * NLINEAR);
  tcase_add_test(c, residual);
  tcase_add_loop_test(c, oracle_against_differences, 0, NTABLE);
  tcase_add_loop_test(c, stiff, 0, NTABLE * NLINEAR);
  tcase_add_test(c, residual_stiff);
  tcase_add_loop_test(c, budget, 0, NTABLE);
  tcase_add_loop_test(c, fewer_rows, 0, NLINEAR);
  tcase_add_test(c, no_interpolant);
  tcase_add_loop_test(c, systems, 0, NLINEAR);
  tcase_add_loop_test(c, singular, 0, NLINEAR);
  tcase_set_timeout(c, 300);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
