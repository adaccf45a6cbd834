/* The registries as one list, for commands that look a name up in all of them. */
#ifndef GN_CLI_REGISTRIES_H
#define GN_CLI_REGISTRIES_H

#include "base/option.h"

#include <stddef.h>

/* One registered class, of whatever kind. */
typedef struct gn_entry {
  const char *kind;    /* "model"                               */
  const char *plural;  /* "models": the word for `list`          */
  const char *section; /* of the experiment file: "model"        */
  const char *name, *summary, *source;
  const gn_option *options;
} gn_entry;

enum { GN_KINDS = 5 };
extern const char *const gn_kinds[GN_KINDS]; /* plurals */

/* The i-th entry of a kind; 0 if there is none. */
int gn_entry_get(int kind, size_t i, gn_entry *out);
/* "numeric vjp, pgrad": verbs of a model that are differences of eval; "" if none are, if
   the entry is no model, or if it cannot be made with its defaults. */
const char *gn_entry_numeric(const gn_entry *e, char *buf, size_t size);

#endif
