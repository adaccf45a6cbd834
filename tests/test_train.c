/* Training: the loss falls, a resumed run has the bits of an uninterrupted one, the last
 * batch may be incomplete, and what fails says so and leaves its state. */
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "study/train.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 10 samples in batches of 4, 4, 2; 3 for validation. */
static const char small_ini[] =
    "[data]\nname = spiral\nkind = linear\nn = 10\nvalid = 3\nK = 4\nT = 1\n"
    "[model]\nname = hbnode\nwidth = 8\nlift = encoder\nread = first\n"
    "[solver]\nrtol = 1e-4\natol = 1e-4\n"
    "[train]\nepochs = 6\nbatch = 4\nlr = 0.02\nsnapshot = 2\nclip = 1\nschedule = step\n"
    "step_every = 4\n";

enum { OVER_MAX = 8 };

/* The small experiment in run directory DIR/NAME. */
static gn_experiment *experiment(const char *dir, const char *name, size_t n,
                                 const char *const *over)
{
  char file[512], out[512];
  const char *all[OVER_MAX + 1] = { out };
  gn_experiment *e;
  (void)snprintf(file, sizeof file, "%s", gn_test_file(dir, "small.ini", small_ini));
  (void)snprintf(out, sizeof out, "run.out=%s/%s", dir, name);
  for (size_t i = 0; i < n; i++) all[i + 1] = over[i];
  gn_ck_ok(gn_experiment_read(file, n + 1, all, &e));
  return e;
}

static void check_same_file(const char *a, const char *b, const char *name)
{
  char *s = gn_test_read(a, name), *t = gn_test_read(b, name);
  ck_assert_str_eq(s, t);
  free(s);
  free(t);
}

/* Parameters and moments in two state files, bit for bit. */
static void check_same_state(const gn_experiment *e, const gn_experiment *g)
{
  gn_setup *s;
  gn_trainer *a, *b;
  char file[512];
  gn_ck_ok(gn_setup_create(e, &s));
  gn_ck_ok(gn_trainer_create(e, s, &a));
  gn_ck_ok(gn_trainer_create(e, s, &b));
  (void)snprintf(file, sizeof file, "%s/state.h5", e->run.out);
  gn_ck_ok(gn_trainer_load(a, file));
  (void)snprintf(file, sizeof file, "%s/state.h5", g->run.out);
  gn_ck_ok(gn_trainer_load(b, file));
  const size_t bytes = a->optim.n * sizeof(double);
  ck_assert_mem_eq(a->p, b->p, bytes);
  ck_assert_mem_eq(a->best, b->best, bytes);
  ck_assert_mem_eq(a->optim.m, b->optim.m, bytes);
  ck_assert_mem_eq(a->optim.v, b->optim.v, bytes);
  ck_assert(a->epoch == b->epoch && a->optim.step == b->optim.step);
  ck_assert(a->best_epoch == b->best_epoch && a->best_valid == b->best_valid);
  gn_trainer_destroy(&a);
  gn_trainer_destroy(&b);
  gn_setup_destroy(&s);
}

START_TEST(loss_falls)
{
  static const char *const over[] = { "train.epochs=40" };
  gn_experiment *e = experiment(gn_test_tmpdir(), "fall", 1, over);
  gn_setup *s;
  gn_trainer *tr;
  gn_progress first, last;
  gn_ck_ok(gn_setup_create(e, &s));
  gn_ck_ok(gn_trainer_create(e, s, &tr));
  gn_ck_ok(gn_trainer_epoch(tr, &first));
  for (int i = 1; i < 40; i++) gn_ck_ok(gn_trainer_epoch(tr, &last));
  ck_assert(last.epoch == 40 && last.has_valid);
  ck_assert_str_eq(last.metric_name, "rmse");
  ck_assert_double_lt(last.loss, 0.5 * first.loss);
  ck_assert_double_lt(last.valid_loss, 0.5 * first.valid_loss);
  gn_ck_close(last.valid_metric, sqrt(last.valid_loss), 1e-14);
  ck_assert_int_gt(last.stats.f, 0);
  ck_assert_int_gt(last.stats.back_vjp, 0);
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

/* With lr = 0 the parameters stay: batches of 4, 4, 2 and one of 10 see the same mean loss,
   and batches of 2 and 3 the same validation loss. */
START_TEST(incomplete_batch)
{
  static const char *const batch[] = { "train.batch=4", "train.batch=0", "train.batch=3" };
  gn_progress pr[3];
  for (int i = 0; i < 3; i++) {
    const char *over[] = { "train.lr=0", "solver.rtol=1e-10", "solver.atol=1e-10",
                           batch[i] };
    gn_experiment *e = experiment(gn_test_tmpdir(), "batch", 4, over);
    gn_setup *s;
    gn_trainer *tr;
    gn_ck_ok(gn_setup_create(e, &s));
    gn_ck_ok(gn_trainer_create(e, s, &tr));
    gn_ck_ok(gn_trainer_epoch(tr, &pr[i]));
    gn_ck_ok(gn_trainer_epoch(tr, &pr[i]));
    gn_trainer_destroy(&tr);
    gn_setup_destroy(&s);
    gn_experiment_destroy(&e);
  }
  for (size_t i = 0; i < 3; i += 2) { /* other rows in a batch, other steps: the tolerance */
    gn_ck_close(pr[i].loss, pr[1].loss, 1e-8);
    gn_ck_close(pr[i].valid_loss, pr[1].valid_loss, 1e-8);
  }
}
END_TEST

/* A start at a part of the drawn one; a new optimizer after two epochs, in which the first update
   moves every parameter with a gradient by lr, as Adam's first does (eps aside). */
START_TEST(shrink_and_restart)
{
  static const char *const over[] = { "train.preshrink=0.25", "train.restart_at=2",
                                      "train.batch=0", "train.schedule=constant" };
  gn_experiment *e = experiment(gn_test_tmpdir(), "restart", 4, over);
  gn_setup *s;
  gn_trainer *tr;
  gn_progress pr;
  double *before;
  gn_ck_ok(gn_setup_create(e, &s));
  gn_ck_ok(gn_trainer_create(e, s, &tr));
  const size_t np = tr->optim.n;
  for (size_t i = 0; i < np; i++) ck_assert_double_eq(tr->p[i], 0.25 * s->p[i]);
  ck_assert_uint_gt(np, 0);
  before = malloc((np + 1) * sizeof *before);
  ck_assert_ptr_nonnull(before);
  gn_ck_ok(gn_trainer_epoch(tr, &pr));
  gn_ck_ok(gn_trainer_epoch(tr, &pr));
  ck_assert_int_eq(tr->optim.step, 2);
  gn_vec_copy(np, tr->p, before);
  gn_ck_ok(gn_trainer_epoch(tr, &pr));
  ck_assert_int_eq(tr->optim.step, 1);
  size_t moved = 0;
  for (size_t i = 0; i < np; i++)
    if (fabs(tr->optim.m[i]) > 1e-7) { /* the gradient is ten times that: eps is 1 % */
      gn_ck_close(fabs(tr->p[i] - before[i]), 0.02, 0.02);
      moved++;
    }
  ck_assert_uint_gt(moved, np / 2);
  free(before);
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

START_TEST(no_allocation)
{
  gn_experiment *e = experiment(gn_test_tmpdir(), "alloc", 0, NULL);
  gn_setup *s;
  gn_trainer *tr;
  gn_progress pr;
  gn_ck_ok(gn_setup_create(e, &s));
  gn_ck_ok(gn_trainer_create(e, s, &tr));
  gn_ck_ok(gn_trainer_epoch(tr, &pr));
  const long before = gn_wrap_count();
  const gn_status st = gn_trainer_epoch(tr, &pr);
  const long after = gn_wrap_count();
  ck_assert(st == GN_OK);
  ck_assert_int_eq(after, before); /* incomplete last batch and validation included */
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

/* Each allocation of reading and setting up refused in turn: an error and no leak. With
   rkfixed, because N_VClone of SUNDIALS 6.4 does not survive a refused clone. */
START_TEST(refused_allocations)
{
  static const char *const over[] = { "solver.name=rkfixed" };
  const char *dir = gn_test_tmpdir();
  char file[512];
  (void)snprintf(file, sizeof file, "%s", gn_test_file(dir, "small.ini", small_ini));
  gn_status st = GN_ENOMEM;
  long k = 0;
  for (int more = 1; more; k++) {
    gn_experiment *e = NULL;
    gn_setup *s = NULL;
    gn_trainer *tr = NULL;
    gn_wrap_refuse(k);
    st = gn_experiment_read(file, 1, over, &e);
    if (st == GN_OK) st = gn_setup_create(e, &s);
    if (st == GN_OK) st = gn_trainer_create(e, s, &tr);
    more = gn_wrap_refused();
    gn_wrap_refuse(-1);
    gn_trainer_destroy(&tr);
    gn_setup_destroy(&s);
    gn_experiment_destroy(&e);
    ck_assert_msg(!more || st != GN_OK, "allocation %ld refused without an error", k);
    ck_assert_int_lt(k, 100000);
  }
  ck_assert_int_eq(st, GN_OK);
  ck_assert_int_gt(k, 3);
}
END_TEST

/* ---- run directories ----------------------------------------------------------------- */

static void copy_file(const char *dir, const char *from, const char *to)
{
  char a[512], b[512];
  static char buf[1 << 20];
  (void)snprintf(a, sizeof a, "%s/%s", dir, from);
  (void)snprintf(b, sizeof b, "%s/%s", dir, to);
  FILE *f = fopen(a, "rb"), *g = fopen(b, "wb");
  ck_assert(f != NULL && g != NULL);
  const size_t n = fread(buf, 1, sizeof buf, f);
  ck_assert_uint_eq(fwrite(buf, 1, n, g), n);
  (void)fclose(f);
  ck_assert_int_eq(fclose(g), 0);
}

typedef struct kill_plan {
  const char *dir; /* keep a copy of the state of epoch 2 */
  int stop, seen;
} kill_plan;

static int plan(void *user, const gn_progress *pr)
{
  kill_plan *k = user;
  k->seen++;
  ck_assert_int_eq(pr->epochs, 6);
  if (pr->epoch == 2) copy_file(k->dir, "state.h5", "state.two");
  return pr->epoch == k->stop;
}

/* A run stopped after epoch 3 (its state saved there), and one killed in epoch 4 (the state
   is that of epoch 2, rows 3 and half of 4 are in the tables): both end as the one that was
   left alone. */
START_TEST(resume_bit_for_bit)
{
  const char *dir = gn_test_tmpdir();
  gn_experiment *a = experiment(dir, "whole", 0, NULL),
                *b = experiment(dir, "parts", 0, NULL);
  kill_plan whole = { a->run.out, 0, 0 }, parts = { b->run.out, 3, 0 };
  const gn_train_watch watch_a = { plan, &whole }, watch_b = { plan, &parts };
  gn_train_result ra, rb;
  gn_ck_ok(gn_train(a, GN_RUN_NEW, &watch_a, &ra));
  ck_assert(ra.end == GN_TRAIN_DONE && ra.last.epoch == 6 && whole.seen == 6);
  gn_ck_ok(gn_train(b, GN_RUN_NEW, &watch_b, &rb));
  ck_assert(rb.end == GN_TRAIN_ASKED && rb.last.epoch == 3);
  gn_ck_ok(gn_train(b, GN_RUN_RESUME, NULL, &rb));
  ck_assert(rb.end == GN_TRAIN_DONE && rb.resumed == 3 && rb.last.epoch == 6);
  check_same_file(a->run.out, b->run.out, "metrics.csv");
  check_same_state(a, b);

  parts.seen = 0;
  gn_ck_ok(gn_train(b, GN_RUN_OVERWRITE, &watch_b, &rb));
  copy_file(b->run.out, "state.two", "state.h5");
  char path[512];
  (void)snprintf(path, sizeof path, "%s/metrics.csv", b->run.out);
  FILE *f = fopen(path, "a");
  ck_assert(f != NULL);
  (void)fputs("4,0.12", f);
  (void)fclose(f);
  gn_ck_ok(gn_train(b, GN_RUN_RESUME, NULL, &rb));
  ck_assert_int_eq(rb.resumed, 2);
  check_same_file(a->run.out, b->run.out, "metrics.csv");
  check_same_state(a, b);
  gn_ck_ok(gn_train(b, GN_RUN_RESUME, NULL, &rb)); /* nothing is left to do */
  ck_assert(rb.end == GN_TRAIN_DONE && rb.last.epoch == 0);
  check_same_file(a->run.out, b->run.out, "metrics.csv");
  gn_experiment_destroy(&a);
  gn_experiment_destroy(&b);
}
END_TEST

START_TEST(run_directory)
{
  static const char *const wider[] = { "model.width=9" }, *const longer[] = {
    "train.epochs=7"
  };
  const char *dir = gn_test_tmpdir();
  gn_experiment *e = experiment(dir, "a/b", 0, NULL);
  gn_experiment *w = experiment(dir, "a/b", 1, wider),
                *l = experiment(dir, "a/b", 1, longer);
  gn_train_result r;
  gn_ck_fails(gn_train(e, GN_RUN_RESUME, NULL, &r), GN_EARG, "leave out --resume");
  gn_ck_ok(gn_train(e, GN_RUN_NEW, NULL, &r));
  gn_ck_fails(gn_train(e, GN_RUN_NEW, NULL, &r), GN_EARG, "--resume");
  gn_ck_fails(gn_train(w, GN_RUN_RESUME, NULL, &r), GN_EARG, "model.width is 8, now 9");
  ck_assert(!gn_test_exists(e->run.out, "experiment.ini.new"));
  gn_ck_ok(gn_train(l, GN_RUN_RESUME, NULL, &r));
  ck_assert(r.resumed == 6 && r.last.epoch == 7);
  gn_ck_ok(gn_train(w, GN_RUN_OVERWRITE, NULL, &r));
  ck_assert(r.resumed == 0 && r.last.epoch == 6);

  char *metrics = gn_test_read(e->run.out, "metrics.csv"),
       *timing = gn_test_read(e->run.out, "timing.csv");
  const char *start = "epoch,loss,rmse,valid_loss,valid_rmse,lr,gradient_norm,steps,";
  ck_assert_msg(strncmp(metrics, start, strlen(start)) == 0, "header '%.80s'", metrics);
  ck_assert_ptr_null(strstr(metrics, "sec"));
  ck_assert_msg(strncmp(timing, "epoch,forward,backward,total\n1,", 31) == 0, "%.40s",
                timing);
  ck_assert(gn_test_exists(e->run.out, "log.txt") && gn_test_exists(e->run.out, "state.h5"));
  free(metrics);
  free(timing);

  /* the written experiment trains to the same numbers */
  char file[512], out[512];
  const char *over[] = { out };
  gn_experiment *again;
  (void)snprintf(file, sizeof file, "%s/experiment.ini", w->run.out);
  (void)snprintf(out, sizeof out, "run.out=%s/again", dir);
  gn_ck_ok(gn_experiment_read(file, 1, over, &again));
  gn_ck_ok(gn_train(again, GN_RUN_NEW, NULL, &r));
  check_same_file(w->run.out, again->run.out, "metrics.csv");
  gn_experiment_destroy(&again);
  gn_experiment_destroy(&e);
  gn_experiment_destroy(&w);
  gn_experiment_destroy(&l);
}
END_TEST

START_TEST(early_stop)
{
  static const char *const still[] = { "train.lr=0", "train.patience=2" };
  static const char *const none[] = { "data.valid=0", "train.patience=2" };
  const char *dir = gn_test_tmpdir();
  gn_experiment *e = experiment(dir, "still", 2, still),
                *f = experiment(dir, "none", 2, none);
  gn_train_result r;
  gn_ck_ok(gn_train(e, GN_RUN_NEW, NULL, &r));
  ck_assert(r.end == GN_TRAIN_EARLY && r.best_epoch == 1 && r.last.epoch == 3);
  gn_ck_ok(gn_train(e, GN_RUN_RESUME, NULL, &r));
  ck_assert(r.end == GN_TRAIN_EARLY && r.last.epoch == 0);
  gn_ck_fails(gn_train(f, GN_RUN_NEW, NULL, &r), GN_EARG, "patience = 2 needs validation");
  ck_assert(!gn_test_exists(dir, "none")); /* a set-up that fails writes nothing */
  gn_experiment_destroy(&e);
  gn_experiment_destroy(&f);
}
END_TEST

/* A solver that may make one step only: the first batch fails. */
START_TEST(failed_batch)
{
  static const char *const over[] = { "solver.max_steps=1", "solver.rtol=1e-9",
                                      "solver.atol=1e-9" };
  gn_experiment *e = experiment(gn_test_tmpdir(), "fails", 3, over);
  gn_train_result r;
  const gn_status st = gn_train(e, GN_RUN_NEW, NULL, &r);
  ck_assert_int_lt(st, 0);
  ck_assert_msg(strncmp(gn_last_error(), "epoch 1, batch 1 of 3: ", 23) == 0, "%s",
                gn_last_error());
  ck_assert(gn_test_exists(e->run.out, "state.h5") && gn_test_exists(e->run.out, "failed.h5"));
  char *log = gn_test_read(e->run.out, "log.txt");
  ck_assert_ptr_nonnull(strstr(log, "failed: epoch 1, batch 1 of 3: "));
  free(log);
  ck_assert_int_eq(gn_train(e, GN_RUN_RESUME, NULL, &r), st); /* the same again */
  gn_experiment_destroy(&e);
}
END_TEST

/* Moments that throw the parameters out of range: the batch after the next update fails,
   and a rewind brings back what the last whole epoch left. */
START_TEST(rewind_after_failure)
{
  gn_experiment *e = experiment(gn_test_tmpdir(), "later", 0, NULL);
  gn_setup *s;
  gn_trainer *tr;
  gn_progress pr;
  gn_ck_ok(gn_setup_create(e, &s));
  gn_ck_ok(gn_trainer_create(e, s, &tr));
  gn_ck_ok(gn_trainer_epoch(tr, &pr));
  const size_t n = tr->optim.n;
  double *p = calloc(n, sizeof *p);
  gn_vec_copy(n, tr->p, p);
  gn_vec_fill(n, 1e300, tr->optim.m);
  const gn_status st = gn_trainer_epoch(tr, &pr);
  ck_assert_int_lt(st, 0);
  ck_assert_msg(strncmp(gn_last_error(), "epoch 2, batch 2 of 3: ", 23) == 0, "%s",
                gn_last_error());
  ck_assert_int_eq(tr->optim.step, 4);
  ck_assert(tr->p[0] != p[0]);
  gn_trainer_rewind(tr);
  ck_assert_int_eq(tr->epoch, 1);
  ck_assert_int_eq(tr->optim.step, 3);
  ck_assert_mem_eq(tr->p, p, n * sizeof *p);
  ck_assert_double_eq(tr->optim.m[0], 1e300);
  free(p);
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
}
END_TEST

START_TEST(state_of_another)
{
  static const char *const seed[] = { "run.seed=2" };
  const char *dir = gn_test_tmpdir();
  gn_experiment *e = experiment(dir, "one", 0, NULL), *f = experiment(dir, "two", 1, seed);
  gn_setup *s;
  gn_trainer *tr;
  char file[512];
  gn_ck_ok(gn_setup_create(e, &s));
  gn_ck_ok(gn_trainer_create(e, s, &tr));
  (void)snprintf(file, sizeof file, "%s/one.h5", dir);
  gn_ck_ok(gn_trainer_save(tr, file));
  tr->e = f;
  gn_ck_fails(gn_trainer_load(tr, file), GN_EIO, "seed 1, the experiment has 2");
  tr->e = e;
  gn_ck_ok(gn_trainer_load(tr, file));
  gn_ck_fails(gn_trainer_load(tr, gn_test_file(dir, "bad.h5", "no")), GN_EIO, "bad.h5");
  gn_trainer_destroy(&tr);
  gn_setup_destroy(&s);
  gn_experiment_destroy(&e);
  gn_experiment_destroy(&f);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("train");
  TCase *t = tcase_create("trainer");
  tcase_set_timeout(t, 300);
  suite_add_tcase(s, t);
  tcase_add_test(t, loss_falls);
  tcase_add_test(t, incomplete_batch);
  tcase_add_test(t, shrink_and_restart);
  tcase_add_test(t, no_allocation);
  tcase_add_test(t, refused_allocations);
  tcase_add_test(t, resume_bit_for_bit);
  tcase_add_test(t, run_directory);
  tcase_add_test(t, early_stop);
  tcase_add_test(t, failed_batch);
  tcase_add_test(t, rewind_after_failure);
  tcase_add_test(t, state_of_another);
  SRunner *run = srunner_create(s);
  srunner_run_all(run, CK_NORMAL);
  const int failed = srunner_ntests_failed(run);
  srunner_free(run);
  return failed ? 1 : 0;
}
