/* A run: trainer and run directory together. A row of metrics.csv is on the disk before the
 * state.h5 that counts it, so that a resume finds every row up to its epoch. */
#include "study/train.h"

#include "base/text.h"
#include "nn/gemm.h"
#include "study/audit.h"
#include "study/keep.h"

#include <stdio.h>
#include <string.h>

static const gn_column metrics_columns[] = {
  GN_COLUMN("epoch", "from 1"),
  GN_COLUMN("loss", "training samples: mean over the batches by size, each before its update"),
  GN_COLUMN("METRIC", "the loss's second number for them (rmse, accuracy); empty if it has none"),
  GN_COLUMN("valid_loss", "validation samples, after the last update; empty if there are none"),
  GN_COLUMN("valid_METRIC", "the second number for them"),
  GN_COLUMNS_END,
};
static const gn_column cost_columns[] = {
  GN_COLUMN("running_cost", "training samples: mean of q(T); with loss.running only"),
  GN_COLUMN("valid_running_cost", "validation samples; with loss.running only"),
  GN_COLUMNS_END,
};
static const gn_column update_columns[] = {
  GN_COLUMN("lr", "learning rate"),
  GN_COLUMN("gradient_norm", "mean over the batches, before clipping"),
  GN_COLUMNS_END,
};
const gn_format gn_format_metrics = {
  "metrics.csv", "gnomon train",
  "A row per epoch: losses and the counts of its training batches, summed (bytes: the "
  "largest). Counts are reproducible to the last digit.",
  { metrics_columns, cost_columns, update_columns, gn_stats_columns }
};

static const gn_column timing_columns[] = {
  GN_COLUMN("epoch", "from 1"),
  GN_COLUMN("forward", "seconds in the forward solves of its training batches"),
  GN_COLUMN("backward", "seconds in their backward passes"),
  GN_COLUMN("total", "seconds of the epoch"),
  GN_COLUMNS_END,
};
const gn_format gn_format_timing = { "timing.csv", "gnomon train", "A row per epoch: seconds.",
                                     { timing_columns } };

typedef struct run {
  const gn_experiment *e;
  gn_setup *setup;
  gn_trainer *tr;
  gn_rundir *rd;
  int saved; /* epoch of the last state.h5; -1: none yet */
  int kept;  /* the snapshot before the first anomaly is on disk */
  gn_audit *audit;
} run;

/* The header of metrics.csv: the columns of a running cost only if there is one. */
static const char *metrics_header(const run *r)
{
  const gn_loss_class *lc = r->e->loss;
  gn_format f = gn_format_metrics;
  if (r->e->running.rate == GN_RUNNING_NONE)
    for (int k = 1; k + 1 < GN_FORMAT_PARTS; k++) f.part[k] = f.part[k + 1];
  return gn_format_header(&f, r->rd->arena, lc->metric ? lc->metric_name : "metric");
}

static void put(FILE *f, int given, double x)
{
  char buf[64] = "";
  if (given) gn_text_print_double(x, buf, sizeof buf);
  (void)fprintf(f, ",%s", buf);
}

static gn_status write_rows(const run *r, const gn_progress *pr)
{
  FILE *f = r->rd->metrics, *t = r->rd->timing;
  const int named = pr->metric_name != NULL;
  (void)fprintf(f, "%d", pr->epoch);
  put(f, 1, pr->loss);
  put(f, named, pr->metric);
  put(f, pr->has_valid, pr->valid_loss);
  put(f, pr->has_valid && named, pr->valid_metric);
  if (pr->has_cost) {
    put(f, 1, pr->cost);
    put(f, pr->has_valid, pr->valid_cost);
  }
  put(f, 1, pr->lr);
  put(f, 1, pr->gradient_norm);
  for (int i = 0; i < GN_STATS_N; i++)
    (void)fprintf(f, ",%ld", gn_stats_get(&pr->stats, i));
  (void)fputc('\n', f);
  (void)fprintf(t, "%d,%.6f,%.6f,%.6f\n", pr->epoch, pr->stats.sec, pr->stats.back_sec,
                pr->sec);
  FILE *it = r->rd->iterations, *au = r->rd->audit;
  GN_REQUIRE(fflush(f) == 0 && fflush(t) == 0 && (!it || fflush(it) == 0) &&
                 (!au || fflush(au) == 0),
             GN_EIO, "%s: its tables cannot be written", r->rd->path);
  return GN_OK;
}

static gn_status save(run *r)
{
  if (r->saved == r->tr->epoch) return GN_OK;
  GN_TRY(gn_rundir_sync(r->rd));
  GN_TRY(gn_trainer_save(r->tr, r->rd->state));
  r->saved = r->tr->epoch;
  return gn_keep_state(r->rd->path, r->tr->epoch, r->e->train.keep);
}

/* The first anomaly was in the epoch that has just ended, or failed (whole = 0). */
static gn_status keep_before(run *r, int whole)
{
  char file[2 * GN_TEXT_MAX], signs[80];
  const gn_monitor *mo = r->tr->monitor;
  if (!mo || !mo->first_epoch || r->kept) return GN_OK;
  r->kept = 1;
  gn_signs_print(mo->first_signs, signs, sizeof signs);
  gn_rundir_log(r->rd, "first anomaly: epoch %d, batch %zu: %s; `gnomon diagnose %s`",
                mo->first_epoch, mo->first_batch, signs, r->rd->path);
  const int epoch = r->tr->epoch - whole;
  if (epoch == 0) return GN_OK; /* the seed is its snapshot */
  GN_TRY(gn_keep_before(r->rd->path, epoch, file, sizeof file));
  return whole ? gn_trainer_save_start(r->tr, file) : gn_trainer_save(r->tr, file);
}

/* The first batch of every train.audit-th epoch. */
static gn_status on_batch(void *user, const gn_batch_view *v)
{
  run *r = user;
  gn_audit_result a;
  if (v->when != GN_BATCH_GRADIENT || v->batch != 1 || v->epoch % r->e->train.audit != 0) return GN_OK;
  const gn_status s = gn_audit_run(r->audit, v->B, v->idx, v->p, v->g, &a);
  if (s != GN_OK) { /* says nothing about the run's own gradient */
    gn_rundir_log(r->rd, "epoch %d: no audit: %s", v->epoch, gn_last_error());
    return GN_OK;
  }
  gn_audit_row(r->rd->audit, v->epoch, v->batch, &a);
  if (a.error > a.promise)
    gn_rundir_log(r->rd,
                  "epoch %d: the gradient is off by %.1e, most in %s; the tolerance "
                  "promises %.1e",
                  v->epoch, a.error, a.worst, a.promise);
  return GN_OK;
}

/* Leave both the last good state and the one that failed, and keep the message. */
static gn_status give_up(run *r, gn_status s)
{
  char why[1024];
  (void)snprintf(why, sizeof why, "%s", gn_last_error());
  gn_rundir_log(r->rd, "failed: %s", why);
  const gn_status f = gn_trainer_save(r->tr, r->rd->failed);
  gn_trainer_rewind(r->tr);
  gn_status t = save(r);
  if (t == GN_OK) t = keep_before(r, 0);
  if (f != GN_OK || t != GN_OK)
    gn_rundir_log(r->rd, "state not saved: %s", gn_last_error());
  return GN_FAIL(s, "%s", why);
}

static gn_status loop(run *r, const gn_train_watch *watch, gn_train_result *out)
{
  gn_trainer *tr = r->tr;
  double sec = 0;
  out->end = GN_TRAIN_DONE;
  for (;;) {
    if (gn_trainer_early(tr)) out->end = GN_TRAIN_EARLY;
    if (out->end != GN_TRAIN_DONE || tr->epoch >= r->e->train.epochs) break;
    gn_progress pr;
    const gn_status s = gn_trainer_epoch(tr, &pr);
    if (s != GN_OK) return give_up(r, s);
    sec += pr.sec;
    pr.eta = (pr.epochs - pr.epoch) * sec / (pr.epoch - out->resumed);
    out->last = pr;
    GN_TRY(write_rows(r, &pr));
    GN_TRY(keep_before(r, 1));
    if (tr->epoch % r->e->train.snapshot == 0) GN_TRY(save(r));
    if (watch && watch->epoch && watch->epoch(watch->user, &pr)) out->end = GN_TRAIN_ASKED;
  }
  out->best_epoch = tr->best_epoch;
  out->best_valid = tr->best_valid;
  return save(r);
}

/* iterations.csv and audit.csv; a resume takes in the rows that stay. */
static gn_status open_monitor(run *r)
{
  gn_trainer *tr = r->tr;
  gn_monitor *mo = tr->monitor;
  gn_arena *a = r->rd->arena;
  char file[2 * GN_TEXT_MAX];
  gn_keep_cut(r->rd->path, tr->epoch);
  if (mo) {
    const char *header = gn_monitor_header(mo, a);
    if (!header) return GN_ENOMEM;
    const size_t per = (r->setup->data->ntrain + tr->B - 1) / tr->B;
    GN_TRY(gn_rundir_table(r->rd, "iterations.csv", header, tr->epoch, per,
                           &r->rd->iterations));
    (void)snprintf(file, sizeof file, "%s/iterations.csv", r->rd->path);
    gn_csv *rows;
    if (tr->epoch) {
      GN_TRY(gn_csv_read(a, file, &rows));
      GN_TRY(gn_monitor_restore(mo, rows, tr->epoch));
      r->kept = mo->first_epoch > 0;
    }
    mo->to = r->rd->iterations;
  }
  if (r->e->train.audit == 0) return GN_OK;
  const char *header = gn_format_header(&gn_format_audit, a, NULL);
  if (!header) return GN_ENOMEM;
  GN_TRY(gn_rundir_table(r->rd, "audit.csv", header, tr->epoch, 0, &r->rd->audit));
  GN_TRY(gn_audit_create(r->e, r->setup, tr->B, &r->audit));
  tr->look = (gn_trainer_look){ on_batch, r };
  return GN_OK;
}

static void log_start(const run *r)
{
  const gn_experiment *e = r->e;
  const gn_dataset *d = r->setup->data;
  gn_rundir_log(r->rd, "gnomon " GN_VERSION ", one thread, BLAS core %s", gn_blas_core());
  gn_rundir_log(r->rd, "%s, %zu parameters; %s, %zu training and %zu validation samples",
                e->model->name, r->setup->model->params.np, e->data->name, d->ntrain,
                d->n - d->ntrain);
  gn_rundir_log(r->rd, "%s at rtol %g, atol %g; gradient %s; batches of %zu",
                e->stepper->name, e->solver.rtol, e->solver.atol, e->gradient->name,
                r->tr->B);
  for (const char *s = d->note; s && *s;) { /* a line each */
    const size_t n = strcspn(s, "\n");
    gn_rundir_log(r->rd, "%s: %.*s", e->data->name, (int)n, s);
    s += n + (s[n] == '\n');
  }
}

static gn_status train(run *r, gn_run_mode mode, const gn_train_watch *watch,
                       gn_train_result *out)
{
  static const char *const end[] = { "all epochs done", "stopped early: patience ran out",
                                     "stopped on request" };
  GN_TRY(gn_setup_create(r->e, &r->setup));
  GN_TRY(gn_trainer_create(r->e, r->setup, &r->tr));
  GN_TRY(gn_rundir_open(r->e, mode, &r->rd));
  if (mode == GN_RUN_RESUME) {
    GN_TRY(gn_trainer_load(r->tr, r->rd->state));
    r->saved = out->resumed = r->tr->epoch;
  }
  const char *metrics = metrics_header(r);
  const char *timing = gn_format_header(&gn_format_timing, r->rd->arena, NULL);
  if (!metrics || !timing) return GN_ENOMEM;
  GN_TRY(gn_rundir_tables(r->rd, metrics, timing, r->tr->epoch));
  GN_TRY(open_monitor(r));
  log_start(r);
  if (r->tr->epoch) gn_rundir_log(r->rd, "resumed after epoch %d", r->tr->epoch);
  GN_TRY(loop(r, watch, out));
  gn_rundir_log(r->rd, "epoch %d of %d: %s", r->tr->epoch, r->e->train.epochs,
                end[out->end]);
  if (out->last.epoch)
    gn_rundir_log(r->rd, "executed: %s; loss %.6g", out->last.stats.executed,
                  out->last.loss);
  return GN_OK;
}

gn_status gn_train(const gn_experiment *e, gn_run_mode mode, const gn_train_watch *watch,
                   gn_train_result *out)
{
  run r = { .e = e, .saved = -1 };
  *out = (gn_train_result){ 0 };
  const gn_status s = train(&r, mode, watch, out);
  gn_audit_destroy(&r.audit);
  gn_rundir_close(&r.rd);
  gn_trainer_destroy(&r.tr);
  gn_setup_destroy(&r.setup);
  return s;
}
