/* The look from inside, a listener of the shared forward solve. Each step warms the vector
 * of the next, so that a few products suffice; long solves are sampled, more thinly. */
#include "study/trace.h"

#include "base/rng.h"
#include "base/vec.h"
#include "core/walk.h"
#include "study/anomaly.h"

#include <math.h>
#include <stdio.h>

enum {
  SETTLE = 8,   /* products before the mean begins: 8 ratios of the next eigenvalue  */
  PRODUCTS = 8, /* products in the mean: averages over the turn of a complex pair     */
  THIN = 256,   /* steps before every second one is looked at, and so on              */
  LOOKS = 4096  /* most values kept                                                   */
};
/* Rayleigh quotient / |lambda| up to which an eigenvalue counts as decay: 60 degrees from
   the negative real axis. Nearer to the imaginary axis accuracy limits the step as well. */
static const double DECAY = -0.5;

typedef struct look {
  gn_arena *arena;
  gn_walk *walk;
  const gn_model *model;
  size_t B;
  double scale, large;
  double *v, *jv, *f;       /* [B, ny]                            */
  double *size0;            /* [B] max(|y0|, scale)               */
  double *dot, *mean, *ray; /* [B]                                */
  double *near;             /* [LOOKS] h |lambda| / limit         */
  gn_trace *out;
} look;

double gn_stability_limit(const gn_tableau *tab)
{
  double x = 0, r = 1;
  while (fabs(r) <= 1 + 1e-9 && x < 1000) {
    double K[GN_STAGES_MAX];
    x += 0.01;
    r = 1;
    for (int i = 0; i < tab->s; i++) {
      double y = 1;
      for (int j = 0; j < i; j++) y += tab->A[i][j] * K[j];
      K[i] = -x * y;
    }
    for (int i = 0; i < tab->s; i++) r += tab->b[i] * K[i];
  }
  return x;
}

/* ---- rows of a state ----------------------------------------------------------------- */

static void row_dots(const look *lk, const double *a, const double *b, double *dot)
{
  const gn_model *m = lk->model;
  gn_vec_fill(lk->B, 0, dot);
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < lk->B; i++, a += m->d[k], b += m->d[k])
      dot[i] += gn_vec_dot(m->d[k], a, b);
}

/* v = rows of jv, of unit length; a row that is zero stays. */
static void normalise(const look *lk, const double *square, const double *jv, double *v)
{
  const gn_model *m = lk->model;
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < lk->B; i++, v += m->d[k], jv += m->d[k])
      if (square[i] > 0 && isfinite(square[i]))
        gn_vec_scale(m->d[k], 1 / sqrt(square[i]), jv, v);
}

/* to[i] = max(to[i], |y_i|). */
static void row_sizes(const look *lk, const double *y, double *to)
{
  const gn_model *m = lk->model;
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < lk->B; i++, y += m->d[k]) {
      const double x = gn_vec_maxabs(m->d[k], y);
      if (x > to[i] && !m->quadrature[k]) to[i] = x;
    }
}

/* ---- a step -------------------------------------------------------------------------- */

static void grow(look *lk, const gn_step *step)
{
  gn_trace *out = lk->out;
  gn_vec_fill(lk->B, 0, lk->dot);
  row_sizes(lk, step->y1, lk->dot);
  out->growth = 0;
  for (size_t i = 0; i < lk->B; i++) {
    const double g = lk->dot[i] / lk->size0[i];
    if (g >= lk->large && isnan(out->t_large)) out->t_large = step->s_new;
    if (g > out->peak) out->peak = g;
    if (g <= out->growth) continue;
    out->growth = g;
    out->row = i;
  }
}

/* Logarithms of |lambda| into mean, Rayleigh quotients into ray; 0 if a map refused. */
static int power(look *lk, const gn_step *step)
{
  gn_flow *fl = &lk->walk->flow;
  const gn_tape tape = gn_record_tape(lk->walk->eval_rec, 0, 1);
  if (gn_flow_eval(fl, step->s, step->y0, &tape, lk->f) != 0) return 0;
  gn_vec_fill(lk->B, 0, lk->mean);
  gn_vec_fill(lk->B, 0, lk->ray);
  for (int k = 0; k < SETTLE + PRODUCTS; k++) {
    if (gn_flow_jvp(fl, step->s, &tape, lk->v, NULL, lk->jv) != 0) return 0;
    if (k >= SETTLE) {
      row_dots(lk, lk->v, lk->jv, lk->dot);
      gn_vec_axpy(lk->B, 1.0 / PRODUCTS, lk->dot, lk->ray);
    }
    row_dots(lk, lk->jv, lk->jv, lk->dot);
    for (size_t i = 0; k >= SETTLE && i < lk->B; i++)
      lk->mean[i] += 0.5 * log(lk->dot[i]) / PRODUCTS;
    normalise(lk, lk->dot, lk->jv, lk->v);
  }
  return 1;
}

static gn_status on_step(void *user, gn_step *step, size_t span)
{
  look *lk = user;
  gn_trace *out = lk->out;
  (void)span;
  const long n = out->steps++;
  out->t_end = step->s_new;
  if (n == 0 || fabs(step->h) < out->h_min) out->h_min = fabs(step->h);
  grow(lk, step);
  if (n % (1 + n / THIN) != 0 || out->looked == LOOKS || !power(lk, step)) return GN_OK;
  double worst = 0;
  for (size_t i = 0; i < lk->B; i++) {
    const double rho = exp(lk->mean[i]);
    if (!isfinite(rho)) continue;
    if (rho > out->lambda) out->lambda = rho;
    if (lk->ray[i] <= DECAY * rho && rho > worst) worst = rho;
  }
  lk->near[out->looked++] = fabs(step->h) * worst / out->limit;
  return GN_OK;
}

/* ---- a solve ------------------------------------------------------------------------- */

static gn_status lift(const gn_setup *su, size_t B, const gn_drive *dr, const double *x,
                      const double *p, double *t, double *y0)
{
  const gn_model *m = su->model;
  gn_pool *pool;
  gn_record *rec = NULL;
  GN_TRY(gn_pool_create(&m->tape[GN_LIFT], 1, B, &pool));
  gn_status s = gn_pool_take(pool, B, &rec);
  if (s == GN_OK) {
    const gn_tape tape = gn_record_tape(rec, 0, 1);
    const gn_point at = { .B = B, .t = t, .y = x, .p = p };
    const double s0 = su->problem.s0;
    for (size_t i = 0; i < B; i++) t[i] = dr && dr->dt ? dr->t0[i] + s0 * dr->dt[i] : s0;
    if (m->map[GN_LIFT].eval(m, &at, &tape, y0) != 0)
      s = GN_FAIL(GN_ENONFINITE, "lift of model %s failed", m->cls->name);
  }
  gn_pool_destroy(&pool);
  return s;
}

static gn_status prepare(look *lk, const gn_experiment *e, const gn_setup *su)
{
  gn_arena *a = lk->arena;
  const size_t B = lk->B, n = B * su->model->ny;
  const gn_solver sv = gn_experiment_solver(e);
  gn_rng r = gn_rng_make(1, gn_rng_stream(GN_STREAM_TEST, 0));
  GN_NEW(a, lk->v, n);
  GN_NEW(a, lk->jv, n);
  GN_NEW(a, lk->f, n);
  GN_NEW(a, lk->size0, B);
  GN_NEW(a, lk->dot, B);
  GN_NEW(a, lk->mean, B);
  GN_NEW(a, lk->ray, B);
  GN_NEW(a, lk->near, LOOKS);
  for (size_t i = 0; i < n; i++) lk->v[i] = gn_rng_normal(&r);
  row_dots(lk, lk->v, lk->v, lk->dot);
  normalise(lk, lk->dot, lk->v, lk->v);
  gn_vec_fill(B, lk->scale, lk->size0);
  GN_TRY(gn_walk_create(&su->problem, &sv, B, &lk->walk));
  if ((e->stepper->offers & GN_HAS_STAGES) && lk->walk->st->tab)
    lk->out->limit = gn_stability_limit(lk->walk->st->tab);
  return GN_OK;
}

static gn_status solve(look *lk, const gn_experiment *e, const gn_setup *su,
                       const gn_drive *dr, const double *x, const double *p)
{
  gn_trace *out = lk->out;
  double *y0, *Y, *t;
  GN_NEW(lk->arena, t, lk->B);
  GN_NEW(lk->arena, y0, lk->B * su->model->ny);
  GN_NEW(lk->arena, Y, su->problem.noutput * lk->B * su->model->ny);
  GN_TRY(prepare(lk, e, su));
  out->status = lift(su, lk->B, dr, x, p, t, y0);
  if (out->status == GN_OK) {
    row_sizes(lk, y0, lk->size0);
    out->status = gn_walk_forward(lk->walk, lk->B, p, dr, y0, Y, on_step, lk);
    out->rejects = lk->walk->st->rejects;
  }
  if (out->status != GN_OK)
    (void)snprintf(out->reason, sizeof out->reason, "%s", gn_last_error());
  if (out->looked > 0 && !isnan(out->limit)) {
    (void)gn_median((size_t)out->looked, lk->near); /* sorts */
    out->stiff = lk->near[(size_t)out->looked * 3 / 4];
  }
  return GN_OK;
}

gn_status gn_trace_run(const gn_experiment *e, const gn_setup *setup, size_t B,
                       const gn_drive *dr, const double *x, const double *p, double scale,
                       double large, gn_trace *out)
{
  look lk = { .model = setup->model, .B = B, .scale = scale, .large = large, .out = out };
  const double none = (double)NAN;
  *out = (gn_trace){ .t_large = none, .limit = none, .stiff = none };
  GN_TRY(gn_arena_create(&lk.arena));
  const gn_status s = solve(&lk, e, setup, dr, x, p);
  gn_walk_destroy(&lk.walk);
  gn_arena_destroy(&lk.arena);
  return s;
}
