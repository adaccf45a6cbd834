/* Sequences: the events of an alternation of observations and gaps, what a batch brings to
 * them, models with a jump under every strategy, and the losses of weighted outputs. */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"
#include "core/batch.h"
#include "core/pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { J = 2, NAHEAD = 2, NOUT = 2 * J + NAHEAD, B = 3 };
static const double ahead[NAHEAD] = { 0, 0.5 };
static const gn_sequence seq = { J, GN_SEQUENCE_AFTER | GN_SEQUENCE_END, NAHEAD, ahead };

/* ---- events -------------------------------------------------------------------------- */

START_TEST(events)
{
  static const gn_event want[] = {
    { 0, GN_AT_JUMP, 0 },   { 0, GN_AT_OUTPUT, 0 }, { 1, GN_AT_OUTPUT, 1 },
    { 1, GN_AT_KINK, 1 },   { 1, GN_AT_JUMP, 1 },   { 1, GN_AT_OUTPUT, 2 },
    { 2, GN_AT_OUTPUT, 3 }, { 2, GN_AT_KINK, 2 },   { 2, GN_AT_OUTPUT, 4 },
    { 2.5, GN_AT_OUTPUT, 5 },
  };
  gn_event ev[16];
  gn_problem pb;
  gn_model *m = gn_rig_model("node:dim=2:width=3:jump=linear", 0, 0);
  ck_assert_uint_le(gn_sequence_nevent(&seq), 16);
  gn_ck_ok(gn_problem_sequence(m, &seq, GN_LAND, ev, &pb));
  ck_assert_uint_eq(pb.nevent, sizeof want / sizeof *want);
  for (size_t e = 0; e < pb.nevent; e++)
    ck_assert_msg(ev[e].s == want[e].s && ev[e].kind == want[e].kind &&
                    ev[e].index == want[e].index, "event %zu", e);
  ck_assert(pb.noutput == NOUT && pb.njump == J && pb.nspan == J + 1);
  const gn_sequence before = { J, GN_SEQUENCE_BEFORE, 0, NULL };
  gn_ck_ok(gn_problem_sequence(m, &before, GN_LAND, ev, &pb));
  ck_assert(pb.noutput == J && ev[0].kind == GN_AT_OUTPUT && ev[1].kind == GN_AT_JUMP);
  ck_assert(pb.nspan == J && pb.event[pb.nevent - 1].kind == GN_AT_JUMP);
  const gn_sequence blind = { J, 0, 0, NULL };
  gn_ck_fails(gn_problem_sequence(m, &blind, GN_LAND, ev, &pb), GN_EARG, "needs an output");
  const gn_sequence back = { J, 0, NAHEAD, (const double[]){ 1, 0.5 } };
  gn_ck_fails(gn_problem_sequence(m, &back, GN_LAND, ev, &pb), GN_EARG, "in order");
  gn_model_destroy(&m);
  m = gn_rig_model("node:dim=2:width=3", 0, 0);
  gn_ck_fails(gn_problem_sequence(m, &seq, GN_LAND, ev, &pb), GN_EARG, "no jump map");
  gn_model_destroy(&m);
}
END_TEST

/* ---- a batch ------------------------------------------------------------------------- */

static const double inputs[] = { 1, 2 }, gaps[] = { 1, 3, 0.5, 0 },
                    obs[] = { 1, 2, 3, 4, 5, 6, NAN, NAN }, targets_[2 * NOUT] = { 0 },
                    numbers[NOUT + 1] = { 0, 1, 2, 3, 4, 5, 6 },
                    weights[NOUT] = { 1, 2, 1, 2, 0, 0 };
static const unsigned char there[] = { 1, 1, 1, 0 };

static gn_dataset two_samples(void)
{
  return (gn_dataset){ .n = 2, .ntrain = 2, .K = NOUT, .nx = 1, .ny = 1, .times = numbers,
                       .x = inputs, .y = targets_, .weight = weights, .sequence = seq,
                       .nobs = 2, .obs = obs, .obs_mask = there, .gap = gaps };
}

START_TEST(batch)
{
  static const double x[] = { 5, 6, 1, 2, 0, 0, 3, 4 };
  static const unsigned char seen[] = { 1, 1, 0, 1 };
  static const double dt[] = { 0.5, 1, 0, 3, 1, 1 };
  static const double t0[] = { 0, 0, 0.5, 1 - 3, 0.5 - 2, 4 - 2 }; /* t(s = j) is the sum of gaps */
  const gn_dataset d = two_samples();
  const size_t idx[2] = { 1, 0 };
  gn_arena *a;
  gn_batch b;
  gn_ck_ok(gn_arena_create(&a));
  gn_ck_ok(gn_batch_setup(&b, a, &d, 2));
  gn_batch_take(&b, &d, 2, idx);
  ck_assert_mem_eq(b.drive.x, x, sizeof x);
  ck_assert_mem_eq(b.drive.mask, seen, sizeof seen);
  ck_assert_mem_eq(b.drive.dt, dt, sizeof dt);
  ck_assert_mem_eq(b.drive.t0, t0, sizeof t0);
  const gn_target tg = gn_batch_target(&b, &d, 1);
  ck_assert_ptr_eq(tg.weight, weights);
  gn_arena_destroy(&a);
}
END_TEST

static gn_dataset given;
static gn_status make_given(const void *config, uint64_t seed, const char *dir, gn_dataset *d)
{
  (void)config, (void)seed, (void)dir;
  gn_arena *a = d->arena;
  *d = given;
  d->arena = a;
  return GN_OK;
}

/* What a data set promises is looked at. */
START_TEST(promises)
{
  static const gn_option none[] = { GN_OPTIONS_END };
  static const double back[] = { 1, 3, -0.5, 0 };
  static const unsigned char all[] = { 1, 1, 1, 1 };
  const gn_dataset_class cls = { .name = "given", .options = none, .make = make_given };
  gn_dataset *d;
  given = two_samples();
  gn_ck_ok(gn_dataset_create(&cls, NULL, 1, "", &d));
  gn_dataset_destroy(&d);
  given.gap = back;
  gn_ck_fails(gn_dataset_create(&cls, NULL, 1, "", &d), GN_EARG, "sample 1: gap 0 is -0.5");
  given = two_samples();
  given.obs_mask = all;
  gn_ck_fails(gn_dataset_create(&cls, NULL, 1, "", &d), GN_ENONFINITE, "observation 1");
  given = two_samples();
  given.sequence.outputs = GN_SEQUENCE_AFTER;
  gn_ck_fails(gn_dataset_create(&cls, NULL, 1, "", &d), GN_EARG, "6 outputs");
}
END_TEST

/* ---- rows with gaps of their own ------------------------------------------------------- */

/* A batch against each row alone, over plain times instead of spans: node with f = 0.3 y goes
   over a gap g by exp(0.3 g), the jump adds A y + a + B x + b; a missing observation does
   nothing. */
START_TEST(closed_form)
{
  const gn_dataset d = two_samples();
  gn_event ev[16];
  gn_problem pb;
  gn_arena *a;
  gn_batch b;
  gn_pass *ps;
  gn_model *m = gn_rig_model("node:dim=1:depth=0:jump=linear:observations=2", 0, 0);
  /* f W, b; jump.h W, b; jump.x W, b */
  static const double p[] = { 0.3, 0, -0.5, 0.1, 0.7, -0.2, 0.05 };
  ck_assert_uint_eq(m->params.np, sizeof p / sizeof *p);
  const gn_stepper_class *erk = gn_stepper_find("erk");
  gn_ck_ok(gn_arena_create(&a));
  gn_solver solver = { .cls = erk, .tol = { 1e-12, 1e-12 }, .back = { 1e-12, 1e-12 } };
  solver.config = gn_rig_config(a, erk->options, erk->config_size, "");
  gn_ck_ok(gn_problem_sequence(m, &seq, GN_LAND, ev, &pb));
  const gn_gradient_class *g = gn_gradient_find("discrete");
  const void *config = gn_rig_config(a, g->options, g->config_size, "");
  gn_ck_ok(gn_pass_create(g, config, &pb, &solver, 2, &ps));
  gn_ck_ok(gn_batch_setup(&b, a, &d, 2));
  gn_batch_take(&b, &d, 2, (const size_t[]){ 0, 1 });
  double z[NOUT * 2];
  gn_ck_ok(gn_pass_forward(ps, 2, p, &b.drive, b.x, z));
  for (size_t i = 0; i < 2; i++) {
    double y = inputs[i], want[NOUT];
    for (size_t j = 0; j < J; j++) {
      const double *x = obs + (i * J + j) * 2;
      if (there[i * J + j]) y += -0.5 * y + 0.1 + 0.7 * x[0] - 0.2 * x[1] + 0.05;
      want[2 * j] = y;
      y *= exp(0.3 * gaps[i * J + j]);
      want[2 * j + 1] = y;
    }
    for (size_t k = 0; k < NAHEAD; k++) want[2 * (size_t)J + k] = y * exp(0.3 * ahead[k]);
    for (size_t k = 0; k < NOUT; k++) gn_ck_close(z[k * 2 + i], want[k], 1e-10);
  }
  gn_pass_destroy(&ps);
  gn_model_destroy(&m);
  gn_arena_destroy(&a);
}
END_TEST

/* ---- strategies ---------------------------------------------------------------------- */

static const char *const models[] = {
  "node:dim=2:width=5:time=append:jump=gru:observations=3",
  "anode:dim=2:augment=1:width=5:jump=mlp:jump_depth=1:observations=3",
  "sonode:dim=2:width=5:jump=mlp:jump_skip=no:observations=3",
  "hbnode:dim=2:width=5:jump=linear:observations=3",
  "ghbnode:dim=2:width=5:jump=gru:observations=3",
  "node:dim=2:width=5:jump=lstm:observations=3",
  "hbnode:dim=2:width=5:jump=lstm:observations=3",
};
enum { NMODEL = sizeof models / sizeof *models };
static gn_rig_way steppers[GN_RIG_WAYS], strategies[GN_RIG_WAYS];
static size_t nstepper, nstrategy;

/* A rig whose problem is the sequence, with gaps of each row and observations missing. */
static void make(const gn_model *m, gn_output_mode mode, const gn_rig_way *st, gn_rig *r)
{
  gn_rig_create(m, GN_RIG_PLAIN, mode, B, st, 1e-5, 0.1, r);
  gn_ck_ok(gn_problem_sequence(m, &seq, mode, r->event, &r->problem));
  const size_t n = (size_t)(J + 1) * B, njump = (size_t)J * B, nx = njump * m->nobs;
  r->nY = NOUT * r->n;
  r->gY = gn_arena_alloc(r->arena, r->nY, sizeof(double));
  r->t0 = gn_arena_alloc(r->arena, n, sizeof(double));
  r->dt = gn_arena_alloc(r->arena, n, sizeof(double));
  r->x = gn_arena_alloc(r->arena, nx, sizeof(double));
  r->mask = gn_arena_alloc(r->arena, njump, 1);
  ck_assert(r->gY && r->t0 && r->dt && r->x && r->mask);
  gn_rig_random(21, r->nY, 1, r->gY);
  gn_rig_random(22, nx, 1, r->x);
  for (size_t i = 0; i < n; i++) r->dt[i] = 0.2 + 0.3 * (double)(i * i % 7); /* 0.2 to 2 */
  for (size_t i = 0; i < n; i++) r->t0[i] = -0.1 * (double)i;
  memset(r->mask, 1, njump);
  r->mask[1] = r->mask[B + 2] = 0;
  r->drive = (gn_drive){ .t0 = r->t0, .dt = r->dt, .x = r->x, .mask = r->mask };
}

/* Every legal pair runs; exact ones agree with the recorded tangents to 1e-12 (sums of a few
   hundred terms). Others are of the solver's size: at tolerance 1e-5 the error is below 1e-2,
   and so for steps of 0.1, which are up to 0.2 of a row's time, but 0.1 at order 1. Where
   nothing is recorded erk at 1e-10 is the reference. */
START_TEST(pairs)
{
  const gn_rig_way *st = &steppers[_i];
  const gn_stepper_class *cls = st->cls;
  for (size_t k = 0; k < NMODEL; k++)
    for (int mode = 0; mode < 2; mode++) {
      gn_model *m = gn_rig_model(models[k], 0, 0);
      gn_rig r;
      make(m, mode ? GN_INTERPOLATE : GN_LAND, st, &r);
      gn_rig_answer ref, a;
      const int possible = gn_rig_possible(&r);
      if (possible) {
        const int recorded = gn_pair_check(cls, gn_gradient_find("tangent")) == GN_OK;
        const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
        gn_tableau tab;
        const double rough = gn_rig_tableau(&r, &tab) && tab.order == 1 ? 0.1 : 1e-2;
        gn_rig fine;
        make(m, mode ? GN_INTERPOLATE : GN_LAND, &erk, &fine);
        fine.solver.tol = fine.solver.back = (gn_tolerance){ 1e-10, 1e-10 };
        if (recorded) gn_rig_answer_of(&r, "tangent", 0, &ref);
        else gn_rig_answer_of(&fine, "discrete", 0, &ref);
        for (size_t j = 0; j < nstrategy; j++) {
          const gn_gradient_class *g = strategies[j].cls;
          if (!gn_rig_runs(st, &strategies[j]) || gn_rig_refuses(&r, &strategies[j])) continue;
          char text[160];
          (void)snprintf(text, sizeof text, "%s%s%s", g->name, strategies[j].text[0] ? ":" : "",
                         strategies[j].text);
          gn_rig_answer_of(&r, text, 0, &a);
          const double off = gn_rig_distance(&r, &a, &ref);
          const double limit = g->exact && !g->oracle && recorded ? 1e-12 : rough;
          ck_assert_msg(off <= limit, "%s %s, %s, %s, output %d: %.1e", cls->name, st->text, text,
                        models[k], mode, off);
        }
        gn_rig_destroy(&fine);
      }
      gn_rig_destroy(&r);
      gn_model_destroy(&m);
    }
}
END_TEST

/* A stepper that runs past outputs begins anew at every observation, as one solve for each gap:
   the solution and its gradient to the tolerance of 1e-10, with outputs ahead read inside steps.
   Who needs its steps refuses. */
START_TEST(overshooting)
{
  const gn_rig_way erk = { .cls = gn_stepper_find("erk") };
  const gn_rig_way past = { .cls = gn_stepper_find("torchdiffeq") };
  for (size_t k = 0; k < NMODEL; k++) {
    gn_model *m = gn_rig_model(models[k], 0, 0);
    gn_rig r, fine;
    gn_rig_answer a, ref;
    make(m, GN_LAND, &past, &r);
    make(m, GN_LAND, &erk, &fine);
    r.solver.tol = r.solver.back = fine.solver.tol = (gn_tolerance){ 1e-10, 1e-10 };
    gn_rig_answer_of(&fine, "discrete", 0, &ref);
    gn_rig_answer_of(&r, "backsolve", 0, &a);
    for (size_t i = 0; i < r.nY; i++) gn_ck_close(a.Y[i], ref.Y[i], 1e-7);
    ck_assert_double_le(gn_rig_distance(&r, &a, &ref), 1e-6);
    /* 2 + 6 (accepted + rejected) evaluations of each of the three solves */
    ck_assert_int_eq(a.stats.nfe_forward, 6 + 6 * (a.stats.steps + a.stats.rejects));
    gn_gradient *g;
    const gn_gradient_class *cls = gn_gradient_find("discrete");
    const void *config = gn_rig_config(r.arena, cls->options, cls->config_size, "");
    gn_ck_fails(gn_gradient_create(cls, config, &r.problem, &r.solver, B, &g), GN_EUNSUP,
                "runs past");
    gn_rig_destroy(&r);
    gn_rig_destroy(&fine);
    gn_model_destroy(&m);
  }
}
END_TEST

/* ---- losses -------------------------------------------------------------------------- */

/* 0.1 (mse of some outputs) + mse of others, as weights K/G; rmse_last leaves them out. */
START_TEST(weighted_mse)
{
  enum { K = 4, ROWS = 2 };
  static const double z[K * ROWS] = { 1, 2, 3, 4, 5, 6, 7, 8 }, y[K * ROWS] = { 0 };
  static const double w[K] = { 0.1 * K / 3, 0.1 * K / 3, 0.1 * K / 3, K };
  const gn_loss_class *cls = gn_loss_find("mse");
  gn_arena *a;
  gn_ck_ok(gn_arena_create(&a));
  const void *config = gn_rig_config(a, cls->options, cls->config_size, "");
  const void *last = gn_rig_config(a, cls->options, cls->config_size, "rmse_last=1");
  const gn_target tg = { K, ROWS, 1, 1, y, NULL, w };
  double loss, gz[K * ROWS];
  const double want = 0.1 * (1 + 4 + 9 + 16 + 25 + 36) / 6 + (49 + 64) / 2.0;
  gn_ck_ok(cls->eval(config, &tg, z, &loss, gz));
  gn_ck_close(loss, want, 1e-14);
  gn_ck_close(gz[0], 2 * 0.1 / 6, 1e-14);
  gn_ck_close(gz[7], 8, 1e-14);
  gn_ck_close(cls->metric(config, &tg, z), sqrt(want), 1e-14);
  gn_ck_close(cls->metric(last, &tg, z), sqrt((49 + 64) / 2.0), 1e-14);
  cls = gn_loss_find("cross_entropy");
  config = gn_rig_config(a, cls->options, cls->config_size, "");
  gn_ck_fails(cls->eval(config, &tg, z, &loss, gz), GN_EARG, "weigh");
  gn_arena_destroy(&a);
}
END_TEST

int main(void)
{
  nstepper = gn_rig_steppers(steppers);
  nstrategy = gn_rig_gradients(strategies);
  Suite *s = suite_create("sequence");
  TCase *t = tcase_create("sequence");
  tcase_add_test(t, events);
  tcase_add_test(t, batch);
  tcase_add_test(t, promises);
  tcase_add_test(t, closed_form);
  tcase_add_loop_test(t, pairs, 0, (int)nstepper);
  tcase_add_test(t, overshooting);
  tcase_add_test(t, weighted_mse);
  tcase_set_timeout(t, 600);
  suite_add_tcase(s, t);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
