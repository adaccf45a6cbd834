/* What the files of `solve` share; nothing else includes this. */
#ifndef GN_STUDY_SOLVE_IMPL_H
#define GN_STUDY_SOLVE_IMPL_H

#include "core/adjoint.h"
#include "core/signal.h"
#include "study/solve.h"

/* A time the solve meets. */
typedef struct gn_solve_node {
  double t, s; /* s of the stepper; t itself on a grid for all */
  int written;
  size_t data; /* number of the data's time, 0 for t0; GN_NONE */
} gn_solve_node;

/* Rows of the subject that are solved as one system: all of them on one time grid, or one row
   on its own, in spans as in training (core/dataset.h). */
typedef struct gn_solve_part {
  size_t first, B;
  const double *times; /* [K + 1] of the data, borrowed                    */
  int own;             /* in spans                                         */
  size_t n, T;         /* nodes; written ones                              */
  gn_solve_node *node;
  int whole;           /* they hold every time of the data                 */
  gn_problem problem;
  gn_drive drive;
  gn_walk *walk;
  gn_path *path;
  gn_adjoint *adjoint;
  double *Y, *gY, *a;  /* [n, B ny]; rows of nodes, the first may be t0's  */
  double *z;           /* [n, B nz]                                        */
  size_t at;           /* node the backward solve comes from               */
} gn_solve_part;

/* The last of the numbers k, k + 1, ... that stand for the same time. */
size_t gn_solve_repeats(const gn_solve_part *p, size_t K, size_t k);
/* The first node is the start itself. */
int gn_solve_at_start(const gn_solve_part *p);

/* Nodes of the part: times asked for and times of the data in one list; those that differ by
   rounding are one. Then its problem, an output per node, and its drive. */
gn_status gn_solve_nodes(gn_arena *a, gn_solve_part *p, size_t K, const gn_solve_input *in);
gn_status gn_solve_problem(gn_arena *a, gn_solve_part *p, const gn_model *m, size_t K,
                           gn_output_mode mode);

#endif
