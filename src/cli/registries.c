/* One view of the five registries. */
#include "cli/registries.h"

#include "core/dataset.h"
#include "core/gradient.h"
#include "core/loss.h"
#include "core/model.h"
#include "core/stepper.h"
#include "study/check.h"

#include <string.h>

enum { MODELS, STEPPERS, STRATEGIES, DATASETS, LOSSES };

const char *const gn_kinds[GN_KINDS] = { "models", "steppers", "strategies", "datasets",
                                         "losses" };

#define ENTRY(kind, section, c)                                                          \
  (gn_entry){ (kind), NULL, (section), (c)->name, (c)->summary, (c)->source, (c)->options }
/* Tables end with NULL, so walking up to i is safe. */
#define TAKE(table, kind, section)                                                       \
  do {                                                                                   \
    size_t k = 0;                                                                        \
    while ((table)[k] && k < i) k++;                                                     \
    if (!(table)[k]) return 0;                                                           \
    *out = ENTRY(kind, section, (table)[k]);                                             \
  } while (0)

int gn_entry_get(int kind, size_t i, gn_entry *out)
{
  switch (kind) {
  case MODELS: TAKE(gn_models, "model", "model"); break;
  case STEPPERS: TAKE(gn_steppers, "stepper", "solver"); break;
  case STRATEGIES: TAKE(gn_gradients, "strategy", "gradient"); break;
  case DATASETS: TAKE(gn_datasets, "data set", "data"); break;
  case LOSSES: TAKE(gn_losses, "loss", "loss"); break;
  default: return 0;
  }
  out->plural = gn_kinds[kind];
  return 1;
}

const char *gn_entry_numeric(const gn_entry *e, char *buf, size_t size)
{
  buf[0] = '\0';
  if (strcmp(e->kind, "model") != 0) return buf;
  const gn_model_class *cls = gn_model_find(e->name);
  if (!cls || gn_check_numeric(cls, buf, size) != GN_OK) buf[0] = '\0';
  return buf;
}
