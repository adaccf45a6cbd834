/* The continuous adjoint solved backward together with the state.
 *
 *   z' = f(z),   a' = -f_z^T a,   g' = -f_p^T a
 *
 * Between events the stepper runs toward smaller s. At an output a jumps by the cotangent
 * and z is put back to the stored state: what had drifted until there is measured. The
 * first step size is the one the forward solve would have taken next. */
#include "core/adjoint.h"

#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static size_t nstate(const gn_adjoint *ad) { return ad->walk->sys.n; }

static int rhs(void *user, double s, const double *y, double *ydot, gn_record *rec,
               size_t slice)
{
  gn_adjoint *ad = user;
  gn_flow *fl = &ad->walk->flow;
  const size_t n = nstate(ad), np = fl->model->params.np;
  const gn_tape tape = gn_record_tape(rec, slice, 1);
  fl->count.nfe++;
  int rc = gn_flow_eval(fl, s, y, &tape, ydot);
  if (rc != 0) return rc;
  gn_vec_scale(n, -1.0, y + n, ad->w);
  gn_vec_fill(ad->sys.n - n, 0.0, ydot + n);
  rc = gn_flow_vjp(fl, s, &tape, ad->w, ydot + n);
  if (rc == 0 && ad->with_g && np > 0) gn_flow_pgrad(fl, &tape, 1, 1.0, ydot + 2 * n);
  return rc != 0 ? rc : gn_vec_finite(ad->sys.n - n, ydot + n) ? 0 : GN_RETRY;
}

static gn_status make(gn_arena *a, gn_walk *w, gn_adjoint *ad)
{
  const gn_model *m = w->problem->model;
  gn_system *sys = &ad->sys;
  sys->nmax = 2 * w->sys.nmax + (ad->with_g ? m->params.np : 0);
  sys->Bmax = w->sys.Bmax;
  sys->user = ad;
  sys->rhs = rhs;
  sys->fields = &m->tape[GN_F];
  sys->norm.nseg = 2 * m->nblock + (ad->with_g ? m->params.n : 0);
  GN_NEW(a, sys->norm.seg, sys->norm.nseg);
  gn_segment *sg = sys->norm.seg;
  for (int part = 0; part < 2; part++)
    for (size_t k = 0; k < m->nblock; k++, sg++) {
      *sg = (gn_segment){ .name = gn_arena_printf(a, "%s%s", part ? "a." : "",
                                                  m->block_name[k]),
                          .d = m->d[k], .atol_scale = 1 };
      if (!sg->name) return GN_ENOMEM;
    }
  for (size_t k = 0; ad->with_g && k < m->params.n; k++, sg++)
    *sg = (gn_segment){ .name = m->params.at[k].name, .n = m->params.at[k].n,
                        .atol_scale = 1 };
  GN_NEW(a, ad->y, sys->nmax);
  GN_NEW(a, ad->w, w->sys.nmax);
  GN_TRY(gn_stepper_create(w->solver.cls, w->solver.config, sys, w->solver.back, &ad->st));
  if (w->solver.max_steps > 0) ad->st->max_steps = w->solver.max_steps;
  return GN_OK;
}

gn_status gn_adjoint_create(gn_walk *w, int with_g, int scaled, gn_adjoint **out)
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
  ad->with_g = with_g;
  ad->scaled = scaled;
  const gn_status s = make(a, w, ad);
  if (s != GN_OK) gn_adjoint_destroy(&ad);
  else *out = ad;
  return s;
}

void gn_adjoint_destroy(gn_adjoint **a)
{
  if (!*a) return;
  gn_stepper_destroy(&(*a)->st);
  gn_arena *arena = (*a)->arena;
  gn_arena_destroy(&arena);
  *a = NULL;
}

void gn_adjoint_seminorm(gn_adjoint *ad)
{
  gn_norm *nm = &ad->sys.norm;
  const size_t nblock = ad->walk->problem->model->nblock;
  nm->ngroup = 2;
  for (size_t k = 0; k < nm->nseg; k++)
    nm->seg[k].group = k < nblock ? 0 : k < 2 * nblock ? 1 : -1;
}

/* Lengths for the batch bound now. */
static void resize(gn_adjoint *ad)
{
  const gn_model *m = ad->walk->problem->model;
  const size_t B = ad->walk->B;
  ad->sys.B = ad->sys.norm.B = B;
  ad->sys.n = 2 * nstate(ad) + (ad->with_g ? m->params.np : 0);
  for (size_t k = 0; k < 2 * m->nblock; k++)
    ad->sys.norm.seg[k].n = B * m->d[k % m->nblock];
}

/* z meets a stored state: measure the drift, then put z back. */
static void put_back(gn_adjoint *ad, double s, const double *y)
{
  const size_t n = nstate(ad);
  if (ad->started) {
    const double norm = sqrt(gn_vec_sumsq(n, y));
    gn_vec_axpy(n, -1.0, y, ad->y);
    const double off = sqrt(gn_vec_sumsq(n, ad->y)) / (norm > 0 ? norm : 1);
    if (!(off <= ad->drift)) ad->drift = off, ad->drift_at = s;
  }
  gn_vec_copy(n, y, ad->y);
  ad->fresh = 1;
}

static gn_status flow(void *user, double s, double to)
{
  gn_adjoint *ad = user;
  if (!ad->started) GN_TRY(gn_stepper_start(ad->st, s, ad->y, -1, ad->walk->last_h));
  else if (ad->fresh) GN_TRY(gn_stepper_reset(ad->st, ad->y));
  ad->started = 1;
  ad->fresh = 0;
  gn_step *step;
  do {
    GN_TRY(gn_stepper_step(ad->st, to, &step));
    if (ad->on_step) GN_TRY(ad->on_step(ad->user, step));
  } while (step->s_new > to);
  gn_vec_copy(ad->sys.n, step->y1, ad->y);
  return ad->on_break ? ad->on_break(ad->user) : GN_OK;
}

static gn_status output(void *user, size_t k)
{
  gn_adjoint *ad = user;
  const size_t n = nstate(ad);
  const double *gY = ad->gY + k * n;
  put_back(ad, ad->st->s, ad->walk->Y + k * n);
  gn_vec_axpy(n, 1.0, gY, ad->y + n);
  const double rms = sqrt(gn_vec_sumsq(n, gY) / (double)n);
  if (rms > ad->scale) ad->scale = rms;
  const size_t nblock = ad->walk->problem->model->nblock;
  for (size_t j = nblock; ad->scaled && ad->scale > 0 && j < 2 * nblock; j++)
    ad->sys.norm.seg[j].atol_scale = ad->scale;
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  gn_adjoint *ad = user;
  put_back(ad, ad->st->s, ad->walk->jump_y[j]);
  return gn_walk_jump_vjp(ad->walk, j, ad->y + nstate(ad), ad->gp);
}

static gn_status kink(void *user, size_t span)
{
  gn_adjoint *ad = user;
  ad->fresh = 1;
  if (span != GN_NONE) gn_flow_span(&ad->walk->flow, ad->walk->drive, span);
  return GN_OK;
}

static void report(gn_adjoint *ad, gn_stats *stats)
{
  stats->back_steps = ad->st->steps;
  stats->back_rejects = ad->st->rejects;
  stats->bytes = (long)(ad->walk->problem->noutput * nstate(ad) * sizeof(double));
  const size_t used = strlen(stats->rejected_by); /* by the forward solve */
  const size_t room = sizeof stats->rejected_by - used;
  const int head = snprintf(stats->rejected_by + used, room, "%sbackward ",
                            used ? "; " : "");
  if (ad->st->rejects == 0) stats->rejected_by[used] = 0;
  else if (head > 0 && (size_t)head < room)
    gn_norm_blame(&ad->sys.norm, stats->rejected_by + used + head, room - (size_t)head);
  if (ad->drift > 100 * ad->walk->solver.back.rtol)
    (void)snprintf(stats->note, sizeof stats->note,
             "the state solved backward is off by %.1e at t = %g (rtol %g): this gradient is "
             "not to be trusted; use discrete", ad->drift, ad->drift_at,
             ad->walk->solver.back.rtol);
}

gn_status gn_adjoint_run(gn_adjoint *ad, const double *gY, double *gy0, double *gp, double *gt,
                         gn_stats *stats)
{
  gn_walk *w = ad->walk;
  resize(ad);
  const size_t n = nstate(ad);
  ad->gY = gY;
  ad->gp = gp;
  ad->started = ad->fresh = 0;
  ad->drift = ad->scale = 0;
  for (size_t k = 0; k < ad->sys.norm.nseg; k++) ad->sys.norm.seg[k].atol_scale = 1;
  gn_vec_fill(ad->sys.n, 0.0, ad->y);
  gn_vec_copy(n, w->y, ad->y); /* the end state, if no output is there to bring it */
  if (w->problem->nspan > 0) gn_flow_span(&w->flow, w->drive, w->span);
  const gn_visit v = { ad, 0, flow, output, jump, kink };
  const gn_status s = gn_visit_backward(w->problem, &v);
  if (s == GN_OK) put_back(ad, w->problem->s0, w->y0);
  report(ad, stats);
  GN_TRY(s);
  if (gt) GN_TRY(gn_walk_time_gradient(w, gY, ad->y + n, gt));
  gn_vec_axpy(n, 1.0, ad->y + n, gy0);
  if (ad->with_g) gn_vec_axpy(w->flow.model->params.np, 1.0, ad->y + 2 * n, gp);
  return GN_OK;
}
