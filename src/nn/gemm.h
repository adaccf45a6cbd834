/* The one door to CBLAS: row-major products of double matrices, BLAS held at one thread. */
#ifndef GN_NN_GEMM_H
#define GN_NN_GEMM_H

#include <stddef.h>

/* C [m, n] = alpha A B + beta C with A [m, k] (lda), B [k, n] (ldb). */
void gn_gemm_nn(size_t m, size_t n, size_t k, double alpha, const double *A, size_t lda,
                const double *B, size_t ldb, double beta, double *C, size_t ldc);
/* C [m, n] = alpha A B^T + beta C with A [m, k], B [n, k]: a dense layer, x W^T. */
void gn_gemm_nt(size_t m, size_t n, size_t k, double alpha, const double *A, size_t lda,
                const double *B, size_t ldb, double beta, double *C, size_t ldc);
/* C [m, n] = alpha A^T B + beta C with A [k, m], B [k, n]: a weight gradient, d^T x. */
void gn_gemm_tn(size_t m, size_t n, size_t k, double alpha, const double *A, size_t lda,
                const double *B, size_t ldb, double beta, double *C, size_t ldc);

/* Hold BLAS at one thread; called once by set-up, idempotent. */
void gn_blas_single_thread(void);
/* Name of the BLAS core in use ("SkylakeX"), or "unknown". */
const char *gn_blas_core(void);

#endif
