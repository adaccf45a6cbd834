/* The path of a solve: accepted steps kept with their interpolant, to be evaluated anywhere.
 *
 *   y(s + theta h) = w0 y_n + w1 y_{n+1} + h sum_i k_i K_i
 *
 * with the weights of the table's own interpolant, cubic Hermite where it has none. */
#ifndef GN_CORE_PATH_H
#define GN_CORE_PATH_H

#include "core/stepper.h"

typedef struct gn_path_step {
  double s, h, s_new;
  int fresh;
  size_t span;             /* in force during the step, for who keeps it    */
  const double *x[GN_STAGES_MAX + 2]; /* y_n, y_{n+1}, K_i: those the weights use */
} gn_path_step;

typedef struct gn_path {
  gn_arena *arena;
  gn_system *sys;          /* borrowed: length of the vectors                    */
  gn_tableau tab;          /* with an interpolant: Hermite if the table has none */
  int hermite;             /* 1: the slope at the end has to be found            */
  gn_path_step *step;
  size_t n, cap;
  double **spare;          /* vectors to use again                               */
  size_t nspare, nvector, vcap;
  double **vector;         /* every vector made                                  */
} gn_path;

/* A path for the solves of a stepper; it must keep its slopes (want_slopes). */
gn_status gn_path_create(const gn_stepper *st, gn_path **out);
void gn_path_destroy(gn_path **p);
void gn_path_clear(gn_path *p);
/* Forget the steps from n on. */
void gn_path_cut(gn_path *p, size_t n);
/* Copy what the interpolant of a step needs. */
gn_status gn_path_put(gn_path *p, const gn_step *step);
/* Give the vectors of step n back, its times stay; and copy them again. */
void gn_path_drop(gn_path *p, size_t n);
gn_status gn_path_fill(gn_path *p, size_t n, const gn_step *step);
/* Complete the slopes at the ends of steps, where the table does not give them: the next
   step's first, or one evaluation into slice 0 of rec. */
gn_status gn_path_finish(gn_path *p, gn_record *rec);
/* Steps between s and to, either direction: first <= n < last. */
void gn_path_range(const gn_path *p, double s, double to, size_t *first, size_t *last);
/* The step among [first, last) that contains s, the nearest one if none does. */
size_t gn_path_find(const gn_path *p, size_t first, size_t last, double s);
/* y [n] = sum of what the weights d of step n's interpolant read. */
void gn_path_combine(const gn_path *p, size_t n, const gn_dense *d, double *y);
/* y [n] = the state at s, within the steps [first, last). */
void gn_path_eval(const gn_path *p, size_t first, size_t last, double s, double *y);
double gn_path_bytes(const gn_path *p);

#endif
