/* The inquest: find the update, replay to it, examine it. Order of samples and schedule are
 * functions of seed and epoch, so parameters and moments of a snapshot are all it takes. */
#include "base/vec.h"
#include "study/diagnose_impl.h"
#include "study/keep.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#define NAME(place, label, text) label,
#define TEXT(place, label, text) text,
const char *const gn_cause_names[GN_CAUSE_N] = { GN_CAUSE_LIST(NAME) };
const char *const gn_cause_texts[GN_CAUSE_N] = { GN_CAUSE_LIST(TEXT) };
#undef NAME
#undef TEXT

enum { PATH = 2 * GN_TEXT_MAX };

/* ---- the target ---------------------------------------------------------------------- */

static int exists(const gn_inquest *q, const char *name, char *path, size_t size)
{
  (void)snprintf(path, size, "%s/%s", q->e.run.out, name);
  return access(path, R_OK) == 0;
}

/* First abnormal row, in one epoch if that is given; the signs are judged anew. */
static gn_status find_signs(gn_inquest *q, int epoch)
{
  gn_monitor *mo;
  GN_TRY(gn_monitor_create(q->arena, q->setup, &mo));
  mo->since = epoch;
  GN_TRY(gn_monitor_restore(mo, q->rows, epoch ? epoch : 1000000000));
  if (!mo->first_epoch) return GN_OK;
  q->epoch = mo->first_epoch;
  q->batch = mo->first_batch;
  q->d->signs = mo->first_signs;
  return GN_OK;
}

/* The first gradient in audit.csv that is off, if it is earlier than what was found. */
static gn_status find_audit(gn_inquest *q, int epoch)
{
  char path[PATH];
  gn_csv *c;
  if (!exists(q, "audit.csv", path, sizeof path)) return GN_OK;
  GN_TRY(gn_csv_read(q->arena, path, &c));
  const size_t error = gn_csv_column(c, "error"), promise = gn_csv_column(c, "promise");
  for (size_t r = 0; r < c->nrow; r++) {
    const int at = (int)gn_csv_number(c, r, 0);
    if (epoch ? at != epoch : q->epoch && at >= q->epoch) continue;
    if (!(gn_csv_number(c, r, error) > gn_csv_number(c, r, promise))) continue;
    if (q->epoch && at >= q->epoch) continue;
    q->epoch = at;
    q->batch = (size_t)gn_csv_number(c, r, 1);
    q->d->signs = 0;
    q->d->audited = 1;
    return GN_OK;
  }
  return GN_OK;
}

/* Without iterations.csv: what the epochs since the last snapshot show. */
static gn_status find_by_replay(gn_inquest *q, int epoch)
{
  q->epoch = epoch;
  q->batch = 0;
  (void)gn_inquest_replay(q, 1);
  const gn_monitor *mo = q->tr ? q->tr->monitor : NULL;
  q->epoch = mo ? mo->first_epoch : 0;
  q->batch = mo ? mo->first_batch : 0;
  q->d->signs = mo ? mo->first_signs : 0;
  return mo ? GN_OK : GN_ENOMEM;
}

/* ---- replay -------------------------------------------------------------------------- */

static void compare_rows(gn_inquest *q)
{
  const gn_monitor *mo = q->tr->monitor;
  const size_t per = (q->setup->data->ntrain + q->tr->B - 1) / q->tr->B;
  const size_t row = (size_t)(mo->now.epoch - 1) * per + mo->now.batch - 1;
  q->d->replayed++;
  if (q->rows && row < q->rows->nrow) q->d->same += gn_monitor_same(mo, q->rows, row);
}

/* The next batch takes the place of the one before the last. */
static void copy_batch(gn_inquest *q, const gn_batch_view *v)
{
  gn_batch_copy *c = q->before;
  q->before = q->now;
  q->now = c;
  c->epoch = v->epoch;
  c->batch = v->batch;
  c->B = v->B;
  c->has_g = 0;
  memcpy(c->idx, v->idx, v->B * sizeof *v->idx);
  gn_vec_copy(q->tr->optim.n, v->p, c->p);
}

static gn_status on_batch(void *user, const gn_batch_view *v)
{
  gn_inquest *q = user;
  const gn_iteration *it = &q->tr->monitor->now;
  if (v->when == GN_BATCH_BEGINS) copy_batch(q, v);
  if (v->when == GN_BATCH_GRADIENT) {
    gn_vec_copy(q->tr->optim.n, v->g, q->now->g);
    q->now->has_g = 1;
  }
  if (v->when != GN_BATCH_ENDED) return GN_OK;
  compare_rows(q);
  if (v->epoch > q->epoch - 2 && it->update > q->most_update && isfinite(it->update))
    q->most_update = it->update;
  q->reached = v->epoch == q->epoch && v->batch == q->batch;
  GN_REQUIRE(!q->reached || isnan(it->update), GN_ESTATE, "the replay has reached its end");
  return GN_OK;
}

/* Another learning rate: only whether something becomes abnormal matters. */
static gn_status on_other_batch(void *user, const gn_batch_view *v)
{
  gn_inquest *q = user;
  if (v->when != GN_BATCH_ENDED) return GN_OK;
  q->after += q->after > 0 || (v->epoch == q->epoch && v->batch == q->batch);
  q->reached = q->tr->monitor->first_epoch > 0 || q->after > GN_ANOMALY_WINDOW;
  GN_REQUIRE(!q->reached, GN_ESTATE, "the replay has reached its end");
  return GN_OK;
}

gn_status gn_inquest_replay(gn_inquest *q, double scale)
{
  char file[PATH];
  int from;
  gn_progress pr;
  gn_trainer_destroy(&q->tr);
  GN_TRY(gn_trainer_create(&q->e, q->setup, &q->tr));
  gn_keep_find(q->e.run.out, q->epoch - 1, file, sizeof file, &from);
  if (from) GN_TRY(gn_trainer_load(q->tr, file));
  if (q->rows && from) GN_TRY(gn_monitor_restore(q->tr->monitor, q->rows, from));
  q->tr->monitor->first_epoch = 0;
  q->tr->look = (gn_trainer_look){ scale == 1 ? on_batch : on_other_batch, q };
  q->tr->lr_scale = scale;
  q->reached = 0;
  q->after = 0;
  if (scale == 1) {
    q->d->from = from;
    q->d->replayed = q->d->same = 0;
    q->most_update = 0;
    q->now->B = q->before->B = 0;
  }
  gn_status s = GN_OK;
  const int last = q->epoch + (scale == 1 ? 0 : GN_ANOMALY_WINDOW);
  while (s == GN_OK && q->tr->epoch < last) s = gn_trainer_epoch(q->tr, &pr);
  if (scale == 1 && q->reached && isnan(q->tr->monitor->now.update))
    (void)snprintf(q->d->failure, sizeof q->d->failure, "%s", gn_last_error());
  return q->reached || scale != 1 ? GN_OK : s;
}

static gn_status examine(gn_inquest *q, int epoch, size_t batch)
{
  gn_diagnosis *d = q->d;
  q->epoch = d->epoch = epoch;
  q->batch = d->batch = batch;
  GN_TRY(gn_inquest_replay(q, 1));
  GN_REQUIRE(
      q->reached, GN_EIO,
      "the replay ended before epoch %d, batch %zu: the run is not of this experiment",
      epoch, batch);
  memcpy(d->sign, q->tr->monitor->anomaly.value, sizeof d->sign);
  return gn_inquest_examine(q);
}

static gn_status last_epoch(gn_inquest *q, int *epoch)
{
  char path[PATH];
  gn_trainer *tr = NULL;
  GN_REQUIRE(exists(q, "state.h5", path, sizeof path), GN_EARG,
             "%s: holds no state.h5: not a run, or one that has not saved yet",
             q->e.run.out);
  GN_TRY(gn_trainer_create(&q->e, q->setup, &tr));
  const gn_status s = gn_trainer_load(tr, path);
  *epoch = tr->epoch;
  gn_trainer_destroy(&tr);
  return s;
}

/* The batch of an epoch with the largest loss; 1 without a record. */
static size_t worst_batch(const gn_inquest *q, int epoch)
{
  size_t batch = 1;
  double most = -HUGE_VAL;
  if (!q->rows) return batch;
  const size_t loss = gn_csv_column(q->rows, "loss");
  for (size_t r = 0; r < q->rows->nrow; r++) {
    const double x = gn_csv_number(q->rows, r, loss);
    if ((int)gn_csv_number(q->rows, r, 0) != epoch || !(x > most)) continue;
    most = x;
    batch = (size_t)gn_csv_number(q->rows, r, 1);
  }
  return batch;
}

static gn_status investigate(gn_inquest *q, int epoch)
{
  char path[PATH];
  int last = 0;
  GN_TRY(gn_setup_create(&q->e, &q->setup));
  const size_t n = q->setup->data->ntrain, np = q->setup->model->params.np;
  gn_batch_copy *two;
  GN_NEW(q->arena, two, 2);
  for (int k = 0; k < 2; k++) {
    GN_NEW(q->arena, two[k].idx, n);
    GN_NEW(q->arena, two[k].p, np);
    GN_NEW(q->arena, two[k].g, np);
  }
  q->now = &two[0];
  q->before = &two[1];
  GN_TRY(last_epoch(q, &last));
  const int failed = exists(q, "failed.h5", path, sizeof path);
  GN_REQUIRE(epoch <= last + failed, GN_EARG, "epoch = %d, the run %s has %d", epoch,
             q->e.run.out, last);
  q->d->recorded = exists(q, "iterations.csv", path, sizeof path);
  if (q->d->recorded) {
    GN_TRY(gn_csv_read(q->arena, path, &q->rows));
    GN_TRY(find_signs(q, epoch));
  } else {
    GN_TRY(find_by_replay(q, epoch ? epoch : last + failed));
  }
  GN_TRY(find_audit(q, epoch));
  if (q->epoch) return examine(q, q->epoch, q->batch);
  if (epoch) return examine(q, epoch, worst_batch(q, epoch));
  GN_TRY(examine(q, 1, 1)); /* from the start, or by now? */
  return q->d->verdict >= 0 || last <= 1 ? GN_OK : examine(q, last, worst_batch(q, last));
}

gn_status gn_diagnose(const gn_experiment *e, int epoch, gn_diagnosis **out)
{
  gn_inquest q = { .e = *e };
  gn_arena *a;
  *out = NULL;
  GN_REQUIRE(epoch >= 0, GN_EARG, "epoch = %d, expected 1 or more", epoch);
  GN_TRY(gn_arena_create(&a));
  gn_diagnosis *d = gn_arena_alloc(a, 1, sizeof *d);
  gn_status s = d ? gn_arena_create(&q.arena) : GN_ENOMEM;
  if (s == GN_OK) {
    d->arena = a;
    d->verdict = -1;
    q.d = d;
    q.e.train.monitor = 1;
    s = investigate(&q, epoch);
    gn_trainer_destroy(&q.tr);
    gn_setup_destroy(&q.setup);
    gn_arena_destroy(&q.arena);
  }
  if (s != GN_OK)
    gn_arena_destroy(&a);
  else
    *out = d;
  return s;
}

void gn_diagnosis_destroy(gn_diagnosis **d)
{
  if (!*d) return;
  gn_arena *a = (*d)->arena; /* the object lies in its own arena */
  *d = NULL;
  gn_arena_destroy(&a);
}

int gn_diagnosis_abnormal(const gn_diagnosis *d)
{
  return d->verdict >= 0 || d->signs || d->audited;
}
