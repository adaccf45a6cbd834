/* What a folder of results says about itself: its options, the version that wrote it, and
 * what several of them have in common and what not. */
#ifndef GN_STUDY_FACTS_H
#define GN_STUDY_FACTS_H

#include "study/experiment.h"

typedef struct gn_facts {
  const char *dir, *name;  /* the folder; what to call it            */
  const gn_ini *ini;       /* options as resolved; NULL: no such file */
  const char *version;     /* "gnomon 0.1.0" of its log, or ""        */
} gn_facts;

/* Read DIR/INI, if it is there, and the version from DIR/log.txt. */
gn_status gn_facts_read(gn_arena *a, const char *dir, const char *ini, gn_facts *out);

/* Value of "section.key", or "" . */
const char *gn_facts_get(const gn_facts *f, const char *option);

/* 1 if both have options and differ at most in seeds and place: run.seed, data.seed and
   run.out. */
int gn_facts_same(const gn_facts *f, const gn_facts *g);

/* The options "section.key" in which n facts differ, seeds and place left out, in the order
   of the files. An option that one of them lacks differs. */
gn_status gn_facts_differences(gn_arena *a, size_t n, const gn_facts *const *f, size_t *nkey,
                               const char ***key);

/* A short text that tells f[k] from the others: the values it has of the options that
   differ, with a name where the value does not speak for itself; or its name. */
const char *gn_facts_label(gn_arena *a, size_t n, const gn_facts *const *f, size_t k,
                           size_t nkey, const char *const *key);

/* Model, data, solver, tolerances, gradient, seeds and the version that wrote them (unknown:
   this one, which draws) in a sentence; values that differ stand beside each other. NULL
   without memory. */
const char *gn_facts_caption(gn_arena *a, size_t n, const gn_facts *const *f);

/* f without the options that a column of a table stands for: of that key, or the name of that
   section ("strategy" is gradient); atol goes with rtol. Fails only without memory. */
gn_status gn_facts_without(gn_arena *a, const char *column, gn_facts *f);

/* The default of an option, as gn_option_print_default, for the classes that e has chosen;
   "" where there is none. */
void gn_facts_default(const gn_experiment *e, const char *section, const char *key, char *buf,
                      size_t size);

#endif
