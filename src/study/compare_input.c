/* What `compare` compares: the batch, the parameters and the list of strategies. */
#include "study/compare.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>

/* ---- batch and parameters ------------------------------------------------------------ */

static gn_status take_batch(gn_compare *c, size_t batch)
{
  const gn_dataset *d = c->setup->data;
  const gn_model *m = c->setup->model;
  GN_REQUIRE(batch <= d->ntrain, GN_EARG, "batch = %zu, expected 1 to %zu training samples",
             batch, d->ntrain);
  c->B = batch ? batch : d->ntrain;
  c->nout = d->K * c->B * m->nz;
  size_t *idx;
  GN_NEW(c->arena, idx, c->B);
  for (size_t i = 0; i < c->B; i++) idx[i] = i;
  GN_TRY(gn_batch_setup(&c->batch, c->arena, d, c->B));
  gn_batch_take(&c->batch, d, c->B, idx);
  c->target = gn_batch_target(&c->batch, d, m->nz);
  return gn_objective_setup(&c->objective, c->arena, c->e, m, d->K, c->B);
}

static gn_status read_state(gn_compare *c, const char *state)
{
  struct stat st;
  gn_h5 *h;
  const char *file = state;
  if (stat(state, &st) == 0 && S_ISDIR(st.st_mode))
    file = gn_arena_printf(c->arena, "%s/state.h5", state);
  if (!file) return GN_ENOMEM;
  GN_TRY(gn_h5_open(file, &h));
  gn_status s = gn_params_read(&c->setup->model->params, h, "params", c->p);
  double epoch = -1;
  if (gn_h5_attr_exists(h, "epoch")) (void)gn_h5_attr_read_real(h, "epoch", &epoch);
  (void)gn_h5_close(&h);
  GN_TRY(s);
  c->origin = epoch >= 0 ? gn_arena_printf(c->arena, "%s (epoch %.0f)", file, epoch)
                         : gn_arena_strdup(c->arena, file);
  return c->origin ? GN_OK : GN_ENOMEM;
}

static gn_status take_params(gn_compare *c, const char *state)
{
  size_t np = c->setup->model->params.np;
  GN_REQUIRE(np > 0, GN_EARG, "model %s has no parameters: there is no gradient to compare",
             c->e->model->name);
  GN_NEW(c->arena, c->p, np);
  memcpy(c->p, c->setup->p, np * sizeof *c->p);
  if (state) return read_state(c, state);
  c->origin = gn_arena_printf(c->arena, "initial (seed %d)", c->e->run.seed);
  return c->origin ? GN_OK : GN_ENOMEM;
}

/* ---- strategies ---------------------------------------------------------------------- */

static gn_status add(gn_compare *c, const char *text)
{
  gn_compare_row *more, *r;
  GN_NEW(c->arena, more, c->n + 1);
  if (c->n) memcpy(more, c->row, c->n * sizeof *more);
  c->row = more;
  r = &c->row[c->n];
  *r = (gn_compare_row){ .strategy = text, .reason = "", .worst = "" };
  r->loss = r->err_ode = r->err_adj = r->worst_err = r->cosine = (double)NAN;
  r->sec = r->back_sec = (double)NAN;
  GN_TRY(gn_experiment_strategy(c->e, c->arena, text, &r->cls, &r->config, &r->adjoint));
  c->n++;
  return GN_OK;
}

/* "a,b:norm=semi,c"; blanks around names are allowed. */
static gn_status add_listed(gn_compare *c, const char *strategies)
{
  char *list = gn_arena_strdup(c->arena, strategies);
  if (!list) return GN_ENOMEM;
  for (char *next; list; list = next) {
    next = strchr(list, ',');
    if (next) *next++ = '\0';
    list += strspn(list, " \t");
    size_t n = strlen(list);
    while (n > 0 && strchr(" \t", list[n - 1])) list[--n] = '\0';
    GN_REQUIRE(n > 0, GN_EARG, "compare.strategies = %s: an empty name", strategies);
    GN_TRY(add(c, list));
  }
  return GN_OK;
}

/* Once per value of the option `norm` where the strategy has one. */
static gn_status add_class(gn_compare *c, const gn_gradient_class *cls)
{
  const gn_option *norm = cls->options ? gn_option_find(cls->options, "norm") : NULL;
  if (!norm || norm->type != GN_OPT_CHOICE) return add(c, cls->name);
  for (const char *s = norm->text; *s;) {
    size_t n = strcspn(s, "|");
    const char *text = gn_arena_printf(c->arena, "%s:norm=%.*s", cls->name, (int)n, s);
    if (!text) return GN_ENOMEM;
    GN_TRY(add(c, text));
    s += n + (s[n] == '|');
  }
  return GN_OK;
}

static gn_status add_registered(gn_compare *c)
{
  for (const gn_gradient_class *const *g = gn_gradients; *g; g++)
    if (!(*g)->oracle) GN_TRY(add_class(c, *g));
  return GN_OK;
}

/* ---- create -------------------------------------------------------------------------- */

static gn_status build(gn_compare *c, const gn_compare_input *in)
{
  GN_TRY(gn_setup_create(c->e, &c->setup));
  GN_TRY(take_batch(c, in->batch));
  GN_TRY(take_params(c, in->state));
  const char *listed = in->strategies ? in->strategies : c->e->compare.strategies;
  GN_TRY(listed[0] ? add_listed(c, listed) : add_registered(c));
  GN_NEW(c->arena, c->work_z, c->nout);
  GN_NEW(c->arena, c->work_gz, c->nout);
  GN_NEW(c->arena, c->work_g, c->setup->model->params.np);
  GN_NEW(c->arena, c->z, c->nout);
  GN_NEW(c->arena, c->gz, c->nout);
  GN_NEW(c->arena, c->ref.z, c->nout);
  GN_NEW(c->arena, c->ref.gz, c->nout);
  size_t np = c->setup->model->params.np;
  GN_NEW(c->arena, c->g, np);
  GN_NEW(c->arena, c->ref.g, np);
  return GN_OK;
}

gn_status gn_compare_create(const gn_experiment *e, const gn_compare_input *in,
                            gn_compare **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_compare *c = gn_arena_alloc(a, 1, sizeof *c);
  if (!c) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  c->arena = a;
  c->e = e;
  c->progress = in->progress;
  c->history.to = in->history;
  c->solver = gn_experiment_solver(e);
  gn_status s = build(c, in);
  if (s != GN_OK) gn_compare_destroy(&c);
  else *out = c;
  return s;
}

void gn_compare_destroy(gn_compare **c)
{
  if (!c || !*c) return;
  gn_arena *a = (*c)->arena;
  gn_setup_destroy(&(*c)->setup);
  *c = NULL;
  gn_arena_destroy(&a);
}
