/* The times a solve meets. On a grid for all they are the stepper's; a sample with its own
 * times tau_0 < tau_1 < ... is solved in spans, as it is trained,
 *
 *   t = tau_m + (s - m) (tau_{m+1} - tau_m),   m <= s < m + 1,
 *
 * the last one going on after the data, so that step sizes keep their meaning. */
#include "study/solve_impl.h"

#include "base/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000000 };

gn_status gn_solve_times(gn_arena *a, const char *text, size_t *n, double **out)
{
  char *copy = gn_arena_strdup(a, text), *part[3] = { copy, NULL, NULL };
  double from, to;
  long count;
  if (!copy) return GN_ENOMEM;
  for (int k = 1; k < 3 && part[k - 1]; k++) {
    part[k] = strchr(part[k - 1], ':');
    if (part[k]) *part[k]++ = '\0';
  }
  GN_REQUIRE(part[2] && gn_text_double(part[0], &from) == GN_OK &&
                 gn_text_double(part[1], &to) == GN_OK &&
                 gn_text_long(part[2], &count) == GN_OK,
             GN_EARG, "times = %s, expected A:B:N, N times from A to B", text);
  GN_REQUIRE(isfinite(from) && isfinite(to) && from < to, GN_EARG,
             "times = %s: A must be below B", text);
  GN_REQUIRE(count >= 2 && count <= MANY, GN_EARG, "times = %s: N = %ld, expected 2 to %d",
             text, count, (int)MANY);
  GN_NEW(a, *out, (size_t)count);
  *n = (size_t)count;
  for (long i = 0; i < count; i++)
    (*out)[i] = i == count - 1 ? to : from + (to - from) * (double)i / (double)(count - 1);
  return GN_OK;
}

size_t gn_solve_repeats(const gn_solve_part *p, size_t K, size_t k)
{
  while (k < K && p->times[k + 1] == p->times[k]) k++;
  return k;
}

int gn_solve_at_start(const gn_solve_part *p) { return p->node[0].t <= p->times[0]; }

/* ---- nodes --------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
  const gn_solve_node *x = a, *y = b;
  if (x->t != y->t) return (x->t > y->t) - (x->t < y->t);
  return (x->data == GN_NONE) - (y->data == GN_NONE); /* the data's time first */
}

/* Sorted, and those within `same` made one. */
static void merge(gn_solve_part *p, double same)
{
  size_t m = 0;
  qsort(p->node, p->n, sizeof *p->node, ascending);
  for (size_t i = 0; i < p->n; i++) {
    const gn_solve_node *x = &p->node[i];
    gn_solve_node *y = m ? &p->node[m - 1] : NULL;
    if (!y || x->t - y->t > same || (x->data != GN_NONE && y->data != GN_NONE)) {
      p->node[m++] = *x;
      continue;
    }
    if (x->data != GN_NONE) y->t = x->t, y->data = x->data;
    y->written |= x->written;
  }
  p->n = m;
  for (size_t i = 0; i < m; i++) p->T += (size_t)p->node[i].written;
}

gn_status gn_solve_nodes(gn_arena *a, gn_solve_part *p, size_t K, const gn_solve_input *in)
{
  const double *t = p->times;
  const double first = in->ntimes ? in->times[0] : t[0];
  const double last = in->ntimes ? in->times[in->ntimes - 1] : t[K];
  const double same = 1e-12 * fmax(fabs(first), fabs(last));
  GN_NEW(a, p->node, in->ntimes + K + 1);
  for (size_t i = 0; i < in->ntimes; i++) {
    GN_REQUIRE(i == 0 || in->times[i] > in->times[i - 1], GN_EARG,
               "time %g does not come after %g", in->times[i], in->times[i - 1]);
    if (in->times[i] >= t[0] - same)
      p->node[p->n++] = (gn_solve_node){ fmax(in->times[i], t[0]), 0, 1, GN_NONE };
  }
  GN_REQUIRE(p->n > 0 || in->ntimes == 0, GN_EARG,
             "starts at t = %g, after the last time %g: choose later times or other samples",
             t[0], last);
  p->whole = in->adjoint || (first <= t[1] + same && last >= t[K] - same);
  for (size_t k = 0; k <= K; k = gn_solve_repeats(p, K, k) + 1) {
    const int inside = t[k] >= first - same && t[k] <= last + same;
    if (inside || (in->adjoint && k > 0))
      p->node[p->n++] = (gn_solve_node){ t[k], 0, inside, k };
  }
  merge(p, same);
  GN_REQUIRE(p->n > (size_t)gn_solve_at_start(p), GN_EARG, "no time after the start %g", t[0]);
  return GN_OK;
}

/* ---- problem ------------------------------------------------------------------------- */

/* The data's times once each: [*M + 1]. */
static gn_status distinct(gn_arena *a, const gn_solve_part *p, size_t K, size_t *M,
                          double **out)
{
  size_t m = 0;
  GN_NEW(a, *out, K + 1);
  for (size_t k = 0; k <= K; k = gn_solve_repeats(p, K, k) + 1) (*out)[m++] = p->times[k];
  *M = m - 1;
  return GN_OK;
}

/* s of every node. */
static void scale(gn_solve_part *p, size_t M, const double *tau)
{
  size_t m = 0;
  for (size_t i = 0; i < p->n; i++) {
    gn_solve_node *x = &p->node[i];
    while (m < M && tau[m + 1] <= x->t) m++;
    const size_t j = m < M ? m : M - 1; /* the last span goes on */
    const double part = (x->t - tau[m]) / (tau[j + 1] - tau[j]);
    x->s = (double)m + (m < M ? fmin(part, 1) : part);
  }
}

static gn_status spans(gn_arena *a, gn_solve_part *p, const gn_model *m, size_t K,
                       gn_output_mode mode)
{
  double *tau, *t0, *dt;
  gn_event *ev;
  size_t M, kink = 1, n = 0, k = 0;
  GN_TRY(distinct(a, p, K, &M, &tau));
  GN_NEW(a, t0, M + 1);
  GN_NEW(a, dt, M + 1);
  GN_NEW(a, ev, p->n + M);
  scale(p, M, tau);
  for (size_t j = 0; j <= M; j++) {
    dt[j] = j < M ? tau[j + 1] - tau[j] : dt[M - 1];
    t0[j] = tau[j] - (double)j * dt[j];
  }
  for (size_t i = (size_t)gn_solve_at_start(p); i < p->n; i++) {
    for (; kink <= M && (double)kink < p->node[i].s; kink++)
      ev[n++] = (gn_event){ (double)kink, GN_AT_KINK, kink };
    ev[n++] = (gn_event){ p->node[i].s, GN_AT_OUTPUT, k++ };
  }
  p->drive = (gn_drive){ .t0 = t0, .dt = dt };
  p->problem = (gn_problem){ .model = m, .nevent = n, .event = ev, .noutput = k,
                             .nspan = M + 1, .output = mode };
  return gn_problem_check(&p->problem);
}

gn_status gn_solve_problem(gn_arena *a, gn_solve_part *p, const gn_model *m, size_t K,
                           gn_output_mode mode)
{
  const size_t skip = (size_t)gn_solve_at_start(p), n = p->n - skip;
  double *times;
  gn_event *events;
  if (p->own) return spans(a, p, m, K, mode);
  GN_NEW(a, times, n + 1);
  GN_NEW(a, events, n);
  times[0] = p->times[0];
  for (size_t i = 0; i < p->n; i++) p->node[i].s = p->node[i].t;
  for (size_t i = 0; i < n; i++) times[1 + i] = p->node[skip + i].t;
  return gn_problem_outputs(m, n, times, mode, events, &p->problem);
}
