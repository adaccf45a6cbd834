/* The linear systems of implicit steppers,  (I - gamma J) x = b,  J = d rhs/dy:  products J v
 * from the system's jvp (difference quotients where it has none), solved by SUNDIALS' SPGMR or
 * by LU of one dense block per row of the batch. */
#ifndef GN_SOLVERS_LINEAR_H
#define GN_SOLVERS_LINEAR_H

#include "sundials.h"

#include <sundials/sundials_linearsolver.h>

enum { GN_SPGMR, GN_DENSE }; /* as the choices of GN_LINEAR_CHOICES */
#define GN_LINEAR_CHOICES "spgmr|dense"

typedef struct gn_linear {
  gn_system *sys;            /* borrowed                                             */
  gn_tolerance tol;
  gn_pool *pool;
  gn_record *rec;            /* tape of the last evaluation                          */
  double s;                  /* where that was, the state and the slope it gave:     */
  const double *y, *f;       /*   borrowed until the next one; NULL: none            */
  int taped;                 /* rec is still of it                                   */
  double *v, *Jv, *w;        /* [nmax] scratch                                       */
  size_t d;                  /* dense: length of a row over all blocks               */
  double *J, *LU, *row;      /* [Bmax, d, d] twice, columns contiguous; [d]          */
  int *pivot;                /* [Bmax, d]                                            */
  double gamma;              /* of the factors                                       */
  SUNLinearSolver solver;
  SUNMatrix matrix;          /* dense: holds nothing, SUNDIALS asks for one          */
} gn_linear;

/* Scratch from the arena. Blocks of a row are the segments of sys->norm with a width; what
   lies in segments without one must not act back on the rows. */
gn_status gn_linear_setup(gn_linear *ln, gn_arena *a, gn_system *sys, gn_tolerance tol);
/* The solver, kind as above, krylov vectors at most; y gives SUNDIALS the vectors. */
gn_status gn_linear_solver(gn_linear *ln, gn_arena *a, int kind, int krylov, N_Vector y,
                           SUNContext ctx);
void gn_linear_destroy(gn_linear *ln);

/* A record for the batch of now; forget the last evaluation. */
gn_status gn_linear_start(gn_linear *ln);
/* f = rhs(s, y), remembered; > 0 also where it is not finite. */
int gn_linear_eval(gn_linear *ln, double s, const double *y, double *f);
/* Jv = J v at (s, y), f = rhs(s, y); the last evaluation was there, or one is made. */
int gn_linear_times(gn_linear *ln, double s, const double *y, const double *f,
                    const double *v, double *Jv);
/* Dense: factors of I - gamma J at (s, y), with the J of before if keep. */
int gn_linear_factor(gn_linear *ln, double s, const double *y, const double *f, int keep,
                     double gamma);

#endif
