/* The one door to LAPACK. */
#ifndef GN_BASE_LAPACK_H
#define GN_BASE_LAPACK_H

#include "base/status.h"

#include <stddef.h>

/* Gauss-Legendre nodes x [n], increasing, and weights w [n] on [-1, 1], exact to degree
   2n - 1: eigenvalues of the Jacobi matrix with off-diagonal k / sqrt(4 k^2 - 1), weights 2
   times the squared first components of its eigenvectors. work is [n (n + 4)]. Golub and
   Welsch, Math. Comp. 23 (1969). */
gn_status gn_gauss_legendre(size_t n, double *x, double *w, double *work);

/* LU with partial pivoting of A [n, n], columns contiguous, in place; pivot [n]. GN_RETRY if
   A is singular. dgetrf. */
int gn_lu_factor(size_t n, double *A, int *pivot);
/* b [n] <- A^-1 b from those factors. dgetrs. */
void gn_lu_solve(size_t n, const double *A, const int *pivot, double *b);

/* Eigenvalues re + i im [n] of A [n, n], columns contiguous; A is overwritten. A pair of
   conjugates stands together. work is [4 n]. GN_ENONFINITE if a value of A is not finite,
   GN_ESOLVER if the iteration does not converge. dgeev. */
gn_status gn_eigenvalues(size_t n, double *A, double *re, double *im, double *work);

#endif
