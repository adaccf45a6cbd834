/* Looking classes up by name. A class is a struct whose first member is its name, so one
 * routine serves every registry. */
#include "core/registry.h"

#include "base/status.h"
#include "base/text.h"

#include <string.h>

enum { MOST = 256 };

const void *gn_registry_find(const void *table, const char *what, const char *name)
{
  const char *const *const *entry = table;
  const char *names[MOST];
  size_t n = 0;
  for (; *entry; entry++) {
    const char *have = **entry;
    if (strcmp(have, name) == 0) return *entry;
    if (n < MOST) names[n++] = have;
  }
  const char *near = gn_text_nearest(name, names, n);
  (void)GN_FAIL(GN_ENAME, "no %s '%s'; did you mean '%s'?", what, name, near ? near : "");
  return NULL;
}
