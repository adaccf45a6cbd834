/* (I - gamma M) x = b, row by row, by passes of refinement
 *
 *   x <- x + e,   e ~ (I - gamma M)^-1 r,   r = b - x + gamma M x,
 *
 * until in every row |r| is a few roundings of |b| + |x|, or of |b| + |I - gamma M| |x| with an e
 * that is a rounding of x or shrinks no more: where a row is stiff its first x has lost as many
 * digits as gamma M has, and later passes bring them back. e comes from LU of one d x d block
 * per row, its columns being products with unit vectors in all rows at once; or
 * from GMRES in every row by itself, all rows sharing the products: a row needs no more
 * vectors than its own length, whatever the others are like, and its answer does not depend
 * on them. M x of the residual is what the caller wants as well.
 *
 * Saad, Schultz, SIAM J. Sci. Stat. Comput. 7 (1986); Higham, Accuracy and Stability of
 * Numerical Algorithms, 2nd ed., 7.1 (the criterion) and 12 (refinement). */
#include "rowsolve.h"

#include "base/lapack.h"
#include "base/vec.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* Vectors of a pass: they reach rounding where gamma M is of size 1. Passes: a stiff row may
   need some; a few hundred products are more than an LU would cost. */
enum { VECTORS = 30, PASSES = 20 };
static const double ROUNDINGS = 8;

gn_status gn_rowsolve_setup(gn_rowsolve *rs, gn_arena *a, const gn_model *m, size_t Bmax,
                            int dense)
{
  const size_t d = m->ny, n = Bmax * d;
  rs->model = m;
  rs->d = d;
  rs->dense = dense;
  double **vectors[] = { &rs->x, &rs->b, &rs->r, &rs->e, &rs->in };
  for (size_t k = 0; k < sizeof vectors / sizeof *vectors; k++) GN_NEW(a, *vectors[k], n);
  GN_NEW(a, rs->size, Bmax);
  GN_NEW(a, rs->limit, Bmax);
  GN_NEW(a, rs->step, Bmax);
  GN_NEW(a, rs->done, Bmax);
  if (dense) {
    GN_NEW(a, rs->LU, n * d);
    GN_NEW(a, rs->pivot, n);
    return GN_OK;
  }
  const size_t most = d < VECTORS ? d : VECTORS;
  rs->m = most;
  GN_NEW(a, rs->V, most + 1); /* NOLINT(bugprone-sizeof-expression): pointers */
  for (size_t k = 0; k <= most; k++) GN_NEW(a, rs->V[k], n);
  GN_NEW(a, rs->H, Bmax * most * (most + 1));
  GN_NEW(a, rs->cs, Bmax * most);
  GN_NEW(a, rs->sn, Bmax * most);
  GN_NEW(a, rs->g, Bmax * (most + 1));
  GN_NEW(a, rs->dim, Bmax);
  return GN_OK;
}

/* ---- layouts and products ------------------------------------------------------------- */

static void gather(const gn_rowsolve *rs, const double *v, double *rows)
{
  const gn_model *m = rs->model;
  for (size_t k = 0, at = 0; k < m->nblock; at += m->d[k++])
    for (size_t b = 0; b < rs->B; b++, v += m->d[k])
      gn_vec_copy(m->d[k], v, rows + b * rs->d + at);
}

static void scatter(const gn_rowsolve *rs, const double *rows, double *v)
{
  const gn_model *m = rs->model;
  for (size_t k = 0, at = 0; k < m->nblock; at += m->d[k++])
    for (size_t b = 0; b < rs->B; b++, v += m->d[k])
      gn_vec_copy(m->d[k], rows + b * rs->d + at, v);
}

static double norm(size_t n, const double *v) { return sqrt(gn_vec_sumsq(n, v)); }

/* out = (I - gamma M) v, rows contiguous; Mx is scratch in blocks. */
static gn_status apply(gn_rowsolve *rs, const double *v, double *Mx, double *out)
{
  const size_t n = rs->B * rs->d;
  scatter(rs, v, rs->in);
  GN_REQUIRE(rs->times(rs->user, rs->in, Mx) == 0, GN_ENONFINITE,
             "a product with the Jacobian is not finite");
  gather(rs, Mx, out);
  gn_vec_scale(n, -rs->gamma, out, out);
  gn_vec_axpy(n, 1.0, v, out);
  return GN_OK;
}

/* ---- LU ------------------------------------------------------------------------------- */

static gn_status factor(gn_rowsolve *rs, double *Mx)
{
  const size_t d = rs->d, B = rs->B;
  for (size_t j = 0; j < d; j++) {
    gn_vec_fill(B * d, 0.0, rs->e);
    for (size_t b = 0; b < B; b++) rs->e[b * d + j] = 1;
    GN_TRY(apply(rs, rs->e, Mx, rs->r));
    for (size_t b = 0; b < B; b++)
      gn_vec_copy(d, rs->r + b * d, rs->LU + (b * d + j) * d);
  }
  for (size_t b = 0; b < B; b++) {
    double *A = rs->LU + b * d * d;
    rs->size[b] = norm(d * d, A);
    GN_REQUIRE(gn_lu_factor(d, A, rs->pivot + b * d) == GN_OK, GN_ESOLVER,
               "the stage system of row %zu is singular: the step is too long for the problem; "
               "tighten the tolerance", b);
  }
  return GN_OK;
}

static void correct(gn_rowsolve *rs)
{
  const size_t d = rs->d;
  for (size_t b = 0; b < rs->B; b++) {
    gn_vec_scale(d, rs->done[b] ? 0 : 1, rs->r + b * d, rs->e + b * d);
    gn_lu_solve(d, rs->LU + b * d * d, rs->pivot + b * d, rs->e + b * d);
  }
}

/* ---- GMRES ---------------------------------------------------------------------------- */

/* Column k of row b's Hessenberg matrix is orthogonalised, rotated, and the next vector made;
   1: the row needs more. */
static int extend(gn_rowsolve *rs, size_t b, size_t k)
{
  const size_t d = rs->d, m = rs->m, at = b * d;
  double *h = rs->H + (b * m + k) * (m + 1), *cs = rs->cs + b * m, *sn = rs->sn + b * m;
  double *g = rs->g + b * (m + 1), *w = rs->V[k + 1] + at;
  for (size_t j = 0; j <= k; j++) {
    h[j] = gn_vec_dot(d, w, rs->V[j] + at);
    gn_vec_axpy(d, -h[j], rs->V[j] + at, w);
  }
  const double next = norm(d, w);
  rs->size[b] = fmax(rs->size[b], hypot(norm(k + 1, h), next));
  for (size_t j = 0; j < k; j++) {
    const double t = cs[j] * h[j] + sn[j] * h[j + 1];
    h[j + 1] = cs[j] * h[j + 1] - sn[j] * h[j];
    h[j] = t;
  }
  const double r = hypot(h[k], next);
  cs[k] = r > 0 ? h[k] / r : 1;
  sn[k] = r > 0 ? next / r : 0;
  h[k] = r;
  g[k + 1] = -sn[k] * g[k];
  g[k] *= cs[k];
  rs->dim[b] = r > 0 ? k + 1 : k;
  const int more = fabs(g[k + 1]) > rs->limit[b] / 2 && next > DBL_EPSILON * rs->size[b];
  if (more) gn_vec_scale(d, 1 / next, w, w);
  else gn_vec_fill(d, 0.0, w);
  return more;
}

/* e of row b from its vectors: H y = g. */
static void combine(gn_rowsolve *rs, size_t b)
{
  const size_t d = rs->d, m = rs->m;
  double *y = rs->g + b * (m + 1), *e = rs->e + b * d;
  for (size_t j = rs->dim[b]; j-- > 0;) {
    const double *h = rs->H + (b * m + j) * (m + 1);
    y[j] /= h[j];
    for (size_t i = 0; i < j; i++) y[i] -= h[i] * y[j];
  }
  gn_vec_fill(d, 0.0, e);
  for (size_t j = 0; j < rs->dim[b]; j++) gn_vec_axpy(d, y[j], rs->V[j] + b * d, e);
}

static gn_status krylov(gn_rowsolve *rs, double *Mx)
{
  const size_t d = rs->d, B = rs->B;
  int more = 0;
  for (size_t b = 0; b < B; b++) {
    const double beta = norm(d, rs->r + b * d);
    const int live = !rs->done[b] && beta > 0;
    rs->dim[b] = 0;
    rs->g[b * (rs->m + 1)] = beta;
    gn_vec_scale(d, live ? 1 / beta : 0, rs->r + b * d, rs->V[0] + b * d);
    more |= live;
  }
  for (size_t k = 0; more && k < rs->m; k++) {
    GN_TRY(apply(rs, rs->V[k], Mx, rs->V[k + 1]));
    more = 0;
    for (size_t b = 0; b < B; b++)
      if (gn_vec_maxabs(d, rs->V[k] + b * d) > 0) more |= extend(rs, b, k);
  }
  for (size_t b = 0; b < B; b++) combine(rs, b);
  return GN_OK;
}

/* ---- passes --------------------------------------------------------------------------- */

/* r of the x so far, and which rows are done; how many roundings the others are off at worst,
   0: none is. */
static double residual(gn_rowsolve *rs, double *Mx)
{
  const size_t d = rs->d, n = rs->B * d;
  double worst = 0;
  gather(rs, Mx, rs->r);
  gn_vec_scale(n, rs->gamma, rs->r, rs->r);
  gn_vec_axpy(n, -1.0, rs->x, rs->r);
  gn_vec_axpy(n, 1.0, rs->b, rs->r);
  for (size_t b = 0; b < rs->B; b++) {
    const size_t at = b * d;
    const double r = norm(d, rs->r + at), e = norm(d, rs->e + at), x = norm(d, rs->x + at);
    const double unit = ROUNDINGS * DBL_EPSILON, right = norm(d, rs->b + at);
    const double stable = unit * (right + rs->size[b] * x);
    const int still = e <= unit * x || e > rs->step[b] / 2;
    if (!isfinite(r)) return (double)NAN;
    if (rs->done[b]) continue;
    rs->limit[b] = unit * (right + x);
    rs->step[b] = e;
    rs->done[b] = r <= rs->limit[b] || (r <= stable && still);
    if (!rs->done[b]) worst = fmax(worst, r / stable);
  }
  return worst;
}

gn_status gn_rowsolve_run(gn_rowsolve *rs, const double *b, double *x, double *Mx)
{
  const size_t d = rs->d, n = rs->B * d;
  double off = 0;
  gather(rs, b, rs->b);
  gn_vec_fill(n, 0.0, rs->x);
  gn_vec_fill(rs->B, 1.0, rs->size);
  gn_vec_fill(rs->B, DBL_MAX, rs->step);
  memset(rs->done, 0, rs->B);
  if (rs->dense) GN_TRY(factor(rs, Mx));
  gn_vec_copy(n, rs->b, rs->r);
  for (size_t k = 0; k < rs->B; k++)
    rs->limit[k] = ROUNDINGS * DBL_EPSILON * norm(d, rs->b + k * d);
  for (int pass = 0; pass < PASSES; pass++) {
    if (rs->dense) correct(rs);
    else GN_TRY(krylov(rs, Mx));
    gn_vec_axpy(n, 1.0, rs->e, rs->x);
    scatter(rs, rs->x, x);
    const int rc = rs->times(rs->user, x, Mx);
    off = rc == 0 ? residual(rs, Mx) : (double)NAN;
    GN_REQUIRE(isfinite(off), GN_ENONFINITE, "the solution of a stage system is not finite");
    if (off <= 0) return GN_OK;
  }
  if (off <= 1) return GN_OK;
  return GN_FAIL(GN_ESOLVER, "a stage system is solved to %.1e times rounding only after %d "
                 "passes; use solver.linear = dense or a tighter tolerance", off, PASSES);
}
