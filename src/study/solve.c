/* The solution of an experiment: one forward solve that meets every time asked for, and, for
 * the adjoint, one backward solve along its path,
 *
 *   y' = f(y), y(t0) = lift(x), z = read(y);   a' = -f_y^T a,  a(t_k-) = a(t_k+) + gY_k,
 *
 * with gY = read'^T dL/dz at the data's times and 0 at the others. Chen et al. 2018, (4). */
#include "study/solve.h"

#include "base/text.h"
#include "base/vec.h"
#include "core/adjoint.h"
#include "study/objective.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000000 };

/* A time the solve meets. */
typedef struct node {
  double t;
  int written;
  size_t data; /* number of the data's time, 0 for t0; GN_NONE */
} node;

typedef struct work {
  gn_arena *arena;
  const gn_subject *s;
  gn_solution *out;
  size_t n;           /* nodes */
  node *node;
  size_t T;           /* written */
  int has_loss;
  gn_event *events;
  gn_problem problem;
  gn_solver solver;
  gn_walk *walk;
  gn_path *path;
  gn_adjoint *adjoint;
  gn_pool *lift_pool, *read_pool;
  gn_record *lift_rec, *read_rec;
  double *t;          /* [B] scratch                                    */
  double *Y, *gY, *a; /* [n, B ny]; rows of nodes, the first may be t0's */
  double *z;          /* [n, B nz]                                      */
  double *gz;         /* [K, B nz]                                      */
  size_t at;          /* node the backward solve comes from              */
} work;

/* ---- times --------------------------------------------------------------------------- */

gn_status gn_solve_times(gn_arena *a, const char *text, size_t *n, double **out)
{
  char *copy = gn_arena_strdup(a, text), *part[3] = { copy, NULL, NULL };
  double from, to;
  long count;
  if (!copy) return GN_ENOMEM;
  for (int k = 1; k < 3 && part[k - 1]; k++) {
    part[k] = strchr(part[k - 1], ':');
    if (part[k]) *part[k]++ = '\0';
  }
  GN_REQUIRE(part[2] && gn_text_double(part[0], &from) == GN_OK &&
                 gn_text_double(part[1], &to) == GN_OK &&
                 gn_text_long(part[2], &count) == GN_OK,
             GN_EARG, "times = %s, expected A:B:N, N times from A to B", text);
  GN_REQUIRE(isfinite(from) && isfinite(to) && from < to, GN_EARG,
             "times = %s: A must be below B", text);
  GN_REQUIRE(count >= 2 && count <= MANY, GN_EARG, "times = %s: N = %ld, expected 2 to %d",
             text, count, (int)MANY);
  GN_NEW(a, *out, (size_t)count);
  *n = (size_t)count;
  for (long i = 0; i < count; i++)
    (*out)[i] = i == count - 1 ? to : from + (to - from) * (double)i / (double)(count - 1);
  return GN_OK;
}

static int ascending(const void *a, const void *b)
{
  const node *x = a, *y = b;
  if (x->t != y->t) return (x->t > y->t) - (x->t < y->t);
  return (x->data == GN_NONE) - (y->data == GN_NONE); /* the data's time first */
}

/* Times asked for and times of the data in one list; those that differ by rounding are one. */
static gn_status make_nodes(work *w, const gn_solve_input *in)
{
  const gn_dataset *d = w->s->setup->data;
  const double t0 = d->times[0];
  const double first = in->ntimes ? in->times[0] : t0;
  const double last = in->ntimes ? in->times[in->ntimes - 1] : d->times[d->K];
  const double same = 1e-12 * fmax(fabs(first), fabs(last));
  GN_NEW(w->arena, w->node, in->ntimes + d->K + 1);
  for (size_t i = 0; i < in->ntimes; i++) {
    GN_REQUIRE(in->times[i] >= t0 - same, GN_EARG,
               "time %g is before the start of the data, %g", in->times[i], t0);
    GN_REQUIRE(i == 0 || in->times[i] > in->times[i - 1], GN_EARG,
               "time %g does not come after %g", in->times[i], in->times[i - 1]);
    w->node[w->n++] = (node){ fmax(in->times[i], t0), 1, GN_NONE };
  }
  w->has_loss = in->adjoint || (first <= d->times[1] + same && last >= d->times[d->K] - same);
  for (size_t k = 0; k <= d->K; k++) {
    const int inside = d->times[k] >= first - same && d->times[k] <= last + same;
    if (inside || (in->adjoint && k > 0)) w->node[w->n++] = (node){ d->times[k], inside, k };
  }
  qsort(w->node, w->n, sizeof *w->node, ascending);
  size_t m = 0;
  for (size_t i = 0; i < w->n; i++) {
    const node *x = &w->node[i];
    node *y = m ? &w->node[m - 1] : NULL;
    if (!y || x->t - y->t > same || (x->data != GN_NONE && y->data != GN_NONE)) {
      w->node[m++] = *x;
      continue;
    }
    if (x->data != GN_NONE) y->t = x->t, y->data = x->data;
    y->written |= x->written;
  }
  w->n = m;
  for (size_t i = 0; i < m; i++) w->T += (size_t)w->node[i].written;
  return GN_OK;
}

/* ---- forward ------------------------------------------------------------------------- */

static size_t state(const work *w) { return w->s->B * w->s->setup->model->ny; }
/* The first node is the start itself. */
static size_t skip(const work *w) { return w->node[0].t <= w->s->setup->data->times[0]; }

static gn_status make(work *w)
{
  const gn_subject *s = w->s;
  const gn_model *m = s->setup->model;
  const size_t n = w->n - skip(w), B = s->B;
  double *times;
  GN_REQUIRE(n > 0, GN_EARG, "no time after the start %g", w->node[0].t);
  GN_NEW(w->arena, times, n + 1);
  GN_NEW(w->arena, w->events, n);
  times[0] = s->setup->data->times[0];
  for (size_t i = 0; i < n; i++) times[1 + i] = w->node[skip(w) + i].t;
  GN_TRY(gn_problem_outputs(m, n, times, (gn_output_mode)s->e->solver.output, w->events,
                            &w->problem));
  w->solver = gn_experiment_solver(s->e);
  GN_TRY(gn_walk_create(&w->problem, &w->solver, B, &w->walk));
  GN_TRY(gn_pool_create(&m->tape[GN_LIFT], 1, B, &w->lift_pool));
  GN_TRY(gn_pool_create(&m->tape[GN_READ], 1, B, &w->read_pool));
  GN_TRY(gn_pool_take(w->lift_pool, B, &w->lift_rec));
  GN_TRY(gn_pool_take(w->read_pool, B, &w->read_rec));
  GN_NEW(w->arena, w->t, B);
  GN_NEW(w->arena, w->Y, (w->n + 1) * state(w)); /* y0 first, also where it is no node */
  GN_NEW(w->arena, w->z, w->n * B * m->nz);
  return GN_OK;
}

/* State of node i. */
static double *state_at(const work *w, double *Y, size_t i)
{
  return Y + (i + 1 - skip(w)) * state(w);
}

static gn_point point(work *w, double t, const double *y)
{
  for (size_t i = 0; i < w->s->B; i++) w->t[i] = t;
  return (gn_point){ .B = w->s->B, .t = w->t, .y = y, .p = w->s->p };
}

static gn_status read_at(work *w, size_t i)
{
  const gn_model *m = w->s->setup->model;
  const gn_tape tape = gn_record_tape(w->read_rec, 0, 1);
  const gn_point at = point(w, w->node[i].t, state_at(w, w->Y, i));
  GN_REQUIRE(m->map[GN_READ].eval(m, &at, &tape, w->z + i * w->s->B * m->nz) == 0,
             GN_ENONFINITE, "read of model %s failed at t = %g", m->cls->name, w->node[i].t);
  return GN_OK;
}

static gn_status keep(void *user, gn_step *step, size_t span)
{
  work *w = user;
  return gn_adjoint_keep(w->walk, w->path, step, span);
}

static gn_status forward(work *w)
{
  const gn_subject *s = w->s;
  const gn_model *m = s->setup->model;
  const gn_tape tape = gn_record_tape(w->lift_rec, 0, 1);
  const gn_point at = point(w, w->problem.s0, s->x);
  GN_REQUIRE(gn_vec_finite(s->B * m->nx, s->x), GN_ENONFINITE, "an input is not finite");
  GN_REQUIRE(m->map[GN_LIFT].eval(m, &at, &tape, w->Y) == 0, GN_ENONFINITE,
             "lift of model %s failed", m->cls->name);
  GN_TRY(gn_walk_forward(w->walk, s->B, s->p, NULL, w->Y, w->Y + state(w),
                         w->path ? keep : NULL, w));
  for (size_t i = 0; i < w->n; i++) GN_TRY(read_at(w, i));
  w->out->steps = w->walk->st->steps;
  return GN_OK;
}

/* ---- backward ------------------------------------------------------------------------ */

static gn_status loss(work *w)
{
  const gn_subject *s = w->s;
  const size_t nz = s->B * s->setup->model->nz, K = s->setup->data->K;
  double *z;
  GN_NEW(w->arena, z, K * nz);
  GN_NEW(w->arena, w->gz, K * nz);
  for (size_t i = 0; i < w->n; i++)
    if (w->node[i].data != GN_NONE && w->node[i].data > 0)
      gn_vec_copy(nz, w->z + i * nz, z + (w->node[i].data - 1) * nz);
  w->out->has_loss = 1;
  gn_objective o;
  gn_value value;
  GN_TRY(gn_objective_setup(&o, w->arena, s->e, s->setup->model, K, s->B));
  GN_TRY(gn_objective_eval(&o, &s->target, z, &value, w->gz));
  w->out->loss = value.loss;
  return GN_OK;
}

/* gY of node i from gz. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the map writes through gY */
static gn_status pull_read(work *w, size_t i, double *gY)
{
  const gn_model *m = w->s->setup->model;
  const size_t k = w->node[i].data;
  const gn_tape tape = gn_record_tape(w->read_rec, 0, 1);
  const gn_pull to = { .y = gY };
  if (k == GN_NONE || k == 0) return GN_OK;
  GN_TRY(read_at(w, i));
  const gn_point at = point(w, w->node[i].t, NULL);
  GN_REQUIRE(m->map[GN_READ].vjp(m, &at, &tape, w->gz + (k - 1) * w->s->B * m->nz, &to) == 0,
             GN_ENONFINITE, "vjp of read failed at t = %g", w->node[i].t);
  return GN_OK;
}

/* The backward solve has reached a time: a(t+) there, and the cotangent of the output at it. */
static gn_status arrive(void *user, double s, double to)
{
  work *w = user;
  (void)s;
  while (w->at > 0 && w->node[w->at].t > to) w->at--;
  if (w->node[w->at].t != to) return GN_OK; /* the start, which nobody asked for */
  double *a = state_at(w, w->a, w->at);
  gn_vec_copy(state(w), w->adjoint->y, a);
  gn_vec_axpy(state(w), 1.0, state_at(w, w->gY, w->at), a);
  return GN_OK;
}

static gn_status make_adjoint(work *w)
{
  const gn_stepper_class *st = w->s->e->stepper;
  const unsigned needs = GN_HAS_BACKWARD | GN_HAS_LANDING;
  GN_REQUIRE((st->offers & needs) == needs, GN_EUNSUP,
             "the adjoint is solved backward from output to output, which stepper %s cannot; "
             "use erk", st->name);
  w->walk->st->want_slopes = 1;
  GN_TRY(gn_path_create(w->walk->st, &w->path));
  GN_TRY(gn_adjoint_create(w->walk, GN_ADJOINT_SCALED, w->path, &w->adjoint));
  w->adjoint->on_piece = arrive;
  w->adjoint->user = w;
  GN_NEW(w->arena, w->gY, (w->n + 1) * state(w));
  GN_NEW(w->arena, w->a, (w->n + 1) * state(w));
  return GN_OK;
}

static gn_status backward(work *w)
{
  gn_stats stats = { 0 };
  double *gy0;
  GN_NEW(w->arena, gy0, state(w));
  GN_TRY(gn_path_finish(w->path, w->walk->eval_rec));
  for (size_t i = 0; i < w->n; i++) GN_TRY(pull_read(w, i, state_at(w, w->gY, i)));
  w->at = w->n - 1;
  gn_vec_copy(state(w), state_at(w, w->gY, w->at), state_at(w, w->a, w->at));
  GN_TRY(gn_adjoint_run(w->adjoint, w->gY + state(w), gy0, NULL, NULL, &stats));
  w->out->back_steps = stats.back_steps;
  return GN_OK;
}

/* ---- the answer ---------------------------------------------------------------------- */

static gn_series *add(gn_solution *o, gn_series_kind kind, const char *name, size_t d)
{
  gn_series *sr = &o->series[o->n++];
  *sr = (gn_series){ kind, gn_arena_strdup(o->arena, name), d, NULL };
  sr->v = gn_arena_alloc(o->arena, o->T * o->B * d, sizeof *sr->v);
  return sr->name && sr->v ? sr : NULL;
}

/* from [n, stride]: rows of the written nodes, n numbers each, to sr. */
static void fill(const work *w, const double *from, size_t stride, gn_series *sr)
{
  const size_t n = w->s->B * sr->d;
  double *to = sr->v;
  for (size_t i = 0; i < w->n; i++)
    if (w->node[i].written) gn_vec_copy(n, from + i * stride, to), to += n;
}

static void fill_target(const work *w, gn_series *sr)
{
  const gn_target *tg = &w->s->target;
  const size_t B = w->s->B;
  double *to = sr->v;
  for (size_t i = 0; i < w->n; i++) {
    if (!w->node[i].written) continue;
    const size_t k = w->node[i].data;
    for (size_t b = 0; b < B; b++, to += sr->d) {
      const size_t at = ((k - 1) * B + b) * tg->ny;
      gn_vec_fill(sr->d, (double)NAN, to);
      if (k == GN_NONE || k == 0) continue;
      for (size_t j = 0; j < sr->d; j++)
        if (!tg->mask || tg->mask[at + j]) to[j] = tg->y[at + j];
    }
  }
}

/* A series per block of Y. */
static gn_status add_blocks(const work *w, gn_series_kind kind, double *Y)
{
  const gn_model *m = w->s->setup->model;
  const double *from = state_at(w, Y, 0);
  for (size_t k = 0; k < m->nblock; from += w->s->B * m->d[k], k++) {
    gn_series *sr = add(w->out, kind, m->block_name[k], m->d[k]);
    if (!sr) return GN_ENOMEM;
    fill(w, from, state(w), sr);
  }
  return GN_OK;
}

static gn_status answer(work *w)
{
  gn_solution *o = w->out;
  const gn_subject *s = w->s;
  const gn_model *m = s->setup->model;
  gn_series *sr;
  o->T = w->T;
  o->B = s->B;
  GN_NEW(o->arena, o->times, o->T);
  GN_NEW(o->arena, o->sample, o->B);
  for (size_t i = 0, k = 0; i < w->n; i++)
    if (w->node[i].written) o->times[k++] = w->node[i].t;
  for (size_t i = 0; i < o->B; i++) o->sample[i] = (int64_t)s->sample[i];
  if (!(sr = add(o, GN_SERIES_OUTPUT, "z", m->nz))) return GN_ENOMEM;
  fill(w, w->z, s->B * m->nz, sr);
  GN_TRY(add_blocks(w, GN_SERIES_STATE, w->Y));
  if (w->adjoint) GN_TRY(add_blocks(w, GN_SERIES_ADJOINT, w->a));
  if (!(sr = add(o, GN_SERIES_TARGET, "target", s->target.ny))) return GN_ENOMEM;
  fill_target(w, sr);
  o->model = gn_arena_strdup(o->arena, s->e->model->name);
  o->origin = gn_arena_strdup(o->arena, s->origin);
  return o->model && o->origin ? GN_OK : GN_ENOMEM;
}

static gn_status solve(work *w, const gn_solve_input *in)
{
  GN_TRY(make_nodes(w, in));
  GN_TRY(make(w));
  if (in->adjoint) GN_TRY(make_adjoint(w));
  GN_TRY(forward(w));
  if (w->has_loss) GN_TRY(loss(w));
  if (in->adjoint) GN_TRY(backward(w));
  return answer(w);
}

static void destroy(work *w)
{
  gn_adjoint_destroy(&w->adjoint);
  gn_path_destroy(&w->path);
  gn_walk_destroy(&w->walk);
  gn_pool_destroy(&w->lift_pool);
  gn_pool_destroy(&w->read_pool);
}

gn_status gn_solve(const gn_subject *s, const gn_solve_input *in, gn_solution **out)
{
  gn_arena *a, *b;
  *out = NULL;
  GN_TRY(gn_arena_create(&a));
  gn_solution *o = gn_arena_alloc(a, 1, sizeof *o);
  if (o) o->arena = a;
  gn_status st = o ? gn_arena_create(&b) : GN_ENOMEM;
  if (st == GN_OK) {
    work *w = gn_arena_alloc(b, 1, sizeof *w);
    st = GN_ENOMEM;
    if (w) {
      w->arena = b, w->s = s, w->out = o;
      st = solve(w, in);
      destroy(w);
    }
    gn_arena_destroy(&b);
  }
  if (st != GN_OK) gn_arena_destroy(&a);
  else *out = o;
  return st;
}

void gn_solution_destroy(gn_solution **s)
{
  if (!*s) return;
  gn_arena *a = (*s)->arena; /* the object lies in its own arena */
  *s = NULL;
  gn_arena_destroy(&a);
}

const gn_series *gn_solution_find(const gn_solution *s, gn_series_kind kind, size_t k)
{
  for (size_t i = 0; i < s->n; i++)
    if (s->series[i].kind == kind && k-- == 0) return &s->series[i];
  return NULL;
}
