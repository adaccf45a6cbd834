/* Questions about samples that have times of their own: solutions, adjoints, spectra and cases
 * of a table in which no two samples share a grid are those of every sample alone in a file,
 * and agree with what training and comparison find on all of them side by side. */
#include "base/vec.h"
#include "study/cases.h"
#include "study/compare.h"
#include "study/figure.h"
#include "study/spectrum.h"
#include "study/train.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N = 3, NX = 6 }; /* samples; inputs of all */

/* Starts, lengths and gaps differ; sample b is over before the others; a target is missing. */
static const char *const row[N] = {
  "a,0,1,0.1\na,0.4,1.2,0.2\na,0.5,,0.4\na,1.6,0.7,0.3\n",
  "b,0.5,0.5,-0.2\nb,1.1,0.4,-0.3\n",
  "c,0.2,0.8,0.5\nc,0.3,1.1,0.6\nc,0.7,0.9,0.2\nc,1.9,1.3,0.1\n",
};
static const size_t length[N] = { 4, 2, 4 }, seen[N] = { 5, 2, 6 }; /* numbers compared */

static const char base_ini[] =
    "[data]\nname = table\nfile = t.csv\nsample = s\norigin = file\n"
    "[model]\nname = hbnode\nwidth = 6\ndepth = 1\nactivation = tanh\ntime = append\n"
    "lift = zero\n"
    "[loss]\nname = mse\n[solver]\nname = erk\nrtol = 1e-12\natol = 1e-12\n"
    "[gradient]\nname = discrete\n[train]\nepochs = 1\n";

static const char *dir;

/* The experiment on samples first..last-1 of the table. */
static gn_subject *ask(int first, int last, size_t n, const char *const *over)
{
  char csv[1024] = "s,time,x,y\n", ini[512];
  for (int i = first; i < last; i++) strcat(csv, row[i]); /* NOLINT: fits */
  (void)gn_test_file(dir, "t.csv", csv);
  (void)snprintf(ini, sizeof ini, "%s", gn_test_file(dir, "e.ini", base_ini));
  const gn_subject_input in = { .path = ini, .noverride = n, .over = over, .samples = "all" };
  gn_subject *s;
  gn_ck_ok(gn_subject_create(&in, &s));
  return s;
}

static gn_solution *solve(const gn_subject *s, size_t n, const double *t)
{
  const gn_solve_input in = { n, t, 1 };
  gn_solution *o;
  gn_ck_ok(gn_solve(s, &in, &o));
  return o;
}

static const gn_series *series(const gn_solution *o, gn_series_kind kind, size_t k)
{
  const gn_series *sr = gn_solution_find(o, kind, k);
  ck_assert(sr != NULL);
  return sr;
}

/* ---- one by one -------------------------------------------------------------------------- */

/* Row b of a series against that of the sample alone, scale times as large. */
static void same_row(const gn_solution *all, size_t b, const gn_solution *one,
                     gn_series_kind kind, size_t k, double scale)
{
  const gn_series *x = series(all, kind, k), *y = series(one, kind, k);
  for (size_t i = 0; i < all->T; i++)
    for (size_t j = 0; j < x->d; j++) {
      const double got = x->v[(i * all->B + b) * x->d + j];
      const double want = i < one->T ? scale * y->v[i * y->d + j] : (double)NAN;
      ck_assert_msg((isnan(got) && isnan(want)) || fabs(got - want) <= 1e-10,
                    "%s%zu of sample %zu at time %zu: %.17g, alone %.17g", x->name, j, b, i, got,
                    want);
    }
}

/* Tolerance 1e-12 and some ten steps; the mean of all counts seen[b] numbers of sample b. */
static void check_alone(size_t n, const double *t)
{
  gn_subject *s = ask(0, N, 0, NULL);
  gn_solution *all = solve(s, n, t);
  double loss = 0, count = 0;
  ck_assert(s->setup->data->row_times && all->own_times && all->B == N);
  for (int b = 0; b < N; b++) count += (double)seen[b];
  for (int b = 0; b < N; b++) {
    gn_subject *alone = ask(b, b + 1, 0, NULL);
    double later[16]; /* its own start stands for the times before it */
    size_t nlater = 0;
    for (size_t i = 0; i < n; i++) {
      if (t[i] > alone->setup->data->times[0] && nlater == 0 && i > 0)
        later[nlater++] = alone->setup->data->times[0];
      if (t[i] >= alone->setup->data->times[0]) later[nlater++] = t[i];
    }
    gn_solution *one = solve(alone, nlater, later);
    ck_assert(!one->own_times && one->T <= all->T);
    for (size_t i = 0; i < all->T; i++)
      ck_assert(i < one->T ? gn_solution_time(all, i, (size_t)b) == one->times[i]
                           : isnan(gn_solution_time(all, i, (size_t)b)));
    for (int kind = 0; kind < GN_SERIES_KINDS; kind++)
      for (size_t k = 0; k < (kind == GN_SERIES_STATE || kind == GN_SERIES_ADJOINT ? 2 : 1); k++)
        same_row(all, (size_t)b, one, (gn_series_kind)kind, k,
                 kind == GN_SERIES_ADJOINT ? (double)seen[b] / count : 1);
    loss += one->loss * (double)seen[b] / count;
    gn_solution_destroy(&one);
    gn_subject_destroy(&alone);
  }
  ck_assert(all->has_loss);
  gn_ck_close(all->loss, loss, 1e-10);
  gn_solution_destroy(&all);
  gn_subject_destroy(&s);
}

START_TEST(as_alone)
{
  /* before b starts, at a time of a, behind all of them */
  static const double t[] = { 0, 0.25, 0.5, 0.9, 1.1, 2.5, 3 };
  check_alone(0, NULL);
  check_alone(7, t);
}
END_TEST

/* ---- side by side ------------------------------------------------------------------------ */

/* Loss of comparison and training; with fixed steps, whose size is in units of s, it is met to
   rounding, as are the numbers of a running cost, which stands still behind the last time. */
START_TEST(one_loss)
{
  static const char *const over[][3] = {
    { "solver.rtol=1e-12", "solver.atol=1e-12", "loss.running=none" },
    { "solver.name=rkfixed", "solver.h=0.2", "loss.running=none" },
    { "solver.rtol=1e-12", "solver.output=interpolate", "loss.running=none" },
    { "solver.rtol=1e-12", "solver.atol=1e-12", "loss.running=square" },
  };
  static const double tol[] = { 1e-10, 1e-13, 1e-10, 1e-10 };
  for (int k = 0; k < 4; k++) {
    gn_subject *s = ask(0, N, 3, over[k]);
    gn_solution *o = solve(s, 0, NULL);
    const gn_compare_input in = { .strategies = "discrete" };
    gn_compare *c;
    gn_train_result r;
    gn_ck_ok(gn_compare_create(s->e, &in, &c));
    gn_ck_ok(gn_compare_run(c));
    gn_ck_close(o->loss, c->row[0].loss, tol[k]);
    gn_compare_destroy(&c);
    (void)snprintf(s->e->run.out, sizeof s->e->run.out, "%s/run%d", dir, k);
    gn_ck_ok(gn_train(s->e, GN_RUN_NEW, NULL, &r)); /* an epoch's loss is from before it */
    gn_ck_close(o->loss, r.last.loss, tol[k]);
    gn_solution_destroy(&o);
    gn_subject_destroy(&s);
  }
}
END_TEST

static double *read_array(const char *file, const char *path, size_t n)
{
  gn_h5 *h;
  double *v = calloc(n, sizeof *v);
  ck_assert(v != NULL);
  gn_ck_ok(gn_h5_open(file, &h));
  gn_ck_ok(gn_h5_read(h, path, n, v));
  gn_ck_ok(gn_h5_close(&h));
  return v;
}

/* The answer to a case, in the folder. */
static void answer(const gn_experiment *e, const char *file, const char *to)
{
  gn_case *c;
  gn_ck_ok(gn_case_create(e, file, &c));
  gn_ck_ok(gn_case_run(c));
  gn_ck_ok(gn_case_write(c, to));
  gn_case_destroy(&c);
}

static char file[2][512];

/* A case of all samples: dL/dp as in compare (discrete: to the last bit), and dL/dx is a at the
   start. The continuous strategies err by more than the tolerance of their solve, 1e-10. */
static const char *const strategy[] = { "discrete", "symplectic", "interpolate", "gauss",
                                        "cvodes" };
static const double strategy_tol[] = { 1e-9, 1e-9, 1e-7, 1e-7, 1e-5 };

START_TEST(a_case)
{
  char way[64];
  const char *over[] = { way, "solver.rtol=1e-10", "solver.atol=1e-10" };
  (void)snprintf(way, sizeof way, "gradient.name=%s", strategy[_i]);
  gn_subject *s = ask(0, N, 3, over);
  gn_solution *o = solve(s, 0, NULL);
  const gn_compare_input in = { .strategies = strategy[_i] };
  const gn_params *ps = &s->setup->model->params;
  gn_compare *c;
  double loss;
  gn_h5 *h;
  gn_ck_ok(gn_compare_create(s->e, &in, &c));
  gn_ck_ok(gn_compare_run(c));
  gn_ck_ok(gn_case_export(s, file[0], &loss));
  ck_assert_double_eq(loss, c->row[0].loss);
  answer(s->e, file[0], file[1]);
  double *g = calloc(ps->np, sizeof *g), *gx = read_array(file[1], "grad/x", NX);
  gn_ck_ok(gn_h5_open(file[1], &h));
  gn_ck_ok(gn_params_read(ps, h, "grad/params", g));
  gn_ck_ok(gn_h5_close(&h));
  ck_assert_double_gt(gn_vec_maxabs(ps->np, g), 0);
  gn_ck_close_all(ps->np, g, c->g, strategy_tol[_i]);
  if (_i == 0) ck_assert(c->exact && memcmp(g, c->g, ps->np * sizeof *g) == 0);
  gn_ck_close_all(NX, series(o, GN_SERIES_ADJOINT, 0)->v, gx, strategy_tol[_i]);
  free(g), free(gx);
  gn_compare_destroy(&c);
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
}
END_TEST

/* A plain case of row b: its own times without repeats, its cotangents. */
typedef struct plain {
  const gn_subject *s;
  size_t b, K, K1;
  const double *times, *w;
} plain;

static gn_status write_plain(gn_h5 *h, void *user)
{
  const plain *q = user;
  const size_t xs[2] = { 1, 2 }, ts[1] = { q->K1 + 1 }, ws[3] = { q->K1, 1, 2 };
  double w[2 * 3];
  for (size_t k = 0; k < q->K1; k++) gn_vec_copy(2, q->w + (k * N + q->b) * 2, w + 2 * k);
  GN_TRY(gn_h5_write(h, "x", 2, xs, q->s->x + 2 * q->b));
  GN_TRY(gn_h5_write(h, "times", 1, ts, q->times + q->b * (q->K + 1)));
  GN_TRY(gn_h5_write(h, "cotangent", 3, ws, w));
  return gn_params_write(&q->s->setup->model->params, h, "params", q->s->p);
}

/* Every row of a case against the case of that row alone: z, dL/dx, dL/dtimes; and the sum
   of dL/dp. */
START_TEST(a_case_by_rows)
{
  gn_subject *s = ask(0, N, 0, NULL);
  const size_t K = s->setup->data->K, np = s->setup->model->params.np;
  double loss, *sum = calloc(np, sizeof *sum), *one = calloc(np, sizeof *one);
  gn_h5 *h;
  gn_ck_ok(gn_case_export(s, file[0], &loss));
  answer(s->e, file[0], file[1]);
  double *z = read_array(file[1], "z", K * NX), *gx = read_array(file[1], "grad/x", NX);
  double *w = read_array(file[0], "cotangent", K * NX);
  double *times = read_array(file[0], "times", N * (K + 1));
  double *gt = read_array(file[1], "grad/times", N * (K + 1));
  double *y = read_array(file[0], "target", K * NX);
  /* y of a at its second time, of b behind its last */
  ck_assert(K == 3 && isnan(y[6]) && isnan(y[14]) && y[1] == 0.2);
  double *all = calloc(np, sizeof *all);
  gn_ck_ok(gn_h5_open(file[1], &h));
  gn_ck_ok(gn_params_read(&s->setup->model->params, h, "grad/params", all));
  gn_ck_ok(gn_h5_close(&h));
  for (size_t b = 0; b < N; b++) {
    plain q = { s, b, K, length[b] - 1, times, w };
    char alone[512], to[512];
    (void)snprintf(alone, sizeof alone, "%s", gn_test_path(dir, "alone.h5"));
    (void)snprintf(to, sizeof to, "%s", gn_test_path(dir, "alone_answer.h5"));
    gn_ck_ok(gn_h5_write_atomic(alone, write_plain, &q));
    answer(s->e, alone, to);
    double *z1 = read_array(to, "z", q.K1 * 2), *gx1 = read_array(to, "grad/x", 2);
    double *gt1 = read_array(to, "grad/times", q.K1 + 1);
    for (size_t k = 0; k < q.K1; k++)
      for (size_t j = 0; j < 2; j++)
        ck_assert_double_eq_tol(z[(k * N + b) * 2 + j], z1[k * 2 + j], 1e-10);
    gn_ck_close_all(2, gx + 2 * b, gx1, 1e-9);
    gn_ck_close_all(q.K1 + 1, gt + b * (K + 1), gt1, 1e-9);
    ck_assert_double_gt(gn_vec_maxabs(q.K1 + 1, gt1), 0);
    for (size_t k = q.K1 + 1; k <= K; k++) ck_assert_double_eq(gt[b * (K + 1) + k], 0);
    gn_ck_ok(gn_h5_open(to, &h));
    gn_ck_ok(gn_params_read(&s->setup->model->params, h, "grad/params", one));
    gn_ck_ok(gn_h5_close(&h));
    gn_vec_axpy(np, 1.0, one, sum);
    free(z1), free(gx1), free(gt1);
  }
  gn_ck_close_all(np, all, sum, 1e-9);
  free(sum), free(one), free(all), free(z), free(w), free(times), free(gx), free(gt), free(y);
  gn_subject_destroy(&s);
}
END_TEST

/* ---- spectra ----------------------------------------------------------------------------- */

START_TEST(spectra)
{
  static const double t[] = { 0.6, 1, 2 };
  gn_subject *s = ask(0, N, 0, NULL);
  gn_solution *all = solve(s, 3, t);
  gn_spectrum *sp, *one_sp;
  size_t rows = 0;
  gn_ck_ok(gn_spectrum_create(s, all, &sp));
  double radius = 0;
  for (int b = 0; b < N; b++) {
    gn_subject *alone = ask(b, b + 1, 0, NULL);
    gn_solution *one = solve(alone, 3, t);
    gn_ck_ok(gn_spectrum_create(alone, one, &one_sp));
    for (size_t i = 0; i < one->T; i++, rows++) {
      /* traces of J and J^2; states are 1e-10 apart */
      const size_t at = (i * N + (size_t)b) * sp->n, at1 = i * sp->n;
      double tr[4] = { 0 };
      for (size_t k = 0; k < sp->n; k++) {
        const double re = sp->re[at + k], im = sp->im[at + k];
        const double re1 = one_sp->re[at1 + k], im1 = one_sp->im[at1 + k];
        tr[0] += re, tr[1] += re * re - im * im;
        tr[2] += re1, tr[3] += re1 * re1 - im1 * im1;
      }
      gn_ck_close_all(2, tr, tr + 2, 1e-9);
    }
    radius = fmax(radius, one_sp->radius);
    gn_spectrum_destroy(&one_sp);
    gn_solution_destroy(&one);
    gn_subject_destroy(&alone);
  }
  gn_ck_close(sp->radius, radius, 1e-7);
  ck_assert(sp->heavy_ball && sp->pair_error < 1e-10);
  gn_ck_ok(gn_spectrum_write(sp, gn_test_path(dir, "s.csv")));
  FILE *f = fopen(gn_test_path(dir, "s.csv"), "r");
  ck_assert(f != NULL);
  size_t lines = 0;
  for (int ch; (ch = fgetc(f)) != EOF;) lines += ch == '\n';
  (void)fclose(f);
  ck_assert_uint_eq(lines, 1 + rows * sp->n);
  gn_spectrum_destroy(&sp);
  gn_solution_destroy(&all);
  gn_subject_destroy(&s);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------- */

static void same_solution(const gn_solution *a, const gn_solution *b)
{
  ck_assert(a->T == b->T && a->B == b->B && a->n == b->n && a->own_times == b->own_times);
  for (size_t i = 0; i < a->B * a->T; i++)
    ck_assert(a->times[i] == b->times[i] || (isnan(a->times[i]) && isnan(b->times[i])));
  for (int kind = 0; kind < GN_SERIES_KINDS; kind++)
    for (size_t k = 0; gn_solution_find(a, (gn_series_kind)kind, k); k++) {
      const gn_series *x = series(a, (gn_series_kind)kind, k);
      const gn_series *y = series(b, (gn_series_kind)kind, k);
      ck_assert_uint_eq(x->d, y->d);
      for (size_t i = 0; i < a->T * a->B * x->d; i++)
        ck_assert(x->v[i] == y->v[i] || (isnan(x->v[i]) && isnan(y->v[i])));
    }
}

START_TEST(files)
{
  static const char *const name[] = { "o.csv", "o.h5" };
  gn_subject *s = ask(0, N, 0, NULL);
  gn_solution *o = solve(s, 0, NULL), *back;
  size_t shape[GN_H5_MAXRANK];
  int rank;
  gn_h5 *h;
  for (int k = 0; k < 2; k++) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s", gn_test_path(dir, name[k]));
    gn_ck_ok(gn_solution_write(o, path));
    gn_ck_ok(gn_solution_read(path, &back));
    same_solution(o, back);
    gn_solution_destroy(&back);
  }
  gn_ck_ok(gn_h5_open(gn_test_path(dir, "o.h5"), &h));
  gn_ck_ok(gn_h5_shape(h, "times", &rank, shape));
  gn_ck_ok(gn_h5_close(&h));
  ck_assert(rank == 2 && shape[0] == N && shape[1] == 4);
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
}
END_TEST

static const struct {
  const char *csv, *says;
} bad_csv[] = {
  { "sample,t,z0\n", "no times or no samples" },
  { "sample,t,z0\n1,0,1\n1,0,2\n", ":3: t = 0 is no number above" },
  { "sample,t,z0\n1,0,1\n1,x,2\n", ":3: t = x is no number above" },
  { "sample,t,z0\n1,0,1\n2,0,2\n1,1,2\n", ":4: sample 1 for the second time" },
  { "sample,t,z0\n# a\n1.5,0,1\n", ":3: sample = 1.5" },
  { "sample,t,z0\n,0,1\n", ":2: sample =  is no number" },
};

START_TEST(files_by_hand)
{
  gn_solution *o;
  for (size_t k = 0; k < sizeof bad_csv / sizeof *bad_csv; k++)
    gn_ck_fails(gn_solution_read(gn_test_file(dir, "b.csv", bad_csv[k].csv), &o), GN_EIO,
                bad_csv[k].says);
  const char *good = gn_test_file(dir, "b.csv", "sample,t,z0\n7,0,1\n7,1,2\n3,5,4\n");
  gn_ck_ok(gn_solution_read(good, &o));
  ck_assert(o->own_times && o->B == 2 && o->T == 2 && o->sample[1] == 3);
  ck_assert(gn_solution_time(o, 0, 1) == 5 && isnan(gn_solution_time(o, 1, 1)));
  const double *z = series(o, GN_SERIES_OUTPUT, 0)->v;
  ck_assert(z[0] == 1 && z[1] == 4 && z[2] == 2 && isnan(z[3]));
  gn_solution_destroy(&o);
}
END_TEST

/* A command line in the folder; its exit code. What it says goes to out. */
static int shell(const char *text, char *out, size_t size)
{
  char command[2048];
  (void)snprintf(command, sizeof command, "cd '%s' && %s 2>&1", dir, text);
  FILE *p = popen(command, "r"); /* NOLINT(cert-env33-c): run as users run it */
  ck_assert(p != NULL);
  out[fread(out, 1, size - 1, p)] = '\0';
  const int rc = pclose(p);
  ck_assert(WIFEXITED(rc));
  return WEXITSTATUS(rc);
}

/* Exit code 0, or 2 and a sentence with `says`. */
static void gnomon(const char *args, const char *says)
{
  static char out[1 << 14];
  char text[1024];
  (void)snprintf(text, sizeof text, "'%s' %s", GN_PROGRAM, args);
  const int rc = shell(text, out, sizeof out);
  ck_assert_msg(rc == (says ? 2 : 0) && (!says || strstr(out, says)), "gnomon %s: %d\n%s", args,
                rc, out);
}

/* As a user would after training: every figure, the same from both files; and a solution does
   not replace the data. */
START_TEST(by_commands)
{
  char out[256];
  gn_subject *s = ask(0, N, 0, NULL); /* for its files */
  gn_subject_destroy(&s);
  gnomon("train e.ini --run.out=run", NULL);
  gnomon("solve run --adjoint --times=0:2:9 --samples=all --out=o.csv", NULL);
  gnomon("solve run --adjoint --times=0:2:9 --samples=all --out=o.h5", NULL);
  gnomon("solve run --samples=1:1 --out=o.h5", NULL); /* one sample is also [1, T] */
  gnomon("solve run --adjoint --times=0:2:9 --samples=all --out=o.h5", NULL);
  gnomon("case run --out=c.h5", NULL);
  gnomon("grad e.ini --case=c.h5 --out=a.h5", NULL);
  gnomon("spectrum run --out=s.csv", NULL);
  gnomon("solve run --out=t.csv", "not written by gnomon");
  gnomon("solve run --solver.name=rkfixed --out=o.csv", "which the command line names");
  if (!gn_gnuplot_found()) {
    ck_assert_msg(!getenv("CI"), "gnuplot is missing (Debian: gnuplot-nox)");
    (void)printf("SKIP: figures of solutions: gnuplot not found\n");
    return;
  }
  gnomon("plot o.h5 s.csv --out=from_h5", NULL);
  gnomon("plot o.csv", NULL);
  ck_assert_int_eq(shell("cmp o.dat from_h5/o.dat && grep -c '# sample' o.dat", out, sizeof out),
                   0);
  ck_assert_str_eq(out, "3\n");
  ck_assert(access(gn_test_path(dir, "o_adjoint.svg"), R_OK) == 0);
  ck_assert(access(gn_test_path(dir, "from_h5/s.png"), R_OK) == 0);
}
END_TEST

/* ---- wrong input --------------------------------------------------------------------------- */

START_TEST(times_are_checked)
{
  static const double early[] = { -1, 1 }, late[] = { 0, 0.4 }, twice[] = { 1, 1 };
  const gn_solve_input in[] = { { 2, early, 0 }, { 2, late, 0 }, { 2, twice, 0 } };
  static const char *const says[] = { "time -1 is before the start of the data, 0",
                                      "sample 1: starts at t = 0.5, after the last time 0.4",
                                      "time 1 does not come after 1" };
  gn_subject *s = ask(0, N, 0, NULL);
  gn_solution *o;
  for (int k = 0; k < 3; k++) gn_ck_fails(gn_solve(s, &in[k], &o), GN_EARG, says[k]);
  gn_subject_destroy(&s);
}
END_TEST

static gn_status change_times(gn_h5 *h, void *user)
{
  const size_t rows = *(const size_t *)user, xs[2] = { 2, 2 }, ts[2] = { rows, 3 };
  const size_t ws[3] = { 2, 2, 2 };
  static const double x[4], w[8], t[9] = { 0, 1, 2, 0, 1, 0.5, 0, 1, 2 };
  GN_TRY(gn_h5_write(h, "x", 2, xs, x));
  GN_TRY(gn_h5_write(h, "times", 2, ts, t));
  return gn_h5_write(h, "cotangent", 3, ws, w);
}

START_TEST(cases_are_checked)
{
  gn_subject *s = ask(0, N, 0, NULL);
  gn_case *c;
  size_t rows = 3;
  gn_ck_ok(gn_h5_write_atomic(file[0], change_times, &rows));
  gn_ck_fails(gn_case_create(s->e, file[0], &c), GN_EIO, "times is [3, 3], x has 2 rows");
  rows = 2;
  gn_ck_ok(gn_h5_write_atomic(file[0], change_times, &rows));
  gn_ck_fails(gn_case_create(s->e, file[0], &c), GN_EIO, "times[1][2] = 0.5 is not above");
  gn_subject_destroy(&s);
}
END_TEST

static void folder(void)
{
  dir = gn_test_tmpdir();
  (void)snprintf(file[0], sizeof file[0], "%s", gn_test_path(dir, "case.h5"));
  (void)snprintf(file[1], sizeof file[1], "%s", gn_test_path(dir, "answer.h5"));
}

int main(void)
{
  Suite *s = suite_create("row_times");
  TCase *t = tcase_create("row_times");
  tcase_set_timeout(t, 120);
  tcase_add_checked_fixture(t, folder, NULL);
  tcase_add_test(t, as_alone);
  tcase_add_test(t, one_loss);
  tcase_add_loop_test(t, a_case, 0, 5);
  tcase_add_test(t, a_case_by_rows);
  tcase_add_test(t, spectra);
  tcase_add_test(t, files);
  tcase_add_test(t, files_by_hand);
  tcase_add_test(t, by_commands);
  tcase_add_test(t, times_are_checked);
  tcase_add_test(t, cases_are_checked);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
