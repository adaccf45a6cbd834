/* Gradient strategies: states at the output times forward, cotangents back. */
#ifndef GN_CORE_GRADIENT_H
#define GN_CORE_GRADIENT_H

#include "core/extremes.h"
#include "core/problem.h"
#include "core/registry.h"
#include "core/stepper.h"

typedef struct gn_gradient gn_gradient;
typedef struct gn_gradient_class gn_gradient_class;

/* How the steps are made; the same for every strategy that shares a stepper. */
typedef struct gn_solver {
  const gn_stepper_class *cls;
  const void *config;
  gn_tolerance tol;         /* of the forward solve                                  */
  gn_tolerance back;        /* of the backward solve of continuous adjoints          */
  gn_tolerance quad;        /* of parameter integrals in an error test; 0: as back   */
  long max_steps;           /* per direction                                         */
  gn_history *history;      /* borrowed: rows of every step tried; NULL: none        */
  gn_extremes *extremes;    /* borrowed: of the last forward solve; NULL: not wanted */
} gn_solver;

typedef struct gn_gradient_ops {
  /* Y [noutput, B, ny] = states at the outputs; keeps what backward needs. p, y0 and the
     drive are borrowed until backward returns. */
  gn_status (*forward)(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                       const double *y0, double *Y);
  /* Given gY = dL/dY [noutput, B, ny]:  gy0 += dL/dy0 [B, ny],  gp += dL/dp [np], and if
     gt is not NULL  gt[0] += dL/ds0, gt[1+k] += dL/ds_k of output k (by the ODE: moving the
     output along the trajectory, gY_k . f(s_k, y_k), and -lambda(s0) . f(s0, y0)).
     GN_ESTATE unless the last call was a successful forward or backward. */
  gn_status (*backward)(gn_gradient *g, const double *gY, double *gy0, double *gp, double *gt);
  /* dY [noutput, B, ny] = derivative of Y in the direction (vy0 [B, ny], vp [np]) along the
     recorded steps, either may be NULL = zero. NULL op: not offered. */
  gn_status (*push)(gn_gradient *g, const double *vy0, const double *vp, double *dY);
  void (*destroy)(gn_gradient *g); /* foreign resources only; NULL if none */
} gn_gradient_ops;

/* What a strategy asks of a stepper. */
enum {
  GN_NEEDS_STAGES = 1,   /* recorded explicit Runge-Kutta stages                    */
  GN_NEEDS_BACKWARD = 2, /* a backward solve by the same stepper                     */
  GN_NEEDS_LANDING = 4,  /* steps that end at stop times                            */
  GN_KEEPS_STEPS = 16,   /* those of the forward solve, one after the other           */
  GN_TAKES_IMPLICIT = 8  /* with GN_NEEDS_STAGES: recorded implicit ones will do     */
};

/* Head of every strategy. */
struct gn_gradient {
  const gn_gradient_class *cls;
  const void *config;
  gn_arena *arena;
  const gn_problem *problem; /* borrowed */
  gn_solver solver;          /* config borrowed */
  size_t Bmax;
  struct gn_walk *walk;      /* the shared forward solve over the events, core/walk.h */
  int ready;                 /* a forward has succeeded */
  gn_stats stats;            /* of the last forward and backward */
};

/* What a file in solvers/grad/ exports: gn_gradient_<file stem>. */
struct gn_gradient_class {
  const char *name, *summary, *source;
  int exact;      /* 1: derivative of the steps taken, up to rounding */
  int oracle;     /* 1: cost grows with np; for checking, not for training */
  unsigned needs; /* GN_NEEDS_* */
  int lags;       /* 1: can do models with delayed states */
  const char *no_lags; /* why not: "the state cannot be solved backward"; or NULL */
  size_t size;
  const gn_option *options;
  size_t config_size;
  gn_status (*setup)(gn_gradient *g, const void *config);
  gn_gradient_ops ops;
};

extern const gn_gradient_class *gn_gradients[];
GN_ABI_MARK(gradient, sizeof(gn_gradient_class) + sizeof(gn_gradient));
const gn_gradient_class *gn_gradient_find(const char *name);

/* GN_OK, or GN_EUNSUP with the reason and the nearest legal pair in the message. */
gn_status gn_pair_check(const gn_stepper_class *st, const gn_gradient_class *g);

/* Everything is allocated here for batches up to Bmax; problem and solver.config are
   borrowed and outlive the object. */
gn_status gn_gradient_create(const gn_gradient_class *cls, const void *config,
                             const gn_problem *problem, const gn_solver *solver,
                             size_t Bmax, gn_gradient **out);
void gn_gradient_destroy(gn_gradient **g);

/* Checked, timed and counted calls of the ops. */
gn_status gn_gradient_forward(gn_gradient *g, size_t B, const double *p, const gn_drive *dr,
                              const double *y0, double *Y);
gn_status gn_gradient_backward(gn_gradient *g, const double *gY, double *gy0, double *gp,
                               double *gt);
gn_status gn_gradient_push(gn_gradient *g, const double *vy0, const double *vp, double *dY);

#endif
