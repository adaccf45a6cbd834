/* The forward solve over the events of a problem.
 *
 * Between events a stepper runs; outputs are either stop times (land: never a reset) or read
 * from the interpolant inside a step; a jump applies the model's map to the rows of its mask
 * and restarts the slopes, not the step size; a kink resets, and brings the next span of
 * per-row times into force. A stepper that overshoots begins anew there, from the state that
 * its interpolant has. */
#include "core/walk.h"

#include "base/vec.h"

static gn_status make(gn_arena *a, const gn_problem *pb, const gn_solver *solver, size_t Bmax,
                      gn_walk *w)
{
  const gn_model *m = pb->model;
  w->arena = a;
  w->problem = w->given = pb;
  w->solver = *solver;
  if (w->solver.quad.rtol <= 0) w->solver.quad.rtol = w->solver.back.rtol;
  if (w->solver.quad.atol <= 0) w->solver.quad.atol = w->solver.back.atol;
  GN_TRY(gn_flow_setup(&w->flow, a, m, Bmax));
  GN_TRY(gn_signal_setup(&w->flow.signal, a, pb, Bmax));
  GN_TRY(gn_flow_system(&w->flow, a, Bmax, &w->sys));
  for (size_t k = 0; solver->cls && solver->cls->whole_norm && k < m->nblock; k++)
    w->sys.norm.seg[k].group = 0;
  GN_NEW(a, w->y, Bmax * m->ny);
  GN_NEW(a, w->work, Bmax * m->ny);
  GN_NEW(a, w->jump_rec, pb->njump); /* NOLINT(bugprone-sizeof-expression): pointers */
  GN_NEW(a, w->jump_y, pb->njump);
  GN_TRY(gn_pool_create(&m->tape[GN_JUMP], 1, Bmax, &w->jump_pool));
  GN_TRY(gn_pool_create(&m->tape[GN_F], 1, Bmax, &w->eval_pool));
  for (size_t j = 0; j < pb->njump; j++) GN_NEW(a, w->jump_y[j], Bmax * m->ny);
  unsigned char *soft;
  GN_NEW(a, soft, pb->nevent);
  gn_problem_soft(pb, solver->cls && solver->cls->overshoots, soft);
  w->soft = soft;
  for (size_t e = 0; e < pb->nevent; e++) w->nsoft |= w->soft[e];
  if (!solver->cls) return GN_OK;
  GN_TRY(gn_stepper_create(solver->cls, solver->config, &w->sys, solver->tol, &w->st));
  if (m->nlag == 0) return GN_OK;
  GN_TRY(gn_delay_create(w->st, pb, &w->delay));
  w->flow.delay = w->delay;
  return GN_OK;
}

gn_status gn_walk_create(const gn_problem *pb, const gn_solver *solver, size_t Bmax,
                         gn_walk **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_walk *w = gn_arena_alloc(a, 1, sizeof *w);
  if (!w) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  w->arena = a;
  gn_status s = make(a, pb, solver, Bmax, w);
  if (s == GN_OK && w->st && pb->output == GN_INTERPOLATE &&
      (!w->st->tab || gn_rk_dense_order(w->st->tab) == 0))
    s = GN_FAIL(GN_EUNSUP,
                "output = interpolate needs a table with an interpolant, %s has none; use "
                "dormand_prince or bogacki_shampine, or output = land",
                w->st->tab ? w->st->tab->name : solver->cls->name);
  if (s != GN_OK) {
    gn_walk_destroy(&w);
    return s;
  }
  *out = w;
  if (!w->st) return GN_OK;
  if (solver->max_steps > 0) w->st->max_steps = solver->max_steps;
  w->st->history = solver->history;
  w->st->want_slopes = w->nsoft || w->delay;
  return GN_OK;
}

void gn_walk_destroy(gn_walk **w)
{
  if (!*w) return;
  gn_stepper_destroy(&(*w)->st);
  gn_delay_destroy(&(*w)->delay);
  gn_pool_destroy(&(*w)->jump_pool);
  gn_pool_destroy(&(*w)->eval_pool);
  gn_arena *a = (*w)->arena;
  gn_arena_destroy(&a);
  *w = NULL;
}

static size_t state(const gn_walk *w) { return w->B * w->problem->model->ny; }

/* Outputs that lie inside the step just taken and this piece of the flow, which a stepper may
   run past, read from the step's interpolant. */
static void interpolate(gn_walk *w, double to)
{
  const double end = w->st->now.s_new < to ? w->st->now.s_new : to;
  const gn_problem *pb = w->problem;
  for (; w->next_soft < pb->nevent; w->next_soft++) {
    const gn_event *ev = &pb->event[w->next_soft];
    if (!w->soft[w->next_soft]) continue;
    if (ev->s > end) return;
    gn_stepper_state(w->st, ev->s, w->Y + ev->index * state(w));
  }
}

int gn_walk_inside(const gn_walk *w, double s, double h, double s_new, size_t *e, size_t *k,
                   gn_dense *d)
{
  const gn_problem *pb = w->problem;
  for (; w->nsoft && *e < pb->nevent; (*e)++) {
    const gn_event *ev = &pb->event[*e];
    if (ev->s <= s || ev->s > s_new || !w->soft[*e]) continue;
    *k = ev->index;
    gn_rk_dense(w->st->tab, (ev->s - s) / h, d);
    (*e)++;
    return 1;
  }
  return 0;
}

void gn_walk_read(const gn_walk *w, double s, double h, double s_new, const double *y,
                  const double *y1, const double *const *K, double *out)
{
  const size_t n = state(w);
  gn_dense d;
  for (size_t e = 0, k; gn_walk_inside(w, s, h, s_new, &e, &k, &d);) {
    gn_vec_scale(n, d.w0, y, out + k * n);
    gn_vec_axpy(n, d.w1, y1, out + k * n);
    for (int i = 0; i < w->st->tab->s; i++)
      gn_vec_axpy(n, h * d.k[i], K[i], out + k * n);
  }
}

static gn_status flow(void *user, double s, double to)
{
  gn_walk *w = user;
  if (!w->started) {
    GN_TRY(gn_stepper_start(w->st, s, w->y, 1, 0));
    w->started = 1;
  } else if (w->fresh) {
    GN_TRY(gn_stepper_reset(w->st, s, w->y));
  }
  w->fresh = 0;
  gn_step *step;
  do {
    GN_TRY(gn_stepper_step(w->st, to, &step));
    gn_extremes_step(w->solver.extremes, w->problem->model, w->B, step->s_new, step->h,
                     step->y1);
    if (w->nsoft) interpolate(w, to);
    if (w->delay) GN_TRY(gn_delay_put(w->delay, step, w->span));
    if (w->listener) GN_TRY(w->listener(w->user, step, w->span));
  } while (step->s_new < to);
  gn_stepper_state(w->st, to, w->y);
  return GN_OK;
}

static gn_status output(void *user, size_t k)
{
  gn_walk *w = user;
  gn_vec_copy(state(w), w->y, w->Y + k * state(w));
  return GN_OK;
}

static gn_status jump(void *user, size_t j)
{
  gn_walk *w = user;
  gn_vec_copy(state(w), w->y, w->jump_y[j]);
  w->fresh = 1;
  return gn_walk_jump(w, j, w->flow.p, w->y);
}

static gn_status kink(void *user, size_t span)
{
  gn_walk *w = user;
  w->fresh = 1;
  if (span == GN_NONE) return GN_OK;
  w->span = span;
  gn_flow_span(&w->flow, w->drive, span);
  return GN_OK;
}

gn_status gn_walk_bind(gn_walk *w, size_t B, const double *p, const gn_drive *dr,
                       const double *y0, double *Y)
{
  const gn_problem *pb = w->given;
  GN_REQUIRE(pb->nspan == 0 || (dr && dr->t0 && dr->dt), GN_EARG,
             "the problem has %zu time spans, the drive brings none", pb->nspan);
  GN_REQUIRE(pb->nspan > 0 || !dr || !dr->dt, GN_EARG,
             "the drive brings time spans, the problem has none: set its nspan");
  GN_REQUIRE(pb->njump == 0 || (dr && dr->x), GN_EARG,
             "the problem has %zu jumps, the drive brings no observations", pb->njump);
  w->B = B;
  w->drive = dr;
  w->y0 = y0;
  w->Y = Y;
  gn_flow_bind(&w->flow, B, p);
  if (w->delay) {
    GN_TRY(gn_delay_begin(w->delay, pb, B, p, dr, y0));
    w->problem = &w->delay->breaks.problem;
    w->soft = w->delay->breaks.soft;
  }
  GN_TRY(gn_signal_begin(&w->flow.signal, pb, B, dr));
  if (gn_problem_numbered(pb)) gn_flow_span(&w->flow, dr, 0);
  gn_flow_resize(&w->flow, &w->sys);
  if (!w->eval_rec) GN_TRY(gn_pool_take(w->eval_pool, B, &w->eval_rec));
  if (w->eval_rec->B != B) {
    gn_record_give(&w->eval_rec);
    GN_TRY(gn_pool_take(w->eval_pool, B, &w->eval_rec));
  }
  for (size_t j = 0; j < pb->njump; j++) gn_record_give(&w->jump_rec[j]);
  gn_vec_copy(state(w), y0, w->y);
  return GN_OK;
}

gn_status gn_walk_forward(gn_walk *w, size_t B, const double *p, const gn_drive *dr,
                          const double *y0, double *Y, gn_listener listener, void *user)
{
  GN_TRY(gn_walk_bind(w, B, p, dr, y0, Y));
  w->listener = listener;
  w->user = user;
  w->started = w->fresh = 0;
  w->span = w->next_soft = 0;
  const gn_visit v = { w, w->soft, flow, output, jump, kink };
  GN_TRY(gn_visit_forward(w->problem, &v));
  w->last_h = w->st->h_next;
  return GN_OK;
}

static gn_point jump_point(gn_walk *w, size_t j, const double *p, const double *y)
{
  const gn_model *m = w->problem->model;
  const gn_event *ev = w->problem->event;
  size_t span = 0; /* in force before the jump, whatever a backward pass met last */
  for (; ev->kind != GN_AT_JUMP || ev->index != j; ev++)
    if (ev->kind == GN_AT_KINK && ev->index != GN_NONE) span = ev->index;
  if (gn_problem_numbered(w->problem)) gn_flow_span(&w->flow, w->drive, span);
  gn_flow_times(&w->flow, ev->s);
  gn_point at = { .B = w->B, .t = w->flow.t, .y = y, .p = p,
                  .x = w->drive->x + j * w->B * m->nobs };
  return at;
}

/* Rows outside the mask of jump j, from src to dst, for every block. */
static void keep_rows(const gn_walk *w, size_t j, const double *src, double *dst)
{
  if (!w->drive->mask) return;
  const unsigned char *mask = w->drive->mask + j * w->B;
  const gn_model *m = w->problem->model;
  for (size_t k = 0; k < m->nblock; k++)
    for (size_t i = 0; i < w->B; i++, src += m->d[k], dst += m->d[k])
      if (!mask[i]) gn_vec_copy(m->d[k], src, dst);
}

gn_status gn_walk_jump(gn_walk *w, size_t j, const double *p, double *y)
{
  const gn_model *m = w->problem->model;
  if (!w->jump_rec[j]) GN_TRY(gn_pool_take(w->jump_pool, w->B, &w->jump_rec[j]));
  const gn_tape tape = gn_record_tape(w->jump_rec[j], 0, 1);
  const gn_point at = jump_point(w, j, p, y);
  const int rc = m->map[GN_JUMP].eval(m, &at, &tape, w->work);
  keep_rows(w, j, y, w->work);
  gn_vec_copy(state(w), w->work, y);
  GN_REQUIRE(rc == 0 && gn_vec_finite(state(w), y), GN_ENONFINITE,
             "jump %zu of model %s gave a value that is not finite", j, m->cls->name);
  return GN_OK;
}

gn_status gn_walk_jump_vjp(gn_walk *w, size_t j, double *lam, double *gp)
{
  const gn_model *m = w->problem->model;
  const gn_map *g = &m->map[GN_JUMP];
  const gn_tape tape = gn_record_tape(w->jump_rec[j], 0, 1);
  const gn_point at = jump_point(w, j, w->flow.p, NULL);
  gn_vec_copy(state(w), lam, w->work);
  gn_vec_fill(state(w), 0.0, lam);
  keep_rows(w, j, w->work, lam);
  if (w->drive->mask) { /* the map sees the cotangent of the masked rows only */
    double *seen = w->work;
    const unsigned char *mask = w->drive->mask + j * w->B;
    for (size_t k = 0; k < m->nblock; k++)
      for (size_t i = 0; i < w->B; i++, seen += m->d[k])
        if (!mask[i]) gn_vec_fill(m->d[k], 0.0, seen);
  }
  const gn_pull to = { .y = lam };
  const int rc = g->vjp(m, &at, &tape, w->work, &to);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "vjp of jump %zu of model %s failed", j, m->cls->name);
  if (gp && g->pgrad) g->pgrad(m, w->flow.p, &tape, 1.0, gp);
  return GN_OK;
}

gn_status gn_walk_jump_jvp(gn_walk *w, size_t j, double *v, const double *vp)
{
  const gn_model *m = w->problem->model;
  const gn_tape tape = gn_record_tape(w->jump_rec[j], 0, 1);
  const gn_point at = jump_point(w, j, w->flow.p, NULL);
  const int rc = m->map[GN_JUMP].jvp(m, &at, &tape, v, vp, w->work);
  keep_rows(w, j, v, w->work);
  gn_vec_copy(state(w), w->work, v);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "jvp of jump %zu of model %s failed", j, m->cls->name);
  return GN_OK;
}

/* *out += scale * v . f(s, y). */
static gn_status add_slope_dot(gn_walk *w, double s, const double *y, const double *v,
                               double scale, double *out)
{
  const gn_tape tape = gn_record_tape(w->eval_rec, 0, 1);
  const int rc = gn_flow_eval(&w->flow, s, y, &tape, w->work);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "the right-hand side at t = %g is not finite", s);
  *out += scale * gn_vec_dot(state(w), w->work, v);
  return GN_OK;
}

gn_status gn_walk_time_event(gn_walk *w, size_t e, const double *gY, double *gt)
{
  const gn_event *ev = &w->problem->event[e];
  const size_t at = ev->index * state(w);
  if (ev->kind != GN_AT_OUTPUT) return GN_OK;
  return add_slope_dot(w, ev->s, w->Y + at, gY + at, 1, &gt[1 + ev->index]);
}

gn_status gn_walk_time_start(gn_walk *w, const double *lam, double *gt)
{
  const gn_problem *pb = w->problem;
  GN_REQUIRE(pb->event[0].kind != GN_AT_JUMP || pb->event[0].s > pb->s0, GN_EUNSUP,
             "dL/dt0 is not defined for a problem that jumps at its start");
  GN_REQUIRE(pb->nhist == 0, GN_EUNSUP,
             "dL/dt0 is not offered for a problem with states before its start, at times that "
             "stay");
  gn_flow_span(&w->flow, w->drive, 0);
  return add_slope_dot(w, pb->s0, w->y0, lam, -1, &gt[0]);
}

gn_status gn_walk_time_gradient(gn_walk *w, const double *gY, const double *lam, double *gt)
{
  const gn_problem *pb = w->problem;
  GN_TRY(gn_walk_time_start(w, lam, gt));
  for (size_t e = 0; e < pb->nevent; e++) {
    const gn_event *ev = &pb->event[e];
    if (ev->kind == GN_AT_KINK && ev->index != GN_NONE)
      gn_flow_span(&w->flow, w->drive, ev->index);
    GN_TRY(gn_walk_time_event(w, e, gY, gt));
  }
  return GN_OK;
}
