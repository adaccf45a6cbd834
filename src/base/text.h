/* Small text helpers. */
#ifndef GN_BASE_TEXT_H
#define GN_BASE_TEXT_H

#include "base/status.h"

#include <stddef.h>

/* The name in names[0..n-1] with the smallest edit distance to name, or NULL when n = 0.
   Names may be NULL (skipped). */
const char *gn_text_nearest(const char *name, const char *const *names, size_t n);

/* Whole-string conversions: GN_EARG (without a message) unless all of s is one number. */
gn_status gn_text_long(const char *s, long *out);
gn_status gn_text_double(const char *s, double *out);

/* The shortest of %.15g, %.16g, %.17g that reads back to x. */
void gn_text_print_double(double x, char *buf, size_t size);

/* 512 B, 3.1 KiB, 24 MiB. */
void gn_text_bytes(double bytes, char *buf, size_t size);

#endif
