/* Plug-ins: the symbols of a shared object that are classes, appended to the registries.
 *
 * A class is found by its symbol, gn_KIND_NAME, as CMake finds it by the name of its file. The
 * layout its structs were compiled with, gn_abi_KIND, is in the shared object (every user of a
 * class header defines it, weakly), so that one built against another gnomon is refused
 * instead of misread. */
#include "core/plugin.h"

#include "core/dataset.h"
#include "core/gradient.h"
#include "core/loss.h"
#include "core/model.h"
#include "core/stepper.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

typedef struct kind {
  const char *stem, *what, *mark;
  void *table;
  const unsigned long *abi;
} kind;

enum { KINDS = 5 };
static const kind kinds[KINDS] = {
  { "gn_model_", "model", "gn_abi_model", gn_models, &gn_abi_model },
  { "gn_stepper_", "stepper", "gn_abi_stepper", gn_steppers, &gn_abi_stepper },
  { "gn_gradient_", "strategy", "gn_abi_gradient", gn_gradients, &gn_abi_gradient },
  { "gn_dataset_", "data set", "gn_abi_dataset", gn_datasets, &gn_abi_dataset },
  { "gn_loss_", "loss", "gn_abi_loss", gn_losses, &gn_abi_loss },
};

static gn_status add(const char *file, void *lib, const kind *k, const char *symbol)
{
  const void *cls = dlsym(lib, symbol);
  const unsigned long *abi = dlsym(lib, k->mark);
  GN_REQUIRE(cls, GN_EARG, "%s: has no symbol %s", file, symbol);
  GN_REQUIRE(abi && *abi == *k->abi, GN_EARG,
             "%s: %s was compiled against another gnomon; compile it again with the headers "
             "of this one", file, symbol);
  return gn_registry_add(k->table, k->what, cls);
}

/* The classes a shared object lists. */
static gn_status add_listed(const char *file, void *lib, const char *const *symbol)
{
  for (; *symbol; symbol++) {
    int j = 0;
    while (j < KINDS && strncmp(*symbol, kinds[j].stem, strlen(kinds[j].stem)) != 0) j++;
    GN_REQUIRE(j < KINDS, GN_EARG,
               "%s: %s is no class; expected gn_model_, gn_stepper_, gn_gradient_, "
               "gn_dataset_ or gn_loss_ and a name", file, *symbol);
    GN_TRY(add(file, lib, &kinds[j], *symbol));
  }
  return GN_OK;
}

/* The one class that has the name of its file. */
static gn_status add_named(const char *file, void *lib)
{
  const char *slash = strrchr(file, '/'), *name = slash ? slash + 1 : file;
  if (strncmp(name, "lib", 3) == 0) name += 3;
  const int length = (int)strcspn(name, ".");
  char symbol[256];
  for (int j = 0; j < KINDS; j++) {
    const int n = snprintf(symbol, sizeof symbol, "%s%.*s", kinds[j].stem, length, name);
    if (n > 0 && (size_t)n < sizeof symbol && dlsym(lib, symbol))
      return add(file, lib, &kinds[j], symbol);
  }
  return GN_FAIL(GN_EARG,
                 "%s: holds neither gn_model_%.*s nor another class of that name (gn_stepper_, "
                 "gn_gradient_, gn_dataset_, gn_loss_); name the library after its class, or "
                 "list the symbols in gn_plugin_classes", file, length, name);
}

gn_status gn_plugin_load(const char *file)
{
  void *lib = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  GN_REQUIRE(lib, GN_EIO, "%s", dlerror());
  const char *const *listed = dlsym(lib, "gn_plugin_classes");
  return listed ? add_listed(file, lib, listed) : add_named(file, lib);
}
