/* What a solve or a gradient cost. One list gives struct, CSV header, CSV row and sum.
 * Counts are exact and bit-reproducible; seconds are kept apart from them. */
#ifndef GN_CORE_STATS_H
#define GN_CORE_STATS_H

#include "base/format.h"

/* clang-format off */
/* Evaluations are of the network over the whole batch; pgrad counts tapes. */
#define GN_STATS_COUNTS(X)                                                             \
  X(steps,          "accepted steps, forward")                                         \
  X(rejects,        "rejected steps, forward")                                         \
  X(f,              "f evaluations, forward")                                          \
  X(jvp,            "jvp evaluations, forward")                                        \
  X(nfe_forward,    "calls of the right-hand side, forward (as torchdiffeq counts)")   \
  X(back_steps,     "accepted steps, backward")                                        \
  X(back_rejects,   "rejected steps, backward")                                        \
  X(back_f,         "f evaluations, backward (recomputation included)")                \
  X(back_vjp,       "vjp evaluations")                                                 \
  X(back_pgrad,     "parameter-gradient evaluations")                                  \
  X(back_jvp,       "jvp evaluations, backward")                                       \
  X(nfe_backward,   "calls of the augmented right-hand side, backward")                \
  X(recomputed,     "steps recomputed in the backward pass")                           \
  X(recompute_predicted, "steps to be recomputed, as known after the forward pass")    \
  X(nodes,          "quadrature nodes")                                                 \
  X(newton,         "Newton iterations, both directions")                              \
  X(bytes,          "peak bytes kept for the backward pass")
/* clang-format on */

#define GN_STATS_FIELD(name, text) long name;
typedef struct gn_stats {
  GN_STATS_COUNTS(GN_STATS_FIELD)
  double sec, back_sec; /* wall seconds forward, backward; never in a file with counts */
  /* "h 1; backward a.h 3, unknown 1": blocks that caused rejections; unknown: the nonlinear
     system was not solved, or a value was not finite and it is not known where */
  char rejected_by[160];
  char note[384];       /* what its user should know ("the state drifted ..."), or empty */
  char executed[96];    /* strategy, norm and stepper actually run */
} gn_stats;
#undef GN_STATS_FIELD

enum {
#define GN_STATS_PLACE(name, text) GN_STATS_AT_##name,
  GN_STATS_COUNTS(GN_STATS_PLACE) GN_STATS_N
#undef GN_STATS_PLACE
};
extern const char *const gn_stats_names[GN_STATS_N];
extern const char *const gn_stats_texts[GN_STATS_N];
extern const gn_column gn_stats_columns[]; /* the same for a file format */
long gn_stats_get(const gn_stats *s, int i); /* i-th count of the list */
/* sum += add: counts and seconds; bytes is the larger one; the texts are add's. */
void gn_stats_add(gn_stats *sum, const gn_stats *add);
/* f + vjp + pgrad + jvp in both directions: the cost axis. */
long gn_stats_work(const gn_stats *s);

#endif
