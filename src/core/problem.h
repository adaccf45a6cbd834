/* The problem: a time-ordered list of events over which a model flows.
 *
 * Steppers integrate one scalar s. Row i sees the time t_i = t0_i + s dt_i (t_i = s when no
 * spans are given). Between events the flow is smooth. */
#ifndef GN_CORE_PROBLEM_H
#define GN_CORE_PROBLEM_H

#include "core/model.h"

typedef enum gn_event_kind {
  GN_AT_OUTPUT, /* state goes to output `index`; before or after a jump by its place in the list */
  GN_AT_JUMP,   /* state <- jump(state, x[index]) on the rows of the mask */
  GN_AT_KINK    /* f is not smooth here (signal knot, change of spans): stop and reset */
} gn_event_kind;

typedef struct gn_event {
  double s;
  gn_event_kind kind;
  size_t index; /* output or jump number; for a kink that starts span j: j, else GN_NONE */
} gn_event;
#define GN_NONE ((size_t)-1)

typedef enum gn_output_mode {
  GN_LAND,       /* output times are stop times (never a reset)               */
  GN_INTERPOLATE /* outputs from the table's own interpolant, transposed backward */
} gn_output_mode;
#define GN_OUTPUT_CHOICES "land|interpolate"

typedef struct gn_signal gn_signal; /* core/signal.h */

/* All pointers are borrowed and outlive the object that uses the problem. */
typedef struct gn_problem {
  const gn_model *model;
  double s0;              /* start                                             */
  size_t nevent;
  const gn_event *event;  /* s non-decreasing, >= s0; the last one ends the flow */
  size_t noutput, njump;  /* how many of each kind                             */
  /* Per-row time spans: span j holds from its kink on (span 0 from s0). nspan = 0: t = s. */
  size_t nspan;
  gn_output_mode output;
  /* States before s0, for a model with lags: at hist_s [nhist], ascending and below s0, and
     straight lines between them and to s0; before the first one constant. nhist = 0: what the
     state is at s0. */
  size_t nhist;
  const double *hist_s;
  /* Signals for a model with nu > 0, by gn_problem_signal: kinks then count pieces, each with
     its span. NULL: none. */
  const gn_signal *signal;
} gn_problem;

/* The arrays of a batch that belong to the events. Any may be NULL when there are none. */
typedef struct gn_drive {
  const double *t0, *dt;         /* [nspan, B] each: t_i = t0_i + s dt_i          */
  const double *x;               /* [njump, B, nobs] observations                 */
  const double *u;               /* [nknot, B, nu] signals at their knots         */
  const unsigned char *mask;     /* [njump, B], 1 = this row jumps; NULL = all    */
  const double *xhist;           /* [nhist, B, nx] inputs before s0, for a pass   */
  const double *hist;            /* [nhist, B, ny] states there, for a strategy   */
  double *ghist;                 /* [nhist, B, ny] += their cotangents; NULL: not wanted */
} gn_drive;

/* Kinks carry a number: of time spans, or of pieces with signals. */
static inline int gn_problem_numbered(const gn_problem *pb)
{
  return pb->nspan > 0 || pb->signal;
}
/* Check order, counts and indices. GN_EARG names the event. */
gn_status gn_problem_check(const gn_problem *pb);
/* The plain case: outputs at times[1..K], t0 = times[0]; events is [K], written here. */
gn_status gn_problem_outputs(const gn_model *m, size_t K, const double *times,
                             gn_output_mode mode, gn_event *events, gn_problem *pb);
/* Rows with times of their own: output k at s = k + 1 for k = 0..K-1, span k from s = k on, by
   a kink; the drive brings t0, dt [K, B]. events is [2 K - 1], written here. */
gn_status gn_problem_spans(const gn_model *m, size_t K, gn_output_mode mode, gn_event *events,
                           gn_problem *pb);
/* A sequence: J observations that change the state, each followed by a flow over a gap, and a
   stretch without observations after them. */
enum {
  GN_SEQUENCE_BEFORE = 1, /* outputs: the state before each observation  */
  GN_SEQUENCE_AFTER = 2,  /* the state after it                          */
  GN_SEQUENCE_END = 4     /* the state at the end of the gap after it    */
};
typedef struct gn_sequence {
  size_t J;
  unsigned outputs;    /* of the above                                              */
  size_t nahead;       /* outputs after the last gap, at these times from its end   */
  const double *ahead; /* [nahead], ascending, the first one 0 or more              */
} gn_sequence;
/* How many outputs it has, in the order of time; at one time END, BEFORE, AFTER; how many
   events at most, and time spans. */
size_t gn_sequence_noutput(const gn_sequence *q);
size_t gn_sequence_nevent(const gn_sequence *q);
size_t gn_sequence_nspan(const gn_sequence *q);
/* Jump j at s = j, flow over [j, j + 1] in span j, J of them; then from s = J on a last span
   with dt = 1, if nahead. The drive brings x, t0, dt, and mask where an observation is missing.
   events is [gn_sequence_nevent], written here. */
gn_status gn_problem_sequence(const gn_model *m, const gn_sequence *q, gn_output_mode mode,
                              gn_event *events, gn_problem *pb);
/* The event of output k, and the span in force there (0 without spans). */
const gn_event *gn_problem_output(const gn_problem *pb, size_t k, size_t *span);

/* Mark the outputs the forward solve does not stop at: those strictly inside a smooth piece
   under output = interpolate, all of them for a stepper that overshoots. soft is [nevent]. */
void gn_problem_soft(const gn_problem *pb, int overshoots, unsigned char *soft);

/* What to do at each event and in between. flow brings the visitor's state from s to to;
   both directions meet the events one by one, in the order of the list or in reverse. */
typedef struct gn_visit {
  void *user;
  const unsigned char *soft; /* [nevent] outputs that are the visitor's own business, inside
                                flow; NULL: none */
  gn_status (*flow)(void *user, double s, double to);
  gn_status (*output)(void *user, size_t k); /* NULL: nothing                   */
  gn_status (*jump)(void *user, size_t j);
  gn_status (*kink)(void *user, size_t span);
  /* ^ the span in force on the far side, GN_NONE if it does not change; NULL: nothing */
} gn_visit;
gn_status gn_visit_forward(const gn_problem *pb, const gn_visit *v);
gn_status gn_visit_backward(const gn_problem *pb, const gn_visit *v);

#endif
