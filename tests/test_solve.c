/* Solutions, cases and the description of files: a(t) is the gradient that the exact strategy
 * finds, jumps where an output meets a target, files give back what was written, a case has
 * the gradient of its experiment, and what experiments/README.md says about files is so. */
#include "base/vec.h"
#include "study/cases.h"
#include "study/compare.h"
#include "base/csv.h"
#include "study/files.h"
#include "study/solve.h"
#include "study/spectrum.h"
#include "study/train.h"
#include "support/support.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char ini[] =
    "[data]\nname = spiral\nkind = linear\nn = 5\nvalid = 2\nK = 4\nT = 2\n"
    "[model]\nname = hbnode\nwidth = 6\ndepth = 1\nactivation = tanh\nlift = zero\n"
    "[loss]\nname = mse\n[solver]\nname = erk\nrtol = 1e-10\natol = 1e-10\n"
    "[gradient]\nname = discrete\n[train]\nepochs = 2\n";

static gn_subject *ask(const char *samples, size_t n, const char *const *over)
{
  const gn_subject_input in = { .path = gn_test_file(gn_test_tmpdir(), "a.ini", ini),
                                .noverride = n, .over = over, .samples = samples };
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

static const double *series_of(const gn_solution *o, gn_series_kind kind)
{
  const gn_series *sr = gn_solution_find(o, kind, 0);
  ck_assert(sr != NULL);
  return sr->v;
}

/* ---- solve --------------------------------------------------------------------------- */

/* At t0 the adjoint of h is dL/dx (lift pads with zeros); both solves err by about 1e-10. */
START_TEST(adjoint_at_the_start_is_the_gradient)
{
  static const char *const mode[] = { "solver.output=land", "solver.output=interpolate" };
  for (int k = 0; k < 2; k++) {
    gn_subject *s = ask("train", 1, &mode[k]);
    gn_solution *o = solve(s, 0, NULL);
    char file[512];
    double loss;
    gn_case *c;
    gn_h5 *h;
    (void)snprintf(file, sizeof file, "%s", gn_test_path(gn_test_tmpdir(), "case.h5"));
    ck_assert_uint_eq(o->T, 5);
    gn_ck_ok(gn_case_export(s, file, &loss));
    gn_ck_close(loss, o->loss, 1e-8);
    gn_ck_ok(gn_case_create(s->e, file, &c));
    gn_ck_ok(gn_case_run(c));
    gn_ck_ok(gn_case_write(c, file));
    gn_case_destroy(&c);
    const gn_series *a = gn_solution_find(o, GN_SERIES_ADJOINT, 0);
    double gx[5 * 2];
    gn_ck_ok(gn_h5_open(file, &h));
    gn_ck_ok(gn_h5_read(h, "grad/x", 10, gx));
    gn_ck_ok(gn_h5_close(&h));
    gn_ck_close_all(10, a->v, gx, 1e-7);
    gn_solution_destroy(&o);
    gn_subject_destroy(&s);
  }
}
END_TEST

/* a(t-) - a(t+) is dL/dz at a data time (h is read off), 0 elsewhere; nothing behind the last. */
START_TEST(adjoint_jumps_at_targets)
{
  const double d = 1e-7, t[] = { 0.5, 0.5 + d, 0.7, 0.7 + d, 2, 2.5 };
  gn_subject *s = ask("1:2", 0, NULL);
  gn_solution *o = solve(s, 6, t), *all = solve(s, 0, NULL);
  const size_t n = 4; /* samples times components */
  /* the data's times 1 and 1.5 are inside the range, and come along */
  const double want[] = { 0.5, 0.5 + d, 0.7, 0.7 + d, 1, 1.5, 2, 2.5 };
  ck_assert_uint_eq(o->T, 8);
  for (size_t i = 0; i < 8; i++) ck_assert_double_eq(o->times[i], want[i]);
  ck_assert_int_eq(o->sample[0], 1);
  const gn_series *a = gn_solution_find(o, GN_SERIES_ADJOINT, 0);
  const gn_series *y = gn_solution_find(o, GN_SERIES_TARGET, 0);
  const gn_series *z = gn_solution_find(all, GN_SERIES_OUTPUT, 0);
  const gn_series *ya = gn_solution_find(all, GN_SERIES_TARGET, 0);
  for (size_t j = 0; j < n; j++) {
    /* mean of squares over K B ny = 16 numbers; a slope of order 1 over d */
    const double gz = 2 * (z->v[n + j] - ya->v[n + j]) / 16;
    ck_assert_double_eq_tol(a->v[j] - a->v[n + j], gz, 1e-6);
    ck_assert_double_eq_tol(a->v[2 * n + j], a->v[3 * n + j], 1e-6);
    ck_assert_double_eq_tol(a->v[6 * n + j],
                            2 * (z->v[4 * n + j] - ya->v[4 * n + j]) / 16, 1e-9);
    ck_assert_double_eq(a->v[7 * n + j], 0);
    ck_assert(isnan(y->v[n + j]) && isnan(y->v[7 * n + j]) && !isnan(y->v[4 * n + j]));
  }
  ck_assert_int_eq(o->has_loss, 1);
  gn_solution_destroy(&o);
  gn_solution_destroy(&all);
  gn_subject_destroy(&s);
}
END_TEST

/* A model with lags and inputs before the start: the outputs are those of a pass to the last
   digit, a(t0) is its dL/dx. A case has no place for the inputs, and no spectrum tells. */
START_TEST(delays)
{
  static const char lags[] = "[data]\nname = spiral\nkind = linear\nn = 5\nK = 4\nT = 2\n"
                             "[model]\nname = ddnn\nlags = 0.3\nwidth = 6\n"
                             "[solver]\nrtol = 1e-10\natol = 1e-10\n";
  static const double before[] = { -0.4, -0.1 };
  const gn_subject_input in = { .path = gn_test_file(gn_test_tmpdir(), "lags.ini", lags),
                                .samples = "train" };
  gn_subject *s;
  gn_ck_ok(gn_subject_create(&in, &s));
  gn_setup *u = s->setup;
  double xhist[2 * 10], z[4 * 10], gz[4 * 10], gx[10] = { 0 }, loss;
  for (size_t i = 0; i < 20; i++) xhist[i] = sin((double)i);
  u->problem.nhist = 2, u->problem.hist_s = before;
  s->batch.xhist = xhist, s->batch.drive.xhist = xhist;
  gn_solution *o = solve(s, 0, NULL);
  const gn_solver sv = gn_experiment_solver(s->e);
  gn_pass *ps;
  gn_ck_ok(gn_pass_create(s->e->gradient, NULL, &u->problem, &sv, s->B, &ps));
  gn_ck_ok(gn_pass_forward(ps, s->B, s->p, &s->batch.drive, s->x, z));
  ck_assert_mem_eq(series_of(o, GN_SERIES_OUTPUT) + 10, z, sizeof z);
  gn_ck_ok(s->e->loss->eval(s->e->loss_config, &s->target, z, &loss, gz));
  ck_assert_double_eq(o->loss, loss);
  double *gp = calloc(u->model->params.np, sizeof *gp);
  gn_ck_ok(gn_pass_backward(ps, gz, gp, gx, NULL));
  gn_ck_close_all(10, series_of(o, GN_SERIES_ADJOINT), gx, 1e-7);
  gn_ck_fails(gn_case_export(s, "case.h5", &loss), GN_EUNSUP, "2 inputs before the start");
  gn_spectrum *sp;
  gn_ck_fails(gn_spectrum_create(s, o, &sp), GN_EUNSUP, "has lags");
  free(gp);
  gn_pass_destroy(&ps);
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
}
END_TEST

/* A driven linear equation h' = a h + b V1(t) + c: as a pass; the eigenvalue is a. */
START_TEST(signals)
{
  static const char driven[] = "[data]\nname = silverbox\nwindow = 3\nn = 2\ndir = %s\n"
                               "[model]\nname = %s\nsignals = %d\ndepth = 0\n"
                               "[solver]\nrtol = 1e-10\natol = 1e-10\n";
  static const char spiral[] = "[data]\nname = spiral\n[model]\nname = node\nsignals = 1\n";
  const char *dir = gn_test_tmpdir();
  char box[512], text[1024];
  (void)snprintf(box, sizeof box, "%s", gn_test_path(dir, "silverbox"));
  ck_assert_int_eq(mkdir(box, 0700), 0);
  gn_test_file(box, "sb.csv", "V1,V2,\n.1,.2,\n-.2,.1,\n.3,0,\n.1,.1,\n0,.2,\n.2,-.1,\n.1,0,\n");
  (void)snprintf(text, sizeof text, driven, dir, "node", 1);
  gn_subject_input in = { .path = gn_test_file(dir, "u.ini", text), .samples = "train" };
  gn_subject *s;
  gn_ck_ok(gn_subject_create(&in, &s));
  gn_setup *u = s->setup;
  double z[6], gz[6], gx[2] = { 0 }, gp[3] = { 0 }, loss;
  gn_solution *o = solve(s, 0, NULL);
  const gn_solver sv = gn_experiment_solver(s->e);
  gn_pass *ps;
  gn_ck_ok(gn_pass_create(s->e->gradient, NULL, &u->problem, &sv, s->B, &ps));
  gn_ck_ok(gn_pass_forward(ps, s->B, s->p, &s->batch.drive, s->x, z));
  ck_assert_mem_eq(series_of(o, GN_SERIES_OUTPUT) + 2, z, sizeof z);
  gn_ck_ok(s->e->loss->eval(s->e->loss_config, &s->target, z, &loss, gz));
  ck_assert_double_eq(o->loss, loss);
  gn_ck_ok(gn_pass_backward(ps, gz, gp, gx, NULL));
  gn_ck_close_all(2, series_of(o, GN_SERIES_ADJOINT), gx, 1e-7);
  gn_ck_fails(gn_case_export(s, "case.h5", &loss), GN_EUNSUP, "signals");
  gn_spectrum *sp;
  gn_ck_ok(gn_spectrum_create(s, o, &sp));
  gn_ck_close(sp->re[3], s->p[0], 1e-14);
  gn_spectrum_destroy(&sp);
  gn_pass_destroy(&ps);
  gn_solution_destroy(&o);
  static const double late[2] = { 0, 4 };
  const gn_solve_input far = { 2, late, 0 };
  gn_ck_fails(gn_solve(s, &far, &o), GN_EARG, "signals end at 3");
  gn_subject_destroy(&s);
  (void)snprintf(text, sizeof text, driven, dir, "node", 2);
  gn_test_file(dir, "u.ini", text);
  gn_ck_fails(gn_subject_create(&in, &s), GN_EARG, "set model.signals = 1");
  gn_test_file(dir, "u.ini", spiral);
  gn_ck_fails(gn_subject_create(&in, &s), GN_EARG, "brings none");
}
END_TEST

static void same_solution(const gn_solution *a, const gn_solution *b)
{
  ck_assert_uint_eq(a->T, b->T);
  ck_assert_uint_eq(a->B, b->B);
  ck_assert_uint_eq(a->n, b->n);
  ck_assert(gn_test_same(a->times, b->times, a->T * sizeof *a->times));
  ck_assert(gn_test_same(a->sample, b->sample, a->B * sizeof *a->sample));
  for (size_t k = 0; k < a->n; k++) {
    const gn_series *x = &a->series[k], *y = NULL;
    for (size_t i = 0; i < b->n; i++)
      if (b->series[i].kind == x->kind && strcmp(b->series[i].name, x->name) == 0)
        y = &b->series[i];
    ck_assert_msg(y != NULL, "series %s is missing", x->name);
    if (!y) continue;
    ck_assert_uint_eq(x->d, y->d);
    for (size_t i = 0; i < a->T * a->B * x->d; i++)
      ck_assert(x->v[i] == y->v[i] || (isnan(x->v[i]) && isnan(y->v[i])));
  }
}

START_TEST(files_give_back_what_was_written)
{
  static const char *const name[] = { "s.csv", "s.h5" };
  gn_subject *s = ask(NULL, 0, NULL); /* validation samples 5 and 6 */
  gn_solution *o = solve(s, 0, NULL), *back;
  ck_assert_int_eq(o->sample[0], 5);
  for (int k = 0; k < 2; k++) {
    char file[512];
    (void)snprintf(file, sizeof file, "%s", gn_test_path(gn_test_tmpdir(), name[k]));
    gn_ck_ok(gn_solution_write(o, file));
    gn_ck_ok(gn_solution_read(file, &back));
    same_solution(o, back);
    gn_solution_destroy(&back);
  }
  gn_ck_fails(gn_solution_write(o, "s.txt"), GN_EARG, ".h5");
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
}
END_TEST

START_TEST(times_are_checked)
{
  gn_subject *s = ask(NULL, 0, NULL);
  gn_solution *o;
  size_t n;
  double *t;
  static const char *const bad[] = { "0:1",   "1:0:5",   "0:1:1", "a:1:5", "0:1:5x",
                                     "0:inf:4", "0:1:2:3", "", "nan:1:4" };
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
    gn_ck_fails(gn_solve_times(s->arena, bad[k], &n, &t), GN_EARG, "times = ");
  gn_ck_ok(gn_solve_times(s->arena, "-1:1:5", &n, &t));
  ck_assert_uint_eq(n, 5);
  ck_assert_double_eq(t[4], 1);
  const gn_solve_input early = { n, t, 0 };
  gn_ck_fails(gn_solve(s, &early, &o), GN_EARG, "before the start");
  gn_subject_destroy(&s);
  static const char *const over = "solver.name=torchdiffeq";
  s = ask(NULL, 1, &over);
  const gn_solve_input in = { 0, NULL, 1 };
  gn_ck_fails(gn_solve(s, &in, &o), GN_EUNSUP, "torchdiffeq");
  gn_subject_destroy(&s);
}
END_TEST

START_TEST(samples_are_checked)
{
  static const char *const bad[] = { "3", "0:0", "7:1", "6:2", "-1:2", "x:1", "validx", "0:1x" };
  const char *file = gn_test_file(gn_test_tmpdir(), "a.ini", ini);
  gn_subject *s;
  for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
    const gn_subject_input in = { .path = file, .samples = bad[k] };
    gn_ck_fails(gn_subject_create(&in, &s), GN_EARG, "samples = ");
    ck_assert_ptr_null(s);
  }
  const gn_subject_input in = { .path = file, .state = "best" };
  gn_ck_fails(gn_subject_create(&in, &s), GN_EARG, "no run directory");
}
END_TEST

/* ---- case ---------------------------------------------------------------------------- */

/* The case's gradient is the exact gradient of the experiment's steps, which compare has. */
START_TEST(a_case_has_the_gradient_of_its_experiment)
{
  gn_subject *s = ask("train", 0, NULL);
  const gn_compare_input in = { .strategies = "discrete" };
  char file[512];
  double loss;
  gn_compare *c;
  gn_case *cs;
  gn_h5 *h;
  (void)snprintf(file, sizeof file, "%s", gn_test_path(gn_test_tmpdir(), "case.h5"));
  gn_ck_ok(gn_compare_create(s->e, &in, &c));
  gn_ck_ok(gn_compare_run(c));
  gn_ck_ok(gn_case_export(s, file, &loss));
  ck_assert_double_eq(loss, c->row[0].loss);
  gn_ck_ok(gn_case_create(s->e, file, &cs));
  gn_ck_ok(gn_case_run(cs));
  gn_ck_ok(gn_case_write(cs, file));
  gn_case_destroy(&cs);
  const gn_params *ps = &s->setup->model->params;
  double *g = calloc(ps->np, sizeof *g);
  ck_assert(g != NULL && c->exact);
  gn_ck_ok(gn_h5_open(file, &h));
  gn_ck_ok(gn_params_read(ps, h, "grad/params", g));
  gn_ck_ok(gn_h5_close(&h));
  ck_assert_double_gt(gn_vec_maxabs(ps->np, g), 0);
  gn_ck_close_all(ps->np, g, c->g, 0); /* the same operations on the same numbers */
  free(g);
  gn_compare_destroy(&c);
  gn_subject_destroy(&s);
}
END_TEST

/* ---- the description of files ---------------------------------------------------------- */

static char *slurp(const char *path)
{
  FILE *f = fopen(path, "rb");
  ck_assert_msg(f != NULL, "%s is missing", path);
  char *text = calloc(1, 1 << 20);
  ck_assert(text != NULL);
  ck_assert_uint_lt(fread(text, 1, (1 << 20) - 1, f), (1 << 20) - 1);
  (void)fclose(f);
  return text;
}

START_TEST(the_documentation_is_the_tables)
{
  char *doc = slurp(GN_SOURCE_DIR "/experiments/README.md"), *now = NULL;
  size_t size;
  FILE *f = open_memstream(&now, &size);
  ck_assert(f != NULL);
  gn_ck_ok(gn_files_print(f));
  (void)fclose(f);
  ck_assert_msg(strstr(doc, now) != NULL,
                "experiments/README.md is not up to date: put the output of `gnomon list "
                "files` after its line '## Files'");
  free(doc);
  free(now);
}
END_TEST

/* A command line in the folder; its exit code. What it says goes to out. */
static int shell(const char *dir, const char *text, char *out, size_t size)
{
  char command[4096];
  (void)snprintf(command, sizeof command, "cd '%s' && %s 2>&1", dir, text);
  FILE *p = popen(command, "r"); /* NOLINT(cert-env33-c): run as users run it */
  ck_assert(p != NULL);
  const size_t got = fread(out, 1, size - 1, p);
  out[got] = '\0';
  const int rc = pclose(p);
  ck_assert(WIFEXITED(rc));
  return WEXITSTATUS(rc);
}

static void gnomon(const char *dir, const char *args)
{
  static char out[1 << 16];
  char text[1024];
  (void)snprintf(text, sizeof text, "'%s' %s", GN_PROGRAM, args);
  ck_assert_msg(shell(dir, text, out, sizeof out) == 0, "gnomon %s:\n%s", args, out);
}

/* One of every file, in a folder. */
static const char *every_file(void)
{
  static const char *const run[] = {
    "train a.ini --run.out=run --train.audit=1",
    "train a.ini --run.out=cost --loss.running=square", /* metrics.csv with all columns */
    "compare a.ini --run.out=run --strategies=discrete --history=history.csv",
    "sweep a.ini --rtol=1e-3,1e-4 --strategies=discrete --time --out=sweep",
    "sweep a.ini --rtol=1e-3,1e-4 --strategies=discrete --what=train --time --out=sweep",
    "solve run --adjoint --out=solve.csv",
    "solve run --adjoint --out=solve.h5",
    "case run --out=case.h5",
    "grad a.ini --case=case.h5 --out=answer.h5",
    "spectrum run --out=spectrum.csv",
  };
  const char *dir = gn_test_tmpdir();
  (void)gn_test_file(dir, "a.ini", ini);
  for (size_t k = 0; k < sizeof run / sizeof *run; k++) gnomon(dir, run[k]);
  return dir;
}

/* Where every_file() puts a file. */
static const char *place_of(const gn_format *f)
{
  static char path[64];
  const int sweep = strncmp(f->file, "sweep", 5) == 0;
  const int run = strncmp(f->by, "gnomon train", 12) == 0 ||
                  strncmp(f->file, "compare", 7) == 0;
  const int cost = strcmp(f->file, "metrics.csv") == 0;
  (void)snprintf(path, sizeof path, "%s%s",
                 sweep ? "sweep/" : cost ? "cost/" : run ? "run/" : "", f->file);
  return path;
}

/* Whether name is what the row stands for: a place holder in capitals matches anything. */
static int matches(const char *row, const char *name)
{
  const size_t lead = strcspn(row, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), n = strlen(name);
  size_t hold = lead;
  if (!row[lead]) return strcmp(row, name) == 0;
  while (isupper((unsigned char)row[hold])) hold++;
  const size_t tail = strlen(row + hold);
  return n > lead + tail && strncmp(row, name, lead) == 0 &&
         strcmp(row + hold, name + n - tail) == 0;
}

/* Every name has a row, every row a name. */
static void check_names(const gn_format *f, size_t n, const char *const *name, int arrays)
{
  const gn_column *c;
  for (size_t i = 0; i < n; i++) {
    int found = 0;
    for (size_t k = 0; (c = gn_format_column(f, k)) != NULL; k++)
      found |= matches(c->name, name[i]);
    ck_assert_msg(found, "%s: '%s' is not described", f->file, name[i]);
  }
  for (size_t k = 0; (c = gn_format_column(f, k)) != NULL; k++) {
    int found = 0;
    if (arrays && strcmp(c->shape, "attribute") == 0) continue;
    for (size_t i = 0; i < n; i++) found |= matches(c->name, name[i]);
    ck_assert_msg(found, "%s: '%s' is described, but not there", f->file, c->name);
  }
}

static void check_csv(const gn_format *f, const char *path, gn_arena *a)
{
  gn_csv *csv;
  gn_ck_ok(gn_csv_read(a, path, &csv));
  ck_assert_msg(csv->nrow > 0, "%s has no rows", path);
  check_names(f, csv->ncol, csv->name, 0);
}

static void check_h5(const gn_format *f, const char *path, gn_arena *a)
{
  const char *const *names;
  const gn_column *c;
  size_t n;
  gn_h5 *h;
  gn_ck_ok(gn_h5_open(path, &h));
  gn_ck_ok(gn_h5_list(h, a, "/", &n, &names));
  check_names(f, n, names, 1);
  for (size_t k = 0; (c = gn_format_column(f, k)) != NULL; k++)
    if (strcmp(c->shape, "attribute") == 0)
      ck_assert_msg(gn_h5_attr_exists(h, c->name), "%s: no attribute %s", f->file, c->name);
  gn_ck_ok(gn_h5_close(&h));
}

/* The 20 lines of Python between ```python and ``` of the documentation. */
static void write_reader(const char *dir)
{
  char *doc = slurp(GN_SOURCE_DIR "/experiments/README.md");
  char *from = strstr(doc, "```python\n"), *to = from ? strstr(from + 10, "\n```") : NULL;
  ck_assert_msg(to != NULL, "experiments/README.md has no Python");
  if (!to) return;
  to[1] = '\0';
  size_t lines = 0;
  for (const char *s = from + 10; *s; s++) lines += *s == '\n';
  ck_assert_uint_le(lines, 20);
  (void)gn_test_file(dir, "reader.py", from + 10);
  free(doc);
}

/* The text is there with that number behind it. */
static void said(const char *out, const char *text, double want)
{
  const char *at = strstr(out, text);
  ck_assert_msg(at != NULL, "'%s' is not in\n%s", text, out);
  gn_ck_close(strtod(at + strlen(text), NULL), want, 1e-12); /* another order of the sum */
}

/* What Python read against what C reads: number and sum of some columns. */
static void check_reader(const char *dir, const char *all)
{
  static char out[1 << 18];
  char text[2048];
  gn_arena *a;
  gn_csv *csv;
  double sum = 0, z[5 * 2 * 2];
  gn_h5 *h;
  (void)snprintf(text, sizeof text, "python3 reader.py %s", all);
  ck_assert_msg(shell(dir, text, out, sizeof out) == 0, "reader.py: %s", out);
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_csv_read(a, gn_test_path(dir, "solve.csv"), &csv));
  for (size_t i = 0; i < csv->nrow; i++)
    sum += gn_csv_number(csv, i, gn_csv_column(csv, "h1"));
  said(out, "solve.csv h1 (10,) ", sum);
  gn_ck_ok(gn_h5_open(gn_test_path(dir, "solve.h5"), &h));
  gn_ck_ok(gn_h5_read(h, "z", 20, z));
  gn_ck_ok(gn_h5_close(&h));
  sum = 0;
  for (int i = 0; i < 20; i++) sum += z[i];
  said(out, "solve.h5 z (5, 2, 2) ", sum);
  ck_assert_ptr_nonnull(strstr(out, "run/state.h5 @model hbnode"));
  gn_arena_destroy(&a);
}

START_TEST(every_file_is_as_described)
{
  const char *dir = every_file();
  char all[1024] = "", out[256];
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  for (const gn_format *const *f = gn_formats; *f; f++) {
    const char *name = place_of(*f);
    char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", dir, name);
    (void)snprintf(all + strlen(all), sizeof all - strlen(all), " %s", name);
    if (strstr(name, ".h5")) check_h5(*f, path, a);
    else check_csv(*f, path, a);
  }
  gn_arena_destroy(&a);
  if (shell(dir, "python3 -c 'import h5py, numpy'", out, sizeof out) != 0) {
    ck_assert_msg(!getenv("CI"), "python3 with h5py is missing (Debian: python3-h5py)");
    (void)printf("SKIP: the Python reader: python3-h5py not found\n");
    return;
  }
  write_reader(dir);
  check_reader(dir, all);
}
END_TEST

/* Every figure with its script and data; the same from CSV and HDF5. */
START_TEST(figures)
{
  static const char *const want[] = { "a_trajectories.svg", "a_prediction.pdf", "a_adjoint.png",
                                      "a_phase.gp", "a.dat", "s.svg", "s.gp", "s.dat" };
  const char *dir = gn_test_tmpdir();
  char out[256];
  if (shell(dir, "gnuplot --version", out, sizeof out) != 0) {
    ck_assert_msg(!getenv("CI"), "gnuplot is missing (Debian: gnuplot-nox)");
    (void)printf("SKIP: figures of solutions: gnuplot not found\n");
    return;
  }
  (void)gn_test_file(dir, "a.ini", ini);
  gnomon(dir, "solve a.ini --adjoint --times=0:2:9 --out=a.csv");
  gnomon(dir, "solve a.ini --adjoint --times=0:2:9 --out=a.h5");
  gnomon(dir, "spectrum a.ini --out=s.csv --plot");
  gnomon(dir, "plot a.h5 --out=from_h5");
  gnomon(dir, "plot a.csv");
  for (size_t k = 0; k < sizeof want / sizeof *want; k++)
    ck_assert_msg(access(gn_test_path(dir, want[k]), R_OK) == 0, "%s is missing", want[k]);
  ck_assert_int_eq(shell(dir, "cmp a.dat from_h5/a.dat", out, sizeof out), 0);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("solve");
  TCase *t = tcase_create("solve");
  tcase_set_timeout(t, 120);
  tcase_add_test(t, adjoint_at_the_start_is_the_gradient);
  tcase_add_test(t, adjoint_jumps_at_targets);
  tcase_add_test(t, delays);
  tcase_add_test(t, signals);
  tcase_add_test(t, files_give_back_what_was_written);
  tcase_add_test(t, times_are_checked);
  tcase_add_test(t, samples_are_checked);
  tcase_add_test(t, a_case_has_the_gradient_of_its_experiment);
  tcase_add_test(t, the_documentation_is_the_tables);
  tcase_add_test(t, every_file_is_as_described);
  tcase_add_test(t, figures);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_ENV);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
