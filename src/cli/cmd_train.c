/* gnomon train: train an experiment in its run directory, with a progress line. */
#include "base/clock.h"
#include "cli/cli.h"
#include "study/train.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* Set by an interrupt: the run stops after the epoch, with its state saved. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
  (void)number;
  interrupted = 1;
}

typedef struct watch {
  int terminal; /* the progress line is shown */
  int epochs;   /* seen                       */
  double shown; /* when it was last written   */
} watch;

/* 3 s, 4 min 05 s, 2 h 07 min */
static void print_eta(double s)
{
  if (s < 60) (void)fprintf(stderr, "%.0f s", s);
  else if (s < 3600) (void)fprintf(stderr, "%d min %02d s", (int)s / 60, (int)s % 60);
  else (void)fprintf(stderr, "%.0f h %02d min", s / 3600, (int)(s / 60) % 60);
}

static int on_epoch(void *user, const gn_progress *p)
{
  watch *w = user;
  const gn_stats *s = &p->stats;
  w->epochs++;
  const double now = gn_clock_wall();
  if (w->terminal && (now - w->shown > 0.1 || p->epoch == p->epochs)) {
    w->shown = now;
    (void)fprintf(stderr, "\r\033[Kepoch %d/%d  loss %.5g", p->epoch, p->epochs, p->loss);
    if (p->has_valid) (void)fprintf(stderr, " (valid %.5g)", p->valid_loss);
    (void)fprintf(stderr, "  f %ld vjp %ld pgrad %ld  %.3g evals/s  ETA ", s->f + s->back_f,
                  s->back_vjp, s->back_pgrad, p->per_sec);
    print_eta(p->eta);
    (void)fflush(stderr);
  }
  return interrupted != 0;
}

static void report(const gn_experiment *e, const gn_train_result *r)
{
  static const char *const end[] = { "done", "stopped early (patience)",
                                     "interrupted; continue with --resume" };
  const gn_progress *p = &r->last;
  if (r->resumed) (void)printf("resumed after epoch %d\n", r->resumed);
  if (p->epoch == 0) {
    (void)printf("%s: nothing left to do\n", e->run.out);
    return;
  }
  (void)printf("%s: epoch %d of %d, %s\n", e->run.out, p->epoch, p->epochs, end[r->end]);
  (void)printf("executed: %s\nloss %.6g", p->stats.executed, p->loss);
  if (p->metric_name) (void)printf(", %s %.6g", p->metric_name, p->metric);
  if (p->has_cost) (void)printf(", running cost %.6g", p->cost);
  if (p->has_valid) (void)printf(", validation loss %.6g", p->valid_loss);
  if (r->best_epoch) (void)printf(" (best %.6g at epoch %d)", r->best_valid, r->best_epoch);
  (void)putchar('\n');
}

/* Mistakes in the input are found before the first epoch; what fails later is the work. */
static int exit_code(gn_status s, const watch *w)
{
  const int input = s == GN_EARG || s == GN_ENAME || s == GN_EUNSUP || s == GN_EIO;
  return input && w->epochs == 0 ? gn_cli_refuse(s) : gn_cli_failed(s);
}

static int run(const gn_args *a)
{
  const int resume = gn_args_flag(a, "resume") != NULL;
  const int overwrite = gn_args_flag(a, "overwrite") != NULL;
  if (resume && overwrite) return gn_cli_usage("train: either --resume or --overwrite");
  gn_experiment *e;
  gn_status s = gn_experiment_read(a->at[0], a->nover, a->over, &e);
  if (s != GN_OK) return gn_cli_refuse(s);
  struct sigaction act, old;
  memset(&act, 0, sizeof act);
  act.sa_handler = on_interrupt;
  act.sa_flags = (int)SA_RESETHAND; /* a second interrupt ends the program */
  (void)sigemptyset(&act.sa_mask);
  (void)sigaction(SIGINT, &act, &old);
  watch w = { .terminal = isatty(STDERR_FILENO) };
  const gn_train_watch tell = { on_epoch, &w };
  gn_train_result r;
  s = gn_train(e,
               resume      ? GN_RUN_RESUME
               : overwrite ? GN_RUN_OVERWRITE
                           : GN_RUN_NEW,
               &tell, &r);
  (void)sigaction(SIGINT, &old, NULL);
  if (w.terminal && w.epochs) (void)fputc('\n', stderr);
  int rc = s == GN_OK ? GN_EXIT_OK : exit_code(s, &w);
  if (s == GN_OK) report(e, &r);
  gn_experiment_destroy(&e);
  return rc;
}

const gn_command gn_command_train = {
  .name = "train",
  .synopsis = "EXP.ini [--resume|--overwrite] [--section.key=value ...]",
  .summary = "Train an experiment in its run directory",
  .text = "The run directory (run.out, default runs/EXP) gets experiment.ini, metrics.csv,\n"
          "iterations.csv, timing.csv, state.h5, log.txt and keep/ with the last snapshots. An\n"
          "interrupt stops after the epoch with the state saved; --resume continues to the same\n"
          "bits as without the interruption. `gnomon diagnose RUN` says why a run diverged.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "resume", NULL, "continue from state.h5" },
            { "overwrite", NULL, "replace a run that is there" } },
  .run = run,
};
