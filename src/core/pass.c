/* A whole pass and its transpose:
 *
 *   y0 = lift(x),   Y_k = flow(y0),   z_k = read(Y_k);
 *   gY_k = read'^T gz_k,   (gy0, gp) = flow'^T gY,   gx = lift'^T gy0.
 *
 * Times of lift and read are those of the start and of the output, row by row where the drive
 * has spans. */
#include "core/pass.h"

#include "base/vec.h"
#include "core/walk.h"

struct gn_pass {
  gn_arena *arena;
  const gn_problem *problem;
  gn_gradient *g;
  gn_pool *lift_pool, *read_pool;
  gn_record *lift_rec, *read_rec;
  size_t B;
  const double *p, *x;
  const gn_drive *drive;
  double *y0, *gy0, *Y, *gY, *t;
  /* a history, lifted time by time */
  gn_pool *hist_pool;
  gn_record *hist_rec;
  double *hist, *ghist;      /* [nhist, B, ny] */
  gn_drive with;             /* the drive with them */
  int ready;
};

static gn_status make(gn_arena *a, const gn_gradient_class *cls, const void *config,
                      const gn_problem *pb, const gn_solver *solver, size_t Bmax, gn_pass *ps)
{
  const gn_model *m = pb->model;
  ps->arena = a;
  ps->problem = pb;
  GN_TRY(gn_gradient_create(cls, config, pb, solver, Bmax, &ps->g));
  GN_TRY(gn_pool_create(&m->tape[GN_LIFT], 1, Bmax, &ps->lift_pool));
  GN_TRY(gn_pool_create(&m->tape[GN_READ], pb->noutput, Bmax, &ps->read_pool));
  GN_NEW(a, ps->y0, Bmax * m->ny);
  GN_NEW(a, ps->gy0, Bmax * m->ny);
  GN_NEW(a, ps->Y, pb->noutput * Bmax * m->ny);
  GN_NEW(a, ps->gY, pb->noutput * Bmax * m->ny);
  GN_NEW(a, ps->t, Bmax);
  if (pb->nhist == 0) return GN_OK;
  GN_NEW(a, ps->hist, pb->nhist * Bmax * m->ny);
  GN_NEW(a, ps->ghist, pb->nhist * Bmax * m->ny);
  return gn_pool_create(&m->tape[GN_LIFT], pb->nhist, Bmax, &ps->hist_pool);
}

gn_status gn_pass_create(const gn_gradient_class *cls, const void *config,
                         const gn_problem *problem, const gn_solver *solver, size_t Bmax,
                         gn_pass **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_pass *ps = gn_arena_alloc(a, 1, sizeof *ps);
  if (!ps) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  ps->arena = a;
  const gn_status s = make(a, cls, config, problem, solver, Bmax, ps);
  if (s != GN_OK) gn_pass_destroy(&ps);
  else *out = ps;
  return s;
}

void gn_pass_destroy(gn_pass **ps)
{
  if (!*ps) return;
  gn_gradient_destroy(&(*ps)->g);
  gn_pool_destroy(&(*ps)->lift_pool);
  gn_pool_destroy(&(*ps)->read_pool);
  gn_pool_destroy(&(*ps)->hist_pool);
  gn_arena *a = (*ps)->arena;
  gn_arena_destroy(&a);
  *ps = NULL;
}

static gn_status retake(gn_pool *pool, size_t B, gn_record **r)
{
  gn_record_give(r);
  return gn_pool_take(pool, B, r);
}

static gn_point point(gn_pass *ps, double s, size_t span, const double *y)
{
  const gn_drive *dr = ps->problem->nspan > 0 ? ps->drive : NULL;
  const size_t first = span * ps->B;
  for (size_t i = 0; i < ps->B; i++)
    ps->t[i] = dr ? dr->t0[first + i] + s * dr->dt[first + i] : s;
  gn_point at = { .B = ps->B, .t = ps->t, .y = y, .p = ps->p };
  return at;
}

/* The states before the start: lift of the inputs there. */
static gn_status lift_history(gn_pass *ps, const gn_drive **dr)
{
  const gn_problem *pb = ps->problem;
  const gn_model *m = pb->model;
  if (pb->nhist == 0) return GN_OK;
  GN_REQUIRE(*dr && (*dr)->xhist, GN_EARG,
             "the problem has %zu inputs before its start, the drive brings none", pb->nhist);
  GN_TRY(retake(ps->hist_pool, ps->B, &ps->hist_rec));
  for (size_t h = 0; h < pb->nhist; h++) {
    const gn_tape tape = gn_record_tape(ps->hist_rec, h, 1);
    const gn_point at = point(ps, pb->hist_s[h], 0, (*dr)->xhist + h * ps->B * m->nx);
    GN_REQUIRE(m->map[GN_LIFT].eval(m, &at, &tape, ps->hist + h * ps->B * m->ny) == 0,
               GN_ENONFINITE, "lift of model %s failed at t = %g", m->cls->name,
               pb->hist_s[h]);
  }
  ps->with = **dr;
  ps->with.hist = ps->hist;
  ps->with.ghist = ps->ghist;
  *dr = &ps->with;
  return GN_OK;
}

/* Their cotangents to the parameters of the lift. */
static gn_status pull_history(gn_pass *ps, double *gp)
{
  const gn_problem *pb = ps->problem;
  const gn_model *m = pb->model;
  const gn_map *lift = &m->map[GN_LIFT];
  if (pb->nhist == 0 || !lift->pgrad) return GN_OK;
  for (size_t h = 0; h < pb->nhist; h++) {
    const gn_tape tape = gn_record_tape(ps->hist_rec, h, 1);
    const gn_point at = point(ps, pb->hist_s[h], 0, NULL);
    const gn_pull to = { .y = NULL };
    GN_REQUIRE(lift->vjp(m, &at, &tape, ps->ghist + h * ps->B * m->ny, &to) == 0,
               GN_ENONFINITE, "vjp of lift failed");
  }
  const gn_tape all = gn_record_tape(ps->hist_rec, 0, pb->nhist);
  lift->pgrad(m, ps->p, &all, 1.0, gp);
  return GN_OK;
}

static gn_point start_point(gn_pass *ps, const double *y)
{
  return point(ps, ps->problem->s0, 0, y);
}

static gn_point output_point(gn_pass *ps, size_t k, const double *y)
{
  size_t span;
  const gn_event *ev = gn_problem_output(ps->problem, k, &span);
  return point(ps, ev->s, span, y);
}

gn_status gn_pass_forward(gn_pass *ps, size_t B, const double *p, const gn_drive *dr,
                          const double *x, double *z)
{
  const gn_problem *pb = ps->problem;
  const gn_model *m = pb->model;
  const size_t n = B * m->ny;
  ps->ready = 0;
  GN_REQUIRE(B > 0 && B <= ps->g->Bmax, GN_EARG, "batch = %zu, expected 1 to %zu", B,
             ps->g->Bmax);
  GN_REQUIRE(gn_vec_finite(B * m->nx, x), GN_ENONFINITE, "an input is not finite");
  GN_REQUIRE(pb->nspan == 0 || (dr && dr->t0 && dr->dt), GN_EARG,
             "the problem has %zu time spans, the drive brings none", pb->nspan);
  ps->B = B, ps->p = p, ps->x = x, ps->drive = dr;
  GN_TRY(retake(ps->lift_pool, B, &ps->lift_rec));
  GN_TRY(retake(ps->read_pool, B, &ps->read_rec));
  gn_tape tape = gn_record_tape(ps->lift_rec, 0, 1);
  gn_point at = start_point(ps, x);
  GN_REQUIRE(m->map[GN_LIFT].eval(m, &at, &tape, ps->y0) == 0, GN_ENONFINITE,
             "lift of model %s failed", m->cls->name);
  GN_TRY(lift_history(ps, &dr));
  GN_TRY(gn_gradient_forward(ps->g, B, p, dr, ps->y0, ps->Y));
  for (size_t k = 0; k < pb->noutput; k++) {
    tape = gn_record_tape(ps->read_rec, k, 1);
    at = output_point(ps, k, ps->Y + k * n);
    GN_REQUIRE(m->map[GN_READ].eval(m, &at, &tape, z + k * B * m->nz) == 0, GN_ENONFINITE,
               "read of model %s failed at output %zu", m->cls->name, k);
  }
  ps->ready = 1;
  return GN_OK;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the map writes through gx */
gn_status gn_pass_backward(gn_pass *ps, const double *gz, double *gp, double *gx, double *gt)
{
  GN_REQUIRE(ps->ready, GN_ESTATE, "backward before a successful forward");
  const gn_problem *pb = ps->problem;
  const gn_model *m = pb->model;
  const gn_map *read = &m->map[GN_READ], *lift = &m->map[GN_LIFT];
  const size_t B = ps->B, n = B * m->ny;
  gn_vec_fill(pb->noutput * n, 0.0, ps->gY);
  gn_vec_fill(n, 0.0, ps->gy0);
  gn_vec_fill(pb->nhist * n, 0.0, ps->ghist);
  for (size_t k = 0; k < pb->noutput; k++) {
    const gn_tape tape = gn_record_tape(ps->read_rec, k, 1);
    const gn_point at = output_point(ps, k, NULL);
    const gn_pull to = { .y = ps->gY + k * n };
    GN_REQUIRE(read->vjp(m, &at, &tape, gz + k * B * m->nz, &to) == 0, GN_ENONFINITE,
               "vjp of read failed");
  }
  const gn_tape all = gn_record_tape(ps->read_rec, 0, pb->noutput);
  if (read->pgrad) read->pgrad(m, ps->p, &all, 1.0, gp);
  GN_TRY(gn_gradient_backward(ps->g, ps->gY, ps->gy0, gp, gt));
  const gn_tape tape = gn_record_tape(ps->lift_rec, 0, 1);
  const gn_point at = start_point(ps, NULL);
  const gn_pull to = { .y = gx };
  GN_REQUIRE(lift->vjp(m, &at, &tape, ps->gy0, &to) == 0, GN_ENONFINITE,
             "vjp of lift failed");
  if (lift->pgrad) lift->pgrad(m, ps->p, &tape, 1.0, gp);
  GN_TRY(pull_history(ps, gp));
  GN_REQUIRE(gn_vec_finite(m->params.np, gp), GN_ENONFINITE,
             "the gradient is not finite although every step was accepted");
  return GN_OK;
}

/* gt_i += scale * v_i . f(t_i, y_i), rows of gt [B, stride]; at.t is set. */
static gn_status add_row_slopes(gn_pass *ps, const gn_tape *tape, const gn_point *at,
                                double *f, const double *v, double scale, double *gt)
{
  const gn_model *m = ps->problem->model;
  const size_t B = ps->B, stride = 1 + ps->problem->noutput;
  GN_REQUIRE(m->map[GN_F].eval(m, at, tape, f) == 0, GN_ENONFINITE,
             "the right-hand side at t = %g is not finite", at->t[0]);
  ps->g->stats.back_f++;
  for (size_t k = 0; k < m->nblock; f += B * m->d[k], v += B * m->d[k], k++)
    for (size_t i = 0; i < B; i++)
      gt[i * stride] += scale * gn_vec_dot(m->d[k], f + i * m->d[k], v + i * m->d[k]);
  return GN_OK;
}

static gn_status row_times(gn_pass *ps, gn_record *rec, double *f, double *gt)
{
  const size_t n = ps->B * ps->problem->model->ny;
  const gn_tape tape = gn_record_tape(rec, 0, 1);
  gn_point at = start_point(ps, ps->y0);
  GN_TRY(add_row_slopes(ps, &tape, &at, f, ps->gy0, -1, gt));
  for (size_t k = 0; k < ps->problem->noutput; k++) {
    at = output_point(ps, k, ps->Y + k * n);
    GN_TRY(add_row_slopes(ps, &tape, &at, f, ps->gY + k * n, 1, gt + 1 + k));
  }
  return GN_OK;
}

gn_status gn_pass_row_times(gn_pass *ps, double *gt)
{
  const gn_model *m = ps->problem->model;
  gn_pool *pool;
  gn_record *rec = NULL;
  double *f;
  GN_REQUIRE(ps->ready, GN_ESTATE, "gradient of times before a successful backward");
  GN_NEW(ps->arena, f, ps->B * m->ny);
  GN_TRY(gn_pool_create(&m->tape[GN_F], 1, ps->B, &pool));
  gn_status st = gn_pool_take(pool, ps->B, &rec);
  if (st == GN_OK) st = row_times(ps, rec, f, gt);
  gn_record_give(&rec);
  gn_pool_destroy(&pool);
  return st;
}

gn_status gn_pass_push(gn_pass *ps, const double *vx, const double *vp, double *dz)
{
  GN_REQUIRE(ps->ready, GN_ESTATE, "push before a successful forward");
  const gn_problem *pb = ps->problem;
  const gn_model *m = pb->model;
  GN_REQUIRE(pb->nhist == 0 || !m->map[GN_LIFT].pgrad, GN_EUNSUP,
             "tangents through the lift of a history are not offered");
  const size_t B = ps->B, n = B * m->ny;
  gn_tape tape = gn_record_tape(ps->lift_rec, 0, 1);
  gn_point at = start_point(ps, NULL);
  GN_REQUIRE(m->map[GN_LIFT].jvp(m, &at, &tape, vx, vp, ps->gy0) == 0, GN_ENONFINITE,
             "jvp of lift failed");
  GN_TRY(gn_gradient_push(ps->g, ps->gy0, vp, ps->gY));
  for (size_t k = 0; k < pb->noutput; k++) {
    tape = gn_record_tape(ps->read_rec, k, 1);
    at = output_point(ps, k, NULL);
    GN_REQUIRE(m->map[GN_READ].jvp(m, &at, &tape, ps->gY + k * n, vp, dz + k * B * m->nz) == 0,
               GN_ENONFINITE, "jvp of read failed");
  }
  return GN_OK;
}

const gn_stats *gn_pass_stats(const gn_pass *ps) { return &ps->g->stats; }
