/* Eigenvalues along solutions:
 *
 *   J(t, y) = df/dy,  column j by the jvp of e_j,   J v = lambda v.
 *
 * Heavy-ball structure, J = [0 D; A -gamma 1] in blocks (h, m): from D v_m = lambda v_h and
 * A v_h = (lambda + gamma) v_m follows lambda (lambda + gamma) = mu in spec(D A), and both
 * roots sum to -gamma. Xia et al., NeurIPS 2021. */
#include "study/spectrum.h"

#include "base/lapack.h"
#include "base/text.h"
#include "base/vec.h"
#include "core/signal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DENSE_MAX = 4096 };

/* An eigenvalue, for sorting. */
typedef struct pair {
  double re, im;
} pair;

typedef struct work {
  gn_arena *arena;
  const gn_subject *s;
  gn_spectrum *sp;
  gn_pool *pool;
  gn_record *rec;
  double *t, *y, *v, *Jv, *f; /* [B], [B ny] each        */
  double *J;                  /* [B, ny, ny], columns contiguous */
  double *dgeev;              /* [4 ny]                          */
  pair *sorted;               /* [ny]                            */
  unsigned char *used;        /* [ny]                            */
  gn_signal_values signal;
} work;

static double time_of(const gn_spectrum *sp, size_t i, size_t b)
{
  return sp->times[sp->own_times ? b * sp->T + i : i];
}

static gn_status make(work *w, const gn_solution *along)
{
  gn_spectrum *sp = w->sp;
  const gn_model *m = w->s->setup->model;
  const size_t B = along->B, n = m->ny;
  GN_REQUIRE(n <= DENSE_MAX, GN_ELIMIT,
             "the state has %zu numbers a row; dense eigenvalues up to %d", n, (int)DENSE_MAX);
  GN_REQUIRE(m->nlag == 0, GN_EUNSUP,
             "model %s has lags: the eigenvalues of df/dy do not tell how its solutions grow",
             m->cls->name);
  GN_REQUIRE(m->map[GN_F].jvp, GN_EUNSUP, "model %s has no jvp", m->cls->name);
  sp->T = along->T, sp->B = B, sp->n = n;
  const size_t ntimes = along->own_times ? B * sp->T : sp->T;
  sp->own_times = along->own_times;
  GN_NEW(sp->arena, sp->times, ntimes);
  GN_NEW(sp->arena, sp->sample, B);
  GN_NEW(sp->arena, sp->re, sp->T * B * n);
  GN_NEW(sp->arena, sp->im, sp->T * B * n);
  gn_vec_copy(ntimes, along->times, sp->times);
  memcpy(sp->sample, along->sample, B * sizeof *sp->sample);
  GN_NEW(w->arena, w->t, B);
  GN_NEW(w->arena, w->y, B * n);
  GN_NEW(w->arena, w->v, B * n);
  GN_NEW(w->arena, w->Jv, B * n);
  GN_NEW(w->arena, w->f, B * n);
  GN_NEW(w->arena, w->J, B * n * n);
  GN_NEW(w->arena, w->dgeev, 4 * n);
  GN_NEW(w->arena, w->sorted, n);
  GN_NEW(w->arena, w->used, n);
  const gn_problem *pb = &w->s->setup->problem;
  GN_TRY(gn_signal_setup(&w->signal, w->arena, pb, B));
  GN_TRY(gn_signal_begin(&w->signal, pb, B, &w->s->batch.drive));
  w->signal.interval = GN_NONE; /* that of the time */
  GN_TRY(gn_pool_create(&m->tape[GN_F], 1, B, &w->pool));
  return gn_pool_take(w->pool, B, &w->rec);
}

/* State of the solution at time i, block by block; a sample behind its last time stays. */
static void take_state(work *w, const gn_solution *along, size_t i)
{
  const gn_series *sr;
  const size_t B = along->B;
  double *to = w->y;
  for (size_t b = 0; b < B; b++)
    if (!isnan(time_of(w->sp, i, b))) w->t[b] = time_of(w->sp, i, b);
  for (size_t k = 0; (sr = gn_solution_find(along, GN_SERIES_STATE, k)); k++)
    for (size_t b = 0; b < B; b++, to += sr->d)
      if (!isnan(time_of(w->sp, i, b)))
        gn_vec_copy(sr->d, sr->v + (i * B + b) * sr->d, to);
}

/* J of every row at the time of the state. */
static gn_status jacobians(work *w)
{
  const gn_model *m = w->s->setup->model;
  const size_t B = w->sp->B, n = w->sp->n;
  const gn_tape tape = gn_record_tape(w->rec, 0, 1);
  gn_point at = { .B = B, .t = w->t, .y = w->y, .p = w->s->p };
  if (w->signal.of) at.u = gn_signal_read(&w->signal, w->t[0], w->t);
  GN_REQUIRE(m->map[GN_F].eval(m, &at, &tape, w->f) == 0, GN_ENONFINITE,
             "f of model %s failed at t = %g", m->cls->name, w->t[0]);
  for (size_t k = 0, j = 0; k < m->nblock; k++)
    for (size_t c = 0; c < m->d[k]; c++, j++) {
      double *v = gn_block(m, B, k, w->v);
      for (size_t b = 0; b < B; b++) v[b * m->d[k] + c] = 1;
      const int rc = m->map[GN_F].jvp(m, &at, &tape, w->v, NULL, w->Jv);
      for (size_t b = 0; b < B; b++) v[b * m->d[k] + c] = 0;
      GN_REQUIRE(rc == 0, GN_ENONFINITE, "jvp of model %s failed at t = %g", m->cls->name,
                 w->t[0]);
      const double *from = w->Jv;
      for (size_t r = 0, row = 0; r < m->nblock; row += m->d[r], from += B * m->d[r], r++)
        for (size_t b = 0; b < B; b++)
          gn_vec_copy(m->d[r], from + b * m->d[r], w->J + (b * n + j) * n + row);
    }
  return GN_OK;
}

/* gamma if J = [0 D; A -gamma 1], else NaN. */
static double damping(const work *w, const double *J)
{
  const gn_model *m = w->s->setup->model;
  const size_t n = w->sp->n, d = n / 2;
  if (m->nblock != 2 || m->d[0] != m->d[1]) return (double)NAN;
  const double gamma = -J[d * n + d];
  for (size_t j = 0; j < d; j++)
    for (size_t i = 0; i < d; i++)
      if (J[j * n + i] != 0 || J[(d + j) * n + d + i] != (i == j ? -gamma : 0))
        return (double)NAN;
  return gamma;
}

/* Every eigenvalue's distance from a partner with which it sums to -gamma, nearest first. */
static double pair_error(work *w, const double *re, const double *im, double gamma)
{
  const size_t n = w->sp->n;
  double worst = 0;
  memset(w->used, 0, n);
  for (size_t i = 0; i < n; i++) {
    size_t best = n;
    double least = (double)INFINITY;
    if (w->used[i]) continue;
    w->used[i] = 1;
    for (size_t j = i + 1; j < n; j++) {
      const double off = hypot(re[i] + re[j] + gamma, im[i] + im[j]);
      if (!w->used[j] && off < least) least = off, best = j;
    }
    if (best < n) w->used[best] = 1;
    worst = fmax(worst, least);
  }
  return worst;
}

static int falling(const void *a, const void *b)
{
  const pair *x = a, *y = b;
  if (x->re != y->re) return (x->re < y->re) - (x->re > y->re);
  return (x->im < y->im) - (x->im > y->im);
}

static void summarise(work *w, size_t row, const double *re, const double *im)
{
  gn_spectrum *sp = w->sp;
  double fast = 0, slow = (double)INFINITY;
  for (size_t k = 0; k < sp->n; k++) {
    const double size = hypot(re[k], im[k]);
    if (size > sp->radius) sp->radius = size, sp->radius_at = row;
    if (re[k] > sp->growth) sp->growth = re[k], sp->growth_at = row;
    if (re[k] < 0) fast = fmax(fast, -re[k]), slow = fmin(slow, -re[k]);
  }
  const double ratio = fast / slow;
  if (fast > 0 && !(ratio <= sp->stiffness)) sp->stiffness = ratio, sp->stiffness_at = row;
}

static gn_status eigenvalues(work *w, size_t i)
{
  gn_spectrum *sp = w->sp;
  const size_t n = sp->n;
  for (size_t b = 0; b < sp->B; b++) {
    const size_t row = i * sp->B + b;
    if (isnan(time_of(sp, i, b))) continue;
    double *re = sp->re + row * n, *im = sp->im + row * n, *J = w->J + b * n * n;
    const double gamma = damping(w, J);
    if (row == 0) sp->pair_sum = -gamma, sp->heavy_ball = !isnan(gamma);
    if (isnan(gamma)) sp->heavy_ball = 0;
    if (sp->pair_sum != -gamma) sp->pair_sum = (double)NAN;
    const gn_status st = gn_eigenvalues(n, J, re, im, w->dgeev);
    if (st != GN_OK)
      return gn_fail_prefix(st, "sample %lld at t = %g", (long long)sp->sample[b],
                            time_of(sp, i, b));
    for (size_t k = 0; k < n; k++) w->sorted[k] = (pair){ re[k], im[k] };
    qsort(w->sorted, n, sizeof *w->sorted, falling);
    for (size_t k = 0; k < n; k++) re[k] = w->sorted[k].re, im[k] = w->sorted[k].im;
    if (sp->heavy_ball) sp->pair_error = fmax(sp->pair_error, pair_error(w, re, im, gamma));
    summarise(w, row, re, im);
  }
  return GN_OK;
}

static gn_status fill(work *w, const gn_solution *along)
{
  w->sp->growth = -(double)INFINITY;
  w->sp->stiffness = (double)NAN;
  GN_TRY(make(w, along));
  for (size_t i = 0; i < w->sp->T; i++) {
    take_state(w, along, i);
    GN_TRY(jacobians(w));
    GN_TRY(eigenvalues(w, i));
  }
  return GN_OK;
}

gn_status gn_spectrum_create(const gn_subject *s, const gn_solution *along, gn_spectrum **out)
{
  gn_arena *a, *b;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_spectrum *sp = gn_arena_alloc(a, 1, sizeof *sp);
  if (sp) sp->arena = a;
  gn_status st = sp ? gn_arena_create(&b) : GN_ENOMEM;
  if (st == GN_OK) {
    work *w = gn_arena_alloc(b, 1, sizeof *w);
    st = GN_ENOMEM;
    if (w) {
      w->arena = b, w->s = s, w->sp = sp;
      st = fill(w, along);
      gn_pool_destroy(&w->pool);
    }
    gn_arena_destroy(&b);
  }
  if (st != GN_OK) gn_arena_destroy(&a);
  else *out = sp;
  return st;
}

void gn_spectrum_destroy(gn_spectrum **sp)
{
  if (!*sp) return;
  gn_arena *a = (*sp)->arena; /* the object lies in its own arena */
  *sp = NULL;
  gn_arena_destroy(&a);
}

/* ---- text ---------------------------------------------------------------------------- */

static const gn_column columns[] = {
  GN_COLUMN("sample", "number in the data set, training samples first"),
  GN_COLUMN("t", "time"),
  GN_COLUMN("k", "number of the eigenvalue, by falling real part, from 0"),
  GN_COLUMN("re", "real part of the eigenvalue of df/dy at that sample and time"),
  GN_COLUMN("im", "its imaginary part"),
  GN_COLUMNS_END,
};
const gn_format gn_format_spectrum = {
  "spectrum.csv", "gnomon spectrum --out=X.csv",
  "Eigenvalues of df/dy along solutions (the name is yours).", { columns }
};

gn_status gn_spectrum_write(const gn_spectrum *sp, const char *file)
{
  const char *fresh = gn_arena_printf(sp->arena, "%s.new", file);
  const char *head = gn_format_header(&gn_format_spectrum, sp->arena, NULL);
  char t[40], re[40], im[40];
  if (!fresh || !head) return GN_ENOMEM;
  FILE *f = fopen(fresh, "w");
  GN_REQUIRE(f, GN_EIO, "%s: cannot open: %s", fresh, strerror(errno));
  (void)fprintf(f, "%s\n", head);
  for (size_t b = 0; b < sp->B; b++)
    for (size_t i = 0; i < sp->T; i++)
      for (size_t k = 0; k < sp->n && !isnan(time_of(sp, i, b)); k++) {
        const size_t at = (i * sp->B + b) * sp->n + k;
        gn_text_print_double(time_of(sp, i, b), t, sizeof t);
        gn_text_print_double(sp->re[at], re, sizeof re);
        gn_text_print_double(sp->im[at], im, sizeof im);
        (void)fprintf(f, "%lld,%s,%zu,%s,%s\n", (long long)sp->sample[b], t, k, re, im);
      }
  const int bad = ferror(f);
  gn_status st = GN_OK;
  if (fclose(f) != 0 || bad || rename(fresh, file) != 0)
    st = GN_FAIL(GN_EIO, "%s: cannot write: %s", file, strerror(errno));
  if (st != GN_OK) (void)remove(fresh);
  return st;
}

/* " (sample 3, t = 0.5)" */
static void print_place(const gn_spectrum *sp, size_t row, FILE *to)
{
  size_t i = 0; /* row = i B + b */
  for (; row >= sp->B; row -= sp->B) i++;
  (void)fprintf(to, " (sample %lld, t = %g)\n", (long long)sp->sample[row], time_of(sp, i, row));
}

void gn_spectrum_print(const gn_spectrum *sp, FILE *to)
{
  (void)fprintf(to, "%zu eigenvalue%s at %s%zu time%s of %zu sample%s\n", sp->n,
                sp->n == 1 ? "" : "s", sp->own_times && sp->B > 1 ? "up to " : "", sp->T,
                sp->T == 1 ? "" : "s", sp->B, sp->B == 1 ? "" : "s");
  (void)fprintf(to, "largest |lambda|  %.6g", sp->radius);
  print_place(sp, sp->radius_at, to);
  (void)fprintf(to, "largest Re        %.6g", sp->growth);
  print_place(sp, sp->growth_at, to);
  if (isnan(sp->stiffness)) {
    (void)fputs("stiffness ratio   none: no eigenvalue has a negative real part\n", to);
  } else {
    (void)fprintf(to, "stiffness ratio   %.6g", sp->stiffness);
    print_place(sp, sp->stiffness_at, to);
  }
  if (!sp->heavy_ball) return;
  (void)fprintf(to, "heavy ball        J = [0 D; A -gamma]: pairs sum to -gamma = %.17g within "
                "%.1e\n", sp->pair_sum, sp->pair_error);
}
