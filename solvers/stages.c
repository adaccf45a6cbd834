/* Implicit Runge-Kutta steps differentiated at the stages that were found, step sizes fixed.
 *
 *   Y_i = y + h sum_{j<=i} a_ij K_j,   K_i = f(s + c_i h, Y_i),   y+ = Y_s
 *
 * Transposed, with lam = dL/dy+ and J_i = f_y(Y_i), i = s..1:
 *
 *   (I - h a_ii J_i^T) v_i = h b_i lam + h sum_{j>i} a_ji g_j,   g_i = J_i^T v_i
 *   lam <- lam + sum_i g_i,                         dL/dp += sum_i f_p(Y_i)^T v_i
 *
 * and forward, (I - h a_ii J_i) vK_i = J_i (v + h sum_{j<i} a_ij vK_j) + f_p vp. Nothing is
 * solved again but these linear systems; a tape is filled by one evaluation at its Y_i. What
 * Newton's method has left in Y_i is taken for zero: the derivative is that of the equations.
 *
 * Hager, Numer. Math. 87 (2000), section 3, with a_ij for j <= i. */
#include "stages.h"

#include "base/text.h"
#include "base/vec.h"

#include <string.h>

static size_t length(const gn_stages *st) { return st->walk->sys.n; }

static gn_status make(gn_arena *a, gn_walk *w, double budget, gn_stages *st)
{
  const size_t n = w->sys.nmax;
  st->walk = w;
  st->tab = w->st->implicit;
  st->budget = budget;
  w->st->want_stages = 1;
  GN_TRY(gn_pool_create(w->sys.fields, (size_t)st->tab->s, w->sys.Bmax, &st->pool));
  GN_TRY(gn_rowsolve_setup(&st->solve, a, w->problem->model, w->sys.Bmax, w->st->dense));
  st->solve.user = st;
  GN_NEW(a, st->b, n);
  GN_NEW(a, st->f, n);
  GN_NEW(a, st->v, n);
  for (int i = 0; i < st->tab->s; i++) GN_NEW(a, st->g[i], n);
  return GN_OK;
}

gn_status gn_stages_create(gn_walk *w, double budget, gn_stages **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_stages *st = gn_arena_alloc(a, 1, sizeof *st);
  if (!st) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  st->arena = a;
  const gn_status s = make(a, w, budget, st);
  if (s != GN_OK) gn_stages_destroy(&st);
  else *out = st;
  return s;
}

void gn_stages_destroy(gn_stages **st)
{
  if (!*st) return;
  gn_arena *a = (*st)->arena;
  gn_pool_destroy(&(*st)->pool);
  gn_arena_destroy(&a);
  *st = NULL;
}

/* ---- recording ------------------------------------------------------------------------ */

void gn_stages_clear(gn_stages *st)
{
  st->n = st->next = 0;
  st->bytes = 0;
}

/* Arrays of the arena cannot grow in place; doubling wastes at most their own length. */
static gn_status reserve(gn_stages *st)
{
  if (st->n == st->cap) {
    const size_t cap = st->cap ? 2 * st->cap : 256;
    gn_stages_step *step;
    GN_NEW(st->arena, step, cap);
    if (st->cap) memcpy(step, st->step, st->cap * sizeof *step);
    st->step = step;
    st->cap = cap;
  }
  if (st->n < st->made) return GN_OK;
  GN_NEW(st->arena, st->step[st->n].Y, (size_t)st->tab->s * st->walk->sys.nmax);
  st->made++;
  return GN_OK;
}

static gn_status over_budget(const gn_stages *st, double s, double one)
{
  char need[32], each[32], budget[32];
  gn_text_bytes(st->bytes + one, need, sizeof need);
  gn_text_bytes(one, each, sizeof each);
  gn_text_bytes(st->budget, budget, sizeof budget);
  return GN_FAIL(GN_ELIMIT,
                 "the stages of %zu steps up to t = %g need %s (%s a step), gradient.budget is %s; "
                 "implicit stages cannot be recomputed without solving again: raise the budget, "
                 "loosen the tolerance, or use strategy interpolate",
                 st->n + 1, s, need, each, budget);
}

gn_status gn_stages_put(void *user, gn_step *now, size_t span)
{
  gn_stages *st = user;
  const size_t n = length(st);
  const double one = (double)((size_t)st->tab->s * n * sizeof(double));
  if (st->bytes + one > st->budget) return over_budget(st, now->s_new, one);
  GN_TRY(reserve(st));
  gn_stages_step *to = &st->step[st->n++];
  to->s = now->s, to->h = now->h;
  to->span = span;
  for (int i = 0; i < st->tab->s; i++) gn_vec_copy(n, now->Y[i], to->Y + (size_t)i * n);
  st->bytes += one;
  return GN_OK;
}

gn_status gn_stages_rewind(gn_stages *st, int forward)
{
  const size_t B = st->walk->B;
  st->next = forward ? 0 : st->n;
  st->solve.B = B;
  if (st->rec && st->rec->B != B) gn_record_give(&st->rec);
  return st->rec ? GN_OK : gn_pool_take(st->pool, B, &st->rec);
}

/* ---- stages --------------------------------------------------------------------------- */

/* The tape of stage i, which is from here on the one of all products. */
static gn_status evaluate(gn_stages *st, const gn_stages_step *at, int i)
{
  gn_system *sys = &st->walk->sys;
  st->s = at->s + st->tab->c[i] * at->h;
  st->tape = gn_record_tape(st->rec, (size_t)i, 1);
  const double *Y = at->Y + (size_t)i * sys->n;
  GN_REQUIRE(sys->rhs(sys->user, st->s, Y, st->f, st->rec, (size_t)i) == 0, GN_ENONFINITE,
             "the right-hand side at a stage of the step from t = %g is not finite", at->s);
  return GN_OK;
}

static int times_transpose(void *user, const double *v, double *g)
{
  gn_stages *st = user;
  gn_vec_fill(length(st), 0.0, g);
  return gn_flow_vjp(&st->walk->flow, st->s, &st->tape, v, g);
}

static int times(void *user, const double *v, double *Jv)
{
  gn_stages *st = user;
  return gn_flow_jvp(&st->walk->flow, st->s, &st->tape, v, NULL, Jv);
}

/* x with (I - h a_ii M) x = b, and Mx. */
static gn_status solve(gn_stages *st, const gn_stages_step *at, int i,
                       int (*product)(void *, const double *, double *), double *x, double *Mx)
{
  st->solve.gamma = at->h * st->tab->A[i][i];
  st->solve.times = product;
  const gn_status s = gn_rowsolve_run(&st->solve, st->b, x, Mx);
  return s == GN_OK ? GN_OK
                    : gn_fail_prefix(s, "stage %d of the step from t = %g, h = %.3g", i + 1, at->s,
                                     at->h);
}

/* ---- transposed ----------------------------------------------------------------------- */

/* b = h b_i lam + h sum_{j>i} a_ji g_j. */
static void slope_cotangent(gn_stages *st, double h, int i, const double *lam)
{
  double c[GN_STAGES_MAX + 1] = { h * st->tab->b[i] };
  const double *x[GN_STAGES_MAX + 1] = { lam };
  size_t m = 1;
  for (int j = i + 1; j < st->tab->s; j++) c[m] = h * st->tab->A[j][i], x[m++] = st->g[j];
  gn_vec_lincomb(length(st), m, c, x, st->b);
}

static gn_status pull_step(gn_stages *st, const gn_stages_step *at, double *lam, double *gp)
{
  gn_flow *fl = &st->walk->flow;
  const int s = st->tab->s;
  gn_flow_span(fl, st->walk->drive, at->span);
  for (int i = s - 1; i >= 0; i--) {
    GN_TRY(evaluate(st, at, i));
    slope_cotangent(st, at->h, i, lam);
    if (st->tab->A[i][i] != 0) {
      GN_TRY(solve(st, at, i, times_transpose, st->v, st->g[i]));
    } else {
      GN_REQUIRE(times_transpose(st, st->b, st->g[i]) == 0, GN_ENONFINITE,
                 "vjp of model %s failed at t = %g", st->walk->problem->model->cls->name, st->s);
    }
  }
  for (int i = s - 1; i >= 0; i--) gn_vec_axpy(length(st), 1.0, st->g[i], lam);
  const gn_tape all = gn_record_tape(st->rec, 0, (size_t)s);
  gn_flow_pgrad(fl, &all, (size_t)s, 1.0, gp);
  return GN_OK;
}

gn_status gn_stages_pull(gn_stages *st, double s, double to, double *lam, double *gp)
{
  const double lo = s < to ? s : to;
  while (st->next > 0 && st->step[st->next - 1].s >= lo) {
    const gn_stages_step *at = &st->step[st->next - 1];
    GN_TRY(pull_step(st, at, lam, gp));
    gn_history_step(st->walk->solver.history, &st->walk->sys.norm, at->s + at->h, -at->h,
                    GN_STEP_UNTESTED);
    st->next--;
  }
  return GN_OK;
}

/* ---- forward -------------------------------------------------------------------------- */

/* to = v + h sum_{j<=last} a_ij vK_j of stage i. */
static void stage_tangent(const gn_stages *st, double h, int i, int last, const double *v,
                          double *to)
{
  double c[GN_STAGES_MAX + 1] = { 1 };
  const double *x[GN_STAGES_MAX + 1] = { v };
  size_t m = 1;
  for (int j = 0; j <= last; j++) c[m] = h * st->tab->A[i][j], x[m++] = st->g[j];
  gn_vec_lincomb(length(st), m, c, x, to);
}

static gn_status push_step(gn_stages *st, const gn_stages_step *at, double *v, const double *vp)
{
  gn_flow *fl = &st->walk->flow;
  const int s = st->tab->s;
  gn_flow_span(fl, st->walk->drive, at->span);
  for (int i = 0; i < s; i++) {
    GN_TRY(evaluate(st, at, i));
    stage_tangent(st, at->h, i, i - 1, v, st->v);
    GN_REQUIRE(gn_flow_jvp(fl, st->s, &st->tape, st->v, vp, st->b) == 0, GN_ENONFINITE,
               "jvp of model %s failed at t = %g", st->walk->problem->model->cls->name, st->s);
    if (st->tab->A[i][i] != 0) GN_TRY(solve(st, at, i, times, st->g[i], st->f));
    else gn_vec_copy(length(st), st->b, st->g[i]);
  }
  stage_tangent(st, at->h, s - 1, s - 1, v, v);
  return GN_OK;
}

gn_status gn_stages_push(gn_stages *st, double s, double to, double *v, const double *vp)
{
  const double hi = s < to ? to : s;
  while (st->next < st->n && st->step[st->next].s < hi) {
    GN_TRY(push_step(st, &st->step[st->next], v, vp));
    st->next++;
  }
  return GN_OK;
}
