/* The audit of audit.h: two passes of `discrete`, each with the cotangent of the loss at
 * its own solution. */
#include "study/audit.h"

#include "base/text.h"
#include "base/vec.h"
#include "core/batch.h"
#include "study/objective.h"

#include <math.h>
#include <string.h>

static const gn_column columns[] = {
  GN_COLUMN("epoch", "from 1"),
  GN_COLUMN("batch", "from 1 in every epoch"),
  GN_COLUMN("error", "relative distance to discrete at a 100 times tighter tolerance"),
  GN_COLUMN("strategy_error", "the same to discrete on the run's own steps; empty: none"),
  GN_COLUMN("promise", "largest error the solver's tolerance stands for"),
  GN_COLUMN("worst_block", "tensor with the largest part of the error"),
  GN_COLUMN("work", "evaluations of the audit"),
  GN_COLUMNS_END,
};
const gn_format gn_format_audit = {
  "audit.csv", "gnomon train",
  "A row per audit, with train.audit: is the gradient of the first batch of the epoch right?",
  { columns }
};

struct gn_audit {
  gn_arena *arena;
  const gn_experiment *e;
  const gn_setup *setup;
  gn_pass *tight, *own; /* own NULL: there is none */
  gn_objective objective;
  double promise;
  gn_batch batch;
  double *z, *gz, *g;
};

static double tighter(double tol)
{
  return tol > GN_AUDIT_FLOOR * GN_AUDIT_TIGHTER ? tol / GN_AUDIT_TIGHTER : GN_AUDIT_FLOOR;
}

static gn_status make_passes(gn_audit *au, size_t Bmax)
{
  const gn_experiment *e = au->e;
  const gn_problem *pb = &au->setup->problem;
  const gn_gradient_class *exact = gn_gradient_find("discrete");
  if (!exact) return GN_ENAME;
  gn_solver sv = gn_experiment_solver(e);
  const int carries = gn_pair_check(e->stepper, exact) == GN_OK;
  const double tol = sv.tol.rtol > sv.tol.atol ? sv.tol.rtol : sv.tol.atol;
  au->promise = e->stepper->adaptive && tol < GN_AUDIT_WRONG / GN_AUDIT_GROWTH
                    ? GN_AUDIT_GROWTH * tol
                    : GN_AUDIT_WRONG;
  if (carries) GN_TRY(gn_pass_create(exact, NULL, pb, &sv, Bmax, &au->own));
  sv.tol.rtol = tighter(sv.tol.rtol);
  sv.tol.atol = tighter(sv.tol.atol);
  sv.max_steps *= (long)GN_AUDIT_TIGHTER;
  if (!carries || !e->stepper->adaptive) {
    sv.cls = gn_stepper_find("erk");
    sv.config = NULL;
    if (!sv.cls) return GN_ENAME;
  }
  return gn_pass_create(exact, NULL, pb, &sv, Bmax, &au->tight);
}

static gn_status build(gn_audit *au, size_t Bmax)
{
  const gn_dataset *d = au->setup->data;
  const gn_model *m = au->setup->model;
  GN_TRY(gn_batch_setup(&au->batch, au->arena, d, Bmax));
  GN_NEW(au->arena, au->z, d->K * Bmax * m->nz);
  GN_NEW(au->arena, au->gz, d->K * Bmax * m->nz);
  GN_NEW(au->arena, au->g, m->params.np);
  GN_TRY(gn_objective_setup(&au->objective, au->arena, au->e, m, d->K, Bmax));
  return make_passes(au, Bmax);
}

gn_status gn_audit_create(const gn_experiment *e, const gn_setup *setup, size_t Bmax,
                          gn_audit **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_audit *au = gn_arena_alloc(a, 1, sizeof *au);
  if (!au) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  au->arena = a;
  au->e = e;
  au->setup = setup;
  const gn_status s = build(au, Bmax);
  if (s != GN_OK)
    gn_audit_destroy(&au);
  else
    *out = au;
  return s;
}

void gn_audit_destroy(gn_audit **au)
{
  if (!*au) return;
  gn_arena *a = (*au)->arena; /* the object lies in its own arena */
  gn_pass_destroy(&(*au)->tight);
  gn_pass_destroy(&(*au)->own);
  *au = NULL;
  gn_arena_destroy(&a);
}

/* au->g = gradient by a pass. */
static gn_status gradient(gn_audit *au, gn_pass *ps, size_t B, const double *p, long *work)
{
  const gn_dataset *d = au->setup->data;
  const gn_model *m = au->setup->model;
  const gn_target tg = gn_batch_target(&au->batch, d, m->nz);
  gn_value value;
  GN_TRY(gn_pass_forward(ps, B, p, &au->batch.drive, au->batch.x, au->z));
  GN_TRY(gn_objective_eval(&au->objective, &tg, au->z, &value, au->gz));
  GN_REQUIRE(isfinite(value.loss), GN_ENONFINITE, "the loss is %g", value.loss);
  gn_vec_fill(m->params.np, 0, au->g);
  GN_TRY(gn_pass_backward(ps, au->gz, au->g, NULL, NULL));
  *work += gn_stats_work(gn_pass_stats(ps));
  return GN_OK;
}

/* au->g becomes g - au->g. */
static double distance(gn_audit *au, const double *g)
{
  const size_t n = au->setup->model->params.np;
  const double size = sqrt(gn_vec_sumsq(n, au->g));
  for (size_t i = 0; i < n; i++) au->g[i] = g[i] - au->g[i];
  const double d = sqrt(gn_vec_sumsq(n, au->g));
  return size > 0 ? d / size : d > 0 ? (double)INFINITY : 0;
}

static const char *worst_of(const gn_audit *au)
{
  const gn_params *ps = &au->setup->model->params;
  const char *name = "";
  double most = 0;
  for (size_t k = 0; k < ps->n; k++) {
    const double part = gn_vec_sumsq(ps->at[k].n, au->g + ps->at[k].offset);
    if (part > most) most = part, name = ps->at[k].name;
  }
  return name;
}

gn_status gn_audit_run(gn_audit *au, size_t B, const size_t *idx, const double *p,
                       const double *g, gn_audit_result *out)
{
  *out = (gn_audit_result){ .strategy = (double)NAN, .promise = au->promise };
  gn_batch_take(&au->batch, au->setup->data, B, idx);
  if (au->own && gradient(au, au->own, B, p, &out->work) == GN_OK)
    out->strategy = distance(au, g);
  GN_TRY(gradient(au, au->tight, B, p, &out->work));
  out->error = distance(au, g);
  out->worst = worst_of(au);
  return GN_OK;
}

static void put(FILE *to, double x)
{
  char buf[40] = "";
  if (!isnan(x)) gn_text_print_double(x, buf, sizeof buf);
  (void)fprintf(to, "%s,", buf);
}

void gn_audit_row(FILE *to, int epoch, size_t batch, const gn_audit_result *r)
{
  (void)fprintf(to, "%d,%zu,", epoch, batch);
  put(to, r->error);
  put(to, r->strategy);
  put(to, r->promise);
  (void)fprintf(to, "%s,%ld\n", r->worst, r->work);
}
