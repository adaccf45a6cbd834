/* Batches of a data set. */
#include "core/batch.h"

gn_status gn_batch_setup(gn_batch *b, gn_arena *a, const gn_dataset *d, size_t Bmax)
{
  *b = (gn_batch){ .B = 0 };
  GN_NEW(a, b->x, Bmax * d->nx);
  GN_NEW(a, b->y, d->K * Bmax * d->ny);
  if (d->mask) GN_NEW(a, b->mask, d->K * Bmax * d->ny);
  const size_t J = d->sequence.J, nspan = d->obs ? J + 1 : d->row_times ? d->K : 0;
  if (nspan > 0) {
    GN_NEW(a, b->t0, nspan * Bmax);
    GN_NEW(a, b->dt, nspan * Bmax);
  }
  if (d->obs) GN_NEW(a, b->obs, J * Bmax * d->nobs);
  if (d->obs_mask) GN_NEW(a, b->seen, J * Bmax);
  if (d->hist) GN_NEW(a, b->xhist, d->H * Bmax * d->nx);
  if (d->u) GN_NEW(a, b->u, d->U * Bmax * d->nu);
  b->drive = (gn_drive){ .t0 = b->t0, .dt = b->dt, .x = b->obs, .mask = b->seen, .u = b->u,
                         .xhist = b->xhist };
  return GN_OK;
}

void gn_batch_take(gn_batch *b, const gn_dataset *d, size_t B, const size_t *idx)
{
  b->B = B;
  gn_dataset_batch(d, B, idx, b->x, b->y, b->mask);
  gn_dataset_spans(d, B, idx, b->t0, b->dt);
  gn_dataset_history(d, B, idx, b->xhist);
  gn_dataset_signals(d, B, idx, b->u);
  gn_dataset_observations(d, B, idx, b->obs, b->seen, b->t0, b->dt);
}

gn_target gn_batch_target(const gn_batch *b, const gn_dataset *d, size_t nz)
{
  return (gn_target){ d->K, b->B, nz, d->ny, b->y, b->mask, d->weight };
}
