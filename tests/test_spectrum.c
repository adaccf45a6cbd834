/* What the heavy-ball papers say about the spectrum and the adjoint, measured: eigenvalues of
 * the frozen Jacobian come in pairs that sum to -gamma; lambda_m = dL/dm satisfies the same
 * second-order equation backward in time, lambda_m'' = gamma lambda_m' + f_h^T lambda_m;
 * lambda_h = dL/dh does not, unless f_h is constant, nor does lambda_m with a bounded
 * velocity h' = tanh(m). Xia et al., NeurIPS 2021. */
#include "base/lapack.h"
#include "study/spectrum.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { GRID = 200 };
static const double T = 10;

static const char base_ini[] =
    "[data]\nname = spiral\nkind = linear\nn = 4\nvalid = 0\nK = 1\nT = 10\nnoise = 0\n"
    "[model]\nname = hbnode\nwidth = 24\ndepth = 2\nactivation = tanh\n"
    "[loss]\nname = mse\n[solver]\nname = erk\nrtol = 1e-8\natol = 1e-8\n"
    "[gradient]\nname = discrete\n";

static gn_subject *ask(size_t n, const char *const *over)
{
  const char *file = gn_test_file(gn_test_tmpdir(), "a.ini", base_ini);
  const gn_subject_input in = { .path = file, .noverride = n, .over = over };
  gn_subject *s;
  gn_ck_ok(gn_subject_create(&in, &s));
  return s;
}

static gn_solution *solve(const gn_subject *s, size_t n, int adjoint)
{
  double t[GRID + 1];
  const gn_solve_input in = { n + 1, t, adjoint };
  gn_solution *o;
  for (size_t i = 0; i <= n; i++) t[i] = T * (double)i / (double)n;
  gn_ck_ok(gn_solve(s, &in, &o));
  ck_assert_uint_eq(o->T, n + 1);
  return o;
}

/* ---- eigenvalues --------------------------------------------------------------------- */

/* x^2 - 2 x + 5 has the roots 1 +- 2i; a triangle has its diagonal. */
START_TEST(known_eigenvalues)
{
  double re[3], im[3], work[12];
  double C[4] = { 0, -5, 1, 2 }; /* columns: rows (0, 1), (-5, 2) */
  gn_ck_ok(gn_eigenvalues(2, C, re, im, work));
  for (int k = 0; k < 2; k++) {
    ck_assert_double_eq_tol(re[k], 1, 1e-14);
    ck_assert_double_eq_tol(fabs(im[k]), 2, 1e-14);
  }
  ck_assert_double_eq(im[0], -im[1]);
  double R[9] = { 3, 0, 0, 1, -2, 0, 4, 5, 0.5 };
  gn_ck_ok(gn_eigenvalues(3, R, re, im, work));
  ck_assert_double_eq_tol(re[0] + re[1] + re[2], 1.5, 1e-14);
  ck_assert_double_eq_tol(re[0] * re[1] * re[2], -3, 1e-13);
  double N[4] = { 1, (double)NAN, 0, 1 };
  gn_ck_fails(gn_eigenvalues(2, N, re, im, work), GN_ENONFINITE, "not finite");
}
END_TEST

/* The oscillator h' = m, m' = -k h - gamma m: x^2 + gamma x + k = 0 at every time. */
START_TEST(the_oscillator)
{
  static const char ini[] =
      "[data]\nname = spiral\nkind = linear\nn = 2\nvalid = 0\nK = 1\nT = 10\n"
      "[model]\nname = oscillator\n[loss]\nname = mse\n"
      "[solver]\nname = erk\n[gradient]\nname = discrete\n";
  const gn_subject_input in = { .path = gn_test_file(gn_test_tmpdir(), "o.ini", ini) };
  gn_subject *s;
  gn_spectrum *sp;
  gn_ck_ok(gn_subject_create(&in, &s));
  gn_solution *o = solve(s, 4, 0);
  gn_ck_ok(gn_spectrum_create(s, o, &sp));
  const gn_params *ps = &s->setup->model->params;
  double k = 0, gamma = 0;
  for (size_t i = 0; i < ps->n; i++) {
    if (strcmp(ps->at[i].name, "k") == 0) k = s->p[ps->at[i].offset];
    if (strcmp(ps->at[i].name, "gamma") == 0) gamma = s->p[ps->at[i].offset];
  }
  ck_assert_double_gt(k, 0);
  ck_assert_int_eq(sp->heavy_ball, 1);
  gn_ck_close(sp->pair_sum, -gamma, 0);
  for (size_t i = 0; i < sp->T * sp->B * sp->n; i++) { /* |x^2 + gamma x + k|, complex */
    const double re = sp->re[i], im = sp->im[i];
    ck_assert_double_lt(hypot(re * re - im * im + gamma * re + k, 2 * re * im + gamma * im),
                        1e-13);
  }
  gn_spectrum_destroy(&sp);
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
}
END_TEST

/* Pairs sum to -gamma within 1e-10 along the trajectories of several draws and dampings, for
   both heavy balls; the models beside them are not taken for one. */
START_TEST(pairs_sum_to_minus_gamma)
{
  static const char *const model[] = { "hbnode", "ghbnode" };
  static const double rho[] = { -3, 0, 4.6 };
  double worst = 0;
  size_t count = 0;
  for (int m = 0; m < 2; m++)
    for (int r = 0; r < 3; r++)
      for (int seed = 1; seed <= 3; seed++) {
        char a[64], b[64], c[64];
        const char *over[] = { a, b, c };
        gn_spectrum *sp;
        (void)snprintf(a, sizeof a, "model.name=%s", model[m]);
        (void)snprintf(b, sizeof b, "model.rho=%g", rho[r]);
        (void)snprintf(c, sizeof c, "run.seed=%d", seed);
        gn_subject *s = ask(3, over);
        /* weights of a trained size: eigenvalues of f_h up to a few units */
        const gn_params *ps = &s->setup->model->params;
        for (size_t i = 0; i < ps->n; i++)
          for (size_t j = 0; strstr(ps->at[i].name, "weight") && j < ps->at[i].n; j++)
            s->p[ps->at[i].offset + j] *= 2;
        gn_solution *o = solve(s, 20, 0);
        gn_ck_ok(gn_spectrum_create(s, o, &sp));
        ck_assert_int_eq(sp->heavy_ball, 1);
        gn_ck_close(sp->pair_sum, -1 / (1 + exp(-rho[r])), 1e-14);
        worst = fmax(worst, sp->pair_error);
        count += sp->T * sp->B * sp->n;
        gn_spectrum_destroy(&sp);
        gn_solution_destroy(&o);
        gn_subject_destroy(&s);
      }
  (void)printf("pairs of %zu eigenvalues sum to -gamma within %.1e\n", count, worst);
  ck_assert_double_le(worst, 1e-10);
  const char *const other[] = { "model.name=sonode", "model.name=node" };
  for (int k = 0; k < 2; k++) {
    gn_spectrum *sp;
    gn_subject *s = ask(1, &other[k]);
    gn_solution *o = solve(s, 4, 0);
    gn_ck_ok(gn_spectrum_create(s, o, &sp));
    ck_assert_int_eq(sp->heavy_ball, 0);
    gn_spectrum_destroy(&sp);
    gn_solution_destroy(&o);
    gn_subject_destroy(&s);
  }
}
END_TEST

/* ---- the adjoint as a heavy ball ------------------------------------------------------ */

/* f_h^T v for every row at time i, through the vjp with the cotangent (0, v). */
static void pull(const gn_subject *s, const gn_solution *o, size_t i, const double *v,
                 double *out)
{
  const gn_model *m = s->setup->model;
  const size_t half = o->B * m->d[0];
  double *y = calloc(8 * half, sizeof *y), t[8];
  gn_pool *pool;
  gn_record *rec;
  ck_assert(y != NULL && o->B <= 8);
  double *f = y + 2 * half, *w = y + 4 * half, *gy = y + 6 * half;
  for (size_t k = 0; k < 2; k++)
    memcpy(y + k * half, gn_solution_find(o, GN_SERIES_STATE, k)->v + i * half,
           half * sizeof *y);
  memcpy(w + half, v, half * sizeof *w);
  for (size_t b = 0; b < o->B; b++) t[b] = o->times[i];
  gn_ck_ok(gn_pool_create(&m->tape[GN_F], 1, o->B, &pool));
  gn_ck_ok(gn_pool_take(pool, o->B, &rec));
  const gn_tape tape = gn_record_tape(rec, 0, 1);
  const gn_point at = { .B = o->B, .t = t, .y = y, .p = s->p };
  const gn_pull to = { .y = gy };
  ck_assert_int_eq(m->map[GN_F].eval(m, &at, &tape, f), 0);
  ck_assert_int_eq(m->map[GN_F].vjp(m, &at, &tape, w, &to), 0);
  memcpy(out, gy, half * sizeof *out);
  gn_pool_destroy(&pool);
  free(y);
}

/* How well block k of the adjoint satisfies l'' = gamma l' + f_h^T l, weakly, so that nothing
   is differentiated that was computed: with phi = sin^8(pi t / T), which vanishes with its
   first seven derivatives at both ends,
     int l (phi'' + gamma phi') - (f_h^T l) phi dt = 0.
   The trapezoidal rule is then exact to rounding on this grid. Relative to int |l phi''|. */
static double residual(const char *model, const char *net, const char *table, size_t block,
                       double tol)
{
  char a[64], b[64], c[64], d[64];
  const char *over[] = { a, b, c, d, net };
  (void)snprintf(a, sizeof a, "model.name=%s", model);
  (void)snprintf(d, sizeof d, "solver.table=%s", table);
  (void)snprintf(b, sizeof b, "solver.rtol=%g", tol);
  (void)snprintf(c, sizeof c, "solver.atol=%g", tol);
  gn_subject *s = ask(5, over);
  gn_solution *o = solve(s, GRID, 1);
  const gn_series *l = gn_solution_find(o, GN_SERIES_ADJOINT, block);
  const size_t n = o->B * l->d;
  double *r = calloc(3 * n, sizeof *r), *g = r + n, *size = r + 2 * n, off = 0, all = 0;
  const double gamma = 1 / (1 + exp(3)), w = acos(-1) / T;
  ck_assert(r != NULL);
  for (size_t i = 1; i < GRID; i++) {
    const double sn = sin(w * o->times[i]), cs = cos(w * o->times[i]), s6 = pow(sn, 6);
    const double phi = s6 * sn * sn, phi1 = 8 * w * s6 * sn * cs;
    const double phi2 = 8 * w * w * s6 * (7 * cs * cs - sn * sn);
    pull(s, o, i, l->v + i * n, g);
    for (size_t j = 0; j < n; j++) {
      const double lam = l->v[i * n + j];
      r[j] += lam * (phi2 + gamma * phi1) - g[j] * phi;
      size[j] += fabs(lam * phi2);
    }
  }
  for (size_t j = 0; j < n; j++) off += r[j] * r[j], all += size[j] * size[j];
  free(r);
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
  return sqrt(off / all);
}

static const double tols[] = { 1e-4, 1e-6, 1e-8, 1e-10 };
enum { NTOL = sizeof tols / sizeof *tols, H = 0, M = 1 };

/* Weights as drawn; depth 0 is one linear layer: f_h constant. A solve to tol over T = 10
   errs by T tol at most here, where nothing grows fast. The grid keeps steps at 0.05 or below,
   where order 5 is exact nearly to rounding; order 3 shows the tolerance. */
START_TEST(where_the_adjoint_is_a_heavy_ball)
{
  static const char tanh2[] = "model.depth=2", linear[] = "model.depth=0";
  static const char dp[] = "dormand_prince", bs[] = "bogacki_shampine";
  static const struct {
    const char *what, *model, *net, *table;
    size_t block;
    int holds;
  } row[] = {
    { "hbnode, lambda_m", "hbnode", tanh2, dp, M, 1 },
    { "the same, order 3", "hbnode", tanh2, bs, M, 1 },
    { "hbnode, lambda_h", "hbnode", tanh2, dp, H, 0 },
    { "hbnode with linear f, lambda_m", "hbnode", linear, dp, M, 1 },
    { "hbnode with linear f, lambda_h", "hbnode", linear, dp, H, 1 },
    { "ghbnode, lambda_m", "ghbnode", tanh2, dp, M, 0 },
  };
  for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
    double r[NTOL];
    (void)printf("%-32s", row[k].what);
    for (size_t i = 0; i < NTOL; i++) {
      r[i] = residual(row[k].model, row[k].net, row[k].table, row[k].block, tols[i]);
      (void)printf(" %.1e at %.0e", r[i], tols[i]);
    }
    (void)printf("\n");
    for (size_t i = 0; i < NTOL; i++)
      if (row[k].holds) ck_assert_double_le(r[i], T * tols[i]);
    /* no solver error: the same number at every tolerance */
    if (!row[k].holds) {
      ck_assert_double_gt(r[NTOL - 1], 1e-3);
      gn_ck_close(r[1], r[NTOL - 1], 1e-2);
    }
  }
}
END_TEST

int main(void)
{
  Suite *s = suite_create("spectrum");
  TCase *t = tcase_create("eigenvalues");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, known_eigenvalues);
  tcase_add_test(t, the_oscillator);
  tcase_add_test(t, pairs_sum_to_minus_gamma);
  tcase_add_test(t, where_the_adjoint_is_a_heavy_ball);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
