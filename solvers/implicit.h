/* What the implicit steppers share, whichever SUNDIALS integrator they stand on: the right-hand
 * side with its failures, weights, Jacobian products and blocks, the beginning of a solve, the
 * description of a step. */
#ifndef GN_SOLVERS_IMPLICIT_H
#define GN_SOLVERS_IMPLICIT_H

#include "linear.h"

typedef struct gn_implicit {
  gn_stepper base;
  SUNContext ctx;
  gn_vspace space;
  gn_linear linear;
  N_Vector y[2];         /* states before and after a step, in turn                   */
  N_Vector slope[2];     /* slopes there                                              */
  const double *K[2];
  int now;               /* which one holds the current state                         */
  int dir, fresh;
  int given;             /* slope[now] is what the integrator may ask for first       */
  int bad, bad_in_row;   /* the last evaluation was not finite; so many in a row      */
  int bad_block;         /* where, -1: not known                                      */
  int fatal;             /* status of a right-hand side that said stop                */
  long iterations;       /* of the integrator, as far as counted                      */
  double stop;           /* stop time in force; NaN: none                             */
  double *work;          /* [3 nmax]                                                  */
  /* Nonlinear iterations of the integrator so far. */
  long (*count_iterations)(struct gn_implicit *self);
  char text[GN_SUN_TEXT];
} gn_implicit;

/* Everything but the integrator: context, states, slopes, memory for so many vectors more. */
gn_status gn_implicit_setup(gn_implicit *self, size_t vectors);
void gn_implicit_destroy(gn_implicit *self);

/* Callbacks; user is the stepper. factor forms and factors I - gamma J (dense). */
int gn_implicit_rhs(sunrealtype s, N_Vector y, N_Vector ydot, void *user);
int gn_implicit_weights(N_Vector y, N_Vector ewt, void *user);
int gn_implicit_times(N_Vector v, N_Vector Jv, sunrealtype s, N_Vector y, N_Vector fy,
                      void *user, N_Vector tmp);
int gn_implicit_factor(gn_implicit *self, double s, N_Vector y, N_Vector fy, int keep,
                       sunbooleantype *fresh, double gamma);

/* A solve begins at (s, y), or begins anew: slope, and if h is not NULL an estimate of the
   first step for a method whose local error is of that order. */
gn_status gn_implicit_begin(gn_implicit *self, double s, const double *y, int order, double *h);
/* Iterations since the last call go to newton. */
void gn_implicit_count(gn_implicit *self);
/* An attempt of size h failed: a row, a count, and the block to blame. */
void gn_implicit_rejected(gn_implicit *self, double h, gn_verdict v);
/* The step to s_new is st->now; the states change places. */
void gn_implicit_describe(gn_implicit *self, double s_new, double h);
/* The message for an integrator that gave up; what went wrong, what else to do. */
gn_status gn_implicit_failed(const gn_implicit *self, const char *what, const char *hint);

#endif
