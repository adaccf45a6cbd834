/* Models over the registry: every verb of every map in combinations of options (tests of
 * single options are in test_check.c), parameter counts of the literature, the signs of the
 * heavy-ball family, and no allocation by any verb. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "core/record.h"
#include "nn/act.h"
#include "study/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- the contract -------------------------------------------------------------------- */

static void check_passes(const gn_model *m, uint64_t seed, const char *what)
{
  gn_check *c;
  gn_ck_ok(gn_check_model(m, seed, &c));
  for (size_t i = 0; i < c->n; i++) {
    const gn_check_row *r = &c->row[i];
    ck_assert_msg(r->ok, "%s: %s.%s (%s) %s %s: %.17g, expected %.17g, error %.2e, limit %.1e",
                  what, gn_map_names[r->map], r->verb, r->test, r->place, r->spot, r->got,
                  r->want, r->error, r->limit);
  }
  ck_assert_uint_gt(c->n, 0);
  gn_check_destroy(&c);
}

/* Options that meet: time with every shape, encoders and reads with several blocks, gates
   with frozen and trainable coefficients; widths on both sides of the vector length. */
static const char *const combinations[] = {
  "dim=3:?width=17:?depth=3:?time=append:?lift=encoder:?read=linear:?outputs=2",
  "dim=1:?width=1:?depth=1:?time=append:?read=state",
  "dim=2:?width=9:?depth=0:?activation=elu:?lift=encoder:?encoder_depth=0:?read=linear:?outputs=1",
  /* NOLINTNEXTLINE(bugprone-suspicious-missing-comma): one text on two lines */
  "dim=5:?width=33:?depth=2:?activation=softplus:?time=append:?augment=3:?lift=encoder:"
  "?start=draw:?encoder_activation=hardtanh:?encoder_width=4:?read=linear:?outputs=3:?gamma=frozen",
  "dim=2:?width=8:?activation=sigmoid:?gate=hardtanh:?gate_clip=0.4:?xi=frozen:?read=state:?a=sigmoid",
  "dim=2:?width=8:?activation=leaky_relu:?slope=0.2:?gate=identity:?gamma=frozen:?xi=frozen:"
  "?a=identity:?delta=0.01",
  "dim=2:?width=8:?activation=relu:?gate=tanh:?gamma=trainable:?xi=trainable:?eps=0.5:?rho=1",
  "dim=4:?width=8:?activation=hardtanh:?clip=0.7:?time=append:?augment=2:?read=first:?start=paper",
  "dim=3:?width=9:?signals=2:?time=append:?lift=draw:?draw_seed=5:?augment=2:?read=state",
  "dim=1:?depth=0:?signals=1:?lift=draw:?gate=hardtanh:?xi=frozen:?start=draw",
  "dim=3:?width=9:?width_last=4:?lift=all:?inputs=5:?jump=linear:?observations=2:?read=linear:?outputs=2",
  "dim=2:?width=5:?lift=first:?inputs=4:?jump=mlp:?jump_width=6:?jump_width_last=3:?observations=1",
  "dim=2:?width=5:?lift=none:?jump=gru:?observations=3:?read=state",
  "dim=2:?width=5:?lift=all:?inputs=3:?jump=lstm:?observations=3:?read=linear:?outputs=2",
  "dim=3:?width=5:?jump=mlp:?jump_skip=no:?jump_depth=0:?observations=4:?augment=2",
};
enum { NCOMB = sizeof combinations / sizeof *combinations };

START_TEST(combination)
{
  for (const gn_model_class *const *cls = gn_models; *cls; cls++) {
    char text[400];
    /* the last of two values counts: node has no block for an encoder to start */
    (void)snprintf(text, sizeof text, "%s:?%s%s", (*cls)->name, combinations[_i],
             strcmp((*cls)->name, "node") != 0 || !(strstr(combinations[_i], "lift=encoder") ||
                                                    strstr(combinations[_i], "lift=draw"))
                 ? "" : ":lift=zero");
    if (strstr(text, "adamnode") && strstr(text, "jump=lstm")) continue; /* refused */
    gn_model *m = gn_rig_model(text, 0, 0);
    check_passes(m, 2 + (uint64_t)_i, text);
    gn_model_destroy(&m);
  }
}
END_TEST

START_TEST(jumping_model)
{
  static const char *const texts[] = { "kicked:dim=1", "kicked:dim=3",
                                       "kicked:dim=17:leak=-1:kick=-0.5" };
  gn_model *m = gn_rig_model(texts[_i], 0, 0);
  ck_assert(m->map[GN_JUMP].eval != NULL);
  check_passes(m, 1, texts[_i]);
  gn_model_destroy(&m);
}
END_TEST

/* ---- no verb allocates --------------------------------------------------------------- */

static void run_verbs(const gn_model *m, gn_map_id id)
{
  enum { B = 4 };
  const gn_map *g = &m->map[id];
  const size_t nin = gn_map_nin(m, id), nout = gn_map_nout(m, id);
  gn_arena *a;
  gn_pool *pool;
  gn_record *rec;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_pool_create(&m->tape[id], 2, B, &pool));
  gn_ck_ok(gn_pool_take(pool, B, &rec));
  double t[B] = { 0.1, 0.2, 0.3, 0.4 };
  double *v = gn_arena_alloc(a, B * (3 * nin + 2 * nout + m->nx) + 3 * m->params.np, sizeof *v);
  ck_assert(v != NULL);
  double *y = v, *vy = y + B * nin, *gy = vy + B * nin, *z = gy + B * nin, *w = z + B * nout;
  double *x = w + B * nout, *p = x + B * m->nx, *vp = p + m->params.np, *gp = vp + m->params.np;
  gn_rig_random(1, B * (3 * nin + 2 * nout + m->nx), 0.5, v);
  gn_rig_params(m, 1, 0.1, p);
  const gn_tape tape = gn_record_tape(rec, 0, 1), both = gn_record_tape(rec, 0, 2);
  const gn_tape second = gn_record_tape(rec, 1, 1);
  const double *lag[8] = { y, y, y, y, y, y, y, y };
  gn_point at = { .B = B, .t = t, .y = y, .x = id == GN_JUMP ? x : NULL, .p = p };
  if (id == GN_F && m->nlag) at.lag = lag;
  const gn_pull to = { .y = gy };
  const long before = gn_wrap_count();
  int rc = g->eval(m, &at, &tape, z) | g->eval(m, &at, &second, z);
  rc |= g->vjp(m, &at, &tape, w, &to) | g->vjp(m, &at, &second, w, &to);
  if (g->pgrad) g->pgrad(m, p, &both, 0.5, gp);
  rc |= g->jvp(m, &at, &tape, vy, vp, z);
  const long after = gn_wrap_count();
  ck_assert_int_eq(rc, 0);
  ck_assert_msg(after == before, "%s.%s: %ld allocations", m->cls->name, gn_map_names[id],
                after - before);
  gn_pool_destroy(&pool);
  gn_arena_destroy(&a);
}

START_TEST(no_allocation)
{
  for (const gn_model_class *const *cls = gn_models; *cls; cls++) {
    char text[160];
    (void)snprintf(text, sizeof text, "%s:?dim=3:?width=40:?time=append:?read=linear:?outputs=2%s",
             (*cls)->name, strcmp((*cls)->name, "node") ? ":?lift=encoder" : "");
    gn_model *m = gn_rig_model(text, 0, 0);
    for (int id = 0; id < GN_NMAPS; id++)
      if (m->map[id].eval) run_verbs(m, (gn_map_id)id);
    gn_model_destroy(&m);
  }
  gn_model *m = gn_rig_model("kicked:dim=3", 0, 0);
  run_verbs(m, GN_F);
  run_verbs(m, GN_JUMP);
  gn_model_destroy(&m);
}
END_TEST

/* ---- numbers of the literature ------------------------------------------------------- */

/* Parameters of the point cloud experiment, Xia et al., NeurIPS 2021, section 4.1. The
   paper's 528 for SONODE has a gamma that its equation does not use. */
START_TEST(point_cloud_counts)
{
  static const struct {
    const char *text;
    size_t np;
  } paper[] = {
    { "node:width=20:activation=elu:read=linear", 525 },
    { "anode:width=20:activation=elu:read=linear", 567 },
    { "sonode:width=13:activation=elu:lift=encoder:encoder_width=13:read=linear", 527 },
    { "hbnode:width=14:activation=elu:lift=encoder:encoder_width=14:read=linear", 568 },
    { "ghbnode:width=14:activation=elu:lift=encoder:encoder_width=14:read=linear:xi=frozen",
      568 },
  };
  for (size_t k = 0; k < sizeof paper / sizeof *paper; k++) {
    gn_model *m = gn_rig_model(paper[k].text, 2, 1);
    ck_assert_msg(m->params.np == paper[k].np, "%s: %zu parameters, expected %zu",
                  paper[k].text, m->params.np, paper[k].np);
    ck_assert_uint_eq(m->nz, 1);
    gn_model_destroy(&m);
  }
}
END_TEST

/* Parameters of the plane vibration experiment, f and all, as the released code of Xia et al.
   has them: its HBNODE has the xi of GHBNODE, both trainable. */
START_TEST(plane_vibration_counts)
{
  static const struct {
    const char *text;
    size_t nf, np;
  } code[] = {
    { "node:dim=21:width=63:width_last=84:lift=all", 8547, 15986 },
    { "anode:dim=5:augment=22:width=81:width_last=108:lift=first", 14067, 16730 },
    { "sonode:dim=19:width=38:width_last=19:lift=all", 2603, 16649 },
    { "ghbnode:dim=20:width=20:gate=identity:lift=all", 1260, 16127 },
    { "ghbnode:dim=20:width=20:lift=all", 1260, 16127 },
    { "hbnode:dim=20:width=20:lift=all", 1260, 16126 }, /* as in the paper */
  };
  for (size_t k = 0; k < sizeof code / sizeof *code; k++) {
    char text[200];
    (void)snprintf(text, sizeof text, "%s:activation=relu:jump=linear:observations=5:read=linear",
                   code[k].text);
    gn_model *m = gn_rig_model(text, 320, 5);
    size_t nf = 0;
    for (size_t j = 0; j < m->params.n; j++)
      if (strncmp(m->params.at[j].name, "f.", 2) == 0) nf += m->params.at[j].n;
    ck_assert_msg(nf == code[k].nf && m->params.np == code[k].np, "%s: %zu and %zu parameters, "
                  "expected %zu and %zu", text, nf, m->params.np, code[k].nf, code[k].np);
    gn_model_destroy(&m);
  }
}
END_TEST

/* Those of Walker2D: f is one linear map, the update has three layers. */
START_TEST(walker_counts)
{
  static const struct {
    const char *text;
    size_t np;
  } code[] = {
    { "node:dim=24:lift=none:jump_width=72:jump_width_last=48:jump_skip=no", 8729 },
    { "anode:dim=5:augment=19:lift=first:jump_width=72:jump_width_last=48:jump_skip=no", 8819 },
    { "sonode:dim=23:lift=none:jump_width=46", 8757 },
    { "ghbnode:dim=24:gate=identity:xi=frozen:lift=none:jump_width=48", 8898 }, /* + frozen xi */
    { "ghbnode:dim=24:chi=1:lift=none:jump_width=48", 8899 },
  };
  for (size_t k = 0; k < sizeof code / sizeof *code; k++) {
    char text[200];
    (void)snprintf(text, sizeof text, "%s:depth=0:jump=mlp:observations=17:read=linear",
                   code[k].text);
    gn_model *m = gn_rig_model(text, 17, 17);
    ck_assert_msg(m->params.np == code[k].np, "%s: %zu parameters, expected %zu", text,
                  m->params.np, code[k].np);
    gn_model_destroy(&m);
  }
}
END_TEST

/* f with every weight of the network zero, at one row. */
static void bare_slope(const gn_model *m, const double *y, size_t nstart,
                       const double *start, double *z)
{
  gn_arena *a;
  gn_pool *pool;
  gn_record *rec;
  gn_ck_ok(gn_arena_create(&a));
  double *p = gn_arena_alloc(a, m->params.np, sizeof *p);
  ck_assert(p != NULL);
  size_t used = 0;
  for (size_t k = 0; k < m->params.n; k++)
    if (strncmp(m->params.at[k].name, "f.", 2) != 0 && used < nstart)
      p[m->params.at[k].offset] = start[used++];
  ck_assert_uint_eq(used, nstart);
  gn_ck_ok(gn_pool_create(&m->tape[GN_F], 1, 1, &pool));
  gn_ck_ok(gn_pool_take(pool, 1, &rec));
  const double t = 0;
  const gn_tape tape = gn_record_tape(rec, 0, 1);
  const gn_point at = { .B = 1, .t = &t, .y = y, .p = p };
  ck_assert_int_eq(m->map[GN_F].eval(m, &at, &tape, z), 0);
  gn_pool_destroy(&pool);
  gn_arena_destroy(&a);
}

/* m' = -gamma m - xi h: both terms pull back, for every sign of rho and chi. */
START_TEST(heavy_ball_signs)
{
  const double y[2] = { 0.7, -0.4 };
  double z[2];
  gn_model *m = gn_rig_model("ghbnode:dim=1:width=3:eps=0.8", 0, 0);
  static const double rhos[3] = { -3, 0, 3 }, chis[3] = { -2, 0, 2 };
  for (int i = 0; i < 9; i++) {
    const double start[2] = { rhos[i % 3], chis[i / 3] };
    const double gamma = 0.8 * gn_sigmoid(start[0]), xi = gn_softplus(start[1]);
    bare_slope(m, y, 2, start, z);
    gn_ck_close(z[0], tanh(y[1]), 1e-15);
    gn_ck_close(z[1], -gamma * y[1] - xi * y[0], 1e-15);
    const double rest[2] = { 0.7, 0 };
    bare_slope(m, rest, 2, start, z);
    ck_assert_double_lt(z[1], 0); /* at h > 0 without momentum it falls back */
  }
  gn_model_destroy(&m);
  m = gn_rig_model("hbnode:dim=1:width=3", 0, 0);
  const double rho = 0.3;
  bare_slope(m, y, 1, &rho, z);
  gn_ck_close(z[0], y[1], 0);
  gn_ck_close(z[1], -gn_sigmoid(rho) * y[1], 1e-15);
  gn_model_destroy(&m);
}
END_TEST

/* gate = hardtanh bounds h' by its clip. */
START_TEST(gate_bounds)
{
  const double y[2] = { 0, 40 }, start[2] = { 0, 0 };
  double z[2];
  gn_model *m = gn_rig_model("ghbnode:dim=1:width=3:gate=hardtanh:gate_clip=5", 0, 0);
  bare_slope(m, y, 2, start, z);
  ck_assert_double_eq(z[0], 5);
  gn_model_destroy(&m);
}
END_TEST

/* AdamNODE where a stage has taken v far below zero: finite, and so are all derivatives. */
START_TEST(adam_overshoots)
{
  static const char *const texts[] = { "adamnode:dim=1:width=3", "adamnode:dim=1:width=3:a=sigmoid",
                                       "adamnode:dim=1:width=3:a=identity" };
  static const double below[] = { -1e-300, -1e-3, -40, -800, -1e6 };
  gn_model *m = gn_rig_model(texts[_i], 0, 0);
  const gn_map *f = &m->map[GN_F];
  double *p = malloc(m->params.np * sizeof *p), *gp = calloc(m->params.np, sizeof *gp);
  ck_assert(p && gp);
  gn_rig_params(m, 3, 0, p);
  gn_pool *pool = NULL;
  gn_record *rec;
  gn_ck_ok(gn_pool_create(&m->tape[GN_F], 1, 1, &pool));
  gn_ck_ok(gn_pool_take(pool, 1, &rec));
  const gn_tape tape = gn_record_tape(rec, 0, 1);
  for (size_t k = 0; k < sizeof below / sizeof *below; k++) {
    const double t = 0, y[3] = { 0.2, -0.7, below[k] }, w[3] = { 1, -2, 3 };
    double z[3], gy[3] = { 0 }, dz[3];
    const gn_point at = { .B = 1, .t = &t, .y = y, .p = p };
    const gn_pull to = { .y = gy };
    ck_assert_int_eq(f->eval(m, &at, &tape, z), 0);
    ck_assert_int_eq(f->vjp(m, &at, &tape, w, &to), 0);
    f->pgrad(m, p, &tape, 1, gp);
    ck_assert_int_eq(f->jvp(m, &at, &tape, w, NULL, dz), 0);
    ck_assert_msg(gn_vec_finite(3, z) && gn_vec_finite(3, gy) && gn_vec_finite(3, dz) &&
                      gn_vec_finite(m->params.np, gp), "%s: v = %g", texts[_i], below[k]);
    ck_assert_double_gt(z[2], 0); /* back above zero */
  }
  gn_record_give(&rec);
  gn_pool_destroy(&pool);
  free(p);
  free(gp);
  gn_model_destroy(&m);
}
END_TEST

/* h(0), m(0), v(0) of the released code: [x, o, o^2] cut in three; without more dimensions than
   the input has, m = o and v = o^2 belong together. */
START_TEST(adam_starts)
{
  gn_model *m = gn_rig_model("adamnode:dim=1:augment=2:width=3:start=paper", 0, 0);
  ck_assert_uint_eq(m->ny, 9);
  double *p = malloc(m->params.np * sizeof *p), z[9];
  ck_assert(p != NULL);
  gn_rig_params(m, 3, 0, p);
  gn_pool *pool = NULL;
  gn_record *rec;
  gn_ck_ok(gn_pool_create(&m->tape[GN_LIFT], 1, 1, &pool));
  gn_ck_ok(gn_pool_take(pool, 1, &rec));
  const gn_tape tape = gn_record_tape(rec, 0, 1);
  const double x = 0.3;
  const gn_point at = { .B = 1, .y = &x, .p = p };
  ck_assert_int_eq(m->map[GN_LIFT].eval(m, &at, &tape, z), 0);
  ck_assert_double_eq(z[0], x);
  for (int j = 0; j < 4; j++) ck_assert_double_eq(z[5 + j], z[1 + j] * z[1 + j]);
  gn_record_give(&rec);
  gn_pool_destroy(&pool);
  free(p);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("models");
  TCase *contract = tcase_create("contract"), *numbers = tcase_create("numbers");
  tcase_add_loop_test(contract, combination, 0, NCOMB);
  tcase_add_loop_test(contract, jumping_model, 0, 3);
  tcase_add_test(contract, no_allocation);
  tcase_add_test(numbers, point_cloud_counts);
  tcase_add_test(numbers, plane_vibration_counts);
  tcase_add_test(numbers, walker_counts);
  tcase_add_test(numbers, heavy_ball_signs);
  tcase_add_test(numbers, gate_bounds);
  tcase_add_loop_test(numbers, adam_overshoots, 0, 3);
  tcase_add_test(numbers, adam_starts);
  tcase_set_timeout(contract, 300);
  suite_add_tcase(s, contract);
  suite_add_tcase(s, numbers);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
