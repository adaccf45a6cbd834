/* `discrete` within a byte budget: the binomial schedule against its dynamic programme, the
 * states kept while the number of steps grows against the schedule that knows it, and whole
 * sweeps: never above the budget, as many replays as predicted, the same bits, no
 * allocation. */
#include "support/rig.h"
#include "support/support.h"
#include "support/wrap.h"

#include "base/vec.h"
#include "core/trajectory.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the schedule -------------------------------------------------------------------- */

enum { LMAX = 300, SMAX = 12 };

/* t(l, s) = min_m m + t(l - m, s - 1) + t(m, s), t(l, 1) = l (l - 1) / 2. */
START_TEST(binomial)
{
  static long t[SMAX + 1][LMAX + 1];
  for (long s = 1; s <= SMAX; s++)
    for (long l = 2; l <= LMAX; l++) {
      t[s][l] = l * (l - 1) / 2;
      for (long m = 1; s > 1 && m < l; m++) {
        const long v = m + t[s - 1][l - m] + t[s][m];
        if (v < t[s][l]) t[s][l] = v;
      }
      ck_assert_double_eq(gn_revolve_advances((size_t)l, (size_t)s), (double)t[s][l]);
      if (s == 1) continue;
      const long m = (long)gn_revolve_split((size_t)l, (size_t)s);
      ck_assert(m >= 1 && m < l);
      ck_assert_msg(m + t[s - 1][l - m] + t[s][m] == t[s][l], "l = %ld, s = %ld: %ld", l,
                    s, m);
    }
  ck_assert_double_eq(gn_revolve_advances(1, 3), 0);
  ck_assert_double_eq(gn_revolve_advances(1000000, (size_t)1e15), 999999);
}
END_TEST

/* ---- states kept while N grows -------------------------------------------------------- */

enum { CMAX = 64, NMAX = 5000 };
static const size_t rooms[] = { 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, CMAX };

/* At every N from 50 on, what a sweep over N steps would replay, per least number; the last
   step has its tapes. */
START_TEST(near_the_optimum)
{
  static size_t at[CMAX + 2];
  static unsigned char stays[CMAX + 2], drop[CMAX + 2];
  static double tail[CMAX + 2], loss[CMAX + 2];
  gn_kept k = { 1, at, stays, drop, tail, loss };
  const size_t room = rooms[_i];
  double worst = 0, sum = 0;
  size_t where = 0;
  at[0] = 0;
  stays[0] = 1;
  for (size_t N = 1; N <= NMAX; N++) { /* state N - 1 is the latest, step N - 1 is taken */
    if (k.n > room) {
      size_t left = 0;
      ck_assert(gn_kept_thin(&k, N, room));
      for (size_t i = 0; i < k.n; i++)
        if (!drop[i]) at[left++] = at[i];
      k.n = left;
      ck_assert_uint_le(k.n, room);
      ck_assert_uint_eq(at[0], 0);
    }
    const double q = gn_kept_replays(&k, N, N - 1, room) / gn_revolve_advances(N, room);
    ck_assert(N < 2 || q >= 1 - 1e-12);
    if (N >= 50) sum += q;
    if (N >= 50 && q > worst) worst = q, where = N;
    at[k.n] = N;
    stays[k.n++] = 0;
  }
  printf("%2zu states: at most %.3f times the optimum (%zu steps), %.4f on average\n", room,
         worst, where, sum / (NMAX - 49));
  ck_assert_msg(worst <= 1.2, "%zu states, %zu steps: %.3f", room, where, worst);
}
END_TEST

/* States that stay do, and no room for others is none. */
START_TEST(some_stay)
{
  size_t at[] = { 0, 1, 2, 3, 4 };
  unsigned char stays[] = { 1, 1, 0, 1, 1 }, drop[5];
  double tail[6], loss[6];
  gn_kept k = { 5, at, stays, drop, tail, loss };
  ck_assert(gn_kept_thin(&k, 9, 4));
  for (int i = 0; i < 5; i++) ck_assert_int_eq(drop[i], i == 2);
  stays[2] = 1;
  ck_assert(!gn_kept_thin(&k, 9, 4));
  stays[3] = stays[4] = 0; /* 0, 1, 2 of 4 stay: one of 3, 4 goes */
  ck_assert(gn_kept_thin(&k, 9, 4));
  ck_assert_int_eq(drop[0] + drop[1] + drop[2], 0);
  ck_assert_int_eq(drop[3] + drop[4], 1);
}
END_TEST

/* ---- sweeps over fixed steps ---------------------------------------------------------- */

typedef struct chain {
  gn_model *model;
  gn_event event;
  gn_problem problem;
  gn_arena *arena;
  gn_walk *walk;
  double y0, Y, p;
} chain;

/* N steps of a table for h' = -h / 2. */
static void make_chain(size_t N, const char *table, chain *c)
{
  char text[80];
  const gn_stepper_class *cls = gn_stepper_find("rkfixed");
  const double times[2] = { 0, (double)N / 1024 };
  gn_ck_ok(gn_arena_create(&c->arena));
  c->model = gn_rig_model("linear:dim=1", 0, 0);
  c->y0 = 1;
  c->p = -0.5;
  gn_ck_ok(gn_problem_outputs(c->model, 1, times, GN_LAND, &c->event, &c->problem));
  (void)snprintf(text, sizeof text, "h=%.17g:table=%s", 1.0 / 1024, table);
  const gn_solver solver = { .cls = cls, .tol = { 1, 1 }, .back = { 1, 1 },
    .config = gn_rig_config(c->arena, cls->options, cls->config_size, text) };
  gn_ck_ok(gn_walk_create(&c->problem, &solver, 1, &c->walk));
}

static void destroy_chain(chain *c)
{
  gn_walk_destroy(&c->walk);
  gn_model_destroy(&c->model);
  gn_arena_destroy(&c->arena);
}

static void solve(chain *c, gn_traj *tr)
{
  gn_traj_clear(tr);
  gn_ck_ok(gn_walk_forward(c->walk, 1, &c->p, NULL, &c->y0, &c->Y, gn_traj_put, tr));
  gn_traj_rewind(tr);
}

/* Undo all steps; the stages of each against those of `all`, which has every record. */
static void sweep(gn_traj *tr, gn_traj *all)
{
  gn_tape tape, same;
  for (size_t n = tr->n; n-- > 0;) {
    gn_ck_ok(gn_traj_obtain(tr, n));
    for (int i = 1; i < tr->tab->s; i++) {
      tape = gn_traj_stage(tr, n, i);
      same = gn_traj_stage(all, n, i);
      ck_assert_msg(tape.field[0][0] == same.field[0][0], "step %zu, stage %d", n, i);
    }
    gn_ck_ok(gn_traj_first(tr, n, &tape));
    gn_ck_ok(gn_traj_first(all, n, &same));
    ck_assert(tape.field[0][0] == same.field[0][0]);
    gn_traj_release(tr, n);
  }
}

static const char *const tables[] = { "dormand_prince", "rk4", "euler" };
enum { NTABLE = 3 };

/* Bytes of c states beside what a sweep needs: the minimum has two. */
static double room_for(const gn_traj *tr, size_t c)
{
  return gn_traj_minimum(tr) + ((double)c - 2) * tr->state;
}

START_TEST(whole_sweeps)
{
  static const size_t steps[] = { 50, 91, 200, 496, 1000, 1326, 2500, 5000 };
  static const size_t few[] = { 3, 5, 10, 25, 50 };
  double worst = 0;
  for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
    chain c;
    gn_traj *all, *tr;
    make_chain(steps[j], tables[_i], &c);
    gn_ck_ok(gn_traj_create(c.walk, 1e18, &all));
    solve(&c, all);
    ck_assert_uint_eq(all->n, steps[j]);
    ck_assert_int_eq(all->predicted, 0);
    for (size_t k = 0; k < sizeof few / sizeof *few; k++) {
      const double budget = room_for(all, few[k]);
      gn_ck_ok(gn_traj_create(c.walk, budget, &tr));
      solve(&c, tr);
      const long predicted = tr->predicted;
      sweep(tr, all);
      const double q = (double)tr->recomputed / gn_revolve_advances(steps[j], few[k]);
      if (q > worst) worst = q;
      ck_assert_msg(q <= 1.2, "%zu steps, %zu states: %.3f", steps[j], few[k], q);
      /* the optimum has the tapes of the last step; there may be room for one more */
      ck_assert((double)tr->recomputed >= gn_revolve_advances(steps[j] - 1, few[k]));
      ck_assert_int_eq(tr->recomputed, predicted);
      ck_assert_msg(tr->peak <= budget, "%.0f bytes of %.0f", tr->peak, budget);
      /* once more: only the first state is left, and the schedule is revolve's own */
      gn_traj_rewind(tr);
      const double again =
        tr->thinned ? gn_revolve_replays(steps[j], few[k]) : (double)steps[j];
      ck_assert_double_eq((double)tr->predicted, again);
      sweep(tr, all);
      ck_assert_double_eq((double)tr->recomputed, again);
      ck_assert_msg(tr->peak <= budget, "%.0f bytes of %.0f", tr->peak, budget);
      gn_traj_destroy(&tr);
    }
    gn_traj_destroy(&all);
    destroy_chain(&c);
  }
  printf("%s: at most %.3f times the optimum\n", tables[_i], worst);
}
END_TEST

/* Every budget from nothing to all: the peak, and no replay more than a smaller one needs. */
START_TEST(every_budget)
{
  enum { N = 60 };
  chain c;
  gn_traj *all, *tr;
  make_chain(N, tables[_i], &c);
  gn_ck_ok(gn_traj_create(c.walk, 1e18, &all));
  solve(&c, all);
  const double least = gn_traj_minimum(all);
  for (long bytes = 1; (double)bytes < all->peak; bytes += 8) {
    const double budget = (double)bytes;
    gn_ck_ok(gn_traj_create(c.walk, budget, &tr));
    solve(&c, tr);
    const long predicted = tr->predicted;
    sweep(tr, all);
    ck_assert_int_eq(tr->recomputed, predicted);
    ck_assert(tr->recomputed > 0);
    ck_assert_msg(tr->peak <= (budget > least ? budget : least), "%.0f of %.0f", tr->peak,
                  budget);
    ck_assert(tr->thinned || tr->recomputed < N);
    gn_traj_destroy(&tr);
  }
  gn_ck_ok(gn_traj_create(c.walk, all->peak, &tr)); /* all fits exactly */
  solve(&c, tr);
  sweep(tr, all);
  ck_assert_int_eq(tr->recomputed, 0);
  ck_assert_double_eq(tr->peak, all->peak);
  gn_traj_destroy(&tr);
  gn_traj_destroy(&all);
  destroy_chain(&c);
}
END_TEST

/* ---- the strategy --------------------------------------------------------------------- */

static gn_rig_way ways[GN_RIG_WAYS];
static size_t nway;
static const gn_rig_kind kinds[] = { GN_RIG_PLAIN, GN_RIG_JUMPS, GN_RIG_SPANS, GN_RIG_ALL };

static gn_status create(const gn_rig *r, double budget, gn_gradient **g)
{
  char text[40];
  const gn_gradient_class *cls = gn_gradient_find("discrete");
  (void)snprintf(text, sizeof text, "budget=%.17g", budget);
  const void *config = gn_rig_config(r->arena, cls->options, cls->config_size, text);
  return gn_gradient_create(cls, config, &r->problem, &r->solver, r->B, g);
}

static void check_same(const gn_rig *r, const gn_rig_answer *a, const gn_rig_answer *b)
{
  ck_assert(gn_test_same(a->Y, b->Y, r->nY * sizeof *a->Y));
  ck_assert(gn_test_same(a->gy0, b->gy0, r->n * sizeof *a->gy0));
  ck_assert(gn_test_same(a->gp, b->gp, r->np * sizeof *a->gp));
}

/* One budget: two solves and a second sweep of the last; then nothing more is allocated. */
static gn_stats run(const gn_rig *r, double budget, const gn_rig_answer *all)
{
  gn_gradient *g;
  gn_rig_answer a;
  gn_ck_ok(create(r, budget, &g));
  gn_rig_run(r, g, 0, &a);
  check_same(r, all, &a);
  const gn_stats s = a.stats;
  ck_assert_int_eq(s.recomputed, s.recompute_predicted);
  gn_vec_fill(r->n, 0, a.gy0);
  gn_vec_fill(r->np, 0, a.gp);
  gn_ck_ok(gn_gradient_backward(g, r->gY, a.gy0, a.gp, NULL));
  check_same(r, all, &a);
  ck_assert_int_eq(g->stats.recomputed, g->stats.recompute_predicted);
  ck_assert_int_eq(g->stats.bytes, s.bytes);
  const long before = gn_wrap_count();
  const gn_status f = gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, a.Y);
  const gn_status b = gn_gradient_backward(g, r->gY, a.gy0, a.gp, NULL);
  const long after = gn_wrap_count();
  gn_ck_ok(f);
  gn_ck_ok(b);
  ck_assert_int_eq(after - before, 0);
  ck_assert_int_eq(g->stats.recomputed, s.recomputed);
  ck_assert_int_eq(g->stats.bytes, s.bytes);
  gn_gradient_destroy(&g);
  return s;
}

/* The least budget, by the header's formula, and the bytes of a state. */
static double least_budget(const gn_rig *r, double *state)
{
  gn_walk *w;
  gn_traj *tr;
  double *Y = calloc(r->nY, sizeof *Y);
  ck_assert(Y != NULL);
  gn_ck_ok(gn_walk_create(&r->problem, &r->solver, r->B, &w));
  gn_ck_ok(gn_traj_create(w, 1e18, &tr));
  gn_ck_ok(gn_walk_forward(w, r->B, r->p, &r->drive, r->y0, Y, gn_traj_put, tr));
  const gn_tableau *tab = w->st->tab;
  double row = 0;
  size_t fresh = 0;
  for (size_t j = 0; j < w->sys.fields->n; j++) row += 8.0 * (double)w->sys.fields->width[j];
  for (size_t n = 0; n < tr->n; n++) fresh += tr->step[n].fresh != 0;
  const double tape = row * (double)r->B, record = tape * (tab->s - tab->fsal);
  *state = 8.0 * (double)r->n * (1 + tab->fsal);
  const double least = record + (record > *state ? record : *state) + tape * tab->fsal +
                       (double)(fresh + 1) * *state;
  ck_assert_double_eq(gn_traj_minimum(tr), least);
  gn_traj_destroy(&tr);
  gn_walk_destroy(&w);
  free(Y);
  return least;
}

/* strict: the least budget does, anything less is an error that names both. */
static void check_strict(const gn_rig *r, double least)
{
  static const double part[2] = { 1, 0.999 };
  const gn_gradient_class *cls = gn_gradient_find("discrete");
  for (int k = 0; k < 2; k++) {
    char text[80];
    gn_gradient *g;
    double *Y = gn_arena_alloc(r->arena, r->nY, sizeof *Y);
    ck_assert(Y != NULL);
    (void)snprintf(text, sizeof text, "strict=yes:budget=%.17g", part[k] * least);
    const void *config = gn_rig_config(r->arena, cls->options, cls->config_size, text);
    gn_ck_ok(gn_gradient_create(cls, config, &r->problem, &r->solver, r->B, &g));
    const gn_status s = gn_gradient_forward(g, r->B, r->p, &r->drive, r->y0, Y);
    ck_assert_int_eq(s, k ? GN_ELIMIT : GN_OK);
    ck_assert(!k || strstr(gn_last_error(), "gradient.budget is"));
    gn_gradient_destroy(&g);
  }
}

static void check_budgets(const gn_rig *r)
{
  gn_rig_answer all;
  double state;
  gn_rig_answer_of(r, "discrete", 0, &all);
  ck_assert_int_eq(all.stats.recomputed, 0);
  ck_assert_ptr_nonnull(strstr(all.stats.note, "step records kept"));
  const double least = least_budget(r, &state);
  long before = 0;
  for (long k = 0; least + 3 * (double)k * state < (double)all.stats.bytes; k++) {
    const double budget = least + 3 * (double)k * state;
    const gn_stats s = run(r, budget, &all);
    ck_assert_msg((double)s.bytes <= budget, "%ld bytes of %.0f", s.bytes, budget);
    ck_assert(s.recomputed > 0 && strstr(s.note, "predicted") && !strstr(s.note, "exceeded"));
    if (!before) before = s.recomputed;
    ck_assert_int_le(s.recomputed, before);
  }
  check_strict(r, least);
  const gn_stats s = run(r, 1, &all);
  ck_assert_ptr_nonnull(strstr(s.note, "exceeded by"));
  ck_assert_double_le((double)s.bytes, least);
  ck_assert_int_gt(s.recomputed, 0);
}

START_TEST(jumps_and_spans)
{
  for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
    for (int mode = GN_LAND; mode <= GN_INTERPOLATE; mode++) {
      gn_rig r;
      gn_gradient *g;
      gn_model *m = gn_rig_model("kicked:dim=2", 0, 0);
      gn_rig_create(m, kinds[k], (gn_output_mode)mode, 2, &ways[_i], 1e-6, 0.04, &r);
      const gn_status s = create(&r, 1e18, &g);
      gn_gradient_destroy(&g);
      ck_assert_msg(s == GN_OK || s == GN_EUNSUP, "%s", gn_last_error());
      if (s == GN_OK) check_budgets(&r);
      gn_rig_destroy(&r);
      gn_model_destroy(&m);
    }
}
END_TEST

/* Step sizes chosen by the error test: N is known at the end only. */
START_TEST(adaptive)
{
  static const size_t few[] = { 3, 5, 10, 20, 50 };
  const gn_rig_way erk = { .cls = gn_stepper_find("erk"), .text = "table=bogacki_shampine" };
  gn_model *m = gn_rig_model("lotka", 0, 0);
  gn_rig r;
  gn_rig_answer all;
  double state;
  gn_rig_create(m, GN_RIG_PLAIN, GN_LAND, 2, &erk, 1e-10, 1, &r);
  gn_rig_answer_of(&r, "discrete", 0, &all);
  const size_t N = (size_t)all.stats.steps;
  ck_assert_uint_gt(N, 400);
  const double least = least_budget(&r, &state);
  for (size_t k = 0; k < sizeof few / sizeof *few; k++) {
    const double budget = least + ((double)few[k] - 2) * state;
    const gn_stats s = run(&r, budget, &all);
    const double q = (double)s.recomputed / gn_revolve_advances(N, few[k]);
    printf("erk, %zu steps, %zu states: %.3f times the optimum. %s\n", N, few[k], q, s.note);
    ck_assert_msg(q <= 1.2, "%zu steps, %zu states: %.3f", N, few[k], q);
    ck_assert_double_le((double)s.bytes, budget);
  }
  gn_rig_destroy(&r);
  gn_model_destroy(&m);
}
END_TEST

int main(void)
{
  gn_rig_way every[GN_RIG_WAYS];
  const size_t n = gn_rig_steppers(every);
  for (size_t k = 0; k < n; k++) {
    const gn_stepper_class *cls = every[k].cls;
    if (cls->offers & GN_HAS_STAGES) ways[nway++] = every[k];
  }
  Suite *s = suite_create("budget");
  TCase *plan = tcase_create("schedule"), *runs = tcase_create("sweeps"),
        *strategy = tcase_create("strategy");
  tcase_add_test(plan, binomial);
  tcase_add_loop_test(plan, near_the_optimum, 0, (int)(sizeof rooms / sizeof *rooms));
  tcase_add_test(plan, some_stay);
  tcase_add_loop_test(runs, whole_sweeps, 0, NTABLE);
  tcase_add_loop_test(runs, every_budget, 0, NTABLE);
  tcase_add_loop_test(strategy, jumps_and_spans, 0, (int)nway);
  tcase_add_test(strategy, adaptive);
  suite_add_tcase(s, plan);
  suite_add_tcase(s, runs);
  suite_add_tcase(s, strategy);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
