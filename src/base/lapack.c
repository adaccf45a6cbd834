/* LAPACK through its Fortran names, which every implementation has. */
#include "base/lapack.h"

#include "base/vec.h"

#include <math.h>

void dstev_(const char *jobz, const int *n, double *d, double *e, double *z, const int *ldz,
            double *work, int *info);
void dgetrf_(const int *m, const int *n, double *a, const int *lda, int *pivot, int *info);
void dgetrs_(const char *trans, const int *n, const int *nrhs, const double *a, const int *lda,
             const int *pivot, double *b, const int *ldb, int *info);
void dgeev_(const char *left, const char *right, const int *n, double *a, const int *lda,
            double *re, double *im, double *vl, const int *ldvl, double *vr, const int *ldvr,
            double *work, const int *lwork, int *info);

gn_status gn_gauss_legendre(size_t n, double *x, double *w, double *work)
{
  const int m = (int)n;
  double *e = work, *z = e + n, *scratch = z + n * n;
  int info = 0;
  for (size_t k = 0; k < n; k++) x[k] = 0;
  for (size_t k = 1; k < n; k++) e[k - 1] = (double)k / sqrt(4.0 * (double)k * (double)k - 1);
  dstev_("V", &m, x, e, z, &m, scratch, &info);
  GN_REQUIRE(info == 0, GN_ESOLVER, "dstev failed for %zu Gauss-Legendre nodes (info %d)", n,
             info);
  for (size_t k = 0; k < n; k++) w[k] = 2 * z[k * n] * z[k * n];
  for (size_t k = 0; k < n / 2; k++) { /* symmetric to the bit */
    const double r = (x[n - 1 - k] - x[k]) / 2, v = (w[k] + w[n - 1 - k]) / 2;
    x[k] = -r, x[n - 1 - k] = r;
    w[k] = w[n - 1 - k] = v;
  }
  if (n % 2) x[n / 2] = 0;
  return GN_OK;
}

int gn_lu_factor(size_t n, double *A, int *pivot)
{
  const int m = (int)n;
  int info = 0;
  dgetrf_(&m, &m, A, &m, pivot, &info);
  return info == 0 ? GN_OK : GN_RETRY;
}

void gn_lu_solve(size_t n, const double *A, const int *pivot, double *b)
{
  const int m = (int)n, one = 1;
  int info = 0;
  dgetrs_("N", &m, &one, A, &m, pivot, b, &m, &info);
}

gn_status gn_eigenvalues(size_t n, double *A, double *re, double *im, double *work)
{
  const int m = (int)n, one = 1, nwork = 4 * m;
  double none = 0;
  int info = 0;
  GN_REQUIRE(gn_vec_finite(n * n, A), GN_ENONFINITE,
             "the eigenvalues of a matrix with a value that is not finite");
  dgeev_("N", "N", &m, A, &m, re, im, &none, &one, &none, &one, work, &nwork, &info);
  GN_REQUIRE(info == 0, GN_ESOLVER, "dgeev found only %d of %zu eigenvalues", m - info, n);
  return GN_OK;
}
