/* The evidence, cause by cause. Each examination is a number; what it is held against, and
 * why, is in diagnose.h and anomaly.h. */
#include "base/vec.h"
#include "core/batch.h"
#include "study/diagnose_impl.h"
#include "study/objective.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

/* value >= threshold is evidence. */
static gn_evidence *put(gn_inquest *q, int cause, double value, double threshold,
                        const char *fmt, ...) __attribute__((format(printf, 5, 6)));

static gn_evidence *put(gn_inquest *q, int cause, double value, double threshold,
                        const char *fmt, ...)
{
  gn_evidence *ev = &q->d->at[cause];
  va_list ap;
  *ev =
      (gn_evidence){ .value = value, .threshold = threshold, .found = value >= threshold };
  va_start(ap, fmt);
  (void)vsnprintf(ev->detail, sizeof ev->detail, fmt, ap);
  va_end(ap);
  return ev;
}

static const double none = (double)NAN;

/* ---- data ---------------------------------------------------------------------------- */

typedef struct deviation {
  double z, factor; /* of the farthest sample of the batch */
  size_t sample;
} deviation;

/* Distances of the ntrain samples v [n, width] from the medians of their columns, in the
   largest component; the farthest of the batch, or of all where no batch is conspicuous. */
static gn_status deviate(const gn_inquest *q, const double *v, size_t width,
                         const unsigned char *mask, deviation *out)
{
  const gn_dataset *d = q->setup->data;
  const gn_batch_copy *b = q->now;
  const size_t n = d->ntrain;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  double *far = gn_arena_alloc(a, n, sizeof *far), *col = gn_arena_alloc(a, n, sizeof *col),
         *size = gn_arena_alloc(a, n, sizeof *size);
  const int ok = far && col && size;
  for (size_t j = 0; ok && j < width; j++) {
    size_t m = 0;
    for (size_t i = 0; i < n; i++)
      if (!mask || mask[i * width + j]) col[m++] = v[i * width + j];
    const double mid = gn_median(m, col);
    for (size_t i = 0; i < n; i++) {
      if (mask && !mask[i * width + j]) continue;
      far[i] = fmax(far[i], fabs(v[i * width + j] - mid));
      size[i] = fmax(size[i], fabs(v[i * width + j]));
    }
  }
  if (ok) {
    gn_vec_copy(n, far, col);
    const double mid = gn_median(n, col), most = gn_median(n, size);
    for (size_t i = 0; i < n; i++) col[i] = fabs(far[i] - mid);
    const double mad = gn_median(n, col), base = mid > 0 ? mid : most;
    const int all = !q->d->signs;
    *out = (deviation){ .sample = b->idx[0] };
    for (size_t k = 0; k < (all ? n : b->B); k++) {
      const size_t i = all ? k : b->idx[k];
      if (far[i] > far[out->sample]) out->sample = i;
    }
    const double s = far[out->sample];
    out->factor = s > 0 ? s / base : 0;
    out->z = s > mid ? 0.6745 * (s - mid) / mad : 0;
  }
  gn_arena_destroy(&a);
  return ok ? GN_OK : GN_ENOMEM;
}

static gn_status examine_data(gn_inquest *q)
{
  const gn_dataset *d = q->setup->data;
  deviation x, y;
  if (d->ntrain < GN_OUTLIER_LEAST) {
    (void)put(q, GN_CAUSE_DATA, none, GN_OUTLIER_FACTOR,
              "only %zu samples: no spread to compare with", d->ntrain);
    return GN_OK;
  }
  GN_TRY(deviate(q, d->x, d->nx, NULL, &x));
  GN_TRY(deviate(q, d->y, d->K * d->ny, d->mask, &y));
  const int targets = y.factor > x.factor;
  const deviation *w = targets ? &y : &x;
  gn_evidence *ev = put(q, GN_CAUSE_DATA, w->factor, GN_OUTLIER_FACTOR,
                        "sample %zu, its %s; robust z-score %.3g (%g)", w->sample,
                        targets ? "targets" : "inputs", w->z, GN_OUTLIER_Z);
  ev->found = ev->found && w->z >= GN_OUTLIER_Z;
  return GN_OK;
}

/* Losses of the samples of the batch, each alone; the largest against the median. Evidence
   only where it is most of the batch's loss, and the state has not grown to make it so. */
static gn_status examine_loss(gn_inquest *q, const gn_trace *tr)
{
  const gn_dataset *d = q->setup->data;
  const gn_batch_copy *b = q->now;
  const size_t nz = q->setup->model->nz;
  double *z, *loss, *sorted;
  gn_batch one;
  GN_TRY(gn_batch_setup(&one, q->arena, d, 1));
  GN_NEW(q->arena, z, d->K * nz);
  GN_NEW(q->arena, loss, b->B);
  GN_NEW(q->arena, sorted, b->B);
  gn_objective objective;
  gn_value value;
  GN_TRY(gn_objective_setup(&objective, q->arena, &q->e, q->setup->model, d->K, 1));
  size_t most = 0;
  double sum = 0;
  for (size_t k = 0; k < b->B; k++) {
    gn_batch_take(&one, d, 1, b->idx + k);
    const gn_target tg = gn_batch_target(&one, d, nz);
    const int ok = gn_pass_forward(q->tr->pass, 1, b->p, &one.drive, one.x, z) == GN_OK &&
                   gn_objective_eval(&objective, &tg, z, &value, NULL) == GN_OK;
    loss[k] = ok ? value.loss : (double)INFINITY;
    if (loss[k] > loss[most]) most = k;
    sum += loss[k];
  }
  gn_vec_copy(b->B, loss, sorted);
  const double mid = gn_median(b->B, sorted);
  if (b->B < GN_OUTLIER_LEAST || !(mid > 0) || !isfinite(loss[most])) {
    (void)put(q, GN_CAUSE_LOSS, none, GN_OUTLIER_LOSS,
              "no spread of losses to compare with");
    return GN_OK;
  }
  const double share = loss[most] / sum;
  const int jump = (q->d->signs & 1U << GN_ANOMALY_LOSS) != 0;
  gn_evidence *ev =
      put(q, GN_CAUSE_LOSS, loss[most] / mid, jump ? GN_LOSS_JUMP : GN_OUTLIER_LOSS,
          "sample %zu, loss %.3g: %.0f %% of the batch's (%.0f)", b->idx[most], loss[most],
          100 * share, 100 * GN_OUTLIER_SHARE);
  ev->found = ev->found && share >= GN_OUTLIER_SHARE && tr->growth < GN_STATE_GROWTH;
  return GN_OK;
}

/* ---- gradient ------------------------------------------------------------------------ */

static gn_status examine_gradient(gn_inquest *q)
{
  const gn_batch_copy *b = q->now->has_g ? q->now : q->before;
  gn_audit *au = NULL;
  gn_audit_result r = { 0 };
  if (b->B == 0 || !b->has_g) {
    for (int k = 0; k < 2; k++)
      (void)put(q, k ? GN_CAUSE_TOLERANCE : GN_CAUSE_GRADIENT, none, k ? GN_AUDIT_WRONG : 1,
                "the first update failed before its gradient");
    return GN_OK;
  }
  gn_status s = gn_audit_create(&q->e, q->setup, q->tr->B, &au);
  if (s == GN_OK) s = gn_audit_run(au, b->B, b->idx, b->p, b->g, &r);
  gn_audit_destroy(&au);
  if (s == GN_ENOMEM) return s;
  if (s != GN_OK) {
    (void)put(q, GN_CAUSE_GRADIENT, none, 1, "no audit: %.200s", gn_last_error());
    (void)put(q, GN_CAUSE_TOLERANCE, none, GN_AUDIT_WRONG, "no audit");
    return GN_OK;
  }
  const double part = isnan(r.strategy) ? r.error : r.strategy;
  const int blame = part >= GN_AUDIT_BLAME * r.error;
  gn_evidence *own =
      put(q, GN_CAUSE_GRADIENT, part / r.promise, 1,
          "epoch %d, batch %zu: %.2e off, most in %s; to discrete on its own steps %.1e",
          b->epoch, b->batch, r.error, r.worst, part);
  own->found = own->found && blame && r.error > r.promise;
  gn_evidence *tol = put(q, GN_CAUSE_TOLERANCE, r.error, GN_AUDIT_WRONG,
                         "the tolerance promises %.1e", r.promise);
  tol->found = tol->found && !blame;
  return GN_OK;
}

/* ---- learning rate ------------------------------------------------------------------- */

/* The rate is divided by 2, 4, ... until nothing is abnormal any more: confirmed. For an
   update that is not large by itself one halving has to do. */
static gn_status examine_rate(gn_inquest *q, int others)
{
  const double u = q->most_update;
  const int large = u >= GN_UPDATE_RATIO;
  gn_evidence *ev = put(q, GN_CAUSE_RATE, u, GN_UPDATE_RATIO, "learning rate %.3g",
                        q->tr->monitor->now.lr);
  if (!q->d->signs || (!large && others)) {
    ev->found = 0;
    return GN_OK;
  }
  const double lr = q->tr->monitor->now.lr;
  double scale = 1;
  int gone = 0;
  for (int k = 0; k < (large ? GN_RATE_HALVINGS : 1) && !gone; k++) {
    scale /= 2;
    GN_TRY(gn_inquest_replay(q, scale));
    gone = q->tr->monitor->first_epoch == 0;
  }
  ev = put(q, GN_CAUSE_RATE, u, GN_UPDATE_RATIO, "learning rate %.3g; %s %.3g", lr,
           gone ? "nothing is abnormal any more at" : "no better down to", lr * scale);
  ev->found = gone;
  return GN_OK;
}

/* ---- the state ----------------------------------------------------------------------- */

static void examine_damping(gn_inquest *q)
{
  const gn_monitor *mo = q->tr->monitor;
  const gn_monitor_value *v = NULL;
  double now = none;
  for (size_t k = 0; k < mo->nvalue; k++)
    if (mo->value[k].of && mo->value[k].of->damping && !(mo->now.value[k] > now))
      now = mo->now.value[k], v = &mo->value[k];
  if (!v) {
    (void)put(q, GN_CAUSE_DAMPING, none, GN_DAMPING_PART,
              "the model has no damping to watch");
    return;
  }
  const double start = mo->anomaly.damping0;
  const double part = start > 0 ? now / start : none;
  gn_evidence *ev = put(q, GN_CAUSE_DAMPING, part, GN_DAMPING_PART,
                        "%s = %.3g, at first %.3g; over T = %g times %.3g (%g)", v->name,
                        now, start, mo->span, now * mo->span, GN_DAMPING_EFFECT);
  ev->found = part < GN_DAMPING_PART && now * mo->span < GN_DAMPING_EFFECT;
}

static void examine_trace(gn_inquest *q, const gn_trace *tr)
{
  char crossed[64] = "";
  if (!isnan(tr->t_large))
    (void)snprintf(crossed, sizeof crossed, ", above %g from t = %.4g", GN_STATE_GROWTH,
                   tr->t_large);
  (void)put(q, GN_CAUSE_BLOWUP, tr->growth, GN_STATE_GROWTH,
            "sample %zu at t = %.4g; on the way up to %.3g%s%s%s", q->now->idx[tr->row],
            tr->t_end, tr->peak, crossed, *tr->reason ? "; " : "", tr->reason);
  if (isnan(tr->stiff))
    (void)put(q, GN_CAUSE_STIFF, none, GN_STIFF_NEAR,
              "%s has no stability limit on the real axis to compare with",
              q->e.stepper->name);
  else
    (void)put(q, GN_CAUSE_STIFF, tr->stiff, GN_STIFF_NEAR,
              "limit %.3g; |lambda| up to %.3g, %ld steps, %ld rejected, h down to %.2e",
              tr->limit, tr->lambda, tr->steps, tr->rejects, tr->h_min);
}

gn_status gn_inquest_examine(gn_inquest *q)
{
  const gn_batch_copy *b = q->now;
  gn_diagnosis *d = q->d;
  gn_trace tr;
  gn_batch all;
  GN_TRY(gn_batch_setup(&all, q->arena, q->setup->data, b->B));
  gn_batch_take(&all, q->setup->data, b->B, b->idx);
  examine_damping(q);
  GN_TRY(gn_trace_run(&q->e, q->setup, b->B, &all.drive, all.x, b->p, q->tr->monitor->scale,
                      GN_STATE_GROWTH, &tr));
  examine_trace(q, &tr);
  GN_TRY(examine_data(q));
  GN_TRY(examine_gradient(q));
  GN_TRY(examine_loss(q, &tr));
  int others = 0;
  for (int k = 0; k < GN_CAUSE_N; k++) others |= k != GN_CAUSE_RATE && d->at[k].found;
  GN_TRY(examine_rate(q, others));
  d->verdict = -1;
  for (int k = GN_CAUSE_N - 1; k >= 0; k--)
    if (d->at[k].found) d->verdict = k;
  return GN_OK;
}
