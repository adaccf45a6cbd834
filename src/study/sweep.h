/* The tolerance study: gradient error against cost over a grid of
 *
 *   models x states x seeds x solvers x tolerances (forward, backward, quadrature) x strategies
 *
 * One tidy row per point. The certified gradient is computed once per (model, state,
 * seed), the exact gradient of the forward steps once per solver and tolerance. Points
 * are computed by worker processes, each whole; their rows arrive in any order, are
 * appended as they come (so that a sweep that was stopped can be continued), and are put
 * in the order of the grid at the end. Counts and errors do not depend on the number of
 * workers, to the last digit.
 *
 * With train = 1 a point is a training (of train.epochs, from the parameters of the
 * scene): one gradient does not tell what a tolerance does to training. Its row, in
 * sweep_train.csv, has the loss at the end, the work of the first and the last epoch,
 * their ratio, and what it took to reach a target loss; seconds are of one training, in
 * sweep_train_timing.csv.
 *
 * Files in the directory: sweep.ini (the resolved experiment), sweep.csv (counts and
 * errors), sweep_timing.csv (seconds, if asked for: measured serially afterwards). A
 * point whose row exists is not computed again. A part i of n is a run of neighbouring
 * points with its own directory, DIR/shard-i-of-n; its files have a header line only if i
 * = 1, so that the files of the parts in order are the whole. */
#ifndef GN_STUDY_SWEEP_H
#define GN_STUDY_SWEEP_H

#include "study/compare.h"

typedef struct gn_sweep gn_sweep;

typedef struct gn_sweep_input {
  const char *rtol;       /* "1e-3:1e-9:7" (from, to, how many) or "1e-3,1e-6"        */
  const char *back_rtol;  /* the same for the backward solve; NULL: tied to rtol      */
  const char *quad_rtol;  /* and for the quadrature; NULL: tied to back_rtol          */
  const char *strategies; /* "discrete,gauss:rule=paper"; NULL: as compare            */
  const char *solvers;    /* "erk,erk:table=fehlberg"; NULL: the experiment's         */
  const char *models;     /* "node,hbnode:width=8"; NULL: the experiment's            */
  const char *seeds;      /* "0:4" or "1,2,7"; NULL: the experiment's                 */
  const char *states;     /* "RUN,RUN/state.h5"; NULL: initial values                 */
  size_t batch;           /* first training samples; 0: all                           */
  int jobs;               /* workers, from 1                                          */
  int time;               /* 1: measure seconds                                       */
  int train;              /* 1: train every point instead of taking one gradient      */
  double target_loss;     /* train: when was an epoch's loss below it; 0: not asked   */
  size_t shard, nshard;   /* part `shard` (from 1) of nshard; 0, 0: all               */
  const char *out;        /* directory; NULL: the experiment's run.out                */
  FILE *progress;         /* NULL: none                                               */
} gn_sweep_input;

/* "a:b:n" or "a,b,c" into an array in the arena; GN_EARG names `what` and the part. */
gn_status gn_sweep_reals(gn_arena *a, const char *what, const char *text, size_t *n,
                         double **out);
/* "a:b" (both ends) or "a,b,c" of integers from 0. */
gn_status gn_sweep_integers(gn_arena *a, const char *what, const char *text, size_t *n,
                            int **out);

/* Read and check everything, compute nothing. file and overrides as gn_experiment_read. */
gn_status gn_sweep_create(const char *file, size_t noverride, const char *const *over,
                          const gn_sweep_input *in, gn_sweep **out);
void gn_sweep_destroy(gn_sweep **sw);

/* What a run did. */
typedef struct gn_sweep_result {
  size_t points, skipped, computed, failed; /* of this part; failed: of all its rows */
  size_t uncertified;                       /* references without a certificate      */
  double sec;
} gn_sweep_result;

/* Compute what is missing and write the files. A point that fails is a row with its
   status, also when its worker died ("crash"). GN_EARG if sweep.ini there is another
   experiment. */
gn_status gn_sweep_run(gn_sweep *sw, gn_sweep_result *out);

extern const gn_format gn_format_sweep, gn_format_sweep_timing, gn_format_sweep_train,
    gn_format_sweep_train_timing;

const char *gn_sweep_out(const gn_sweep *sw);
/* For humans: per strategy, the error at every tolerance with its work (of the rows there). */
gn_status gn_sweep_print(const gn_sweep *sw, FILE *to);

#endif
