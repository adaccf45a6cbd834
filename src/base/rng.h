/* Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A value is a pure
   function of (seed, stream, index), the same on every machine: integers and uniforms
   exactly, normals through arithmetic that needs no libm function. */
#ifndef GN_BASE_RNG_H
#define GN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

/* The bare generator: 128 bits from a 128-bit counter and a 64-bit key. */
void gn_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

/* A position in a stream; copy it to remember, set index to jump. */
typedef struct gn_rng {
  uint64_t seed, stream, index;
} gn_rng;

gn_rng gn_rng_make(uint64_t seed, uint64_t stream);
uint64_t gn_rng_bits(gn_rng *r);                /* 64 random bits           */
double gn_rng_uniform(gn_rng *r);               /* in [0, 1), 53 bits       */
double gn_rng_normal(gn_rng *r);                /* mean 0, variance 1       */
uint64_t gn_rng_below(gn_rng *r, uint64_t n);   /* in [0, n), unbiased      */
void gn_rng_shuffle(gn_rng *r, size_t n, size_t *perm); /* Fisher-Yates, in place */

/* Streams are spread over uses so that adding one never moves another. */
enum { GN_STREAM_PARAM = 1, GN_STREAM_DATA = 2, GN_STREAM_ORDER = 3, GN_STREAM_TEST = 4 };
/* stream id of the k-th member of a use */
static inline uint64_t gn_rng_stream(uint64_t use, uint64_t k) { return use << 48 | k; }

#endif
