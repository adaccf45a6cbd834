/* Shapes of arrays in files. */
#ifndef GN_BASE_SHAPE_H
#define GN_BASE_SHAPE_H

#include "base/status.h"

#include <stddef.h>

#define GN_SHAPE_MAXRANK 8

/* *n = product of the shape (1 of rank 0). GN_EIO if n elements of each bytes overflow a size;
   file: for the message. */
gn_status gn_shape_size(const char *file, int rank, const size_t *shape, size_t each,
                        size_t *n);
/* GN_EIO "FILE: shape [3, 4], expected [*, 17]" unless it has the rank and the lengths wanted;
   want[k] = 0: any length. */
gn_status gn_shape_check(const char *file, int rank, const size_t *shape, int want_rank,
                         const size_t *want);

#endif
