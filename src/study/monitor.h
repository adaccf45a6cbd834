/* What every update of a run was like: the rows of iterations.csv. No seconds, no digits
 * that depend on anything but the experiment, so that a replay has the same rows.
 *
 * A parameter block is a named tensor of the model (f.0.weight, rho). Its columns are
 * PREFIX:NAME. A model that declares gn_watched quantities has a column value:NAME for
 * each, and so has every tensor of one element. */
#ifndef GN_STUDY_MONITOR_H
#define GN_STUDY_MONITOR_H

#include "base/format.h"
#include "core/gradient.h"
#include "study/anomaly.h"
#include "base/csv.h"
#include "study/experiment.h"

/* clang-format off */
/* NaN (an empty cell) where a failed update did not get. */
#define GN_ITERATION_LIST(X)                                                               \
  X(lr,           "learning rate")                                                         \
  X(loss,         "of the batch, before the update")                                       \
  X(gradient,     "l2 norm of the gradient, before clipping")                              \
  X(norm,         "l2 norm of the parameters, before the update")                          \
  X(update,       "l2 norm of the update / that of the parameters")                        \
  X(work,         "f + jvp evaluations, forward")                                          \
  X(back_work,    "f + vjp + pgrad + jvp evaluations, backward")                           \
  X(steps,        "accepted steps, forward")                                               \
  X(rejects,      "rejected steps, forward")                                               \
  X(back_steps,   "accepted steps, backward")                                              \
  X(back_rejects, "rejected steps, backward")                                              \
  X(h_min,        "smallest |h| of the forward solve")                                     \
  X(y_start,      "largest |y| at its start")                                              \
  X(y_max,        "largest |y| of the forward solve")                                      \
  X(y_time,       "time of y_max (s, with times of their own)")                                                         \
  X(y_sample,     "sample y_max belongs to: its index in the data set, from 0")
/* clang-format on */

#define GN_ITERATION_FIELD(name, text) double name;
typedef struct gn_iteration {
  int epoch;     /* counted from 1 */
  size_t batch;  /* counted from 1 */
  GN_ITERATION_LIST(GN_ITERATION_FIELD)
  char worst[64], back_worst[64]; /* block of the norm that caused most rejections; ""     */
  unsigned signs;                 /* of gn_anomaly                                          */
  double *of_gradient, *of_norm, *of_update; /* [params.n] per tensor                      */
  double *value;                  /* [nvalue] watched quantities                           */
} gn_iteration;
#undef GN_ITERATION_FIELD

/* PREFIX:NAME stands for a column for every NAME. */
extern const gn_format gn_format_iterations;

/* A watched quantity: the model's own (of), or the scalar parameter at offset. */
typedef struct gn_monitor_value {
  const char *name;
  const gn_watched *of;
  size_t offset;
} gn_monitor_value;

typedef struct gn_monitor {
  const gn_setup *setup;  /* borrowed */
  FILE *to;               /* borrowed; NULL: rows are only kept in `now` */
  double scale, span;     /* of the data: median sample's largest |x| and |y|; T           */
  size_t nvalue;
  gn_monitor_value *value;
  double *before;         /* [np] parameters before the update                             */
  gn_extremes extremes;   /* to be given to the solver                                     */
  gn_anomaly anomaly;
  gn_iteration now;       /* the last update                                               */
  int since;              /* epoch the first abnormal update is looked for from; 0: all    */
  int first_epoch;        /* of the first abnormal update; 0: none                         */
  size_t first_batch;
  unsigned first_signs;
} gn_monitor;

gn_status gn_monitor_create(gn_arena *a, const gn_setup *setup, gn_monitor **out);

/* In this order for each update: before the forward solve; with the loss; with the gradient
   before clipping; and after the update (or after a failure, with failed = 1), which writes
   the row. idx [B] are the samples. NULL-safe. */
void gn_monitor_begin(gn_monitor *mo, int epoch, size_t batch, double lr, const double *p);
void gn_monitor_loss(gn_monitor *mo, double loss);
void gn_monitor_gradient(gn_monitor *mo, const double *g);
void gn_monitor_end(gn_monitor *mo, const size_t *idx, const gn_stats *st, const double *p,
                    int failed);

/* The header line without line break, in the arena; NULL without memory. */
const char *gn_monitor_header(const gn_monitor *mo, gn_arena *a);

/* Take in the rows of a file up to an epoch, as if they had just been written. */
gn_status gn_monitor_restore(gn_monitor *mo, const gn_csv *rows, int epoch);

/* Whether a row of a file has the numbers of `now`, bit for bit. */
int gn_monitor_same(const gn_monitor *mo, const gn_csv *rows, size_t row);

/* "loss state" of a set of signs. */
void gn_signs_print(unsigned signs, char *buf, size_t size);

#endif
