/* Problems, steppers and strategies of the contract suites. */
#include "support/rig.h"

#include "support/support.h"
#include "support/wrap.h"

#include "base/rng.h"
#include "base/vec.h"
#include "core/running.h"
#include "core/walk.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- texts --------------------------------------------------------------------------- */

void *gn_rig_config(gn_arena *a, const gn_option *table, size_t size, const char *text)
{
  char *config = gn_arena_alloc(a, 1, size ? size : 1);
  ck_assert(config != NULL);
  gn_options_default(table, config);
  while (*text) {
    char pair[128];
    const char *key = pair;
    const size_t n = strcspn(text, ":");
    ck_assert_uint_lt(n, sizeof pair);
    (void)snprintf(pair, sizeof pair, "%.*s", (int)n, text);
    text += n + (text[n] == ':');
    char *value = strchr(pair, '=');
    ck_assert_msg(value != NULL, "'%s', expected key=value", pair);
    *value++ = '\0';
    const int optional = *key == '?';
    const gn_status s = gn_option_set(table, config, key + optional, value);
    ck_assert_msg(s == GN_OK || optional, "%s", gn_last_error());
  }
  return config;
}

/* The name before the first ':'; the rest of the text. */
static const char *split(const char *text, size_t size, char *name)
{
  const size_t n = strcspn(text, ":");
  ck_assert_uint_lt(n, size);
  (void)snprintf(name, size, "%.*s", (int)n, text);
  return text + n + (text[n] == ':');
}

/* The running cost after the '+' of a name, which is cut off; component is the second. */
static gn_running_rate cut_rate(char *name)
{
  static const char *const rates[] = { "", "kinetic", "square", "component" };
  char *plus = strchr(name, '+');
  if (!plus) return GN_RUNNING_NONE;
  *plus++ = '\0';
  int k = 1;
  while (k < 4 && strcmp(rates[k], plus) != 0) k++;
  ck_assert_msg(k < 4, "no running cost %s", plus);
  return (gn_running_rate)k;
}

gn_model *gn_rig_model(const char *text, size_t nx, size_t nz)
{
  char name[64];
  gn_arena *a;
  gn_model *m;
  const char *keys = split(text, sizeof name, name);
  const gn_running_rate rate = cut_rate(name);
  const gn_model_class *cls =
      strcmp(name, "kicked") == 0    ? &gn_rig_kicked
      : strcmp(name, "delayed") == 0 ? &gn_rig_delayed
                                     : gn_model_find(name);
  ck_assert_msg(cls != NULL, "%s", gn_last_error());
  gn_ck_ok(gn_arena_create(&a));
  const void *config = gn_rig_config(a, cls->options, cls->config_size, keys);
  gn_ck_ok(gn_model_create(cls, config, (gn_sizes){ nx, nz, 0 }, &m));
  gn_ck_ok(gn_running_add(&m, rate, 1));
  gn_arena_destroy(&a);
  return m;
}

void gn_rig_random(uint64_t seed, size_t n, double scale, double *v)
{
  gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_TEST, 7));
  for (size_t i = 0; i < n; i++) v[i] = scale * gn_rng_normal(&r);
}

void gn_rig_params(const gn_model *m, uint64_t seed, double spread, double *p)
{
  gn_rng r = gn_rng_make(seed, gn_rng_stream(GN_STREAM_TEST, 8));
  gn_params_init(&m->params, seed, p);
  for (size_t i = 0; i < m->params.np; i++) p[i] += spread * (2 * gn_rng_uniform(&r) - 1);
}

/* ---- ways ---------------------------------------------------------------------------- */

static size_t add_way(gn_rig_way *w, size_t n, const void *cls, const char *key,
                      const char *value, int len)
{
  if (n == GN_RIG_WAYS) abort(); /* called before the tests run */
  w[n].cls = cls;
  (void)snprintf(w[n].text, sizeof w->text, "%s%.*s", key, len, value);
  return n + 1;
}

static size_t add_ways(gn_rig_way *w, size_t n, const void *cls, const gn_option *table,
                       const char *only)
{
  n = add_way(w, n, cls, "", "", 0);
  for (const gn_option *o = table; o->name; o++) {
    if (o->type != GN_OPT_CHOICE || (only && strcmp(o->name, only) != 0)) continue;
    char key[40];
    int k = 0;
    (void)snprintf(key, sizeof key, "%s=", o->name);
    for (const char *s = o->text; *s; k++) {
      const size_t len = strcspn(s, "|");
      if (k != (int)o->init) n = add_way(w, n, cls, key, s, (int)len);
      s += len + (s[len] == '|');
    }
  }
  return n;
}

size_t gn_rig_steppers(gn_rig_way *w)
{
  size_t n = 0;
  for (const gn_stepper_class *const *s = gn_steppers; *s; s++)
    n = add_ways(w, n, *s, (*s)->options, "table");
  return n;
}

size_t gn_rig_gradients(gn_rig_way *w)
{
  size_t n = 0;
  for (const gn_gradient_class *const *g = gn_gradients; *g; g++)
    n = add_ways(w, n, *g, (*g)->options, NULL);
  return n;
}

int gn_rig_runs(const gn_rig_way *stepper, const gn_rig_way *gradient)
{
  const gn_stepper_class *st = stepper->cls;
  const gn_gradient_class *g = gradient->cls;
  const char *only = getenv("GNOMON_PAIRS_WITH");
  if (only && !strstr(only, st->name) && !strstr(only, g->name)) return 0;
  if (gn_pair_check(st, g) != GN_OK) return 0;
  if (strcmp(st->name, "dirk") == 0 && strstr(gradient->text, "norm=semi"))
    return 0; /* a block outside the norm: refused, see test_implicit */
  return g->needs != 0 || (strcmp(st->name, "erk") == 0 && !stepper->text[0]);
}

/* ---- problems ------------------------------------------------------------------------ */

static const gn_event plain[] = {
  { 0.4, GN_AT_OUTPUT, 0 }, { 0.95, GN_AT_OUTPUT, 1 }, { 1.5, GN_AT_OUTPUT, 2 },
};
static const gn_event jumps[] = {
  { 0.1, GN_AT_JUMP, 0 },   { 0.4, GN_AT_OUTPUT, 0 },  { 0.55, GN_AT_OUTPUT, 1 },
  { 0.55, GN_AT_JUMP, 1 },  { 0.55, GN_AT_OUTPUT, 2 }, { 0.8, GN_AT_KINK, GN_NONE },
  { 1.0, GN_AT_JUMP, 2 },   { 1.1, GN_AT_OUTPUT, 3 },  { 1.5, GN_AT_JUMP, 3 },
  { 1.5, GN_AT_OUTPUT, 4 },
};
static const gn_event spans[] = {
  { 0.4, GN_AT_OUTPUT, 0 }, { 0.8, GN_AT_KINK, 1 }, { 0.95, GN_AT_OUTPUT, 1 },
  { 1.5, GN_AT_OUTPUT, 2 },
};
static const gn_event all[] = {
  { 0.4, GN_AT_OUTPUT, 0 }, { 0.55, GN_AT_JUMP, 0 },  { 0.8, GN_AT_JUMP, 1 },
  { 0.8, GN_AT_KINK, 1 },   { 0.8, GN_AT_JUMP, 2 },   { 0.8, GN_AT_OUTPUT, 1 },
  { 1.1, GN_AT_OUTPUT, 2 }, { 1.5, GN_AT_OUTPUT, 3 },
};
static const struct {
  const gn_event *event;
  size_t n, nspan;
} kinds[] = {
  { plain, sizeof plain / sizeof *plain, 0 },
  { jumps, sizeof jumps / sizeof *jumps, 0 },
  { spans, sizeof spans / sizeof *spans, 2 },
  { all, sizeof all / sizeof *all, 2 },
};

static double *numbers(gn_rig *r, uint64_t seed, size_t n, double scale)
{
  double *v = gn_arena_alloc(r->arena, n, sizeof *v);
  ck_assert(v != NULL);
  gn_rig_random(seed, n, scale, v);
  return v;
}

static void make_problem(gn_rig *r, gn_rig_kind kind, gn_output_mode mode)
{
  const size_t n = kinds[kind].n;
  r->problem = (gn_problem){ .model = r->model, .s0 = 0.1, .nevent = n, .event = r->event,
                             .nspan = kinds[kind].nspan, .output = mode };
  for (size_t e = 0; e < n; e++) {
    r->event[e] = kinds[kind].event[e];
    r->problem.noutput += r->event[e].kind == GN_AT_OUTPUT;
    r->problem.njump += r->event[e].kind == GN_AT_JUMP;
  }
}

static void make_drive(gn_rig *r)
{
  const size_t B = r->B, njump = r->problem.njump, nspan = r->problem.nspan;
  if (njump > 0) {
    unsigned char *mask = gn_arena_alloc(r->arena, njump * B, 1);
    ck_assert(mask != NULL);
    for (size_t i = 0; i < njump * B; i++) mask[i] = i / B == 0 || i % 3 != (i / B) % 3;
    r->x = numbers(r, 4, njump * B * r->model->nobs, 1);
    r->mask = mask;
  }
  if (nspan > 0) {
    double *t0 = numbers(r, 5, nspan * B, 0.5), *dt = numbers(r, 6, nspan * B, 0.2);
    for (size_t i = 0; i < nspan * B; i++) dt[i] = 1 + fmax(-0.6, dt[i]);
    r->t0 = t0;
    r->dt = dt;
  }
  r->drive = (gn_drive){ .t0 = r->t0, .dt = r->dt, .x = r->x, .mask = r->mask };
}

void gn_rig_create(const gn_model *m, gn_rig_kind kind, gn_output_mode mode, size_t B,
                   const gn_rig_way *stepper, double tol, double h, gn_rig *r)
{
  char text[160];
  memset(r, 0, sizeof *r);
  gn_ck_ok(gn_arena_create(&r->arena));
  r->model = m;
  r->B = B;
  make_problem(r, kind, mode);
  make_drive(r);
  r->n = B * m->ny;
  r->nY = r->problem.noutput * r->n;
  r->np = m->params.np;
  r->p = numbers(r, 1, r->np, 0);
  gn_rig_params(m, 1, 0.1, r->p);
  r->y0 = numbers(r, 2, r->n, 0.6);
  r->gY = numbers(r, 3, r->nY, 1);
  const gn_stepper_class *cls = stepper->cls;
  (void)snprintf(text, sizeof text, "?h=%.17g%s%s", h, stepper->text[0] ? ":" : "", stepper->text);
  r->solver = (gn_solver){ .cls = cls, .tol = { tol, tol }, .back = { tol, tol } };
  r->solver.config = gn_rig_config(r->arena, cls->options, cls->config_size, text);
}

void gn_rig_destroy(gn_rig *r) { gn_arena_destroy(&r->arena); }

/* v [n, B, d] = the same d numbers in every row, for each of n. */
static void spread(uint64_t seed, size_t n, size_t B, size_t d, double scale, double *v)
{
  double row[256] = { 0 };
  ck_assert_uint_le(n * d, 256);
  gn_rig_random(seed, n * d, scale, row);
  for (size_t i = 0; i < n * B * d; i++) v[i] = row[i / (B * d) * d + i % d];
}

void gn_rig_equal_rows(gn_rig *r)
{
  const gn_model *m = r->model;
  const size_t B = r->B;
  double *y = r->y0, *w = r->gY;
  for (size_t k = 0; k < m->nblock; y += B * m->d[k++]) spread(k, 1, B, m->d[k], 0.6, y);
  for (size_t o = 0; o < r->problem.noutput; o++)
    for (size_t k = 0; k < m->nblock; w += B * m->d[k++]) spread(o + k, 1, B, m->d[k], 1, w);
  /* the drive was made here, so it may be written */
  if (r->x) spread(1, r->problem.njump, B, m->nobs, 1, r->x);
  if (r->mask) memset(r->mask, 1, r->problem.njump * B);
  if (!r->t0) return;
  spread(2, r->problem.nspan, B, 1, 0.5, r->t0);
  for (size_t i = 0; i < r->problem.nspan * B; i++) r->dt[i] = i / B ? 0.7 : 1.2;
}

int gn_rig_tableau(const gn_rig *r, gn_tableau *out)
{
  gn_stepper *st;
  gn_fields none = { 0 };
  gn_segment seg = { .name = "y", .n = 1, .atol_scale = 1, .rtol_scale = 1 };
  gn_system sys = { .n = 1, .nmax = 1, .B = 1, .Bmax = 1, .fields = &none,
                    .norm = { .nseg = 1, .seg = &seg, .ngroup = 1 } };
  gn_ck_ok(gn_stepper_create(r->solver.cls, r->solver.config, &sys, r->solver.tol, &st));
  const int has = st->tab != NULL;
  if (has) *out = *st->tab;
  gn_stepper_destroy(&st);
  return has;
}

int gn_rig_possible(const gn_rig *r)
{
  gn_walk *w;
  gn_tableau tab;
  const gn_problem *pb = &r->problem;
  const int stops = pb->nevent > pb->noutput || pb->nspan > 0;
  const char *why = NULL;
  if (r->solver.cls->overshoots && stops) return 0; /* for backsolve alone: test_sequence */
  if (r->model->nlag && (pb->njump || pb->nspan || r->solver.cls->overshoots ||
                              !(gn_rig_tableau(r, &tab) && gn_rk_dense_order(&tab))))
    why = "has lags";
  else if (pb->output == GN_INTERPOLATE && !(gn_rig_tableau(r, &tab) && gn_rk_dense_order(&tab)))
    why = "interpolate";
  const gn_status s = gn_walk_create(pb, &r->solver, r->B, &w);
  gn_walk_destroy(&w);
  ck_assert_msg(s == (why ? GN_EUNSUP : GN_OK), "%s: %s (%s)", r->solver.cls->name,
                gn_status_name(s), gn_last_error());
  ck_assert_msg(!why || strstr(gn_last_error(), why), "'%s' without '%s'", gn_last_error(), why);
  return s == GN_OK;
}

/* ---- strategies ---------------------------------------------------------------------- */

int gn_rig_refuses(const gn_rig *r, const gn_rig_way *gradient)
{
  const gn_gradient_class *cls = gradient->cls;
  gn_gradient *g;
  const int lags = r->model->nlag > 0;
  if (!lags && (cls->needs != 0 || r->problem.output == GN_LAND)) return 0;
  const void *config = gn_rig_config(r->arena, cls->options, cls->config_size, gradient->text);
  const gn_status s = gn_gradient_create(cls, config, &r->problem, &r->solver, r->B, &g);
  gn_gradient_destroy(&g);
  const char *why = lags ? "lags" : "output = land";
  if (lags && !cls->lags) why = "cannot do delays";
  ck_assert_msg(!lags || cls->lags || s == GN_EUNSUP, "%s takes a model with lags", cls->name);
  ck_assert_msg(s == GN_OK || (s == GN_EUNSUP && strstr(gn_last_error(), why)),
                "%s: %s (%s)", cls->name, gn_status_name(s), gn_last_error());
  return s != GN_OK;
}

gn_gradient *gn_rig_gradient(const gn_rig *r, const char *text, size_t Bmax)
{
  char name[64];
  gn_gradient *g;
  gn_arena *a;
  const char *keys = split(text, sizeof name, name);
  const gn_gradient_class *cls = gn_gradient_find(name);
  ck_assert_msg(cls != NULL, "%s", gn_last_error());
  gn_ck_ok(gn_arena_create(&a));
  const void *config = gn_rig_config(a, cls->options, cls->config_size, keys);
  gn_ck_ok(gn_gradient_create(cls, config, &r->problem, &r->solver, Bmax, &g));
  gn_arena_destroy(&a);
  return g;
}

static double *zeros(const gn_rig *r, size_t n)
{
  double *v = gn_arena_alloc(r->arena, n, sizeof *v);
  ck_assert(v != NULL);
  return v;
}

void gn_rig_run(const gn_rig *r, gn_gradient *g, int times, gn_rig_answer *out)
{
  out->Y = zeros(r, r->nY);
  out->gy0 = zeros(r, r->n);
  out->gp = zeros(r, r->np);
  out->gt = times ? zeros(r, 1 + r->problem.noutput) : NULL;
  gn_vec_fill(r->nY, (double)NAN, out->Y); /* values are written */
  gn_ck_ok(gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, out->Y));
  gn_ck_ok(gn_gradient_backward(g, r->gY, out->gy0, out->gp, out->gt));
  out->stats = g->stats;
}

void gn_rig_answer_of(const gn_rig *r, const char *text, int times, gn_rig_answer *out)
{
  gn_gradient *g = gn_rig_gradient(r, text, r->B);
  gn_rig_run(r, g, times, out);
  gn_gradient_destroy(&g);
}

void gn_rig_again(const gn_rig *r, gn_gradient *g, const gn_rig_answer *a)
{
  double *Y = zeros(r, r->nY), *gy0 = zeros(r, r->n), *gp = zeros(r, r->np);
  double *unused = zeros(r, r->n + r->np);
  const long before = gn_wrap_count();
  const gn_status forward = gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, Y);
  const gn_status backward = gn_gradient_backward(g, r->gY, unused, unused + r->n, NULL);
  const gn_status second = gn_gradient_backward(g, r->gY, gy0, gp, NULL);
  const long after = gn_wrap_count();
  ck_assert(forward == GN_OK && backward == GN_OK && second == GN_OK);
  ck_assert_int_eq(after, before);
  ck_assert(gn_test_same(a->Y, Y, r->nY * sizeof *Y));
  ck_assert(gn_test_same(a->gy0, gy0, r->n * sizeof *gy0));
  ck_assert(gn_test_same(a->gp, gp, r->np * sizeof *gp));
}

int gn_rig_reads_steps(const gn_rig *r, const gn_rig_answer *a)
{
  return a->stats.nodes > 0 || a->stats.bytes > (long)(r->nY * sizeof(double));
}

static double square_distance(size_t n, const double *a, const double *b)
{
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

double gn_rig_distance(const gn_rig *r, const gn_rig_answer *a, const gn_rig_answer *b)
{
  const double size = gn_vec_sumsq(r->n, b->gy0) + gn_vec_sumsq(r->np, b->gp);
  const double off =
    square_distance(r->n, a->gy0, b->gy0) + square_distance(r->np, a->gp, b->gp);
  return sqrt(off / size);
}
