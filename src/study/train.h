/* Training: mini-batches through a pass, an optimiser, and a run directory around them.
 *
 * The order of the samples in an epoch is a pure function of (seed, epoch), and a pass does
 * not remember earlier ones; so parameters, moments and counters at the end of an epoch are
 * all that a later one depends on: a resumed run has the bits of an uninterrupted one. */
#ifndef GN_STUDY_TRAIN_H
#define GN_STUDY_TRAIN_H

#include "base/format.h"
#include "core/pass.h"
#include "study/monitor.h"
#include "study/optim.h"
#include "study/rundir.h"

/* An epoch in numbers. */
typedef struct gn_progress {
  int epoch, epochs;               /* finished, wanted                                  */
  double loss, metric;             /* training samples: mean over the batches by size,
                                      each before its update                            */
  int has_valid;                   /* there are validation samples                      */
  double valid_loss, valid_metric; /* of all of them, after the last update             */
  const char *metric_name;
  int has_cost;                    /* there is a running cost, part of both losses      */
  double cost, valid_cost;         /* mean over the samples of q(T), without its weight */
  double lr, gradient_norm;        /* mean over the batches of the norm before clipping */
  gn_stats stats;                  /* of the training batches, summed                   */
  double sec;                      /* wall seconds of the epoch                         */
  double per_sec, eta;             /* f + vjp + pgrad + jvp a second; seconds left      */
  int best;                        /* this epoch has the best validation loss so far    */
} gn_progress;

/* A batch under way. Epoch and batch are counted from 1. */
typedef struct gn_batch_view {
  enum {
    GN_BATCH_BEGINS,   /* before the forward solve              */
    GN_BATCH_GRADIENT, /* g is the gradient, before clipping    */
    GN_BATCH_ENDED     /* after the update, or a failure        */
  } when;
  int epoch;
  size_t batch, B;
  const size_t *idx;   /* [B] samples           */
  const double *p, *g; /* [np]; g NULL: not yet */
} gn_batch_view;

/* Told of every batch; a failure ends the epoch with that status. */
typedef struct gn_trainer_look {
  gn_status (*batch)(void *user, const gn_batch_view *v);
  void *user;
} gn_trainer_look;

/* Training without files. State is open so that it can be saved and compared. */
typedef struct gn_trainer {
  gn_arena *arena;
  const gn_experiment *e; /* borrowed */
  const gn_setup *setup;  /* borrowed */
  gn_solver solver;
  gn_pass *pass;
  gn_optim optim;
  double *p;              /* [np] parameters now                                    */
  double *best;           /* [np] at the best validation loss; else as p             */
  int epoch;              /* epochs finished                                        */
  int best_epoch;         /* 0: none                                                */
  double best_valid;      /* infinity before the first                              */
  size_t B;               /* rows of a full batch                                   */
  gn_monitor *monitor;    /* with train.monitor; NULL: none                         */
  gn_trainer_look look;   /* batch NULL: nobody                                     */
  double lr_scale;        /* 1; what a study of the learning rate multiplies it by  */
  struct gn_trainer_work *work;
} gn_trainer;

/* Parameters start at setup->p. GN_EARG for options that do not fit the data. */
gn_status gn_trainer_create(const gn_experiment *e, const gn_setup *setup,
                            gn_trainer **out);
void gn_trainer_destroy(gn_trainer **tr);

/* One epoch: every training sample once, the last batch with what is left, then the
   validation loss. A pass that fails or a loss or gradient that is not finite ends it; the
   message says "epoch E, batch b of n: cause", the parameters are those of that batch. */
gn_status gn_trainer_epoch(gn_trainer *tr, gn_progress *pr);
/* After a failure: back to the end of the last whole epoch. */
void gn_trainer_rewind(gn_trainer *tr);

/* Whether patience has run out. */
int gn_trainer_early(const gn_trainer *tr);

/* params/NAME, best/NAME, optim/m/NAME, optim/v/NAME, and as attributes model, epoch, step,
   best_epoch, best_valid, seed, version. Written atomically. */
gn_status gn_trainer_save(const gn_trainer *tr, const char *file);
/* The same, as it was before the last whole epoch (best: as it is now). */
gn_status gn_trainer_save_start(gn_trainer *tr, const char *file);
/* The reverse, into a trainer of the same experiment. */
gn_status gn_trainer_load(gn_trainer *tr, const char *file);

typedef enum gn_train_end { GN_TRAIN_DONE, GN_TRAIN_EARLY, GN_TRAIN_ASKED } gn_train_end;

/* Told after every epoch; nonzero stops the run there, with its state saved. */
typedef struct gn_train_watch {
  int (*epoch)(void *user, const gn_progress *pr);
  void *user;
} gn_train_watch;

typedef struct gn_train_result {
  gn_train_end end;
  int resumed;       /* epoch it continued from; 0: from the start */
  gn_progress last;  /* epoch 0 if none was run                    */
  int best_epoch;    /* 0: no validation samples                   */
  double best_valid;
} gn_train_result;

/* Train an experiment in its run directory. watch may be NULL. A failed batch: state.h5 is
   the end of the last whole epoch, failed.h5 has the parameters that failed, log.txt and
   the message name the cause. Nothing is written if the set-up fails. */
gn_status gn_train(const gn_experiment *e, gn_run_mode mode, const gn_train_watch *watch,
                   gn_train_result *out);

extern const gn_format gn_format_metrics, gn_format_timing, gn_format_state;

#endif
