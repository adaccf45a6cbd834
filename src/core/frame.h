/* Measurements as a frame: rows of named columns, grouped into series with increasing times.
 * A data set cuts its samples from it. */
#ifndef GN_CORE_FRAME_H
#define GN_CORE_FRAME_H

#include "base/arena.h"

typedef struct gn_frame {
  const char *file;
  size_t nseries, nrow, ncol;
  size_t nin, nout;
  const char **name;   /* [ncol]                                                    */
  size_t *in, *out;    /* [nin], [nout] columns of inputs and targets; one may be both */
  size_t *first;       /* [nseries + 1] series i is the rows first[i] to first[i + 1] - 1 */
  const char **label;  /* [nseries] what tells a series from the others             */
  double *t;           /* [nrow] increasing in a series                             */
  double *value;       /* [nrow, ncol], NaN: missing                                */
  int *line;           /* [nrow] line of the file; NULL: it has no lines            */
} gn_frame;

/* Which columns of a CSV file are what. Lists are separated by commas. */
typedef struct gn_frame_columns {
  const char *time;    /* a name                                        */
  const char *sample;  /* a name; "": all rows are one series           */
  const char *inputs;  /* names; "": the targets                        */
  const char *targets; /* names; "": all columns but time and sample    */
} gn_frame_columns;

/* All arrays in the arena. A missing value is empty, NA or nan. GN_EIO names the file and the
   line; GN_ENAME the column that is not there and the nearest one that is. */
gn_status gn_frame_csv(gn_arena *a, const char *file, const gn_frame_columns *columns,
                       gn_frame *f);

/* HDF5: x [B, nx]; times [K + 1], or [B, K + 1] where a sample with fewer points ends with its
   last time repeated or with NaN; y [K, B, nz], NaN: missing; optional mask [K, B] or
   [K, B, nz], 0: missing. With nx = nz the columns of x are those of y at the first time.
   GN_EIO names the data set, the shape found and the one wanted; GN_EUNSUP for signals u. */
gn_status gn_frame_h5(gn_arena *a, const char *file, gn_frame *f);

#endif
