/* Linear multistep methods of variable order by CVODES, shared by the steppers adams and bdf:
 * steps one at a time, stop times landed on, restarts at order one. */
#ifndef GN_SOLVERS_MULTISTEP_H
#define GN_SOLVERS_MULTISTEP_H

#include "implicit.h"
#include "watch.h"

typedef struct gn_multistep_options {
  int max_order, max_fails;
  double h0;
  int newton;          /* 0: fixed-point iteration */
  int linear, krylov;  /* with Newton: GN_SPGMR or GN_DENSE; most Krylov vectors */
} gn_multistep_options;

typedef struct gn_multistep {
  gn_implicit base;
  gn_multistep_options opt;
  void *mem;
  SUNNonlinearSolver corrector; /* fixed-point iteration or Newton */
  gn_watch watch;
} gn_multistep;

/* lmm is CV_ADAMS or CV_BDF. */
gn_status gn_multistep_setup(gn_stepper *st, int lmm, const gn_multistep_options *opt);

/* The operations of a stepper. start: h0 is the most the first step may be, because a method
   of order one cannot take the steps of the order that proposed it. */
gn_status gn_multistep_start(gn_stepper *st, double s0, const double *y0, int dir, double h0);
gn_status gn_multistep_reset(gn_stepper *st, double s, const double *y);
gn_status gn_multistep_step(gn_stepper *st, double stop);
void gn_multistep_destroy(gn_stepper *st);

#endif
