/* Recorded steps under a byte budget.
 *
 * Put: every step's record and the state it starts from are kept while they fit. When they
 * do not, the earliest records go (a step can be recomputed from its state), all but the
 * last; when only that is left, states go one by one (a step can be replayed), those that
 * gn_kept_thin names. States after a jump or a kink always stay.
 *
 * Obtain: from the nearest kept state before step n the steps are replayed with the recorded
 * sizes by gn_rk_step, the arithmetic of the solve, and states are left at revolve's splits
 * as long as there is room. In the sweep over N steps a state's room is free once all steps
 * after it have been undone. */
#include "core/window.h"

#include "base/text.h"
#include "base/vec.h"

#include <string.h>

static size_t nstate(const gn_traj *tr) { return tr->walk->sys.n; }

static int lead(const gn_traj *tr) { return tr->tab->fsal; } /* stage of slice 0 */

static gn_status make(gn_arena *a, gn_walk *w, double budget, gn_traj *tr)
{
  const size_t n = w->sys.nmax;
  tr->walk = w;
  tr->tab = w->st->tab;
  tr->budget = budget;
  for (int i = 0; i < tr->tab->s; i++) GN_NEW(a, tr->K[i], n);
  GN_NEW(a, tr->y, n);
  GN_NEW(a, tr->y1, n);
  GN_NEW(a, tr->Y, n);
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
  gn_arena *a = (*tr)->arena;
  gn_arena_destroy(&a);
  *tr = NULL;
}

/* ---- memory --------------------------------------------------------------------------- */

static double vector_bytes(const gn_traj *tr) { return (double)(nstate(tr) * sizeof(double)); }

void gn_traj_account(gn_traj *tr, double bytes)
{
  tr->bytes += bytes;
  if (tr->bytes > tr->peak) tr->peak = tr->bytes;
}

/* Sizes for the batch at hand, and the states that fit beside the records of a sweep. */
static void measure(gn_traj *tr)
{
  const gn_fields *f = tr->walk->sys.fields;
  double row = 0;
  for (size_t j = 0; j < f->n; j++) row += (double)f->width[j];
  const double tape = row * (double)(tr->walk->B * sizeof(double));
  tr->record = tape * (tr->tab->s - lead(tr));
  tr->head = tr->tab->fsal ? tape : 0;
  tr->state = vector_bytes(tr) * (tr->tab->fsal ? 2 : 1);
}

/* The last record, the head of its step, and a second record; in the forward pass there is
   a state instead of that. */
static double besides(const gn_traj *tr)
{
  return tr->record + tr->head + (tr->record > tr->state ? tr->record : tr->state);
}

double gn_traj_minimum(const gn_traj *tr)
{
  return besides(tr) + (double)(tr->fresh + 1) * tr->state;
}

/* States that fit; at least those that stay and one more. */
static void count_room(gn_traj *tr)
{
  const double fit = (tr->budget - besides(tr)) / tr->state, least = (double)(tr->fresh + 1);
  tr->room = (size_t)(fit < least ? least : fit > 1e15 ? 1e15 : fit);
}

gn_status gn_traj_copy(gn_traj *tr, const double *from, double **to)
{
  double *v;
  if (tr->nspare > 0) v = tr->spare[--tr->nspare];
  else GN_NEW(tr->arena, v, tr->walk->sys.nmax);
  gn_vec_copy(nstate(tr), from, v);
  *to = v;
  gn_traj_account(tr, vector_bytes(tr));
  return GN_OK;
}

static void give_state(gn_traj *tr, double **v)
{
  if (!*v) return;
  tr->spare[tr->nspare++] = *v;
  *v = NULL;
  gn_traj_account(tr, -vector_bytes(tr));
}

static void give_states(gn_traj *tr, gn_traj_step *st)
{
  give_state(tr, &st->y);
  give_state(tr, &st->f);
}

void gn_traj_give(gn_traj *tr, size_t n)
{
  gn_traj_step *st = &tr->step[n];
  if (st->rec) gn_traj_account(tr, -tr->record);
  if (st->head) gn_traj_account(tr, -tr->head);
  gn_record_give(&st->rec);
  gn_record_give(&st->head);
}

/* Arrays of the arena cannot grow in place; doubling wastes at most their own length. */
static gn_status reserve(gn_traj *tr)
{
  if (tr->n + 2 < tr->cap) return GN_OK;
  const size_t cap = tr->cap ? 2 * tr->cap : 256;
  gn_traj_step *step;
  double **spare;
  gn_kept k = tr->kept;
  GN_NEW(tr->arena, step, cap);
  GN_NEW(tr->arena, spare, 2 * cap);
  GN_NEW(tr->arena, k.at, cap);
  GN_NEW(tr->arena, k.stays, cap);
  GN_NEW(tr->arena, k.drop, cap);
  GN_NEW(tr->arena, k.tail, cap);
  GN_NEW(tr->arena, k.loss, cap);
  if (tr->cap) {
    memcpy(step, tr->step, tr->cap * sizeof *step);
    memcpy(spare, tr->spare, tr->nspare * sizeof *spare);
    memcpy(k.at, tr->kept.at, k.n * sizeof *k.at);
    memcpy(k.stays, tr->kept.stays, k.n * sizeof *k.stays);
  }
  tr->step = step;
  tr->spare = spare;
  tr->kept = k;
  tr->cap = cap;
  return GN_OK;
}

void gn_traj_clear(gn_traj *tr)
{
  for (size_t n = 0; n <= tr->n && n < tr->cap; n++) {
    gn_traj_give(tr, n);
    give_states(tr, &tr->step[n]);
  }
  tr->n = tr->oldest = tr->fresh = tr->kept.n = tr->passed = 0;
  tr->thinned = 0;
  tr->bytes = tr->peak = 0;
  tr->recomputed = tr->predicted = 0;
  if (!tr->windows) return;
  tr->windows->n = tr->windows->gone = 0;
  tr->windows->passed = tr->windows->absent = 0;
}

/* ---- forward -------------------------------------------------------------------------- */

static void push(gn_traj *tr, size_t n)
{
  gn_kept *k = &tr->kept;
  k->at[k->n] = n;
  k->stays[k->n++] = (unsigned char)tr->step[n].fresh;
}

/* Step n begins anew: the state left by the step before, if any, is not where. */
static gn_status begin(gn_traj *tr, gn_traj_step *st, const double *y0)
{
  give_states(tr, st);
  GN_TRY(gn_traj_copy(tr, y0, &st->y));
  if (tr->n == 0) push(tr, 0);
  else tr->kept.stays[tr->kept.n - 1] = 1;
  tr->fresh++;
  return GN_OK;
}

/* Make room for the next record and the state after it: the state now latest is one of those
   to choose from. */
static void shrink(gn_traj *tr, double record)
{
  gn_kept *k = &tr->kept;
  if (k->n > tr->room && gn_kept_thin(k, tr->n + 1, tr->room)) {
    size_t left = 0;
    for (size_t i = 0; i < k->n; i++) {
      if (k->drop[i]) give_states(tr, &tr->step[k->at[i]]);
      else k->at[left] = k->at[i], k->stays[left++] = k->stays[i];
    }
    k->n = left;
    tr->thinned = 1;
  }
  for (; tr->bytes + record + tr->state > tr->budget && tr->oldest < tr->n; tr->oldest++)
    gn_traj_give(tr, tr->oldest);
}

static gn_status too_small(const gn_traj *tr)
{
  char least[32], budget[32];
  gn_text_bytes(gn_traj_minimum(tr), least, sizeof least);
  gn_text_bytes(tr->budget, budget, sizeof budget);
  return GN_FAIL(GN_ELIMIT,
                 "gradient.budget is %s, but two steps' tapes and the states that stay take %s; "
                 "raise it, or set gradient.strict = no to go on with the least",
                 budget, least);
}

gn_status gn_traj_put(void *user, gn_step *now, size_t span)
{
  gn_traj *tr = user;
  GN_TRY(reserve(tr));
  if (tr->n == 0) measure(tr);
  gn_traj_step *st = &tr->step[tr->n];
  st->s = now->s, st->h = now->h, st->s_first = now->s_first, st->s_new = now->s_new;
  st->fresh = now->fresh;
  st->span = span;
  const double size = tr->record + (now->head ? tr->head : 0);
  if (tr->windows) {
    GN_TRY(gn_window_put(tr, now, size));
  } else {
    if (now->fresh) GN_TRY(begin(tr, st, now->y0));
    if (tr->strict && gn_traj_minimum(tr) > tr->budget) return too_small(tr);
    count_room(tr);
    shrink(tr, size);
  }
  gn_traj_step *next = st + 1;
  *next = (gn_traj_step){ 0 };
  tr->record_pool = now->rec->pool;
  if (now->head) tr->head_pool = now->head->pool;
  gn_traj_account(tr, size);
  st->rec = now->rec;
  st->head = now->head;
  now->rec = now->head = NULL;
  tr->n++;
  if (tr->windows) return GN_OK;
  GN_TRY(gn_traj_copy(tr, now->y1, &next->y));
  if (now->f1) GN_TRY(gn_traj_copy(tr, now->f1, &next->f));
  push(tr, tr->n);
  return GN_OK;
}

void gn_traj_rewind(gn_traj *tr)
{
  tr->recomputed = tr->predicted = 0;
  if (tr->n == 0) return;
  if (tr->windows) {
    gn_window_rewind(tr);
    return;
  }
  give_states(tr, &tr->step[tr->n]);
  size_t known = tr->n;
  while (known > 0 && tr->step[known - 1].rec) known--;
  tr->kept.n = tr->passed = 0;
  for (size_t n = 0; n < tr->n; n++)
    if (tr->step[n].y) push(tr, n);
  tr->predicted = (long)gn_kept_replays(&tr->kept, tr->n, known, tr->room);
}

/* ---- recomputation -------------------------------------------------------------------- */

/* Load the state of step m, where one is kept, into y and (FSAL) its slope into K_0; a slope
   that is not kept is evaluated, with its tape in rec. */
static int load(gn_traj *tr, size_t m, gn_record *rec)
{
  gn_system *sys = &tr->walk->sys;
  const gn_traj_step *st = &tr->step[m];
  gn_flow_span(&tr->walk->flow, tr->walk->drive, st->span);
  gn_vec_copy(nstate(tr), st->y, tr->y);
  if (!tr->tab->fsal) return 0;
  if (!st->f) return sys->rhs(sys->user, st->s_first, tr->y, tr->K[0], rec, 0);
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

/* Keep y (and K_0) as the start of step m until it is passed. */
static gn_status keep(gn_traj *tr, size_t m)
{
  GN_TRY(gn_traj_copy(tr, tr->y, &tr->step[m].y));
  if (tr->tab->fsal) GN_TRY(gn_traj_copy(tr, tr->K[0], &tr->step[m].f));
  push(tr, m);
  return GN_OK;
}

/* Steps from n on are undone or have their tapes: the room of their states is free, unless
   they stay. Where all were kept they may as well be. */
static void pass(gn_traj *tr, size_t n)
{
  for (gn_kept *k = &tr->kept; k->at[k->n - 1] >= n; k->n--) {
    if (k->stays[k->n - 1]) tr->passed++;
    else if (tr->thinned) give_states(tr, &tr->step[k->at[k->n - 1]]);
  }
}

gn_status gn_traj_take(gn_traj *tr, size_t n)
{
  gn_traj_step *st = &tr->step[n];
  if (!st->rec) {
    GN_TRY(gn_pool_take(tr->record_pool, tr->walk->B, &st->rec));
    gn_traj_account(tr, tr->record);
  }
  if (!tr->tab->fsal || !st->fresh || st->head) return GN_OK;
  GN_TRY(gn_pool_take(tr->head_pool, tr->walk->B, &st->head));
  gn_traj_account(tr, tr->head);
  return GN_OK;
}

/* The tapes of steps on the way are written to the record of step n as well. */
static gn_status recompute(gn_traj *tr, size_t n)
{
  gn_traj_step *st = &tr->step[n];
  pass(tr, n + 1);
  GN_TRY(gn_traj_take(tr, n));
  size_t m = tr->kept.at[tr->kept.n - 1];
  int rc = load(tr, m, m == n && st->head ? st->head : st->rec);
  while (rc == 0 && m < n) {
    const size_t room = tr->room - tr->kept.n - tr->passed + 1; /* this state's included */
    const size_t to = room > 1 ? m + gn_revolve_split(n - m + 1, room) : n;
    for (; rc == 0 && m < to; m++) rc = replay(tr, m, st->rec);
    if (rc == 0 && m < n) GN_TRY(keep(tr, m));
  }
  if (rc == 0) rc = replay(tr, n, st->rec);
  GN_REQUIRE(rc == 0, GN_ENONFINITE, "replaying step %zu at t = %g gave a value that is not finite",
             n, st->s);
  return GN_OK;
}

gn_status gn_traj_obtain(gn_traj *tr, size_t n)
{
  if (!tr->step[n].rec)
    GN_TRY(tr->windows ? gn_window_restore(tr, n) : recompute(tr, n));
  gn_flow_span(&tr->walk->flow, tr->walk->drive, tr->step[n].span);
  return GN_OK;
}

void gn_traj_release(gn_traj *tr, size_t n)
{
  if (tr->windows) gn_window_release(tr, n);
  else if (tr->oldest > 0) gn_traj_give(tr, n); /* its room is needed */
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
  while (b < tr->n && tr->step[b].s < hi) b++;
  *first = a;
  *last = b;
}
