/* Data sets made of a scalar delay equation that is linear in the present,
 *
 *   x'(t) = a(x(t - tau)) + b(x(t - tau)) x(t),    x(t) = h for t <= 0,
 *
 * one sample for each of many constant histories h: input h, targets x at equally spaced
 * times. A sample draws h, uniform in [low, high], from its own stream. */
#ifndef GN_CORE_LAGGED_H
#define GN_CORE_LAGGED_H

#include "core/dataset.h"
#include "core/split.h"

/* Options every such data set has. */
typedef struct gn_lagged_config {
  int n, valid, test, K, steps;
  double T, low, high;
  gn_split split;
} gn_lagged_config;

/* NOLINTBEGIN(bugprone-macro-parentheses): a member of offsetof takes no parentheses */
#define GN_LAGGED_OPTIONS(cfg, field, low_, high_)                                       \
  GN_INT(cfg, "n", field.n, 40, 1, 1000000, "training samples"),                         \
  GN_INT(cfg, "valid", field.valid, 20, 0, 1000000, "validation samples"),               \
  GN_INT(cfg, "test", field.test, 40, 0, 1000000, "test samples"),                       \
  GN_INT(cfg, "K", field.K, 20, 1, 100000, "output times, equally spaced up to T"),      \
  GN_REAL(cfg, "T", field.T, 5, 1e-6, 1e4, "last output time"),                          \
  GN_REAL(cfg, "low", field.low, low_, 0, 1e3, "least constant history"),                \
  GN_REAL(cfg, "high", field.high, high_, 0, 1e3, "largest constant history"),           \
  GN_INT(cfg, "steps", field.steps, 20, 1, 100000, "steps a lag of the solve that makes the data"), \
  GN_SPLIT_OPTIONS(cfg, field.split)
/* NOLINTEND(bugprone-macro-parentheses) */

typedef struct gn_lagged_law {
  void (*terms)(const void *user, double delayed, double *a, double *b);
  const void *user;
  double tau;
} gn_lagged_law;

/* The samples of a data set's make. */
gn_status gn_lagged_make(const gn_lagged_config *c, const gn_lagged_law *law, uint64_t seed,
                         gn_dataset *d);

#endif
