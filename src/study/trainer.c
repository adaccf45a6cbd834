/* One epoch: gather, forward, loss, backward, clip, update, for each batch in the order
 * drawn for the epoch; then the validation loss, forward only. */
#include "base/clock.h"
#include "base/rng.h"
#include "base/vec.h"
#include "core/batch.h"
#include "study/objective.h"
#include "study/train.h"

#include <math.h>
#include <string.h>

/* Scratch, and what a rewind needs. */
struct gn_trainer_work {
  size_t *order; /* [ntrain] */
  size_t *valid; /* [n - ntrain] rows of the validation samples */
  gn_batch batch, all; /* samples of a batch; all validation samples */
  double *z, *gz, *gp;
  double *zv;          /* [K, nvalid, nz] */
  double *p0, *m0, *v0; /* [np] at the start of the epoch */
  long step0;
  gn_objective objective;
};
typedef struct gn_trainer_work work;

static gn_status build(gn_trainer *tr)
{
  const gn_dataset *d = tr->setup->data;
  const gn_train_options *o = &tr->e->train;
  const size_t np = tr->setup->model->params.np, nz = tr->setup->model->nz;
  const size_t nv = d->n - d->ntrain, K = d->K;
  GN_REQUIRE(
      o->patience == 0 || nv > 0, GN_EARG,
      "patience = %d needs validation samples; data set %s has none with these options",
      o->patience, tr->e->data->name);
  const size_t B =
      o->batch > 0 && (size_t)o->batch < d->ntrain ? (size_t)o->batch : d->ntrain;
  tr->B = B;
  tr->best_valid = HUGE_VAL;
  gn_arena *a = tr->arena;
  work *w;
  GN_NEW(a, w, 1);
  tr->work = w;
  GN_NEW(a, tr->p, np);
  GN_NEW(a, tr->best, np);
  GN_NEW(a, w->order, d->ntrain);
  GN_NEW(a, w->valid, nv);
  GN_TRY(gn_batch_setup(&w->batch, a, d, B));
  GN_TRY(gn_batch_setup(&w->all, a, d, nv));
  GN_NEW(a, w->z, K * B * nz);
  GN_NEW(a, w->gz, K * B * nz);
  GN_NEW(a, w->gp, np);
  GN_NEW(a, w->zv, K * nv * nz);
  GN_NEW(a, w->p0, np);
  GN_NEW(a, w->m0, np);
  GN_NEW(a, w->v0, np);
  gn_vec_scale(np, o->preshrink, tr->setup->p, tr->p);
  gn_vec_copy(np, tr->p, tr->best);
  for (size_t i = 0; i < nv; i++) w->valid[i] = d->ntrain + i;
  GN_TRY(gn_objective_setup(&w->objective, a, tr->e, tr->setup->model, K, B > nv ? B : nv));
  GN_TRY(gn_optim_setup(&tr->optim, a, o, np));
  if (o->monitor) {
    GN_TRY(gn_monitor_create(a, tr->setup, &tr->monitor));
    tr->solver.extremes = &tr->monitor->extremes;
  }
  return gn_pass_create(tr->e->gradient, tr->e->gradient_config, &tr->setup->problem,
                        &tr->solver, B, &tr->pass);
}

gn_status gn_trainer_create(const gn_experiment *e, const gn_setup *setup, gn_trainer **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_trainer *tr = gn_arena_alloc(a, 1, sizeof *tr);
  if (!tr) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  tr->arena = a;
  tr->e = e;
  tr->setup = setup;
  tr->solver = gn_experiment_solver(e);
  tr->lr_scale = 1;
  const gn_status s = build(tr);
  if (s != GN_OK)
    gn_trainer_destroy(&tr);
  else
    *out = tr;
  return s;
}

void gn_trainer_destroy(gn_trainer **tr)
{
  if (!*tr) return;
  gn_arena *a = (*tr)->arena; /* the object lies in its own arena */
  gn_pass_destroy(&(*tr)->pass);
  *tr = NULL;
  gn_arena_destroy(&a);
}

/* ---- an epoch ------------------------------------------------------------------------ */

static void draw_order(gn_trainer *tr)
{
  const size_t n = tr->setup->data->ntrain;
  size_t *order = tr->work->order;
  for (size_t i = 0; i < n; i++) order[i] = i;
  if (tr->B == n) return; /* one batch: its order would change nothing but the rounding */
  gn_rng r = gn_rng_make((uint64_t)tr->e->run.seed,
                         gn_rng_stream(GN_STREAM_ORDER, (uint64_t)tr->epoch));
  gn_rng_shuffle(&r, n, order);
}

/* A new optimizer where restart_at says so; a run resumed there does it (again). */
static void restart(gn_trainer *tr)
{
  gn_optim *op = &tr->optim;
  if (tr->epoch == 0 || tr->epoch != tr->e->train.restart_at) return;
  gn_vec_fill(op->n, 0.0, op->m);
  gn_vec_fill(op->n, 0.0, op->v);
  op->step = 0;
}

static void remember(gn_trainer *tr)
{
  work *w = tr->work;
  const size_t np = tr->optim.n;
  gn_vec_copy(np, tr->p, w->p0);
  gn_vec_copy(np, tr->optim.m, w->m0);
  gn_vec_copy(np, tr->optim.v, w->v0);
  w->step0 = tr->optim.step;
}

void gn_trainer_rewind(gn_trainer *tr)
{
  const work *w = tr->work;
  const size_t np = tr->optim.n;
  gn_vec_copy(np, w->p0, tr->p);
  gn_vec_copy(np, w->m0, tr->optim.m);
  gn_vec_copy(np, w->v0, tr->optim.v);
  tr->optim.step = w->step0;
}

static gn_status look(gn_trainer *tr, int when, size_t b, size_t B, const size_t *idx)
{
  const gn_batch_view v = { .when = when,
                            .epoch = tr->epoch + 1,
                            .batch = b + 1,
                            .B = B,
                            .idx = idx,
                            .p = tr->p,
                            .g = when == GN_BATCH_GRADIENT ? tr->work->gp : NULL };
  return tr->look.batch ? tr->look.batch(tr->look.user, &v) : GN_OK;
}

/* Loss, gradient and update of B samples; adds to the sums in pr. */
static gn_status batch(gn_trainer *tr, size_t b, size_t B, const size_t *idx,
                       gn_progress *pr)
{
  work *w = tr->work;
  const gn_dataset *d = tr->setup->data;
  const size_t np = tr->optim.n, nz = tr->setup->model->nz;
  gn_value value;
  gn_monitor_begin(tr->monitor, tr->epoch + 1, b + 1, pr->lr, tr->p);
  GN_TRY(look(tr, GN_BATCH_BEGINS, b, B, idx));
  gn_batch_take(&w->batch, d, B, idx);
  GN_TRY(gn_pass_forward(tr->pass, B, tr->p, &w->batch.drive, w->batch.x, w->z));
  const gn_target tg = gn_batch_target(&w->batch, d, nz);
  GN_TRY(gn_objective_eval(&w->objective, &tg, w->z, &value, w->gz));
  gn_monitor_loss(tr->monitor, value.loss);
  GN_REQUIRE(isfinite(value.loss), GN_ENONFINITE, "the loss is %g", value.loss);
  gn_vec_fill(np, 0, w->gp);
  GN_TRY(gn_pass_backward(tr->pass, w->gz, w->gp, NULL, NULL));
  gn_monitor_gradient(tr->monitor, w->gp);
  GN_TRY(look(tr, GN_BATCH_GRADIENT, b, B, idx));
  const double norm = gn_optim_clip(np, w->gp, tr->e->train.clip);
  GN_REQUIRE(isfinite(norm), GN_ENONFINITE, "the norm of the gradient is %g", norm);
  gn_optim_update(&tr->optim, pr->lr, w->gp, tr->p);
  const double part = (double)B / (double)d->ntrain;
  pr->loss += part * value.loss;
  pr->cost += part * value.cost;
  pr->metric += part * value.metric;
  pr->gradient_norm += norm;
  gn_stats_add(&pr->stats, gn_pass_stats(tr->pass));
  return GN_OK;
}

/* Outputs of all validation samples side by side, then one loss over them. */
static gn_status validate(gn_trainer *tr, gn_progress *pr)
{
  work *w = tr->work;
  const gn_dataset *d = tr->setup->data;
  gn_value value;
  const size_t nv = d->n - d->ntrain, nz = tr->setup->model->nz, K = d->K;
  for (size_t i = 0; i < nv; i += tr->B) {
    const size_t B = nv - i < tr->B ? nv - i : tr->B;
    gn_batch_take(&w->batch, d, B, w->valid + i);
    GN_TRY(gn_pass_forward(tr->pass, B, tr->p, &w->batch.drive, w->batch.x, w->z));
    for (size_t k = 0; k < K; k++)
      gn_vec_copy(B * nz, w->z + k * B * nz, w->zv + (k * nv + i) * nz);
  }
  gn_batch_take(&w->all, d, nv, w->valid);
  const gn_target tg = gn_batch_target(&w->all, d, nz);
  GN_TRY(gn_objective_eval(&w->objective, &tg, w->zv, &value, NULL));
  pr->valid_loss = value.loss;
  pr->valid_cost = value.cost;
  pr->valid_metric = value.metric;
  return GN_OK;
}

static gn_status batches(gn_trainer *tr, gn_progress *pr)
{
  const size_t n = tr->setup->data->ntrain, nb = (n + tr->B - 1) / tr->B;
  for (size_t b = 0; b < nb; b++) {
    const size_t i = b * tr->B, B = n - i < tr->B ? n - i : tr->B;
    const size_t *idx = tr->work->order + i;
    gn_status s = batch(tr, b, B, idx, pr);
    gn_monitor_end(tr->monitor, idx, gn_pass_stats(tr->pass), tr->p, s != GN_OK);
    if (s == GN_OK) s = look(tr, GN_BATCH_ENDED, b, B, idx);
    else (void)look(tr, GN_BATCH_ENDED, b, B, idx);
    if (s != GN_OK)
      return gn_fail_prefix(s, "epoch %d, batch %zu of %zu", tr->epoch + 1, b + 1, nb);
  }
  pr->gradient_norm /= (double)nb;
  return GN_OK;
}

gn_status gn_trainer_epoch(gn_trainer *tr, gn_progress *pr)
{
  const double start = gn_clock_wall();
  const gn_loss_class *lc = tr->e->loss;
  const gn_dataset *d = tr->setup->data;
  *pr = (gn_progress){ .epochs = tr->e->train.epochs,
                       .has_valid = d->n > d->ntrain,
                       .has_cost = tr->e->running.rate != GN_RUNNING_NONE,
                       .metric_name = lc->metric ? lc->metric_name : NULL,
                       .lr = tr->lr_scale * gn_optim_rate(&tr->optim, tr->epoch) };
  restart(tr);
  remember(tr);
  draw_order(tr);
  GN_TRY(batches(tr, pr));
  if (pr->has_valid) {
    const gn_status s = validate(tr, pr);
    if (s != GN_OK) return gn_fail_prefix(s, "epoch %d, validation", tr->epoch + 1);
  }
  pr->epoch = ++tr->epoch;
  if (pr->has_valid && pr->valid_loss < tr->best_valid) {
    pr->best = 1;
    tr->best_epoch = tr->epoch;
    tr->best_valid = pr->valid_loss;
  }
  if (pr->best || !pr->has_valid) gn_vec_copy(tr->optim.n, tr->p, tr->best);
  pr->sec = gn_clock_wall() - start;
  const double sec = pr->stats.sec + pr->stats.back_sec;
  pr->per_sec = sec > 0 ? (double)gn_stats_work(&pr->stats) / sec : 0;
  pr->eta = (pr->epochs - pr->epoch) * pr->sec;
  return GN_OK;
}

int gn_trainer_early(const gn_trainer *tr)
{
  const int patience = tr->e->train.patience;
  return patience > 0 && tr->epoch - tr->best_epoch >= patience;
}

/* ---- state --------------------------------------------------------------------------- */

static const gn_column state_columns[] = {
  GN_ARRAY("params/NAME", "of the tensor", "parameters at the end of the epoch"),
  GN_ARRAY("best/NAME", "of the tensor",
           "parameters at the best validation loss; without validation samples the last"),
  GN_ARRAY("optim/m/NAME", "of the tensor", "first moments of the optimiser"),
  GN_ARRAY("optim/v/NAME", "of the tensor", "second moments"),
  GN_ATTRIBUTE("model", "name of the model"),
  GN_ATTRIBUTE("version", "of gnomon"),
  GN_ATTRIBUTE("seed", "run.seed"),
  GN_ATTRIBUTE("epoch", "epochs finished"),
  GN_ATTRIBUTE("step", "updates made"),
  GN_ATTRIBUTE("best_epoch", "epoch of the best validation loss; 0: none"),
  GN_ATTRIBUTE("best_valid", "that loss; infinite: none"),
  GN_COLUMNS_END,
};
const gn_format gn_format_state = {
  "state.h5", "gnomon train",
  "Everything a resumed run depends on, replaced atomically; failed.h5 and the snapshots in "
  "keep/ have the same form.",
  { state_columns }
};

gn_status gn_trainer_save_start(gn_trainer *tr, const char *file)
{
  const work *w = tr->work;
  gn_trainer start = *tr;
  start.p = w->p0;
  start.optim.m = w->m0;
  start.optim.v = w->v0;
  start.optim.step = w->step0;
  start.epoch--;
  if (start.best_epoch > start.epoch) start.best_epoch = 0;
  return gn_trainer_save(&start, file);
}

static gn_status save_body(gn_h5 *h, void *user)
{
  const gn_trainer *tr = user;
  const gn_params *ps = &tr->setup->model->params;
  GN_TRY(gn_params_write(ps, h, "params", tr->p));
  GN_TRY(gn_params_write(ps, h, "best", tr->best));
  GN_TRY(gn_params_write(ps, h, "optim/m", tr->optim.m));
  GN_TRY(gn_params_write(ps, h, "optim/v", tr->optim.v));
  GN_TRY(gn_h5_attr_write_text(h, "model", tr->e->model->name));
  GN_TRY(gn_h5_attr_write_text(h, "version", GN_VERSION));
  GN_TRY(gn_h5_attr_write_int(h, "seed", tr->e->run.seed));
  GN_TRY(gn_h5_attr_write_int(h, "epoch", tr->epoch));
  GN_TRY(gn_h5_attr_write_int(h, "step", tr->optim.step));
  GN_TRY(gn_h5_attr_write_int(h, "best_epoch", tr->best_epoch));
  return gn_h5_attr_write_real(h, "best_valid", tr->best_valid);
}

gn_status gn_trainer_save(const gn_trainer *tr, const char *file)
{
  gn_trainer copy = *tr; /* the callback takes a pointer to non-const */
  return gn_h5_write_atomic(file, save_body, &copy);
}

static gn_status load_from(gn_trainer *tr, const gn_h5 *h)
{
  const gn_params *ps = &tr->setup->model->params;
  char model[GN_TEXT_MAX];
  double seed, epoch, step, best_epoch;
  GN_TRY(gn_h5_attr_read_text(h, "model", model, sizeof model));
  GN_REQUIRE(strcmp(model, tr->e->model->name) == 0, GN_EIO,
             "%s: is the state of model %s, the experiment has %s", gn_h5_name(h), model,
             tr->e->model->name);
  GN_TRY(gn_h5_attr_read_real(h, "seed", &seed));
  GN_REQUIRE(seed == tr->e->run.seed, GN_EIO,
             "%s: is the state of seed %g, the experiment has %d", gn_h5_name(h), seed,
             tr->e->run.seed);
  GN_TRY(gn_h5_attr_read_real(h, "epoch", &epoch));
  GN_TRY(gn_h5_attr_read_real(h, "step", &step));
  GN_TRY(gn_h5_attr_read_real(h, "best_epoch", &best_epoch));
  GN_TRY(gn_h5_attr_read_real(h, "best_valid", &tr->best_valid));
  GN_REQUIRE(epoch >= 0 && epoch <= 1e9 && step >= 0 && step <= 1e15 && best_epoch >= 0 &&
                 best_epoch <= epoch,
             GN_EIO, "%s: epoch %g, step %g, best_epoch %g: not a state of this program",
             gn_h5_name(h), epoch, step, best_epoch);
  GN_TRY(gn_params_read(ps, h, "params", tr->p));
  GN_TRY(gn_params_read(ps, h, "best", tr->best));
  GN_TRY(gn_params_read(ps, h, "optim/m", tr->optim.m));
  GN_TRY(gn_params_read(ps, h, "optim/v", tr->optim.v));
  tr->epoch = (int)epoch;
  tr->optim.step = (long)step;
  tr->best_epoch = (int)best_epoch;
  return GN_OK;
}

gn_status gn_trainer_load(gn_trainer *tr, const char *file)
{
  gn_h5 *h;
  GN_TRY(gn_h5_open(file, &h));
  const gn_status s = load_from(tr, h);
  const gn_status closed = gn_h5_close(&h);
  return s != GN_OK ? s : closed;
}
