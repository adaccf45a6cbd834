/* Is this update abnormal? Cheap signs, each a number against a threshold, from the rows of
 * iterations.csv alone: training uses them to keep a snapshot, `diagnose` to find where to
 * look. Signs that compare with the past take the median of the last updates. */
#ifndef GN_STUDY_ANOMALY_H
#define GN_STUDY_ANOMALY_H

#include <stddef.h>

/* Updates the medians are taken over, and how many there must be before one counts. */
enum { GN_ANOMALY_WINDOW = 16, GN_ANOMALY_LEAST = 4 };

/* A loss, and a norm of the gradient, so many times the median: mini-batches of one data
   set differ by less, and a loss that doubles with every update passes it within a window. */
#define GN_LOSS_JUMP 10.0
#define GN_GRADIENT_JUMP 100.0
/* ... but a loss counts only above this part of the first one: near convergence Adam's
   steps raise a small loss many times over, and nothing is wrong. */
#define GN_LOSS_FLOOR 0.1
/* Evaluations of an update, times the median. Training makes dynamics stiffer slowly. */
#define GN_WORK_JUMP 3.0
/* |y| over the largest of |y(t0)| and the data: a state two decades from where it begins
   and from what it is fitted to. */
#define GN_STATE_GROWTH 100.0
/* |update| / |parameters|: the gradient is a linearisation, and says nothing about a step
   half as long as the parameters themselves. Adam's usual ratio is near 1e-3. */
#define GN_UPDATE_RATIO 0.5
/* Part of the damping of the first update that is left when it is called lost, and what is
   left of its effect: a velocity decays by exp(-gamma T) over the time T of a solve, less
   than a tenth below this. */
#define GN_DAMPING_PART 0.1
#define GN_DAMPING_EFFECT 0.1

/* clang-format off */
#define GN_ANOMALY_LIST(X) /* name, label, threshold, abnormal when below, text */         \
  X(FAILED,   "failed",   1,                 0, "the update could not be made")            \
  X(LOSS,     "loss",     GN_LOSS_JUMP,      0, "loss / median of the last updates")       \
  X(GRADIENT, "gradient", GN_GRADIENT_JUMP,  0, "|gradient| / median of the last updates") \
  X(WORK,     "work",     GN_WORK_JUMP,      0, "evaluations / median of the last updates")\
  X(STATE,    "state",    GN_STATE_GROWTH,   0, "largest |y| / (|y(t0)| and data)")        \
  X(UPDATE,   "update",   GN_UPDATE_RATIO,   0, "|update| / |parameters|")                 \
  X(DAMPING,  "damping",  GN_DAMPING_PART,   1, "damping / that of the first update")
/* clang-format on */
enum {
#define GN_ANOMALY_PLACE(name, label, threshold, below, text) GN_ANOMALY_##name,
  GN_ANOMALY_LIST(GN_ANOMALY_PLACE) GN_ANOMALY_N
#undef GN_ANOMALY_PLACE
};
typedef struct gn_sign {
  const char *name, *text;
  double threshold;
  int below; /* 1: abnormal when below the threshold */
} gn_sign;
extern const gn_sign gn_signs[GN_ANOMALY_N];

/* What is looked at; NaN: not known. */
typedef struct gn_vitals {
  int failed;
  double loss, gradient, work;
  double growth;     /* |y| / max(|y(t0)|, data)     */
  double update;     /* |update| / |parameters|      */
  double damping;    /* the smallest the model has   */
  double span;       /* T                            */
} gn_vitals;

typedef struct gn_anomaly {
  long seen, n;                                            /* updates; ordinary ones   */
  double loss0, damping0;
  double loss[GN_ANOMALY_WINDOW], gradient[GN_ANOMALY_WINDOW], work[GN_ANOMALY_WINDOW];
  double value[GN_ANOMALY_N];                              /* signs of the last; NaN   */
} gn_anomaly;

/* Take in the next update; the set of its signs (bit 1 << GN_ANOMALY_LOSS), 0: ordinary. */
unsigned gn_anomaly_feed(gn_anomaly *an, const gn_vitals *v);

/* Median of v [n], which is sorted; NaN for n = 0. */
double gn_median(size_t n, double *v);

#endif
