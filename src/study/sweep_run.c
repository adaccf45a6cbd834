/* The work of a sweep. For every scene the reference is certified here; then workers are
 * forked, which have it and the set-up in their memory, and are given one point at a time
 * over a pipe; the line of the result comes back over another. A worker that dies makes
 * its point a row, and is replaced. Tight tolerances go first, so that no long point is
 * left for the end. Seconds are measured in a second pass with one worker. */
#include "base/clock.h"
#include "study/sweep_impl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- pipes --------------------------------------------------------------------------- */

/* 1 if all n bytes went through. */
static int put_all(int fd, const void *from, size_t n)
{
  for (const char *p = from; n > 0;) {
    const ssize_t k = write(fd, p, n);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return 0;
    p += k, n -= (size_t)k;
  }
  return 1;
}

static int get_all(int fd, void *to, size_t n)
{
  for (char *p = to; n > 0;) {
    const ssize_t k = read(fd, p, n);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return 0;
    p += k, n -= (size_t)k;
  }
  return 1;
}

/* ---- a worker ------------------------------------------------------------------------ */

typedef struct worker {
  pid_t pid;
  int to, from; /* tasks to it, lines from it */
  size_t task;  /* point it works on          */
  int busy;
} worker;

/* The line of a point; malloc'ed, NULL without memory. */
static char *compute(gn_sweep *sw, size_t k, int seconds, size_t *exact_of)
{
  const gn_point_at at = gn_sweep_point(sw, sw->first + k);
  gn_compare *c = sw->scene[at.scene].c;
  if (sw->train) {
    gn_trained tn;
    gn_sweep_train(sw, at, &tn);
    return gn_sweep_train_text(sw, sw->key[k], &tn,
                               seconds ? GN_SWEEP_SECONDS : GN_SWEEP_COUNTS);
  }
  const size_t steps = at.solver * sw->nrtol + at.rtol; /* who shares forward steps */
  c->solver = gn_sweep_solver_at(sw, at);
  if (seconds)
    c->exact = 0;
  else if (*exact_of != steps && gn_compare_exact(c) != GN_OK)
    return NULL;
  *exact_of = steps;
  gn_compare_row *r = &c->row[at.strategy];
  if (gn_compare_fill(c, r, seconds ? GN_SWEEP_REPEATS : 0) != GN_OK) return NULL;
  return seconds ? gn_sweep_timing_text(sw->key[k], r)
                 : gn_sweep_row_text(sw->key[k], c, r);
}

/* Never returns; nothing of the parent's streams is flushed twice. */
static void serve(gn_sweep *sw, int from, int to, int seconds)
{
  size_t k, exact_of = (size_t)-1;
  while (get_all(from, &k, sizeof k)) {
    char *line = compute(sw, k, seconds, &exact_of);
    if (!line) _exit(1);
    const size_t n = strlen(line) + 1;
    const int sent = put_all(to, &n, sizeof n) && put_all(to, line, n);
    free(line);
    if (!sent) _exit(1);
  }
  _exit(0);
}

/* ---- the pool ------------------------------------------------------------------------ */

typedef struct team {
  gn_sweep *sw;
  int which, n; /* GN_SWEEP_COUNTS or _SECONDS; workers */
  worker *at;
  const size_t *task; /* points in the order they are given   */
  size_t ntask, next, done;
} team;

static gn_status hire(team *tm, worker *w)
{
  int down[2], up[2];
  GN_REQUIRE(pipe(down) == 0, GN_ELIMIT, "no pipe: %s", strerror(errno));
  if (pipe(up) != 0) {
    (void)close(down[0]), (void)close(down[1]);
    return GN_FAIL(GN_ELIMIT, "no pipe: %s", strerror(errno));
  }
  w->busy = 0;
  w->pid = fork();
  if (w->pid == 0) {
    for (int k = 0; k < tm->n; k++) /* or the others would never see the end of theirs */
      if (tm->at[k].pid > 0 && &tm->at[k] != w)
        (void)close(tm->at[k].to), (void)close(tm->at[k].from);
    (void)close(down[1]), (void)close(up[0]);
    serve(tm->sw, down[0], up[1], tm->which == GN_SWEEP_SECONDS);
  }
  (void)close(down[0]), (void)close(up[1]);
  w->to = down[1], w->from = up[0];
  if (w->pid > 0) return GN_OK;
  (void)close(w->to), (void)close(w->from);
  w->pid = 0;
  return GN_FAIL(GN_ELIMIT, "no worker: %s", strerror(errno));
}

static int dismiss(worker *w)
{
  int status = 0;
  if (w->pid <= 0) return 0;
  (void)close(w->to), (void)close(w->from);
  while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR) continue;
  w->pid = 0;
  return status;
}

static void give(team *tm, worker *w)
{
  if (w->busy || tm->next == tm->ntask) return;
  w->task = tm->task[tm->next++];
  w->busy = 1;
  (void)put_all(w->to, &w->task, sizeof w->task); /* a dead one is found by its silence */
}

static void say(const team *tm)
{
  const gn_sweep *sw = tm->sw;
  if (!sw->progress) return;
  (void)fprintf(sw->progress, "\r\033[Ksweep: %zu of %zu points%s", tm->done, tm->ntask,
                tm->which == GN_SWEEP_SECONDS ? " timed" : "");
  (void)fflush(sw->progress);
}

/* The line of a worker that has something to say, or of its death. */
static gn_status hear(team *tm, worker *w)
{
  gn_sweep *sw = tm->sw;
  size_t n = 0;
  char *line = NULL;
  if (get_all(w->from, &n, sizeof n) && (line = malloc(n)) && !get_all(w->from, line, n)) {
    free(line);
    line = NULL;
  }
  w->busy = 0;
  tm->done++;
  if (!line) {
    const int status = dismiss(w);
    if (tm->which == GN_SWEEP_COUNTS)
      line = gn_sweep_crash_text(gn_sweep_header(sw->train, tm->which), sw->key[w->task],
                                 status);
    if (tm->next < tm->ntask) {
      const gn_status s = hire(tm, w);
      if (s != GN_OK) free(line);
      GN_TRY(s);
    }
  }
  if (!line && tm->which == GN_SWEEP_SECONDS) return GN_OK;
  GN_REQUIRE(line, GN_ENOMEM, "out of memory");
  (tm->which == GN_SWEEP_COUNTS ? sw->row : sw->timing)[w->task] = line;
  say(tm);
  return gn_sweep_append(sw, tm->which, line);
}

static gn_status lead(team *tm)
{
  struct pollfd *fds;
  GN_NEW(tm->sw->arena, fds, (size_t)tm->n);
  for (int k = 0; k < tm->n; k++) GN_TRY(hire(tm, &tm->at[k]));
  say(tm);
  while (tm->done < tm->ntask) {
    for (int k = 0; k < tm->n; k++) {
      if (tm->at[k].pid > 0) give(tm, &tm->at[k]);
      fds[k] = (struct pollfd){ tm->at[k].busy ? tm->at[k].from : -1, POLLIN, 0 };
    }
    if (poll(fds, (nfds_t)tm->n, -1) < 0) {
      GN_REQUIRE(errno == EINTR, GN_EIO, "poll: %s", strerror(errno));
      continue;
    }
    for (int k = 0; k < tm->n; k++)
      if (fds[k].revents) GN_TRY(hear(tm, &tm->at[k]));
  }
  return GN_OK;
}

/* All tasks by n workers. A dead worker's pipe must not end the program. */
static gn_status run_team(gn_sweep *sw, int which, int n, size_t ntask, const size_t *task)
{
  struct sigaction ignore, old;
  team tm = { .sw = sw, .which = which, .task = task, .ntask = ntask };
  if (ntask == 0) return GN_OK;
  tm.n = (size_t)n < ntask ? n : (int)ntask;
  GN_NEW(sw->arena, tm.at, (size_t)tm.n);
  memset(&ignore, 0, sizeof ignore);
  ignore.sa_handler = SIG_IGN;
  (void)sigemptyset(&ignore.sa_mask);
  (void)sigaction(SIGPIPE, &ignore, &old);
  const gn_status s = lead(&tm);
  for (int k = 0; k < tm.n; k++) (void)dismiss(&tm.at[k]);
  (void)sigaction(SIGPIPE, &old, NULL);
  if (sw->progress) (void)fputs("\r\033[K", sw->progress);
  return s;
}

/* ---- scenes -------------------------------------------------------------------------- */

typedef struct task {
  double rtol;
  size_t k;
} task;

static int tightest_first(const void *a, const void *b)
{
  const task *x = a, *y = b;
  if (x->rtol != y->rtol) return x->rtol < y->rtol ? -1 : 1;
  return (x->k > y->k) - (x->k < y->k);
}

static char *status_of(const gn_sweep *sw, size_t k)
{
  return gn_sweep_cell(gn_sweep_header(sw->train, GN_SWEEP_COUNTS), sw->row[k], "status");
}

/* Points of a scene whose row is not there; or that are good and not timed. */
static gn_status tasks_of(gn_sweep *sw, size_t scene, int which, size_t *n, size_t **out)
{
  const size_t all = sw->last - sw->first;
  task *t;
  *n = 0;
  GN_NEW(sw->arena, t, all);
  GN_NEW(sw->arena, *out, all);
  for (size_t k = 0; k < all; k++) {
    const gn_point_at at = gn_sweep_point(sw, sw->first + k);
    if (at.scene != scene) continue;
    if (which == GN_SWEEP_COUNTS && sw->row[k]) continue;
    if (which == GN_SWEEP_SECONDS) {
      char *status = sw->timing[k] ? NULL : status_of(sw, k);
      const int wanted = status && strcmp(status, "ok") == 0;
      free(status);
      if (!wanted) continue;
    }
    t[(*n)++] = (task){ sw->rtol[at.rtol], k };
  }
  qsort(t, *n, sizeof *t, tightest_first);
  for (size_t k = 0; k < *n; k++) (*out)[k] = t[k].k;
  return GN_OK;
}

/* Both errors need the reference; `frozen` needs it for the seconds as well. */
static gn_status certify(gn_sweep *sw, size_t scene, gn_sweep_result *res)
{
  gn_compare *c = sw->scene[scene].c;
  if (sw->progress) {
    (void)fputs("\r\033[Ksweep: reference", sw->progress);
    (void)fflush(sw->progress);
  }
  GN_TRY(gn_compare_certify(c));
  if (c->ref.status != GN_OK) res->uncertified++;
  return GN_OK;
}

static gn_status run_scene(gn_sweep *sw, size_t scene, gn_sweep_result *res)
{
  size_t n, timed = 0, *list;
  GN_TRY(tasks_of(sw, scene, GN_SWEEP_COUNTS, &n, &list));
  if (n > 0 && !sw->train) GN_TRY(certify(sw, scene, res));
  GN_TRY(run_team(sw, GN_SWEEP_COUNTS, sw->jobs, n, list));
  res->computed += n;
  if (!sw->time) return GN_OK;
  GN_TRY(tasks_of(sw, scene, GN_SWEEP_SECONDS, &timed, &list));
  if (n == 0 && timed > 0 && !sw->train && sw->base->compare.cotangent)
    GN_TRY(certify(sw, scene, res));
  return run_team(sw, GN_SWEEP_SECONDS, 1, timed, list);
}

gn_status gn_sweep_run(gn_sweep *sw, gn_sweep_result *res)
{
  const double begin = gn_clock_wall();
  *res = (gn_sweep_result){ .points = sw->last - sw->first };
  GN_TRY(gn_sweep_load(sw));
  for (size_t k = 0; k < res->points; k++) res->skipped += sw->row[k] != NULL;
  GN_TRY(gn_sweep_store(sw));
  gn_status s = GN_OK;
  for (size_t k = 0; k < sw->nscene && s == GN_OK; k++) s = run_scene(sw, k, res);
  if (s == GN_OK) s = gn_sweep_store(sw);
  for (size_t k = 0; k < res->points && s == GN_OK; k++) {
    char *status = status_of(sw, k);
    res->failed += !status || strcmp(status, "ok") != 0;
    free(status);
  }
  res->sec = gn_clock_wall() - begin;
  return s;
}
