/* Running costs: a model that carries the integral of a rate beside its state,
 *
 *   q' = l(t, y, f(t, y; p)),   q(t0) = 0,
 *
 * as one more block "cost" of width 1, the last. It is a quadrature: nothing reads it, and
 * it is outside the norm of error tests where a stepper can leave a block out. Lift starts
 * it at 0, a jump passes it on, read gives [z, q], one column more. */
#ifndef GN_CORE_RUNNING_H
#define GN_CORE_RUNNING_H

#include "core/model.h"

/* The rate l of a row whose state has ny values, all blocks together. */
typedef enum gn_running_rate {
  GN_RUNNING_NONE,
  GN_RUNNING_KINETIC,  /* |f|^2 / (2 ny), the kinetic energy of Finlay et al. 2020 */
  GN_RUNNING_SQUARE,   /* |y|^2 / (2 ny)                                                    */
  GN_RUNNING_COMPONENT /* y_k                                                               */
} gn_running_rate;
#define GN_RUNNING_CHOICES "none|kinetic|square|component"

/* *m becomes the model with the cost, which owns the one it was; parameters are the same.
   component: k of GN_RUNNING_COMPONENT, counted over all blocks of a row. GN_RUNNING_NONE
   changes nothing. GN_EARG, and *m as it was, if there is no such component; GN_ELIMIT if
   there is no room for a block. */
gn_status gn_running_add(gn_model **m, gn_running_rate kind, size_t component);

#endif
