/* The attempts that SUNDIALS makes inside one call, seen where it asks for the nonlinear
 * systems to be solved: once for every attempt of CVODES, once for every stage of ARKODE. */
#ifndef GN_SOLVERS_WATCH_H
#define GN_SOLVERS_WATCH_H

#include "sundials.h"

#include <sundials/sundials_nonlinearsolver.h>

/* A nonlinear solver as the integrator sees it: `solver`, but for solve, which is ours. */
typedef struct gn_lid {
  struct _generic_SUNNonlinearSolver seen; /* first: what the integrator is given */
  struct _generic_SUNNonlinearSolver_Ops ops;
  SUNNonlinearSolver solver;               /* borrowed */
  void *user;
} gn_lid;

typedef int (*gn_solve_fn)(SUNNonlinearSolver NLS, N_Vector y0, N_Vector y, N_Vector w,
                           sunrealtype tol, sunbooleantype setup, void *mem);
SUNNonlinearSolver gn_lid_on(gn_lid *lid, SUNNonlinearSolver solver, gn_solve_fn solve,
                             void *user);

/* What is in the error test of CVODES besides the state. */
enum { GN_WATCH_QUAD = 1, GN_WATCH_SENS = 2, GN_WATCH_STAGGERED = 4 };

/* The attempts of one CVODES object. Its owner sets what is above the line. */
typedef struct gn_watch {
  void *mem;
  gn_norm *norm;        /* the rows show its segments, rejections are charged to them: those
                           of the system, then one of the integrals (GN_WATCH_QUAD), or those
                           of the sensitivities                                           */
  gn_history *history;  /* borrowed; NULL: none                                           */
  gn_vspace *space, *quad_space; /* of the state; of the integrals                        */
  int parts;            /* GN_WATCH_*                                                     */
  const int *bad;       /* the last value was not finite,                                 */
  const int *bad_block; /* first segment where, or -1; NULL: never known                  */
  int replay;           /* steps are taken again: rows say so, nothing is counted         */
  long rejects;         /* attempts that failed; set back by the owner                    */
  /* ---- */
  gn_lid lid, sens_lid;
  double *square;       /* [norm->nseg] of the attempt; < 0: not tested                   */
  double t, h, tq, error;
  long steps, tests;    /* of CVODES, when the attempt began                              */
  size_t part;          /* vectors of this solve whose norm was seen                      */
  int pending, failed;  /* an attempt whose fate is open; its solver gave up              */
} gn_watch;

gn_status gn_watch_setup(gn_watch *self, gn_arena *a);
/* The solver to give to CVODES instead: of the state (and all that is solved with it), or of
   staggered sensitivities. */
SUNNonlinearSolver gn_watch_state(gn_watch *self, SUNNonlinearSolver solver);
SUNNonlinearSolver gn_watch_staggered(gn_watch *self, SUNNonlinearSolver solver);

/* A step begins at t: call it before CVODES, or where it asks for the error weights. */
void gn_watch_step(gn_watch *self, double t);
/* CVODES has returned: the last attempt is known too. */
void gn_watch_end(gn_watch *self);

#endif
