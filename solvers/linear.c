/* Linear systems of implicit steppers,  (I - gamma J) x = b.
 *
 * J v is the system's jvp at the tape of the last evaluation: Newton's residual is always
 * evaluated where its Jacobian is used. A system without jvp has
 *
 *   J v = (rhs(s, y + sigma v) - rhs(s, y)) / sigma,   sigma = 1 / |v|  in the error norm.
 *
 * Rows of a batch do not see each other, so J is B blocks of d x d: column j of all of them
 * is J e_j with e_j the j-th unit vector in every row. Segments that are not rows (parameter
 * gradients) see the rows, but nothing sees them:
 *
 *   (I - gamma J_rr) x_r = b_r,   x_g = b_g + gamma J_gr x_r.
 *
 * Brown, Hindmarsh, SIAM J. Numer. Anal. 23 (1986); Hindmarsh et al., ACM TOMS 31 (2005). */
#include "linear.h"

#include "base/lapack.h"
#include "base/vec.h"

#include <sunlinsol/sunlinsol_spgmr.h>

#include <math.h>

/* ---- evaluations and products --------------------------------------------------------- */

gn_status gn_linear_setup(gn_linear *ln, gn_arena *a, gn_system *sys, gn_tolerance tol)
{
  ln->sys = sys;
  ln->tol = tol;
  GN_NEW(a, ln->v, sys->nmax);
  GN_NEW(a, ln->Jv, sys->nmax);
  GN_NEW(a, ln->w, sys->nmax);
  return gn_pool_create(sys->fields, 1, sys->Bmax, &ln->pool);
}

gn_status gn_linear_start(gn_linear *ln)
{
  ln->y = ln->f = NULL;
  ln->taped = 0;
  if (ln->rec && ln->rec->B != ln->sys->B) gn_record_give(&ln->rec);
  return ln->rec ? GN_OK : gn_pool_take(ln->pool, ln->sys->B, &ln->rec);
}

static int evaluate(gn_linear *ln, double s, const double *y, double *f)
{
  gn_system *sys = ln->sys;
  const int rc = sys->rhs(sys->user, s, y, f, ln->rec, 0);
  return rc != 0 ? rc : gn_vec_finite(sys->n, f) ? 0 : GN_RETRY;
}

int gn_linear_eval(gn_linear *ln, double s, const double *y, double *f)
{
  ln->s = s;
  ln->y = y;
  ln->f = f;
  ln->taped = 1;
  return evaluate(ln, s, y, f);
}

static int quotient(gn_linear *ln, double s, const double *y, const double *f,
                    const double *v, double *Jv)
{
  gn_system *sys = ln->sys;
  const size_t n = sys->n;
  gn_norm_weights(&sys->norm, ln->tol.rtol, ln->tol.atol, y, ln->w);
  double size = gn_norm_eval(&sys->norm, v, ln->w);
  if (!(size > 0)) size = sqrt(gn_vec_sumsq(n, v)); /* lies outside the norm */
  if (!(size > 0)) {
    gn_vec_fill(n, 0.0, Jv);
    return 0;
  }
  const double c[2] = { 1, 1 / size };
  const double *x[2] = { y, v };
  gn_vec_lincomb(n, 2, c, x, ln->w);
  ln->taped = 0;
  const int rc = evaluate(ln, s, ln->w, Jv);
  if (rc != 0) return rc;
  gn_vec_axpy(n, -1.0, f, Jv);
  gn_vec_scale(n, size, Jv, Jv);
  return 0;
}

int gn_linear_times(gn_linear *ln, double s, const double *y, const double *f,
                    const double *v, double *Jv)
{
  gn_system *sys = ln->sys;
  if (!sys->jvp) return quotient(ln, s, y, f, v, Jv);
  if (!ln->taped || ln->s != s || ln->f != f) {
    const int rc = gn_linear_eval(ln, s, y, ln->w);
    if (rc != 0) return rc;
    ln->f = f;
  }
  const int rc = sys->jvp(sys->user, s, v, Jv, ln->rec, 0);
  return rc != 0 ? rc : gn_vec_finite(sys->n, Jv) ? 0 : GN_RETRY;
}

/* ---- one dense block per row ---------------------------------------------------------- */

/* Row b of v from or to its block segments. */
static void gather(const gn_linear *ln, size_t b, const double *v, double *row)
{
  const gn_norm *nm = &ln->sys->norm;
  for (size_t k = 0; k < nm->nseg; v += nm->seg[k++].n) {
    gn_vec_copy(nm->seg[k].d, v + b * nm->seg[k].d, row);
    row += nm->seg[k].d;
  }
}

static void scatter(const gn_linear *ln, size_t b, const double *row, double *v)
{
  const gn_norm *nm = &ln->sys->norm;
  for (size_t k = 0; k < nm->nseg; v += nm->seg[k++].n) {
    gn_vec_copy(nm->seg[k].d, row, v + b * nm->seg[k].d);
    row += nm->seg[k].d;
  }
}

static int jacobian(gn_linear *ln, double s, const double *y, const double *f)
{
  const size_t d = ln->d, B = ln->sys->B;
  for (size_t j = 0; j < d; j++) {
    gn_vec_fill(ln->sys->n, 0.0, ln->v);
    gn_vec_fill(d, 0.0, ln->row);
    ln->row[j] = 1;
    for (size_t b = 0; b < B; b++) scatter(ln, b, ln->row, ln->v);
    const int rc = gn_linear_times(ln, s, y, f, ln->v, ln->Jv);
    if (rc != 0) return rc;
    for (size_t b = 0; b < B; b++) gather(ln, b, ln->Jv, ln->J + (b * d + j) * d);
  }
  return 0;
}

int gn_linear_factor(gn_linear *ln, double s, const double *y, const double *f, int keep,
                     double gamma)
{
  const size_t d = ln->d, B = ln->sys->B;
  if (!keep) {
    const int rc = jacobian(ln, s, y, f);
    if (rc != 0) return rc;
  }
  gn_vec_scale(B * d * d, -gamma, ln->J, ln->LU);
  for (size_t b = 0; b < B; b++) {
    double *LU = ln->LU + b * d * d;
    for (size_t j = 0; j < d; j++) LU[j * d + j] += 1;
    if (gn_lu_factor(d, LU, ln->pivot + b * d) != 0) return GN_RETRY;
  }
  ln->gamma = gamma;
  return 0;
}

static int solve_rows(SUNLinearSolver S, SUNMatrix A, N_Vector x_, N_Vector b_,
                      sunrealtype tol)
{
  (void)A, (void)tol;
  gn_linear *ln = S->content;
  const gn_norm *nm = &ln->sys->norm;
  const size_t d = ln->d, B = ln->sys->B, n = ln->sys->n;
  double *x = gn_vector_data(x_);
  const double *b = gn_vector_data(b_);
  gn_vec_fill(n, 0.0, x);
  for (size_t i = 0; i < B; i++) {
    gather(ln, i, b, ln->row);
    gn_lu_solve(d, ln->LU + i * d * d, ln->pivot + i * d, ln->row);
    scatter(ln, i, ln->row, x);
  }
  if (n == B * d) return 0;
  const int rc = gn_linear_times(ln, ln->s, ln->y, ln->f, x, ln->Jv);
  if (rc != 0) return rc < 0 ? -1 : 1;
  for (size_t k = 0, at = 0; k < nm->nseg; at += nm->seg[k++].n) {
    if (nm->seg[k].d > 0) continue;
    gn_vec_copy(nm->seg[k].n, b + at, x + at);
    gn_vec_axpy(nm->seg[k].n, ln->gamma, ln->Jv + at, x + at);
  }
  return 0;
}

/* ---- SUNDIALS' objects ---------------------------------------------------------------- */

static SUNLinearSolver_Type direct(SUNLinearSolver S)
{
  (void)S;
  return SUNLINEARSOLVER_DIRECT;
}

static SUNLinearSolver_ID solver_id(SUNLinearSolver S)
{
  (void)S;
  return SUNLINEARSOLVER_CUSTOM;
}

static SUNMatrix_ID matrix_id(SUNMatrix A)
{
  (void)A;
  return SUNMATRIX_CUSTOM;
}

static int release(SUNLinearSolver S)
{
  SUNLinSolFreeEmpty(S);
  return 0;
}

static gn_status dense(gn_linear *ln, gn_arena *a, SUNContext ctx)
{
  const gn_system *sys = ln->sys;
  const size_t Bmax = sys->Bmax;
  for (size_t k = 0; k < sys->norm.nseg; k++) ln->d += sys->norm.seg[k].d;
  GN_NEW(a, ln->J, Bmax * ln->d * ln->d);
  GN_NEW(a, ln->LU, Bmax * ln->d * ln->d);
  GN_NEW(a, ln->pivot, Bmax * ln->d);
  GN_NEW(a, ln->row, ln->d);
  ln->matrix = SUNMatNewEmpty(ctx);
  ln->solver = SUNLinSolNewEmpty(ctx);
  GN_REQUIRE(ln->matrix && ln->solver, GN_ENOMEM, "out of memory for the linear solver");
  ln->matrix->ops->getid = matrix_id;
  ln->solver->ops->gettype = direct;
  ln->solver->ops->getid = solver_id;
  ln->solver->ops->solve = solve_rows;
  ln->solver->ops->free = release;
  ln->solver->content = ln;
  return GN_OK;
}

gn_status gn_linear_solver(gn_linear *ln, gn_arena *a, int kind, int krylov, N_Vector y,
                           SUNContext ctx)
{
  if (kind == GN_DENSE) return dense(ln, a, ctx);
  ln->solver = SUNLinSol_SPGMR(y, SUN_PREC_NONE, krylov, ctx);
  GN_REQUIRE(ln->solver, GN_ENOMEM, "out of memory for the linear solver");
  return GN_OK;
}

void gn_linear_destroy(gn_linear *ln)
{
  if (ln->solver) SUNLinSolFree(ln->solver);
  if (ln->matrix) SUNMatDestroy(ln->matrix);
  ln->solver = NULL;
  ln->matrix = NULL;
  gn_pool_destroy(&ln->pool);
}
