/* INI files through inih: every key with its section and its line, for errors that say where. */
#ifndef GN_BASE_INI_H
#define GN_BASE_INI_H

#include "base/arena.h"

typedef struct gn_ini_entry {
  const char *section, *key, *value;
  int line; /* 0 when it came from the command line */
} gn_ini_entry;

typedef struct gn_ini {
  const char *file;
  gn_ini_entry *entry;
  size_t n;
} gn_ini;

/* Read a file into the arena. GN_EIO if it cannot be opened ("FILE: cannot open: ...");
   GN_EARG "FILE:LINE: ..." for a line that is neither a section, a comment nor key = value,
   for a key outside a section and for a key given twice. */
gn_status gn_ini_read(gn_arena *a, const char *file, gn_ini **out);

/* Set or replace section.key (line 0). The strings are copied. */
gn_status gn_ini_set(gn_arena *a, gn_ini *ini, const char *section, const char *key,
                     const char *value);

/* Value, or NULL. */
const char *gn_ini_get(const gn_ini *ini, const char *section, const char *key);

#endif
