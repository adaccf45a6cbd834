/* Looking classes up by name. Every class struct begins with its name. */
#ifndef GN_CORE_REGISTRY_H
#define GN_CORE_REGISTRY_H

/* The entry of the NULL-terminated table called name, or NULL with the message
   "no WHAT 'name'; did you mean 'nearest'?". */
const void *gn_registry_find(const void *table, const char *what, const char *name);

#endif
