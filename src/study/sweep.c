/* The grid of a sweep: lists, scenes (model, state, seed), points and their tolerances.
 *
 * Tolerances are tied unless they are listed: the backward solve has the forward rtol, the
 * quadrature the backward one; atol keeps the ratio to rtol that the experiment has. Points
 * are numbered with the strategy running fastest, then quadrature, backward and forward
 * tolerance, solver, seed, state and model. */
#include "base/text.h"
#include "core/numeric.h"
#include "study/sweep_impl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- lists --------------------------------------------------------------------------- */

enum { LIST_MAX = 4096, KEYS_MAX = 64 };

/* "a,b,c" into strings without blanks around them. */
static gn_status split(gn_arena *a, const char *what, const char *text, char mark,
                       size_t *n, char ***out)
{
  char *list = gn_arena_strdup(a, text);
  size_t count = 1;
  if (!list) return GN_ENOMEM;
  for (const char *s = list; *s; s++) count += *s == mark;
  GN_REQUIRE(count <= LIST_MAX, GN_ELIMIT, "%s has %zu entries, at most %d", what, count,
             (int)LIST_MAX);
  GN_NEW(a, *out, count);
  *n = 0;
  for (char *next; list; list = next) {
    next = strchr(list, mark);
    if (next) *next++ = '\0';
    list += strspn(list, " \t");
    size_t len = strlen(list);
    while (len > 0 && strchr(" \t", list[len - 1])) list[--len] = '\0';
    GN_REQUIRE(len > 0, GN_EARG, "%s = %s: an empty entry", what, text);
    (*out)[(*n)++] = list;
  }
  return GN_OK;
}

static gn_status tolerance(const char *what, const char *text, double *out)
{
  GN_REQUIRE(gn_text_double(text, out) == GN_OK && *out >= 1e-15 && *out <= 1, GN_EARG,
             "%s: '%s', expected a number from 1e-15 to 1", what, text);
  return GN_OK;
}

/* Six digits are enough for a grid, and read better than pow's last bits. */
static double rounded(double x)
{
  char buf[40];
  double y = x;
  (void)snprintf(buf, sizeof buf, "%.6g", x);
  (void)gn_text_double(buf, &y);
  return y;
}

gn_status gn_sweep_reals(gn_arena *a, const char *what, const char *text, size_t *n,
                         double **out)
{
  char **part;
  size_t m;
  if (strchr(text, ':')) {
    double from, to;
    long many = 0;
    GN_TRY(split(a, what, text, ':', &m, &part));
    GN_REQUIRE(m == 3, GN_EARG, "%s = %s, expected FROM:TO:HOW_MANY or a,b,c", what, text);
    GN_TRY(tolerance(what, part[0], &from));
    GN_TRY(tolerance(what, part[1], &to));
    GN_REQUIRE(gn_text_long(part[2], &many) == GN_OK && many >= 1 && many <= LIST_MAX &&
                   (many > 1 || from == to),
               GN_EARG, "%s: '%s' values, expected 2 to %d", what, part[2], (int)LIST_MAX);
    *n = (size_t)many;
    GN_NEW(a, *out, *n);
    for (size_t k = 0; k < *n; k++)
      (*out)[k] = k == 0 ? from
                  : k + 1 == *n
                      ? to
                      : rounded(from * pow(to / from, (double)k / (double)(many - 1)));
  } else {
    GN_TRY(split(a, what, text, ',', n, &part));
    GN_NEW(a, *out, *n);
    for (size_t k = 0; k < *n; k++) GN_TRY(tolerance(what, part[k], &(*out)[k]));
  }
  for (size_t i = 0; i < *n; i++)
    for (size_t k = 0; k < i; k++)
      GN_REQUIRE((*out)[k] != (*out)[i], GN_EARG, "%s = %s: %g is there twice", what, text,
                 (*out)[i]);
  return GN_OK;
}

static gn_status integer(const char *what, const char *text, long *out)
{
  GN_REQUIRE(gn_text_long(text, out) == GN_OK && *out >= 0 && *out <= 2147483647L, GN_EARG,
             "%s: '%s', expected an integer from 0 to 2147483647", what, text);
  return GN_OK;
}

gn_status gn_sweep_integers(gn_arena *a, const char *what, const char *text, size_t *n,
                            int **out)
{
  char **part;
  size_t m;
  long from, to;
  const int range = strchr(text, ':') != NULL;
  GN_TRY(split(a, what, text, range ? ':' : ',', &m, &part));
  if (!range) {
    *n = m;
    GN_NEW(a, *out, m);
    for (size_t k = 0; k < m; k++) {
      GN_TRY(integer(what, part[k], &from));
      (*out)[k] = (int)from;
      for (size_t i = 0; i < k; i++)
        GN_REQUIRE((*out)[i] != (*out)[k], GN_EARG, "%s = %s: %ld is there twice", what,
                   text, from);
    }
    return GN_OK;
  }
  GN_REQUIRE(m == 2, GN_EARG, "%s = %s, expected FROM:TO or a,b,c", what, text);
  GN_TRY(integer(what, part[0], &from));
  GN_TRY(integer(what, part[1], &to));
  GN_REQUIRE(from <= to && to - from < LIST_MAX, GN_EARG,
             "%s = %s, expected FROM <= TO and at most %d values", what, text,
             (int)LIST_MAX);
  *n = (size_t)(to - from) + 1;
  GN_NEW(a, *out, *n);
  for (size_t k = 0; k < *n; k++) (*out)[k] = (int)from + (int)k;
  return GN_OK;
}

/* ---- points -------------------------------------------------------------------------- */

static size_t at_least_one(size_t n)
{
  return n ? n : 1;
}

size_t gn_sweep_size(const gn_sweep *sw)
{
  return sw->nscene * sw->nsolver * sw->nrtol * at_least_one(sw->nback) *
         at_least_one(sw->nquad) * sw->nstrategy;
}

gn_point_at gn_sweep_point(const gn_sweep *sw, size_t index)
{
  gn_point_at p;
  p.strategy = index % sw->nstrategy, index /= sw->nstrategy;
  p.quad = index % at_least_one(sw->nquad), index /= at_least_one(sw->nquad);
  p.back = index % at_least_one(sw->nback), index /= at_least_one(sw->nback);
  p.rtol = index % sw->nrtol, index /= sw->nrtol;
  p.solver = index % sw->nsolver, index /= sw->nsolver;
  p.scene = index;
  return p;
}

gn_solver gn_sweep_solver_at(const gn_sweep *sw, gn_point_at at)
{
  const gn_experiment *e = sw->scene[at.scene].e;
  const gn_sweep_solver *s = &sw->solver[at.scene * sw->nsolver + at.solver];
  const double ratio = e->solver.atol / e->solver.rtol;
  const double rtol = sw->rtol[at.rtol];
  const double back = sw->nback ? sw->back[at.back] : rtol;
  const double quad = sw->nquad ? sw->quad[at.quad] : 0; /* 0: follows the strategy's own */
  return (gn_solver){ .cls = s->cls,
                      .config = s->config,
                      .tol = { rtol, rtol * ratio },
                      .back = { back, back * ratio },
                      .quad = { quad, quad * ratio },
                      .max_steps = e->solver.max_steps };
}

/* ---- create -------------------------------------------------------------------------- */

typedef struct lists {
  char **model, **state;
  int *seed;
  size_t nmodel, nstate, nseed;
} lists;

/* "hbnode:width=8" as overrides after the user's own. */
static gn_status model_overrides(gn_arena *a, const char *text, const char **over,
                                 size_t *n)
{
  char **part;
  size_t m;
  GN_TRY(split(a, "models", text, ':', &m, &part));
  GN_REQUIRE(m <= KEYS_MAX, GN_ELIMIT, "models: more than %d keys in %s", (int)KEYS_MAX,
             text);
  for (size_t k = 0; k < m; k++) {
    over[*n] = gn_arena_printf(a, k ? "model.%s" : "model.name=%s", part[k]);
    if (!over[(*n)++]) return GN_ENOMEM;
  }
  return GN_OK;
}

static gn_status make_scene(gn_sweep *sw, const char *file, size_t nover,
                            const char *const *given, const gn_sweep_input *in,
                            const lists *li, size_t model, size_t state, size_t seed,
                            gn_scene *sc)
{
  const char **over;
  size_t n = nover;
  GN_NEW(sw->arena, over, nover + KEYS_MAX + 1);
  if (nover) memcpy(over, given, nover * sizeof *over);
  if (li->model) GN_TRY(model_overrides(sw->arena, li->model[model], over, &n));
  if (li->seed) {
    over[n] = gn_arena_printf(sw->arena, "run.seed=%d", li->seed[seed]);
    if (!over[n++]) return GN_ENOMEM;
  }
  GN_TRY(gn_experiment_read(file, n, over, &sc->e));
  sc->e->adjoint = (gn_adjoint_options){ 0 }; /* the grid has the tolerances */
  const gn_compare_input ci = { .batch = in->batch,
                                .state = li->state ? li->state[state] : NULL,
                                .strategies = in->strategies };
  GN_TRY(gn_compare_create(sc->e, &ci, &sc->c));
  if (in->time) GN_TRY(gn_model_analytic(sc->c->setup->model));
  sc->model = li->model ? li->model[model] : sc->e->model->name;
  sc->state = li->state ? li->state[state] : "";
  sc->seed = sc->e->run.seed;
  return GN_OK;
}

static gn_status make_solvers(gn_sweep *sw, const gn_sweep_input *in)
{
  char **text = NULL;
  sw->nsolver = 1;
  if (in->solvers)
    GN_TRY(split(sw->arena, "solvers", in->solvers, ',', &sw->nsolver, &text));
  GN_NEW(sw->arena, sw->solver, sw->nscene * sw->nsolver);
  for (size_t i = 0; i < sw->nscene; i++)
    for (size_t k = 0; k < sw->nsolver; k++) {
      gn_sweep_solver *s = &sw->solver[i * sw->nsolver + k];
      const gn_experiment *e = sw->scene[i].e;
      s->text = text ? text[k] : e->stepper->name;
      GN_TRY(gn_experiment_stepper(e, sw->arena, s->text, &s->cls, &s->config));
    }
  return GN_OK;
}

static gn_status make_points(gn_sweep *sw, const gn_sweep_input *in)
{
  const size_t all = gn_sweep_size(sw), part = in->shard ? in->shard : 1;
  const size_t parts = in->nshard ? in->nshard : 1;
  GN_REQUIRE(part >= 1 && part <= parts, GN_EARG, "shard %zu of %zu, expected 1 to %zu",
             part, parts, parts);
  GN_REQUIRE(parts <= all, GN_EARG, "%zu shards of %zu points", parts, all);
  sw->shard = part, sw->nshard = parts;
  sw->first = all * (part - 1) / parts;
  sw->last = all * part / parts;
  const char *out = in->out ? in->out : sw->base->run.out;
  sw->out = parts > 1 ? gn_arena_printf(sw->arena, "%s/shard-%0*zu-of-%zu", out,
                                        snprintf(NULL, 0, "%zu", parts), part, parts)
                      : gn_arena_strdup(sw->arena, out);
  if (!sw->out) return GN_ENOMEM;
  const size_t n = sw->last - sw->first;
  GN_NEW(sw->arena, sw->key, n);
  GN_NEW(sw->arena, sw->row, n);
  GN_NEW(sw->arena, sw->timing, n);
  for (size_t k = 0; k < n; k++) {
    sw->key[k] = gn_sweep_key_text(sw, gn_sweep_point(sw, sw->first + k));
    if (!sw->key[k]) return GN_FAIL(GN_ENOMEM, "out of memory for %zu points", n);
  }
  return GN_OK;
}

static gn_status build(gn_sweep *sw, const char *file, size_t nover,
                       const char *const *over, const gn_sweep_input *in)
{
  lists li = { .nmodel = 1, .nstate = 1, .nseed = 1 };
  gn_arena *a = sw->arena;
  GN_REQUIRE(in->rtol, GN_EARG, "a sweep needs --rtol=FROM:TO:HOW_MANY or --rtol=a,b,c");
  GN_REQUIRE(in->jobs >= 1 && in->jobs <= 1024, GN_EARG, "jobs = %d, expected 1 to 1024",
             in->jobs);
  GN_TRY(gn_sweep_reals(a, "rtol", in->rtol, &sw->nrtol, &sw->rtol));
  if (in->back_rtol)
    GN_TRY(gn_sweep_reals(a, "back-rtol", in->back_rtol, &sw->nback, &sw->back));
  if (in->quad_rtol)
    GN_TRY(gn_sweep_reals(a, "quad-rtol", in->quad_rtol, &sw->nquad, &sw->quad));
  if (in->models) GN_TRY(split(a, "models", in->models, ',', &li.nmodel, &li.model));
  if (in->states) GN_TRY(split(a, "state", in->states, ',', &li.nstate, &li.state));
  if (in->seeds) GN_TRY(gn_sweep_integers(a, "seeds", in->seeds, &li.nseed, &li.seed));
  GN_TRY(gn_experiment_read(file, nover, over, &sw->base));
  GN_NEW(a, sw->scene, li.nmodel * li.nstate * li.nseed);
  for (size_t m = 0; m < li.nmodel; m++)
    for (size_t s = 0; s < li.nstate; s++)
      for (size_t r = 0; r < li.nseed; r++)
        GN_TRY(
            make_scene(sw, file, nover, over, in, &li, m, s, r, &sw->scene[sw->nscene++]));
  sw->nstrategy = sw->scene[0].c->n;
  for (size_t k = 0; k < sw->nstrategy; k++)
    for (size_t i = 0; i < k; i++)
      GN_REQUIRE(strcmp(sw->scene[0].c->row[k].strategy, sw->scene[0].c->row[i].strategy) !=
                     0,
                 GN_EARG, "strategies: %s is there twice", sw->scene[0].c->row[k].strategy);
  GN_TRY(make_solvers(sw, in));
  return make_points(sw, in);
}

gn_status gn_sweep_create(const char *file, size_t noverride, const char *const *over,
                          const gn_sweep_input *in, gn_sweep **out)
{
  gn_arena *a;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_sweep *sw = gn_arena_alloc(a, 1, sizeof *sw);
  if (!sw) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  sw->arena = a;
  sw->jobs = in->jobs, sw->time = in->time, sw->progress = in->progress;
  sw->train = in->train, sw->target_loss = in->target_loss;
  const gn_status s = build(sw, file, noverride, over, in);
  if (s != GN_OK)
    gn_sweep_destroy(&sw);
  else
    *out = sw;
  return s;
}

static void free_all(size_t n, char **text)
{
  for (size_t k = 0; text && k < n; k++) free(text[k]);
}

void gn_sweep_destroy(gn_sweep **out)
{
  gn_sweep *sw = *out;
  if (!sw) return;
  for (size_t k = 0; k < sw->nscene; k++) {
    gn_compare_destroy(&sw->scene[k].c);
    if (sw->scene[k].e) gn_experiment_destroy(&sw->scene[k].e);
  }
  if (sw->base) gn_experiment_destroy(&sw->base);
  const size_t n = sw->last - sw->first;
  free_all(n, sw->key);
  free_all(n, sw->row);
  free_all(n, sw->timing);
  for (int w = 0; w < 2; w++) {
    free_all(sw->nforeign[w], sw->foreign[w]);
    free(sw->foreign[w]);
  }
  gn_arena *a = sw->arena;
  *out = NULL;
  gn_arena_destroy(&a);
}

const char *gn_sweep_out(const gn_sweep *sw)
{
  return sw->out;
}
