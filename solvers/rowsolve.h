/* Linear systems (I - gamma M) x = b to the last digits, M a matrix that is known by its
 * products and does not mix the rows of a batch: the stage systems of a recorded implicit step,
 * transposed (M = J^T) and forward (M = J). */
#ifndef GN_SOLVERS_ROWSOLVE_H
#define GN_SOLVERS_ROWSOLVE_H

#include "core/model.h"

typedef struct gn_rowsolve {
  const gn_model *model;     /* blocks of a state                                    */
  size_t B, d;               /* rows now; length of a row over all blocks            */
  int dense;                 /* LU of one block per row, else GMRES                  */
  size_t m;                  /* GMRES: most vectors of a pass                        */
  double *x, *b, *r, *e;     /* [B, d] rows contiguous: solution, right side, residual, correction */
  double *in;                /* [B, ny] argument of a product, in blocks             */
  double *LU;                /* dense: [B, d, d]                                     */
  int *pivot;                /* [B, d]                                               */
  double **V;                /* GMRES: [m + 1] of [B, d]                             */
  double *H, *cs, *sn, *g;   /* [B, m, m + 1] by columns; rotations [B, m] twice; [B, m + 1] */
  size_t *dim;               /* [B] vectors of a row                                 */
  double *size, *limit;      /* [B] norm of I - gamma M as far as seen; residual wanted */
  double *step;              /* [B] norm of the last correction                      */
  unsigned char *done;       /* [B]                                                  */
  /* M of the solve in progress */
  double gamma;
  int (*times)(void *user, const double *x, double *Mx);
  void *user;
} gn_rowsolve;

/* Scratch for at most Bmax rows comes from the arena. */
gn_status gn_rowsolve_setup(gn_rowsolve *rs, gn_arena *a, const gn_model *m, size_t Bmax,
                            int dense);

/* x [B, ny] and Mx = M x, for rs->times, user, gamma and B; the last product made is that of x.
   GN_ENONFINITE, or GN_ESOLVER if the residual of a row stays above rounding. */
gn_status gn_rowsolve_run(gn_rowsolve *rs, const double *b, double *x, double *Mx);

#endif
