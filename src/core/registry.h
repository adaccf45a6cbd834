/* Looking classes up by name. Every class struct begins with its name. A registry is a table
 * written by CMake, gn_models[] and its siblings, sorted and with NULL at the end; only
 * gn_plugin_load changes it, by appending. */
#ifndef GN_CORE_REGISTRY_H
#define GN_CORE_REGISTRY_H

#include "base/status.h"

enum { GN_REGISTRY_MOST = 255 }; /* classes of a kind */

/* Every object file that includes a class's header carries the layout it was compiled with,
   gn_abi_KIND; a plug-in of another layout is refused. GN_ABI grows when the meaning of a
   member changes and no size does. */
enum { GN_ABI = 1 };
#define GN_ABI_MARK(kind, size)                                                          \
  extern const unsigned long gn_abi_##kind;                                              \
  __attribute__((weak)) const unsigned long gn_abi_##kind = GN_ABI + 1024ul * (size)

/* The entry of the NULL-terminated table called name, or NULL with the message
   "no WHAT 'name'; did you mean 'nearest'?". */
const void *gn_registry_find(const void *table, const char *what, const char *name);
/* Append a class to a table. GN_ENAME if its name is taken, GN_EARG if the table is full. */
gn_status gn_registry_add(void *table, const char *what, const void *cls);

#endif
