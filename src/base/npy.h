/* Reading NumPy's NPY files, plain or packed by gzip. */
#ifndef GN_BASE_NPY_H
#define GN_BASE_NPY_H

#include "base/arena.h"
#include "base/shape.h"

typedef struct gn_npy {
  const char *file;
  char type[4]; /* as in the file: "<f4"                       */
  int rank;
  size_t shape[GN_SHAPE_MAXRANK], n; /* n: their product       */
  double *at;                        /* [shape], row-major     */
} gn_npy;

/* Everything lies in the arena, elements as doubles; want as in gn_shape_check, NULL: any shape
   of any rank. Types: bool, integers of 1 to 8 bytes, float32 and float64, of either byte order.
   GN_EIO "FILE: byte AT: ..." for what is no NPY file of version 1 or 2, for other types and
   Fortran order, a file that is cut off or goes on after its last element, and an integer that
   is no double; "FILE: shape ..." for another shape. */
gn_status gn_npy_read(gn_arena *a, const char *file, int want_rank, const size_t *want,
                      gn_npy **out);

#endif
