/* The floor of networks: vector loops, activations, products, the four verbs of a net. */
#include "base/arena.h"
#include "base/param.h"
#include "base/rng.h"
#include "base/vec.h"
#include "nn/act.h"
#include "nn/gemm.h"
#include "nn/net.h"
#include "support/support.h"
#include "support/wrap.h"

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double in_range(gn_rng *r, double low, double high)
{
  return low + (high - low) * gn_rng_uniform(r);
}

static void draw(gn_rng *r, size_t n, double *x)
{
  for (size_t i = 0; i < n; i++) x[i] = in_range(r, -1, 1);
}

static double dot(size_t n, const double *x, const double *y)
{
  double s = 0;
  for (size_t i = 0; i < n; i++) s += x[i] * y[i];
  return s;
}

static double abs_dot(size_t n, const double *x, const double *y)
{
  double s = 0;
  for (size_t i = 0; i < n; i++) s += fabs(x[i] * y[i]);
  return s;
}

enum { LONGEST = 1037 };
static const size_t lengths[] = {0, 1, 2, 7, 8, 9, 15, 31, 64, 255, 256, 257, LONGEST};
enum { NLENGTH = sizeof lengths / sizeof *lengths };

/* volatile, so that the compiler cannot contract or reorder what is the reference */
static double plain_lincomb(size_t m, const double *c, double (*x)[LONGEST], size_t i)
{
  volatile double s = c[0] * x[0][i];
  for (size_t j = 1; j < m; j++) {
    volatile double term = c[j] * x[j][i];
    s = s + term;
  }
  return s;
}

START_TEST(vec_lincomb_has_the_bits_of_the_naive_order)
{
  static double x[GN_LINCOMB_MAX][LONGEST], z[LONGEST], want[LONGEST];
  gn_rng r = gn_rng_make(1, GN_STREAM_TEST);
  double c[GN_LINCOMB_MAX];
  const double *px[GN_LINCOMB_MAX];
  for (size_t m = 1; m <= GN_LINCOMB_MAX; m++)
    for (size_t k = 0; k < NLENGTH; k++) {
      const size_t n = lengths[k];
      for (size_t j = 0; j < m; j++) {
        draw(&r, LONGEST, x[j]);
        c[j] = in_range(&r, -3, 3);
        px[j] = x[j];
      }
      for (size_t i = 0; i < n; i++) want[i] = plain_lincomb(m, c, x, i);
      for (size_t i = 0; i < LONGEST; i++) z[i] = 7;
      gn_vec_lincomb(n, m, c, px, z);
      ck_assert(gn_test_same(z, want, n * sizeof *z));
      for (size_t i = n; i < LONGEST; i++) ck_assert(z[i] == 7);
      /* the result may overwrite any term */
      double *into = x[(m * 5 + k) % m];
      gn_vec_lincomb(n, m, c, px, into);
      ck_assert_msg(gn_test_same(into, want, n * sizeof *into),
                    "in place, m = %zu n = %zu", m, n);
    }
}
END_TEST

/* Lanes and tree as vec.c promises: the sum must not depend on the machine. */
static double in_lanes(size_t n, const double *terms)
{
  volatile double s[8] = {0};
  for (size_t i = 0; i < n; i++) s[i % 8] = s[i % 8] + terms[i];
  volatile double a = s[0] + s[4], b = s[2] + s[6], c = s[1] + s[5], d = s[3] + s[7];
  volatile double ab = a + b, cd = c + d;
  return ab + cd;
}

START_TEST(vec_reductions)
{
  static double x[LONGEST], y[LONGEST], t[LONGEST];
  gn_rng r = gn_rng_make(2, GN_STREAM_TEST);
  for (size_t k = 0; k < NLENGTH; k++) {
    const size_t n = lengths[k];
    draw(&r, LONGEST, x);
    draw(&r, LONGEST, y);
    double largest = 0;
    for (size_t i = 0; i < n; i++) largest = fmax(largest, fabs(x[i]));
    for (size_t i = 0; i < n; i++) t[i] = x[i] * y[i];
    ck_assert(gn_vec_dot(n, x, y) == in_lanes(n, t));
    for (size_t i = 0; i < n; i++) t[i] = t[i] * t[i];
    ck_assert(gn_vec_wsumsq(n, x, y) == in_lanes(n, t));
    for (size_t i = 0; i < n; i++) t[i] = x[i] * x[i];
    ck_assert(gn_vec_sumsq(n, x) == in_lanes(n, t));
    ck_assert(gn_vec_maxabs(n, x) == largest);
    ck_assert_int_eq(gn_vec_finite(n, x), 1);
    for (size_t i = 0; i < n; i++) { /* one bad value, anywhere */
      const double bad[] = {NAN, -NAN, INFINITY, -INFINITY}, keep = x[i];
      x[i] = bad[i % 4];
      ck_assert_int_eq(gn_vec_finite(n, x), 0);
      const double got = gn_vec_maxabs(n, x);
      ck_assert(i % 4 < 2 ? isnan(got) : isinf(got));
      x[i] = keep;
    }
  }
  const double edges[] = {DBL_MAX, -DBL_MAX, DBL_MIN, 0x1p-1074, -0.0};
  ck_assert_int_eq(gn_vec_finite(5, edges), 1);
  ck_assert(gn_vec_maxabs(5, edges) == DBL_MAX);
}
END_TEST

START_TEST(vec_elementwise)
{
  static double x[LONGEST], y[LONGEST], z[LONGEST], want[LONGEST];
  gn_rng r = gn_rng_make(3, GN_STREAM_TEST);
  for (size_t k = 0; k < NLENGTH; k++) {
    const size_t n = lengths[k], bytes = n * sizeof *z;
    draw(&r, LONGEST, x);
    draw(&r, LONGEST, y);
    memcpy(z, y, sizeof z);
    for (size_t i = 0; i < n; i++) {
      volatile double term = 0.3 * x[i];
      want[i] = y[i] + term;
    }
    gn_vec_axpy(n, 0.3, x, z);
    ck_assert(gn_test_same(z, want, bytes));
    for (size_t i = 0; i < n; i++) want[i] = -1.7 * x[i];
    gn_vec_scale(n, -1.7, x, z);
    ck_assert(gn_test_same(z, want, bytes));
    gn_vec_copy(n, x, z);
    ck_assert(gn_test_same(z, x, bytes));
    gn_vec_scale(n, -1.7, z, z);
    ck_assert(gn_test_same(z, want, bytes));
    for (size_t i = 0; i < n; i++) {
      volatile double tol = 1e-3 * fabs(y[i]);
      want[i] = 1 / (tol + 1e-6);
    }
    gn_vec_weights(n, 1e-3, 1e-6, y, z);
    ck_assert(gn_test_same(z, want, bytes));
    gn_vec_fill(n, 2.5, z);
    for (size_t i = 0; i < n; i++) ck_assert(z[i] == 2.5);
  }
}
END_TEST

enum { NACT = GN_ACT_HARDTANH + 1 };
static const gn_act acts[NACT] = {
    {GN_ACT_IDENTITY, 0}, {GN_ACT_TANH, 0},         {GN_ACT_SIGMOID, 0},
    {GN_ACT_RELU, 0},     {GN_ACT_LEAKY_RELU, 0.1}, {GN_ACT_SOFTPLUS, 0},
    {GN_ACT_ELU, 0},      {GN_ACT_HARDTANH, 0.7},
};

static long double act_value(gn_act s, long double x)
{
  switch (s.kind) {
  case GN_ACT_TANH:
    return tanhl(x);
  case GN_ACT_SIGMOID:
    return x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x));
  case GN_ACT_RELU:
    return x < 0 ? 0 : x;
  case GN_ACT_LEAKY_RELU:
    return x < 0 ? (long double)s.c * x : x;
  case GN_ACT_SOFTPLUS:
    return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x)));
  case GN_ACT_ELU:
    return x > 0 ? x : expm1l(x);
  case GN_ACT_HARDTANH:
    return x > s.c ? s.c : (x < -s.c ? -s.c : x);
  default:
    return x;
  }
}

static double act_slope(gn_act s, double x)
{
  const long double a = act_value(s, x);
  switch (s.kind) {
  case GN_ACT_TANH:
    return (double)(1 - a * a);
  case GN_ACT_SIGMOID:
    return (double)(a * (1 - a));
  case GN_ACT_RELU:
    return x > 0 ? 1 : 0;
  case GN_ACT_LEAKY_RELU:
    return x > 0 ? 1 : s.c;
  case GN_ACT_SOFTPLUS:
    return (double)(x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)));
  case GN_ACT_ELU:
    return (double)(x > 0 ? 1 : expl(x));
  case GN_ACT_HARDTANH:
    return fabs(x) < s.c ? 1 : 0;
  default:
    return 1;
  }
}

/* |got - want| in units of the last place of want; huge when one is not a number. */
static double ulps(double got, long double want)
{
  const double w = (double)want;
  if (isnan(got) || isnan(w)) return isnan(got) && isnan(w) ? 0 : DBL_MAX;
  if (isinf(got) || isinf(w)) return got == w ? 0 : DBL_MAX;
  int e = -1021;
  if (fabs(w) >= DBL_MIN) (void)frexp(w, &e);
  return (double)(fabsl((long double)got - want) / ldexpl(1, e - 53));
}

enum { SWEEP = 4096 };

/* Values of every exponent, dense near 1, and the special ones; k numbers the sweep. */
static void sweep(gn_rng *r, int k, double *x)
{
  const double special[] = {NAN,        INFINITY, -INFINITY, 0.0,      -0.0,
                            DBL_MAX,    -DBL_MAX, DBL_MIN,   -DBL_MIN, 0x1p-1074,
                            -0x1p-1074, 20,       -20,       746,      -746,
                            709.8,      -708.4,   40,        -40};
  const int nspecial = (int)(sizeof special / sizeof *special);
  for (int i = 0; i < SWEEP; i++) {
    const double u = in_range(r, 1, 2), sign = gn_rng_uniform(r) < 0.5 ? -1 : 1;
    if (k == 0 && i < nspecial)
      x[i] = special[i];
    else if (k < 20)
      x[i] = sign * ldexp(u, i % 2098 - 1074);
    else if (k < 40)
      x[i] = sign * ldexp(u, i % 12 - 6);
    else
      x[i] = sign * (u - 1) * (k % 2 ? 3 : 760);
  }
}

START_TEST(act_errors_in_ulp)
{
  static const double limit[NACT] = {0, 4, 8, 0, 0.5, 8, 8, 0};
  static double x[SWEEP], z[SWEEP];
  gn_rng r = gn_rng_make(4, (uint64_t)_i);
  const gn_act s = acts[_i];
  double worst = 0, at = 0;
  for (int k = 0; k < 80; k++) {
    sweep(&r, k, x);
    memcpy(z, x, sizeof z);
    gn_act_apply(s, SWEEP, z);
    for (size_t i = 0; i < SWEEP; i++) {
      const double e = ulps(z[i], act_value(s, x[i]));
      if (e > worst) at = x[i];
      worst = fmax(worst, e);
    }
  }
  ck_assert_msg(worst <= limit[_i], "activation %d: %g ulp at %a", _i, worst, at);
}
END_TEST

START_TEST(act_softplus_slope_in_ulp)
{
  static double a[SWEEP], d[SWEEP];
  gn_rng r = gn_rng_make(5, GN_STREAM_TEST);
  double worst = 0, at = 0;
  for (int k = 0; k < 80; k++) {
    sweep(&r, k, a);
    for (size_t i = 0; i < SWEEP; i++) {
      a[i] = fabs(a[i]);
      d[i] = 1;
    }
    gn_act_back(acts[GN_ACT_SOFTPLUS], SWEEP, a, d);
    for (size_t i = 0; i < SWEEP; i++) {
      const double e = ulps(d[i], -expm1l(-(long double)a[i]));
      if (e > worst) at = a[i];
      worst = fmax(worst, e);
    }
  }
  ck_assert_msg(worst <= 8, "%g ulp at %a", worst, at);
}
END_TEST

START_TEST(act_slopes_from_the_output)
{
  enum { N = 2000 };
  static double x[N], a[N], d[N];
  gn_rng r = gn_rng_make(6, (uint64_t)_i);
  const gn_act s = acts[_i];
  for (size_t i = 0; i < N; i++) {
    a[i] = x[i] = in_range(&r, -1, 1) * (i % 2 ? 2 : 30);
    d[i] = -3;
  }
  gn_act_apply(s, N, a);
  gn_act_back(s, N, a, d);
  for (size_t i = 0; i < N; i++) {
    /* the output carries an absolute error of its last place: 4 ulp of 1, times 3 */
    ck_assert_double_eq_tol(d[i], -3 * act_slope(s, x[i]), 12 * DBL_EPSILON);
    if (fabs(x[i]) > 5 || fabs(fabs(x[i]) - s.c) < 1e-5 || fabs(x[i]) < 1e-5) continue;
    double z[2] = {x[i] + 1e-6, x[i] - 1e-6};
    gn_act_apply(s, 2, z);
    /* difference quotient: rounding 1e-16 * 5 / 1e-6, truncation 1e-12 */
    ck_assert_double_eq_tol((z[0] - z[1]) / 2e-6, d[i] / -3, 2e-9);
  }
}
END_TEST

START_TEST(act_bias_in_one_pass)
{
  static const size_t widths[] = {0, 1, 3, 8, 32, 100, 128, 129, 300};
  static double z[40 * 300], want[40 * 300], bias[300];
  gn_rng r = gn_rng_make(7, (uint64_t)_i);
  const gn_act s = acts[_i];
  for (size_t k = 0; k < sizeof widths / sizeof *widths; k++)
    for (size_t B = 0; B <= 40; B += 13) {
      const size_t w = widths[k], n = B * w;
      draw(&r, n, z);
      if (n < sizeof z / sizeof *z) z[n] = 7; /* not touched */
      draw(&r, w, bias);
      for (size_t i = 0; i < n; i++) want[i] = z[i] + bias[i % w];
      gn_act_apply(s, n, want);
      gn_act_bias(s, B, w, bias, z);
      ck_assert(gn_test_same(z, want, n * sizeof *z));
      ck_assert(n == sizeof z / sizeof *z || z[n] == 7);
      gn_act_apply(s, n, want);
      gn_act_bias(s, B, w, NULL, z);
      ck_assert(gn_test_same(z, want, n * sizeof *z));
    }
}
END_TEST

/* Memory modes of a strategy keep an evaluation at other addresses and must give the same
   bits, so an element must not depend on its place in the loop. */
START_TEST(act_does_not_depend_on_the_place)
{
  enum { N = 203 };
  double x[N], all[N], part[N];
  gn_rng r = gn_rng_make(8, (uint64_t)_i);
  for (size_t i = 0; i < N; i++) x[i] = in_range(&r, -4, 4);
  memcpy(all, x, sizeof x);
  gn_act_apply(acts[_i], N, all);
  for (size_t len = 1; len <= N; len += 1 + len / 3) {
    memcpy(part, x, sizeof x);
    for (size_t i = 0; i < N; i += len)
      gn_act_apply(acts[_i], N - i < len ? N - i : len, part + i);
    ck_assert(gn_test_same(part, all, sizeof all));
  }
}
END_TEST

START_TEST(act_scalars)
{
  gn_rng r = gn_rng_make(9, GN_STREAM_TEST);
  for (int i = 0; i < 1000; i++) {
    const double x = in_range(&r, -50, 50);
    ck_assert(ulps(gn_sigmoid(x), act_value(acts[GN_ACT_SIGMOID], x)) <= 8);
    ck_assert(ulps(gn_softplus(x), act_value(acts[GN_ACT_SOFTPLUS], x)) <= 8);
  }
}
END_TEST

typedef void (*gemm)(size_t m, size_t n, size_t k, double alpha, const double *A,
                     size_t lda, const double *B, size_t ldb, double beta, double *C,
                     size_t ldc);

static void check_gemm(gn_rng *r, int kind, size_t m, size_t n, size_t k, double beta)
{
  static const gemm product[3] = {gn_gemm_nn, gn_gemm_nt, gn_gemm_tn};
  const int ta = kind == 2, tb = kind == 1;
  const size_t ra = ta ? k : m, ca = ta ? m : k, rb = tb ? n : k, cb = tb ? k : n;
  const size_t lda = ca + 3, ldb = cb + 1, ldc = n + 2;
  double *A = malloc((ra + 1) * lda * sizeof *A),
         *B = malloc((rb + 1) * ldb * sizeof *B);
  double *C = malloc((m + 1) * ldc * sizeof *C), *D = malloc((m + 1) * ldc * sizeof *D);
  ck_assert(A && B && C && D);
  draw(r, ra * lda, A);
  draw(r, rb * ldb, B);
  draw(r, m * ldc, C);
  if (beta == 0) /* C must not be read */
    for (size_t i = 0; i < m * ldc; i++) C[i] = NAN;
  memcpy(D, C, m * ldc * sizeof *D);
  product[kind](m, n, k, 0.7, A, lda, B, ldb, beta, C, ldc);
  double worst = 0;
  int padding_kept = 1;
  for (size_t i = 0; i < m; i++)
    for (size_t j = 0; j < ldc; j++) {
      if (j >= n) {
        padding_kept &= gn_test_same(&C[i * ldc + j], &D[i * ldc + j], sizeof *C);
        continue;
      }
      double s = 0;
      for (size_t l = 0; l < k; l++)
        s += A[ta ? l * lda + i : i * lda + l] * B[tb ? j * ldb + l : l * ldb + j];
      const double want = 0.7 * s + (beta == 0 ? 0 : beta * D[i * ldc + j]);
      const double error = fabs(C[i * ldc + j] - want);
      worst = isnan(error) ? DBL_MAX : fmax(worst, error);
    }
  /* sums of k products of size <= 1, in any order */
  ck_assert_msg(worst <= 4 * DBL_EPSILON * ((double)k + 2),
                "kind %d, %zu x %zu x %zu, beta %g: error %g", kind, m, n, k, beta,
                worst);
  ck_assert(padding_kept);
  free(A);
  free(B);
  free(C);
  free(D);
}

START_TEST(gemm_against_loops)
{
  static const size_t shapes[][3] = {
      {0, 3, 3},      {3, 0, 3},       {3, 4, 0},      {1, 1, 1},     {2, 3, 5},
      {7, 1, 9},      {1, 33, 17},     {64, 8, 32},    {64, 32, 8},   {64, 33, 31},
      {33, 65, 16},   {37, 12, 70},    {129, 9, 3},    {40, 40, 90},  {64, 7, 100},
      {257, 127, 33}, {256, 32, 128},  {300, 40, 100}, {33, 50, 700}, {130, 131, 259},
      {5, 600, 400},  {1000, 1024, 1},
  };
  static const double betas[] = {0, 1, -0.4};
  gn_rng r = gn_rng_make(10, GN_STREAM_TEST);
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    for (int kind = 0; kind < 3; kind++)
      check_gemm(&r, kind, shapes[i][0], shapes[i][1], shapes[i][2],
                 betas[(i + (size_t)kind) % 3]);
  for (int kind = 0; kind < 3; kind++)
    for (int b = 0; b < 3; b++) check_gemm(&r, kind, 3, 4, 0, betas[b]);
  ck_assert(strlen(gn_blas_core()) > 0);
  gn_blas_single_thread();
}
END_TEST

static const gn_net_spec specs[] = {
    {1, {3}, 1, {2}, 5, 2, 0, {GN_ACT_TANH, 0}, 0},
    {1, {3}, 1, {2}, 5, 1, 0, {GN_ACT_SIGMOID, 0}, 1},
    {3, {2, 0, 4}, 2, {3, 1}, 7, 2, 0, {GN_ACT_SOFTPLUS, 0}, 1},
    {2, {1, 5}, 3, {2, 0, 4}, 8, 3, 5, {GN_ACT_TANH, 0}, 0},
    {2, {3, 2}, 2, {1, 3}, 0, 0, 0, {GN_ACT_TANH, 0}, 1},
    {1, {4}, 1, {4}, 0, 0, 0, {GN_ACT_TANH, 0}, 0},
    {1, {0}, 1, {3}, 4, 1, 0, {GN_ACT_TANH, 0}, 1},
    {2, {2, 2}, 1, {3}, 6, 1, 4, {GN_ACT_ELU, 0}, 1},
    {1, {3}, 2, {2, 2}, 6, 2, 0, {GN_ACT_IDENTITY, 0}, 1},
    {1, {3}, 1, {2}, 6, 2, 0, {GN_ACT_RELU, 0}, 0},
    {1, {3}, 1, {2}, 6, 2, 0, {GN_ACT_LEAKY_RELU, 0.2}, 1},
    {2, {2, 1}, 1, {2}, 6, 2, 0, {GN_ACT_HARDTANH, 0.5}, 1},
    {2, {8, 8}, 1, {16}, 32, 2, 0, {GN_ACT_TANH, 0}, 0},
    {1, {20}, 2, {20, 1}, 300, 1, 0, {GN_ACT_TANH, 0}, 1}, /* wider than a tile */
};
enum { NSPEC = sizeof specs / sizeof *specs, SMOOTH = 9, MOST_ROWS = 200 };

/* A network, a point, directions, and a tape of MOST_ROWS rows. */
typedef struct rig {
  gn_arena *arena;
  gn_params ps;
  gn_fields fields;
  gn_net net;
  gn_rng rng;
  double *p, *vp, *gp, *t;
  double *x[GN_NET_BLOCKS], *vx[GN_NET_BLOCKS], *gx[GN_NET_BLOCKS];
  double *w[GN_NET_BLOCKS], *z[GN_NET_BLOCKS], *vz[GN_NET_BLOCKS];
  double *field[GN_FIELDS_MAX];
} rig;

static double *numbers(rig *g, size_t n)
{
  double *x = gn_arena_alloc(g->arena, n, sizeof *x);
  ck_assert_ptr_nonnull(x);
  draw(&g->rng, n, x);
  return x;
}

static void rig_open(rig *g, int k)
{
  memset(g, 0, sizeof *g);
  gn_ck_ok(gn_arena_create(&g->arena));
  g->ps.arena = g->arena;
  g->rng = gn_rng_make(11, (uint64_t)k);
  gn_ck_ok(gn_net_setup(&g->net, &specs[k], "f", &g->ps, &g->fields));
  g->p = numbers(g, g->ps.np);
  g->vp = numbers(g, g->ps.np);
  g->gp = numbers(g, g->ps.np);
  g->t = numbers(g, MOST_ROWS);
  for (size_t j = 0; j < specs[k].nblock_in; j++) {
    g->x[j] = numbers(g, MOST_ROWS * specs[k].in[j]);
    g->vx[j] = numbers(g, MOST_ROWS * specs[k].in[j]);
    g->gx[j] = numbers(g, MOST_ROWS * specs[k].in[j]);
  }
  for (size_t j = 0; j < specs[k].nblock_out; j++) {
    g->w[j] = numbers(g, MOST_ROWS * specs[k].out[j]);
    g->z[j] = numbers(g, MOST_ROWS * specs[k].out[j]);
    g->vz[j] = numbers(g, MOST_ROWS * specs[k].out[j]);
  }
  for (size_t j = 0; j < g->fields.n; j++)
    g->field[j] = numbers(g, MOST_ROWS * g->fields.width[j]);
}

static void rig_close(rig *g)
{
  gn_arena_destroy(&g->arena);
}

static const double *const *view(double *const *blocks)
{
  return (const double *const *)blocks;
}

static void eval(rig *g, size_t B, double *const *out)
{
  gn_net_eval(&g->net, B, g->p, view(g->x), g->t, g->field, 0, out);
}

static void clear_inputs(rig *g, size_t B)
{
  for (size_t j = 0; j < g->net.spec.nblock_in; j++)
    gn_vec_fill(B * g->net.spec.in[j], 0, g->gx[j]);
}

static double over(const rig *g, size_t B, int output,
                   double (*f)(size_t, const double *, const double *),
                   double *const *a, double *const *b)
{
  const gn_net_spec *s = &g->net.spec;
  double sum = 0;
  for (size_t j = 0; j < (output ? s->nblock_out : s->nblock_in); j++)
    sum += f(B * (output ? s->out[j] : s->in[j]), a[j], b[j]);
  return sum;
}

/* The definition, element by element in long double, of one row. */
static void plain_net(const rig *g, size_t row, long double *a)
{
  const gn_net *net = &g->net;
  size_t c = 0;
  for (size_t j = 0; j < net->spec.nblock_in; j++)
    for (size_t i = 0; i < net->spec.in[j]; i++)
      a[c++] = g->x[j][row * net->spec.in[j] + i];
  if (net->spec.time) a[c] = g->t[row];
  for (size_t l = 0; l < net->nlayer; l++) {
    long double next[512] = {0};
    for (size_t o = 0; o < net->n[l + 1]; o++) {
      next[o] = g->p[net->b[l] + o];
      for (size_t i = 0; i < net->n[l]; i++)
        next[o] += g->p[net->W[l] + o * net->n[l] + i] * a[i];
      if (l + 1 < net->nlayer) next[o] = act_value(net->spec.act, next[o]);
    }
    memcpy(a, next, net->n[l + 1] * sizeof *a);
  }
}

START_TEST(net_values)
{
  rig g;
  rig_open(&g, _i);
  const size_t B = 9;
  eval(&g, B, g.z);
  for (size_t row = 0; row < B; row++) {
    long double a[512] = {0};
    plain_net(&g, row, a);
    for (size_t k = 0, c = 0; k < specs[_i].nblock_out; k++)
      for (size_t i = 0; i < specs[_i].out[k]; i++, c++)
        /* sums of at most 300 terms of size 1, two layers deep */
        ck_assert_double_eq_tol(g.z[k][row * specs[_i].out[k] + i], (double)a[c],
                                2e-13);
  }
  rig_close(&g);
}
END_TEST

START_TEST(net_parameters_and_fields)
{
  rig g;
  rig_open(&g, 2);
  ck_assert_uint_eq(g.ps.n, 6);
  const gn_param *W = gn_params_find(&g.ps, "f.0.weight");
  ck_assert_ptr_nonnull(W);
  ck_assert_int_eq(W->rank, 2);
  ck_assert_uint_eq(W->shape[0], 7);
  ck_assert_uint_eq(W->shape[1], 7); /* 2 + 0 + 4 and time */
  ck_assert_uint_eq(W->offset, g.net.W[0]);
  gn_ck_close(W->high, 1 / sqrt(7.0), 1e-15);
  gn_ck_close(W->low, -1 / sqrt(7.0), 1e-15);
  const gn_param *b = gn_params_find(&g.ps, "f.2.bias");
  ck_assert_ptr_nonnull(b);
  ck_assert_int_eq(b->rank, 1);
  ck_assert_uint_eq(b->shape[0], 4);
  gn_ck_close(b->high, 1 / sqrt(7.0), 1e-15); /* width 7 */
  ck_assert_uint_eq(g.ps.np, 7 * 7 + 7 + 7 * 7 + 7 + 4 * 7 + 4);
  ck_assert_uint_eq(g.fields.n, 3 + 1 + 2 + 3);
  ck_assert_uint_eq(g.fields.width[g.net.fx + 2], 4);
  ck_assert_uint_eq(g.fields.width[g.net.ft], 1);
  ck_assert_uint_eq(g.fields.width[g.net.fa[1]], 7);
  ck_assert_uint_eq(g.fields.width[g.net.fd[2]], 4);
  rig_close(&g);
}
END_TEST

static void refuse_spec(gn_net_spec spec, const char *text)
{
  rig g;
  memset(&g, 0, sizeof g);
  gn_ck_ok(gn_arena_create(&g.arena));
  g.ps.arena = g.arena;
  gn_ck_fails(gn_net_setup(&g.net, &spec, "f", &g.ps, &g.fields), GN_EARG, text);
  ck_assert_uint_eq(g.ps.n, 0);
  rig_close(&g);
}

START_TEST(net_refusals)
{
  gn_net_spec s = specs[0];
  s.nblock_in = 0;
  refuse_spec(s, "0 input blocks, expected 1 to 6");
  s = specs[0];
  s.nblock_out = GN_NET_BLOCKS + 1;
  refuse_spec(s, "7 output blocks, expected 1 to 6");
  s = specs[0];
  s.depth = GN_NET_LAYERS;
  refuse_spec(s, "depth = 16, expected 0 to 15");
  s = specs[0];
  s.width = 0;
  refuse_spec(s, "width = 0");
  s = specs[0];
  s.in[0] = 0;
  refuse_spec(s, "input blocks have width 0");
  s = specs[0];
  s.out[0] = 0;
  refuse_spec(s, "output blocks have width 0");
  s = specs[11];
  s.act.c = 0;
  refuse_spec(s, "hardtanh bound 0");
  s = specs[10];
  s.act.c = -0.1;
  refuse_spec(s, "leaky_relu slope -0.1");
  s = specs[0];
  s.act.kind = (gn_act_kind)NACT;
  refuse_spec(s, "activation 8");
  gn_fields fields = {.n = GN_FIELDS_MAX};
  size_t position;
  gn_ck_fails(gn_fields_add(&fields, 1, &position), GN_ELIMIT, "128 arrays");
}
END_TEST

START_TEST(net_derivative_is_the_limit)
{
  rig g;
  rig_open(&g, _i);
  const gn_net_spec *s = &specs[_i];
  const size_t B = 5;
  double base[GN_NET_BLOCKS][5 * 20] = {{0}}, *pz[GN_NET_BLOCKS], remainder[2] = {0, 0};
  eval(&g, B, g.z);
  gn_net_jvp(&g.net, B, g.p, g.field, view(g.vx), g.vp, 0, g.vz);
  for (size_t k = 0; k < s->nblock_out; k++) {
    gn_vec_copy(B * s->out[k], g.z[k], base[k]);
    pz[k] = g.z[k];
  }
  for (int e = 0; e < 2; e++) {
    const double eps = e ? 5e-4 : 1e-3;
    const double step = e ? -5e-4 : 1e-3; /* to 1e-3, then back to half of it */
    gn_vec_axpy(g.ps.np, step, g.vp, g.p);
    for (size_t j = 0; j < s->nblock_in; j++)
      gn_vec_axpy(B * s->in[j], step, g.vx[j], g.x[j]);
    eval(&g, B, pz);
    for (size_t k = 0; k < s->nblock_out; k++)
      for (size_t i = 0; i < B * s->out[k]; i++)
        remainder[e] =
            fmax(remainder[e], fabs(g.z[k][i] - base[k][i] - eps * g.vz[k][i]));
  }
  /* second order: 1/4, or nothing where the map is linear in each argument alone */
  ck_assert_msg(remainder[0] > 1e-9 && fabs(remainder[1] / remainder[0] - 0.25) < 0.02,
                "remainders %g %g", remainder[0], remainder[1]);
  rig_close(&g);
}
END_TEST

/* <w, J v> = <J^T w, v> for the input, the parameters, and both at once. */
START_TEST(net_verbs_are_transposes)
{
  rig g;
  rig_open(&g, _i);
  const gn_net *net = &g.net;
  for (size_t B = 1; B <= 64; B += 21)
    for (int part = 1; part <= 3; part++) {
      const int by_x = part & 1, by_p = part & 2;
      eval(&g, B, g.z);
      gn_net_jvp(net, B, g.p, g.field, by_x ? view(g.vx) : NULL, by_p ? g.vp : NULL, 0,
                 g.vz);
      clear_inputs(&g, B);
      gn_vec_fill(g.ps.np, 0, g.gp);
      gn_net_vjp(net, B, g.p, g.field, 1, view(g.w), g.gx);
      gn_net_pgrad(net, B, g.field, 1, g.gp);
      double left = over(&g, B, 1, dot, g.w, g.vz), right = 0,
             size = over(&g, B, 1, abs_dot, g.w, g.vz);
      if (by_x) right += over(&g, B, 0, dot, g.gx, g.vx);
      if (by_x) size += over(&g, B, 0, abs_dot, g.gx, g.vx);
      if (by_p) right += dot(g.ps.np, g.gp, g.vp);
      if (by_p) size += abs_dot(g.ps.np, g.gp, g.vp);
      ck_assert_msg(fabs(left - right) <= 1e-13 * size, "part %d: %.17g and %.17g",
                    part, left, right);
    }
  rig_close(&g);
}
END_TEST

START_TEST(net_pgrad_by_differences)
{
  rig g;
  rig_open(&g, _i);
  const size_t B = 3, stride = g.ps.np > 400 ? 97 : 1;
  eval(&g, B, g.z);
  gn_vec_fill(g.ps.np, 0, g.gp);
  gn_net_vjp(&g.net, B, g.p, g.field, 1, view(g.w), NULL);
  gn_net_pgrad(&g.net, B, g.field, 1, g.gp);
  for (size_t i = 0; i < g.ps.np; i += stride) {
    const double e = 1e-6, keep = g.p[i];
    double L[2];
    for (int k = 0; k < 2; k++) {
      g.p[i] = k ? keep - e : keep + e;
      eval(&g, B, g.z);
      L[k] = over(&g, B, 1, dot, g.w, g.z);
    }
    g.p[i] = keep;
    /* rounding 1e-15 * 10 / 1e-6; no kink lies within 1e-6 of these numbers */
    ck_assert_double_eq_tol((L[0] - L[1]) / (2 * e), g.gp[i], 5e-8);
  }
  rig_close(&g);
}
END_TEST

START_TEST(net_accumulates)
{
  rig g;
  rig_open(&g, _i);
  const gn_net_spec *s = &specs[_i];
  const size_t B = 6;
  double fresh[6 * 20], before[GN_NET_BLOCKS][6 * 20] = {{0}}, x_old[6 * 20];
  for (size_t k = 0; k < s->nblock_out; k++)
    gn_vec_copy(B * s->out[k], g.z[k], before[k]);
  gn_net_eval(&g.net, B, g.p, view(g.x), g.t, g.field, 1, g.z);
  eval(&g, B, g.vz);
  for (size_t k = 0; k < s->nblock_out; k++) {
    for (size_t i = 0; i < B * s->out[k]; i++) fresh[i] = before[k][i] + g.vz[k][i];
    gn_ck_close_all(B * s->out[k], g.z[k], fresh, 1e-13);
    gn_vec_copy(B * s->out[k], g.z[k], before[k]);
  }
  gn_net_jvp(&g.net, B, g.p, g.field, view(g.vx), g.vp, 1, g.z);
  gn_net_jvp(&g.net, B, g.p, g.field, view(g.vx), g.vp, 0, g.vz);
  for (size_t k = 0; k < s->nblock_out; k++) {
    for (size_t i = 0; i < B * s->out[k]; i++) fresh[i] = before[k][i] + g.vz[k][i];
    gn_ck_close_all(B * s->out[k], g.z[k], fresh, 1e-12);
  }
  /* vjp and pgrad twice, with half the factor, onto something */
  const size_t np = g.ps.np, nx = B * s->in[0];
  double *gx0 = g.gx[0], *old = numbers(&g, np);
  gn_vec_copy(np, g.gp, old);
  gn_vec_copy(nx, gx0, x_old);
  for (int k = 0; k < 2; k++) {
    gn_net_vjp(&g.net, B, g.p, g.field, 0.5, view(g.w), g.gx);
    gn_net_pgrad(&g.net, B, g.field, 3, g.gp);
  }
  gn_vec_axpy(np, -1, old, g.gp);
  gn_vec_axpy(nx, -1, x_old, gx0);
  double *gp = g.vp, *gx[GN_NET_BLOCKS] = {g.vx[0]};
  gn_vec_fill(np, 0, gp);
  gn_vec_fill(nx, 0, gx[0]);
  gn_net_vjp(&g.net, B, g.p, g.field, 1, view(g.w), gx); /* other blocks not wanted */
  gn_net_pgrad(&g.net, B, g.field, 3, gp);
  gn_ck_close_all(np, g.gp, gp, 1e-13);
  if (nx) gn_ck_close_all(nx, gx0, gx[0], 1e-13);
  rig_close(&g);
}
END_TEST

START_TEST(net_zero_blocks)
{
  rig g;
  rig_open(&g, 3);
  const gn_net_spec *s = &specs[3];
  const size_t B = 4;
  eval(&g, B, g.z);
  /* a NULL cotangent or tangent block is a block of zeros */
  const double *w[GN_NET_BLOCKS] = {NULL, NULL, g.w[2]},
               *vx[GN_NET_BLOCKS] = {g.vx[0], NULL};
  for (int k = 0; k < 2; k++) {
    double *gx[GN_NET_BLOCKS] = {k ? g.gx[0] : g.vx[1], NULL};
    gn_vec_fill(B * s->in[0], 0, gx[0]);
    gn_net_vjp(&g.net, B, g.p, g.field, 1, w, gx);
    gn_vec_fill(B * s->out[0], 0, g.w[0]);
    w[0] = g.w[0];
  }
  ck_assert(gn_test_same(g.gx[0], g.vx[1], B * s->in[0] * sizeof(double)));
  gn_net_jvp(&g.net, B, g.p, g.field, vx, NULL, 0, g.vz);
  gn_vec_fill(B * s->in[1], 0, g.gx[1]);
  vx[1] = g.gx[1];
  gn_net_jvp(&g.net, B, g.p, g.field, vx, NULL, 0, g.z);
  gn_ck_close_all(B * s->out[2], g.vz[2], g.z[2], 1e-14);
  gn_net_jvp(&g.net, B, g.p, g.field, NULL, NULL, 0, g.vz);
  for (size_t i = 0; i < B * s->out[2]; i++) ck_assert(g.vz[2][i] == 0);
  rig_close(&g);
}
END_TEST

START_TEST(net_batch_equals_its_rows)
{
  rig g;
  rig_open(&g, _i);
  const gn_net_spec *s = &specs[_i];
  const size_t B = 67;
  eval(&g, B, g.z);
  clear_inputs(&g, B);
  gn_net_vjp(&g.net, B, g.p, g.field, 1, view(g.w), g.gx);
  for (size_t row = 0; row < B; row++) {
    const double *x[GN_NET_BLOCKS], *w[GN_NET_BLOCKS];
    double *gx[GN_NET_BLOCKS];
    for (size_t j = 0; j < s->nblock_in; j++) {
      x[j] = g.x[j] + row * s->in[j];
      gx[j] = g.vx[j];
      gn_vec_fill(s->in[j], 0, gx[j]);
    }
    for (size_t k = 0; k < s->nblock_out; k++) w[k] = g.w[k] + row * s->out[k];
    gn_net_eval(&g.net, 1, g.p, x, g.t + row, g.field, 0, g.vz);
    gn_net_vjp(&g.net, 1, g.p, g.field, 1, w, gx);
    /* 1e-14 relative to the sum of the absolute terms, up to 300 of size 1 */
    for (size_t k = 0; k < s->nblock_out; k++)
      for (size_t i = 0; i < s->out[k]; i++)
        ck_assert_double_eq_tol(g.vz[k][i], g.z[k][row * s->out[k] + i],
                                1e-14 * (1 + (double)s->width));
    for (size_t j = 0; j < s->nblock_in; j++)
      for (size_t i = 0; i < s->in[j]; i++)
        ck_assert_double_eq_tol(gx[j][i], g.gx[j][row * s->in[j] + i],
                                1e-14 * (1 + (double)s->width));
  }
  rig_close(&g);
}
END_TEST

/* Evaluations that follow each other in the tape: one pgrad is the sum of theirs. */
START_TEST(net_slices)
{
  rig g;
  rig_open(&g, _i);
  const gn_net_spec *s = &specs[_i];
  const size_t B = 31, S = 6, np = g.ps.np;
  double *sum = g.vp;
  gn_vec_fill(np, 0, sum);
  gn_vec_fill(np, 0, g.gp);
  for (size_t k = 0; k < S; k++) {
    const double *x[GN_NET_BLOCKS], *w[GN_NET_BLOCKS];
    double *field[GN_FIELDS_MAX];
    for (size_t j = 0; j < s->nblock_in; j++) x[j] = g.x[j] + k * B * s->in[j];
    for (size_t j = 0; j < s->nblock_out; j++) w[j] = g.w[j] + k * B * s->out[j];
    for (size_t j = 0; j < g.fields.n; j++)
      field[j] = g.field[j] + k * B * g.fields.width[j];
    gn_net_eval(&g.net, B, g.p, x, g.t + k * B, field, 0, g.z);
    gn_net_vjp(&g.net, B, g.p, field, 1, w, NULL);
    gn_net_pgrad(&g.net, B, field, 0.25, sum);
  }
  gn_net_pgrad(&g.net, S * B, g.field, 0.25, g.gp);
  /* sums of 186 terms in another order */
  gn_ck_close_all(np, g.gp, sum, 1e-13);
  rig_close(&g);
}
END_TEST

/* Run everything on a tape full of value, from zero gradients. */
static void run_all(rig *g, size_t B, double value)
{
  for (size_t j = 0; j < g->fields.n; j++)
    gn_vec_fill(MOST_ROWS * g->fields.width[j], value, g->field[j]);
  for (size_t k = 0; k < g->net.spec.nblock_out; k++) {
    gn_vec_fill(B * g->net.spec.out[k], value, g->z[k]);
    gn_vec_fill(B * g->net.spec.out[k], value, g->vz[k]);
  }
  clear_inputs(g, B);
  gn_vec_fill(g->ps.np, 0, g->gp);
  eval(g, B, g->z);
  gn_net_jvp(&g->net, B, g->p, g->field, view(g->vx), g->vp, 0, g->vz);
  gn_net_vjp(&g->net, B, g->p, g->field, 1, view(g->w), g->gx);
  gn_net_pgrad(&g->net, B, g->field, 1, g->gp);
}

START_TEST(net_tape_needs_no_content_and_nothing_is_allocated)
{
  rig clean, dirty;
  rig_open(&clean, _i);
  rig_open(&dirty, _i);
  const gn_net_spec *s = &specs[_i];
  const size_t B = 33;
  const long before = gn_wrap_count();
  run_all(&clean, B, 0);
  run_all(&dirty, B, NAN);
  const long after = gn_wrap_count();
  ck_assert_int_eq(after, before);
  for (size_t k = 0; k < s->nblock_out; k++) {
    ck_assert(gn_test_same(clean.z[k], dirty.z[k], B * s->out[k] * sizeof(double)));
    ck_assert(gn_test_same(clean.vz[k], dirty.vz[k], B * s->out[k] * sizeof(double)));
  }
  for (size_t j = 0; j < s->nblock_in; j++)
    ck_assert(gn_test_same(clean.gx[j], dirty.gx[j], B * s->in[j] * sizeof(double)));
  ck_assert(gn_test_same(clean.gp, dirty.gp, clean.ps.np * sizeof(double)));
  rig_close(&clean);
  rig_close(&dirty);
}
END_TEST

int main(void)
{
  gn_blas_single_thread();
  Suite *suite = suite_create("nn");
  TCase *tc = tcase_create("nn");
  tcase_set_timeout(tc, 300);
  tcase_add_test(tc, vec_lincomb_has_the_bits_of_the_naive_order);
  tcase_add_test(tc, vec_reductions);
  tcase_add_test(tc, vec_elementwise);
  tcase_add_loop_test(tc, act_errors_in_ulp, 0, NACT);
  tcase_add_test(tc, act_softplus_slope_in_ulp);
  tcase_add_loop_test(tc, act_slopes_from_the_output, 0, NACT);
  tcase_add_loop_test(tc, act_bias_in_one_pass, 0, NACT);
  tcase_add_loop_test(tc, act_does_not_depend_on_the_place, 0, NACT);
  tcase_add_test(tc, act_scalars);
  tcase_add_test(tc, gemm_against_loops);
  tcase_add_test(tc, net_parameters_and_fields);
  tcase_add_test(tc, net_refusals);
  tcase_add_loop_test(tc, net_values, 0, NSPEC);
  tcase_add_loop_test(tc, net_derivative_is_the_limit, 0, SMOOTH);
  tcase_add_loop_test(tc, net_verbs_are_transposes, 0, NSPEC);
  tcase_add_loop_test(tc, net_pgrad_by_differences, 0, NSPEC);
  tcase_add_loop_test(tc, net_accumulates, 0, NSPEC);
  tcase_add_test(tc, net_zero_blocks);
  tcase_add_loop_test(tc, net_batch_equals_its_rows, 0, NSPEC);
  tcase_add_loop_test(tc, net_slices, 0, NSPEC);
  tcase_add_loop_test(tc, net_tape_needs_no_content_and_nothing_is_allocated, 0, NSPEC);
  suite_add_tcase(suite, tc);
  SRunner *runner = srunner_create(suite);
  srunner_run_all(runner, CK_NORMAL);
  const int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
