/* A whole pass: lift, flow over the events, read, and back. The level at which training,
 * comparison and gradient cases meet a strategy. */
#ifndef GN_CORE_PASS_H
#define GN_CORE_PASS_H

#include "core/gradient.h"

typedef struct gn_pass gn_pass;

/* The pass owns its strategy; model, problem and solver config are borrowed. */
gn_status gn_pass_create(const gn_gradient_class *cls, const void *config,
                         const gn_problem *problem, const gn_solver *solver, size_t Bmax,
                         gn_pass **out);
void gn_pass_destroy(gn_pass **ps);

/* z [noutput, B, nz] from x [B, nx]. p, x and the drive are borrowed until backward. */
gn_status gn_pass_forward(gn_pass *ps, size_t B, const double *p, const gn_drive *dr,
                          const double *x, double *z);
/* Given gz = dL/dz [noutput, B, nz]: gp += dL/dp [np]; gx += dL/dx [B, nx] and
   gt += dL/dtimes [1 + noutput] unless NULL. */
gn_status gn_pass_backward(gn_pass *ps, const double *gz, double *gp, double *gx, double *gt);
/* After backward, with rows that have times of their own: gt [B, 1 + noutput] +=
   dL/dt_i0 = -dL/dy0_i . f, dL/dt_ik = gY_ik . f there, of row i. 1 + noutput evaluations. */
gn_status gn_pass_row_times(gn_pass *ps, double *gt);
/* dz [noutput, B, nz] in the direction (vx, vp) along the recorded steps (strategy tangent). */
gn_status gn_pass_push(gn_pass *ps, const double *vx, const double *vp, double *dz);

const gn_stats *gn_pass_stats(const gn_pass *ps); /* of the last forward and backward */

#endif
