/* Problems: the plain list of outputs, spans, sequences, the check of an event list, and the
 * walk over it. */
#include "core/signal.h"

#include <math.h>

gn_status gn_problem_outputs(const gn_model *m, size_t K, const double *times,
                             gn_output_mode mode, gn_event *events, gn_problem *pb)
{
  GN_REQUIRE(K >= 1, GN_EARG, "a problem needs at least one output time after t0");
  for (size_t k = 0; k < K; k++) {
    GN_REQUIRE(times[k + 1] > times[k], GN_EARG,
               "times[%zu] = %g is not after times[%zu] = %g; times must increase", k + 1,
               times[k + 1], k, times[k]);
    events[k] = (gn_event){ times[k + 1], GN_AT_OUTPUT, k };
  }
  *pb = (gn_problem){ .model = m, .s0 = times[0], .nevent = K, .event = events,
                      .noutput = K, .output = mode };
  return gn_problem_check(pb);
}

gn_status gn_problem_spans(const gn_model *m, size_t K, gn_output_mode mode, gn_event *events,
                           gn_problem *pb)
{
  size_t n = 0;
  GN_REQUIRE(K >= 1, GN_EARG, "a problem needs at least one output time after t0");
  for (size_t k = 0; k < K; k++) {
    if (k > 0) events[n++] = (gn_event){ (double)k, GN_AT_KINK, k };
    events[n++] = (gn_event){ (double)(k + 1), GN_AT_OUTPUT, k };
  }
  *pb = (gn_problem){ .model = m, .nevent = n, .event = events, .noutput = K, .nspan = K,
                      .output = mode };
  return gn_problem_check(pb);
}

size_t gn_sequence_noutput(const gn_sequence *q)
{
  const size_t each = (q->outputs & 1) + (q->outputs >> 1 & 1) + (q->outputs >> 2 & 1);
  return q->J * each + q->nahead;
}

size_t gn_sequence_nevent(const gn_sequence *q)
{
  return gn_sequence_noutput(q) + 2 * q->J + 1;
}

size_t gn_sequence_nspan(const gn_sequence *q) { return q->J + (q->nahead > 0); }

gn_status gn_problem_sequence(const gn_model *m, const gn_sequence *q, gn_output_mode mode,
                              gn_event *events, gn_problem *pb)
{
  const double J = (double)q->J;
  size_t n = 0, k = 0;
  GN_REQUIRE(q->J > 0, GN_EARG, "a sequence needs at least one observation");
  GN_REQUIRE(gn_sequence_noutput(q) > 0, GN_EARG,
             "a sequence needs an output: before, after or at the end of a gap, or ahead");
  for (size_t j = 0; j < q->J; j++) {
    const double s = (double)j;
    if (j > 0) events[n++] = (gn_event){ s, GN_AT_KINK, j };
    if (q->outputs & GN_SEQUENCE_BEFORE) events[n++] = (gn_event){ s, GN_AT_OUTPUT, k++ };
    events[n++] = (gn_event){ s, GN_AT_JUMP, j };
    if (q->outputs & GN_SEQUENCE_AFTER) events[n++] = (gn_event){ s, GN_AT_OUTPUT, k++ };
    if (q->outputs & GN_SEQUENCE_END) events[n++] = (gn_event){ s + 1, GN_AT_OUTPUT, k++ };
  }
  if (q->nahead > 0) events[n++] = (gn_event){ J, GN_AT_KINK, q->J };
  for (size_t i = 0; i < q->nahead; i++)
    events[n++] = (gn_event){ J + q->ahead[i], GN_AT_OUTPUT, k++ };
  *pb = (gn_problem){ .model = m, .nevent = n, .event = events, .noutput = k, .njump = q->J,
                      .nspan = gn_sequence_nspan(q), .output = mode };
  return gn_problem_check(pb);
}

const gn_event *gn_problem_output(const gn_problem *pb, size_t k, size_t *span)
{
  const gn_event *ev = pb->event;
  *span = 0;
  for (; ev->kind != GN_AT_OUTPUT || ev->index != k; ev++)
    if (ev->kind == GN_AT_KINK && ev->index != GN_NONE) *span = ev->index;
  if (pb->signal) *span = pb->signal->span[*span];
  return ev;
}

gn_status gn_problem_check(const gn_problem *pb)
{
  GN_REQUIRE(pb->nevent > 0, GN_EARG, "a problem needs at least one event");
  double s = pb->s0;
  const size_t most = pb->signal ? pb->signal->npiece : pb->nspan;
  size_t outputs = 0, jumps = 0;
  for (size_t e = 0; e < pb->nevent; e++) {
    const gn_event *ev = &pb->event[e];
    GN_REQUIRE(isfinite(ev->s) && ev->s >= s, GN_EARG,
               "event %zu at %g comes before %g; events must be in order", e, ev->s, s);
    s = ev->s;
    if (ev->kind == GN_AT_OUTPUT)
      GN_REQUIRE(ev->index == outputs++, GN_EARG, "event %zu: outputs must count up from 0", e);
    else if (ev->kind == GN_AT_JUMP)
      GN_REQUIRE(ev->index == jumps++, GN_EARG, "event %zu: jumps must count up from 0", e);
    else
      GN_REQUIRE(ev->index == GN_NONE || ev->index < most, GN_EARG,
                 "event %zu starts span %zu of %zu", e, ev->index, most);
  }
  GN_REQUIRE(s > pb->s0, GN_EARG, "all events are at the start %g; nothing flows", pb->s0);
  GN_REQUIRE(outputs == pb->noutput && jumps == pb->njump, GN_EARG,
             "%zu outputs and %zu jumps in the list, %zu and %zu announced", outputs, jumps,
             pb->noutput, pb->njump);
  GN_REQUIRE(jumps == 0 || pb->model->map[GN_JUMP].eval, GN_EARG,
             "the problem jumps, but model %s has no jump map; models made of networks have "
             "model.jump", pb->model->cls->name);
  return GN_OK;
}

void gn_problem_soft(const gn_problem *pb, int overshoots, unsigned char *soft)
{
  const size_t n = pb->nevent;
  for (size_t e = 0; e < n; e++) {
    const gn_event *ev = &pb->event[e];
    int stop = !overshoots && (pb->output == GN_LAND || ev->s >= pb->event[n - 1].s);
    for (size_t i = e; i-- > 0 && pb->event[i].s == ev->s;)
      stop |= pb->event[i].kind != GN_AT_OUTPUT;
    for (size_t i = e + 1; i < n && pb->event[i].s == ev->s; i++)
      stop |= pb->event[i].kind != GN_AT_OUTPUT;
    soft[e] = ev->kind == GN_AT_OUTPUT && ev->s > pb->s0 && !stop;
  }
}

/* Span in force just before event e. */
static size_t span_before(const gn_problem *pb, size_t e)
{
  while (e-- > 0)
    if (pb->event[e].kind == GN_AT_KINK && pb->event[e].index != GN_NONE)
      return pb->event[e].index;
  return 0;
}

static gn_status meet(const gn_problem *pb, const gn_visit *v, size_t e, int forward)
{
  const gn_event *ev = &pb->event[e];
  size_t span = ev->index;
  switch (ev->kind) {
  case GN_AT_OUTPUT: return v->output ? v->output(v->user, ev->index) : GN_OK;
  case GN_AT_JUMP: return v->jump(v->user, ev->index);
  case GN_AT_KINK:
    if (span != GN_NONE && !forward) span = span_before(pb, e);
    return v->kink ? v->kink(v->user, span) : GN_OK;
  }
  return GN_OK;
}

gn_status gn_visit_forward(const gn_problem *pb, const gn_visit *v)
{
  double s = pb->s0;
  for (size_t e = 0; e < pb->nevent; e++) {
    if (v->soft && v->soft[e]) continue;
    const gn_event *ev = &pb->event[e];
    if (ev->s > s) GN_TRY(v->flow(v->user, s, ev->s));
    s = ev->s;
    GN_TRY(meet(pb, v, e, 1));
  }
  const double end = pb->event[pb->nevent - 1].s;
  return end > s ? v->flow(v->user, s, end) : GN_OK;
}

gn_status gn_visit_backward(const gn_problem *pb, const gn_visit *v)
{
  double s = pb->event[pb->nevent - 1].s;
  for (size_t e = pb->nevent; e-- > 0;) {
    if (v->soft && v->soft[e]) continue;
    const gn_event *ev = &pb->event[e];
    if (ev->s < s) GN_TRY(v->flow(v->user, s, ev->s));
    s = ev->s;
    GN_TRY(meet(pb, v, e, 0));
  }
  return s > pb->s0 ? v->flow(v->user, s, pb->s0) : GN_OK;
}
