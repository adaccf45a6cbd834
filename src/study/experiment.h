/* An experiment: everything a run needs, from an INI file and the command line, resolved
 * against the option tables of the chosen classes.
 *
 *   [data] [model] [loss] [solver] [gradient] name = CLASS plus the options of that class;
 *   all but [model] have common options besides; [train] [compare] [run] are fixed.
 *
 * [data] is optional for `grad` (a case brings its own inputs). Unknown keys are errors that
 * name file, line and the nearest valid key. */
#ifndef GN_STUDY_EXPERIMENT_H
#define GN_STUDY_EXPERIMENT_H

#include "base/ini.h"
#include "base/table.h"
#include "core/dataset.h"
#include "core/gradient.h"
#include "core/loss.h"
#include "core/model.h"
#include "core/running.h"

typedef struct gn_solver_options { /* common part of [solver] */
  double rtol, atol;
  int output;    /* gn_output_mode */
  int max_steps; /* per direction  */
} gn_solver_options;

typedef struct gn_adjoint_options { /* common part of [gradient] */
  double rtol, atol;           /* of the backward solve; 0: as the forward solve     */
  double quad_rtol, quad_atol; /* of the parameter integrals; 0: as the backward solve */
} gn_adjoint_options;

typedef struct gn_running_options { /* common part of [loss] */
  int rate;      /* gn_running_rate                              */
  double weight; /* of the mean over the rows of q(T)            */
  int component; /* of GN_RUNNING_COMPONENT                      */
} gn_running_options;

typedef struct gn_train_options {
  int epochs, batch; /* batch 0: all training samples */
  int optimizer;     /* "adam|adamw" */
  double lr, beta1, beta2, eps, weight_decay;
  int schedule;      /* "constant|step|cosine" */
  int step_every;    /* epochs between reductions of schedule = step */
  char step_at[GN_TEXT_MAX]; /* "50,80": reduce at these epochs instead; empty: step_every */
  double step_factor, lr_min;
  double preshrink;  /* the start is this times that of run.seed */
  int restart_at;    /* forget the moments after so many epochs; 0: never */
  double clip;       /* largest l2 norm of the gradient; 0: off */
  int patience;      /* stop after so many epochs without a better validation loss; 0: off */
  int snapshot;      /* epochs between writes of state.h5 (the last is always written) */
  int keep;          /* of these states so many more stay in keep/                     */
  int monitor;       /* write iterations.csv                                           */
  int audit;         /* epochs between audits of a gradient; 0: none                   */
} gn_train_options;

typedef struct gn_compare_options {
  char strategies[GN_TEXT_MAX]; /* "discrete,backsolve:norm=semi,..."; empty: all legal ones */
  int cotangent;                /* "live|frozen" */
  double reference_tol;         /* rtol = atol of the certified gradient, 1e-12 */
  int repeats;                  /* timed repeats, median */
} gn_compare_options;

typedef struct gn_run_options {
  int seed;
  char out[GN_TEXT_MAX]; /* run directory; default runs/<stem of the file> */
} gn_run_options;

typedef struct gn_experiment {
  gn_arena *arena;
  const char *file;
  const gn_dataset_class *data;   void *data_config;   /* NULL without [data] */
  char data_dir[GN_TEXT_MAX];     /* data.dir, else GNOMON_DATA, else the shipped folder */
  int data_seed;                  /* data.seed: what the data are drawn from; -1: run.seed */
  const gn_model_class *model;    void *model_config;
  const gn_loss_class *loss;      void *loss_config;
  const gn_stepper_class *stepper; void *stepper_config;
  const gn_gradient_class *gradient; void *gradient_config;
  gn_solver_options solver;
  gn_adjoint_options adjoint;
  gn_running_options running;
  gn_train_options train;
  gn_compare_options compare;
  gn_run_options run;
} gn_experiment;

/* Read the file (NULL: none), then overrides "section.key=value" in order. */
gn_status gn_experiment_read(const char *file, size_t noverride, const char *const *override,
                             gn_experiment **out);
void gn_experiment_destroy(gn_experiment **e);
/* Every resolved option as INI text; reading it gives the same experiment. */
gn_status gn_experiment_write(const gn_experiment *e, FILE *to);

/* The option tables by section name ("solver", "train", ...), for `show` and the parser. */
const gn_option *gn_experiment_table(const char *section);

/* The solver of an experiment in the form the core takes. */
gn_solver gn_experiment_solver(const gn_experiment *e);

/* Parse "name:key=value:key=value" (one strategy of compare) on top of the experiment's
   own options for that class; config is in the arena. */
gn_status gn_experiment_strategy(const gn_experiment *e, gn_arena *a, const char *text,
                                 const gn_gradient_class **cls, void **config,
                                 gn_adjoint_options *adjoint);

/* The same for a stepper: "name:key=value" on top of the experiment's options for it. */
gn_status gn_experiment_stepper(const gn_experiment *e, gn_arena *a, const char *text,
                                const gn_stepper_class **cls, void **config);

/* Put the tolerances that are not 0 into the solver; its quad may stay 0, as gn_solver says. */
void gn_adjoint_tolerances(const gn_adjoint_options *o, gn_solver *sv);

/* Data, model and problem of an experiment, made together. */
typedef struct gn_setup {
  gn_arena *arena;
  gn_dataset *data;
  gn_model *model;
  gn_event *events;
  gn_problem problem;
  double *p; /* [np] initial parameters from run.seed */
} gn_setup;
gn_status gn_setup_create(const gn_experiment *e, gn_setup **out);
void gn_setup_destroy(gn_setup **s);

#endif
