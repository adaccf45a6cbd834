/* Speed of the loops everything else is made of, on one thread, in CPU time (median of the
 * repeats): the dgemm peak, products of the size of a layer, activations, vectors. The peak
 * is what bench_strategies divides by; compare numbers of one run only. */
#include "base/clock.h"
#include "base/vec.h"
#include "nn/act.h"
#include "nn/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PEAK = 2048, REPEATS = 9, ELEMENTS = 4096 };

static int by_size(const void *a, const void *b)
{
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

typedef struct work {
  double *A, *B, *C; /* PEAK x PEAK each */
  size_t m, n, k;
  gn_act act;
  size_t terms, len;
} work;

/* Median CPU seconds of one run of f, each repeat at least 5 ms long. */
static double seconds(void (*f)(const work *), const work *w)
{
  double t[REPEATS];
  size_t runs = 1;
  for (int r = -1; r < REPEATS; r++) { /* the first finds the number of runs */
    for (;;) {
      const double start = gn_clock_cpu();
      for (size_t i = 0; i < runs; i++) f(w);
      const double spent = gn_clock_cpu() - start;
      if (r >= 0) t[r] = spent / (double)runs;
      if (r >= 0 || spent > 5e-3) break;
      runs *= 2;
    }
  }
  qsort(t, REPEATS, sizeof *t, by_size);
  return t[REPEATS / 2];
}

static void run_nn(const work *w)
{
  gn_gemm_nn(w->m, w->n, w->k, 1, w->A, w->k, w->B, w->n, 0, w->C, w->n);
}

static void run_nt(const work *w)
{
  gn_gemm_nt(w->m, w->n, w->k, 1, w->A, w->k, w->B, w->k, 0, w->C, w->n);
}

static void run_tn(const work *w)
{
  gn_gemm_tn(w->m, w->n, w->k, 1, w->A, w->m, w->B, w->n, 0, w->C, w->n);
}

static void run_copy(const work *w)
{
  gn_vec_copy(ELEMENTS, w->A, w->C);
}

static void run_apply(const work *w)
{
  gn_vec_copy(ELEMENTS, w->A, w->C);
  gn_act_apply(w->act, ELEMENTS, w->C);
}

static void run_bias(const work *w)
{
  gn_vec_copy(ELEMENTS, w->A, w->C);
  gn_act_bias(w->act, ELEMENTS / w->n, w->n, w->B, w->C);
}

static void run_back(const work *w)
{
  gn_vec_copy(ELEMENTS, w->A, w->C);
  gn_act_back(w->act, ELEMENTS, w->B, w->C);
}

static void run_lincomb(const work *w)
{
  static const double c[9] = {1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8};
  const double *x[9];
  for (size_t j = 0; j < w->terms; j++) x[j] = w->A + j * w->len;
  gn_vec_lincomb(w->len, w->terms, c, x, w->B);
}

static void print_products(work *w)
{
  static const size_t shapes[][3] = {{64, 32, 32},     {64, 8, 32},     {256, 128, 32},
                                     {256, 128, 128},  {512, 512, 64},  {512, 64, 512},
                                     {512, 512, 512},  {32, 32, 384},   {128, 32, 1536},
                                     {128, 128, 1536}, {512, 512, 3072}};
  w->m = w->n = w->k = PEAK;
  printf("dgemm peak, %d^3: %.1f GF/s\n\n", PEAK,
         2e-9 * (double)PEAK * PEAK * PEAK / seconds(run_nn, w));
  printf("GF/s of C [m, n] = A B over k\n%6s%6s%6s%10s%10s%10s\n", "m", "n", "k", "A B",
         "A B^T", "A^T B");
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
    w->m = shapes[i][0];
    w->n = shapes[i][1];
    w->k = shapes[i][2];
    const double flops = 2e-9 * (double)(w->m * w->n * w->k);
    printf("%6zu%6zu%6zu%10.1f%10.1f%10.1f\n", w->m, w->n, w->k,
           flops / seconds(run_nn, w), flops / seconds(run_nt, w),
           flops / seconds(run_tn, w));
  }
}

static void print_activations(work *w)
{
  static const struct {
    const char *name;
    gn_act act;
  } acts[] = {
      {"tanh", {GN_ACT_TANH, 0}},         {"sigmoid", {GN_ACT_SIGMOID, 0}},
      {"relu", {GN_ACT_RELU, 0}},         {"leaky_relu", {GN_ACT_LEAKY_RELU, 0.1}},
      {"softplus", {GN_ACT_SOFTPLUS, 0}}, {"elu", {GN_ACT_ELU, 0}},
      {"hardtanh", {GN_ACT_HARDTANH, 1}}};
  const double scale = 1e9 / ELEMENTS;
  const double copy = seconds(run_copy, w) * scale;
  printf("\nns per element, %d elements in cache\n%-12s%10s%10s%10s%10s\n", ELEMENTS,
         "activation", "apply", "bias 8", "bias 512", "back");
  for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
    w->act = acts[i].act;
    const double apply = seconds(run_apply, w) * scale - copy;
    w->n = 8;
    const double narrow = seconds(run_bias, w) * scale - copy;
    w->n = 512;
    const double wide = seconds(run_bias, w) * scale - copy;
    const double back = seconds(run_back, w) * scale - copy;
    printf("%-12s%10.2f%10.2f%10.2f%10.2f\n", acts[i].name, apply, narrow, wide, back);
  }
}

static void print_vectors(work *w)
{
  static const size_t lens[] = {2048, 32768, 1 << 18};
  printf(
      "\nlinear combination of m terms: ns per element (GB/s read and written)\n%10s",
      "n");
  for (size_t m = 1; m <= 8; m += m < 2 ? 1 : 2) printf("%9s m=%zu   ", "", m);
  printf("\n");
  for (size_t i = 0; i < sizeof lens / sizeof *lens; i++) {
    w->len = lens[i];
    printf("%10zu", w->len);
    for (w->terms = 1; w->terms <= 8; w->terms += w->terms < 2 ? 1 : 2) {
      const double ns = 1e9 * seconds(run_lincomb, w) / (double)w->len;
      printf("%7.2f (%5.1f)", ns, 8 * (double)(w->terms + 1) / ns);
    }
    printf("\n");
  }
}

int main(void)
{
  const size_t n = (size_t)PEAK * PEAK;
  double *all = malloc(3 * n * sizeof *all);
  if (!all) {
    (void)fprintf(stderr, "bench_kernels: out of memory\n");
    return EXIT_FAILURE;
  }
  work w = {.A = all, .B = all + n, .C = all + 2 * n};
  for (size_t i = 0; i < n; i++) {
    w.A[i] = (double)(i * 7919 % 1000) / 250 - 2; /* -2 to 2 */
    w.B[i] = (double)(i * 104729 % 1000) / 1000;
  }
  memset(w.C, 0, n * sizeof(double));
  gn_blas_single_thread();
  printf("BLAS core: %s\n", gn_blas_core());
  if (getenv("OPENBLAS_CORETYPE"))
    printf("WARNING: OPENBLAS_CORETYPE=%s is set: numbers are not those of this "
           "processor\n",
           getenv("OPENBLAS_CORETYPE"));
  print_products(&w);
  print_activations(&w);
  print_vectors(&w);
  free(all);
  return EXIT_SUCCESS;
}
