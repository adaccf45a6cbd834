/* Products of lengths that come from a file, and lengths that were not expected. */
#include "base/shape.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

enum { TEXT = 32 * GN_SHAPE_MAXRANK };

gn_status gn_shape_size(const char *file, int rank, const size_t *shape, size_t each,
                        size_t *n)
{
  int empty = 0;
  *n = 1;
  for (int k = 0; k < rank; k++) empty |= shape[k] == 0;
  for (int k = 0; k < rank; k++) {
    if (empty) *n = 0;
    GN_REQUIRE(empty || shape[k] <= SIZE_MAX / each / *n, GN_EIO,
               "%s: its shape overflows a size at length %zu of axis %d", file, shape[k],
               k);
    *n *= shape[k];
  }
  return GN_OK;
}

/* "[3, 4]"; a length of 0 as "*" if any. */
static void print(int rank, const size_t *shape, int any, char text[TEXT])
{
  size_t at = (size_t)snprintf(text, TEXT, "[");
  for (int k = 0; k < rank; k++) {
    const char *comma = k ? ", " : "";
    const int m = any && shape[k] == 0
                      ? snprintf(text + at, TEXT - at, "%s*", comma)
                      : snprintf(text + at, TEXT - at, "%s%zu", comma, shape[k]);
    at += (size_t)m;
  }
  (void)snprintf(text + at, TEXT - at, "]");
}

gn_status gn_shape_check(const char *file, int rank, const size_t *shape, int want_rank,
                         const size_t *want)
{
  char has[TEXT], wanted[TEXT];
  int same = rank == want_rank;
  assert(rank >= 0 && rank <= GN_SHAPE_MAXRANK);
  assert(want_rank >= 0 && want_rank <= GN_SHAPE_MAXRANK);
  for (int k = 0; same && k < rank; k++) same = want[k] == 0 || want[k] == shape[k];
  if (same) return GN_OK;
  print(rank, shape, 0, has);
  print(want_rank, want, 1, wanted);
  return GN_FAIL(GN_EIO, "%s: shape %s, expected %s", file, has, wanted);
}
