/* One owner, many pieces: everything an object allocates lives and dies with its arena. */
#ifndef GN_BASE_ARENA_H
#define GN_BASE_ARENA_H

#include "base/status.h"

#include <stddef.h>

typedef struct gn_arena gn_arena;

gn_status gn_arena_create(gn_arena **out);
void gn_arena_destroy(gn_arena **a); /* frees every piece; NULL-safe, sets *a to NULL */

/* count zeroed elements of the given size, 64-byte aligned, owned by the arena.
   NULL if memory is exhausted or count * size overflows (message set). count = 0 gives
   a valid pointer that must not be read. */
void *gn_arena_alloc(gn_arena *a, size_t count, size_t size);
char *gn_arena_strdup(gn_arena *a, const char *s); /* NULL if memory is exhausted */
char *gn_arena_printf(gn_arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
size_t gn_arena_bytes(const gn_arena *a); /* sum of the pieces as asked for */

/* Declare and fill a pointer, or leave the function with GN_ENOMEM. */
#define GN_NEW(arena, ptr, count)                                                        \
  do {                                                                                   \
    (ptr) = gn_arena_alloc((arena), (count), sizeof *(ptr));                             \
    if (!(ptr)) return GN_ENOMEM;                                                        \
  } while (0)

#endif
