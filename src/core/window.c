/* History windows: segments, what stays of them, and their replay.
 *
 * While segment i = 0, 1, ... is at hand, forward or in the sweep, i windows of path stay, and
 * its own path and records, c l_i windows if it is l_i windows long. This is the same number C
 * for all, and sum l_i = W, with
 *
 *   l_i = (C - i) / c,   i < n,   C = c W / n + (n - 1) / 2,   least for n = sqrt(2 c W).
 *
 * A segment begins at the breaking point nearest to that, where its window is whole steps, or,
 * if it is shorter than a piece, with any step: the tape of a first slope that was evaluated
 * by the step before is in the segment before, which the sweep meets next. */
#include "core/window.h"

#include "base/text.h"
#include "base/vec.h"

#include <math.h>
#include <string.h>

gn_status gn_window_create(gn_traj *tr)
{
  GN_NEW(tr->arena, tr->windows, 1);
  return GN_OK;
}

/* ---- forward -------------------------------------------------------------------------- */

/* The first step of a solve is on the path: the schedule. */
static void begin(gn_traj *tr)
{
  gn_windows *ws = tr->windows;
  const gn_delay *d = tr->walk->delay;
  const gn_breaks *b = &d->breaks;
  const double length = b->at[b->n] - b->at[0];
  ws->longest = 0;
  for (size_t k = 0; k < d->model->nlag; k++) ws->longest = fmax(ws->longest, d->tau[k]);
  ws->longest = fmin(ws->longest, length);
  ws->bytes = gn_path_bytes(d->path);
  ws->c = 1 + tr->record / ws->bytes;
  const double W = length / ws->longest;
  const double n = ceil(sqrt(2 * ws->c * W));
  ws->most = ws->c * W / n + (n - 1) / 2;
  ws->next = b->at[0];
}

/* Where the segment after this one begins. */
static double find_next(const gn_windows *ws, const gn_breaks *b, double s)
{
  const double left = fmax(0.5, ws->most - (double)(ws->n - 1));
  const double length = left / ws->c * ws->longest, to = s + length;
  size_t j = 0;
  while (j + 1 < b->n && b->at[j + 1] <= to) j++;
  const double lo = b->at[j], hi = b->at[j + 1];
  if (length < (hi - lo) / 2) return to;
  if (to - lo < hi - to && lo > s + b->tol) return lo;
  return j + 1 < b->n ? hi : to;
}

static gn_status reserve(gn_traj *tr)
{
  gn_windows *ws = tr->windows;
  const size_t cap = ws->cap ? 2 * ws->cap : 64;
  size_t *start;
  if (ws->n < ws->cap) return GN_OK;
  GN_NEW(tr->arena, start, cap);
  if (ws->n) memcpy(start, ws->start, ws->n * sizeof *start);
  ws->start = start;
  ws->cap = cap;
  return GN_OK;
}

/* A segment begins with this step: what is read from there on stays. */
static gn_status cut(gn_traj *tr, const gn_step *now)
{
  gn_windows *ws = tr->windows;
  gn_traj_step *st = &tr->step[tr->n];
  GN_TRY(reserve(tr));
  for (size_t m = gn_delay_earliest(tr->walk->delay, st->s); m < tr->n; m++)
    tr->step[m].held = 1;
  ws->start[ws->n++] = tr->n;
  ws->next = find_next(ws, &tr->walk->delay->breaks, st->s);
  GN_TRY(gn_traj_copy(tr, now->y0, &st->y));
  return tr->tab->fsal && !st->fresh ? gn_traj_copy(tr, now->K[0], &st->f) : GN_OK;
}

static void drop_path(gn_traj *tr, size_t n)
{
  gn_path *path = tr->walk->delay->path;
  if (!path->step[n].x[0]) return;
  gn_path_drop(path, n);
  gn_traj_account(tr, -tr->windows->bytes);
}

/* All of segment i but what stays. */
static void drop(gn_traj *tr, size_t i)
{
  const gn_windows *ws = tr->windows;
  for (size_t m = ws->start[i]; m < ws->start[i + 1]; m++) {
    gn_traj_give(tr, m);
    if (!tr->step[m].held) drop_path(tr, m);
  }
}

static gn_status check_budget(const gn_traj *tr, double bytes)
{
  char least[32], budget[32];
  if (!tr->strict || bytes <= tr->budget) return GN_OK;
  gn_text_bytes(bytes, least, sizeof least);
  gn_text_bytes(tr->budget, budget, sizeof budget);
  return GN_FAIL(GN_ELIMIT,
                 "gradient.budget is %s, but history windows and the steps between two of them "
                 "take %s or more; raise it, or set gradient.strict = no to go on with the least",
                 budget, least);
}

gn_status gn_window_put(gn_traj *tr, const gn_step *now, double records)
{
  gn_windows *ws = tr->windows;
  if (tr->n == 0) begin(tr);
  if (now->s >= ws->next - tr->walk->delay->breaks.tol) GN_TRY(cut(tr, now));
  const double more = records + ws->bytes;
  for (; tr->bytes + more > tr->budget && ws->gone + 1 < ws->n; ws->gone++) drop(tr, ws->gone);
  gn_traj_account(tr, ws->bytes);
  return check_budget(tr, tr->bytes + records);
}

/* ---- backward ------------------------------------------------------------------------- */

void gn_window_rewind(gn_traj *tr)
{
  gn_windows *ws = tr->windows;
  for (size_t n = 0; n < tr->n; n++) tr->predicted += tr->step[n].rec == NULL;
  ws->absent |= ws->passed;
  ws->passed = 0;
  if (ws->absent) tr->predicted += (long)ws->start[ws->n - 1];
}

void gn_window_release(gn_traj *tr, size_t n)
{
  if (tr->windows->gone == 0) return;
  tr->windows->passed = 1;
  gn_traj_give(tr, n); /* its room is needed, and that of the windows it is in */
  drop_path(tr, n);
}

/* Step n from y and K_0 to the next ones, its records and its part of the path. */
static gn_status replay(gn_traj *tr, size_t n)
{
  gn_walk *w = tr->walk;
  gn_system *sys = &w->sys;
  const gn_traj_step *st = &tr->step[n];
  const gn_tableau *tab = tr->tab;
  const int last = tab->s - 1;
  GN_TRY(gn_traj_take(tr, n));
  gn_flow_span(&w->flow, w->drive, st->span);
  tr->recomputed++;
  int rc = 0;
  if (st->head) rc = sys->rhs(sys->user, st->s_first, tr->y, tr->K[0], st->head, 0);
  if (rc == 0)
    rc = gn_rk_step(tab, sys, st->s, st->h, tr->y, tr->K, tab->fsal, st->rec, tab->fsal, tr->Y,
                    tr->y1);
  GN_REQUIRE(rc == 0, GN_ENONFINITE,
             "replaying step %zu at t = %g gave a value that is not finite", n, st->s);
  if (!w->delay->path->step[n].x[0]) {
    const gn_step now = { .y0 = tr->y, .y1 = tr->y1, .K = (const double *const *)tr->K };
    GN_TRY(gn_path_fill(w->delay->path, n, &now));
    gn_traj_account(tr, tr->windows->bytes);
    GN_TRY(check_budget(tr, tr->bytes));
  }
  double *swap = tr->y;
  tr->y = tr->y1, tr->y1 = swap;
  if (tab->fsal) swap = tr->K[0], tr->K[0] = tr->K[last], tr->K[last] = swap;
  return GN_OK;
}

/* Segment i up to step n. */
static gn_status replay_segment(gn_traj *tr, size_t i, size_t n)
{
  const gn_traj_step *from = &tr->step[tr->windows->start[i]];
  gn_vec_copy(tr->walk->sys.n, from->y, tr->y);
  if (from->f) gn_vec_copy(tr->walk->sys.n, from->f, tr->K[0]);
  for (size_t m = tr->windows->start[i]; m <= n; m++) GN_TRY(replay(tr, m));
  return GN_OK;
}

gn_status gn_window_restore(gn_traj *tr, size_t n)
{
  gn_windows *ws = tr->windows;
  size_t i = ws->n - 1;
  while (ws->start[i] > n) i--;
  for (size_t j = 0; ws->absent && j < i; j++) {
    GN_TRY(replay_segment(tr, j, ws->start[j + 1] - 1));
    drop(tr, j);
  }
  ws->absent = 0;
  return replay_segment(tr, i, n);
}
