/* Recorded gradient cases, made by other programs: `gnomon grad` agrees to 1e-7 with every
 * one that is found, the shipped one and those of the shared folder. */
#include "support/support.h"

#include "base/vec.h"
#include "study/cases.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const char shipped[] = GN_SOURCE_DIR "/tests/data/ghbnode_small.h5";

/* ---- the experiment that goes with a case ---------------------------------------------- */

enum { KEYS_MAX = 24 };
typedef struct overrides {
  size_t n;
  char text[KEYS_MAX][160];
  const char *at[KEYS_MAX];
} overrides;

static void add(overrides *o, const char *key, const char *value)
{
  ck_assert_uint_lt(o->n, KEYS_MAX);
  o->at[o->n] = o->text[o->n];
  (void)snprintf(o->text[o->n++], sizeof o->text[0], "%s=%s", key, value);
}

/* The attributes that are options of the model. */
static void model_of(const gn_h5 *h, overrides *o)
{
  char name[64], key[80], value[64];
  gn_ck_ok(gn_h5_attr_read_text(h, "model", name, sizeof name));
  add(o, "model.name", name);
  const gn_model_class *cls = gn_model_find(name);
  ck_assert_msg(cls != NULL, "%s", gn_last_error());
  for (const gn_option *q = cls->options; q->name; q++) {
    double number;
    if (!gn_h5_attr_exists(h, q->name)) continue;
    if (gn_h5_attr_read_text(h, q->name, value, sizeof value) != GN_OK) {
      gn_ck_ok(gn_h5_attr_read_real(h, q->name, &number));
      (void)snprintf(value, sizeof value, "%.17g", number);
    }
    (void)snprintf(key, sizeof key, "model.%s", q->name);
    add(o, key, value);
  }
}

/* ---- comparison ------------------------------------------------------------------------ */

/* An array of the answer against that of the case, by the largest number. */
static void same_array(const gn_h5 *want, const gn_h5 *got, const char *path, double tol,
                       const char *file)
{
  int rank[2];
  size_t shape[2][GN_H5_MAXRANK], n = 1;
  gn_ck_ok(gn_h5_shape(want, path, &rank[0], shape[0]));
  gn_ck_ok(gn_h5_shape(got, path, &rank[1], shape[1]));
  ck_assert_int_eq(rank[0], rank[1]);
  for (int i = 0; i < rank[0]; i++) {
    ck_assert_uint_eq(shape[0][i], shape[1][i]);
    n *= shape[0][i];
  }
  double *v = calloc(2 * n, sizeof *v);
  ck_assert(v != NULL);
  gn_ck_ok(gn_h5_read(want, path, n, v));
  gn_ck_ok(gn_h5_read(got, path, n, v + n));
  const double off = gn_test_relerr_max(n, v + n, v);
  ck_assert_msg(off <= tol, "%s: %s is off by %.2e, allowed %.0e", file, path, off, tol);
  free(v);
}

static void compare(const char *file, const char *answer, double tol)
{
  gn_h5 *want, *got;
  gn_arena *a;
  size_t n;
  const char *const *names;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_h5_open(file, &want));
  gn_ck_ok(gn_h5_open(answer, &got));
  same_array(want, got, "z", tol, file);
  same_array(want, got, "grad/x", tol, file);
  if (gn_h5_exists(want, "grad/times")) same_array(want, got, "grad/times", tol, file);
  gn_ck_ok(gn_h5_list(want, a, "grad/params", &n, &names));
  ck_assert_uint_gt(n, 0);
  for (size_t k = 0; k < n; k++) {
    const char *path = gn_arena_printf(a, "grad/params/%s", names[k]);
    same_array(want, got, path, tol, file);
  }
  char status[32];
  double work;
  gn_ck_ok(gn_h5_attr_read_text(got, "status", status, sizeof status));
  ck_assert_str_eq(status, "ok");
  gn_ck_ok(gn_h5_attr_read_real(got, "work", &work));
  ck_assert_double_gt(work, 0);
  gn_ck_ok(gn_h5_close(&want));
  gn_ck_ok(gn_h5_close(&got));
  gn_arena_destroy(&a);
}

/* ---- the cases ------------------------------------------------------------------------- */

/* Ways to the same gradient. The exact one inherits the error of a solve at 1e-10; the
   continuous ones have their own on top, and one more decade of tolerance. */
static const struct {
  const char *tol, *gradient, *option, *output;
  double limit;
  const char *stepper;
} ways[] = {
  { "1e-10", "discrete", NULL, "land", 1e-7, "erk" },
  { "1e-10", "discrete", "gradient.budget=1", "land", 1e-7, "erk" },
  { "1e-10", "discrete", NULL, "interpolate", 1e-7, "erk" },
  { "1e-11", "seminorm", NULL, "land", 1e-7, "erk" },
  { "1e-11", "backsolve", "gradient.norm=blockmax", "land", 1e-7, "erk" },
  { "1e-11", "backsolve", "gradient.norm=rms", "land", 1e-7, "erk" },
  { "1e-10", "discrete", "solver.table=ark548", "land", 1e-7, "dirk" },
  { "1e-10", "discrete", "solver.linear=dense", "land", 1e-7, "dirk" },
};
enum { NWAY = sizeof ways / sizeof *ways };

static void run_case(const char *file)
{
  const char *dir = gn_test_tmpdir();
  for (size_t k = 0; k < NWAY; k++) {
    char out[512];
    overrides o = { 0 };
    gn_h5 *h;
    gn_experiment *e;
    gn_case *c;
    gn_ck_ok(gn_h5_open(file, &h));
    model_of(h, &o);
    gn_ck_ok(gn_h5_close(&h));
    add(&o, "solver.name", ways[k].stepper);
    add(&o, "solver.rtol", ways[k].tol);
    add(&o, "solver.atol", ways[k].tol);
    add(&o, "solver.output", ways[k].output);
    add(&o, "gradient.name", ways[k].gradient);
    if (ways[k].option) o.at[o.n++] = ways[k].option;
    (void)snprintf(out, sizeof out, "%s/answer%zu.h5", dir, k);
    gn_ck_ok(gn_experiment_read(NULL, o.n, o.at, &e));
    gn_ck_ok(gn_case_create(e, file, &c));
    gn_ck_fails(gn_case_write(c, out), GN_ESTATE, "before");
    gn_ck_ok(gn_case_run(c));
    gn_ck_ok(gn_case_write(c, out));
    gn_case_destroy(&c);
    gn_experiment_destroy(&e);
    compare(file, out, ways[k].limit);
  }
}

START_TEST(shipped_case)
{
  run_case(shipped);
}
END_TEST

START_TEST(shared_cases)
{
  const char *shared = gn_test_shared();
  char dir[512];
  (void)snprintf(dir, sizeof dir, "%s", shared ? gn_test_path(shared, "cases") : "");
  if (!gn_test_need("recorded gradient cases", shared ? dir : NULL)) return;
  static const char *const known[] = { "node_small.h5", "hbnode_small.h5" };
  for (size_t k = 0; k < sizeof known / sizeof *known; k++)
    (void)gn_test_need(known[k], gn_test_path(dir, known[k]));
  DIR *d = opendir(dir);
  ck_assert(d != NULL);
  for (const struct dirent *e; (e = readdir(d));) {
    char file[1024];
    const size_t n = strlen(e->d_name);
    if (n < 4 || strcmp(e->d_name + n - 3, ".h5") != 0) continue;
    (void)snprintf(file, sizeof file, "%s/%s", dir, e->d_name);
    run_case(file);
  }
  closedir(d);
}
END_TEST

/* ---- the program ----------------------------------------------------------------------- */

static const char ini[] = "[model]\nname = ghbnode\ndim = 2\nwidth = 8\ndepth = 2\n"
                          "activation = tanh\ntime = append\nlift = zero\ngate = tanh\n"
                          "[solver]\nname = erk\nrtol = 1e-10\natol = 1e-10\n"
                          "[gradient]\nname = discrete\n";

START_TEST(program)
{
  char command[2048], exp[512], out[512];
  const char *dir = gn_test_tmpdir();
  (void)snprintf(exp, sizeof exp, "%s", gn_test_file(dir, "case.ini", ini));
  (void)snprintf(out, sizeof out, "%s/out.h5", dir);
  (void)snprintf(command, sizeof command, "'%s' grad '%s' --case='%s' --out='%s' > '%s/log'", GN_PROGRAM,
           exp, shipped, out, dir);
  ck_assert_msg(system(command) == 0, "%s", command); /* NOLINT(cert-env33-c): our own program */
  compare(shipped, out, 1e-7);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("cases");
  TCase *c = tcase_create("cases");
  tcase_set_timeout(c, 120);
  tcase_add_test(c, shipped_case);
  tcase_add_test(c, shared_cases);
  tcase_add_test(c, program);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
