/* What a run minimises: the loss of the outputs and the running cost,
 *
 *   L = L_data(z) + weight * mean over the rows of q(T).
 *
 * The one place that knows that the last column of the outputs is the cost. */
#ifndef GN_STUDY_OBJECTIVE_H
#define GN_STUDY_OBJECTIVE_H

#include "study/experiment.h"

typedef struct gn_objective {
  const gn_experiment *e; /* borrowed */
  double *z, *gz;         /* [K, B, nz - 1] outputs without the cost; NULL: there is none */
} gn_objective;

/* L, the mean of q(T) (0 without a running cost), and the metric of the loss (0 if it has
   none). */
typedef struct gn_value {
  double loss, cost, metric;
} gn_value;

/* Scratch for batches of at most B rows of a model made by gn_setup_create. */
gn_status gn_objective_setup(gn_objective *o, gn_arena *a, const gn_experiment *e,
                             const gn_model *m, size_t K, size_t B);
/* Of z [K, B, nz] with the sizes of tg; gz = dL/dz [K, B, nz] (written) unless NULL. Fails as
   the loss does. */
gn_status gn_objective_eval(const gn_objective *o, const gn_target *tg, const double *z,
                            gn_value *value, double *gz);

#endif
