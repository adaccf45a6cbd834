/* Parts of a data set: how many training samples, and which random numbers a sample has. */
#include "core/split.h"

#include "base/rng.h"

#include <math.h>

size_t gn_split_train(const gn_split *s, size_t n)
{
  const size_t k = (size_t)floor(s->fraction * (double)n + 0.5);
  return k > 0 ? k : 1;
}

uint64_t gn_split_stream(const gn_split *s, size_t ntrain, size_t i)
{
  if (i < ntrain) return gn_rng_stream(GN_STREAM_DATA, i);
  const uint64_t part = s->part == GN_PART_TEST ? 2 : 1;
  return gn_rng_stream(GN_STREAM_DATA, part << 40 | (i - ntrain));
}
