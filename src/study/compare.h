/* One loss on one batch, many gradient strategies, one table.
 *
 * Every row has two errors. err_ode is the relative 2-norm distance of dL/dp to the
 * certified gradient of the ODE: `discrete` on two Runge-Kutta tables (a model with
 * lags: the continuous adjoint and `discrete`) at
 * compare.reference_tol that must agree, confirmed by `tangent`
 * (<dL/dz, dz v> = <dL/dp, v> for a random v). err_adj is the distance to the exact
 * gradient of the forward steps the row itself took: `discrete` with the same stepper
 * options and the same cotangent; it is empty where the forward steps differ. */
#ifndef GN_STUDY_COMPARE_H
#define GN_STUDY_COMPARE_H

#include "base/format.h"
#include "core/batch.h"
#include "core/pass.h"
#include "study/objective.h"

#include <stdio.h>

typedef struct gn_compare_input {
  size_t batch;      /* the first so many training samples; 0: all                  */
  const char *state; /* state.h5, or a run directory with one; NULL: initial values */
  FILE *progress;    /* a line that says what runs now; NULL: none                  */
  FILE *history;     /* every step tried, as CSV; NULL: none                        */
  const char *strategies; /* instead of compare.strategies; NULL: those              */
} gn_compare_input;

typedef struct gn_compare_row {
  const char *strategy;           /* as asked for: "backsolve:norm=semi"    */
  const gn_gradient_class *cls;
  void *config;
  gn_adjoint_options adjoint;
  gn_status status;
  const char *reason;             /* message of the failure, else ""        */
  int has_loss, has_grad;         /* how far it came                        */
  double loss, err_ode, err_adj, worst_err, cosine; /* NaN: there is none   */
  const char *worst;              /* parameter tensor, or ""                */
  gn_stats stats;                 /* counts of one pass                     */
  double sec, back_sec;           /* medians                                */
} gn_compare_row;

/* The certified gradient. */
typedef struct gn_reference {
  gn_status status;     /* GN_OK: certified                                          */
  const char *reason;   /* why not                                                   */
  const char *strategy; /* whose gradient it is                                      */
  const char *way[2];   /* the two that must agree: Runge-Kutta tables, or strategies */
  double agreement;     /* relative distance of the two gradients                    */
  double tangent;       /* |<gz, dz v> - <g, v>| / |g| for v of unit variance        */
  double loss;
  double *z, *gz, *g;   /* [K, B, nz], [K, B, nz], [np]                              */
  long work;            /* evaluations it took                                       */
  double sec;           /* and seconds                                               */
} gn_reference;

typedef struct gn_compare {
  gn_arena *arena;
  const gn_experiment *e; /* borrowed */
  gn_setup *setup;
  FILE *progress;
  gn_history history;     /* to NULL: none                         */
  gn_solver solver;       /* of the rows; the experiment's own     */
  size_t B, nout;         /* rows; K B nz                          */
  double *p;              /* parameters                            */
  gn_batch batch;         /* the samples compared on */
  gn_target target;
  gn_objective objective;
  const char *origin;     /* "initial, seed 1", "runs/a/state.h5"  */
  gn_reference ref;
  double *z, *gz, *g;     /* exact discrete gradient of the experiment's own steps */
  int exact;              /* 1: it is there                        */
  double *work_z, *work_gz, *work_g; /* of the row being filled    */
  double *sec;            /* [2 nsec] its seconds, repeat by repeat */
  size_t nsec;
  size_t n;
  gn_compare_row *row;
} gn_compare;

/* Read and check everything, compute nothing: a failure is a mistake in the input. */
gn_status gn_compare_create(const gn_experiment *e, const gn_compare_input *in,
                            gn_compare **out);
void gn_compare_destroy(gn_compare **c);

/* Fill reference and rows. A strategy that fails is a row with its status. Fails itself
   only without memory, or when cotangent = frozen and there is no reference. */
gn_status gn_compare_run(gn_compare *c);
/* compare.repeats, or 0 if verbs of the model are numeric: then nothing is timed. */
size_t gn_compare_repeats(const gn_compare *c);

/* The parts of gn_compare_run, for studies of many solvers: the reference (its failure is in
   c->ref), the exact gradient of c->solver's steps, and one row with its counts and errors,
   and medians of seconds if repeats > 0. A row that is filled again starts anew. They fail
   as gn_compare_run. */
gn_status gn_compare_certify(gn_compare *c);
gn_status gn_compare_exact(gn_compare *c);
gn_status gn_compare_fill(gn_compare *c, gn_compare_row *r, size_t repeats);

/* Header lines, table and rejections; csv: the columns of compare.csv. */
gn_status gn_compare_print(const gn_compare *c, FILE *to, int csv);
/* compare.ini (the resolved experiment), compare.csv (counts and errors) and
   compare_timing.csv (seconds) in the directory dir, which is made if it is missing. */
gn_status gn_compare_write(const gn_compare *c, const char *dir);

extern const gn_format gn_format_compare, gn_format_compare_timing;

#endif
