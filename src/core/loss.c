/* Losses: lookup by name. The losses themselves are the files of src/loss/. */
#include "core/loss.h"

#include "core/registry.h"

const gn_loss_class *gn_loss_find(const char *name)
{
  return gn_registry_find(gn_losses, "loss", name);
}
