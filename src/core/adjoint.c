/* The continuous adjoint solved backward.
 *
 *   (z' = f(z),)   a' = -f_z^T a,   (g' = -f_p^T a)
 *
 * Between events the stepper runs toward smaller s. At an output a jumps by the cotangent,
 * and a carried z is put back to the stored state: what had drifted until there is measured.
 * The first step size is the one the forward solve would have taken next.
 *
 * With GN_ADJOINT_STEPS the stages of an accepted step are the nodes of the quadrature,
 *   dL/dp += sum_i h b_i f_p(Y_i)^T (-a_i),
 * where the last stage of a first-same-as-last table waits for the step that begins with it;
 * a multistep method has no stages, and three Gauss-Legendre nodes take their place. */
#include "core/adjoint.h"

#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t nstate(const gn_adjoint *ad) { return ad->walk->sys.n; }

/* The cotangents of the delayed states at s to q and r, and the advanced terms to a'. */
static int add_delays(gn_adjoint *ad, double s, double *ydot)
{
  gn_delay *d = ad->walk->delay;
  double *q = ydot + ad->ga, *r = q + (1 + d->nhist) * d->n;
  gn_delay_integrands(d, s, q, r);
  const int rc = gn_advance_lags(ad->advance, s, r);
  return rc != 0 ? rc : gn_advance_add(ad->advance, s, ydot);
}

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec,
               size_t slice)
{
  gn_adjoint *ad = user;
  gn_flow *fl = &ad->walk->flow;
  const size_t n = nstate(ad), za = ad->za;
  const gn_tape tape = gn_record_tape(rec, slice, 1);
  fl->count.nfe++;
  if (ad->path) gn_path_eval(ad->path, ad->first, ad->last, s, ad->z);
  int rc = gn_flow_eval(fl, s, ad->path ? ad->z : y, &tape, ad->path ? ad->zdot : ydot);
  if (rc != 0) return rc;
  gn_vec_scale(n, -1.0, y + za, ad->w);
  gn_vec_fill(ad->sys.n - za, 0.0, ydot + za);
  rc = gn_flow_vjp(fl, s, &tape, ad->w, ydot + za);
  if (rc == 0 && (ad->parts & GN_ADJOINT_G)) gn_flow_pgrad(fl, &tape, 1, 1.0, ydot + ad->ga);
  if (rc == 0 && ad->advance) rc = add_delays(ad, s, ydot);
  return rc != 0 ? rc : gn_vec_finite(ad->sys.n - za, ydot + za) ? 0 : GN_RETRY;
}

/* Linear in a, so with z from the path the product is exact and needs no f. */
static int jvp(void *user, double s, const double *v, double *Jv, gn_record *rec, size_t slice)
{
  gn_adjoint *ad = user;
  gn_flow *fl = &ad->walk->flow;
  const gn_tape tape = gn_record_tape(rec, slice, 1);
  gn_vec_scale(nstate(ad), -1.0, v, ad->w);
  gn_vec_fill(ad->sys.n, 0.0, Jv);
  const int rc = gn_flow_vjp(fl, s, &tape, ad->w, Jv);
  if (rc == 0 && (ad->parts & GN_ADJOINT_G)) gn_flow_pgrad(fl, &tape, 1, 1.0, Jv + ad->ga);
  return rc;
}

/* Segments: blocks of z if carried, blocks of a, tensors if g is carried. */
static gn_status segments(gn_arena *a, gn_adjoint *ad)
{
  const gn_walk *w = ad->walk;
  const gn_model *m = w->problem->model;
  const gn_tolerance *back = &w->solver.back, *quad = &w->solver.quad;
  gn_norm *nm = &ad->sys.norm;
  const int z = (ad->parts & GN_ADJOINT_Z) != 0, g = (ad->parts & GN_ADJOINT_G) != 0;
  const int whole = w->solver.cls->whole_norm;
  const int lags = w->delay != NULL;
  nm->nseg = (size_t)(z + 1) * m->nblock + (size_t)(2 * lags) + (g ? m->params.n : 0);
  nm->ngroup = lags ? 3 : z + 1;
  GN_NEW(a, nm->seg, nm->nseg);
  gn_segment *sg = nm->seg;
  for (int part = !z; part < 2; part++)
    for (size_t k = 0; k < m->nblock; k++, sg++) {
      *sg = (gn_segment){ .name = gn_arena_printf(a, "%s%s", part ? "a." : "",
                                                  m->block_name[k]),
                          .d = m->d[k],
                          .group = m->quadrature[k] && !whole ? -1 : z && part,
                          .atol_scale = 1,
                          .rtol_scale = 1 };
      if (!sg->name) return GN_ENOMEM;
    }
  if (lags) {
    *sg++ = (gn_segment){ .name = "history", .group = 1, .atol_scale = 1, .rtol_scale = 1 };
    *sg++ = (gn_segment){ .name = "lags", .n = m->nlag, .group = m->lags_pgrad ? 2 : -1,
                          .atol_scale = 1, .rtol_scale = 1 };
  }
  for (size_t k = 0; g && k < m->params.n; k++, sg++)
    *sg = (gn_segment){ .name = m->params.at[k].name, .n = m->params.at[k].n, .group = -1,
                        .atol_scale = back->atol > 0 ? quad->atol / back->atol : 1,
                        .rtol_scale = quad->rtol / back->rtol };
  return GN_OK;
}

static gn_status make(gn_arena *a, gn_adjoint *ad)
{
  gn_walk *w = ad->walk;
  gn_system *sys = &ad->sys;
  sys->nmax = (size_t)(1 + !ad->path) * w->sys.nmax +
              (ad->parts & GN_ADJOINT_G ? w->problem->model->params.np : 0) +
              (w->delay ? (1 + w->delay->nhist) * w->sys.nmax + w->problem->model->nlag : 0);
  sys->Bmax = w->sys.Bmax;
  sys->user = ad;
  sys->rhs = rhs;
  sys->jvp = ad->path ? jvp : NULL;
  sys->fields = &w->problem->model->tape[GN_F];
  GN_TRY(segments(a, ad));
  GN_NEW(a, ad->y, sys->nmax);
  GN_NEW(a, ad->w, w->sys.nmax);
  if (ad->path) {
    GN_NEW(a, ad->z, w->sys.nmax);
    GN_NEW(a, ad->zdot, w->sys.nmax);
  }
  GN_TRY(gn_stepper_create(w->solver.cls, w->solver.config, sys, w->solver.back, &ad->st));
  if (w->solver.max_steps > 0) ad->st->max_steps = w->solver.max_steps;
  ad->st->history = w->solver.history;
  ad->st->want_slopes = w->solver.cls->overshoots || w->delay;
  if (w->delay) GN_TRY(gn_advance_create(&w->flow, ad->st, &ad->advance));
  if (!(ad->parts & GN_ADJOINT_STEPS) || ad->st->tab) return GN_OK;
  ad->st->want_slopes = 1;
  GN_NEW(a, ad->v, sys->nmax);
  return gn_pool_create(sys->fields, 3, sys->Bmax, &ad->node_pool);
}

gn_status gn_adjoint_create(gn_walk *w, int parts, const gn_path *path, gn_adjoint **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_adjoint *ad = gn_arena_alloc(a, 1, sizeof *ad);
  if (!ad) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  ad->arena = a;
  ad->walk = w;
  ad->parts = parts;
  ad->path = path;
  const gn_status s = make(a, ad);
  if (s != GN_OK) gn_adjoint_destroy(&ad);
  else *out = ad;
  return s;
}

void gn_adjoint_destroy(gn_adjoint **a)
{
  if (!*a) return;
  gn_stepper_destroy(&(*a)->st);
  gn_advance_destroy(&(*a)->advance);
  gn_pool_destroy(&(*a)->node_pool);
  gn_arena *arena = (*a)->arena;
  gn_arena_destroy(&arena);
  *a = NULL;
}

/* Lengths for the batch bound now. */
static void resize(gn_adjoint *ad)
{
  const gn_model *m = ad->walk->problem->model;
  const size_t B = ad->walk->B, n = nstate(ad);
  ad->sys.B = ad->sys.norm.B = B;
  ad->za = ad->path ? 0 : n;
  ad->ga = ad->za + n;
  ad->sys.n = ad->ga + (ad->parts & GN_ADJOINT_G ? m->params.np : 0);
  for (size_t k = 0; k < (ad->path ? 1 : 2) * m->nblock; k++)
    ad->sys.norm.seg[k].n = B * m->d[k % m->nblock];
  if (!ad->advance) return;
  const size_t history = (1 + ad->walk->delay->nhist) * n;
  ad->sys.norm.seg[m->nblock].n = history;
  ad->sys.n += history + m->nlag;
}

gn_status gn_adjoint_keep(gn_walk *w, gn_path *p, const gn_step *step, size_t span)
{
  if (p->n > 0 && p->step[p->n - 1].span != span) {
    gn_flow_span(&w->flow, w->drive, p->step[p->n - 1].span);
    GN_TRY(gn_path_finish(p, w->eval_rec));
    gn_flow_span(&w->flow, w->drive, span);
  }
  GN_TRY(gn_path_put(p, step));
  p->step[p->n - 1].span = span;
  return GN_OK;
}

/* ---- parameters by the stages --------------------------------------------------------- */

static void finish_stages(gn_adjoint *ad)
{
  if (!ad->waiting) return;
  gn_flow_pgrad_weighted(&ad->walk->flow, ad->waiting, ad->waiting->nslice, ad->weight,
                         ad->gp);
  gn_record_give(&ad->waiting);
}

static void add_stages(gn_adjoint *ad, gn_step *step)
{
  const gn_tableau *tab = ad->st->tab;
  const double first = step->h * tab->b[0];
  if (tab->fsal && !step->fresh) ad->weight[ad->waiting->nslice - 1] += first;
  else if (tab->fsal)
    gn_flow_pgrad_weighted(&ad->walk->flow, step->head, 1, &first, ad->gp);
  finish_stages(ad);
  ad->waiting = step->rec;
  step->rec = NULL;
  for (int i = tab->fsal; i < tab->s; i++) ad->weight[i - tab->fsal] = step->h * tab->b[i];
  if (!tab->fsal) finish_stages(ad);
}

/* Three Gauss-Legendre nodes of the step just taken. */
static gn_status add_nodes(gn_adjoint *ad, const gn_step *step)
{
  static const double x[3] = { -0.7745966692414834, 0, 0.7745966692414834 };
  static const double weight[3] = { 5.0 / 9, 8.0 / 9, 5.0 / 9 };
  gn_flow *fl = &ad->walk->flow;
  const double half = (step->s - step->s_new) / 2, mid = (step->s + step->s_new) / 2;
  for (size_t q = 0; q < 3; q++) {
    const gn_tape tape = gn_record_tape(ad->nodes, q, 1);
    const double t = mid + half * x[q];
    gn_stepper_state(ad->st, t, ad->v);
    if (ad->path) gn_path_eval(ad->path, ad->first, ad->last, t, ad->z);
    int rc = gn_flow_eval(fl, t, ad->path ? ad->z : ad->v, &tape, ad->w);
    gn_vec_scale(nstate(ad), half * weight[q], ad->v + ad->za, ad->w);
    if (rc == 0) rc = gn_flow_vjp(fl, t, &tape, ad->w, NULL);
    GN_REQUIRE(rc == 0, GN_ENONFINITE, "a quadrature node at t = %g is not finite", t);
  }
  const gn_tape all = gn_record_tape(ad->nodes, 0, 3);
  gn_flow_pgrad(fl, &all, 3, 1.0, ad->gp);
  return GN_OK;
}

/* ---- the walk back over the events ---------------------------------------------------- */

/* 2-norm of a state without its quadratures, which nothing reads. */
static double size_of(const gn_adjoint *ad, const double *y)
{
  const gn_model *m = ad->walk->problem->model;
  double sum = 0;
  for (size_t k = 0; k < m->nblock; y += ad->walk->B * m->d[k++])
    if (!m->quadrature[k]) sum += gn_vec_sumsq(ad->walk->B * m->d[k], y);
  return sqrt(sum);
}

/* A carried z meets a stored state: measure the drift, if it is the state z solved for, and
   put z back. */
static void put_back(gn_adjoint *ad, double s, const double *y, int measure)
{
  const size_t n = nstate(ad);
  ad->fresh = 1;
  if (ad->path) return;
  if (ad->started && measure) {
    const double norm = size_of(ad, y);
    gn_vec_axpy(n, -1.0, y, ad->y);
    const double off = size_of(ad, ad->y) / (norm > 0 ? norm : 1);
    if (!(off <= ad->drift)) ad->drift = off, ad->drift_at = s;
  }
  gn_vec_copy(n, y, ad->y);
}

static gn_status flow(void *user, double s, double to)
{
  gn_adjoint *ad = user;
  if (ad->path) gn_path_range(ad->path, s, to, &ad->first, &ad->last);
  if (!ad->started) GN_TRY(gn_stepper_start(ad->st, s, ad->y, -1, ad->walk->last_h));
  else if (ad->fresh) GN_TRY(gn_stepper_reset(ad->st, s, ad->y));
  ad->started = 1;
  ad->at = to;
  ad->fresh = 0;
  gn_step *step;
  do {
    GN_TRY(gn_stepper_step(ad->st, to, &step));
    if (ad->advance) GN_TRY(gn_advance_put(ad->advance, step));
    if (ad->on_step) GN_TRY(ad->on_step(ad->user, step));
    if (ad->nodes) GN_TRY(add_nodes(ad, step));
    else if (ad->parts & GN_ADJOINT_STEPS) add_stages(ad, step);
  } while (step->s_new > to);
  gn_stepper_state(ad->st, to, ad->y);
  finish_stages(ad);
  return ad->on_piece ? ad->on_piece(ad->user, s, to) : GN_OK;
}

static gn_status output(void *user, size_t k)
{
  gn_adjoint *ad = user;
  const gn_model *m = ad->walk->problem->model;
  const size_t n = nstate(ad), nblock = m->nblock, nread = ad->walk->B * gn_model_nread(m);
  const double *gY = ad->gY + k * n;
  put_back(ad, ad->at, ad->walk->Y + k * n, 1);
  gn_vec_axpy(n, 1.0, gY, ad->y + ad->za);
  const double rms = sqrt(gn_vec_sumsq(n, gY) / (double)nread);
  if (rms > ad->scale) ad->scale = rms;
  gn_segment *a = ad->sys.norm.seg + (ad->path ? 0 : nblock);
  for (size_t j = 0; (ad->parts & GN_ADJOINT_SCALED) && ad->scale > 0 && j < nblock; j++)
    a[j].atol_scale = ad->scale;
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  gn_adjoint *ad = user;
  put_back(ad, ad->at, ad->walk->jump_y[j], 0); /* z is the state after the jump */
  return gn_walk_jump_vjp(ad->walk, j, ad->y + ad->za, ad->gp);
}

static gn_status kink(void *user, size_t span)
{
  gn_adjoint *ad = user;
  ad->fresh = 1;
  if (ad->advance && span != GN_NONE) gn_advance_piece(ad->advance, span);
  else if (span != GN_NONE) gn_flow_span(&ad->walk->flow, ad->walk->drive, span);
  return GN_OK;
}

static void report(gn_adjoint *ad, gn_stats *stats)
{
  const double rtol = ad->walk->solver.back.rtol;
  stats->back_steps = ad->st->steps;
  stats->back_rejects = ad->st->rejects;
  stats->newton += ad->st->newton;
  stats->bytes = (long)(ad->walk->problem->noutput * nstate(ad) * sizeof(double));
  if (ad->path) stats->bytes += (long)gn_path_bytes(ad->path);
  gn_norm_blame_back(&ad->sys.norm, stats->rejected_by, sizeof stats->rejected_by);
  if (ad->drift > 100 * rtol)
    (void)snprintf(stats->note, sizeof stats->note,
             "the state solved backward is off by %.1e at t = %g (rtol %g): this gradient is "
             "not to be trusted; use discrete", ad->drift, ad->drift_at, rtol);
}

gn_status gn_adjoint_run(gn_adjoint *ad, const double *gY, double *gy0, double *gp, double *gt,
                         gn_stats *stats)
{
  gn_walk *w = ad->walk;
  const gn_model *m = w->problem->model;
  resize(ad);
  gn_record_give(&ad->waiting); /* of a run that failed */
  gn_record_give(&ad->nodes);
  if (ad->node_pool) GN_TRY(gn_pool_take(ad->node_pool, w->B, &ad->nodes));
  ad->gY = gY;
  ad->gp = gp;
  ad->started = ad->fresh = 0;
  ad->at = w->problem->event[w->problem->nevent - 1].s;
  ad->drift = ad->scale = 0;
  gn_segment *a = ad->sys.norm.seg + (ad->path ? 0 : m->nblock);
  for (size_t k = 0; k < m->nblock; k++) a[k].atol_scale = 1;
  gn_vec_fill(ad->sys.n, 0.0, ad->y);
  if (!ad->path) gn_vec_copy(nstate(ad), w->y, ad->y); /* if no output is at the end */
  if (gn_problem_numbered(w->problem)) gn_flow_span(&w->flow, w->drive, w->span);
  if (ad->advance) GN_TRY(gn_advance_begin(ad->advance, w->given));
  const gn_visit v = { ad, NULL, flow, output, jump, kink };
  const gn_status s =
      gn_visit_backward(ad->advance ? &ad->advance->breaks.problem : w->problem, &v);
  if (s == GN_OK) put_back(ad, w->problem->s0, w->y0, 1);
  report(ad, stats);
  GN_TRY(s);
  if (gt) GN_TRY(gn_walk_time_gradient(w, gY, ad->y + ad->za, gt));
  gn_vec_axpy(nstate(ad), 1.0, ad->y + ad->za, gy0);
  if (ad->parts & GN_ADJOINT_G) gn_vec_axpy(m->params.np, 1.0, ad->y + ad->ga, gp);
  if (!ad->advance) return GN_OK;
  const size_t n = nstate(ad), nhist = w->delay->nhist;
  const double *q = ad->y + ad->ga;
  gn_vec_axpy(n, 1.0, q, gy0);
  if (nhist && w->drive->ghist) gn_vec_axpy(nhist * n, 1.0, q + n, w->drive->ghist);
  if (m->lags_pgrad) m->lags_pgrad(m, w->flow.p, q + (1 + nhist) * n, gp);
  return GN_OK;
}
