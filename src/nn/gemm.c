/* Row-major products of double matrices by CBLAS.
 *
 *   C = alpha op(A) op(B) + beta C
 *
 * An empty product (k = 0) still scales C, and beta = 0 writes C without reading it.
 * OpenBLAS is held at one thread: its threads lose at small sizes and its barrier spins.
 * Its two extra functions are weak symbols, so that any CBLAS links.
 *
 * On its AVX-512 cores OpenBLAS has kernels for products of at most 10^6 multiply-adds that
 * skip the packing; they lose only where B is transposed. Products of the size of a layer
 * are cut into such pieces, against a panel of B that is gathered once and stays in the
 * first-level cache: up to 1.4 times the speed of one call (on a Zen 4 of 54 GF/s peak:
 * x W^T of 256 x 128 x 32 at 54 against 46 GF/s, a weight gradient of 128 x 32 x 1536 at 55
 * against 40, 512^3 at 53 to 55 against 53). */
#include "nn/gemm.h"

#include "base/vec.h"

#include <cblas.h>
#include <string.h>

void openblas_set_num_threads(int num_threads) __attribute__((weak));
char *openblas_get_corename(void) __attribute__((weak));

enum {
  PIECE = 1000000,   /* multiply-adds OpenBLAS takes without packing               */
  PANEL = 4096,      /* doubles of a panel of B: half of a first-level cache or so */
  DEPTH = 128,       /* rows of a panel                                            */
  WEIGHTS = 1 << 18, /* elements of a matrix from which one call is as fast        */
  FEW_ROWS = 32      /* below it a transposed panel does not pay                   */
};

typedef struct operand {
  const double *at;
  size_t ld;
  int trans;
} operand;

static void call(size_t m, size_t n, size_t k, double alpha, operand A, operand B,
                 double beta, double *C, size_t ldc)
{
  cblas_dgemm(CblasRowMajor, A.trans ? CblasTrans : CblasNoTrans,
              B.trans ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, alpha, A.at,
              (int)A.ld, B.at, (int)B.ld, beta, C, (int)ldc);
}

static int skips_packing(void)
{
  const char *core = gn_blas_core();
  return !strcmp(core, "SkylakeX") || !strcmp(core, "Cooperlake") ||
         !strcmp(core, "SapphireRapids");
}

/* T [k, n] = rows of op(B), contiguous. */
GN_CLONES static void gather(size_t k, size_t n, const double *restrict B, size_t ldb,
                             int trans, double *restrict T)
{
  if (!trans) {
    for (size_t l = 0; l < k; l++) memcpy(T + l * n, B + l * ldb, n * sizeof *T);
    return;
  }
  size_t j = 0;
  for (; j + 8 <= n; j += 8)
    for (size_t l = 0; l < k; l++)
      for (size_t q = 0; q < 8; q++) T[l * n + j + q] = B[(j + q) * ldb + l];
  for (; j < n; j++)
    for (size_t l = 0; l < k; l++) T[l * n + j] = B[j * ldb + l];
}

/* Length of the parts when n is cut into as few as possible, a multiple of 8. */
static size_t part(size_t n, size_t most)
{
  if (n <= most) return n;
  const size_t count = (n + most - 1) / most;
  const size_t len = ((n + count - 1) / count + 7) / 8 * 8;
  return len < most ? len : most;
}

static size_t rest(size_t n, size_t from, size_t len)
{
  return n - from < len ? n - from : len;
}

static void in_pieces(size_t m, size_t n, size_t k, double alpha, operand A, operand B,
                      double beta, double *C, size_t ldc)
{
  _Alignas(64) double panel[PANEL];
  const size_t kmax = part(k, DEPTH);
  const size_t nmax = part(n, PANEL / kmax / 8 * 8);
  const size_t mmax = part(m, PIECE / (nmax * kmax) / 8 * 8);
  for (size_t l = 0; l < k; l += kmax)
    for (size_t j = 0; j < n; j += nmax) {
      const size_t kp = rest(k, l, kmax), np = rest(n, j, nmax);
      const operand P = {panel, np, 0};
      gather(kp, np, B.trans ? B.at + j * B.ld + l : B.at + l * B.ld + j, B.ld, B.trans,
             panel);
      for (size_t i = 0; i < m; i += mmax) {
        const operand rows = {A.trans ? A.at + l * A.ld + i : A.at + i * A.ld + l, A.ld,
                              A.trans};
        call(rest(m, i, mmax), np, kp, alpha, rows, P, l ? 1 : beta, C + i * ldc + j,
             ldc);
      }
    }
}

/* From measurements; a small product needs help only where B is transposed. */
static int better_in_pieces(size_t m, size_t n, size_t k, operand A, operand B)
{
  if ((A.trans ? m * n : n * k) > WEIGHTS) return 0;
  if (m * n * k > PIECE) return m >= FEW_ROWS && skips_packing();
  if (!B.trans) return 0;
  return (k <= 16 || (m >= FEW_ROWS && n >= 8 && k <= 2 * m)) && skips_packing();
}

static void product(size_t m, size_t n, size_t k, double alpha, operand A, operand B,
                    double beta, double *C, size_t ldc)
{
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (size_t i = 0; i < m && beta != 1; i++)
      for (size_t j = 0; j < n; j++)
        C[i * ldc + j] = beta == 0 ? 0 : beta * C[i * ldc + j];
    return;
  }
  if (better_in_pieces(m, n, k, A, B))
    in_pieces(m, n, k, alpha, A, B, beta, C, ldc);
  else
    call(m, n, k, alpha, A, B, beta, C, ldc);
}

void gn_gemm_nn(size_t m, size_t n, size_t k, double alpha, const double *A, size_t lda,
                const double *B, size_t ldb, double beta, double *C, size_t ldc)
{
  product(m, n, k, alpha, (operand){A, lda, 0}, (operand){B, ldb, 0}, beta, C, ldc);
}

void gn_gemm_nt(size_t m, size_t n, size_t k, double alpha, const double *A, size_t lda,
                const double *B, size_t ldb, double beta, double *C, size_t ldc)
{
  product(m, n, k, alpha, (operand){A, lda, 0}, (operand){B, ldb, 1}, beta, C, ldc);
}

void gn_gemm_tn(size_t m, size_t n, size_t k, double alpha, const double *A, size_t lda,
                const double *B, size_t ldb, double beta, double *C, size_t ldc)
{
  product(m, n, k, alpha, (operand){A, lda, 1}, (operand){B, ldb, 0}, beta, C, ldc);
}

void gn_blas_single_thread(void)
{
  if (openblas_set_num_threads) openblas_set_num_threads(1);
}

const char *gn_blas_core(void)
{
  return openblas_get_corename ? openblas_get_corename() : "unknown";
}
