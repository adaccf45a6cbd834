/* The contract tests of one model: who is run, and the rows of the result.
 *
 *   Taylor        |g(y + e v) - g(y) - e J v| = O(e^2)
 *   dot product   <w, J v> = <J^T w, v>
 *   differences   every verb against central differences of eval, element by element
 *   habits        values are written, gradients accumulated, a tape may hold anything
 *                 before eval, a batch equals its rows, two evaluations share a tape */
#include "base/vec.h"
#include "study/check_impl.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { ROWS = 3, ELEMENTS_MAX = 4096 };

static const char *const verbs[] = { "eval", "vjp", "pgrad", "jvp" };

/* ---- rows ---------------------------------------------------------------------------- */

int gn_checking_numeric(const gn_checking *x, int verb)
{
  static const unsigned bit[] = { 0, GN_NUMERIC_VJP, GN_NUMERIC_PGRAD, GN_NUMERIC_JVP };
  return (x->c->numeric[x->pr->id] & bit[verb]) != 0;
}

static gn_check_row *new_row(gn_checking *x, int verb, const char *test, const char *place)
{
  gn_check *c = x->c;
  if (c->n == c->cap) {
    size_t cap = c->cap ? 2 * c->cap : 64;
    gn_check_row *more = gn_arena_alloc(c->arena, cap, sizeof *more);
    if (!more) return NULL;
    if (c->n) memcpy(more, c->row, c->n * sizeof *more);
    c->row = more;
    c->cap = cap;
  }
  gn_check_row *r = &c->row[c->n++];
  *r = (gn_check_row){ .map = x->pr->id,
                       .verb = verbs[verb],
                       .test = test,
                       .spot = "",
                       .got = (double)NAN,
                       .want = (double)NAN,
                       .numeric = gn_checking_numeric(x, verb),
                       .hint = "" };
  r->place = gn_arena_strdup(c->arena, place);
  return r->place ? r : NULL;
}

static void judge(gn_checking *x, gn_check_row *r, double error, double limit, int ok)
{
  r->error = error;
  r->limit = limit;
  r->ok = ok;
  if (!ok) x->c->nfail++;
}

/* Position of the largest difference; *worst is infinite for a NaN among got. */
static size_t worst_of(size_t n, const double *got, const double *want, double *worst)
{
  size_t at = 0;
  *worst = 0;
  for (size_t i = 0; i < n; i++) {
    double d = fabs(got[i] - want[i]);
    if (isnan(d)) d = isnan(got[i]) ? (double)INFINITY : 0;
    if (d > *worst) {
      *worst = d;
      at = i;
    }
  }
  return at;
}

gn_status gn_checking_compare(gn_checking *x, int verb, const char *test, const char *place,
                              size_t n, const double *got, const double *want, double scale,
                              double limit, gn_shape sh, gn_check_row **out)
{
  gn_check_row *r = new_row(x, verb, test, place);
  if (!r) return GN_ENOMEM;
  double worst;
  size_t at = worst_of(n, got, want, &worst);
  if (r->numeric && limit > 0) limit = fmax(limit, GN_LIM_NUMERIC);
  if (n > 0) {
    r->got = got[at];
    r->want = want[at];
    r->spot = sh.rows > 0 && sh.cols > 0
                  ? gn_arena_printf(x->c->arena, "[%zu, %zu]", at / sh.cols, at % sh.cols)
                  : gn_arena_printf(x->c->arena, "[%zu]", at);
    if (!r->spot) return GN_ENOMEM;
  }
  double error = worst > 0 ? worst / scale : 0;
  judge(x, r, error, limit, error <= limit);
  if (out) *out = r;
  return GN_OK;
}

gn_status gn_checking_single(gn_checking *x, int verb, const char *test, const char *place,
                             double got, double want, double scale, double limit)
{
  gn_shape none = { 0, 0 };
  gn_check_row *r;
  GN_TRY(gn_checking_compare(x, verb, test, place, 1, &got, &want, scale, limit, none, &r));
  r->spot = "";
  return GN_OK;
}

gn_status gn_checking_least(gn_checking *x, int verb, const char *test, const char *place,
                            double value, double limit, const char *hint)
{
  gn_check_row *r = new_row(x, verb, test, place);
  if (!r) return GN_ENOMEM;
  judge(x, r, value, limit, value >= limit);
  if (!r->ok) r->hint = hint;
  return GN_OK;
}

gn_status gn_checking_bits(gn_checking *x, int verb, const char *test, size_t n,
                           const double *got, const double *want, const char *hint)
{
  gn_shape none = { 0, 0 };
  gn_check_row *r;
  double size = gn_checking_scale(n, want, 0);
  GN_TRY(gn_checking_compare(x, verb, test, "", n, got, want, size, 0, none, &r));
  if (!r->ok) r->hint = hint;
  return GN_OK;
}

double gn_checking_size(size_t n, const double *v)
{
  double s = 0;
  for (size_t i = 0; i < n; i++)
    if (fabs(v[i]) > s) s = fabs(v[i]);
  return s;
}

double gn_checking_scale(size_t n, const double *v, double floor)
{
  double s = gn_checking_size(n, v);
  if (s < floor) s = floor;
  return s > 0 ? s : 1;
}

double gn_checking_noise(gn_checking *x, double step)
{
  gn_probe *pr = x->pr;
  (void)gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, pr->z);
  return 2 * DBL_EPSILON * gn_checking_size(pr->nout, pr->z) / step;
}

const char *gn_checking_place(gn_checking *x, const gn_param *q)
{
  const char *s = gn_arena_printf(x->c->arena, "parameter %s", q->name);
  return s ? s : q->name;
}

gn_shape gn_checking_shape(const gn_param *q)
{
  gn_shape sh = { 0, 0 };
  if (q->rank == 2) sh = (gn_shape){ q->shape[0], q->shape[1] };
  return sh;
}

int gn_checking_unused(const gn_checking *x, const gn_param *q)
{
  return gn_checking_size(q->n, x->gp + q->offset) == 0 &&
         gn_checking_size(q->n, x->fdp + q->offset) <=
             1e-9 * gn_checking_size(x->pr->np, x->fdp);
}

/* ---- results that several tests share ------------------------------------------------ */

int gn_checking_pull(gn_checking *x, const double *w, double *gin, double *gp)
{
  gn_probe *pr = x->pr;
  gn_vec_fill(pr->nall, 0, gin);
  gn_vec_fill(pr->np, 0, gp);
  int rc = gn_probe_eval(pr, pr->B, pr->t, pr->in, pr->p, 0, pr->z);
  if (!rc) rc = gn_probe_vjp(pr, pr->B, pr->t, pr->in, pr->p, 0, w, gin);
  if (!rc) gn_probe_pgrad(pr, 0, 1, gp);
  return rc;
}

/* Differences for the n members of slot, at most ELEMENTS_MAX of them. The second, small
   step decides only where it confirms the verb: then a kink lay inside the first. */
static void differences(gn_checking *x, size_t n, double *slot, const double *got,
                        double *fd, double scale)
{
  size_t stride = n / ELEMENTS_MAX + 1;
  for (size_t i = 0; i < n; i++) {
    fd[i] = (double)NAN;
    if (i % stride) continue;
    double size = fmax(1, fabs(slot[i]));
    fd[i] = gn_probe_slope(x->pr, &slot[i], x->pr->w, GN_STEP_DIFF * size);
    if (fabs(fd[i] - got[i]) <= GN_LIM_DIFF * fmax(1e-3 * scale, fabs(fd[i]))) continue;
    double d = gn_probe_slope(x->pr, &slot[i], x->pr->w, GN_STEP_SMALL * size);
    if (fabs(d - got[i]) <= GN_LIM_DIFF * fmax(scale, fabs(d))) fd[i] = d;
  }
}

static gn_status share(gn_checking *x)
{
  gn_probe *pr = x->pr;
  gn_arena *a = x->c->arena;
  GN_NEW(a, x->gin, pr->nall);
  GN_NEW(a, x->fdin, pr->nall);
  GN_NEW(a, x->vin, pr->nall);
  GN_NEW(a, x->ia, pr->nall);
  GN_NEW(a, x->ib, pr->nall);
  GN_NEW(a, x->gp, pr->np);
  GN_NEW(a, x->fdp, pr->np);
  GN_NEW(a, x->vp, pr->np);
  GN_NEW(a, x->q, pr->np);
  GN_NEW(a, x->q2, pr->np);
  GN_NEW(a, x->a, pr->nout);
  GN_NEW(a, x->b, pr->nout);
  GN_NEW(a, x->d, pr->nout);
  int rc = gn_checking_pull(x, pr->w, x->gin, x->gp);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "%s.%s: eval or vjp returns %d at an ordinary point",
             x->c->model, gn_map_names[pr->id], rc);
  differences(x, pr->nall, pr->in, x->gin, x->fdin, gn_checking_size(pr->nall, x->gin));
  differences(x, pr->np, pr->p, x->gp, x->fdp, gn_checking_size(pr->np, x->gp));
  return GN_OK;
}

/* ---- all tests ----------------------------------------------------------------------- */

static gn_status check_map(gn_check *c, const gn_model *m, gn_map_id id, uint64_t seed)
{
  gn_checking x = { .c = c };
  GN_TRY(gn_probe_create(c->arena, m, id, ROWS, seed, &x.pr));
  x.rng = gn_rng_make(seed, gn_rng_stream(GN_STREAM_TEST, 100 + (uint64_t)id));
  GN_TRY(share(&x));
  GN_TRY(gn_check_eval(&x));
  GN_TRY(gn_check_rows(&x));
  GN_TRY(gn_check_vjp(&x));
  GN_TRY(gn_check_pgrad(&x));
  GN_TRY(gn_check_accumulation(&x));
  GN_TRY(gn_check_tapes(&x));
  return gn_check_jvp(&x);
}

static gn_status check_all(gn_check *c, const gn_model *m, uint64_t seed)
{
  static const gn_map_id order[GN_NMAPS] = { GN_F, GN_LIFT, GN_JUMP, GN_READ };
  c->model = gn_arena_strdup(c->arena, m->cls->name);
  if (!c->model) return GN_ENOMEM;
  memcpy(c->numeric, m->numeric, sizeof c->numeric);
  for (size_t k = 0; k < GN_NMAPS; k++)
    if (m->map[order[k]].eval) GN_TRY(check_map(c, m, order[k], seed));
  return GN_OK;
}

gn_status gn_check_model(const gn_model *m, uint64_t seed, gn_check **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_check *c = gn_arena_alloc(a, 1, sizeof *c);
  gn_status s = GN_ENOMEM;
  if (c) {
    c->arena = a;
    s = check_all(c, m, seed);
  }
  if (s == GN_OK) *out = c;
  else gn_arena_destroy(&a);
  return s;
}

void gn_check_destroy(gn_check **c)
{
  if (!c || !*c) return;
  gn_arena *a = (*c)->arena;
  *c = NULL;
  gn_arena_destroy(&a);
}
