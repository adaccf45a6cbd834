/* What the commands that ask about an experiment or a run share: solve, case, spectrum. */
#ifndef GN_CLI_ASK_H
#define GN_CLI_ASK_H

#include "cli/cli.h"
#include "study/subject.h"

#define GN_ASK_FLAGS                                                                       \
  { "samples", "SET", "train, valid, all or FIRST:COUNT (default: valid, else train)" },   \
    { "state", "FILE", "last, best (default) of a run, or the last ones of a state.h5" }

/* The subject of argument 0 with the flags above; samples: instead of the usual default. */
gn_status gn_ask_subject(const gn_args *a, const char *samples, gn_subject **out);

/* --out is given, has one of these endings, its directory can be written to, and it replaces
   nothing but a file of gnomon. */
gn_status gn_ask_out(const gn_args *a, const char *ending, const char *other);

#endif
