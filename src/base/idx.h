/* Reading the idx files of MNIST, plain or as .gz. */
#ifndef GN_BASE_IDX_H
#define GN_BASE_IDX_H

#include "base/arena.h"
#include "base/shape.h"

typedef struct gn_idx {
  const char *file;
  int rank;
  size_t shape[GN_SHAPE_MAXRANK], n; /* n: their product        */
  const unsigned char *at;           /* [shape], row-major      */
} gn_idx;

/* Everything lies in the arena; want as in gn_shape_check (labels: rank 1; images: rank 3).
   GN_EIO "FILE: byte AT: ..." for a file that is no idx file of bytes, is cut off or goes on
   after its last element; "FILE: shape ..." for another shape. */
gn_status gn_idx_read(gn_arena *a, const char *file, int want_rank, const size_t *want,
                      gn_idx **out);

#endif
