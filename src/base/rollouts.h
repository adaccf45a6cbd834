/* Rollouts of one length each, joined in an NPY file, cut into windows of the rows that are seen. */
#ifndef GN_BASE_ROLLOUTS_H
#define GN_BASE_ROLLOUTS_H

#include "base/arena.h"

typedef struct gn_rollouts {
  size_t rows, cols;  /* of all rollouts of the set                                      */
  const double *at;   /* [rows, cols]                                                    */
  size_t n, length;   /* windows, rows seen in each                                      */
  const size_t *row;  /* [n, length] which of the rows: ascending, in one rollout; the row after
                         each is in the same rollout (what is to be predicted)           */
  const double *gap;  /* [n, length] rows since the one seen before it (before the first of a
                         rollout: since its beginning, plus 1)                           */
} gn_rollouts;

/* The rollouts of one set ("train"), from DIR/PREFIX_SET.npy [rows, cols], the flags
   DIR/PREFIX_SET_keep.npy [rows] (1 = seen; the last row of a rollout never is) and DIR/rollouts.csv
   (columns set, start, length, kept). Windows begin at the rows seen number 0, stride, 2 stride,
   ... of a rollout while that is below kept - length. GN_EIO names the file and the line where
   they do not fit each other; GN_EARG for length or stride 0. */
gn_status gn_rollouts_read(gn_arena *a, const char *dir, const char *prefix, const char *set,
                           size_t length, size_t stride, gn_rollouts *out);

#endif
