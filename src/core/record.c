/* Step records and their pool. A record's memory is sized for Bmax rows once; for a batch of
 * B rows the fields are laid out anew inside it, so that slices of one field stay adjacent
 * and a smaller last batch allocates nothing. */
#include "core/record.h"

enum { ALIGN = 8 }; /* doubles: every field starts on a cache line */

struct gn_pool {
  gn_arena *arena;
  const gn_fields *fields;
  size_t nslice, Bmax, doubles;
  gn_record *free;
};

static size_t padded(size_t n) { return (n + ALIGN - 1) / ALIGN * ALIGN; }

gn_status gn_pool_create(const gn_fields *fields, size_t nslice, size_t Bmax, gn_pool **out)
{
  *out = NULL;
  gn_arena *a;
  GN_TRY(gn_arena_create(&a));
  gn_pool *p = gn_arena_alloc(a, 1, sizeof *p);
  if (!p) {
    gn_arena_destroy(&a);
    return GN_ENOMEM;
  }
  p->arena = a;
  p->fields = fields;
  p->nslice = nslice;
  p->Bmax = Bmax;
  for (size_t j = 0; j < fields->n; j++)
    p->doubles += padded(nslice * Bmax * fields->width[j]);
  *out = p;
  return GN_OK;
}

void gn_pool_destroy(gn_pool **p)
{
  if (!*p) return;
  gn_arena *a = (*p)->arena;
  gn_arena_destroy(&a);
  *p = NULL;
}

static void lay_out(const gn_pool *p, gn_record *r, size_t B)
{
  r->B = B;
  double *at = r->mem;
  for (size_t j = 0; j < r->nfield; j++) {
    const size_t slice = B * p->fields->width[j];
    for (size_t k = 0; k < r->nslice; k++) r->at[k * r->nfield + j] = at + k * slice;
    at += padded(r->nslice * slice);
  }
}

gn_status gn_pool_take(gn_pool *p, size_t B, gn_record **out)
{
  gn_record *r = p->free;
  if (r) {
    p->free = r->next;
  } else {
    GN_NEW(p->arena, r, 1);
    GN_NEW(p->arena, r->at, p->nslice * p->fields->n);
    GN_NEW(p->arena, r->mem, p->doubles);
    r->pool = p;
    r->nslice = p->nslice;
    r->nfield = p->fields->n;
  }
  r->next = NULL;
  if (r->B != B) lay_out(p, r, B);
  *out = r;
  return GN_OK;
}

void gn_record_give(gn_record **r)
{
  if (!*r) return;
  (*r)->next = (*r)->pool->free;
  (*r)->pool->free = *r;
  *r = NULL;
}

gn_status gn_record_reuse(gn_pool *p, size_t B, gn_record **r, gn_record **left)
{
  if (!*r) {
    *r = *left;
    *left = NULL;
  }
  gn_record_give(left);
  if (*r && (*r)->B != B) gn_record_give(r);
  return *r ? GN_OK : gn_pool_take(p, B, r);
}
