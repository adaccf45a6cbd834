/* Diagnosis: six causes planted in runs of six models are named, a healthy run is left
 * alone, replays have the bits of the run; and what training leaves for it: rows of
 * iterations.csv, audits, snapshots. */
#include "study/diagnose.h"
#include "study/keep.h"
#include "support/support.h"
#include "support/wrap.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char base_ini[] =
    "[data]\nname = spiral\nkind = linear\nn = 32\nvalid = 4\nK = 5\nT = 2\n"
    "[solver]\nrtol = 1e-5\natol = 1e-5\n"
    "[train]\nepochs = 4\nbatch = 8\nlr = 0.01\nsnapshot = 1\n";

enum { OVER_MAX = 12 };

static gn_experiment *experiment(const char *name, const char *const *over)
{
  const char *dir = gn_test_tmpdir();
  char file[512], out[512];
  const char *all[OVER_MAX + 1] = { out };
  size_t n = 1;
  gn_experiment *e;
  (void)snprintf(file, sizeof file, "%s", gn_test_file(dir, "base.ini", base_ini));
  (void)snprintf(out, sizeof out, "run.out=%s/%s", dir, name);
  for (; *over; over++) all[n++] = *over;
  gn_ck_ok(gn_experiment_read(file, n, all, &e));
  return e;
}

/* ---- planted causes ------------------------------------------------------------------ */

/* The spiral with its sample 13 a thousand times too large. */
enum { WILD = 13 };

static gn_status make_wild(const void *config, uint64_t seed, const char *dir,
                           gn_dataset *d)
{
  gn_ck_ok(gn_dataset_find("spiral")->make(config, seed, dir, d));
  double *x, *y;
  GN_NEW(d->arena, x, d->n * d->nx);
  GN_NEW(d->arena, y, d->n * d->K * d->ny);
  memcpy(x, d->x, d->n * d->nx * sizeof *x);
  memcpy(y, d->y, d->n * d->K * d->ny * sizeof *y);
  for (size_t j = 0; j < d->nx; j++) x[WILD * d->nx + j] *= 1e3;
  for (size_t j = 0; j < d->K * d->ny; j++) y[WILD * d->K * d->ny + j] *= 1e3;
  d->x = x;
  d->y = y;
  return GN_OK;
}

typedef struct plant {
  const char *name;
  int cause, first, fails, wild; /* first: the first abnormal update is epoch 1, batch 1;
                                    fails: the run ends with a failure, 2: or does not */
  const char *over[OVER_MAX];
} plant;

/* clang-format off */
static const plant plants[] = {
  /* damping is growth backward in time: exp(gamma T) = 4e8 */
  { "gradient", GN_CAUSE_GRADIENT, 1, 0, 0,
    { "model.name=hbnode", "model.rho=4.6", "data.T=20", "data.K=1",
      "gradient.name=backsolve" } },
  { "stiff", GN_CAUSE_STIFF, 1, 0, 0, { "model.name=vdp", "model.mu=50" } },
  /* populations below zero grow without bound in finite time */
  { "blow-up", GN_CAUSE_BLOWUP, 0, 1, 0, { "model.name=lotka" } },
  /* data without damping take it out of the model */
  { "damping", GN_CAUSE_DAMPING, 0, 0, 0,
    { "model.name=oscillator", "model.gamma=0.5", "data.decay=0", "train.lr=0.05" } },
  { "outlier", GN_CAUSE_DATA, 0, 0, 1, { "model.name=node", "model.width=16" } },
  { "rate", GN_CAUSE_RATE, 1, 2, 0,
    { "model.name=sonode", "model.width=16", "train.lr=10" } },
  { "healthy", -1, 0, 0, 0, { "model.name=anode", "model.width=16" } },
};
/* clang-format on */
enum { NPLANT = sizeof plants / sizeof *plants };

static void check_report(const gn_diagnosis *d, const plant *pl)
{
  char *text = NULL, line[96];
  size_t size = 0;
  FILE *to = open_memstream(&text, &size);
  gn_ck_ok(gn_diagnosis_print(d, to));
  (void)fclose(to);
  (void)snprintf(line, sizeof line, "verdict: %s\n",
                 pl->cause < 0 ? "nothing abnormal" : gn_cause_names[pl->cause]);
  ck_assert_msg(strstr(text, line) != NULL, "%s: no '%s' in\n%s", pl->name, line, text);
  free(text);
}

START_TEST(planted)
{
  static gn_dataset_class wild;
  const plant *pl = &plants[_i];
  gn_experiment *e = experiment(pl->name, pl->over);
  gn_train_result r;
  gn_diagnosis *d;
  if (pl->wild) {
    wild = *e->data;
    wild.make = make_wild;
    e->data = &wild;
  }
  const gn_status st = gn_train(e, GN_RUN_NEW, NULL, &r);
  ck_assert_msg(pl->fails == 2 || (st != GN_OK) == pl->fails, "%s: %s", pl->name,
                gn_last_error());
  gn_ck_ok(gn_diagnose(e, 0, &d));
  check_report(d, pl);
  ck_assert_int_eq(d->verdict, pl->cause);
  ck_assert_int_eq(gn_diagnosis_abnormal(d), pl->cause >= 0);
  ck_assert(d->recorded && d->replayed >= 1);
  ck_assert_int_eq(d->same, d->replayed); /* bit for bit */
  if (pl->first) ck_assert(d->epoch == 1 && d->batch == 1);
  if (pl->cause == GN_CAUSE_DATA)
    ck_assert_msg(strncmp(d->at[GN_CAUSE_DATA].detail, "sample 13,", 10) == 0, "%s",
                  d->at[GN_CAUSE_DATA].detail);
  gn_diagnosis_destroy(&d);
  gn_experiment_destroy(&e);
}
END_TEST

/* The same verdict without iterations.csv, and for an epoch that is asked for. */
START_TEST(other_ways)
{
  static const char *const over[] = { "model.name=sonode", "model.width=16", "train.lr=10",
                                      "train.monitor=no", NULL };
  gn_experiment *e = experiment("bare", over);
  gn_train_result r;
  gn_diagnosis *d;
  gn_ck_fails(gn_diagnose(e, 0, &d), GN_EARG, "holds no state.h5");
  (void)gn_train(e, GN_RUN_NEW, NULL, &r);
  ck_assert(!gn_test_exists(e->run.out, "iterations.csv"));
  gn_ck_ok(gn_diagnose(e, 1, &d));
  ck_assert(d->verdict == GN_CAUSE_RATE && d->epoch == 1 && !d->recorded);
  gn_diagnosis_destroy(&d);
  gn_ck_fails(gn_diagnose(e, 99, &d), GN_EARG, "epoch = 99");
  gn_experiment_destroy(&e);
}
END_TEST

/* ---- what training leaves ------------------------------------------------------------ */

typedef struct stop_at {
  int epoch;
} stop_at;

static int stop(void *user, const gn_progress *pr)
{
  return pr->epoch == ((const stop_at *)user)->epoch;
}

/* Rows of a run that was stopped and resumed are those of one that was not, signs included:
   the windows of the medians are taken up again. */
START_TEST(rows_after_resume)
{
  static const char *const over[] = { "model.name=ghbnode", "model.width=8",
                                      "train.lr=0.3",       "train.audit=2",
                                      "train.epochs=6",     NULL };
  gn_experiment *a = experiment("whole", over), *b = experiment("parts", over);
  gn_train_result r;
  stop_at three = { 3 };
  const gn_train_watch watch = { stop, &three };
  gn_ck_ok(gn_train(a, GN_RUN_NEW, NULL, &r));
  gn_ck_ok(gn_train(b, GN_RUN_NEW, &watch, &r));
  gn_ck_ok(gn_train(b, GN_RUN_RESUME, NULL, &r));
  ck_assert_int_eq(r.resumed, 3);
  static const char *const files[] = { "iterations.csv", "audit.csv" };
  for (int i = 0; i < 2; i++) {
    char *s = gn_test_read(a->run.out, files[i]), *t = gn_test_read(b->run.out, files[i]);
    ck_assert_str_eq(s, t);
    ck_assert_ptr_null(strstr(s, "sec"));
    free(s);
    free(t);
  }
  gn_experiment_destroy(&a);
  gn_experiment_destroy(&b);
}
END_TEST

START_TEST(columns)
{
  static const char *const over[] = { "model.name=hbnode", "model.width=8",
                                      "train.epochs=2", "loss.running=kinetic", NULL };
  gn_experiment *e = experiment("columns", over);
  gn_train_result r;
  gn_arena *a;
  gn_csv *c;
  char path[512];
  gn_ck_ok(gn_train(e, GN_RUN_NEW, NULL, &r));
  gn_ck_ok(gn_arena_create(&a));
  (void)snprintf(path, sizeof path, "%s/iterations.csv", e->run.out);
  gn_ck_ok(gn_csv_read(a, path, &c));
  ck_assert_uint_eq(c->nrow, 8); /* 2 epochs of 4 batches */
  for (const gn_column *k = gn_format_iterations.part[0]; k->name; k++) {
    char name[64];
    const int n = (int)strcspn(k->name, ":");
    (void)snprintf(name, sizeof name, "%.*s%s", n, k->name, k->name[n] ? ":rho" : "");
    ck_assert_msg(gn_csv_column(c, name) != GN_CSV_NONE, "no column %s", name);
  }
  const size_t rho = gn_csv_column(c, "value:rho"), gamma = gn_csv_column(c, "value:gamma"),
               h = gn_csv_column(c, "h_min"), y = gn_csv_column(c, "y_max"),
               sample = gn_csv_column(c, "y_sample"), work = gn_csv_column(c, "work"),
               norm = gn_csv_column(c, "norm"), part = gn_csv_column(c, "norm:rho");
  double total = 0;
  for (size_t i = 0; i < c->nrow; i++) {
    /* eps = 1: gamma = sigmoid(rho); a few roundings */
    gn_ck_close(gn_csv_number(c, i, gamma), 1 / (1 + exp(-gn_csv_number(c, i, rho))),
                1e-14);
    gn_ck_close(gn_csv_number(c, i, part), fabs(gn_csv_number(c, i, rho)), 1e-14);
    ck_assert_double_gt(gn_csv_number(c, i, h), 0);
    ck_assert_double_gt(gn_csv_number(c, i, y), 0.5); /* the ring begins there */
    ck_assert_double_lt(gn_csv_number(c, i, sample), 32);
    ck_assert_double_gt(gn_csv_number(c, i, work), 0);
  }
  for (size_t k = 0; k < c->ncol; k++)
    if (strncmp(c->name[k], "norm:", 5) == 0) total += pow(gn_csv_number(c, 0, k), 2);
  gn_ck_close(sqrt(total), gn_csv_number(c, 0, norm), 1e-14);
  gn_arena_destroy(&a);
  gn_experiment_destroy(&e);
}
END_TEST

/* Bounds every solver's numbers keep, whoever makes the steps. */
START_TEST(extremes)
{
  static const char *const solvers[] = { "solver.name=erk", "solver.name=adams",
                                         "solver.name=bdf", "solver.name=rkfixed" };
  for (size_t i = 0; i < 5; i++) {
    const char *over[] = { "model.name=linear",
                           "data.K=40",
                           "train.batch=0",
                           i < 4 ? solvers[i] : "gradient.name=cvodes",
                           i > 0 && i < 4 ? "gradient.name=backsolve" : "run.seed=1",
                           NULL };
    gn_experiment *e = experiment("extremes", over);
    gn_setup *s;
    gn_trainer *tr;
    gn_progress pr;
    gn_ck_ok(gn_setup_create(e, &s));
    gn_ck_ok(gn_trainer_create(e, s, &tr));
    gn_ck_ok(gn_trainer_epoch(tr, &pr)); /* ends with the validation: another batch */
    const gn_iteration *it = &tr->monitor->now;
    ck_assert_double_ge(it->y_max, it->y_start);
    ck_assert_double_gt(it->h_min, 0);
    ck_assert_double_le(it->h_min * it->steps,
                        2 * (1 + 1e-12)); /* T = 2; rounding of the sum */
    ck_assert(it->y_sample >= 0 && it->y_sample < 32 && it->y_time >= 0 && it->y_time <= 2);
    gn_trainer_destroy(&tr);
    gn_setup_destroy(&s);
    gn_experiment_destroy(&e);
  }
}
END_TEST

/* A decaying rotation without step size control: where |y| begins is known, h is what was
   asked for, and the running cost is no state. */
START_TEST(extremes_known)
{
  static const char *const over[] = { "model.name=linear", "solver.name=rkfixed",
                                      "solver.h=0.05", "train.batch=0",
                                      "loss.running=square", "loss.running_weight=1e-3", NULL };
  static const double A[4] = { -1, 2, -2, -1 };
  gn_experiment *e = experiment("known", over);
  gn_setup *s;
  gn_trainer *tr;
  gn_progress pr;
  size_t row = 0;
  gn_ck_ok(gn_setup_create(e, &s));
  memcpy(s->p, A, sizeof A);
  double most = 0;
  for (size_t i = 0; i < 2 * s->data->ntrain; i++)
    if (fabs(s->data->x[i]) > most) most = fabs(s->data->x[i]), row = i / 2;
  gn_ck_ok(gn_trainer_create(e, s, &tr));
  gn_ck_ok(gn_trainer_epoch(tr, &pr));
  const gn_iteration *it = &tr->monitor->now;
  gn_ck_close(it->h_min, 0.05, 1e-12); /* 40 steps of it make up T = 2 */
  ck_assert_double_eq(it->steps, 40);
  ck_assert_double_eq(it->y_start, most);
  /* one value may grow at first, at the cost of the other: never beyond their norm, which
     the ring bounds by 1.5 and which falls */
  ck_assert(it->y_max >= most && it->y_max <= 1.5);
  if (it->y_max == most) ck_assert(it->y_sample == (double)row && it->y_time == 0);
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

START_TEST(snapshots)
{
  static const char *const over[] = { "model.name=oscillator",
                                      "model.gamma=0.5",
                                      "data.decay=0",
                                      "train.lr=0.05",
                                      "train.epochs=9",
                                      "train.keep=2",
                                      NULL };
  gn_experiment *e = experiment("ring", over);
  gn_train_result r;
  char file[512];
  int at;
  gn_ck_ok(gn_train(e, GN_RUN_NEW, NULL, &r));
  ck_assert(gn_test_exists(e->run.out, "keep/epoch_9.h5") && gn_test_exists(e->run.out, "keep/epoch_8.h5"));
  ck_assert(!gn_test_exists(e->run.out, "keep/epoch_7.h5"));
  gn_keep_find(e->run.out, 7, file, sizeof file, &at); /* the one before the anomaly */
  ck_assert_int_gt(at, 0);
  ck_assert_ptr_nonnull(strstr(file, "keep/before_"));
  gn_diagnosis *d;
  gn_ck_ok(gn_diagnose(e, 0, &d));
  ck_assert_int_eq(d->from, at);
  ck_assert_int_eq(d->epoch, at + 1);
  ck_assert_int_eq(d->same, d->replayed);
  gn_diagnosis_destroy(&d);
  gn_ck_ok(gn_train(e, GN_RUN_OVERWRITE, NULL, &r));
  gn_keep_find(e->run.out, 8, file, sizeof file, &at);
  ck_assert_int_eq(at, 8);
  gn_experiment_destroy(&e);
}
END_TEST

/* An update allocates nothing for its row, and a row changes no number of the training. */
START_TEST(monitor_is_silent)
{
  static const char *const with[] = { "model.name=hbnode", "model.width=8", NULL };
  static const char *const without[] = { "model.name=hbnode", "model.width=8",
                                         "train.monitor=no", NULL };
  gn_trainer *tr[2];
  gn_setup *s[2];
  gn_experiment *e[2] = { experiment("with", with), experiment("without", without) };
  for (int k = 0; k < 2; k++) {
    gn_progress pr;
    gn_ck_ok(gn_setup_create(e[k], &s[k]));
    gn_ck_ok(gn_trainer_create(e[k], s[k], &tr[k]));
    ck_assert_int_eq(tr[k]->monitor != NULL, k == 0);
    gn_ck_ok(gn_trainer_epoch(tr[k], &pr));
    const long before = gn_wrap_count();
    const gn_status st = gn_trainer_epoch(tr[k], &pr);
    const long after = gn_wrap_count();
    ck_assert(st == GN_OK && after == before);
  }
  ck_assert_mem_eq(tr[0]->p, tr[1]->p, tr[0]->optim.n * sizeof(double));
  for (int k = 0; k < 2; k++) {
    gn_trainer_destroy(&tr[k]);
    gn_setup_destroy(&s[k]);
    gn_experiment_destroy(&e[k]);
  }
}
END_TEST

/* Stability limits on the negative real axis: Hairer, Wanner II, IV.2: 2 for Euler, 2.785 for
   the classic method of order 4, 3.307 for Dormand-Prince; found on a grid of 0.01. */
START_TEST(stability_limits)
{
  static const struct {
    const char *table;
    double limit;
  } row[] = { { "rk4", 2.785 }, { "dormand_prince", 3.307 } };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
    const gn_tableau *tab = gn_tableau_find(row[i].table);
    ck_assert_msg(tab != NULL, "%s", row[i].table);
    ck_assert_double_lt(fabs(gn_stability_limit(tab) - row[i].limit), 0.011);
  }
}
END_TEST

/* y' = A y with a known |lambda|: linear model of one block, A set by hand. */
START_TEST(power_iteration)
{
  static const char *const over[] = { "model.name=linear", "solver.rtol=1e-8",
                                      "solver.atol=1e-8", NULL };
  gn_experiment *e = experiment("power", over);
  gn_setup *s;
  gn_trace t;
  gn_ck_ok(gn_setup_create(e, &s));
  static const double A[2][4] = { { -3, 0, 0, -1 }, { -0.1, 2, -2, -0.1 } };
  const double lambda[2] = { 3, hypot(0.1, 2) };
  for (int k = 0; k < 2; k++) {
    gn_ck_ok(gn_trace_run(e, s, 4, NULL, s->data->x, A[k], 1, 100, &t));
    ck_assert_int_eq(t.status, GN_OK);
    gn_ck_close(t.lambda, lambda[k], 0.01); /* (1/3)^8 of the other eigenvalue is left */
    if (k == 0)
      ck_assert_double_gt(t.stiff, 0);
    else
      ck_assert_double_eq(t.stiff, 0); /* oscillation is not stiffness */
    ck_assert_double_lt(t.growth, 1);
  }
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

START_TEST(signs)
{
  gn_anomaly an = { 0 };
  gn_vitals v = { .loss = 1,
                  .gradient = 1,
                  .work = 100,
                  .growth = 1,
                  .update = 1e-3,
                  .damping = 1,
                  .span = 1 };
  for (int k = 0; k < 10; k++) ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 0);
  v.loss = 9.9;
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 0);
  v.loss = 10;
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 1U << GN_ANOMALY_LOSS);
  v.loss = 1, v.damping = 0.09;
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 1U << GN_ANOMALY_DAMPING);
  v.span = 2; /* still damps over the time of a solve */
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 0);
  v.work = 300, v.update = 0.5;
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v),
                    1U << GN_ANOMALY_WORK | 1U << GN_ANOMALY_UPDATE);
  an = (gn_anomaly){ 0 };
  v = (gn_vitals){ .loss = 1, .gradient = 1, .work = 100, .damping = (double)NAN };
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 0);
  v.loss = 1e-4;
  for (int k = 0; k < 20; k++) ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 0);
  v.loss = 5e-3; /* fifty times the median, a part of the first */
  ck_assert_uint_eq(gn_anomaly_feed(&an, &v), 0);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("diagnose");
  TCase *tc = tcase_create("diagnose");
  tcase_set_timeout(tc, 300);
  tcase_add_loop_test(tc, planted, 0, NPLANT);
  tcase_add_test(tc, other_ways);
  tcase_add_test(tc, rows_after_resume);
  tcase_add_test(tc, columns);
  tcase_add_test(tc, extremes);
  tcase_add_test(tc, extremes_known);
  tcase_add_test(tc, snapshots);
  tcase_add_test(tc, monitor_is_silent);
  tcase_add_test(tc, stability_limits);
  tcase_add_test(tc, power_iteration);
  tcase_add_test(tc, signs);
  suite_add_tcase(s, tc);
  SRunner *sr = srunner_create(s);
  srunner_run_all(sr, CK_NORMAL);
  const int failed = srunner_ntests_failed(sr);
  srunner_free(sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
