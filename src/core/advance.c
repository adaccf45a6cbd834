/* Advanced terms: where s + tau_k lies, and what the adjoint was there. */
#include "core/advance.h"

#include "base/vec.h"

#include <math.h>

static gn_status make(gn_arena *a, const gn_stepper *st, gn_advance *ad)
{
  const gn_flow *fl = ad->flow;
  const size_t n = fl->delay->path->sys->nmax;
  ad->arena = a;
  ad->delay = fl->delay;
  GN_REQUIRE(st->tab && gn_rk_dense_order(st->tab) > 0, GN_EUNSUP,
             "the adjoint of a model with lags needs a table with an interpolant, stepper %s "
             "has none; use erk", st->cls->name);
  GN_TRY(gn_path_create(st, &ad->path));
  GN_TRY(gn_pool_create(&fl->model->tape[GN_F], 1, st->sys->Bmax, &ad->pool));
  GN_NEW(a, ad->a, st->sys->nmax);
  GN_NEW(a, ad->z, n);
  GN_NEW(a, ad->slope, n);
  return GN_OK;
}

gn_status gn_advance_create(gn_flow *fl, const gn_stepper *st, gn_advance **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_advance *ad = gn_arena_alloc(a, 1, sizeof *ad);
  if (!ad) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  ad->arena = a;
  ad->flow = fl;
  const gn_status s = make(a, st, ad);
  if (s != GN_OK) gn_advance_destroy(&ad);
  else *out = ad;
  return s;
}

void gn_advance_destroy(gn_advance **ad)
{
  if (!*ad) return;
  gn_path_destroy(&(*ad)->path);
  gn_pool_destroy(&(*ad)->pool);
  gn_arena *a = (*ad)->arena;
  gn_arena_destroy(&a);
  *ad = NULL;
}

static gn_status reserve(gn_advance *ad)
{
  const size_t cap = 2 * ad->breaks.n, nlag = ad->flow->model->nlag;
  if (ad->breaks.n <= ad->cap) return GN_OK;
  GN_NEW(ad->arena, ad->forward, cap);
  GN_NEW(ad->arena, ad->ahead, cap * nlag);
  GN_NEW(ad->arena, ad->from, cap * nlag);
  GN_NEW(ad->arena, ad->to, cap * nlag);
  GN_NEW(ad->arena, ad->first, cap);
  GN_NEW(ad->arena, ad->last, cap);
  ad->cap = cap;
  return GN_OK;
}

/* How far the combs of the outputs go: to the order of the method, less where that would
   make more pieces than that. */
enum { MOST_PIECES = 4000 };

static gn_status comb_outputs(gn_advance *ad, const gn_problem *pb)
{
  const gn_delay *d = ad->delay;
  const size_t nlag = d->model->nlag;
  double teeth = 1;
  int order = 0;
  for (; order <= ad->path->tab.order; order++) {
    teeth *= (double)nlag; /* combs of one more generation, at most */
    if (order > 0 && (double)pb->noutput * teeth > MOST_PIECES) break;
  }
  for (size_t e = 0; e < pb->nevent; e++)
    GN_TRY(gn_breaks_comb(&ad->breaks, pb->event[e].s, -1, nlag, d->tau,
                          e + 1 == pb->nevent ? ad->path->tab.order + 1 : order));
  return GN_OK;
}

gn_status gn_advance_begin(gn_advance *ad, const gn_problem *pb)
{
  const gn_delay *d = ad->delay;
  const size_t nlag = d->model->nlag;
  gn_breaks *b = &ad->breaks;
  double least = d->tau[0];
  for (size_t k = 1; k < nlag; k++) least = fmin(least, d->tau[k]);
  gn_record_give(&ad->rec);
  GN_TRY(gn_pool_take(ad->pool, ad->flow->B, &ad->rec));
  gn_path_clear(ad->path);
  GN_TRY(gn_breaks_begin(b, ad->arena, pb, least));
  for (size_t j = 1; j < d->breaks.n; j++) {
    GN_TRY(gn_breaks_add(b, d->breaks.at[j]));
    for (size_t k = 0; k < nlag; k++) GN_TRY(gn_breaks_add(b, d->breaks.at[j] - d->tau[k]));
  }
  GN_TRY(comb_outputs(ad, pb));
  GN_TRY(gn_breaks_tooth(b, b->at[b->n], -1, least));
  GN_TRY(gn_breaks_finish(b, pb));
  GN_TRY(reserve(ad));
  for (size_t j = 0; j < b->n; j++) {
    const double lo = b->at[j], hi = b->at[j + 1];
    size_t unused;
    ad->first[j] = ad->last[j] = GN_NONE;
    gn_breaks_cover(&d->breaks, lo, hi, &ad->forward[j], &unused);
    for (size_t k = 0; k < nlag; k++) {
      const size_t at = j * nlag + k;
      gn_breaks_cover(&d->breaks, lo + d->tau[k], hi + d->tau[k], &ad->ahead[at], &unused);
      gn_breaks_cover(b, lo + d->tau[k], hi + d->tau[k], &ad->from[at], &ad->to[at]);
      if (ad->from[at] <= j) ad->from[at] = j + 1; /* by rounding; pieces read later ones */
      if (ad->from[at] == b->n || ad->to[at] == GN_NONE) ad->ahead[at] = GN_NONE;
      else if (ad->to[at] < ad->from[at]) ad->to[at] = ad->from[at];
    }
  }
  gn_advance_piece(ad, b->n - 1);
  return GN_OK;
}

void gn_advance_piece(gn_advance *ad, size_t j)
{
  ad->piece = j;
  ad->delay->piece = ad->forward[j];
}

gn_status gn_advance_put(gn_advance *ad, const gn_step *step)
{
  if (ad->first[ad->piece] == GN_NONE) ad->first[ad->piece] = ad->path->n;
  ad->last[ad->piece] = ad->path->n + 1;
  return gn_path_put(ad->path, step);
}

/* -B_k(t)^T a(t) at t = s + tau_k into glag[k] of the delays. */
static int advanced(gn_advance *ad, size_t at, double t)
{
  gn_delay *d = ad->delay;
  gn_flow *fl = ad->flow;
  const size_t n = d->n;
  const gn_tape tape = gn_record_tape(ad->rec, 0, 1);
  d->piece = ad->ahead[at];
  gn_path_eval(d->path, d->first[d->piece], d->last[d->piece], t, ad->z);
  const int rc = gn_flow_eval(fl, t, ad->z, &tape, ad->slope);
  if (rc != 0) return rc;
  gn_path_eval(ad->path, ad->first[ad->to[at]], ad->last[ad->from[at]], t, ad->a);
  gn_vec_scale(n, -1.0, ad->a, ad->a);
  return gn_flow_vjp(fl, t, &tape, ad->a, NULL);
}

int gn_advance_add(gn_advance *ad, double s, double *adot)
{
  gn_delay *d = ad->delay;
  int rc = 0;
  for (size_t k = 0; rc == 0 && k < d->model->nlag; k++) {
    const size_t at = ad->piece * d->model->nlag + k;
    if (ad->ahead[at] == GN_NONE) continue;
    rc = advanced(ad, at, s + d->tau[k]);
    if (rc == 0) gn_vec_axpy(d->n, 1.0, d->glag[k], adot);
  }
  d->piece = ad->forward[ad->piece];
  return rc;
}

int gn_advance_lags(gn_advance *ad, double s, double *gtau)
{
  gn_delay *d = ad->delay;
  const gn_tape tape = gn_record_tape(ad->rec, 0, 1);
  int rc = 0;
  for (size_t k = 0; rc == 0 && d->model->lags_pgrad && k < d->model->nlag; k++) {
    size_t n;
    double theta;
    if (!gn_delay_locate(d, k, s, &n, &theta)) continue;
    d->piece = d->path->step[n].span;
    gn_path_eval(d->path, n, n + 1, s - d->tau[k], ad->z);
    rc = gn_flow_eval(ad->flow, s - d->tau[k], ad->z, &tape, ad->slope);
    gtau[k] -= gn_vec_dot(d->n, d->glag[k], ad->slope);
    d->piece = ad->forward[ad->piece];
  }
  return rc;
}
