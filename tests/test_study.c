/* The parts of a study that need no solve: optimiser and experiments. */
#include "support/support.h"

#include "base/vec.h"
#include "study/experiment.h"
#include "study/optim.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DATA_DIR GN_SOURCE_DIR "/experiments/data"

/* ---- optimiser ----------------------------------------------------------------------- */

static gn_train_options train_defaults(void)
{
  gn_train_options o;
  gn_options_default(gn_experiment_table("train"), &o);
  return o;
}

/* Three updates of p = (1, -3). The expected values are torch.optim's formulas in 40-digit
   decimal arithmetic, not this code. */
static void check_updates(const gn_train_options *o, const double expected[3][2])
{
  static const double g[3][2] = { { 0.5, -2 }, { -0.2, 0.25 }, { 0.1, 1 } };
  double p[2] = { 1, -3 };
  gn_arena *a;
  gn_optim op;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_optim_setup(&op, a, o, 2));
  for (int t = 0; t < 3; t++) {
    gn_optim_update(&op, 0.1, g[t], p);
    for (int i = 0; i < 2; i++)
      gn_ck_close(p[i], expected[t][i], 1e-14); /* rounding only */
  }
  ck_assert_int_eq(op.step, 3);
  gn_arena_destroy(&a);
}

START_TEST(adam_as_pytorch)
{
  const gn_train_options o = train_defaults();
  static const double expected[3][2] = { { 0.900000002, -2.9000000005 },
                                         { 0.8654394181165106, -2.842746543328955 },
                                         { 0.8275002408356954, -2.8315228792956697 } };
  check_updates(&o, expected);
}
END_TEST

START_TEST(adam_weight_decay)
{
  gn_train_options o = train_defaults();
  static const double expected[3][2] = { { 0.90000000125, -2.9000000003448276 },
                                         { 0.8267598393242837, -2.8189113701526956 },
                                         { 0.7493983374035635, -2.759637632032062 } };
  o.weight_decay = 0.3;
  check_updates(&o, expected);
}
END_TEST

START_TEST(adamw_decoupled)
{
  gn_train_options o = train_defaults();
  static const double expected[3][2] = { { 0.8700000019999999, -2.8100000005 },
                                         { 0.8093394180565106, -2.668446543313955 },
                                         { 0.7471200582340001, -2.577169482981251 } };
  o.weight_decay = 0.3;
  o.optimizer = GN_ADAMW;
  check_updates(&o, expected);
}
END_TEST

/* L = sum a_i (p_i - c_i)^2 / 2 with a condition number of 100. */
START_TEST(adam_on_quadratic)
{
  static const double curv[3] = { 0.1, 1, 10 }, at[3] = { 3, -2, 0.5 };
  gn_train_options o = train_defaults();
  o.schedule = GN_SCHEDULE_COSINE;
  o.lr = 0.05;
  o.epochs = 2000;
  double p[3] = { 0 }, g[3];
  gn_arena *a;
  gn_optim op;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_optim_setup(&op, a, &o, 3));
  for (int t = 0; t < o.epochs; t++) {
    for (int i = 0; i < 3; i++) g[i] = curv[i] * (p[i] - at[i]);
    gn_optim_update(&op, gn_optim_rate(&op, t), g, p);
  }
  /* the rate has gone to zero, so that Adam has come to rest */
  for (int i = 0; i < 3; i++) ck_assert_double_eq_tol(p[i], at[i], 1e-4);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(schedules)
{
  gn_train_options o = train_defaults();
  gn_arena *a;
  gn_optim op;
  gn_ck_ok(gn_arena_create(&a));
  o.lr = 0.2;
  o.epochs = 100;
  gn_ck_ok(gn_optim_setup(&op, a, &o, 1));
  ck_assert_double_eq(gn_optim_rate(&op, 99), 0.2);
  o.schedule = GN_SCHEDULE_STEP;
  o.step_every = 30;
  o.step_factor = 0.5;
  ck_assert_double_eq(gn_optim_rate(&op, 29), 0.2);
  ck_assert_double_eq(gn_optim_rate(&op, 30), 0.1);
  ck_assert_double_eq(gn_optim_rate(&op, 90), 0.025);
  strcpy(o.step_at, "10, 80");
  gn_ck_ok(gn_optim_setup(&op, a, &o, 1));
  ck_assert_double_eq(gn_optim_rate(&op, 9), 0.2);
  ck_assert_double_eq(gn_optim_rate(&op, 79), 0.1);
  ck_assert_double_eq(gn_optim_rate(&op, 80), 0.05);
  o.schedule = GN_SCHEDULE_COSINE;
  o.lr_min = 0.1;
  ck_assert_double_eq(gn_optim_rate(&op, 0), 0.2);
  gn_ck_close(gn_optim_rate(&op, 50), 0.15, 1e-15);
  ck_assert_double_eq(gn_optim_rate(&op, 100), 0.1);
  strcpy(o.step_at, "10,5");
  gn_ck_fails(gn_optim_setup(&op, a, &o, 1), GN_EARG, "'5', expected an epoch above 10");
  strcpy(o.step_at, "ten");
  gn_ck_fails(gn_optim_setup(&op, a, &o, 1), GN_EARG, "'ten'");
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(clipping)
{
  double g[2] = { 3, 4 };
  ck_assert_double_eq(gn_optim_clip(2, g, 0), 5);
  ck_assert_double_eq(g[0], 3);
  ck_assert_double_eq(gn_optim_clip(2, g, 10), 5);
  ck_assert_double_eq(g[1], 4);
  ck_assert_double_eq(gn_optim_clip(2, g, 1), 5);
  gn_ck_close(g[0], 3 / 5.000001, 1e-15); /* clip_grad_norm_ divides by norm + 1e-6 */
  gn_ck_close(g[1], 4 / 5.000001, 1e-15);
}
END_TEST

/* ---- experiments --------------------------------------------------------------------- */

static const char good[] = "[data]\nname = spiral\nn = 6\n"
                           "[model]\nname = hbnode\nwidth = 5\n"
                           "[solver]\nrtol = 1e-4\n"
                           "[train]\nepochs = 3\n";

START_TEST(experiment_defaults)
{
  static const char *const over[] = { "model.width=7", "solver.atol=1e-9", "run.seed=5",
                                      "data.seed=2" };
  const char *file = gn_test_file(gn_test_tmpdir(), "small.ini", good);
  gn_experiment *e;
  unsetenv("GNOMON_DATA");
  gn_ck_ok(gn_experiment_read(file, 4, over, &e));
  ck_assert_str_eq(e->data->name, "spiral");
  ck_assert_str_eq(e->model->name, "hbnode");
  ck_assert_str_eq(e->loss->name, "mse");
  ck_assert_str_eq(e->stepper->name, "erk");
  ck_assert_str_eq(e->gradient->name, "discrete");
  ck_assert_str_eq(e->run.out, "runs/small");
  ck_assert_str_eq(e->data_dir, DATA_DIR);
  ck_assert(e->run.seed == 5 && e->data_seed == 2 && e->train.epochs == 3);
  const gn_solver s = gn_experiment_solver(e);
  ck_assert(s.tol.rtol == 1e-4 && s.tol.atol == 1e-9);
  ck_assert(s.back.rtol == 1e-4 && s.back.atol == 1e-9);
  gn_experiment_destroy(&e);
  ck_assert_ptr_null(e);
  setenv("GNOMON_DATA", "/elsewhere", 1);
  gn_ck_ok(gn_experiment_read(file, 0, NULL, &e));
  ck_assert_str_eq(e->data_dir, "/elsewhere");
  gn_experiment_destroy(&e);
  unsetenv("GNOMON_DATA");
}
END_TEST

static char *written(const gn_experiment *e)
{
  char *text = NULL;
  size_t n = 0;
  FILE *f = open_memstream(&text, &n);
  gn_ck_ok(gn_experiment_write(e, f));
  (void)fclose(f);
  return text;
}

START_TEST(experiment_round_trip)
{
  static const char *const over[] = {
    "model.name=hbnode",
    "data.name=lynx_hare",
    "data.time_scale=0.3333333333333333",
    "gradient.rtol=1e-3",
    "train.schedule=cosine",
    "compare.strategies=discrete,backsolve:norm=semi",
    "run.out=/tmp/some where",
    "train.step_at=5,6",
  };
  gn_experiment *e, *f;
  gn_ck_ok(gn_experiment_read(NULL, sizeof over / sizeof *over, over, &e));
  char *a = written(e);
  const char *file = gn_test_file(gn_test_tmpdir(), "again.ini", a);
  gn_ck_ok(gn_experiment_read(file, 0, NULL, &f));
  char *b = written(f);
  ck_assert_str_eq(a, b);
  ck_assert_str_eq(f->compare.strategies, "discrete,backsolve:norm=semi");
  ck_assert_str_eq(f->run.out, "/tmp/some where");
  ck_assert_ptr_nonnull(strstr(a, "time_scale = 0.3333333333333333\n"));
  free(a);
  free(b);
  gn_experiment_destroy(&e);
  gn_experiment_destroy(&f);
}
END_TEST

typedef struct bad_case {
  const char *text, *over;
  gn_status status;
  const char *place, *says;
} bad_case;

/* clang-format off */
static const bad_case bad_cases[] = {
  { "[model]\nname = hbnode\n[modle]\nx = 1\n", NULL, GN_ENAME, "bad.ini:4: ", "did you mean [model]" },
  { "[model]\nname = hbnode\nwdth = 4\n", NULL, GN_ENAME, "bad.ini:3: ", "did you mean 'width'" },
  { "[model]\nname = hbnode\nwidth = 0\n", NULL, GN_EARG, "bad.ini:3: ", "width = 0" },
  { "[model]\nname = hbnode\nwidth = 4x\n", NULL, GN_EARG, "bad.ini:3: ", "4x" },
  { "[model]\nname = hbnod\n", NULL, GN_ENAME, "bad.ini:2: ", "'hbnode'" },
  { "[model]\nname = hbnode\n[solver]\nrtoll = 1\n", NULL, GN_ENAME, "bad.ini:4: ", "'rtol'" },
  { "[model]\nname = hbnode\n[train]\nepoch = 1\n", NULL, GN_ENAME, "bad.ini:4: ", "'epochs'" },
  { "[model]\nname = hbnode\n[data]\nn = 1\n", NULL, GN_EARG, "bad.ini:4: ", "[data] has no name" },
  { "[model]\nname = hbnode\n[loss]\nname = mse\nsquash = soft\n", NULL, GN_EARG, "bad.ini:5: ", "hardtanh" },
  { "[train]\nepochs = 3\n", NULL, GN_EARG, "bad.ini: ", "[model] has no name" },
  { "[model]\nname = hbnode\n", "model.wdth=4", GN_ENAME, "command line: ", "'width'" },
  { "[model]\nname = hbnode\n", "model.width=-4", GN_EARG, "command line: ", "-4" },
  { "[model]\nname = hbnode\n", "width", GN_EARG, "command line: ", "section.key=value" },
  { "[model]\nname = hbnode\n", "run.out=a;b", GN_EARG, "command line: ", "INI" },
  { "[model]\nname = hbnode\n", "gradient.name=discret", GN_ENAME, "command line: ", "'discrete'" },
};
/* clang-format on */
enum { NBAD = sizeof bad_cases / sizeof *bad_cases };

START_TEST(experiment_errors)
{
  const bad_case *c = &bad_cases[_i];
  const char *file = gn_test_file(gn_test_tmpdir(), "bad.ini", c->text);
  gn_experiment *e;
  gn_ck_fails(gn_experiment_read(file, c->over ? 1 : 0, &c->over, &e), c->status, c->place);
  ck_assert_msg(strstr(gn_last_error(), c->says) != NULL, "'%s' without '%s'",
                gn_last_error(), c->says);
  ck_assert_ptr_null(e);
  ck_assert_ptr_null(strchr(gn_last_error(), '\n'));
}
END_TEST

START_TEST(experiment_missing_file)
{
  gn_experiment *e;
  gn_ck_fails(gn_experiment_read("/nowhere/x.ini", 0, NULL, &e), GN_EIO, "/nowhere/x.ini");
}
END_TEST

START_TEST(experiment_strategy)
{
  static const char *const over[] = { "model.name=hbnode", "gradient.name=backsolve",
                                      "gradient.norm=rms", "gradient.rtol=1e-3" };
  const gn_gradient_class *cls;
  gn_adjoint_options adj;
  gn_experiment *e;
  gn_arena *a;
  void *config;
  char value[GN_TEXT_MAX];
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_experiment_read(NULL, 4, over, &e));
  gn_ck_ok(gn_experiment_strategy(e, a, "backsolve:atol=1e-5", &cls, &config, &adj));
  gn_option_print(gn_option_find(cls->options, "norm"), config, value, sizeof value);
  ck_assert_str_eq(value, "rms"); /* the experiment's own */
  ck_assert(adj.rtol == 1e-3 && adj.atol == 1e-5);
  gn_ck_ok(
      gn_experiment_strategy(e, a, "backsolve:norm=semi:rtol=1e-4", &cls, &config, &adj));
  gn_option_print(gn_option_find(cls->options, "norm"), config, value, sizeof value);
  ck_assert_str_eq(value, "semi");
  ck_assert(adj.rtol == 1e-4);
  gn_ck_ok(gn_experiment_strategy(e, a, "discrete", &cls, &config, &adj));
  ck_assert_str_eq(cls->name, "discrete");
  gn_ck_fails(gn_experiment_strategy(e, a, "backsolve:nrom=semi", &cls, &config, &adj),
              GN_ENAME, "'norm'");
  gn_ck_fails(gn_experiment_strategy(e, a, "backsolve:norm", &cls, &config, &adj), GN_EARG,
              "key=value");
  gn_ck_fails(gn_experiment_strategy(e, a, "backslove", &cls, &config, &adj), GN_ENAME,
              "'backsolve'");
  gn_experiment_destroy(&e);
  gn_arena_destroy(&a);
}
END_TEST

START_TEST(setup_sizes)
{
  static const char *const over[] = { "model.name=hbnode", "data.name=point_cloud",
                                      "model.read=linear", "model.width=14" };
  static const char *const none[] = { "model.name=hbnode" };
  gn_experiment *e;
  gn_setup *s;
  gn_ck_ok(gn_experiment_read(NULL, 4, over, &e));
  gn_ck_ok(gn_setup_create(e, &s));
  ck_assert(s->model->nx == 2 && s->model->nz == 1 && s->problem.noutput == 1);
  ck_assert(gn_vec_finite(s->model->params.np, s->p) && s->model->params.np > 0);
  gn_setup_destroy(&s);
  ck_assert_ptr_null(s);
  gn_experiment_destroy(&e);
  gn_ck_ok(gn_experiment_read(NULL, 1, none, &e));
  gn_ck_fails(gn_setup_create(e, &s), GN_EARG, "no [data]");
  gn_experiment_destroy(&e);
}
END_TEST

/* Every .ini of the project can be read and set up. */
START_TEST(shipped_experiments)
{
  static const char *const name[] = { "lynx_hare", "spiral", "point_cloud", "damped" };
  for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
    char file[512];
    gn_experiment *e;
    gn_setup *s;
    (void)snprintf(file, sizeof file, "%s/experiments/%s.ini", GN_SOURCE_DIR, name[i]);
    gn_ck_ok(gn_experiment_read(file, 0, NULL, &e));
    gn_ck_ok(gn_setup_create(e, &s));
    gn_setup_destroy(&s);
    gn_experiment_destroy(&e);
  }
}
END_TEST

static TCase *group(Suite *s, const char *name)
{
  TCase *t = tcase_create(name);
  suite_add_tcase(s, t);
  return t;
}

int main(void)
{
  Suite *s = suite_create("study");
  TCase *t = group(s, "optimiser");
  tcase_add_test(t, adam_as_pytorch);
  tcase_add_test(t, adam_weight_decay);
  tcase_add_test(t, adamw_decoupled);
  tcase_add_test(t, adam_on_quadratic);
  tcase_add_test(t, schedules);
  tcase_add_test(t, clipping);
  t = group(s, "experiments");
  tcase_add_test(t, experiment_defaults);
  tcase_add_test(t, experiment_round_trip);
  tcase_add_loop_test(t, experiment_errors, 0, NBAD);
  tcase_add_test(t, experiment_missing_file);
  tcase_add_test(t, experiment_strategy);
  tcase_add_test(t, setup_sizes);
  tcase_add_test(t, shipped_experiments);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? 1 : 0;
}
