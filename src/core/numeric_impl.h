/* What the two files of the numeric verbs share; nothing else includes this. */
#ifndef GN_CORE_NUMERIC_IMPL_H
#define GN_CORE_NUMERIC_IMPL_H

#include "core/numeric.h"

enum { GN_NUMERIC_PIECES = 4 * GN_BLOCKS_MAX };

/* One map: what its author wrote, its arguments piece by piece, its places in the tape. */
typedef struct gn_numeric_part {
  gn_map own;
  size_t npiece, d[GN_NUMERIC_PIECES]; /* widths: blocks, signals, observation, delayed  */
  size_t nblock, nin, nu, nx; /* input blocks and their sum; per row, 0 where unused     */
  size_t nblock_out, e[GN_BLOCKS_MAX], nout;
  size_t fx, ft, fw;          /* fields: first piece, time, first block of the cotangent */
  size_t fin, fz, fdz, fh;    /* scratch: arguments, value, difference, steps            */
  size_t shadow;              /* first field of the tape on which eval is repeated       */
} gn_numeric_part;

typedef struct gn_numeric {
  gn_numeric_part map[GN_NMAPS];
  const char *text; /* "numeric vjp, pgrad" */
} gn_numeric;

/* at = the point of R rows whose arguments follow each other in `in`, piece by piece; t and
   p are left. lag [nlag] is filled for it. */
void gn_numeric_place(const gn_model *m, const gn_numeric_part *pt, size_t R,
                      const double *in, const double **lag, gn_point *at);

/* Every verb as differences, per map: a verb has no other way to know of which map it is. */
extern const gn_map gn_numeric_maps[GN_NMAPS];

#endif
