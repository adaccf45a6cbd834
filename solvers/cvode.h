/* What the strategies that solve with CVODES by themselves share: the right-hand side of a
 * flow met at one place after another, the correctors, and the reasons of failures. */
#ifndef GN_SOLVERS_CVODE_H
#define GN_SOLVERS_CVODE_H

#include "core/flow.h"
#include "sundials.h"

#include <sundials/sundials_linearsolver.h>
#include <sundials/sundials_nonlinearsolver.h>

enum { GN_ADAMS, GN_BDF }; /* as the choices of GN_METHOD_CHOICES */
#define GN_METHOD_CHOICES "adams|bdf"

/* The place where f was evaluated last: its tape serves every derivative taken there. */
typedef struct gn_site {
  gn_flow *flow; /* borrowed */
  gn_pool *pool;
  gn_record *rec;
  int known;     /* there is one */
  double s;
  double *y, *f; /* [nmax] the state there and its slope */
  int fatal;     /* a value said stop                    */
  int bad;       /* the last value was not finite        */
} gn_site;

gn_status gn_site_setup(gn_site *st, gn_arena *a, gn_flow *fl, size_t Bmax);
void gn_site_destroy(gn_site *st);
/* A record for the batch of the flow; forget the place. */
gn_status gn_site_start(gn_site *st);
/* Be at (s, y): evaluated unless it was there already. Return values as of a map. */
int gn_site_go(gn_site *st, double s, const double *y);
gn_tape gn_site_tape(const gn_site *st);
/* Value of a callback: what a map returned, or > 0 if z [n] is not finite. */
int gn_site_value(gn_site *st, int rc, size_t n, const double *z);

/* Corrector of a method for mem: fixed-point iteration, or Newton with SPGMR on J v. */
typedef struct gn_corrector {
  SUNNonlinearSolver nonlinear;
  SUNLinearSolver linear;
} gn_corrector;
gn_status gn_corrector_make(gn_corrector *c, int method, N_Vector y, SUNContext ctx);
void gn_corrector_free(gn_corrector *c);

/* Why CVODES returned rc < 0: the status, with t and h in the message. */
gn_status gn_cvode_failed(void *mem, int rc, const gn_site *st, const char *what,
                          const char *text);
#endif
