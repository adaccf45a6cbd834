/* The comparison itself.
 *
 *   err_ode = |g - g_ref| / |g_ref|        g_ref certified, see gn_reference
 *   err_adj = |g - g_disc| / |g_disc|      g_disc: exact for the same forward steps
 *   cosine  = <g, g_ref> / (|g| |g_ref|)
 *
 * The worst tensor is the one with the largest |g_k - r_k| / max(|r_k|, 1e-10 |r|): below
 * that share of the whole the reference itself has no digits. */
#include "study/compare.h"

#include "base/clock.h"
#include "base/rng.h"
#include "base/vec.h"
#include "core/numeric.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { REFERENCE_STEPS = 2000000 };

static double norm2(size_t n, const double *x) { return sqrt(gn_vec_sumsq(n, x)); }

static double distance(size_t n, const double *a, const double *b)
{
  double s = 0;
  for (size_t i = 0; i < n; i++) s += (a[i] - b[i]) * (a[i] - b[i]);
  return sqrt(s);
}

/* The message of this thread, kept; a message is no reason to fail. */
static const char *keep(gn_compare *c)
{
  const char *s = gn_arena_strdup(c->arena, gn_last_error());
  return s ? s : "out of memory";
}

static void say(const gn_compare *c, const char *what)
{
  if (!c->progress) return;
  (void)fprintf(c->progress, "\r\033[Kcompare: %s", what);
  (void)fflush(c->progress);
}

/* ---- one pass ------------------------------------------------------------------------ */

/* z, loss and its cotangent unless frozen_gz gives one. */
static gn_status forward(gn_compare *c, gn_pass *ps, double *z, double *loss, double *gz)
{
  gn_value value;
  GN_TRY(gn_pass_forward(ps, c->B, c->p, &c->batch.drive, c->batch.x, z));
  GN_TRY(gn_objective_eval(&c->objective, &c->target, z, &value, gz));
  *loss = value.loss;
  return GN_OK;
}

static gn_status backward(gn_compare *c, gn_pass *ps, const double *gz, double *g)
{
  gn_vec_fill(c->setup->model->params.np, 0, g);
  return gn_pass_backward(ps, gz, g, NULL, NULL);
}

/* ---- the certified gradient ---------------------------------------------------------- */

static gn_solver reference_solver(const gn_compare *c, const gn_stepper_class *st,
                                  const void *config)
{
  const double tol = c->e->compare.reference_tol;
  return (gn_solver){ .cls = st,
                      .config = config,
                      .tol = { tol, tol },
                      .back = { tol, tol },
                      .max_steps = REFERENCE_STEPS };
}

/* A pass of strategy `name` on erk with the given table. */
static gn_status reference_pass(gn_compare *c, const char *name, const char *table,
                                const gn_problem *pb, gn_pass **out)
{
  const gn_stepper_class *st = gn_stepper_find("erk");
  const gn_gradient_class *cls = gn_gradient_find(name);
  char *config;
  *out = NULL;
  if (!st || !cls) return GN_ENAME;
  GN_NEW(c->arena, config, st->config_size);
  gn_options_default(st->options, config);
  GN_TRY(gn_option_set(st->options, config, "table", table));
  const gn_solver sv = reference_solver(c, st, config);
  return gn_pass_create(cls, NULL, pb, &sv, c->B, out);
}

/* How a gradient of reference is computed. The second one is exact, and confirmed by tangents. */
typedef struct way {
  const char *name, *strategy, *table;
} way;
static const way by_tables[2] = { { "cash_karp", "discrete", "cash_karp" },
                                  { "dormand_prince", "discrete", "dormand_prince" } };
/* Delays want a table with an interpolant. */
static const way by_strategies[2] = { { "interpolate", "interpolate", "dormand_prince" },
                                      { "discrete", "discrete", "dormand_prince" } };

/* Loss and gradient of one of them. */
static gn_status reference_gradient(gn_compare *c, const way *w, const gn_problem *pb,
                                    double *z, double *loss, double *gz, double *g)
{
  gn_pass *ps;
  GN_TRY(reference_pass(c, w->strategy, w->table, pb, &ps));
  gn_status s = forward(c, ps, z, loss, gz);
  if (s == GN_OK) s = backward(c, ps, gz, g);
  c->ref.work += gn_stats_work(gn_pass_stats(ps));
  gn_pass_destroy(&ps);
  return s;
}

/* <gz, dz v> against <g, v> along the reference's own steps. */
static gn_status confirm(gn_compare *c, const gn_problem *pb, const way *w, const double *gz,
                         const double *g)
{
  const size_t np = c->setup->model->params.np;
  gn_rng r = gn_rng_make((uint64_t)c->e->run.seed, gn_rng_stream(GN_STREAM_TEST, 1));
  gn_pass *ps;
  double *v, *z, *dz;
  GN_NEW(c->arena, v, np);
  GN_NEW(c->arena, z, c->nout);
  GN_NEW(c->arena, dz, c->nout);
  for (size_t i = 0; i < np; i++) v[i] = gn_rng_normal(&r);
  GN_TRY(reference_pass(c, "tangent", w->table, pb, &ps));
  gn_status s = gn_pass_forward(ps, c->B, c->p, &c->batch.drive, c->batch.x, z);
  if (s == GN_OK) s = gn_pass_push(ps, NULL, v, dz);
  c->ref.work += gn_stats_work(gn_pass_stats(ps));
  gn_pass_destroy(&ps);
  GN_TRY(s);
  double pushed = gn_vec_dot(c->nout, gz, dz), pulled = gn_vec_dot(np, g, v);
  double size = norm2(np, g);
  c->ref.tangent = size > 0 ? fabs(pushed - pulled) / size : fabs(pushed - pulled);
  return GN_OK;
}

/* Exact strategies differentiate by a lag on a grid that does not move: no certificate for
   that, so the lags take no part. g = 0 there. */
static gn_status without_lags(gn_compare *c, const double *from, double **g)
{
  const gn_model *m = c->setup->model;
  double *one, *lags;
  GN_NEW(c->arena, *g, m->params.np);
  gn_vec_copy(m->params.np, from, *g);
  if (!m->lags_pgrad) return GN_OK;
  GN_NEW(c->arena, one, m->nlag);
  GN_NEW(c->arena, lags, m->params.np);
  for (size_t k = 0; k < m->nlag; k++) one[k] = 1;
  m->lags_pgrad(m, c->p, one, lags);
  for (size_t i = 0; i < m->params.np; i++)
    if (lags[i] != 0) (*g)[i] = 0;
  return GN_OK;
}

/* Two ways agree to half the digits asked for, or there is no certificate. */
static gn_status certify(gn_compare *c)
{
  const way *w = c->setup->model->nlag ? by_strategies : by_tables;
  const size_t np = c->setup->model->params.np;
  gn_reference *ref = &c->ref;
  gn_problem pb = c->setup->problem;
  double *z2, *gz2, *g2, *a, *b, loss2;
  const double limit = sqrt(c->e->compare.reference_tol);
  GN_NEW(c->arena, z2, c->nout);
  GN_NEW(c->arena, gz2, c->nout);
  GN_NEW(c->arena, g2, np);
  pb.output = GN_LAND;
  ref->strategy = w[0].strategy;
  for (int k = 0; k < 2; k++) ref->way[k] = w[k].name;
  GN_TRY(reference_gradient(c, &w[0], &pb, ref->z, &ref->loss, ref->gz, ref->g));
  GN_TRY(reference_gradient(c, &w[1], &pb, z2, &loss2, gz2, g2));
  GN_TRY(without_lags(c, ref->g, &a));
  GN_TRY(without_lags(c, g2, &b));
  const double size = norm2(np, a);
  ref->agreement = distance(np, a, b) / (size > 0 ? size : 1);
  GN_TRY(confirm(c, &pb, &w[1], gz2, g2));
  GN_REQUIRE(ref->agreement <= limit, GN_ESOLVER,
             "%s and %s agree to %.1e only, expected %.1e; lower compare.reference_tol",
             w[0].name, w[1].name, ref->agreement, limit);
  GN_REQUIRE(
      ref->tangent <= limit, GN_ESOLVER,
      "tangent and gradient differ by %.1e, expected %.1e: a verb of model %s is wrong "
      "(try gnomon check %s)",
      ref->tangent, limit, c->e->model->name, c->e->model->name);
  return GN_OK;
}

/* ---- the exact gradient of the experiment's own steps -------------------------------- */

static gn_status exact_gradient(gn_compare *c)
{
  const gn_gradient_class *cls;
  void *config;
  gn_adjoint_options adj;
  gn_pass *ps;
  double loss;
  gn_solver sv = c->solver;
  sv.history = NULL;
  GN_TRY(gn_experiment_strategy(c->e, c->arena, "discrete", &cls, &config, &adj));
  GN_TRY(gn_pass_create(cls, config, &c->setup->problem, &sv, c->B, &ps));
  gn_status s = forward(c, ps, c->z, &loss, c->gz);
  if (s == GN_OK) s = backward(c, ps, c->e->compare.cotangent ? c->ref.gz : c->gz, c->g);
  gn_pass_destroy(&ps);
  return s;
}

/* ---- rows ---------------------------------------------------------------------------- */

static void errors(gn_compare *c, gn_compare_row *r, const double *z, const double *g)
{
  const gn_params *ps = &c->setup->model->params;
  const double size = norm2(ps->np, c->ref.g), own = norm2(ps->np, g);
  /* the same forward steps give the same outputs to the last bit */
  if (c->exact && memcmp(z, c->z, c->nout * sizeof *z) == 0) {
    const double exact = norm2(ps->np, c->g);
    r->err_adj = distance(ps->np, g, c->g) / (exact > 0 ? exact : 1);
  }
  if (c->ref.status != GN_OK) return;
  r->err_ode = distance(ps->np, g, c->ref.g) / (size > 0 ? size : 1);
  if (own > 0 && size > 0) r->cosine = gn_vec_dot(ps->np, g, c->ref.g) / own / size;
  r->worst_err = -1;
  for (size_t k = 0; k < ps->n; k++) {
    const gn_param *q = &ps->at[k];
    const double part = fmax(norm2(q->n, c->ref.g + q->offset), 1e-10 * size);
    const double e =
        distance(q->n, g + q->offset, c->ref.g + q->offset) / (part > 0 ? part : 1);
    if (!(e > r->worst_err)) continue;
    r->worst_err = e;
    r->worst = q->name;
  }
}

static int ascending(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(size_t n, double *x)
{
  qsort(x, n, sizeof *x, ascending);
  return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

/* Forward and backward once; counts and seconds of it. */
static gn_status once(gn_compare *c, gn_compare_row *r, gn_pass *ps, double *z, double *gz,
                      double *g)
{
  gn_status s = forward(c, ps, z, &r->loss, gz);
  r->has_loss = s == GN_OK;
  if (s == GN_OK) s = backward(c, ps, c->e->compare.cotangent ? c->ref.gz : gz, g);
  r->has_grad = s == GN_OK;
  r->stats = *gn_pass_stats(ps);
  return s;
}

/* All the work of a row; its failure is the row's status. */
static gn_status fill_row(gn_compare *c, gn_compare_row *r, size_t repeats)
{
  gn_solver sv = c->solver;
  gn_pass *ps;
  double *sec = c->sec, *back = c->sec + repeats;
  gn_adjoint_tolerances(&r->adjoint, &sv);
  c->history.label = r->strategy;
  c->history.paused = 0;
  if (c->history.to) sv.history = &c->history;
  GN_TRY(gn_pass_create(r->cls, r->config, &c->setup->problem, &sv, c->B, &ps));
  gn_status s = once(c, r, ps, c->work_z, c->work_gz, c->work_g); /* also warms up */
  if (s == GN_OK) errors(c, r, c->work_z, c->work_g);
  c->history.paused = 1;
  for (size_t k = 0; k < repeats && s == GN_OK; k++) {
    s = once(c, r, ps, c->work_z, c->work_gz, c->work_g);
    sec[k] = r->stats.sec;
    back[k] = r->stats.back_sec;
  }
  gn_pass_destroy(&ps);
  GN_TRY(s);
  if (repeats == 0) return GN_OK;
  r->sec = median(repeats, sec);
  r->back_sec = median(repeats, back);
  return GN_OK;
}

gn_status gn_compare_fill(gn_compare *c, gn_compare_row *r, size_t repeats)
{
  if (repeats > c->nsec) {
    GN_NEW(c->arena, c->sec, 2 * repeats);
    c->nsec = repeats;
  }
  r->reason = r->worst = "";
  r->has_loss = r->has_grad = 0;
  r->stats = (gn_stats){ 0 };
  r->loss = r->err_ode = r->err_adj = r->worst_err = r->cosine = (double)NAN;
  r->sec = r->back_sec = (double)NAN;
  say(c, r->strategy);
  r->status = fill_row(c, r, repeats);
  GN_REQUIRE(r->status != GN_ENOMEM, GN_ENOMEM, "%s: out of memory", r->strategy);
  if (r->status != GN_OK) r->reason = keep(c);
  return GN_OK;
}

gn_status gn_compare_certify(gn_compare *c)
{
  say(c, "reference");
  const double begin = gn_clock_wall();
  c->ref.reason = "";
  c->ref.work = 0;
  c->ref.status = certify(c);
  c->ref.sec = gn_clock_wall() - begin;
  if (c->ref.status != GN_OK) c->ref.reason = keep(c);
  GN_REQUIRE(c->ref.status == GN_OK || !c->e->compare.cotangent, c->ref.status,
             "compare.cotangent = frozen needs the reference: %s", c->ref.reason);
  return GN_OK;
}

gn_status gn_compare_exact(gn_compare *c)
{
  say(c, "discrete");
  const gn_status s = exact_gradient(c);
  c->exact = s == GN_OK;
  return s == GN_ENOMEM ? s : GN_OK;
}

size_t gn_compare_repeats(const gn_compare *c)
{
  return gn_model_analytic(c->setup->model) == GN_OK ? (size_t)c->e->compare.repeats : 0;
}

gn_status gn_compare_run(gn_compare *c)
{
  GN_TRY(gn_compare_certify(c));
  GN_TRY(gn_compare_exact(c));
  if (c->history.to) gn_history_header(c->history.to);
  for (size_t k = 0; k < c->n; k++) GN_TRY(gn_compare_fill(c, &c->row[k], gn_compare_repeats(c)));
  if (c->progress) (void)fputs("\r\033[K", c->progress);
  return GN_OK;
}
