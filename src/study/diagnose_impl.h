/* What the parts of diagnose share. */
#ifndef GN_STUDY_DIAGNOSE_IMPL_H
#define GN_STUDY_DIAGNOSE_IMPL_H

#include "study/diagnose.h"

/* A batch as an update saw it. */
typedef struct gn_batch_copy {
  int epoch;
  size_t batch, B, *idx;
  double *p, *g; /* [np] before the update; gradient before clipping */
  int has_g;
} gn_batch_copy;

/* A run being looked at. */
typedef struct gn_inquest {
  gn_arena *arena;
  gn_experiment e;    /* as trained, monitored; a copy whose pointers are borrowed */
  gn_setup *setup;
  gn_csv *rows;       /* iterations.csv; NULL: there is none                       */
  int epoch;          /* target                                                    */
  size_t batch;
  /* of the last replay */
  gn_trainer *tr;
  int reached;        /* the target was replayed to its end                        */
  gn_batch_copy *now, *before; /* the target, and the update before it; B = 0: none */
  double most_update; /* largest |update| / |parameters| of its epoch and the last */
  long after;         /* updates past the target, for a scale that is not 1        */
  gn_diagnosis *d;
} gn_inquest;

/* Replay from the newest snapshot to the target; or, with the learning rate times a scale
   that is not 1, until GN_ANOMALY_WINDOW updates past it or until one is abnormal. */
gn_status gn_inquest_replay(gn_inquest *q, double scale);

/* Fill the evidence, after a replay with scale 1. */
gn_status gn_inquest_examine(gn_inquest *q);

#endif
