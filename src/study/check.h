/* The contract tests of a model's maps, with numbers.
 *
 * Every map in force (f, lift, jump, read) is evaluated at a random batch and every verb is
 * held against the others and against central differences, per block and per named
 * parameter. `gnomon check` prints the result; the test suites assert it. */
#ifndef GN_STUDY_CHECK_H
#define GN_STUDY_CHECK_H

#include "core/model.h"

#include <stdio.h>

/* One comparison. error is relative to the size of the value compared (for `order`: the
   order found), limit what is allowed (for `order`: the least). */
typedef struct gn_check_row {
  gn_map_id map;
  const char *verb;  /* "eval", "vjp", "pgrad", "jvp"                        */
  const char *test;  /* what it is held against: "differences", "rows", ...   */
  const char *place; /* "block h", "parameter f.0.weight", or ""              */
  const char *spot;  /* the worst element, "[1, 0]"; ""                       */
  double got, want;  /* its two values; NaN where the test has none           */
  double error, limit;
  int ok;
  int numeric;       /* 1: the verb is differences of eval, its limits are theirs */
  const char *hint;  /* the likely mistake; "" if none was recognised         */
} gn_check_row;

typedef struct gn_check {
  gn_arena *arena;
  const char *model; /* name */
  size_t n, cap, nfail;
  unsigned numeric[GN_NMAPS]; /* as the model has them */
  gn_check_row *row;
} gn_check;

/* Run all tests; disagreement is a row, not an error. The model is read only. */
gn_status gn_check_model(const gn_model *m, uint64_t seed, gn_check **out);
void gn_check_destroy(gn_check **c);

/* How much the table says: a line per map, per map, verb and test, or per comparison. */
enum { GN_CHECK_MAPS, GN_CHECK_TESTS, GN_CHECK_ALL };

/* One table for n models; a line shows the comparison that came nearest to its limit. Then,
   unless csv, a paragraph per disagreement, and per map with numeric verbs what to write
   next. */
gn_status gn_check_print(size_t n, gn_check *const *c, FILE *to, int csv, int detail);

/* "numeric vjp, pgrad" if verbs of the class with its defaults are differences, else "". */
gn_status gn_check_numeric(const gn_model_class *cls, char *text, size_t size);

/* A model for checking, for data of the first of some small sizes that it accepts. */
gn_status gn_check_instance(const gn_model_class *cls, const void *config, gn_model **out);

#endif
