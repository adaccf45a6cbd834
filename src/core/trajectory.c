/* Recorded steps under a byte budget.
 *
 * Put: every step's record and the state it starts from are kept while they fit. When they
 * do not, the earliest record goes (its step can be recomputed from its state); when no
 * record is left, every second state goes (its step can be replayed). States after a jump
 * or a kink always stay.
 *
 * Obtain: from the nearest kept state at or before step n the steps are replayed with the
 * recorded sizes by gn_rk_step, the arithmetic of the solve. On the way states are left at
 * the midpoints of what remains, so that a whole backward sweep over N steps replays
 * O(N log N) of them with O(log N) states more. */
#include "core/trajectory.h"

#include "base/vec.h"

#include <string.h>

enum { SPREAD = 64 }; /* more temporary states than a sweep can have: log2 of the steps */

static size_t nstate(const gn_traj *tr) { return tr->walk->sys.n; }

static int lead(const gn_traj *tr) { return tr->tab->fsal; } /* stage of slice 0 */

static gn_status make(gn_arena *a, gn_walk *w, double budget, gn_traj *tr)
{
  const size_t n = w->sys.nmax, Bmax = w->sys.Bmax;
  tr->walk = w;
  tr->tab = w->st->tab;
  tr->budget = budget;
  GN_TRY(gn_pool_create(w->sys.fields, (size_t)(tr->tab->s - lead(tr)), Bmax,
                        &tr->stage_pool));
  GN_TRY(gn_pool_create(w->sys.fields, 1, Bmax, &tr->head_pool));
  for (int i = 0; i < tr->tab->s; i++) GN_NEW(a, tr->K[i], n);
  GN_NEW(a, tr->y, n);
  GN_NEW(a, tr->y1, n);
  GN_NEW(a, tr->Y, n);
  GN_NEW(a, tr->temp, SPREAD);
  return GN_OK;
}

gn_status gn_traj_create(gn_walk *w, double budget, gn_traj **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_traj *tr = gn_arena_alloc(a, 1, sizeof *tr);
  if (!tr) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  tr->arena = a;
  const gn_status s = make(a, w, budget, tr);
  if (s != GN_OK) gn_traj_destroy(&tr);
  else *out = tr;
  return s;
}

void gn_traj_destroy(gn_traj **tr)
{
  if (!*tr) return;
  gn_pool_destroy(&(*tr)->stage_pool);
  gn_pool_destroy(&(*tr)->head_pool);
  gn_arena *a = (*tr)->arena;
  gn_arena_destroy(&a);
  *tr = NULL;
}

/* ---- memory --------------------------------------------------------------------------- */

static double state_bytes(const gn_traj *tr) { return (double)(nstate(tr) * sizeof(double)); }

static void account(gn_traj *tr, double bytes)
{
  tr->bytes += bytes;
  if (tr->bytes > tr->peak) tr->peak = tr->bytes;
}

static double record_bytes(const gn_traj *tr, const gn_record *r)
{
  const gn_fields *f = tr->walk->sys.fields;
  double row = 0;
  for (size_t j = 0; j < f->n; j++) row += (double)f->width[j];
  return row * (double)(r->nslice * r->B * sizeof(double));
}

static gn_status take_state(gn_traj *tr, const double *from, double **to)
{
  double *v;
  if (tr->nspare > 0) v = tr->spare[--tr->nspare];
  else GN_NEW(tr->arena, v, tr->walk->sys.nmax);
  gn_vec_copy(nstate(tr), from, v);
  *to = v;
  account(tr, state_bytes(tr));
  return GN_OK;
}

static void give_state(gn_traj *tr, double **v)
{
  if (!*v) return;
  tr->spare[tr->nspare++] = *v;
  *v = NULL;
  account(tr, -state_bytes(tr));
}

static void give_record(gn_traj *tr, gn_record **r)
{
  if (!*r) return;
  account(tr, -record_bytes(tr, *r));
  gn_record_give(r);
}

/* Arrays of the arena cannot grow in place; doubling wastes at most their own length. */
static gn_status reserve(gn_traj *tr)
{
  if (tr->n + 1 < tr->cap) return GN_OK;
  const size_t cap = tr->cap ? 2 * tr->cap : 256;
  gn_traj_step *step;
  double **spare;
  GN_NEW(tr->arena, step, cap);
  GN_NEW(tr->arena, spare, 2 * (cap + SPREAD));
  if (tr->cap) {
    memcpy(step, tr->step, tr->cap * sizeof *step);
    memcpy(spare, tr->spare, tr->nspare * sizeof *spare);
  }
  tr->step = step;
  tr->spare = spare;
  tr->cap = cap;
  return GN_OK;
}

void gn_traj_clear(gn_traj *tr)
{
  for (size_t n = 0; n < tr->n; n++) {
    give_record(tr, &tr->step[n].rec);
    give_record(tr, &tr->step[n].head);
  }
  for (size_t n = 0; n <= tr->n && n < tr->cap; n++) {
    give_state(tr, &tr->step[n].y);
    give_state(tr, &tr->step[n].f);
  }
  tr->n = tr->oldest = tr->ntemp = 0;
  tr->stride = 1;
  tr->bytes = tr->peak = 0;
  tr->recomputed = 0;
}

/* Bring what is kept under the budget: earliest records first, then every second state. */
static void shrink(gn_traj *tr)
{
  for (; tr->bytes > tr->budget && tr->oldest < tr->n; tr->oldest++) {
    give_record(tr, &tr->step[tr->oldest].rec);
    give_record(tr, &tr->step[tr->oldest].head);
  }
  while (tr->bytes > tr->budget && tr->stride <= tr->n) {
    tr->stride *= 2;
    for (size_t n = 0; n <= tr->n; n++) {
      if (n % tr->stride == 0 || tr->step[n].fresh) continue;
      give_state(tr, &tr->step[n].y);
      give_state(tr, &tr->step[n].f);
    }
  }
}

gn_status gn_traj_put(void *user, gn_step *now, size_t span)
{
  gn_traj *tr = user;
  GN_TRY(reserve(tr));
  gn_traj_step *st = &tr->step[tr->n];
  st->s = now->s, st->h = now->h, st->s_first = now->s_first, st->s_new = now->s_new;
  st->fresh = now->fresh;
  st->span = span;
  if (now->fresh) { /* the state left by the step before, if any, is not where this begins */
    give_state(tr, &st->f);
    give_state(tr, &st->y);
    GN_TRY(take_state(tr, now->y0, &st->y));
  }
  st->rec = now->rec;
  st->head = now->head;
  now->rec = now->head = NULL;
  account(tr, record_bytes(tr, st->rec) + (st->head ? record_bytes(tr, st->head) : 0));
  tr->n++;
  gn_traj_step *next = &tr->step[tr->n];
  *next = (gn_traj_step){ 0 };
  if (tr->n % tr->stride == 0) {
    GN_TRY(take_state(tr, now->y1, &next->y));
    if (now->f1) GN_TRY(take_state(tr, now->f1, &next->f));
  }
  shrink(tr);
  return GN_OK;
}

/* ---- recomputation -------------------------------------------------------------------- */

/* Slope of stage 0 of step n from its state alone; the tape goes to rec. */
static int first_slope(gn_traj *tr, size_t n, gn_record *rec)
{
  gn_system *sys = &tr->walk->sys;
  return sys->rhs(sys->user, tr->step[n].s_first, tr->y, tr->K[0], rec, 0);
}

/* Load the state of step m, where one is kept, into y and (FSAL) its slope into K_0. */
static int load(gn_traj *tr, size_t m)
{
  const gn_traj_step *st = &tr->step[m];
  gn_flow_span(&tr->walk->flow, tr->walk->drive, st->span);
  gn_vec_copy(nstate(tr), st->y, tr->y);
  if (!tr->tab->fsal) return 0;
  if (!st->f) return first_slope(tr, m, tr->scratch);
  gn_vec_copy(nstate(tr), st->f, tr->K[0]);
  return 0;
}

/* One recorded step from y, K_0 to the next y, K_0, with its tapes in rec. */
static int replay(gn_traj *tr, size_t n, gn_record *rec)
{
  const gn_traj_step *st = &tr->step[n];
  const int s = tr->tab->s;
  tr->recomputed++;
  const int rc = gn_rk_step(tr->tab, &tr->walk->sys, st->s, st->h, tr->y, tr->K, lead(tr),
                            rec, lead(tr), tr->Y, tr->y1);
  double *swap = tr->y;
  tr->y = tr->y1, tr->y1 = swap;
  if (tr->tab->fsal) swap = tr->K[0], tr->K[0] = tr->K[s - 1], tr->K[s - 1] = swap;
  return rc;
}

/* Keep y (and K_0) as the start of step m for the rest of the sweep. */
static gn_status keep_temp(gn_traj *tr, size_t m)
{
  if (tr->step[m].y || tr->ntemp == SPREAD) return GN_OK;
  GN_TRY(take_state(tr, tr->y, &tr->step[m].y));
  if (tr->tab->fsal) GN_TRY(take_state(tr, tr->K[0], &tr->step[m].f));
  tr->temp[tr->ntemp++] = m;
  return GN_OK;
}

static void drop_temps_from(gn_traj *tr, size_t n)
{
  while (tr->ntemp > 0 && tr->temp[tr->ntemp - 1] >= n) {
    gn_traj_step *st = &tr->step[tr->temp[--tr->ntemp]];
    give_state(tr, &st->y);
    give_state(tr, &st->f);
  }
}

static gn_status recompute(gn_traj *tr, size_t n)
{
  gn_traj_step *st = &tr->step[n];
  const size_t B = tr->walk->B;
  if (tr->scratch && tr->scratch->B != B) gn_record_give(&tr->scratch);
  if (!tr->scratch) GN_TRY(gn_pool_take(tr->stage_pool, B, &tr->scratch));
  GN_TRY(gn_pool_take(tr->stage_pool, B, &st->rec));
  account(tr, record_bytes(tr, st->rec));
  size_t m = n;
  while (!tr->step[m].y) m--;
  int rc = load(tr, m);
  size_t mid = m + (n - m + 1) / 2;
  for (; rc == 0 && m < n; m++) {
    rc = replay(tr, m, tr->scratch);
    if (rc == 0 && m + 1 == mid && mid < n) {
      GN_TRY(keep_temp(tr, mid));
      mid += (n - mid + 1) / 2;
    }
  }
  if (rc == 0 && tr->tab->fsal && st->fresh) {
    GN_TRY(gn_pool_take(tr->head_pool, B, &st->head));
    account(tr, record_bytes(tr, st->head));
    rc = first_slope(tr, n, st->head);
  }
  if (rc == 0) rc = replay(tr, n, st->rec);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "replaying step %zu at t = %g gave a value that is not finite",
             n, st->s);
  return GN_OK;
}

gn_status gn_traj_obtain(gn_traj *tr, size_t n)
{
  if (!tr->step[n].rec) GN_TRY(recompute(tr, n));
  gn_flow_span(&tr->walk->flow, tr->walk->drive, tr->step[n].span);
  return GN_OK;
}

void gn_traj_release(gn_traj *tr, size_t n)
{
  if (n < tr->oldest) { /* was recomputed */
    give_record(tr, &tr->step[n].rec);
    give_record(tr, &tr->step[n].head);
  }
  drop_temps_from(tr, n);
}

gn_tape gn_traj_stage(const gn_traj *tr, size_t n, int i)
{
  return gn_record_tape(tr->step[n].rec, (size_t)(i - lead(tr)), 1);
}

gn_status gn_traj_first(gn_traj *tr, size_t n, gn_tape *tape)
{
  if (!tr->tab->fsal) {
    *tape = gn_record_tape(tr->step[n].rec, 0, 1);
  } else if (tr->step[n].fresh) {
    *tape = gn_record_tape(tr->step[n].head, 0, 1);
  } else {
    GN_TRY(gn_traj_obtain(tr, n - 1));
    *tape = gn_traj_stage(tr, n - 1, tr->tab->s - 1);
  }
  return GN_OK;
}

void gn_traj_range(const gn_traj *tr, double s, double to, size_t *first, size_t *last)
{
  const double lo = s < to ? s : to, hi = s < to ? to : s;
  size_t a = 0;
  while (a < tr->n && tr->step[a].s < lo) a++;
  size_t b = a;
  while (b < tr->n && tr->step[b].s_new <= hi) b++;
  *first = a;
  *last = b;
}
