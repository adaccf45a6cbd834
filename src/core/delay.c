/* Delayed states.
 *
 * Breaking points: s0 + n tau_min for every n (so that no step is longer than the least lag),
 * and s0 + sum n_k tau_k up to sum n_k = order of the method + 1, after which the solution is
 * as smooth as the method can see; the same from every kink of the problem, one order less.
 *
 * A delayed time reads the step that contains it, among those of the pieces its own piece is
 * mapped to; its weights are those of the step's interpolant, and its cotangent goes back
 * through the same weights:
 *
 *   z(s - tau) = w0 y_n + w1 y_{n+1} + h sum_i k_i K_i,   dL/dtau -= glag . z'(s - tau) */
#include "core/delay.h"

#include "base/vec.h"

#include <math.h>
#include <string.h>

static gn_status make(gn_arena *a, const gn_stepper *st, const gn_problem *pb, gn_delay *d)
{
  const gn_model *m = pb->model;
  const size_t n = st->sys->nmax;
  GN_REQUIRE(st->tab && gn_rk_dense_order(st->tab) > 0, GN_EUNSUP,
             "model %s has lags: stepper %s needs a Runge-Kutta table with an interpolant of "
             "its own; use erk with dormand_prince or bogacki_shampine", m->cls->name,
             st->cls->name);
  GN_REQUIRE(!st->cls->overshoots, GN_EUNSUP,
             "model %s has lags: stepper %s cannot stop at breaking points; use erk",
             m->cls->name, st->cls->name);
  GN_REQUIRE(pb->njump == 0 && pb->nspan == 0, GN_EUNSUP,
             "model %s has lags: jumps and times of their own for the rows are not offered "
             "with delays", m->cls->name);
  d->arena = a;
  d->model = m;
  GN_NEW(a, d->tau, m->nlag);
  GN_NEW(a, d->place, m->nlag);
  GN_NEW(a, d->gtau, m->nlag);
  GN_NEW(a, d->lag, m->nlag); /* NOLINT(bugprone-sizeof-expression): pointers */
  GN_NEW(a, d->glag, m->nlag);
  for (size_t k = 0; k < m->nlag; k++) {
    GN_NEW(a, d->lag[k], n);
    GN_NEW(a, d->glag[k], n);
  }
  GN_NEW(a, d->gy0, n);
  GN_NEW(a, d->ghist, pb->nhist * n);
  d->nhist = pb->nhist;
  d->hist_s = pb->hist_s;
  GN_NEW(a, d->work, n);
  return gn_path_create(st, &d->path);
}

gn_status gn_delay_create(const gn_stepper *st, const gn_problem *pb, gn_delay **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_delay *d = gn_arena_alloc(a, 1, sizeof *d);
  if (!d) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  d->arena = a;
  const gn_status s = make(a, st, pb, d);
  if (s != GN_OK) gn_delay_destroy(&d);
  else *out = d;
  return s;
}

void gn_delay_destroy(gn_delay **d)
{
  if (!*d) return;
  gn_path_destroy(&(*d)->path);
  gn_arena *a = (*d)->arena;
  gn_arena_destroy(&a);
  *d = NULL;
}

/* ---- breaking points ------------------------------------------------------------------ */

static gn_status reserve(gn_delay *d)
{
  const size_t cap = 2 * d->breaks.n;
  if (d->breaks.n <= d->cap) return GN_OK;
  GN_NEW(d->arena, d->from, cap * d->model->nlag);
  GN_NEW(d->arena, d->to, cap * d->model->nlag);
  GN_NEW(d->arena, d->line, cap * d->model->nlag);
  GN_NEW(d->arena, d->first, cap);
  GN_NEW(d->arena, d->last, cap);
  d->cap = cap;
  return GN_OK;
}

static gn_status find_breaks(gn_delay *d, const gn_problem *pb, int order)
{
  const size_t nlag = d->model->nlag;
  gn_breaks *b = &d->breaks;
  double least = d->tau[0];
  for (size_t k = 1; k < nlag; k++) least = fmin(least, d->tau[k]);
  GN_TRY(gn_breaks_begin(b, d->arena, pb, least));
  GN_TRY(gn_breaks_tooth(b, pb->s0, 1, least));
  GN_TRY(gn_breaks_comb(b, pb->s0, 1, nlag, d->tau, order + 1));
  for (size_t h = 0; h < d->nhist; h++) /* where the history bends */
    for (size_t k = 0; k < nlag; k++) GN_TRY(gn_breaks_add(b, d->hist_s[h] + d->tau[k]));
  for (size_t e = 0; e < pb->nevent; e++)
    if (pb->event[e].kind == GN_AT_KINK)
      GN_TRY(gn_breaks_comb(b, pb->event[e].s, 1, nlag, d->tau, order));
  GN_TRY(gn_breaks_finish(b, pb));
  GN_TRY(reserve(d));
  for (size_t j = 0; j < b->n; j++) {
    d->first[j] = d->last[j] = GN_NONE;
    for (size_t k = 0; k < nlag; k++) {
      const size_t at = j * nlag + k;
      const double lo = b->at[j] - d->tau[k], hi = b->at[j + 1] - d->tau[k];
      size_t *line = &d->line[at];
      gn_breaks_cover(b, lo, hi, &d->from[at], &d->to[at]);
      for (*line = 0; *line < d->nhist && d->hist_s[*line] < (lo + hi) / 2;) ++*line;
      if (d->from[at] == GN_NONE) continue; /* by rounding; pieces read earlier ones */
      if (d->to[at] >= j) d->to[at] = j > 0 ? j - 1 : GN_NONE;
      if (j == 0 || d->from[at] > d->to[at]) d->from[at] = d->to[at];
    }
  }
  return GN_OK;
}

gn_status gn_delay_begin(gn_delay *d, const gn_problem *pb, size_t B, const double *p,
                         const gn_drive *dr, const double *y0)
{
  const gn_model *m = d->model;
  GN_REQUIRE(d->nhist == 0 || (dr && dr->hist), GN_EARG,
             "the problem has %zu states before its start, the drive brings none", d->nhist);
  d->n = B * m->ny;
  d->y0 = y0;
  d->hist = d->nhist ? dr->hist : NULL;
  d->piece = 0;
  gn_path_clear(d->path);
  m->lags(m, p, d->tau);
  for (size_t k = 0; k < m->nlag; k++)
    GN_REQUIRE(d->tau[k] > 0 && isfinite(d->tau[k]), GN_EARG,
               "lag %zu of model %s is %g, expected a positive number", k, m->cls->name,
               d->tau[k]);
  gn_vec_copy(m->nlag, d->tau, d->place);
  return find_breaks(d, pb, d->path->tab.order);
}

gn_status gn_delay_put(gn_delay *d, const gn_step *step, size_t piece)
{
  if (d->first[piece] == GN_NONE) d->first[piece] = d->path->n;
  d->last[piece] = d->path->n + 1;
  GN_TRY(gn_path_put(d->path, step));
  d->path->step[d->path->n - 1].span = piece;
  return GN_OK;
}

void gn_delay_cut(gn_delay *d, size_t n)
{
  gn_path_cut(d->path, n);
}

/* ---- reading -------------------------------------------------------------------------- */

int gn_delay_locate(const gn_delay *d, size_t k, double s, size_t *n, double *theta)
{
  const size_t at = d->piece * d->model->nlag + k;
  if (d->from[at] == GN_NONE) return 0;
  *n = gn_path_find(d->path, d->first[d->from[at]], d->last[d->to[at]], s - d->place[k]);
  const gn_path_step *st = &d->path->step[*n];
  *theta = (s - d->tau[k] - st->s) / st->h;
  return 1;
}

size_t gn_delay_earliest(const gn_delay *d, double s)
{
  size_t first = d->path->n;
  for (size_t k = 0; k < d->model->nlag; k++) {
    size_t n;
    double theta;
    if (!gn_delay_locate(d, k, s, &n, &theta)) return 0; /* history now, the first step later */
    if (n < first) first = n;
  }
  return first;
}

/* The history at s - tau_k:  w0 h_i + w1 h_{i+1},  a line that ends at state i + 1 = line
   (h_nhist = y0), or h_line alone (w0 = 0); slope is its derivative's weight. */
typedef struct history {
  size_t line;
  double w0, w1, slope;
} history;

static history history_at(const gn_delay *d, size_t k, double s)
{
  history h = { d->line[d->piece * d->model->nlag + k], 0, 1, 0 };
  if (h.line == 0) return h;
  const double a = d->hist_s[h.line - 1];
  const double b = h.line < d->nhist ? d->hist_s[h.line] : d->breaks.at[0];
  h.w1 = (s - d->tau[k] - a) / (b - a);
  h.w0 = 1 - h.w1;
  h.slope = 1 / (b - a);
  return h;
}

static const double *history_state(const gn_delay *d, size_t i)
{
  return i < d->nhist ? d->hist + i * d->n : d->y0;
}

/* y = w0 h_i + w1 h_{i+1}. */
static void combine(const gn_delay *d, const history *h, double w0, double w1, double *y)
{
  gn_vec_scale(d->n, w1, history_state(d, h->line), y);
  if (w0 != 0) gn_vec_axpy(d->n, w0, history_state(d, h->line - 1), y);
}

void gn_delay_read(gn_delay *d, double s)
{
  for (size_t k = 0; k < d->model->nlag; k++) {
    size_t n;
    double theta;
    gn_dense w;
    if (!gn_delay_locate(d, k, s, &n, &theta)) {
      const history h = history_at(d, k, s);
      combine(d, &h, h.w0, h.w1, d->lag[k]);
      continue;
    }
    gn_rk_dense(&d->path->tab, theta, &w);
    gn_path_combine(d->path, n, &w, d->lag[k]);
  }
}

/* z'(s - tau_k) into work; 0: it is zero. */
static int slope(gn_delay *d, size_t k, double s)
{
  size_t n;
  double theta;
  gn_dense w;
  if (!gn_delay_locate(d, k, s, &n, &theta)) {
    const history h = history_at(d, k, s);
    if (h.slope != 0) combine(d, &h, -h.slope, h.slope, d->work);
    return h.slope != 0;
  }
  gn_rk_dense_slope(&d->path->tab, theta, &w);
  gn_path_combine(d->path, n, &w, d->work);
  gn_vec_scale(d->n, 1 / d->path->step[n].h, d->work, d->work);
  return 1;
}

void gn_delay_read_tangent(gn_delay *d, const gn_path *v, const double *v0,
                           const double *vtau, double s, double *const *lag)
{
  for (size_t k = 0; k < d->model->nlag; k++) {
    size_t n;
    double theta;
    gn_dense w;
    if (gn_delay_locate(d, k, s, &n, &theta)) {
      gn_rk_dense(&v->tab, theta, &w);
      gn_path_combine(v, n, &w, lag[k]);
    } else {
      const history h = history_at(d, k, s);
      gn_vec_fill(d->n, 0.0, lag[k]);
      if (v0 && h.line == d->nhist) gn_vec_axpy(d->n, h.w1, v0, lag[k]);
    }
    if (vtau && vtau[k] != 0 && slope(d, k, s)) gn_vec_axpy(d->n, -vtau[k], d->work, lag[k]);
  }
}

/* ---- cotangents ----------------------------------------------------------------------- */

void gn_delay_release(gn_delay *d, size_t n)
{
  if (n >= d->pcap) return;
  for (int i = 0; i < GN_STAGES_MAX + 2; i++) {
    if (d->pending[n].x[i]) d->spare[d->nspare++] = d->pending[n].x[i];
    d->pending[n].x[i] = NULL;
  }
}

void gn_delay_rewind(gn_delay *d)
{
  for (size_t n = 0; n < d->pcap; n++) gn_delay_release(d, n);
  gn_vec_fill(d->n, 0.0, d->gy0);
  gn_vec_fill(d->nhist * d->n, 0.0, d->ghist);
  gn_vec_fill(d->model->nlag, 0.0, d->gtau);
}

/* The cotangent w of z(s - tau_k) in the history: to the states of its line. */
static void to_history(const gn_delay *d, size_t k, double s, const double *w, double *gy0,
                       double *ghist)
{
  const history h = history_at(d, k, s);
  gn_vec_axpy(d->n, h.w1, w, h.line < d->nhist ? ghist + h.line * d->n : gy0);
  if (h.w0 != 0) gn_vec_axpy(d->n, h.w0, w, ghist + (h.line - 1) * d->n);
}

/* x += c w, a vector of zeros first if there is none. */
static gn_status wait(gn_delay *d, double c, const double *w, double **x)
{
  if (!*x) {
    if (d->nspare == 0) {
      if (d->nvector == d->vcap) {
        const size_t cap = 2 * d->vcap + 64;
        double **spare;
        GN_NEW(d->arena, spare, cap); /* NOLINT(bugprone-sizeof-expression): pointers */
        d->spare = spare;
        d->vcap = cap;
      }
      GN_NEW(d->arena, d->spare[d->nspare], d->path->sys->nmax);
      d->nspare++;
      d->nvector++;
    }
    *x = d->spare[--d->nspare];
    gn_vec_fill(d->n, 0.0, *x);
  }
  gn_vec_axpy(d->n, c, w, *x);
  return GN_OK;
}

static gn_status reserve_pending(gn_delay *d)
{
  if (d->path->n <= d->pcap) return GN_OK;
  gn_delay_pending *more;
  const size_t cap = 2 * d->path->n;
  GN_NEW(d->arena, more, cap);
  if (d->pcap) memcpy(more, d->pending, d->pcap * sizeof *more);
  d->pending = more;
  d->pcap = cap;
  return GN_OK;
}

gn_status gn_delay_scatter(gn_delay *d, double s)
{
  GN_TRY(reserve_pending(d));
  for (size_t k = 0; k < d->model->nlag; k++) {
    const double *w = d->glag[k];
    size_t n;
    double theta;
    gn_dense c;
    if (slope(d, k, s)) d->gtau[k] -= gn_vec_dot(d->n, w, d->work);
    if (!gn_delay_locate(d, k, s, &n, &theta)) {
      to_history(d, k, s, w, d->gy0, d->ghist);
      continue;
    }
    gn_rk_dense(&d->path->tab, theta, &c);
    const double h = d->path->step[n].h;
    double **x = d->pending[n].x;
    if (c.w0 != 0) GN_TRY(wait(d, c.w0, w, &x[0]));
    if (c.w1 != 0) GN_TRY(wait(d, c.w1, w, &x[1]));
    for (int i = 0; i < d->path->tab.s; i++)
      if (c.k[i] != 0) GN_TRY(wait(d, h * c.k[i], w, &x[2 + i]));
  }
  return GN_OK;
}

void gn_delay_integrands(gn_delay *d, double s, double *q, double *gtau)
{
  for (size_t k = 0; k < d->model->nlag; k++) {
    size_t n;
    double theta;
    if (gn_delay_locate(d, k, s, &n, &theta)) continue;
    to_history(d, k, s, d->glag[k], q, q + d->n);
    if (slope(d, k, s)) gtau[k] -= gn_vec_dot(d->n, d->glag[k], d->work);
  }
}

const gn_delay_pending *gn_delay_waiting(const gn_delay *d, size_t n)
{
  if (n >= d->pcap) return NULL;
  for (int i = 0; i < GN_STAGES_MAX + 2; i++)
    if (d->pending[n].x[i]) return &d->pending[n];
  return NULL;
}

void gn_delay_finish(const gn_delay *d, const double *p, const gn_drive *dr, double *gy0,
                     double *gp)
{
  gn_vec_axpy(d->n, 1.0, d->gy0, gy0);
  if (dr && dr->ghist) gn_vec_axpy(d->nhist * d->n, 1.0, d->ghist, dr->ghist);
  if (d->model->lags_pgrad) d->model->lags_pgrad(d->model, p, d->gtau, gp);
}
