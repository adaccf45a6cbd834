/* Data sets: n samples on one time grid, or each on its own; sequences of observations. */
#ifndef GN_CORE_DATASET_H
#define GN_CORE_DATASET_H

#include "base/arena.h"
#include "base/option.h"
#include "core/problem.h"
#include "core/registry.h"

#include <stdint.h>

/* Sample i starts from x[i] and is compared with y[i] at times[1..K].

   With row_times every sample has its own times: the solver's scalar s runs over times =
   0, 1, ..., K, output k is at s = k, and sample i sees
     t_i = row_times[i][k] + (s - k) (row_times[i][k + 1] - row_times[i][k]),  k <= s < k + 1.
   A sample with fewer points repeats its last time: it stands still there, and the entries are
   masked. Step sizes (and options that give them) are then in units of s.

   With obs every sample is a sequence (gn_problem_sequence): observation j changes the state
   at s = j, after which it flows over gap[i][j] of the sample's time, from 0 on. y is what the
   outputs are compared with, in their order; times are then their numbers 0, ..., K. */
typedef struct gn_dataset {
  gn_arena *arena;           /* owns the arrays                                       */
  size_t n, ntrain;          /* samples; [0, ntrain) train, [ntrain, n) validation    */
  size_t K, nx, ny;          /* output times, inputs, target columns                  */
  const double *times;       /* [K + 1], times[0] = t0; increasing                    */
  const double *row_times;   /* [n, K + 1], not decreasing; NULL: times for all       */
  const double *x;           /* [n, nx]                                               */
  size_t H;                  /* inputs before t0, for models with lags: at            */
  const double *hist_times;  /* [H], ascending, the last one before t0                */
  const double *hist;        /* [n, H, nx]; NULL: before t0 the input is x            */
  size_t nu, U;              /* signals, for models that take them, and their knots   */
  int signal, stops;         /* gn_signal_kind; 1: knots are stop times               */
  const double *u_times;     /* [U], ascending, from t0 (or before) to the end: times, or
                                values of s with row_times                            */
  const double *u;           /* [n, U, nu]; NULL: there are none                      */
  const double *y;           /* [n, K, ny]                                            */
  const unsigned char *mask; /* [n, K, ny], 1 = observed; NULL = all                  */
  const double *weight;      /* [K] of the outputs in the loss; NULL = 1              */
  gn_sequence sequence;      /* of obs; K is its number of outputs                    */
  size_t nobs;               /* values of an observation                              */
  const double *obs;         /* [n, J, nobs]; NULL: no sequences                      */
  const unsigned char *obs_mask; /* [n, J], 1 = there is one; NULL = all              */
  const double *gap;         /* [n, J], 0 or more                                     */
  const char *note;          /* lines on how the data were made (scales, split), for
                                log.txt; NULL: nothing to say                        */
} gn_dataset;

/* What a file in src/data/ exports: gn_dataset_<file stem>. */
typedef struct gn_dataset_class {
  const char *name, *summary, *source;
  const gn_option *options;
  size_t config_size;
  /* Fill d (arena given, the rest zero); pure in (config, seed). dir is the folder with
     the small tables that ship with gnomon. GN_EIO names the file and the line. */
  gn_status (*make)(const void *config, uint64_t seed, const char *dir, gn_dataset *d);
} gn_dataset_class;

extern const gn_dataset_class *gn_datasets[];
GN_ABI_MARK(dataset, sizeof(gn_dataset_class) + sizeof(gn_dataset));
const gn_dataset_class *gn_dataset_find(const char *name);
gn_status gn_dataset_create(const gn_dataset_class *cls, const void *config, uint64_t seed,
                            const char *dir, gn_dataset **out);
void gn_dataset_destroy(gn_dataset **d);
/* The folder with the small tables that ship with gnomon: of the source tree it was built
   from while that is there, else of its installation. */
const char *gn_dataset_folder(void);

/* A batch: rows idx[0..B-1]; xb [B, nx] (NULL: not wanted), yb [K, B, ny], mb [K, B, ny]
   (not used if d->mask is NULL). */
void gn_dataset_batch(const gn_dataset *d, size_t B, const size_t *idx, double *xb, double *yb,
                      unsigned char *mb);
/* Its time spans for a gn_drive on the problem of gn_problem_spans: t0, dt [K, B]. Nothing is
   written without row_times. */
void gn_dataset_spans(const gn_dataset *d, size_t B, const size_t *idx, double *t0, double *dt);
/* Its inputs before t0, xh [H, B, nx]. Nothing is written without hist. */
void gn_dataset_history(const gn_dataset *d, size_t B, const size_t *idx, double *xh);
/* Its signals at their knots, ub [U, B, nu]. Nothing is written without u. */
void gn_dataset_signals(const gn_dataset *d, size_t B, const size_t *idx, double *ub);
/* Its observations, xb [J, B, nobs] and mb [J, B] (not used if d->obs_mask is NULL), and time
   spans t0, dt [J + 1, B], for a gn_drive on the problem of gn_problem_sequence. Nothing is
   written without obs. */
void gn_dataset_observations(const gn_dataset *d, size_t B, const size_t *idx, double *xb,
                             unsigned char *mb, double *t0, double *dt);

#endif
