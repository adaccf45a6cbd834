/* Method of steps by Gauss collocation with 8 nodes, on a grid that divides the lag:
 *
 *   X_i = x_n + h sum_j A_ij (a_j + b_j X_j),   A_ij = int_0^{c_i} l_j,
 *
 * with a_j, b_j at the delayed state. A lag is a whole number of steps, so that this is X_j of
 * an earlier step, and nothing is interpolated; breaking points are ends of steps. Outputs
 * are x_n + h sum_j int_0^theta l_j k_j, local order 9; steps end with order 16.
 * Hairer, Norsett, Wanner, Solving ODEs I (1993), II.7 and II.17. */
#include "core/lagged.h"

#include "base/lapack.h"
#include "base/rng.h"

#include <math.h>

enum { S = 8 };

typedef struct solve {
  const gn_lagged_law *law;
  size_t m, nstep;      /* steps in a lag, in all */
  double h;
  double c[S], w[S], A[S][S];
  double (*X)[S];       /* [nstep] stages */
  double k[S];          /* slopes of the last step */
} solve;

/* B_j = int_0^theta l_j, by the nodes themselves: l_j has degree 7. */
static void integrals(const solve *s, double theta, double *B)
{
  for (size_t j = 0; j < S; j++) {
    B[j] = 0;
    for (size_t q = 0; q < S; q++) {
      double l = 1;
      for (size_t i = 0; i < S; i++)
        if (i != j) l *= (theta * s->c[q] - s->c[i]) / (s->c[j] - s->c[i]);
      B[j] += theta * s->w[q] * l;
    }
  }
}

static gn_status setup(gn_arena *a, const gn_lagged_config *c, const gn_lagged_law *law, solve *s)
{
  double *work;
  *s = (solve){ .law = law, .m = (size_t)c->steps, .h = law->tau / c->steps };
  const double count = ceil(c->T / s->h * (1 - 1e-12));
  GN_REQUIRE(count <= 1e7, GN_EARG, "T = %g with steps = %d a lag of %g is %g steps, expected at "
             "most 1e7", c->T, c->steps, law->tau, count);
  s->nstep = (size_t)count;
  GN_NEW(a, work, (size_t)S * (S + 4));
  GN_NEW(a, s->X, s->nstep);
  GN_TRY(gn_gauss_legendre(S, s->c, s->w, work));
  for (size_t i = 0; i < S; i++) s->c[i] = (1 + s->c[i]) / 2, s->w[i] /= 2;
  for (size_t i = 0; i < S; i++) integrals(s, s->c[i], s->A[i]);
  return GN_OK;
}

/* Step n from x: its stages and their slopes. */
static gn_status step(solve *s, size_t n, double history, double x)
{
  double a[S], b[S], M[S * S], *X = s->X[n];
  int pivot[S];
  for (size_t j = 0; j < S; j++)
    s->law->terms(s->law->user, n < s->m ? history : s->X[n - s->m][j], &a[j], &b[j]);
  for (size_t i = 0; i < S; i++) {
    X[i] = x;
    for (size_t j = 0; j < S; j++) {
      X[i] += s->h * s->A[i][j] * a[j];
      M[j * S + i] = (i == j) - s->h * s->A[i][j] * b[j];
    }
  }
  GN_REQUIRE(gn_lu_factor(S, M, pivot) == 0, GN_ESOLVER,
             "history %g: no solution of a step at t = %g; use more steps", history,
             (double)n * s->h);
  gn_lu_solve(S, M, pivot, X);
  for (size_t j = 0; j < S; j++) s->k[j] = a[j] + b[j] * X[j];
  return GN_OK;
}

static gn_status trajectory(solve *s, double history, size_t K, const double *times, double *y)
{
  double x = history, B[S];
  for (size_t n = 0, o = 0; n < s->nstep; n++) {
    const double t = (double)n * s->h, end = t + s->h;
    GN_TRY(step(s, n, history, x));
    for (; o < K && (times[o] <= end || n + 1 == s->nstep); o++) {
      integrals(s, (times[o] - t) / s->h, B);
      y[o] = x;
      for (size_t j = 0; j < S; j++) y[o] += s->h * B[j] * s->k[j];
    }
    for (size_t j = 0; j < S; j++) x += s->h * s->w[j] * s->k[j];
  }
  return GN_OK;
}

gn_status gn_lagged_make(const gn_lagged_config *c, const gn_lagged_law *law, uint64_t seed,
                         gn_dataset *d)
{
  GN_REQUIRE(c->low <= c->high, GN_EARG, "low = %g, expected at most high = %g", c->low, c->high);
  const size_t ntrain = gn_split_train(&c->split, (size_t)c->n), K = (size_t)c->K;
  const size_t n = ntrain + (size_t)(c->split.part == GN_PART_TEST ? c->test : c->valid);
  double *times, *x, *y;
  solve s;
  GN_TRY(setup(d->arena, c, law, &s));
  GN_NEW(d->arena, times, K + 1);
  GN_NEW(d->arena, x, n);
  GN_NEW(d->arena, y, n * K);
  for (size_t k = 0; k <= K; k++) times[k] = (double)k * c->T / (double)K;
  for (size_t i = 0; i < n; i++) {
    gn_rng r = gn_rng_make(seed, gn_split_stream(&c->split, ntrain, i));
    x[i] = c->low + (c->high - c->low) * gn_rng_uniform(&r);
    GN_TRY(trajectory(&s, x[i], K, times + 1, y + i * K));
  }
  *d = (gn_dataset){ .arena = d->arena, .n = n, .ntrain = ntrain, .K = K, .nx = 1, .ny = 1,
                     .times = times, .x = x, .y = y };
  return GN_OK;
}
