/* What the files of the sweep share; nothing else includes this. */
#ifndef GN_STUDY_SWEEP_IMPL_H
#define GN_STUDY_SWEEP_IMPL_H

#include "study/sweep.h"

/* One problem: a model with its data and parameters, and its certified gradient. */
typedef struct gn_scene {
  gn_experiment *e;
  gn_compare *c;
  const char *model, *state;
  int seed;
} gn_scene;

typedef struct gn_sweep_solver {
  const char *text; /* as given */
  const gn_stepper_class *cls;
  void *config;
} gn_sweep_solver;

/* A point by its coordinates. */
typedef struct gn_point_at {
  size_t scene, solver, rtol, back, quad, strategy;
} gn_point_at;

struct gn_sweep {
  gn_arena *arena;
  const char *out;
  gn_experiment *base; /* without the models, seeds and states of the grid */
  FILE *progress;
  int jobs, time, train;
  double target_loss;
  size_t shard, nshard;
  size_t nscene, nsolver, nrtol, nback, nquad, nstrategy;
  gn_scene *scene;
  gn_sweep_solver *solver;    /* [nscene, nsolver]: configs belong to an experiment    */
  double *rtol, *back, *quad; /* nback = 0, nquad = 0: tied                           */
  size_t first, last;         /* points of this part                                   */
  char **key;                 /* [last - first] the key cells of a point as CSV text   */
  char **row, **timing;       /* [last - first] whole lines without line break, or NULL */
  size_t nforeign[2];         /* lines of other grids found in the two files           */
  char **foreign[2];
};

enum { GN_SWEEP_COUNTS, GN_SWEEP_SECONDS }; /* the two files */
enum { GN_SWEEP_REPEATS = 5 };

size_t gn_sweep_size(const gn_sweep *sw);
gn_point_at gn_sweep_point(const gn_sweep *sw, size_t index);
/* The solver of a point; it sets the tolerances the grid gives. */
gn_solver gn_sweep_solver_at(const gn_sweep *sw, gn_point_at at);

/* Text of a point: its key; its row after the key was filled by gn_compare_fill. malloc'ed,
   NULL without memory. */
char *gn_sweep_key_text(const gn_sweep *sw, gn_point_at at);
char *gn_sweep_row_text(const char *key, const gn_compare *c, const gn_compare_row *r);
char *gn_sweep_crash_text(const char *head, const char *key, int wait_status);
char *gn_sweep_timing_text(const char *key, const gn_compare_row *r);

const char *gn_sweep_header(int train, int which);
size_t gn_sweep_cells(const char *line);

/* Read what is there, append a line, and write all in order. */
gn_status gn_sweep_load(gn_sweep *sw);
gn_status gn_sweep_append(const gn_sweep *sw, int which, const char *line);
gn_status gn_sweep_store(const gn_sweep *sw);

/* Column of a row, from its line under that header; NULL without memory. */
char *gn_sweep_cell(const char *head, const char *line, const char *column);
/* The same as a number, NaN if empty. */
double gn_sweep_number(const char *head, const char *line, const char *column);

/* What a training came to. */
typedef struct gn_trained {
  gn_status status;
  const char *reason;
  int epochs;
  double loss, valid_loss, best_valid; /* NaN: there is none */
  long first, last, total;             /* work of epochs     */
  int target_epoch;                    /* 0: not reached     */
  long target_work;
  double sec, target_sec;
  char executed[96];
} gn_trained;

/* Train a point; a failure is its status. */
void gn_sweep_train(const gn_sweep *sw, gn_point_at at, gn_trained *out);
char *gn_sweep_train_text(const gn_sweep *sw, const char *key, const gn_trained *tn,
                          int which);

#endif
