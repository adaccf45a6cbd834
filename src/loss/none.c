/* No loss of the outputs: what is left is the running cost,
 *
 *   L = running_weight * mean over the rows of q(T). */
#include "core/loss.h"

const gn_loss_class gn_loss_none = {
  .name = "none",
  .summary = "no loss of the outputs, for a running cost alone",
  .source = "optimal control: a Lagrange problem",
};
