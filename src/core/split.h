/* Three parts of a data set, of which two are seen at a time: hyper-parameters are chosen on
 * the validation samples, and the test samples are read once, at the end, in their place.
 * The training samples are the same for both, and fewer of them are a subset. */
#ifndef GN_CORE_SPLIT_H
#define GN_CORE_SPLIT_H

#include "base/option.h"

#include <stddef.h>
#include <stdint.h>

enum { GN_PART_FIT, GN_PART_TEST };

typedef struct gn_split {
  int part;
  double fraction; /* of the training samples */
} gn_split;

/* NOLINTBEGIN(bugprone-macro-parentheses): a member of offsetof takes no parentheses */
#define GN_SPLIT_OPTIONS(cfg, field)                                                     \
  GN_CHOICE(cfg, "part", field.part, GN_PART_FIT, "fit|test",                            \
            "samples after those for training: validation, or test (read once, at the end)"), \
  GN_REAL(cfg, "train_fraction", field.fraction, 1, 1e-6, 1, "of the training samples, used")
/* NOLINTEND(bugprone-macro-parentheses) */

/* How many of n training samples are used: the nearest number, at least one. */
size_t gn_split_train(const gn_split *s, size_t n);

/* Stream number (gn_rng_stream of GN_STREAM_DATA) of sample i of a set whose first ntrain are
   for training: no two parts share one, and it does not depend on the size of the others. */
uint64_t gn_split_stream(const gn_split *s, size_t ntrain, size_t i);

#endif
