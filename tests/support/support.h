/* What several test programs need: the optional shared data, temporary folders, and
 * comparisons that print both values. */
#ifndef GN_TESTS_SUPPORT_H
#define GN_TESTS_SUPPORT_H

#include "base/status.h"

#include <check.h>
#include <stddef.h>
#include <string.h>

/* The folder with recorded cases and data sets: environment GNOMON_SHARED, else "shared"
   next to the source tree. NULL when there is none. */
const char *gn_test_shared(void);

/* DIR/NAME in a static buffer, overwritten by the next call; NULL when dir is NULL. */
const char *gn_test_path(const char *dir, const char *name);

/* 1 if path exists. Otherwise prints "SKIP: what: path not found" and returns 0; when the
   environment variable CI is set the test fails instead. path may be NULL. */
int gn_test_need(const char *what, const char *path);

/* A fresh empty folder, removed with its content when the process that made it ends.
   The string stays valid. Fails the test if it cannot be made. */
const char *gn_test_tmpdir(void);

/* Write text to DIR/NAME and return its path (as gn_test_path). Fails the test on error. */
const char *gn_test_file(const char *dir, const char *name, const char *text);
/* A file of the folder as text, to be freed; and whether there is one. */
char *gn_test_read(const char *dir, const char *name);
int gn_test_exists(const char *dir, const char *name);

/* |a - b| / max(|a|, |b|); 0 if both are 0, infinite if one is not finite. */
double gn_test_relerr(double a, double b);

/* max_i |a_i - b_i| / max_i |b_i|; the absolute maximum where b is 0. */
double gn_test_relerr_max(size_t n, const double *a, const double *b);

/* 1 if two objects have the same bytes (doubles: also NaN and the sign of 0). */
int gn_test_same(const void *a, const void *b, size_t bytes);

#define gn_ck_close(a, b, tol)                                                         \
  do {                                                                                 \
    double gn_ck_a = (a), gn_ck_b = (b);                                               \
    ck_assert_msg(gn_test_relerr(gn_ck_a, gn_ck_b) <= (tol),                           \
                  #a " = %.17g, expected %.17g: relative error %.2e above %.2e",       \
                  gn_ck_a, gn_ck_b, gn_test_relerr(gn_ck_a, gn_ck_b), (double)(tol));  \
  } while (0)

#define gn_ck_close_all(n, a, b, tol)                                                  \
  do {                                                                                 \
    double gn_ck_e = gn_test_relerr_max((n), (a), (b));                                \
    ck_assert_msg(gn_ck_e <= (tol), #a " and " #b ": relative error %.2e above %.2e",  \
                  gn_ck_e, (double)(tol));                                             \
  } while (0)

/* The call returns GN_OK, or the test fails with the message of the library. */
#define gn_ck_ok(call)                                                                 \
  do {                                                                                 \
    gn_status gn_ck_s = (call);                                                        \
    ck_assert_msg(gn_ck_s == GN_OK, "%s: %s (%s)", #call, gn_last_error(),             \
                  gn_last_place());                                                    \
  } while (0)

/* The call returns status s with a message that contains text. */
#define gn_ck_fails(call, s, text)                                                     \
  do {                                                                                 \
    gn_status gn_ck_s = (call);                                                        \
    ck_assert_msg(gn_ck_s == (s), "%s: status %s, expected %s (%s)", #call,            \
                  gn_status_name(gn_ck_s), gn_status_name(s), gn_last_error());        \
    ck_assert_msg(strstr(gn_last_error(), (text)) != NULL,                             \
                  "message '%s' without '%s'", gn_last_error(), (text));               \
  } while (0)

#endif
