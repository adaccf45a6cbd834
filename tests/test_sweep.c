/* The tolerance study: grids, tied tolerances, resume, parts, workers, failed points,
 * figures' tables; the histories of steps against the counters; and advice that meets its
 * target. */
#include "study/advise.h"
#include "study/cases.h"
#include "base/csv.h"
#include "study/sweep_impl.h"
#include "study/train.h"
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char small[] = "[data]\nname = spiral\nn = 3\nvalid = 1\nK = 3\nT = 2\n"
                            "[model]\nname = hbnode\nwidth = 5\ndepth = 1\n"
                            "[solver]\nrtol = 1e-5\natol = 1e-6\n"
                            "[compare]\nreference_tol = 1e-11\n";

static char ini[4096];
static const char *dir;

static void prepare(void)
{
  dir = gn_test_tmpdir();
  (void)snprintf(ini, sizeof ini, "%s", gn_test_file(dir, "small.ini", small));
}

/* DIR/name, in one of a few buffers. */
static const char *in(const char *name)
{
  static char path[8][4096];
  static int k;
  k = (k + 1) % 8;
  (void)snprintf(path[k], sizeof path[k], "%s/%s", dir, name);
  return path[k];
}

static char *read_text(const char *path)
{
  FILE *f = fopen(path, "rb");
  ck_assert_msg(f != NULL, "%s is not there", path);
  char *text = calloc(1 << 20, 1);
  ck_assert(text != NULL);
  const size_t n = fread(text, 1, (1 << 20) - 1, f);
  ck_assert(n < (1 << 20) - 1);
  (void)fclose(f);
  return text;
}

static void write_text(const char *path, const char *text)
{
  FILE *f = fopen(path, "wb");
  ck_assert(f != NULL && fputs(text, f) >= 0);
  ck_assert(fclose(f) == 0);
}

static gn_sweep_input grid(const char *out)
{
  return (gn_sweep_input){ .rtol = "1e-3,1e-5",
                           .strategies = "discrete,backsolve:norm=semi,interpolate",
                           .jobs = 1,
                           .out = in(out) };
}

static gn_sweep_result sweep(const gn_sweep_input *input)
{
  gn_sweep *sw;
  gn_sweep_result res;
  gn_ck_ok(gn_sweep_create(ini, 0, NULL, input, &sw));
  gn_ck_ok(gn_sweep_run(sw, &res));
  gn_sweep_destroy(&sw);
  ck_assert_ptr_null(sw);
  return res;
}

/* ---- lists --------------------------------------------------------------------------- */

START_TEST(lists)
{
  gn_arena *a;
  double *x;
  int *k;
  size_t n;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_sweep_reals(a, "rtol", "1e-3:1e-9:7", &n, &x));
  ck_assert_uint_eq(n, 7);
  static const double decades[7] = { 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9 };
  for (size_t i = 0; i < n; i++) ck_assert_double_eq(x[i], decades[i]);
  gn_ck_ok(gn_sweep_reals(a, "rtol", " 1e-3, 2e-7 ", &n, &x));
  ck_assert(n == 2 && x[0] == 1e-3 && x[1] == 2e-7);
  gn_ck_ok(gn_sweep_reals(a, "rtol", "1e-6:1e-4:5", &n, &x));
  gn_ck_close(x[1], pow(10, -5.5), 1e-5); /* six digits are kept */
  gn_ck_ok(gn_sweep_integers(a, "seeds", "0:4", &n, &k));
  ck_assert(n == 5 && k[0] == 0 && k[4] == 4);
  gn_ck_ok(gn_sweep_integers(a, "seeds", "7,1", &n, &k));
  ck_assert(n == 2 && k[0] == 7 && k[1] == 1);
  gn_ck_fails(gn_sweep_reals(a, "rtol", "1e-3:1e-9", &n, &x), GN_EARG, "FROM:TO:HOW_MANY");
  gn_ck_fails(gn_sweep_reals(a, "rtol", "1e-3,,1e-4", &n, &x), GN_EARG, "an empty entry");
  gn_ck_fails(gn_sweep_reals(a, "rtol", "1e-3,x", &n, &x), GN_EARG, "rtol: 'x'");
  gn_ck_fails(gn_sweep_reals(a, "rtol", "2", &n, &x), GN_EARG, "from 1e-15 to 1");
  gn_ck_fails(gn_sweep_reals(a, "rtol", "1e-3,1e-3", &n, &x), GN_EARG, "twice");
  gn_ck_fails(gn_sweep_reals(a, "rtol", "1e-3:1e-4:1", &n, &x), GN_EARG, "2 to");
  gn_ck_fails(gn_sweep_integers(a, "seeds", "4:1", &n, &k), GN_EARG, "FROM <= TO");
  gn_ck_fails(gn_sweep_integers(a, "seeds", "-1", &n, &k), GN_EARG, "'-1'");
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(refusals)
{
  gn_sweep *sw;
  prepare();
  gn_sweep_input input = grid("out");
  input.rtol = NULL;
  gn_ck_fails(gn_sweep_create(ini, 0, NULL, &input, &sw), GN_EARG, "--rtol");
  input = grid("out");
  input.strategies = "discrete,gaus";
  gn_ck_fails(gn_sweep_create(ini, 0, NULL, &input, &sw), GN_ENAME, "gauss");
  input.strategies = "discrete,discrete";
  gn_ck_fails(gn_sweep_create(ini, 0, NULL, &input, &sw), GN_EARG, "twice");
  input = grid("out");
  input.solvers = "erk:tabel=fehlberg";
  gn_ck_fails(gn_sweep_create(ini, 0, NULL, &input, &sw), GN_ENAME, "table");
  input = grid("out");
  input.models = "hbnod";
  gn_ck_fails(gn_sweep_create(ini, 0, NULL, &input, &sw), GN_ENAME, "hbnode");
  input = grid("out");
  input.shard = 3, input.nshard = 2;
  gn_ck_fails(gn_sweep_create(ini, 0, NULL, &input, &sw), GN_EARG, "shard 3 of 2");
  ck_assert(access(in("out"), F_OK) != 0); /* nothing was written */
}
END_TEST

/* ---- tolerances ---------------------------------------------------------------------- */

START_TEST(three_tolerances)
{
  static const char *const over[] = { "solver.rtol=1e-4", "solver.atol=1e-7",
                                      "gradient.rtol=1e-5", "gradient.quad_atol=1e-3" };
  gn_experiment *e;
  prepare();
  gn_ck_ok(gn_experiment_read(ini, 2, over, &e));
  gn_solver sv = gn_experiment_solver(e);
  ck_assert(sv.back.rtol == 1e-4 && sv.back.atol == 1e-7);
  ck_assert(sv.quad.rtol == 0 && sv.quad.atol == 0); /* as back */
  gn_experiment_destroy(&e);
  gn_ck_ok(gn_experiment_read(ini, 4, over, &e));
  sv = gn_experiment_solver(e);
  ck_assert(sv.tol.rtol == 1e-4 && sv.back.rtol == 1e-5 && sv.back.atol == 1e-7);
  ck_assert(sv.quad.rtol == 0 && sv.quad.atol == 1e-3);
  gn_experiment_destroy(&e);
}
END_TEST

static gn_csv *table(gn_arena *a, const char *file)
{
  gn_csv *c;
  gn_ck_ok(gn_csv_read(a, in(file), &c));
  return c;
}

static double number(const gn_csv *c, size_t row, const char *column)
{
  const size_t k = gn_csv_column(c, column);
  ck_assert_msg(k != GN_CSV_NONE, "no column %s", column);
  return gn_csv_number(c, row, k);
}

static const char *text(const gn_csv *c, size_t row, const char *column)
{
  return gn_csv_text(c, row, gn_csv_column(c, column));
}

START_TEST(tied_unless_listed)
{
  gn_arena *a;
  prepare();
  gn_ck_ok(gn_arena_create(&a));
  gn_sweep_input input = grid("tied");
  (void)sweep(&input);
  gn_csv *c = table(a, "tied/sweep.csv");
  ck_assert_uint_eq(c->nrow, 6);
  for (size_t k = 0; k < 6; k++) {
    ck_assert_double_eq(number(c, k, "rtol"), k < 3 ? 1e-3 : 1e-5);
    ck_assert_double_eq(number(c, k, "back_rtol"), number(c, k, "rtol"));
    ck_assert_double_eq(number(c, k, "quad_rtol"), number(c, k, "rtol"));
    ck_assert_str_eq(text(c, k, "status"), "ok");
    ck_assert_str_eq(text(c, k, "reference"), "ok");
  }
  ck_assert_str_eq(text(c, 1, "strategy"), "backsolve:norm=semi");
  ck_assert_str_eq(text(c, 0, "err_adj"), "0"); /* discrete is exact */
  ck_assert(number(c, 5, "err_ode") < number(c, 2, "err_ode"));
  input = grid("listed");
  input.back_rtol = "1e-2,1e-7";
  input.quad_rtol = "1e-1";
  input.strategies = "backsolve:norm=blockmax,interpolate:rtol=1e-4:atol=1e-5";
  (void)sweep(&input);
  c = table(a, "listed/sweep.csv");
  ck_assert_uint_eq(c->nrow, 8);
  ck_assert_double_eq(number(c, 0, "back_rtol"), 1e-2);
  ck_assert_double_eq(number(c, 2, "back_rtol"), 1e-7);
  ck_assert_double_eq(number(c, 2, "quad_rtol"), 1e-1);
  ck_assert(number(c, 2, "back_steps") > number(c, 0, "back_steps"));
  ck_assert_double_eq(number(c, 2, "steps"), number(c, 0, "steps"));
  /* a key of the strategy wins over the grid */
  ck_assert_double_eq(number(c, 1, "back_steps"), number(c, 3, "back_steps"));
  gn_arena_destroy(&a);
}
END_TEST

/* A loose quadrature tolerance spares steps of a backward solve that carries g. */
START_TEST(quadrature_tolerance_is_its_own)
{
  gn_arena *a;
  prepare();
  gn_ck_ok(gn_arena_create(&a));
  gn_sweep_input input = grid("quad");
  input.rtol = "1e-6";
  input.quad_rtol = "1e-9,1e-6,1e-1";
  input.strategies = "backsolve:norm=blockmax,backsolve:norm=semi";
  (void)sweep(&input);
  gn_csv *c = table(a, "quad/sweep.csv");
  ck_assert_uint_eq(c->nrow, 6);
  ck_assert(number(c, 0, "back_steps") > number(c, 2, "back_steps"));
  ck_assert(number(c, 2, "back_steps") >= number(c, 4, "back_steps"));
  for (size_t k = 3; k < 6; k += 2) /* semi has no g in its norm */
    ck_assert_double_eq(number(c, k, "back_steps"), number(c, 1, "back_steps"));
  gn_arena_destroy(&a);
}
END_TEST

/* ---- the same numbers by every road -------------------------------------------------- */

START_TEST(workers_do_not_matter)
{
  prepare();
  gn_sweep_input one = grid("one"), two = grid("two");
  one.seeds = two.seeds = "1:2";
  one.models = two.models = "hbnode,hbnode:width=4";
  one.solvers = two.solvers = "erk,torchdiffeq";
  two.jobs = 2;
  const gn_sweep_result a = sweep(&one), b = sweep(&two);
  ck_assert(a.computed == 48 && b.computed == 48);
  ck_assert(a.failed == 8 && b.failed == 8); /* interpolate on torchdiffeq */
  char *x = read_text(in("one/sweep.csv")), *y = read_text(in("two/sweep.csv"));
  ck_assert_str_eq(x, y);
  free(x);
  free(y);
}
END_TEST

START_TEST(parts_concatenate)
{
  prepare();
  gn_sweep_input input = grid("whole");
  (void)sweep(&input);
  char *whole = read_text(in("whole/sweep.csv")), *joined = calloc(1 << 20, 1);
  ck_assert(joined != NULL);
  size_t points = 0;
  for (size_t k = 1; k <= 4; k++) { /* 6 points in 4 parts */
    char name[64];
    input = grid("parts");
    input.shard = k, input.nshard = 4;
    points += sweep(&input).points;
    (void)snprintf(name, sizeof name, "parts/shard-%zu-of-4/sweep.csv", k);
    char *part = read_text(in(name));
    (void)snprintf(joined + strlen(joined), ((size_t)1 << 20) - strlen(joined), "%s", part);
    free(part);
  }
  ck_assert_uint_eq(points, 6);
  ck_assert_str_eq(joined, whole);
  free(whole);
  free(joined);
}
END_TEST

START_TEST(resume)
{
  prepare();
  gn_sweep_input input = grid("out");
  const gn_sweep_result first = sweep(&input);
  ck_assert(first.computed == 6 && first.skipped == 0);
  char *whole = read_text(in("out/sweep.csv"));
  gn_sweep_result again = sweep(&input);
  ck_assert(again.computed == 0 && again.skipped == 6);
  /* a marked row proves that it is kept; a row cut short is computed again */
  char *mark = strdup(whole), *line = mark;
  for (int k = 0; k < 3; k++) line = strchr(line, '\n') + 1;
  line[10] = '\0';
  char *second = strchr(mark, '\n') + 1;
  char *row = strstr(second, ",ok,");
  ck_assert(row != NULL);
  row[1] = 'O', row[2] = 'K';
  write_text(in("out/sweep.csv"), mark);
  again = sweep(&input);
  ck_assert(again.computed == 4 && again.skipped == 2 && again.failed == 1);
  char *now = read_text(in("out/sweep.csv"));
  row = strstr(now, ",OK,");
  ck_assert(row != NULL);
  row[1] = 'o', row[2] = 'k';
  ck_assert_str_eq(now, whole);
  free(now);
  free(mark);
  /* more tolerances: only they are computed, and rows outside the grid are kept */
  input.rtol = "1e-4,1e-5";
  again = sweep(&input);
  ck_assert(again.computed == 3 && again.skipped == 3);
  now = read_text(in("out/sweep.csv"));
  ck_assert(strlen(now) > strlen(whole));
  free(now);
  free(whole);
  /* another experiment is refused */
  static const char *const over[] = { "model.width=6" };
  gn_sweep *sw;
  gn_sweep_result res;
  gn_ck_ok(gn_sweep_create(ini, 1, over, &input, &sw));
  gn_ck_fails(gn_sweep_run(sw, &res), GN_EARG, "another experiment");
  gn_sweep_destroy(&sw);
}
END_TEST

/* ---- failures and seconds ------------------------------------------------------------ */

START_TEST(failures_are_rows)
{
  gn_arena *a;
  prepare();
  gn_ck_ok(gn_arena_create(&a));
  gn_sweep_input input = grid("out");
  input.solvers = "erk,torchdiffeq";
  input.strategies = "discrete,seminorm,fd";
  static const char *const over[] = { "solver.max_steps=12" };
  gn_sweep *sw;
  gn_sweep_result res;
  input.rtol = "1e-3,1e-9";
  gn_ck_ok(gn_sweep_create(ini, 1, over, &input, &sw));
  gn_ck_ok(gn_sweep_run(sw, &res));
  FILE *null = fopen("/dev/null", "w");
  ck_assert(null != NULL);
  gn_ck_ok(gn_sweep_print(sw, null));
  (void)fclose(null);
  gn_sweep_destroy(&sw);
  gn_csv *c = table(a, "out/sweep.csv");
  ck_assert_uint_eq(c->nrow, 12);
  size_t limit = 0;
  for (size_t k = 0; k < c->nrow; k++) {
    const int bad = strcmp(text(c, k, "status"), "ok") != 0;
    ck_assert_int_eq(bad, *text(c, k, "reason") != '\0');
    ck_assert_int_eq(bad, *text(c, k, "work") == '\0');
    limit += strstr(text(c, k, "reason"), "max_steps") != NULL;
  }
  ck_assert(limit > 0 && limit < 12);
  ck_assert_uint_eq(res.computed, 12);
  gn_arena_destroy(&a);
}
END_TEST

/* What stands for a point whose worker died has the cells of any other row. */
START_TEST(a_crash_is_a_row)
{
  char *line = gn_sweep_crash_text(gn_sweep_header(0, GN_SWEEP_COUNTS),
                                   "hbnode,,1,erk,0.001,0.001,0.001,discrete", 11);
  ck_assert_ptr_nonnull(line);
  ck_assert_uint_eq(gn_sweep_cells(line),
                    gn_sweep_cells(gn_sweep_header(0, GN_SWEEP_COUNTS)));
  char *status = gn_sweep_cell(gn_sweep_header(0, GN_SWEEP_COUNTS), line, "status"),
       *reason = gn_sweep_cell(gn_sweep_header(0, GN_SWEEP_COUNTS), line, "reason");
  char *work = gn_sweep_cell(gn_sweep_header(0, GN_SWEEP_COUNTS), line, "work");
  ck_assert_str_eq(status, "crash");
  ck_assert_str_eq(reason, "the worker was ended by signal 11");
  ck_assert_str_eq(work, "");
  free(line), free(status), free(reason), free(work);
}
END_TEST

/* Quoted cells: commas and quotes inside are text. */
START_TEST(cells)
{
  const char *line = "m,\"a,\"\"b\"\"\",1,erk,1,1,1,s,,ok,";
  char *state = gn_sweep_cell(gn_sweep_header(0, GN_SWEEP_COUNTS), line, "state"),
       *status = gn_sweep_cell(gn_sweep_header(0, GN_SWEEP_COUNTS), line, "status");
  ck_assert_uint_eq(gn_sweep_cells(line), 11);
  ck_assert_str_eq(state, "a,\"b\"");
  ck_assert_str_eq(status, "ok");
  ck_assert_ptr_null(gn_sweep_cell(gn_sweep_header(0, GN_SWEEP_COUNTS), line,
                                   "work")); /* the line ends before */
  free(state), free(status);
}
END_TEST

/* A trained point has the numbers of a trainer with the same options. */
START_TEST(training)
{
  static const char *const over[] = { "train.epochs=4", "train.lr=0.05" };
  static const char *const as_point[] = { "train.epochs=4", "train.lr=0.05",
                                          "solver.rtol=1e-5", "solver.atol=1e-6",
                                          "gradient.name=interpolate" };
  gn_arena *a;
  gn_sweep *sw;
  gn_sweep_result res;
  prepare();
  gn_ck_ok(gn_arena_create(&a));
  gn_sweep_input input = grid("out");
  input.train = 1;
  input.target_loss = 1e6; /* reached at once */
  input.time = 1;
  input.jobs = 2;
  gn_ck_ok(gn_sweep_create(ini, 2, over, &input, &sw));
  gn_ck_ok(gn_sweep_run(sw, &res));
  ck_assert(res.computed == 6 && res.failed == 0 && res.uncertified == 0);
  gn_sweep_destroy(&sw);
  gn_csv *c = table(a, "out/sweep_train.csv"), *t = table(a, "out/sweep_train_timing.csv");
  ck_assert(c->nrow == 6 && t->nrow == 6);
  gn_experiment *e;
  gn_setup *setup;
  gn_trainer *tr;
  gn_progress pr;
  long work[4], total = 0;
  gn_ck_ok(gn_experiment_read(ini, 5, as_point, &e));
  gn_ck_ok(gn_setup_create(e, &setup));
  gn_ck_ok(gn_trainer_create(e, setup, &tr));
  for (int k = 0; k < 4; k++) {
    gn_ck_ok(gn_trainer_epoch(tr, &pr));
    work[k] = gn_stats_work(&pr.stats);
    total += work[k];
  }
  ck_assert_str_eq(text(c, 5, "strategy"), "interpolate");
  ck_assert_double_eq(number(c, 5, "loss"), pr.loss);
  ck_assert_double_eq(number(c, 5, "valid_loss"), pr.valid_loss);
  ck_assert_double_eq(number(c, 5, "epochs"), 4);
  ck_assert_double_eq(number(c, 5, "work_first"), (double)work[0]);
  ck_assert_double_eq(number(c, 5, "work_last"), (double)work[3]);
  ck_assert_double_eq(number(c, 5, "work"), (double)total);
  ck_assert_double_eq(number(c, 5, "target_epoch"), 1);
  ck_assert_double_eq(number(c, 5, "target_work"), (double)work[0]);
  ck_assert(number(t, 5, "sec") >= number(t, 5, "target_sec"));
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&setup);
  gn_experiment_destroy(&e);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(seconds)
{
  gn_arena *a;
  prepare();
  gn_ck_ok(gn_arena_create(&a));
  gn_sweep_input input = grid("out");
  (void)sweep(&input);
  ck_assert(access(in("out/sweep_timing.csv"), F_OK) != 0);
  char *before = read_text(in("out/sweep.csv"));
  input.time = 1;
  ck_assert_uint_eq(sweep(&input).computed, 0); /* only the seconds are missing */
  char *after = read_text(in("out/sweep.csv"));
  ck_assert_str_eq(before, after);
  gn_csv *c = table(a, "out/sweep_timing.csv"), *counts = table(a, "out/sweep.csv");
  ck_assert_uint_eq(c->nrow, 6);
  for (size_t k = 0; k < 6; k++) {
    ck_assert(number(c, k, "sec") > 0 && number(c, k, "back_sec") > 0);
    ck_assert(number(c, k, "repeats") == 5);
    ck_assert_str_eq(text(c, k, "strategy"), text(counts, k, "strategy"));
  }
  free(before);
  free(after);
  gn_arena_destroy(&a);
}
END_TEST

/* ---- figures and the program --------------------------------------------------------- */

static int shell(const char *command)
{
  const int rc = system(command); /* NOLINT(cert-env33-c): run as users run it */
  ck_assert(WIFEXITED(rc));
  return WEXITSTATUS(rc);
}

/* GN_PROGRAM with arguments, in the folder of the test. */
static int gnomon(const char *arguments)
{
  char command[8192];
  (void)snprintf(command, sizeof command, "cd '%s' && '%s' %s >said 2>&1", dir, GN_PROGRAM,
                 arguments);
  return shell(command);
}

/* Medians and quartiles over the seeds are in the data file; the script draws again. */
START_TEST(figures)
{
  prepare();
  if (shell("command -v gnuplot >/dev/null") != 0) {
    (void)gn_test_need("figures of a sweep", "/usr/bin/gnuplot");
    return;
  }
  ck_assert_int_eq(gnomon("sweep small.ini --rtol=1e-2,1e-5 --seeds=1:3 --out=f --time "
                          "--strategies=discrete,interpolate"),
                   0);
  static const char *const kind[] = { "work", "bytes", "seconds" };
  static const char *const ending[] = { "pdf", "svg", "png", "gp", "dat" };
  for (int k = 0; k < 3; k++)
    for (int j = 0; j < 5; j++) {
      char name[64];
      (void)snprintf(name, sizeof name, "f/sweep_%s.%s", kind[k], ending[j]);
      ck_assert_msg(access(in(name), R_OK) == 0, "%s is missing", name);
    }
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  gn_csv *c = table(a, "f/sweep.csv");
  double e[3], drawn[9], lo = INFINITY, hi = 0, sum = 0;
  for (size_t k = 0, n = 0; k < c->nrow; k++) {
    if (strcmp(text(c, k, "strategy"), "discrete") != 0 || number(c, k, "rtol") != 1e-2)
      continue;
    e[n] = number(c, k, "err_ode");
    lo = fmin(lo, e[n]), hi = fmax(hi, e[n]), sum += e[n++];
  }
  char *data = read_text(in("f/sweep_work.dat")), *at = strstr(data, "# discrete\n");
  ck_assert_ptr_nonnull(at);
  at += strlen("# discrete\n");
  for (int k = 0; k < 9; k++) drawn[k] = strtod(at, &at);
  const double middle = sum - lo - hi;
  gn_ck_close(drawn[6], middle, 1e-8); /* ten digits in the file */
  gn_ck_close(drawn[7], (lo + middle) / 2, 1e-8);
  gn_ck_close(drawn[8], (hi + middle) / 2, 1e-8);
  free(data);
  ck_assert(remove(in("f/sweep_work.png")) == 0);
  char command[8192];
  (void)snprintf(command, sizeof command, "cd '%s/f' && gnuplot sweep_work.gp", dir);
  ck_assert_int_eq(shell(command), 0);
  ck_assert(access(in("f/sweep_work.png"), R_OK) == 0);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(program)
{
  prepare();
  ck_assert_int_eq(gnomon("sweep small.ini"), 2);
  ck_assert_int_eq(gnomon("sweep small.ini --rtol=1e-3 --shard=3/2"), 2);
  ck_assert_int_eq(gnomon("sweep small.ini --rtol=1e-3 --jobs=0"), 2);
  ck_assert(access(in("runs"), F_OK) != 0);
  ck_assert_int_eq(gnomon("sweep small.ini --rtol=1e-3 --strategies=discrete --csv "
                          "--no-figures --out=o"),
                   0);
  char *said = read_text(in("said")), *file = read_text(in("o/sweep.csv"));
  ck_assert_str_eq(said, file);
  free(said);
  free(file);
  ck_assert_int_eq(gnomon("advise small.ini"), 2);
  ck_assert_int_eq(gnomon("advise small.ini --target=1e-3"), 0);
  ck_assert_int_eq(
      gnomon("advise small.ini --target=1e-7 --strategies=gauss:rule=fixed:nodes=1"), 1);
  ck_assert_int_eq(gnomon("compare small.ini --run.out=c --history=nowhere/h.csv"), 2);
  ck_assert_int_eq(gnomon("compare small.ini --strategies=discrete --run.out=c "
                          "--history=h.csv"),
                   0);
  char *history = read_text(in("h.csv"));
  ck_assert(strncmp(history, "label,direction,t,h,error,accepted,cause,blocks\n", 48) == 0);
  ck_assert_ptr_nonnull(strstr(history, "discrete,forward,0,"));
  free(history);
}
END_TEST

/* ---- histories ----------------------------------------------------------------------- */

/* Rows of the history with these cells. */
static long rows_with(const gn_csv *c, const char *label, const char *direction,
                      const char *accepted, const char *cause)
{
  long n = 0;
  for (size_t k = 0; k < c->nrow; k++)
    n += strcmp(text(c, k, "label"), label) == 0 &&
         strcmp(text(c, k, "direction"), direction) == 0 &&
         strcmp(text(c, k, "accepted"), accepted) == 0 &&
         (!cause || strcmp(text(c, k, "cause"), cause) == 0);
  return n;
}

/* The count after "block " in "h 1; backward a.h 3, m 2", from `from` on. */
static long blamed(const char *list, const char *block)
{
  char word[64];
  (void)snprintf(word, sizeof word, "%s ", block);
  const char *s = strstr(list, word);
  return s ? strtol(s + strlen(word), NULL, 10) : 0;
}

static void check_history(const char *solver, const char *h)
{
  const char *over[] = { solver,
                         "solver.rtol=1e-4",
                         "solver.atol=1e-4",
                         "compare.strategies=backsolve:norm=blockmax",
                         "compare.repeats=2",
                         h };
  const gn_compare_input input = { .progress = NULL };
  gn_experiment *e;
  gn_compare *c;
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_experiment_read(ini, h ? 6 : 5, over, &e));
  gn_ck_ok(gn_compare_create(e, &input, &c));
  c->history.to = fopen(in("history.csv"), "w");
  ck_assert(c->history.to != NULL);
  gn_ck_ok(gn_compare_run(c));
  ck_assert(fclose(c->history.to) == 0);
  const gn_compare_row *r = &c->row[0];
  ck_assert_msg(r->status == GN_OK, "%s", r->reason);
  gn_csv *t = table(a, "history.csv");
  const char *who = "backsolve:norm=blockmax";
  ck_assert_int_eq(rows_with(t, who, "forward", "1", NULL), r->stats.steps);
  ck_assert_int_eq(rows_with(t, who, "forward", "0", NULL), r->stats.rejects);
  ck_assert_int_eq(rows_with(t, who, "backward", "1", NULL), r->stats.back_steps);
  ck_assert_int_eq(rows_with(t, who, "backward", "0", NULL), r->stats.back_rejects);
  const char *back = strstr(r->stats.rejected_by, "backward ");
  for (size_t k = 0; back && k < t->nrow; k++) {
    const char *cause = text(t, k, "cause");
    if (strcmp(text(t, k, "direction"), "backward") != 0 || !*cause) continue;
    ck_assert_int_eq(rows_with(t, who, "backward", "0", cause), blamed(back, cause));
  }
  double end = 0;
  for (size_t k = 0; k < t->nrow && strcmp(text(t, k, "direction"), "forward") == 0; k++) {
    const double error = number(t, k, "error");
    if (strcmp(text(t, k, "accepted"), "1") != 0) {
      ck_assert(error > 1);
      continue;
    }
    if (e->stepper->adaptive) ck_assert(error <= 1 && *text(t, k, "blocks"));
    gn_ck_close(number(t, k, "t") + 1, end + 1, 1e-12); /* rounding of t + h */
    end = number(t, k, "t") + number(t, k, "h");
  }
  ck_assert(end >= 2 - 1e-12); /* T of the data */
  gn_compare_destroy(&c);
  gn_experiment_destroy(&e);
  gn_arena_destroy(&a);
}

START_TEST(history_of_erk)
{
  prepare();
  check_history("solver.name=erk", "model.activation=tanh");
  check_history("solver.name=erk", "solver.h0=1"); /* whose first step is rejected */
}
END_TEST

START_TEST(history_of_torchdiffeq)
{
  prepare();
  check_history("solver.name=torchdiffeq", NULL);
}
END_TEST

START_TEST(history_of_rkfixed)
{
  prepare();
  check_history("solver.name=rkfixed", "solver.h=0.1");
}
END_TEST

/* ---- advice -------------------------------------------------------------------------- */

START_TEST(advice_meets_its_target)
{
  static const double targets[3] = { 1e-2, 1e-4, 1e-6 };
  long least = 0;
  prepare();
  for (int k = 0; k < 3; k++) {
    gn_experiment *e;
    gn_advice *a;
    char rtol[64], atol[64], *said = NULL;
    size_t size = 0;
    gn_ck_ok(gn_experiment_read(ini, 0, NULL, &e));
    const gn_advise_input input = { .target = targets[k] };
    gn_ck_ok(gn_advise(e, &input, &a));
    ck_assert(a->best != NULL);
    ck_assert(a->best->good && a->best->err_ode <= targets[k]);
    ck_assert_int_ge(a->best->work, least); /* a tighter target is not cheaper */
    least = a->best->work;
    ck_assert(a->work > a->best->work);
    for (size_t i = 0; i < a->n; i++)
      ck_assert(!a->pilot[i].good || a->pilot[i].work >= a->best->work);
    FILE *f = open_memstream(&said, &size);
    gn_ck_ok(gn_advice_print(a, f));
    (void)fclose(f);
    ck_assert_ptr_nonnull(strstr(said, "[gradient]\nname = "));
    ck_assert_ptr_nonnull(strstr(said, "pilot: "));
    free(said);
    /* run as advised, it is what the pilot measured */
    const char *over[2] = { rtol, atol };
    (void)snprintf(rtol, sizeof rtol, "solver.rtol=%.17g", a->best->rtol);
    (void)snprintf(atol, sizeof atol, "solver.atol=%.17g", a->best->rtol / 10);
    gn_experiment *e2;
    gn_compare *c;
    gn_ck_ok(gn_experiment_read(ini, 2, over, &e2));
    const gn_compare_input ci = { .strategies = a->best->row->strategy };
    gn_ck_ok(gn_compare_create(e2, &ci, &c));
    gn_ck_ok(gn_compare_run(c));
    ck_assert(c->row[0].err_ode <= targets[k]);
    ck_assert_int_eq(gn_stats_work(&c->row[0].stats), a->best->work);
    gn_compare_destroy(&c);
    gn_experiment_destroy(&e2);
    gn_advice_destroy(&a);
    gn_experiment_destroy(&e);
  }
}
END_TEST

START_TEST(advice_that_cannot_be_given)
{
  gn_experiment *e;
  gn_advice *a;
  prepare();
  gn_ck_ok(gn_experiment_read(ini, 0, NULL, &e));
  gn_advise_input input = { .target = 0 };
  gn_ck_fails(gn_advise(e, &input, &a), GN_EARG, "target = 0");
  input.target = 1e-13; /* below the digits of the reference */
  gn_ck_fails(gn_advise(e, &input, &a), GN_EARG, "reference");
  gn_experiment_destroy(&e);
  static const char *const bare[] = { "solver.name=rkfixed" };
  char *text_ini = strdup(small);
  char *cut = strstr(text_ini, "[solver]");
  ck_assert(cut != NULL);
  *cut = '\0';
  const char *file = gn_test_file(dir, "fixed.ini", text_ini);
  gn_ck_ok(gn_experiment_read(file, 1, bare, &e));
  input.target = 1e-3;
  gn_ck_fails(gn_advise(e, &input, &a), GN_EUNSUP, "erk");
  gn_experiment_destroy(&e);
  free(text_ini);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("sweep");
  TCase *grids = tcase_create("grids"), *runs = tcase_create("runs"),
        *rest = tcase_create("history and advice");
  tcase_add_test(grids, lists);
  tcase_add_test(grids, refusals);
  tcase_add_test(grids, three_tolerances);
  tcase_add_test(runs, tied_unless_listed);
  tcase_add_test(runs, quadrature_tolerance_is_its_own);
  tcase_add_test(runs, workers_do_not_matter);
  tcase_add_test(runs, parts_concatenate);
  tcase_add_test(runs, resume);
  tcase_add_test(runs, failures_are_rows);
  tcase_add_test(runs, a_crash_is_a_row);
  tcase_add_test(runs, cells);
  tcase_add_test(runs, training);
  tcase_add_test(runs, seconds);
  tcase_add_test(runs, figures);
  tcase_add_test(runs, program);
  tcase_add_test(rest, history_of_erk);
  tcase_add_test(rest, history_of_torchdiffeq);
  tcase_add_test(rest, history_of_rkfixed);
  tcase_add_test(rest, advice_meets_its_target);
  tcase_add_test(rest, advice_that_cannot_be_given);
  suite_add_tcase(s, grids);
  suite_add_tcase(s, runs);
  suite_add_tcase(s, rest);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
