/* What a question is asked about: an experiment or a run, its parameters, and a batch of its
 * samples. */
#ifndef GN_STUDY_SUBJECT_H
#define GN_STUDY_SUBJECT_H

#include "core/batch.h"
#include "study/experiment.h"

typedef struct gn_subject_input {
  const char *path; /* EXP.ini, or a run directory                                   */
  size_t noverride;
  const char *const *over; /* "section.key=value"                                    */
  const char *state;       /* last|best of a run, a state.h5 or a run directory (its last
                              ones); NULL: best of a run, initial values of an experiment */
  const char *samples; /* train|valid|all|FIRST:COUNT (by number, training samples first);
                          NULL: the validation samples if there are any, else training  */
} gn_subject_input;

typedef struct gn_subject {
  gn_arena *arena;
  gn_experiment *e;
  gn_setup *setup;
  double *p;             /* [np]                                          */
  const char *origin;    /* "initial (seed 1)", "runs/a/state.h5, best (epoch 12)" */
  size_t B, *sample;     /* [B] numbers in the data set                   */
  gn_batch batch;        /* of them, with the drive of the setup's problem */
  const double *x;       /* [B, nx]                                       */
  gn_target target;      /* at the data's times                           */
} gn_subject;

/* A failure is a mistake in the input. */
gn_status gn_subject_create(const gn_subject_input *in, gn_subject **out);
void gn_subject_destroy(gn_subject **s); /* NULL-safe */

#endif
