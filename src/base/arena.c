/* An arena is a list of pieces, each one allocation: a header of 64 bytes, then the data.
 *
 * One allocation per piece keeps the bounds visible to address sanitizers and makes
 * "refuse the k-th allocation" reach every piece. Rounding to 64 bytes is what
 * aligned_alloc asks for. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ALIGN ((size_t)64)

typedef struct piece {
  struct piece *next;
} piece;

struct gn_arena {
  piece *first;
  size_t bytes;
};

gn_status gn_arena_create(gn_arena **out)
{
  *out = calloc(1, sizeof **out);
  return *out ? GN_OK : GN_FAIL(GN_ENOMEM, "out of memory: a new arena");
}

void gn_arena_destroy(gn_arena **a)
{
  if (!a || !*a) return;
  for (piece *p = (*a)->first; p;) {
    piece *next = p->next;
    free(p);
    p = next;
  }
  free(*a);
  *a = NULL;
}

void *gn_arena_alloc(gn_arena *a, size_t count, size_t size)
{
  if (size && count > (SIZE_MAX - 2 * ALIGN) / size) {
    (void)GN_FAIL(GN_ENOMEM, "out of memory: %zu x %zu bytes overflow a size", count,
                  size);
    return NULL;
  }
  size_t bytes = count * size;
  size_t all = ALIGN + (bytes + ALIGN - 1) / ALIGN * ALIGN;
  piece *p = aligned_alloc(ALIGN, all);
  if (!p) {
    (void)GN_FAIL(GN_ENOMEM, "out of memory: %zu bytes", bytes);
    return NULL;
  }
  memset(p, 0, all);
  p->next = a->first;
  a->first = p;
  a->bytes += bytes;
  return (char *)p + ALIGN;
}

char *gn_arena_strdup(gn_arena *a, const char *s)
{
  size_t n = strlen(s) + 1;
  char *copy = gn_arena_alloc(a, n, 1);
  if (copy) memcpy(copy, s, n);
  return copy;
}

char *gn_arena_printf(gn_arena *a, const char *fmt, ...)
{
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  char *s = n < 0 ? NULL : gn_arena_alloc(a, (size_t)n + 1, 1);
  if (s && vsnprintf(s, (size_t)n + 1, fmt, again) < 0) s[0] = '\0';
  va_end(again);
  return s;
}

size_t gn_arena_bytes(const gn_arena *a)
{
  return a->bytes;
}
