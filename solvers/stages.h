/* The implicit steps of a forward solve, kept as their stage states under a byte budget, and
 * their derivative: transposed for strategy discrete, forward for tangent. */
#ifndef GN_SOLVERS_STAGES_H
#define GN_SOLVERS_STAGES_H

#include "core/walk.h"
#include "rowsolve.h"

typedef struct gn_stages_step {
  double s, h;
  size_t span;
  double *Y; /* [stages, n] */
} gn_stages_step;

typedef struct gn_stages {
  gn_arena *arena;
  gn_walk *walk;
  const gn_tableau *tab;
  double budget, bytes;      /* allowed; kept: stage states, not the list of step sizes */
  gn_stages_step *step;
  size_t n, cap, made;       /* steps; places; places with memory                  */
  size_t next;               /* the sweep stands before this step                  */
  gn_pool *pool;             /* one tape per stage                                 */
  gn_record *rec;
  gn_rowsolve solve;
  double *b, *f;             /* [n] right side of a stage system; a value not used */
  double *v, *g[GN_STAGES_MAX]; /* [n] cotangent of a slope; of the stage states, or the
                                   tangents of the slopes                           */
  double s;                  /* of the products in progress: time and tape of a stage */
  gn_tape tape;
} gn_stages;

/* The walk is borrowed; its stepper must have implicit stages, and records them from now on. */
gn_status gn_stages_create(gn_walk *w, double budget, gn_stages **out);
void gn_stages_destroy(gn_stages **st);

/* Forget the last solve, keep its memory; the next one is of w->B rows. */
void gn_stages_clear(gn_stages *st);
/* A gn_listener. GN_ELIMIT when the stages of the steps so far exceed the budget. */
gn_status gn_stages_put(void *user, gn_step *step, size_t span);

/* Before a sweep from the last step down, or (forward = 1) from the first one up. */
gn_status gn_stages_rewind(gn_stages *st, int forward);
/* The steps between s and to transposed: lam [n] at the end becomes lam at the start, gp +=. */
gn_status gn_stages_pull(gn_stages *st, double s, double to, double *lam, double *gp);
/* v [n] at their start becomes v at their end; vp [np] may be NULL = 0. */
gn_status gn_stages_push(gn_stages *st, double s, double to, double *v, const double *vp);

#endif
