/* Why did a run diverge? The first abnormal update is found in iterations.csv (anomaly.h),
 * reached again bit for bit from a snapshot, and examined there; every possible cause is a
 * row of evidence, a number against a threshold.
 *
 * Order of the verdict: a cause before what it causes. The data and the gradient are given
 * to the update, the learning rate makes the step, the damping is a parameter the step has
 * moved, and growth of the state and stiffness are what the new parameters do. A gradient
 * that is exact for the steps taken but not for the ODE is a symptom of those two: last. */
#ifndef GN_STUDY_DIAGNOSE_H
#define GN_STUDY_DIAGNOSE_H

#include "study/audit.h"
#include "study/trace.h"
#include "study/train.h"

/* Robust z-score (0.6745 |s - median| / MAD) of a sample's distance from the medians of all
   samples: 3.5 is the usual mark for a normal spread (Iglewicz and Hoaglin 1993); data have
   longer tails, and nothing ordinary is ten deviations out ... */
#define GN_OUTLIER_Z 10.0
/* ... unless the others lie close together: so it must also be ten times as far as they. */
#define GN_OUTLIER_FACTOR 10.0
/* Samples a median of deviations needs to mean something. */
enum { GN_OUTLIER_LEAST = 4 };
/* Loss of a sample / median loss: GN_OUTLIER_FACTOR in a quadratic loss; where the loss of
   the whole batch jumps, GN_LOSS_JUMP is enough ... */
#define GN_OUTLIER_LOSS 100.0
/* ... and its part of the loss of the batch: the update follows it more than all others. */
#define GN_OUTLIER_SHARE 0.5
/* Distance from discrete on the run's own steps / whole error: from here on the strategy is
   to blame, and not the tolerance of the solve. */
#define GN_AUDIT_BLAME 0.5
/* Upper quartile of h |lambda| / limit: the step follows stability, not accuracy, in a
   quarter of the steps at least. The controller swings around the limit itself. */
#define GN_STIFF_NEAR 0.7
/* Halvings of the learning rate that are tried. */
enum { GN_RATE_HALVINGS = 12 };

/* clang-format off */
/* In the order of the verdict. */
#define GN_CAUSE_LIST(X)                                                                   \
  X(DATA,      "data outlier",     "distance of a sample / the median one's")              \
  X(LOSS,      "data outlier",     "loss of a sample / the median one's")                  \
  X(GRADIENT,  "gradient error",   "error of the strategy / what the tolerance promises")  \
  X(RATE,      "learning rate",    "|update| / |parameters|")                              \
  X(DAMPING,   "loss of damping",  "damping / that of the first update")                   \
  X(BLOWUP,    "state blow-up",    "|y| at the end / (|y(t0)| and data)")                  \
  X(STIFF,     "stiffness",        "upper quartile of h |lambda| / stability limit")       \
  X(TOLERANCE, "gradient error",   "error of a gradient exact for its steps")
/* clang-format on */
enum {
#define GN_CAUSE_PLACE(name, label, text) GN_CAUSE_##name,
  GN_CAUSE_LIST(GN_CAUSE_PLACE) GN_CAUSE_N
#undef GN_CAUSE_PLACE
};
extern const char *const gn_cause_names[GN_CAUSE_N], *const gn_cause_texts[GN_CAUSE_N];

typedef struct gn_evidence {
  double value, threshold; /* value NaN: not measured, for the reason in detail  */
  int found;
  char detail[256];
} gn_evidence;

typedef struct gn_diagnosis {
  gn_arena *arena;
  int epoch;             /* examined: the first abnormal update, or                     */
  size_t batch;
  unsigned signs;        /* why it was taken; 0: nothing was conspicuous                */
  double sign[GN_ANOMALY_N]; /* the values of the signs, NaN: none                      */
  int audited;           /* 1: taken because audit.csv has a gradient that is off there */
  char failure[256];     /* message of the update, if it failed                         */
  int from;              /* epoch of the snapshot; 0: the seed                          */
  long replayed, same;   /* updates replayed; rows of iterations.csv with their bits    */
  int recorded;          /* 1: there is an iterations.csv                               */
  gn_evidence at[GN_CAUSE_N];
  int verdict;           /* the cause named; -1: none                                   */
} gn_diagnosis;

/* The run in e->run.out, of experiment e. epoch > 0: the first abnormal update of that
   epoch, the one with the largest loss if there is none. GN_EARG, GN_EIO: there is no such
   run or epoch. */
gn_status gn_diagnose(const gn_experiment *e, int epoch, gn_diagnosis **out);
void gn_diagnosis_destroy(gn_diagnosis **d);

/* 1: something is abnormal, whether or not its cause was found. */
int gn_diagnosis_abnormal(const gn_diagnosis *d);

gn_status gn_diagnosis_print(const gn_diagnosis *d, FILE *to);

#endif
