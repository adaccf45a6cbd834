/* Looking classes up by name. A class is a struct whose first member is its name, so one
 * routine serves every registry. */
#include "core/registry.h"

#include "base/status.h"
#include "base/text.h"

#include <string.h>

const void *gn_registry_find(const void *table, const char *what, const char *name)
{
  const char *const *const *entry = table;
  const char *names[GN_REGISTRY_MOST];
  size_t n = 0;
  for (; *entry; entry++) {
    const char *have = **entry;
    if (strcmp(have, name) == 0) return *entry;
    if (n < GN_REGISTRY_MOST) names[n++] = have;
  }
  const char *near = gn_text_nearest(name, names, n);
  (void)GN_FAIL(GN_ENAME, "no %s '%s'; did you mean '%s'?", what, name, near ? near : "");
  return NULL;
}

gn_status gn_registry_add(void *table, const char *what, const void *cls)
{
  const char *const *const *entry = table;
  const char *name = *(const char *const *)cls;
  size_t n = 0;
  for (; entry[n]; n++)
    GN_REQUIRE(strcmp(*entry[n], name) != 0, GN_ENAME,
               "%s '%s' is there already; choose another name", what, name);
  GN_REQUIRE(n < GN_REGISTRY_MOST, GN_EARG, "%s '%s': there are %zu, which is the most", what,
             name, n);
  memcpy((char *)table + n * sizeof cls, &cls, sizeof cls);
  return GN_OK;
}
