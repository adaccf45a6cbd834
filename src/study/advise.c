/* The ladder of advise.h, and its report. */
#include "study/advise.h"

#include "base/clock.h"
#include "base/table.h"
#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RUNGS = 12, HALVINGS = 2, PATIENCE = 4 };
/* A decade of tolerance costs a method of order 5 a factor 10^(1/5). */
static const double A_DECADE = 1.6;

/* A strategy on the ladder. */
typedef struct climber {
  gn_compare_row *row;
  int alive, stalled;
  double least; /* smallest error so far                     */
  long work;    /* of its last run                           */
  size_t good;  /* its cheapest pilot that reached the target */
  double loose; /* tightest tolerance that did not; 0: none   */
} climber;
#define NOBODY ((size_t)-1)

static gn_status room(gn_advice *a)
{
  if (a->n < a->cap) return GN_OK;
  gn_pilot *more;
  GN_NEW(a->arena, more, 2 * a->cap + 32);
  if (a->n) memcpy(more, a->pilot, a->n * sizeof *more);
  a->pilot = more;
  a->cap = 2 * a->cap + 32;
  return GN_OK;
}

/* Two digits are enough for advice, and can be typed. */
static double rounded(double x)
{
  char buf[40];
  double y = x;
  (void)snprintf(buf, sizeof buf, "%.1e", x);
  (void)gn_text_double(buf, &y);
  return y;
}

static gn_status fly(gn_advice *a, climber *cl, double rtol)
{
  gn_compare *c = a->c;
  const gn_experiment *e = c->e;
  const gn_tolerance tol = { rtol, rtol * (e->solver.atol / e->solver.rtol) };
  c->solver.tol = c->solver.back = c->solver.quad = tol;
  GN_TRY(room(a));
  GN_TRY(gn_compare_fill(c, cl->row, 0));
  const gn_compare_row *r = cl->row;
  gn_pilot *p = &a->pilot[a->n++];
  *p = (gn_pilot){ .row = r,
                   .rtol = rtol,
                   .err_ode = r->err_ode,
                   .status = r->status,
                   .work = gn_stats_work(&r->stats),
                   .bytes = r->stats.bytes,
                   .sec = r->stats.sec + r->stats.back_sec };
  p->good = p->status == GN_OK && p->err_ode <= a->target;
  a->work += p->work;
  if (p->status == GN_EUNSUP || p->status == GN_EARG) cl->alive = 0;
  const int moved = p->work != cl->work; /* else the outputs alone fixed the steps */
  if (p->status == GN_OK) cl->work = p->work;
  if (!p->good) {
    if (cl->loose == 0 || rtol < cl->loose) cl->loose = rtol;
    cl->stalled = p->err_ode <= cl->least / 2 ? 0 : cl->stalled + moved;
    if (p->err_ode < cl->least) cl->least = p->err_ode;
  } else if (cl->good == NOBODY || p->work < a->pilot[cl->good].work) {
    cl->good = a->n - 1;
  }
  return GN_OK;
}

static int cheapest_first(const void *a, const void *b)
{
  const climber *x = a, *y = b;
  if (x->work != y->work) return x->work < y->work ? -1 : 1;
  return (x->row > y->row) - (x->row < y->row);
}

/* Work of the best pilot, LONG_MAX-like without one. */
static double best_work(const gn_advice *a)
{
  double best = (double)INFINITY;
  for (size_t k = 0; k < a->n; k++)
    if (a->pilot[k].good && (double)a->pilot[k].work < best)
      best = (double)a->pilot[k].work;
  return best;
}

static gn_status climb(gn_advice *a, size_t n, climber *cl)
{
  const double floor = 10 * a->c->e->compare.reference_tol;
  for (int rung = 1; rung <= RUNGS && pow(10, -rung) >= floor; rung++) {
    qsort(cl, n, sizeof *cl, cheapest_first);
    for (size_t k = 0; k < n; k++) {
      if (!cl[k].alive) continue;
      if ((double)cl[k].work >= best_work(a)) cl[k].alive = 0;
      if (cl[k].alive) GN_TRY(fly(a, &cl[k], rounded(pow(10, -rung))));
      if (cl[k].good != NOBODY || cl[k].stalled >= PATIENCE) cl[k].alive = 0;
    }
  }
  return GN_OK;
}

/* Between the last rung that missed the target and the first that met it. */
static gn_status refine(gn_advice *a, climber *cl)
{
  for (int k = 0; k < HALVINGS; k++) {
    const gn_pilot *p = &a->pilot[cl->good];
    if (cl->loose <= p->rtol || (double)p->work > A_DECADE * best_work(a)) return GN_OK;
    GN_TRY(fly(a, cl, rounded(sqrt(cl->loose * p->rtol))));
  }
  return GN_OK;
}

/* Digits that cost nothing: tighter tolerances with the same steps. */
static gn_status tighten(gn_advice *a, climber *cl)
{
  const double floor = 10 * a->c->e->compare.reference_tol;
  for (;;) {
    const gn_pilot *p = &a->pilot[cl->good];
    const double rtol = rounded(p->rtol / 10);
    const long work = p->work;
    if (rtol < floor) return GN_OK;
    GN_TRY(fly(a, cl, rtol));
    p = &a->pilot[a->n - 1];
    if (!p->good || p->work > work) return GN_OK;
    cl->good = a->n - 1;
  }
}

static gn_status choose(gn_advice *a)
{
  size_t n = a->c->n;
  climber *cl;
  GN_NEW(a->arena, cl, n);
  for (size_t k = 0; k < n; k++)
    cl[k] = (climber){
      .row = &a->c->row[k], .alive = 1, .good = NOBODY, .least = (double)INFINITY
    };
  GN_TRY(climb(a, n, cl));
  for (size_t k = 0; k < n; k++)
    if (cl[k].good != NOBODY) GN_TRY(refine(a, &cl[k]));
  climber *best = NULL, *next = NULL;
  for (size_t k = 0; k < n; k++) {
    if (cl[k].good == NOBODY) continue;
    const long work = a->pilot[cl[k].good].work;
    if (!best || work < a->pilot[best->good].work)
      next = best, best = &cl[k];
    else if (!next || work < a->pilot[next->good].work)
      next = &cl[k];
  }
  if (!best) return GN_OK;
  GN_TRY(tighten(a, best));
  a->best = &a->pilot[best->good];
  a->next = next ? &a->pilot[next->good] : NULL;
  return GN_OK;
}

static gn_status run(gn_advice *a, const gn_experiment *e, const gn_advise_input *in)
{
  const double begin = gn_clock_wall();
  const gn_compare_input ci = { .batch = in->batch,
                                .state = in->state,
                                .strategies = in->strategies,
                                .progress = in->progress };
  GN_REQUIRE(in->target > 0 && in->target <= 1, GN_EARG,
             "target = %g, expected a relative error above 0 and at most 1", in->target);
  GN_REQUIRE(e->stepper->adaptive, GN_EUNSUP,
             "stepper %s has no tolerances to advise on; use solver.name = erk",
             e->stepper->name);
  a->target = in->target;
  GN_TRY(gn_compare_create(e, &ci, &a->c));
  GN_TRY(gn_compare_certify(a->c));
  GN_REQUIRE(a->c->ref.status == GN_OK, a->c->ref.status, "no certified gradient: %s",
             a->c->ref.reason);
  GN_REQUIRE(a->c->ref.agreement < in->target / 10, GN_EARG,
             "target = %g, but the reference itself is good to %.1e; lower "
             "compare.reference_tol",
             in->target, a->c->ref.agreement);
  a->work = a->c->ref.work;
  GN_TRY(choose(a));
  a->sec = gn_clock_wall() - begin;
  if (in->progress) (void)fputs("\r\033[K", in->progress);
  return GN_OK;
}

gn_status gn_advise(const gn_experiment *e, const gn_advise_input *in, gn_advice **out)
{
  gn_arena *arena;
  *out = NULL;
  GN_TRY(gn_arena_create(&arena));
  gn_advice *a = gn_arena_alloc(arena, 1, sizeof *a);
  if (!a) {
    gn_arena_destroy(&arena);
    return GN_ENOMEM;
  }
  a->arena = arena;
  const gn_status s = run(a, e, in);
  if (s != GN_OK)
    gn_advice_destroy(&a);
  else
    *out = a;
  return s;
}

void gn_advice_destroy(gn_advice **a)
{
  if (!*a) return;
  gn_arena *arena = (*a)->arena;
  gn_compare_destroy(&(*a)->c);
  *a = NULL;
  gn_arena_destroy(&arena);
}

/* ---- report -------------------------------------------------------------------------- */

static gn_status print_pilots(const gn_advice *a, FILE *to)
{
  static const char *const cols[] = { "<strategy", "rtol",  "<status", "err_ode",
                                      "work",      "bytes", "<target" };
  gn_table *t;
  char bytes[32];
  GN_TRY(gn_table_create(sizeof cols / sizeof *cols, cols, &t));
  for (size_t k = 0; k < a->n; k++) {
    const gn_pilot *p = &a->pilot[k];
    gn_table_cell(t, "%s", p->row->strategy);
    gn_table_cell(t, "%.2g", p->rtol);
    gn_table_cell(t, "%s", gn_status_name(p->status));
    if (isnan(p->err_ode))
      gn_table_cell(t, "%s", "");
    else
      gn_table_cell(t, "%.1e", p->err_ode);
    gn_table_cell(t, "%ld", p->work);
    gn_text_bytes((double)p->bytes, bytes, sizeof bytes);
    gn_table_cell(t, "%s", bytes);
    gn_table_cell(t, "%s", p == a->best ? "met, least work" : p->good ? "met" : "");
    gn_table_end_row(t);
  }
  const gn_status s = gn_table_print(t, to, 0);
  gn_table_destroy(&t);
  return s;
}

/* "name:key=value:key=value" as lines. */
static void print_strategy(const char *text, FILE *to)
{
  size_t n = strcspn(text, ":");
  (void)fprintf(to, "[gradient]\nname = %.*s\n", (int)n, text);
  while (text[n]) {
    text += n + 1;
    n = strcspn(text, ":");
    const size_t eq = strcspn(text, "=");
    (void)fprintf(to, "%.*s = %.*s\n", (int)eq, text, (int)(n - eq - 1), text + eq + 1);
  }
}

static void print_choice(const gn_advice *a, FILE *to)
{
  const gn_experiment *e = a->c->e;
  const gn_pilot *b = a->best;
  char rtol[40], atol[40];
  gn_text_print_double(b->rtol, rtol, sizeof rtol);
  gn_text_print_double(rounded(b->rtol * (e->solver.atol / e->solver.rtol)), atol,
                       sizeof atol);
  (void)fprintf(to, "\n[solver]\nname = %s\nrtol = %s\natol = %s\n\n", e->stepper->name,
                rtol, atol);
  print_strategy(b->row->strategy, to);
  (void)fprintf(to, "\nwhy: err_ode %.1e with work %ld; ", b->err_ode, b->work);
  if (a->next)
    (void)fprintf(to, "the next best, %s at rtol %.2g, needs %ld (%.2f times)\n",
                  a->next->row->strategy, a->next->rtol, a->next->work,
                  (double)a->next->work / (double)b->work);
  else
    (void)fputs("no other strategy reached the target for as little\n", to);
}

gn_status gn_advice_print(const gn_advice *a, FILE *to)
{
  GN_TRY(print_pilots(a, to));
  (void)fprintf(to, "pilot: %zu runs and the reference, work %ld, %.2f s\n", a->n, a->work,
                a->sec);
  if (a->best) {
    (void)fprintf(to, "its work is that of %.0f gradients as advised\n",
                  (double)a->work / (double)(a->best->work > 0 ? a->best->work : 1));
    print_choice(a, to);
  } else {
    (void)fprintf(to, "no strategy reaches err_ode %g; the reasons are in the table\n",
                  a->target);
  }
  GN_REQUIRE(!ferror(to), GN_EIO, "the advice could not be written");
  return GN_OK;
}
