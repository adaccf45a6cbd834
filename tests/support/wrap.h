/* Allocations of the program's own objects, through the linker's --wrap: counted, and one
 * of them refused on request. Shared libraries are not seen. Check's asserts allocate too:
 * read the count before asserting. */
#ifndef GN_TESTS_WRAP_H
#define GN_TESTS_WRAP_H

/* Calls of malloc, calloc, realloc, aligned_alloc and posix_memalign so far. */
long gn_wrap_count(void);

/* Let the k-th call from now fail (0: the next one), and only that one. k < 0: none. */
void gn_wrap_refuse(long k);

/* 1 if the call asked for by the last gn_wrap_refuse has been refused. */
int gn_wrap_refused(void);

#endif
