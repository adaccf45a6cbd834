/* One explicit Runge-Kutta step, its transpose and its tangent, for any tableau.
 *
 *   Y_i = y + h sum_{j<i} a_ij K_j,   K_i = f(s + c_i h, Y_i),   y+ = y + h sum_i b_i K_i
 *
 * Sums run over j in order with the coefficient h a_ij formed first and y last: the
 * arithmetic of ARKODE's ERKStep, so that a replay has the same bits as the solve. */
#ifndef GN_CORE_RK_H
#define GN_CORE_RK_H

#include "core/norm.h"

enum { GN_STAGES_MAX = 16 };

/* GN_DORMAND_PRINCE: order 4 from the stages alone, Hairer, Norsett, Wanner, Solving ODEs I,
   II.6. GN_QUARTIC: torchdiffeq's, through both ends, their slopes and a midpoint, order 4.
   GN_HERMITE: cubic, order 3, for FSAL tables without one of their own. A table that is not
   FSAL has none: its slope at the end belongs to a step not yet taken. */
typedef enum gn_interpolant {
  GN_NO_INTERPOLANT, GN_HERMITE, GN_DORMAND_PRINCE, GN_QUARTIC
} gn_interpolant;

typedef struct gn_tableau {
  const char *name;
  int s, order, embedded; /* stages, order, order of the embedded solution (0: none) */
  int fsal;               /* a_{s-1,j} = b_j, c_{s-1} = 1: the last stage is the next step's first */
  gn_interpolant interpolant;
  double A[GN_STAGES_MAX][GN_STAGES_MAX], b[GN_STAGES_MAX], bhat[GN_STAGES_MAX],
      c[GN_STAGES_MAX];
} gn_tableau;

/* No method: two slopes, at the ends of a step, joined by cubic Hermite. What steppers without
   a tableau offer as K, and the interpolant of tables without one of their own. */
extern const gn_tableau gn_tableau_ends;

/* Tableaus known by name, for fixed steps, replay tests and interpolants. NULL if unknown. */
const gn_tableau *gn_tableau_find(const char *name);
extern const gn_tableau gn_tableaus[]; /* name NULL at the end */

/* Weights of the table's interpolant at theta in [0, 1]:
 *     y(s + theta h) = w0 y_n + w1 y_{n+1} + h sum_i k_i K_i. */
typedef struct gn_dense {
  double w0, w1, k[GN_STAGES_MAX];
} gn_dense;
void gn_rk_dense(const gn_tableau *tab, double theta, gn_dense *w);
/* Their derivatives by theta:  h y'(s + theta h) = w0 y_n + w1 y_{n+1} + h sum_i k_i K_i. */
void gn_rk_dense_slope(const gn_tableau *tab, double theta, gn_dense *w);
int gn_rk_dense_order(const gn_tableau *tab); /* 0: none */

/* Y = stage state i from K_0..K_{i-1}; i = s gives the solution y+. */
void gn_rk_stage(const gn_tableau *tab, int i, size_t n, double h, const double *y,
                 const double *const *K, double *Y);

/* The stages begin..s-1 of a step into K (K_0..K_{begin-1} given) and y+ into y1; the tape
   of stage i goes to slice i - tape0 of rec. Y is [n] scratch and may be y1.
   Returns the first nonzero of rhs. */
int gn_rk_step(const gn_tableau *tab, gn_system *sys, double s, double h, const double *y,
               double *const *K, int begin, gn_record *rec, int tape0, double *Y, double *y1);

#endif
