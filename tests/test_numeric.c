/* Verbs by differences of eval: every registered model with verbs taken away, all of them
 * and each alone, gives the gradients and the counts of the model with all its verbs. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "core/numeric.h"
#include "core/record.h"
#include "study/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Differences of order 4 at h = 2^-12: rounding 1e-16 / h = 4e-13 and truncation about
   h^4 = 4e-15 per value, times the sums and the cancellation of a solve. */
static const double CLOSE = 1e-11;

/* ---- models without verbs ------------------------------------------------------------ */

enum { VJP = GN_NUMERIC_VJP, PGRAD = GN_NUMERIC_PGRAD, JVP = GN_NUMERIC_JVP };
static const unsigned without[] = { VJP | PGRAD | JVP, VJP, PGRAD, JVP, VJP | PGRAD,
                                    PGRAD | JVP, VJP | JVP };
enum { NWITHOUT = sizeof without / sizeof *without };

static const gn_model_class *whole; /* the class that stripped_setup strips */
static unsigned stripped;

static gn_status stripped_setup(gn_model *m, const void *config, gn_sizes data)
{
  const gn_map *given[GN_NMAPS] = { &whole->f, &whole->lift, &whole->jump, &whole->read };
  GN_TRY(whole->setup(m, config, data));
  for (int id = 0; id < GN_NMAPS; id++) {
    gn_map *g = &m->map[id];
    if (!g->eval) *g = *given[id];
    if (stripped & VJP) g->vjp = NULL;
    if (stripped & PGRAD) g->pgrad = NULL;
    if (stripped & JVP) g->jvp = NULL;
  }
  return GN_OK;
}

/* m again, without some verbs of every map that its class or its parts give. */
static gn_model *strip(const gn_model *m, unsigned verbs)
{
  static gn_model_class cls;
  gn_model *out;
  cls = *m->cls;
  cls.setup = stripped_setup;
  whole = m->cls;
  stripped = verbs;
  gn_ck_ok(gn_model_create(&cls, m->config, (gn_sizes){ m->nx, 0, 0 }, &out));
  return out;
}

/* Small, and with every map that has parameters; rates that an explicit method takes. */
static const char everything_on[] = ":?dim=2:?width=5:?time=append:?points=3:?k2=2:?k3=3"
                                    ":?lift=encoder:?read=linear:?outputs=2";
static const char defaults[] = ":?dim=2";

/* The k-th model of the registry, then the one that jumps; NULL after that. */
static gn_model *model_of(size_t k, const char *options)
{
  char text[160];
  size_t n = 0;
  while (gn_models[n]) n++;
  if (k > n) return NULL;
  const char *name = k < n ? gn_models[k]->name : "kicked";
  (void)snprintf(text, sizeof text, "%s%s%s", name, options,
                 strcmp(name, "node") ? "" : ":lift=zero"); /* it has no block to start */
  return gn_rig_model(text, 0, 0);
}

/* ---- marks --------------------------------------------------------------------------- */

START_TEST(marks)
{
  gn_model *m = gn_rig_model("hbnode:dim=2:width=4:lift=encoder", 0, 0);
  ck_assert_str_eq(gn_model_numeric(m), "");
  gn_ck_ok(gn_model_analytic(m));
  gn_model *s = strip(m, JVP);
  ck_assert_str_eq(gn_model_numeric(s), "numeric jvp");
  ck_assert_uint_eq(s->numeric[GN_F], JVP);
  ck_assert_uint_eq(s->numeric[GN_LIFT], JVP);
  ck_assert_uint_eq(s->numeric[GN_JUMP], 0); /* there is none        */
  ck_assert_uint_eq(s->numeric[GN_READ], 0); /* the default is whole */
  gn_ck_fails(gn_model_analytic(s), GN_EUNSUP, "numeric jvp");
  gn_model_destroy(&s);
  s = strip(m, VJP); /* its pgrad would read what no vjp has left */
  ck_assert_str_eq(gn_model_numeric(s), "numeric vjp, pgrad");
  gn_model_destroy(&s);
  s = strip(m, PGRAD);
  ck_assert_str_eq(gn_model_numeric(s), "numeric pgrad");
  gn_model_destroy(&s);
  gn_model_destroy(&m);
  m = gn_rig_model("lotka", 0, 0);
  s = strip(m, VJP | PGRAD | JVP);
  ck_assert_uint_eq(s->numeric[GN_F], VJP | PGRAD | JVP);
  gn_model_destroy(&s);
  gn_model_destroy(&m);
  m = gn_rig_model("sonode:dim=1:width=3:read=state", 0, 0);
  s = strip(m, VJP | PGRAD | JVP); /* read has no parameters */
  ck_assert_uint_eq(s->numeric[GN_READ], VJP | JVP);
  gn_model_destroy(&s);
  gn_model_destroy(&m);
}
END_TEST

/* ---- the contract -------------------------------------------------------------------- */

static void check_passes(const gn_model *m)
{
  gn_check *c;
  gn_ck_ok(gn_check_model(m, 3, &c));
  for (size_t i = 0; i < c->n; i++) {
    const gn_check_row *r = &c->row[i];
    ck_assert_msg(r->ok, "%s (%s): %s.%s (%s) %s %s: %.17g, expected %.17g, error %.2e, "
                  "limit %.1e", m->cls->name, gn_model_numeric(m), gn_map_names[r->map],
                  r->verb, r->test, r->place, r->spot, r->got, r->want, r->error, r->limit);
  }
  gn_check_destroy(&c);
}

START_TEST(contract)
{
  gn_model *m;
  const char *const options = _i % 2 ? everything_on : defaults;
  for (size_t k = 0; (m = model_of(k, options)); k++) {
    gn_model *s = strip(m, without[_i / 2]);
    check_passes(s);
    gn_model_destroy(&s);
    gn_model_destroy(&m);
  }
}
END_TEST

/* A map of everything: signals and a delayed state, of which the verbs must know. */
static int everything(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)tape;
  for (size_t b = 0; b < at->B; b++)
    for (size_t i = 0; i < 2; i++)
      z[b * 2 + i] = at->p[0] * at->y[b * 2 + i] * sin(at->u[b * 3 + i] + at->t[b]) +
                     at->u[b * 3 + 2] * at->lag[1][b * 2 + 1 - i] * at->lag[0][b * 2];
  (void)m;
  return 0;
}

static gn_status everything_setup(gn_model *m, const void *config, gn_sizes data)
{
  (void)config, (void)data;
  size_t place;
  m->nx = 2, m->nu = 3, m->nlag = 2, m->uses_time = 1;
  GN_TRY(gn_model_block(m, "h", 2));
  return gn_params_scalar(&m->params, "a", 0.7, &place);
}

static void everything_lags(const gn_model *m, const double *p, double *tau)
{
  (void)p;
  for (size_t k = 0; k < m->nlag; k++) tau[k] = 1;
}

static const gn_option nothing[] = { GN_OPTIONS_END };
static const gn_model_class everything_class = {
  .name = "everything", .summary = "", .source = "", .size = sizeof(gn_model),
  .options = nothing, .config_size = 1, .setup = everything_setup, .f = { .eval = everything },
  .lags = everything_lags
};

START_TEST(signals_and_delays)
{
  gn_model *m;
  gn_check *c;
  int seen = 0;
  gn_ck_ok(gn_model_create(&everything_class, NULL, (gn_sizes){ 0, 0, 0 }, &m));
  check_passes(m);
  gn_ck_ok(gn_check_model(m, 1, &c));
  for (size_t i = 0; i < c->n; i++)
    seen |= strcmp(c->row[i].place, "signals") == 0 ? 1
            : strcmp(c->row[i].place, "delayed state") == 0 ? 2 : 0;
  ck_assert_int_eq(seen, 3);
  gn_check_destroy(&c);
  gn_model_destroy(&m);
}
END_TEST

/* ---- solves -------------------------------------------------------------------------- */

static void answer_of(const gn_model *m, gn_rig *r, const gn_rig_way *erk, const char *g,
                      gn_rig_answer *out)
{
  const gn_rig_kind kind = m->nlag ? GN_RIG_PLAIN : m->map[GN_JUMP].eval ? GN_RIG_ALL
                                                                       : GN_RIG_SPANS;
  gn_rig_create(m, kind, GN_LAND, 3, erk, 1e-6, 0.1, r);
  gn_rig_answer_of(r, g, 1, out);
}

/* Gradients of stripped models against those of the whole. */
START_TEST(solves)
{
  static const char *const strategies[] = { "discrete", "backsolve:norm=blockmax" };
  const gn_rig_way erk = { .cls = gn_stepper_find("erk"), .text = "" };
  gn_model *m;
  double worst = 0;
  for (size_t k = 0; (m = model_of(k, everything_on)); k++) {
    gn_model *s = strip(m, without[_i / 2]);
    const char *g = m->nlag && _i % 2 ? "interpolate" : strategies[_i % 2];
    gn_rig a, b;
    gn_rig_answer whole_answer, answer;
    answer_of(m, &a, &erk, g, &whole_answer);
    answer_of(s, &b, &erk, g, &answer);
    const double d = gn_rig_distance(&a, &answer, &whole_answer);
    ck_assert_msg(d <= CLOSE, "%s, %s, %s: %.2e", m->cls->name, gn_model_numeric(s), g, d);
    worst = fmax(worst, d);
    gn_ck_close_all(a.problem.noutput + 1, answer.gt, whole_answer.gt, CLOSE);
    ck_assert(gn_test_same(answer.Y, whole_answer.Y, a.nY * sizeof *answer.Y));
    for (int i = 0; i < GN_STATS_N; i++)
      if (i != GN_STATS_AT_bytes)
        ck_assert_msg(gn_stats_get(&answer.stats, i) == gn_stats_get(&whole_answer.stats, i),
                      "%s, %s, %s: %s %ld, expected %ld", m->cls->name, gn_model_numeric(s), g,
                      gn_stats_names[i], gn_stats_get(&answer.stats, i),
                      gn_stats_get(&whole_answer.stats, i));
    ck_assert_ptr_nonnull(strstr(answer.stats.executed, gn_model_numeric(s)));
    ck_assert_ptr_null(strstr(whole_answer.stats.executed, "numeric"));
    gn_rig_destroy(&a);
    gn_rig_destroy(&b);
    gn_model_destroy(&s);
    gn_model_destroy(&m);
  }
  if (getenv("GNOMON_SHOW")) (void)printf("%s without %u: worst %.1e\n", strategies[_i % 2], without[_i / 2], worst);
}
END_TEST

/* ---- one call ------------------------------------------------------------------------ */

enum { B = 4 };
typedef struct bench {
  gn_arena *arena;
  gn_pool *pool;
  gn_record *rec;
  gn_tape tape, both, second;
  gn_point at;
  double t[B], *y, *w, *v, *z, *gy, *p, *vp, *gp;
  const double *lag[GN_NET_BLOCKS];
} bench;

static double *normal(gn_arena *a, uint64_t seed, size_t n)
{
  double *v = gn_arena_alloc(a, n, sizeof *v);
  ck_assert(v != NULL);
  gn_rig_random(seed, n, 0.5, v);
  return v;
}

static void bench_make(const gn_model *m, gn_map_id id, bench *b)
{
  const size_t nin = B * gn_map_nin(m, id), nout = B * gn_map_nout(m, id);
  gn_ck_ok(gn_arena_create(&b->arena));
  gn_ck_ok(gn_pool_create(&m->tape[id], 2, B, &b->pool));
  gn_ck_ok(gn_pool_take(b->pool, B, &b->rec));
  b->tape = gn_record_tape(b->rec, 0, 1);
  b->second = gn_record_tape(b->rec, 1, 1);
  b->both = gn_record_tape(b->rec, 0, 2);
  for (size_t i = 0; i < B; i++) b->t[i] = 0.1 * (double)(i + 1);
  b->y = normal(b->arena, 1, nin), b->w = normal(b->arena, 2, nout);
  b->v = normal(b->arena, 3, nin), b->z = normal(b->arena, 4, nout);
  b->gy = normal(b->arena, 5, nin), b->p = normal(b->arena, 6, m->params.np);
  b->vp = normal(b->arena, 7, m->params.np), b->gp = normal(b->arena, 8, m->params.np);
  gn_rig_params(m, 1, 0.1, b->p);
  b->at = (gn_point){ .B = B, .t = b->t, .y = b->y, .p = b->p };
  for (size_t k = 0; k < m->nlag; k++) b->lag[k] = b->y;
  if (id == GN_F && m->nlag) b->at.lag = b->lag;
  if (id == GN_JUMP) b->at.x = normal(b->arena, 9, B * m->nx);
}

static void bench_free(bench *b)
{
  gn_pool_destroy(&b->pool);
  gn_arena_destroy(&b->arena);
}

/* eval, vjp and jvp of whatever is missing allocate nothing. */
START_TEST(no_allocation)
{
  gn_model *m;
  for (size_t k = 0; (m = model_of(k, everything_on)); k++) {
    gn_model *s = strip(m, without[_i]);
    for (int id = 0; id < GN_NMAPS; id++) {
      const gn_map *g = &s->map[id];
      bench b;
      if (!g->eval) continue;
      bench_make(s, (gn_map_id)id, &b);
      const gn_pull to = { .y = b.gy };
      const long before = gn_wrap_count();
      const int rc = g->eval(s, &b.at, &b.tape, b.z) | g->vjp(s, &b.at, &b.tape, b.w, &to) |
                     g->jvp(s, &b.at, &b.tape, b.v, NULL, b.z);
      const long after = gn_wrap_count();
      ck_assert_int_eq(rc, 0);
      ck_assert_msg(after == before, "%s.%s (%s): %ld allocations", s->cls->name,
                    gn_map_names[id], gn_model_numeric(s), after - before);
      bench_free(&b);
    }
    gn_model_destroy(&s);
    gn_model_destroy(&m);
  }
}
END_TEST

/* Numeric verbs leave the tape to the author's: a jvp and a pgrad between change no bit. */
START_TEST(tapes_survive)
{
  gn_model *m = gn_rig_model("hbnode:dim=3:width=7:time=append", 0, 0);
  gn_model *s = strip(m, PGRAD | JVP);
  const gn_map *g = &s->map[GN_F];
  const gn_pull none = { NULL, NULL, NULL, NULL };
  bench b;
  bench_make(s, GN_F, &b);
  const size_t n = B * s->ny;
  const gn_pull to = { .y = b.gy };
  double *first = normal(b.arena, 1, n);
  ck_assert_int_eq(g->eval(s, &b.at, &b.tape, b.z), 0);
  ck_assert_int_eq(g->eval(s, &b.at, &b.second, b.z), 0);
  gn_vec_fill(n, 0, b.gy);
  ck_assert_int_eq(g->vjp(s, &b.at, &b.tape, b.w, &to), 0);
  ck_assert_int_eq(g->vjp(s, &b.at, &b.second, b.w, &none), 0);
  gn_vec_copy(n, b.gy, first);
  g->pgrad(s, b.p, &b.both, 1, b.gp);
  ck_assert_int_eq(g->jvp(s, &b.at, &b.tape, b.v, b.vp, b.z), 0);
  gn_vec_fill(n, 0, b.gy);
  ck_assert_int_eq(g->vjp(s, &b.at, &b.tape, b.w, &to), 0);
  ck_assert(gn_test_same(first, b.gy, n * sizeof *first));
  bench_free(&b);
  gn_model_destroy(&s);
  gn_model_destroy(&m);
}
END_TEST

/* Without memory a numeric pgrad says so in its result, and jvp with vp in its status. */
START_TEST(no_memory)
{
  gn_model *m = gn_rig_model("lotka", 0, 0);
  gn_model *s = strip(m, VJP | PGRAD | JVP);
  const gn_map *g = &s->map[GN_F];
  bench b;
  bench_make(s, GN_F, &b);
  const gn_pull none = { NULL, NULL, NULL, NULL };
  ck_assert_int_eq(g->eval(s, &b.at, &b.tape, b.z), 0);
  ck_assert_int_eq(g->vjp(s, &b.at, &b.tape, b.w, &none), 0);
  gn_wrap_refuse(0);
  const int rc = g->jvp(s, &b.at, &b.tape, NULL, b.vp, b.z);
  gn_wrap_refuse(0);
  g->pgrad(s, b.p, &b.tape, 1, b.gp);
  const int refused = gn_wrap_refused();
  gn_wrap_refuse(-1);
  ck_assert_int_lt(rc, 0);
  ck_assert_int_eq(refused, 1);
  for (size_t i = 0; i < s->params.np; i++) ck_assert(isnan(b.gp[i]));
  bench_free(&b);
  gn_model_destroy(&s);
  gn_model_destroy(&m);
}
END_TEST

/* sqrt near the end of its domain: the step shrinks until eval succeeds. */
static int root(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  (void)m, (void)tape;
  for (size_t i = 0; i < at->B; i++) {
    if (at->y[i] < 0) return GN_RETRY;
    z[i] = sqrt(at->y[i]);
  }
  return 0;
}

static gn_status root_setup(gn_model *m, const void *config, gn_sizes data)
{
  (void)config, (void)data;
  m->nx = 1;
  return gn_model_block(m, "h", 1);
}

static const gn_model_class root_class = {
  .name = "root", .summary = "", .source = "", .size = sizeof(gn_model), .options = nothing,
  .config_size = 1, .setup = root_setup, .f = { .eval = root }
};

START_TEST(ends_of_a_domain)
{
  gn_model *m;
  bench b;
  gn_ck_ok(gn_model_create(&root_class, NULL, (gn_sizes){ 0, 0, 0 }, &m));
  ck_assert(m->map[GN_F].pgrad == NULL); /* no parameters */
  bench_make(m, GN_F, &b);
  const gn_pull to = { .y = b.gy };
  for (size_t i = 0; i < B; i++) b.y[i] = 1e-5, b.w[i] = 1, b.v[i] = 1, b.gy[i] = 0;
  ck_assert_int_eq(m->map[GN_F].eval(m, &b.at, &b.tape, b.z), 0);
  ck_assert_int_eq(m->map[GN_F].vjp(m, &b.at, &b.tape, b.w, &to), 0);
  ck_assert_int_eq(m->map[GN_F].jvp(m, &b.at, &b.tape, b.v, NULL, b.z), 0);
  for (size_t i = 0; i < B; i++) { /* h = 2^-22 is 0.024 y: (h / y)^4 = 3e-7 */
    gn_ck_close(b.gy[i], 0.5 / sqrt(1e-5), 3e-7);
    gn_ck_close(b.z[i], 0.5 / sqrt(1e-5), 3e-7);
  }
  for (size_t i = 0; i < B; i++) b.y[i] = 0; /* no derivative there: said, not invented */
  ck_assert_int_eq(m->map[GN_F].eval(m, &b.at, &b.tape, b.z), 0);
  ck_assert_int_gt(m->map[GN_F].vjp(m, &b.at, &b.tape, b.w, &to), 0);
  bench_free(&b);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("numeric");
  TCase *c = tcase_create("numeric");
  tcase_add_test(c, marks);
  tcase_add_loop_test(c, contract, 0, 2 * NWITHOUT);
  tcase_add_test(c, signals_and_delays);
  tcase_add_loop_test(c, solves, 0, 2 * NWITHOUT);
  tcase_add_loop_test(c, no_allocation, 0, NWITHOUT);
  tcase_add_test(c, tapes_survive);
  tcase_add_test(c, no_memory);
  tcase_add_test(c, ends_of_a_domain);
  tcase_set_timeout(c, 300);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
