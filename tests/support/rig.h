/* What the contract suites run on: models, problems with every kind of event, and steppers
 * and strategies with every choice of their options, made from short texts. A mistake in a
 * text or a failed set-up fails the running test. */
#ifndef GN_TESTS_RIG_H
#define GN_TESTS_RIG_H

#include "core/gradient.h"

/* The model of tests/data/one_file/models/kicked.c, which jumps. */
extern const gn_model_class gn_rig_kicked;
/* The model of delayed.c, which has lags. */
extern const gn_model_class gn_rig_delayed;

/* A config with its defaults and "key=value:key=value"; "?key=value" is skipped where the
   table has no such key or it does not take the value. */
void *gn_rig_config(gn_arena *a, const gn_option *table, size_t size, const char *text);

/* "name:key=value:..." for nx inputs (0: not fixed) and nz outputs; name may be kicked or
   delayed, and "name+rate" has a running cost (component: the second one). */
gn_model *gn_rig_model(const char *text, size_t nx, size_t nz);

/* n normal numbers times scale. */
void gn_rig_random(uint64_t seed, size_t n, double scale, double *v);
/* Start values, shifted by at most spread. */
void gn_rig_params(const gn_model *m, uint64_t seed, double spread, double *p);

/* Every way to run a registered class: the class with each value of each choice, one option
   changed at a time; the first of each class has the defaults. */
typedef struct gn_rig_way {
  const void *cls;
  char text[64]; /* "norm=semi" */
} gn_rig_way;
enum { GN_RIG_WAYS = 64 };
size_t gn_rig_steppers(gn_rig_way *w);   /* choices of option `table` only */
size_t gn_rig_gradients(gn_rig_way *w);
/* 1 if the pair is legal and worth a run: a strategy that solves forward by itself (needs
   nothing of a stepper) is run beside erk with its defaults only. The environment variable
   GNOMON_PAIRS_WITH leaves only pairs with a class it names. */
int gn_rig_runs(const gn_rig_way *stepper, const gn_rig_way *gradient);

/* The kinds of problem. */
typedef enum gn_rig_kind {
  GN_RIG_PLAIN, /* three outputs                                               */
  GN_RIG_JUMPS, /* a jump at the start, output and jump and output at one time,
                   a kink, a jump on some rows only, a jump before the last output */
  GN_RIG_SPANS, /* per-row times, another span from the middle on              */
  GN_RIG_ALL    /* both                                                        */
} gn_rig_kind;

enum { GN_RIG_EVENTS = 12 };
typedef struct gn_rig {
  gn_arena *arena;
  const gn_model *model; /* borrowed */
  gn_event event[GN_RIG_EVENTS];
  gn_problem problem;
  gn_drive drive;
  gn_solver solver;
  size_t B, n, nY, np;   /* rows; B ny; noutput B ny; parameters */
  double *p, *y0, *gY;
  double *t0, *dt, *x;   /* the arrays of drive; NULL when there are none */
  unsigned char *mask;
} gn_rig;

/* B rows of random data from a seed; outputs by mode; stepper by way with tolerance tol if
   adaptive, else with step h. */
void gn_rig_create(const gn_model *m, gn_rig_kind kind, gn_output_mode mode, size_t B,
                   const gn_rig_way *stepper, double tol, double h, gn_rig *out);
void gn_rig_destroy(gn_rig *r);
/* Give every row the same data, which do not depend on B. */
void gn_rig_equal_rows(gn_rig *r);

/* The tableau of the rig's stepper; 0 if it has none. */
int gn_rig_tableau(const gn_rig *r, gn_tableau *out);
/* 1 if the rig's stepper takes its problem. It must, unless it overshoots and has to stop for
   a jump, a kink or a span, or has no interpolant for the outputs: then GN_EUNSUP and why. */
int gn_rig_possible(const gn_rig *r);
/* 1 if a strategy refuses the rig's problem. Only one that solves forward by itself may, and
   only outputs that are interpolated: then GN_EUNSUP and why. */
int gn_rig_refuses(const gn_rig *r, const gn_rig_way *gradient);

gn_gradient *gn_rig_gradient(const gn_rig *r, const char *text, size_t Bmax);

/* What a strategy gives. */
typedef struct gn_rig_answer {
  double *Y, *gy0, *gp, *gt; /* in the rig's arena; gt NULL if not asked for */
  gn_stats stats;
} gn_rig_answer;
/* Forward and backward of g on the rig's data. */
void gn_rig_run(const gn_rig *r, gn_gradient *g, int times, gn_rig_answer *out);
/* The same with a strategy made for it: "name:key=value". */
void gn_rig_answer_of(const gn_rig *r, const char *text, int times, gn_rig_answer *out);

/* What a has is had again by g: backward twice after one forward, the same bits, without an
   allocation. */
void gn_rig_again(const gn_rig *r, gn_gradient *g, const gn_rig_answer *a);

/* 1 if an interpolant of the steps is part of the answer: the state is read from a path, or
   the parameters are integrated over nodes of their own. */
int gn_rig_reads_steps(const gn_rig *r, const gn_rig_answer *a);

/* Relative distance of two gradients (y0 and p together), 2-norms. */
double gn_rig_distance(const gn_rig *r, const gn_rig_answer *a, const gn_rig_answer *b);

#endif
