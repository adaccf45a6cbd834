/* The solution of an experiment: one forward solve that meets every time asked for, and, for
 * the adjoint, one backward solve along its path,
 *
 *   y' = f(y), y(t0) = lift(x), z = read(y);   a' = -f_y^T a,  a(t_k-) = a(t_k+) + gY_k,
 *
 * with gY = read'^T dL/dz at the data's times and 0 at the others. Samples that have their own
 * times are solved one by one, since rows do not see each other; the loss, and so dL/dz, is
 * that of all of them. Chen et al. 2018, (4). */
#include "study/solve_impl.h"

#include "base/vec.h"
#include "study/objective.h"

#include <math.h>
#include <string.h>

typedef struct work {
  gn_arena *arena;
  const gn_subject *s;
  gn_solution *out;
  size_t npart;
  gn_solve_part *part;
  int has_loss;
  gn_solver solver;
  gn_pool *lift_pool, *read_pool;
  gn_record *lift_rec, *read_rec;
  double *t;  /* [B] scratch                     */
  double *gz; /* [K, B nz] of all rows           */
} work;

/* What a callback of the walk is given. */
typedef struct here {
  work *w;
  gn_solve_part *p;
} here;

/* ---- forward ------------------------------------------------------------------------- */

static size_t state(const work *w, const gn_solve_part *p)
{
  return p->B * w->s->setup->model->ny;
}

/* State of node i. */
static double *state_at(const work *w, const gn_solve_part *p, double *Y, size_t i)
{
  return Y + (i + 1 - (size_t)gn_solve_at_start(p)) * state(w, p);
}

/* Signals as in training; the part's rows are all there are. */
static gn_status add_signals(work *w, gn_solve_part *p)
{
  const gn_dataset *d = w->s->setup->data;
  const gn_problem plain = p->problem;
  if (!w->s->setup->problem.signal) return GN_OK;
  GN_REQUIRE(!p->own, GN_EUNSUP, "it has times of its own and signals, which solve does not offer");
  p->drive.u = w->s->batch.u;
  return gn_problem_signal(w->arena, &plain, (gn_signal_kind)d->signal, d->U, d->u_times, d->stops,
                           &p->problem);
}

static gn_status make_part(work *w, gn_solve_part *p, const gn_solve_input *in)
{
  const gn_experiment *e = w->s->e;
  const gn_model *m = w->s->setup->model;
  const size_t K = w->s->setup->data->K;
  GN_TRY(gn_solve_nodes(w->arena, p, K, in));
  GN_TRY(gn_solve_problem(w->arena, p, m, K, (gn_output_mode)e->solver.output));
  p->problem.nhist = w->s->setup->problem.nhist;
  p->problem.hist_s = w->s->setup->problem.hist_s;
  GN_TRY(add_signals(w, p));
  GN_NEW(w->arena, p->Y, (p->n + 1) * state(w, p)); /* y0 first, also where it is no node */
  GN_NEW(w->arena, p->z, p->n * p->B * m->nz);
  return GN_OK;
}

static gn_status make(work *w, const gn_solve_input *in)
{
  const gn_subject *s = w->s;
  const gn_dataset *d = s->setup->data;
  const gn_model *m = s->setup->model;
  const size_t B = d->row_times ? 1 : s->B;
  GN_REQUIRE(!d->obs, GN_EUNSUP,
             "data set %s has sequences, whose observations change the state; solve takes samples "
             "that start once", s->e->data->name);
  double start = (double)INFINITY;
  w->npart = s->B / B;
  w->has_loss = 1;
  w->solver = gn_experiment_solver(s->e);
  GN_NEW(w->arena, w->part, w->npart);
  for (size_t i = 0; i < w->npart; i++) {
    gn_solve_part *p = &w->part[i];
    p->first = i * B, p->B = B, p->own = d->row_times != NULL;
    p->times = p->own ? d->row_times + s->sample[i] * (d->K + 1) : d->times;
    start = fmin(start, p->times[0]);
  }
  const double first = in->ntimes ? in->times[0] : start;
  GN_REQUIRE(first >= start - 1e-12 * fabs(start), GN_EARG,
             "time %g is before the start of the data, %g", first, start);
  for (size_t i = 0; i < w->npart; i++) {
    const gn_status st = make_part(w, &w->part[i], in);
    if (st != GN_OK)
      return w->part[i].own ? gn_fail_prefix(st, "sample %zu", s->sample[i]) : st;
    w->has_loss &= w->part[i].whole;
  }
  GN_TRY(gn_pool_create(&m->tape[GN_LIFT], 1, B, &w->lift_pool));
  GN_TRY(gn_pool_create(&m->tape[GN_READ], 1, B, &w->read_pool));
  GN_TRY(gn_pool_take(w->lift_pool, B, &w->lift_rec));
  GN_TRY(gn_pool_take(w->read_pool, B, &w->read_rec));
  GN_NEW(w->arena, w->t, B);
  return GN_OK;
}

static gn_point point(work *w, const gn_solve_part *p, double t, const double *y)
{
  for (size_t i = 0; i < p->B; i++) w->t[i] = t;
  return (gn_point){ .B = p->B, .t = w->t, .y = y, .p = w->s->p };
}

static gn_status read_at(work *w, gn_solve_part *p, size_t i)
{
  const gn_model *m = w->s->setup->model;
  const gn_tape tape = gn_record_tape(w->read_rec, 0, 1);
  const gn_point at = point(w, p, p->node[i].t, state_at(w, p, p->Y, i));
  GN_REQUIRE(m->map[GN_READ].eval(m, &at, &tape, p->z + i * p->B * m->nz) == 0,
             GN_ENONFINITE, "read of model %s failed at t = %g", m->cls->name, p->node[i].t);
  return GN_OK;
}

static gn_status keep(void *user, gn_step *step, size_t span)
{
  gn_solve_part *p = user;
  return gn_adjoint_keep(p->walk, p->path, step, span);
}

/* The states before the start, as in training. */
static gn_status lift_history(work *w, gn_solve_part *p)
{
  const gn_problem *as = &w->s->setup->problem;
  const gn_model *m = as->model;
  const gn_tape tape = gn_record_tape(w->lift_rec, 0, 1);
  double *hist;
  if (as->nhist == 0) return GN_OK;
  GN_NEW(w->arena, hist, as->nhist * state(w, p));
  for (size_t h = 0; h < as->nhist; h++) {
    const gn_point at = point(w, p, as->hist_s[h], w->s->batch.xhist + h * p->B * m->nx);
    GN_REQUIRE(m->map[GN_LIFT].eval(m, &at, &tape, hist + h * state(w, p)) == 0, GN_ENONFINITE,
               "lift of model %s failed at t = %g", m->cls->name, as->hist_s[h]);
  }
  p->drive.hist = hist;
  return GN_OK;
}

static gn_status solve_part(work *w, gn_solve_part *p)
{
  const gn_model *m = w->s->setup->model;
  const double *x = w->s->x + p->first * m->nx;
  const gn_tape tape = gn_record_tape(w->lift_rec, 0, 1);
  const gn_point at = point(w, p, p->times[0], x);
  GN_REQUIRE(gn_vec_finite(p->B * m->nx, x), GN_ENONFINITE, "an input is not finite");
  GN_REQUIRE(m->map[GN_LIFT].eval(m, &at, &tape, p->Y) == 0, GN_ENONFINITE,
             "lift of model %s failed", m->cls->name);
  GN_TRY(lift_history(w, p));
  GN_TRY(gn_walk_forward(p->walk, p->B, w->s->p, &p->drive, p->Y, p->Y + state(w, p),
                         p->path ? keep : NULL, p));
  for (size_t i = 0; i < p->n; i++) GN_TRY(read_at(w, p, i));
  w->out->steps += p->walk->st->steps;
  return GN_OK;
}

static gn_status make_adjoint(work *w, gn_solve_part *p)
{
  p->walk->st->want_slopes = 1;
  GN_TRY(gn_path_create(p->walk->st, &p->path));
  GN_TRY(gn_adjoint_create(p->walk, GN_ADJOINT_SCALED, p->path, &p->adjoint));
  GN_NEW(w->arena, p->gY, (p->n + 1) * state(w, p));
  GN_NEW(w->arena, p->a, (p->n + 1) * state(w, p));
  return GN_OK;
}

static gn_status forward(work *w, int adjoint)
{
  const gn_stepper_class *st = w->s->e->stepper;
  const unsigned needs = GN_HAS_BACKWARD | GN_HAS_LANDING;
  GN_REQUIRE(!adjoint || (st->offers & needs) == needs, GN_EUNSUP,
             "the adjoint is solved backward from output to output, which stepper %s cannot; "
             "use erk", st->name);
  for (size_t i = 0; i < w->npart; i++) {
    gn_solve_part *p = &w->part[i];
    GN_TRY(gn_walk_create(&p->problem, &w->solver, p->B, &p->walk));
    if (adjoint) GN_TRY(make_adjoint(w, p));
    const gn_status s = solve_part(w, p);
    if (s != GN_OK && p->own) return gn_fail_prefix(s, "sample %zu", w->s->sample[i]);
    GN_TRY(s);
    if (!adjoint) gn_walk_destroy(&p->walk);
  }
  return GN_OK;
}

/* ---- backward ------------------------------------------------------------------------ */

/* z of the part goes to its rows of all; a time that is repeated has one z. */
static void put_outputs(const work *w, const gn_solve_part *p, double *z)
{
  const gn_subject *s = w->s;
  const size_t nz = s->setup->model->nz, n = p->B * nz;
  for (size_t i = 0; i < p->n; i++) {
    const size_t k = p->node[i].data;
    if (k == GN_NONE || k == 0) continue;
    for (size_t j = k; j <= gn_solve_repeats(p, s->target.K, k); j++)
      gn_vec_copy(n, p->z + i * n, z + ((j - 1) * s->B + p->first) * nz);
  }
}

static gn_status loss(work *w)
{
  const gn_subject *s = w->s;
  const size_t n = s->target.K * s->B * s->setup->model->nz;
  double *z;
  GN_NEW(w->arena, z, n);
  GN_NEW(w->arena, w->gz, n);
  for (size_t i = 0; i < w->npart; i++) put_outputs(w, &w->part[i], z);
  w->out->has_loss = 1;
  gn_objective o;
  gn_value value;
  GN_TRY(gn_objective_setup(&o, w->arena, s->e, s->setup->model, s->target.K, s->B));
  GN_TRY(gn_objective_eval(&o, &s->target, z, &value, w->gz));
  w->out->loss = value.loss;
  return GN_OK;
}

/* gY of node i from gz. */
/* NOLINTNEXTLINE(readability-non-const-parameter): the map writes through gY */
static gn_status pull_read(work *w, gn_solve_part *p, size_t i, double *gY)
{
  const gn_subject *s = w->s;
  const gn_model *m = s->setup->model;
  const size_t k = p->node[i].data, stride = s->B * m->nz;
  const gn_tape tape = gn_record_tape(w->read_rec, 0, 1);
  const gn_pull to = { .y = gY };
  if (k == GN_NONE || k == 0) return GN_OK;
  double *gz = w->gz + (k - 1) * stride + p->first * m->nz;
  for (size_t j = gn_solve_repeats(p, s->target.K, k); j > k; j--)
    gn_vec_axpy(p->B * m->nz, 1.0, gz + (j - k) * stride, gz);
  GN_TRY(read_at(w, p, i));
  const gn_point at = point(w, p, p->node[i].t, NULL);
  GN_REQUIRE(m->map[GN_READ].vjp(m, &at, &tape, gz, &to) == 0, GN_ENONFINITE,
             "vjp of read failed at t = %g", p->node[i].t);
  return GN_OK;
}

/* The backward solve has reached a time: a(t+) there, and the cotangent of the output at it. */
static gn_status arrive(void *user, double s, double to)
{
  const here *h = user;
  gn_solve_part *p = h->p;
  (void)s;
  while (p->at > 0 && p->node[p->at].s > to) p->at--;
  if (p->node[p->at].s != to) return GN_OK; /* a time nobody asked for */
  double *a = state_at(h->w, p, p->a, p->at);
  gn_vec_copy(state(h->w, p), p->adjoint->y, a);
  gn_vec_axpy(state(h->w, p), 1.0, state_at(h->w, p, p->gY, p->at), a);
  return GN_OK;
}

static gn_status backward(work *w, gn_solve_part *p)
{
  const size_t n = state(w, p);
  here h = { w, p };
  gn_stats stats = { 0 };
  double *gy0;
  GN_NEW(w->arena, gy0, n);
  GN_TRY(gn_path_finish(p->path, p->walk->eval_rec));
  for (size_t i = 0; i < p->n; i++) GN_TRY(pull_read(w, p, i, state_at(w, p, p->gY, i)));
  p->at = p->n - 1;
  p->adjoint->on_piece = arrive;
  p->adjoint->user = &h;
  gn_vec_copy(n, state_at(w, p, p->gY, p->at), state_at(w, p, p->a, p->at));
  GN_TRY(gn_adjoint_run(p->adjoint, p->gY + n, gy0, NULL, NULL, &stats));
  /* with lags, also what reaches it as the history */
  if (gn_solve_at_start(p)) gn_vec_copy(n, gy0, state_at(w, p, p->a, 0));
  w->out->back_steps += stats.back_steps;
  return GN_OK;
}

/* ---- the answer ---------------------------------------------------------------------- */

static gn_series *add(gn_solution *o, gn_series_kind kind, const char *name, size_t d)
{
  const size_t n = o->T * o->B * d;
  gn_series *sr = &o->series[o->n++];
  *sr = (gn_series){ kind, gn_arena_strdup(o->arena, name), d, NULL };
  sr->v = gn_arena_alloc(o->arena, n, sizeof *sr->v);
  if (sr->v) gn_vec_fill(n, (double)NAN, sr->v);
  return sr->name && sr->v ? sr : NULL;
}

/* from [n, stride]: rows of the written nodes, B d numbers each, to sr. */
static void fill(const gn_solve_part *p, const double *from, size_t stride, size_t B,
                 gn_series *sr)
{
  double *to = sr->v + p->first * sr->d;
  for (size_t i = 0; i < p->n; i++)
    if (p->node[i].written)
      gn_vec_copy(p->B * sr->d, from + i * stride, to), to += B * sr->d;
}

static void fill_target(const work *w, const gn_solve_part *p, gn_series *sr)
{
  const gn_target *tg = &w->s->target;
  size_t T = 0;
  for (size_t i = 0; i < p->n; i++) {
    const size_t k = p->node[i].data, B = w->s->B, d = sr->d;
    if (!p->node[i].written) continue;
    double *to = sr->v + (T++ * B + p->first) * d;
    const size_t at = ((k - 1) * B + p->first) * d;
    for (size_t j = 0; k != GN_NONE && k > 0 && j < p->B * d; j++)
      if (!tg->mask || tg->mask[at + j]) to[j] = tg->y[at + j];
  }
}

/* A series per block of Y or a. */
static gn_status add_blocks(const work *w, gn_series_kind kind)
{
  const gn_model *m = w->s->setup->model;
  for (size_t k = 0, before = 0; k < m->nblock; before += m->d[k++]) {
    gn_series *sr = add(w->out, kind, m->block_name[k], m->d[k]);
    if (!sr) return GN_ENOMEM;
    for (size_t i = 0; i < w->npart; i++) {
      const gn_solve_part *p = &w->part[i];
      const double *from = state_at(w, p, kind == GN_SERIES_ADJOINT ? p->a : p->Y, 0);
      fill(p, from + p->B * before, state(w, p), w->s->B, sr);
    }
  }
  return GN_OK;
}

/* Of one part as it is, of more in rows. */
static gn_status fill_times(const work *w)
{
  gn_solution *o = w->out;
  for (size_t i = 0; i < w->npart; i++)
    if (w->part[i].T > o->T) o->T = w->part[i].T;
  o->own_times = w->part[0].own;
  GN_NEW(o->arena, o->times, w->npart * o->T);
  gn_vec_fill(w->npart * o->T, (double)NAN, o->times);
  for (size_t i = 0; i < w->npart; i++) {
    const gn_solve_part *p = &w->part[i];
    double *to = o->times + i * o->T;
    for (size_t j = 0; j < p->n; j++)
      if (p->node[j].written) *to++ = p->node[j].t;
  }
  return GN_OK;
}

static gn_status answer(const work *w, int adjoint)
{
  gn_solution *o = w->out;
  const gn_subject *s = w->s;
  const size_t nz = s->setup->model->nz;
  gn_series *sr;
  o->B = s->B;
  GN_TRY(fill_times(w));
  GN_NEW(o->arena, o->sample, o->B);
  for (size_t i = 0; i < o->B; i++) o->sample[i] = (int64_t)s->sample[i];
  if (!(sr = add(o, GN_SERIES_OUTPUT, "z", nz))) return GN_ENOMEM;
  for (size_t i = 0; i < w->npart; i++)
    fill(&w->part[i], w->part[i].z, w->part[i].B * nz, o->B, sr);
  GN_TRY(add_blocks(w, GN_SERIES_STATE));
  if (adjoint) GN_TRY(add_blocks(w, GN_SERIES_ADJOINT));
  if (!(sr = add(o, GN_SERIES_TARGET, "target", s->target.ny))) return GN_ENOMEM;
  for (size_t i = 0; i < w->npart; i++) fill_target(w, &w->part[i], sr);
  o->model = gn_arena_strdup(o->arena, s->e->model->name);
  o->origin = gn_arena_strdup(o->arena, s->origin);
  return o->model && o->origin ? GN_OK : GN_ENOMEM;
}

static gn_status solve(work *w, const gn_solve_input *in)
{
  GN_TRY(make(w, in));
  GN_TRY(forward(w, in->adjoint));
  if (w->has_loss) GN_TRY(loss(w));
  for (size_t i = 0; in->adjoint && i < w->npart; i++) GN_TRY(backward(w, &w->part[i]));
  return answer(w, in->adjoint);
}

static void destroy(work *w)
{
  for (size_t i = 0; w->part && i < w->npart; i++) {
    gn_adjoint_destroy(&w->part[i].adjoint);
    gn_path_destroy(&w->part[i].path);
    gn_walk_destroy(&w->part[i].walk);
  }
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

double gn_solution_time(const gn_solution *s, size_t i, size_t b)
{
  return s->times[s->own_times ? b * s->T + i : i];
}

const gn_series *gn_solution_find(const gn_solution *s, gn_series_kind kind, size_t k)
{
  for (size_t i = 0; i < s->n; i++)
    if (s->series[i].kind == kind && k-- == 0) return &s->series[i];
  return NULL;
}
