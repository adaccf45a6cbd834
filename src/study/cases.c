/* The gradient of a case:
 *   L = sum_k <w_k, z_k>,   w = cotangent given,   answer: dL/dx, dL/dp, dL/dtimes. */
#include "study/cases.h"

#include "base/vec.h"

#include <math.h>

struct gn_case {
  gn_arena *arena;
  const char *file;
  size_t B, nx, K, nz;
  int own;                           /* times are [B, K+1], a row each: in spans */
  double *x, *times, *cotangent, *p; /* the case */
  double *z, *gx, *gp, *gt;          /* the answer */
  gn_model *model;
  gn_event *events;
  gn_problem problem;
  gn_drive drive;
  gn_solver solver;
  gn_history history;
  gn_pass *pass;
  int done;
};

/* ---- reading ------------------------------------------------------------------------- */

static gn_status shape_of(const gn_case *c, const gn_h5 *h, const char *name, int want,
                          const char *as, size_t shape[GN_H5_MAXRANK])
{
  int rank;
  GN_REQUIRE(gn_h5_exists(h, name), GN_EIO, "%s: no dataset '%s'; expected %s", c->file,
             name, as);
  GN_TRY(gn_h5_shape(h, name, &rank, shape));
  GN_REQUIRE(rank == want, GN_EIO, "%s: %s has %d dimension%s, expected %s", c->file, name,
             rank, rank == 1 ? "" : "s", as);
  for (int i = 0; i < rank; i++)
    GN_REQUIRE(shape[i] > 0, GN_EIO, "%s: %s is empty, expected %s", c->file, name, as);
  return GN_OK;
}

static gn_status read_array(const gn_case *c, const gn_h5 *h, const char *name, size_t n,
                            double **to)
{
  GN_NEW(c->arena, *to, n);
  GN_TRY(gn_h5_read(h, name, n, *to));
  GN_REQUIRE(gn_vec_finite(n, *to), GN_ENONFINITE, "%s: a value of %s is not finite",
             c->file, name);
  return GN_OK;
}

/* times is [K+1] or [B, K+1]; its shape comes back as that of a row. */
static gn_status shape_of_times(gn_case *c, const gn_h5 *h, size_t B, size_t t[GN_H5_MAXRANK])
{
  int rank = 1;
  if (gn_h5_exists(h, "times")) GN_TRY(gn_h5_shape(h, "times", &rank, t));
  c->own = rank == 2;
  if (!c->own) return shape_of(c, h, "times", 1, "[K+1] or [B, K+1]", t);
  GN_REQUIRE(t[0] == B, GN_EIO, "%s: times is [%zu, %zu], x has %zu rows; expected [B, K+1]",
             c->file, t[0], t[1], B);
  t[0] = t[1];
  return GN_OK;
}

static gn_status read_sizes(gn_case *c, const gn_h5 *h)
{
  size_t x[GN_H5_MAXRANK] = { 0 }, t[GN_H5_MAXRANK] = { 0 }, w[GN_H5_MAXRANK] = { 0 };
  GN_TRY(shape_of(c, h, "x", 2, "[B, nx]", x));
  GN_TRY(shape_of_times(c, h, x[0], t));
  GN_TRY(shape_of(c, h, "cotangent", 3, "[K, B, nz]", w));
  GN_REQUIRE(t[0] >= 2, GN_EIO,
             "%s: times has %zu entry, expected t0 and at least one output", c->file, t[0]);
  GN_REQUIRE(w[0] == t[0] - 1 && w[1] == x[0], GN_EIO,
             "%s: cotangent is [%zu, %zu, %zu], expected [%zu, %zu, nz]: times has %zu "
             "entries, "
             "x %zu rows",
             c->file, w[0], w[1], w[2], t[0] - 1, x[0], t[0], x[0]);
  c->B = x[0];
  c->nx = x[1];
  c->K = w[0];
  c->nz = w[2];
  return GN_OK;
}

/* A row of its own may stand still, but not at its start. */
static gn_status check_times(const gn_case *c, size_t row)
{
  const double *t = c->times + row * (c->K + 1);
  char where[32] = "times";
  if (c->own) (void)snprintf(where, sizeof where, "times[%zu]", row);
  for (size_t k = 0; k < c->K; k++)
    GN_REQUIRE(t[k] < t[k + 1] || (c->own && k > 0 && t[k] == t[k + 1]), GN_EIO,
               "%s: %s[%zu] = %.17g is not above %s[%zu] = %.17g", c->file, where, k + 1,
               t[k + 1], where, k, t[k]);
  return GN_OK;
}

static gn_status read_arrays(gn_case *c, const gn_h5 *h)
{
  const size_t rows = c->own ? c->B : 1;
  GN_TRY(read_array(c, h, "x", c->B * c->nx, &c->x));
  GN_TRY(read_array(c, h, "times", rows * (c->K + 1), &c->times));
  GN_TRY(read_array(c, h, "cotangent", c->K * c->B * c->nz, &c->cotangent));
  for (size_t i = 0; i < rows; i++) GN_TRY(check_times(c, i));
  return GN_OK;
}

static gn_status read_params(gn_case *c, const gn_h5 *h)
{
  const gn_params *ps = &c->model->params;
  GN_NEW(c->arena, c->p, ps->np);
  GN_TRY(gn_params_read(ps, h, "params", c->p));
  GN_REQUIRE(gn_vec_finite(ps->np, c->p), GN_ENONFINITE, "%s: a parameter is not finite",
             c->file);
  return GN_OK;
}

/* The spans of a data set with these times. */
static gn_status make_drive(gn_case *c)
{
  const gn_dataset d = { .K = c->K, .row_times = c->times };
  double *t0, *dt;
  size_t *idx;
  GN_NEW(c->arena, t0, c->K * c->B);
  GN_NEW(c->arena, dt, c->K * c->B);
  GN_NEW(c->arena, idx, c->B);
  for (size_t i = 0; i < c->B; i++) idx[i] = i;
  gn_dataset_spans(&d, c->B, idx, t0, dt);
  c->drive = (gn_drive){ .t0 = t0, .dt = dt };
  return GN_OK;
}

static gn_status make_problem(gn_case *c, gn_output_mode mode)
{
  GN_NEW(c->arena, c->events, 2 * c->K);
  if (!c->own)
    return gn_problem_outputs(c->model, c->K, c->times, mode, c->events, &c->problem);
  GN_TRY(make_drive(c));
  return gn_problem_spans(c->model, c->K, mode, c->events, &c->problem);
}

static gn_status build(gn_case *c, const gn_experiment *e, const gn_h5 *h)
{
  GN_TRY(read_sizes(c, h));
  GN_TRY(read_arrays(c, h));
  const gn_sizes sizes = { c->nx, c->nz, 0 };
  gn_status s = gn_model_create(e->model, e->model_config, sizes, &c->model);
  if (s != GN_OK) return gn_fail_prefix(s, "%s", c->file);
  GN_REQUIRE(c->model->nx == c->nx && c->model->nz == c->nz, GN_EARG,
             "%s: x has %zu columns and cotangent %zu, model %s takes %zu and gives %zu",
             c->file, c->nx, c->nz, e->model->name, c->model->nx, c->model->nz);
  GN_TRY(read_params(c, h));
  GN_TRY(make_problem(c, (gn_output_mode)e->solver.output));
  c->solver = gn_experiment_solver(e);
  c->history = (gn_history){ .label = e->gradient->name, .paused = 1 };
  c->solver.history = &c->history;
  GN_TRY(gn_pass_create(e->gradient, e->gradient_config, &c->problem, &c->solver, c->B,
                        &c->pass));
  GN_NEW(c->arena, c->z, c->K * c->B * c->nz);
  GN_NEW(c->arena, c->gx, c->B * c->nx);
  GN_NEW(c->arena, c->gp, c->model->params.np);
  GN_NEW(c->arena, c->gt, (c->own ? c->B : 1) * (c->K + 1));
  return GN_OK;
}

gn_status gn_case_create(const gn_experiment *e, const char *file, gn_case **out)
{
  gn_arena *a;
  gn_h5 *h;
  *out = NULL;
  GN_TRY(gn_h5_open(file, &h));
  gn_status s = gn_arena_create(&a);
  if (s == GN_OK) {
    gn_case *c = gn_arena_alloc(a, 1, sizeof *c);
    s = GN_ENOMEM;
    if (c) {
      c->arena = a;
      c->file = gn_arena_strdup(a, file);
      if (c->file) s = build(c, e, h);
      if (s != GN_OK) gn_case_destroy(&c);
      *out = c;
    } else {
      gn_arena_destroy(&a);
    }
  }
  (void)gn_h5_close(&h);
  return s;
}

void gn_case_destroy(gn_case **c)
{
  if (!c || !*c) return;
  gn_arena *a = (*c)->arena;
  gn_pass_destroy(&(*c)->pass);
  gn_model_destroy(&(*c)->model);
  *c = NULL;
  gn_arena_destroy(&a);
}

/* ---- the answer ---------------------------------------------------------------------- */

void gn_case_history(gn_case *c, FILE *to)
{
  c->history.to = to;
  c->history.paused = to == NULL;
  if (to) gn_history_header(to);
}

gn_status gn_case_run(gn_case *c)
{
  c->done = 0;
  gn_vec_fill(c->B * c->nx, 0, c->gx);
  gn_vec_fill(c->model->params.np, 0, c->gp);
  gn_vec_fill((c->own ? c->B : 1) * (c->K + 1), 0, c->gt);
  GN_TRY(gn_pass_forward(c->pass, c->B, c->p, &c->drive, c->x, c->z));
  GN_TRY(gn_pass_backward(c->pass, c->cotangent, c->gp, c->gx, c->own ? NULL : c->gt));
  if (c->own) GN_TRY(gn_pass_row_times(c->pass, c->gt));
  c->done = 1;
  return GN_OK;
}

#define COUNT(name, text) GN_ATTRIBUTE(#name, text),
static const gn_column answer_columns[] = {
  GN_ARRAY("z", "[K, B, nz]", "outputs at times[1..K]"),
  GN_ARRAY("grad/x", "[B, nx]", "dL/dx, L = sum(cotangent * z)"),
  GN_ARRAY("grad/times", "[K+1]", "dL/dtimes, of their shape; the first is t0's"),
  GN_ARRAY("grad/params/NAME", "of the tensor", "dL/dp by name"),
  GN_STATS_COUNTS(COUNT) GN_ATTRIBUTE("work", "f + vjp + pgrad + jvp, both directions"),
  GN_ATTRIBUTE("status", "ok"),
  GN_ATTRIBUTE("executed", "strategy, norm and stepper actually run"),
  GN_COLUMNS_END,
};
const gn_format gn_format_answer = { "answer.h5", "gnomon grad --out=ANSWER.h5",
                                     "The gradient of a case (the name is yours).",
                                     { answer_columns } };

static gn_status write_body(gn_h5 *h, void *user)
{
  const gn_case *c = user;
  const gn_stats *st = gn_pass_stats(c->pass);
  const size_t zs[3] = { c->K, c->B, c->nz }, xs[2] = { c->B, c->nx };
  const size_t ts[2] = { c->B, c->K + 1 };
  GN_TRY(gn_h5_write(h, "z", 3, zs, c->z));
  GN_TRY(gn_h5_write(h, "grad/x", 2, xs, c->gx));
  GN_TRY(gn_h5_write(h, "grad/times", c->own ? 2 : 1, c->own ? ts : ts + 1, c->gt));
  GN_TRY(gn_params_write(&c->model->params, h, "grad/params", c->gp));
  for (int i = 0; i < (int)GN_STATS_N; i++)
    GN_TRY(gn_h5_attr_write_int(h, gn_stats_names[i], gn_stats_get(st, i)));
  GN_TRY(gn_h5_attr_write_int(h, "work", gn_stats_work(st)));
  GN_TRY(gn_h5_attr_write_text(h, "status", gn_status_name(GN_OK)));
  return gn_h5_attr_write_text(h, "executed", st->executed);
}

gn_status gn_case_write(const gn_case *c, const char *file)
{
  GN_REQUIRE(c->done, GN_ESTATE, "gn_case_write before a successful gn_case_run");
  return gn_h5_write_atomic(file, write_body, (void *)(uintptr_t)c);
}

const gn_stats *gn_case_stats(const gn_case *c) { return gn_pass_stats(c->pass); }
