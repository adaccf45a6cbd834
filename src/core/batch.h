/* A batch of a data set: the arrays of its rows and what a problem's events take of them. */
#ifndef GN_CORE_BATCH_H
#define GN_CORE_BATCH_H

#include "core/dataset.h"
#include "core/loss.h"
#include "core/problem.h"

typedef struct gn_batch {
  size_t B;
  double *x, *y;              /* [B, nx], [K, B, ny]                                 */
  unsigned char *mask;        /* [K, B, ny]; NULL: the data set has none             */
  double *t0, *dt;            /* [K, B], sequences [J + 1, B]; NULL: one grid for all */
  double *obs;                /* [J, B, nobs]; NULL: no sequences                    */
  unsigned char *seen;        /* [J, B]; NULL: all observations are there            */
  double *xhist;              /* [H, B, nx] inputs before the start; NULL: none      */
  double *u;                  /* [U, B, nu] signals at their knots; NULL: none       */
  gn_drive drive;             /* with the last six                                   */
} gn_batch;

/* Memory for batches of up to Bmax rows, from the arena. */
gn_status gn_batch_setup(gn_batch *b, gn_arena *a, const gn_dataset *d, size_t Bmax);
/* The rows idx [B]. */
void gn_batch_take(gn_batch *b, const gn_dataset *d, size_t B, const size_t *idx);
/* What the outputs of a model with nz of them are compared with; borrowed from the batch. */
gn_target gn_batch_target(const gn_batch *b, const gn_dataset *d, size_t nz);

#endif
