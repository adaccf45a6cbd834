/* The linker sends malloc to __wrap_malloc and __real_malloc to the C library (or to the
 * sanitizer); the names are the linker's. Atomic counters: gnomon may use threads. */
#include "support/wrap.h"

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **out, size_t alignment, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **out, size_t alignment, size_t size);

static atomic_long calls;
static atomic_long refused_call = -1;
static atomic_int refused;

long gn_wrap_count(void)
{
  return atomic_load(&calls);
}

void gn_wrap_refuse(long k)
{
  atomic_store(&refused, 0);
  atomic_store(&refused_call, k < 0 ? -1 : atomic_load(&calls) + k);
}

int gn_wrap_refused(void)
{
  return atomic_load(&refused);
}

static int refuse(void)
{
  if (atomic_fetch_add(&calls, 1) != atomic_load(&refused_call)) return 0;
  atomic_store(&refused, 1);
  errno = ENOMEM;
  return 1;
}

void *__wrap_malloc(size_t size)
{
  return refuse() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
  return refuse() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
  return refuse() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
  return refuse() ? NULL : __real_aligned_alloc(alignment, size);
}

int __wrap_posix_memalign(void **out, size_t alignment, size_t size)
{
  return refuse() ? ENOMEM : __real_posix_memalign(out, alignment, size);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
