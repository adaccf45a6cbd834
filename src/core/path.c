/* The path of a solve. Of each step only the vectors are kept whose weights do not vanish:
 * seven for Dormand-Prince, four for cubic Hermite. */
#include "core/path.h"

#include "base/vec.h"

#include <math.h>
#include <string.h>

gn_status gn_path_create(const gn_stepper *st, gn_path **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_path *p = gn_arena_alloc(a, 1, sizeof *p);
  if (!p) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  p->arena = a;
  p->sys = st->sys;
  p->tab = st->tab ? *st->tab : gn_tableau_ends;
  p->hermite = p->tab.interpolant == GN_NO_INTERPOLANT;
  if (p->hermite) p->tab = gn_tableau_ends;
  *out = p;
  return GN_OK;
}

void gn_path_destroy(gn_path **p)
{
  if (!*p) return;
  gn_arena *a = (*p)->arena;
  gn_arena_destroy(&a);
  *p = NULL;
}

void gn_path_clear(gn_path *p)
{
  p->n = 0;
  p->nspare = p->nvector;
  for (size_t k = 0; k < p->nvector; k++) p->spare[k] = p->vector[k];
}

void gn_path_drop(gn_path *p, size_t n)
{
  /* vectors of a step are its own, but for slopes that Hermite shares with the next one */
  for (int i = 0; i < p->tab.s + 2; i++) {
    const double *x = p->step[n].x[i];
    if (x && !(p->hermite && i == 3)) p->spare[p->nspare++] = (double *)x;
    p->step[n].x[i] = NULL;
  }
}

void gn_path_cut(gn_path *p, size_t n)
{
  for (; p->n > n; p->n--) gn_path_drop(p, p->n - 1);
}

static gn_status grow_steps(gn_path *p)
{
  const size_t cap = p->cap ? 2 * p->cap : 64;
  gn_path_step *step;
  GN_NEW(p->arena, step, cap);
  if (p->n) memcpy(step, p->step, p->n * sizeof *step);
  p->step = step;
  p->cap = cap;
  return GN_OK;
}

static gn_status grow_vectors(gn_path *p)
{
  const size_t cap = 2 * p->vcap + 256;
  double **vector, **spare;
  GN_NEW(p->arena, vector, cap);
  GN_NEW(p->arena, spare, cap);
  if (p->nvector) memcpy(vector, p->vector, p->nvector * sizeof *vector);
  if (p->nspare) memcpy(spare, p->spare, p->nspare * sizeof *spare);
  p->vector = vector;
  p->spare = spare;
  p->vcap = cap;
  return GN_OK;
}

/* More vectors than are wanted now: the same solve with another rounding may take a step more. */
static gn_status more_vectors(gn_path *p)
{
  for (size_t many = 16 + p->nvector / 8; many > 0; many--) {
    if (p->nvector == p->vcap) GN_TRY(grow_vectors(p));
    double *v;
    GN_NEW(p->arena, v, p->sys->nmax);
    p->vector[p->nvector++] = v;
    p->spare[p->nspare++] = v;
  }
  return GN_OK;
}

static gn_status take(gn_path *p, double **to)
{
  if (p->nspare == 0) GN_TRY(more_vectors(p));
  *to = p->spare[--p->nspare];
  return GN_OK;
}

static gn_status keep(gn_path *p, const double *from, const double **to)
{
  double *v;
  GN_TRY(take(p, &v));
  gn_vec_copy(p->sys->n, from, v);
  *to = v;
  return GN_OK;
}

gn_status gn_path_fill(gn_path *p, size_t n, const gn_step *now)
{
  gn_path_step *st = &p->step[n];
  gn_dense d;
  gn_rk_dense(&p->tab, 0.3, &d); /* no weight vanishes here by chance */
  GN_TRY(keep(p, now->y0, &st->x[0]));
  if (d.w1 != 0) GN_TRY(keep(p, now->y1, &st->x[1]));
  for (int i = 0; i < p->tab.s; i++) {
    if (d.k[i] == 0 || (p->hermite && i > 0)) continue;
    GN_TRY(keep(p, now->K[i], &st->x[2 + i]));
  }
  return GN_OK;
}

gn_status gn_path_put(gn_path *p, const gn_step *now)
{
  if (p->n == p->cap) GN_TRY(grow_steps(p));
  p->step[p->n] = (gn_path_step){ .s = now->s, .h = now->h, .s_new = now->s_new,
                                  .fresh = now->fresh };
  GN_TRY(gn_path_fill(p, p->n, now));
  p->n++;
  return GN_OK;
}

gn_status gn_path_finish(gn_path *p, gn_record *rec)
{
  for (size_t n = 0; p->hermite && n < p->n; n++) {
    gn_path_step *st = &p->step[n];
    if (st->x[3]) continue;
    if (n + 1 < p->n && !p->step[n + 1].fresh) {
      st->x[3] = p->step[n + 1].x[2];
      continue;
    }
    double *f;
    GN_TRY(take(p, &f));
    st->x[3] = f;
    GN_REQUIRE(p->sys->rhs(p->sys->user, st->s_new, st->x[1], f, rec, 0) == 0,
               GN_ENONFINITE, "the right-hand side at t = %g is not finite", st->s_new);
  }
  return GN_OK;
}

/* The step and the interval between s and to share more than an end. */
static int overlaps(const gn_path_step *st, double s, double to)
{
  return fmax(st->s, st->s_new) > fmin(s, to) && fmin(st->s, st->s_new) < fmax(s, to);
}

void gn_path_range(const gn_path *p, double s, double to, size_t *first, size_t *last)
{
  size_t a = 0, b;
  while (a < p->n && !overlaps(&p->step[a], s, to)) a++;
  for (b = a; b < p->n && overlaps(&p->step[b], s, to);) b++;
  *first = a;
  *last = b;
}

size_t gn_path_find(const gn_path *p, size_t first, size_t last, double s)
{
  size_t lo = first, hi = last; /* by bisection */
  while (hi - lo > 1) {
    const size_t mid = lo + (hi - lo) / 2;
    if ((s - p->step[mid].s) * p->step[mid].h >= 0) lo = mid;
    else hi = mid;
  }
  return lo;
}

void gn_path_combine(const gn_path *p, size_t n, const gn_dense *d, double *y)
{
  const gn_path_step *st = &p->step[n];
  double c[GN_STAGES_MAX + 2];
  const double *x[GN_STAGES_MAX + 2];
  size_t m = 0;
  c[m] = d->w0, x[m++] = st->x[0];
  if (st->x[1]) c[m] = d->w1, x[m++] = st->x[1];
  for (int i = 0; i < p->tab.s; i++)
    if (st->x[2 + i]) c[m] = st->h * d->k[i], x[m++] = st->x[2 + i];
  gn_vec_lincomb(p->sys->n, m, c, x, y);
}

void gn_path_eval(const gn_path *p, size_t first, size_t last, double s, double *y)
{
  const size_t n = gn_path_find(p, first, last, s);
  gn_dense d;
  gn_rk_dense(&p->tab, (s - p->step[n].s) / p->step[n].h, &d);
  gn_path_combine(p, n, &d, y);
}

double gn_path_bytes(const gn_path *p)
{
  return (double)((p->nvector - p->nspare) * p->sys->n * sizeof(double));
}
