/* Step records: the tapes of the stages newly evaluated in one step, kept together so that
 * pgrad over a step is one product with K = stages x B. Field j of a record with S slices is
 * one array [S * B, width_j]; slice s is the tape of one evaluation. Records come from a
 * pool and are handed over by pointer, never copied. */
#ifndef GN_CORE_RECORD_H
#define GN_CORE_RECORD_H

#include "core/model.h"

typedef struct gn_record {
  size_t nslice, B;          /* slices, rows a slice                     */
  size_t nfield;
  double **at;               /* [nslice * nfield] first double of each   */
  double *mem;               /* one block for all fields                 */
  struct gn_pool *pool;      /* where it goes back to                    */
  struct gn_record *next;    /* in the pool's list of free ones          */
} gn_record;

static inline gn_tape gn_record_tape(const gn_record *r, size_t slice, size_t nslice)
{
  gn_tape t = { nslice * r->B, r->at + slice * r->nfield };
  return t;
}

typedef struct gn_pool gn_pool;

/* A pool of records for one map: fields as declared, nslice slices of at most Bmax rows. */
gn_status gn_pool_create(const gn_fields *fields, size_t nslice, size_t Bmax, gn_pool **out);
void gn_pool_destroy(gn_pool **p); /* also frees records not given back */
/* A record laid out for B <= Bmax rows; a kept one if there is one, else new memory. */
gn_status gn_pool_take(gn_pool *p, size_t B, gn_record **out);
void gn_record_give(gn_record **r); /* back to its pool; NULL-safe, sets *r to NULL */
/* A record of B rows in *r: the one there, else the one left over in *left, else a new one. */
gn_status gn_record_reuse(gn_pool *p, size_t B, gn_record **r, gn_record **left);

#endif
