/* Data, model and problem of an experiment, made together: the data fix the model's inputs,
 * the loss its outputs, the data's times the events (a span for each of a sample's own times or gaps).
 * Everything that can be wrong between the parts is found here, before a run directory
 * exists. */
#include "study/experiment.h"

#include "core/signal.h"

static gn_status add_cost(const gn_experiment *e, gn_setup *s)
{
  const gn_running_options *o = &e->running;
  GN_REQUIRE(o->rate || e->loss->eval, GN_EARG,
             "loss %s is nothing without a running cost; set loss.running = kinetic, square or "
             "component", e->loss->name);
  const gn_status st = gn_running_add(&s->model, (gn_running_rate)o->rate, (size_t)o->component);
  return st == GN_OK ? st : gn_fail_prefix(st, "loss.running");
}

static gn_status make_model(const gn_experiment *e, gn_setup *s)
{
  const size_t ny = s->data->ny;
  const size_t nz = e->loss->outputs ? e->loss->outputs(e->loss_config, ny) : 0;
  const gn_sizes sizes = { s->data->nx, nz, s->data->nobs };
  return gn_model_create(e->model, e->model_config, sizes, &s->model);
}

/* What drives the model from outside. */
static gn_status add_signals(gn_setup *s, const char *model, const char *data)
{
  const gn_dataset *d = s->data;
  const gn_problem plain = s->problem;
  const size_t nu = s->model->nu;
  if (nu == 0) return GN_OK;
  GN_REQUIRE(d->u, GN_EARG, "model %s takes %zu signals, and data set %s brings none", model, nu,
             data);
  GN_REQUIRE(d->nu == nu, GN_EARG, "model %s takes %zu signals, data set %s brings %zu; set "
             "model.signals = %zu", model, nu, data, d->nu, d->nu);
  return gn_problem_signal(s->arena, &plain, (gn_signal_kind)d->signal, d->U, d->u_times, d->stops,
                           &s->problem);
}

static gn_status build(const gn_experiment *e, gn_setup *s)
{
  GN_REQUIRE(e->data, GN_EARG,
             "the experiment has no [data]; `gnomon list datasets` shows what there is");
  const int seed = e->data_seed >= 0 ? e->data_seed : e->run.seed;
  GN_TRY(gn_dataset_create(e->data, e->data_config, (uint64_t)seed, e->data_dir, &s->data));
  GN_TRY(make_model(e, s));
  GN_TRY(add_cost(e, s));
  const gn_output_mode mode = (gn_output_mode)e->solver.output;
  const size_t K = s->data->K;
  const gn_sequence *q = &s->data->sequence;
  GN_NEW(s->arena, s->events, s->data->obs ? gn_sequence_nevent(q) : 2 * K);
  if (s->data->obs)
    GN_TRY(gn_problem_sequence(s->model, q, mode, s->events, &s->problem));
  else if (s->data->row_times)
    GN_TRY(gn_problem_spans(s->model, K, mode, s->events, &s->problem));
  else
    GN_TRY(gn_problem_outputs(s->model, K, s->data->times, mode, s->events, &s->problem));
  if (s->data->hist && s->model->nlag > 0) {
    s->problem.nhist = s->data->H;
    s->problem.hist_s = s->data->hist_times;
  }
  GN_TRY(add_signals(s, e->model->name, e->data->name));
  GN_NEW(s->arena, s->p, s->model->params.np);
  gn_params_init(&s->model->params, (uint64_t)e->run.seed, s->p);
  return GN_OK;
}

gn_status gn_setup_create(const gn_experiment *e, gn_setup **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_setup *s = gn_arena_alloc(a, 1, sizeof *s);
  if (!s) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  s->arena = a;
  const gn_status st = build(e, s);
  if (st != GN_OK)
    gn_setup_destroy(&s);
  else
    *out = s;
  return st;
}

void gn_setup_destroy(gn_setup **s)
{
  if (!*s) return;
  gn_arena *a = (*s)->arena; /* the object lies in its own arena */
  gn_dataset_destroy(&(*s)->data);
  gn_model_destroy(&(*s)->model);
  *s = NULL;
  gn_arena_destroy(&a);
}
