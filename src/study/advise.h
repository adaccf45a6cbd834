/* Advice: strategy and tolerances that reach a wanted err_ode at least work, from pilot
 * runs on the batch and parameters at hand. The certified gradient is computed once; then
 * the strategies climb a ladder of tolerances, a decade a rung, cheapest first. A
 * strategy leaves when it reaches the target, when it already costs more than one that
 * has, when it fails for good, or when four rungs of more work do not halve its error.
 * The decade before the target is then halved twice for those that may still be best, and
 * the tolerance of the best is tightened as long as that costs nothing. What is advised
 * has been run: its error and its work are measured, not extrapolated. */
#ifndef GN_STUDY_ADVISE_H
#define GN_STUDY_ADVISE_H

#include "study/compare.h"

typedef struct gn_advise_input {
  double target;          /* largest err_ode                                       */
  const char *strategies; /* candidates; NULL: as compare                          */
  const char *state;      /* as gn_compare_input                                   */
  size_t batch;
  FILE *progress;
} gn_advise_input;

/* A pilot run. */
typedef struct gn_pilot {
  const gn_compare_row *row; /* whose it was; its numbers are those of its last run */
  double rtol, err_ode;      /* NaN: there is none                                  */
  gn_status status;
  long work, bytes;
  double sec;
  int good; /* target reached                                      */
} gn_pilot;

typedef struct gn_advice {
  gn_arena *arena;
  gn_compare *c;
  double target;
  gn_pilot *pilot; /* in the order they were run */
  size_t n, cap;
  long work; /* of all pilots and the reference */
  double sec;
  const gn_pilot *best, *next; /* NULL: nobody reached the target; nobody else did */
} gn_advice;

/* GN_EARG: a target outside (0, 1]; GN_EUNSUP: a stepper without tolerances; the
   reference's status if the gradient could not be certified. That no strategy reaches the target is no
   failure: best is NULL. */
gn_status gn_advise(const gn_experiment *e, const gn_advise_input *in, gn_advice **out);
void gn_advice_destroy(gn_advice **a);

/* What was tried, what it cost, the choice as INI lines, and why. */
gn_status gn_advice_print(const gn_advice *a, FILE *to);

#endif
