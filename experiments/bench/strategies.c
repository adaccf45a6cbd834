/* Gradient strategies on a heavy-ball network at three sizes: error, counts, CPU time, and
 * how much of the machine's own matrix-product peak the useful arithmetic reaches.
 *
 *   h' = m,  m' = MLP(h) - sigmoid(rho) m,   L = 1/(2B) |h(T) - target|^2
 *
 * MLP: 3 layers d -> w -> w -> d, tanh, Xavier weights with gain 1.5. Tolerance 1e-5, one
 * thread, double. Strategies run in turn, medians over the repeats. Useful flops: with
 * F = 2 B (d w + w w + w d), one F for each f of an attempted stage (both directions), one
 * for each vjp and each pgrad of a stage of an accepted step whose weight is not zero;
 * recomputation and probes count as time only.
 *
 *   bench_strategies [--repeats=N] [--csv] [small] [medium] [large] */
#include "base/clock.h"
#include "base/rng.h"
#include "base/table.h"
#include "base/text.h"
#include "base/vec.h"
#include "core/numeric.h"
#include "core/pass.h"
#include "nn/gemm.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct size_row {
  const char *name, *B, *d, *w;
  double T;
} size_row;
static const size_row sizes[] = { { "small", "64", "8", "32", 4 },
                                  { "medium", "256", "32", "128", 2 },
                                  { "large", "512", "64", "512", 2 } };

typedef struct strategy {
  const char *label, *cls, *key, *value;
} strategy;
static const strategy strategies[] = {
  { "discrete", "discrete", NULL, NULL },
  { "discrete, states kept", "discrete", "budget", NULL }, /* the value depends on the size */
  { "backsolve blockmax", "backsolve", "norm", "blockmax" },
  { "backsolve rms", "backsolve", "norm", "rms" },
  { "backsolve semi", "backsolve", "norm", "semi" },
  { "seminorm", "seminorm", NULL, NULL },
};
enum { NSTRATEGY = sizeof strategies / sizeof *strategies, MOST = 64 };

typedef struct bench {
  size_t B, d, w, np;
  double T, flops; /* F */
  gn_model *model;
  gn_event event;
  gn_problem problem;
  gn_solver solver;
  void *solver_config;
  double *p, *x, *target, *z, *gz, *gp, *reference;
} bench;

static void die(const char *what)
{
  (void)fprintf(stderr, "bench_strategies: %s: %s\n", what, gn_last_error());
  exit(1);
}

static void *config_of(const gn_option *options, size_t size)
{
  void *c = calloc(1, size ? size : 1);
  if (!c) die("memory");
  gn_options_default(options, c);
  return c;
}

static double *doubles(size_t n)
{
  double *v = calloc(n, sizeof *v);
  if (!v) die("memory");
  return v;
}

static double median(double *v, size_t n)
{
  for (size_t i = 1; i < n; i++)
    for (size_t j = i; j > 0 && v[j] < v[j - 1]; j--) {
      const double t = v[j];
      v[j] = v[j - 1], v[j - 1] = t;
    }
  return v[n / 2];
}

/* Peak of dgemm at 2048^3, flops per second. */
static double peak(void)
{
  enum { N = 2048, RUNS = 5 };
  double *A = doubles((size_t)N * N), *C = doubles((size_t)N * N), t[RUNS];
  for (size_t i = 0; i < (size_t)N * N; i++) A[i] = 1e-3 * (double)(i % 97);
  for (int k = 0; k < RUNS; k++) {
    const double begin = gn_clock_cpu();
    gn_gemm_nn(N, N, N, 1, A, N, A, N, 0, C, N);
    t[k] = gn_clock_cpu() - begin;
  }
  free(A);
  free(C);
  return 2.0 * N * N * N / median(t, RUNS);
}

static void xavier(const gn_model *m, double *p)
{
  gn_params_init(&m->params, 1, p);
  for (size_t k = 0; k < m->params.n; k++) {
    const gn_param *pa = &m->params.at[k];
    if (pa->rank != 2) {
      if (pa->rank == 1 && pa->n > 1) gn_vec_fill(pa->n, 0.0, p + pa->offset);
      continue;
    }
    const double bound = 1.5 * sqrt(6.0 / (double)(pa->shape[0] + pa->shape[1]));
    gn_rng r = gn_rng_make(7, gn_rng_stream(GN_STREAM_TEST, k));
    for (size_t i = 0; i < pa->n; i++)
      p[pa->offset + i] = bound * (2 * gn_rng_uniform(&r) - 1);
  }
}

static void set_up(bench *b, const size_row *size)
{
  const gn_model_class *cls = gn_model_find("hbnode");
  const gn_stepper_class *erk = gn_stepper_find("erk");
  if (!cls || !erk) die("registry");
  void *c = config_of(cls->options, cls->config_size);
  if (gn_option_set(cls->options, c, "dim", size->d) ||
      gn_option_set(cls->options, c, "width", size->w) ||
      gn_model_create(cls, c, (gn_sizes){ 0, 0, 0 }, &b->model))
    die("model");
  if (gn_model_analytic(b->model)) die("hbnode");
  free(c);
  b->B = (size_t)strtoul(size->B, NULL, 10);
  b->d = (size_t)strtoul(size->d, NULL, 10);
  b->w = (size_t)strtoul(size->w, NULL, 10);
  b->T = size->T;
  b->np = b->model->params.np;
  b->flops = 2.0 * (double)b->B * (double)(2 * b->d * b->w + b->w * b->w);
  const double times[2] = { 0, b->T };
  if (gn_problem_outputs(b->model, 1, times, GN_LAND, &b->event, &b->problem)) die("problem");
  b->solver_config = config_of(erk->options, erk->config_size);
  b->solver = (gn_solver){ .cls = erk, .config = b->solver_config, .tol = { 1e-5, 1e-5 },
                           .back = { 1e-5, 1e-5 }, .max_steps = 100000 };
  const size_t n = b->B * b->d;
  b->p = doubles(b->np), b->gp = doubles(b->np), b->reference = doubles(b->np);
  b->x = doubles(n), b->target = doubles(n), b->z = doubles(n), b->gz = doubles(n);
  xavier(b->model, b->p);
  gn_rng r = gn_rng_make(3, gn_rng_stream(GN_STREAM_TEST, 1000));
  for (size_t i = 0; i < n; i++) {
    b->x[i] = gn_rng_normal(&r);
    b->target[i] = gn_rng_normal(&r);
  }
}

static void tear_down(bench *b)
{
  gn_model_destroy(&b->model);
  double *all[] = { b->p, b->gp, b->reference, b->x, b->target, b->z, b->gz };
  for (size_t k = 0; k < sizeof all / sizeof *all; k++) free(all[k]);
  free(b->solver_config);
}

/* One gradient; its CPU seconds. */
static double gradient(bench *b, gn_pass *ps)
{
  const size_t n = b->B * b->d;
  const double begin = gn_clock_cpu();
  if (gn_pass_forward(ps, b->B, b->p, NULL, b->x, b->z)) die("forward");
  for (size_t i = 0; i < n; i++) b->gz[i] = (b->z[i] - b->target[i]) / (double)b->B;
  gn_vec_fill(b->np, 0.0, b->gp);
  if (gn_pass_backward(ps, b->gz, b->gp, NULL, NULL)) die("backward");
  return gn_clock_cpu() - begin;
}

static gn_pass *make_pass(bench *b, const strategy *s, const char *budget)
{
  const gn_gradient_class *cls = gn_gradient_find(s->cls);
  if (!cls) die("strategy");
  void *c = config_of(cls->options, cls->config_size);
  const char *value = s->value ? s->value : budget;
  if (s->key && gn_option_set(cls->options, c, s->key, value)) die("option");
  gn_pass *ps;
  if (gn_pass_create(cls, c, &b->problem, &b->solver, b->B, &ps)) die(s->label);
  free(c);
  return ps;
}

static void make_reference(bench *b)
{
  const gn_tolerance tight = { 1e-12, 1e-12 }, loose = b->solver.tol;
  b->solver.tol = tight;
  gn_pass *ps = make_pass(b, &strategies[0], NULL);
  gradient(b, ps);
  gn_vec_copy(b->np, b->gp, b->reference);
  gn_pass_destroy(&ps);
  b->solver.tol = loose;
}

static double error(const bench *b)
{
  double e = 0;
  for (size_t i = 0; i < b->np; i++) e += pow(b->gp[i] - b->reference[i], 2);
  return sqrt(e / gn_vec_sumsq(b->np, b->reference));
}

/* Dormand-Prince: 6 new stages an attempt, 5 with a nonzero weight; in the discrete adjoint
   6 slopes of a step have a nonzero cotangent. */
static double useful(const bench *b, const strategy *s, const gn_stats *st)
{
  const double forward = 6.0 * (double)(st->steps + st->rejects) + 1;
  if (strcmp(s->cls, "discrete") == 0) return b->flops * (forward + 12.0 * (double)st->steps);
  const double backward = 6.0 * (double)(st->back_steps + st->back_rejects) + 1;
  return b->flops * (forward + backward + 10.0 * (double)st->back_steps);
}

static void report(gn_table *t, const bench *b, const size_row *size, const strategy *s,
                   const gn_stats *st, double err, double sec, double top)
{
  const double rate = useful(b, s, st) / sec;
  gn_table_cell(t, "%s", size->name);
  gn_table_cell(t, "%s", s->label);
  gn_table_cell(t, "%.1e", err);
  gn_table_cell(t, "%ld+%ld", st->steps, st->back_steps);
  gn_table_cell(t, "%ld+%ld", st->rejects, st->back_rejects);
  gn_table_cell(t, "%ld+%ld", st->f, st->back_f);
  gn_table_cell(t, "%ld", st->back_vjp);
  gn_table_cell(t, "%ld", st->back_pgrad);
  gn_table_cell(t, "%.3f", 1e3 * sec);
  gn_table_cell(t, "%.1f", rate * 1e-9);
  gn_table_cell(t, "%.0f", 100 * rate / top);
  gn_table_end_row(t);
}

/* A budget for every state and slope, and for three steps' records: those a sweep has at hand. */
static void states_only(const bench *b, const gn_stats *all, size_t size, char *budget)
{
  const double state = 2.0 * (double)(b->B * b->problem.model->ny * sizeof(double));
  const double step = (double)all->bytes / (double)all->steps; /* its record and state */
  (void)snprintf(budget, size, "%.0f", 3 * step + (double)all->steps * state);
}

static void run(const size_row *size, int repeats, double top, gn_table *t)
{
  bench b = { 0 };
  set_up(&b, size);
  make_reference(&b);
  char budget[32] = ""; /* known when the first, which keeps all, has run */
  static double sec[NSTRATEGY][MOST];
  gn_pass *ps[NSTRATEGY];
  double err[NSTRATEGY];
  for (int k = 0; k < NSTRATEGY; k++) {
    ps[k] = make_pass(&b, &strategies[k], budget);
    gradient(&b, ps[k]); /* first touch */
    gradient(&b, ps[k]);
    err[k] = error(&b);
    if (k == 0) states_only(&b, gn_pass_stats(ps[k]), sizeof budget, budget);
  }
  for (int r = 0; r < repeats; r++)
    for (int k = 0; k < NSTRATEGY; k++) sec[k][r] = gradient(&b, ps[k]);
  for (int k = 0; k < NSTRATEGY; k++)
    report(t, &b, size, &strategies[k], gn_pass_stats(ps[k]), err[k],
           median(sec[k], (size_t)repeats), top);
  for (int k = 0; k < NSTRATEGY; k++) gn_pass_destroy(&ps[k]);
  tear_down(&b);
}

int main(int argc, char **argv)
{
  long repeats = 15;
  int csv = 0, chosen = 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--csv") == 0) csv = 1;
    else if (strncmp(argv[i], "--repeats=", 10) == 0) {
      if (gn_text_long(argv[i] + 10, &repeats) || repeats < 1 || repeats > MOST) {
        (void)fprintf(stderr, "bench_strategies: --repeats takes 1 to %d\n", MOST);
        return 2;
      }
    } else {
      size_t k = 0;
      while (k < 3 && strcmp(argv[i], sizes[k].name) != 0) k++;
      if (k == 3) {
        (void)fprintf(stderr, "usage: bench_strategies [--repeats=1..%d] [--csv] "
                        "[small] [medium] [large]\n", MOST);
        return 2;
      }
      chosen |= 1 << k;
    }
  }
  gn_blas_single_thread();
  if (getenv("OPENBLAS_CORETYPE"))
    (void)fprintf(stderr, "bench_strategies: OPENBLAS_CORETYPE is set; unset it to measure this "
                    "machine as it is\n");
  const double top = peak();
  (void)printf("BLAS core %s, one thread, dgemm peak (2048^3) %.1f GF/s\n\n", gn_blas_core(),
         top * 1e-9);
  static const char *const names[] = { "<size", "<strategy", "err_ode", "steps", "rejected",
                                       "f", "vjp", "pgrad", "cpu ms", "useful GF/s",
                                       "% of peak" };
  gn_table *t;
  if (gn_table_create(sizeof names / sizeof *names, names, &t)) die("table");
  for (size_t k = 0; k < 3; k++)
    if (!chosen || (chosen & 1 << k)) run(&sizes[k], (int)repeats, top, t);
  if (gn_table_print(t, stdout, csv)) die("table");
  gn_table_destroy(&t);
  return 0;
}
