/* Steppers advance a system through stop times and report every accepted step. They never
 * decide about gradients. */
#ifndef GN_CORE_STEPPER_H
#define GN_CORE_STEPPER_H

#include "core/history.h"
#include "core/norm.h"
#include "core/record.h"
#include "core/registry.h"
#include "core/rk.h"
#include "core/stats.h"

typedef struct gn_stepper gn_stepper;
typedef struct gn_stepper_class gn_stepper_class;

/* Tolerances of one direction. atol is scaled per segment by the system's norm. */
typedef struct gn_tolerance {
  double rtol, atol;
} gn_tolerance;

/* One accepted step from s to s + h (h < 0 backward). Arrays are borrowed until the next
   call of the stepper. */
typedef struct gn_step {
  double s, h;
  double s_first;        /* time at which stage 0 was evaluated (FSAL: s_prev + c h_prev) */
  double s_new;          /* time after the step; exactly the stop time when it landed there */
  int fresh;             /* 1: stage 0 was evaluated anew (start, reset), not shared        */
  const double *y0, *y1; /* [n] state before and after                                      */
  const double *f1;      /* [n] slope at the end if it is the last stage (FSAL), else NULL   */
  const double *const *K; /* [stages] slopes, [n] each; only if slopes were asked for. Without
                             a tableau: two, at the ends of the step                         */
  const double *const *Y; /* [stages] states of implicit stages, [n] each; only if asked for */
  gn_record *rec;  /* tapes of the stages new in this step: stages 1..s-1 (FSAL) or 0..s-1  */
  gn_record *head; /* fresh and FSAL: the one-slice record of stage 0                        */
  /* A listener that keeps rec or head sets the pointer to NULL; what it leaves is used
     again by the stepper. */
} gn_step;

typedef struct gn_stepper_ops {
  /* Begin at (s0, y0) toward direction dir = +1 or -1. h0 > 0 is the first step's size (the
     most it may be for a multistep method, whose first step is of order one);
     0: estimate it. y0 is copied. */
  gn_status (*start)(gn_stepper *st, double s0, const double *y0, int dir, double h0);
  /* The state changed at s, the current time (or, after overshooting, a time inside the
     last step): evaluate anew, keep the step size. */
  gn_status (*reset)(gn_stepper *st, double s, const double *y);
  /* One accepted step, never past stop unless the class overshoots; described in st->now. */
  gn_status (*step)(gn_stepper *st, double stop);
  void (*destroy)(gn_stepper *st); /* foreign resources only; NULL if none */
} gn_stepper_ops;

/* Head of every stepper. The shared part is filled by gn_stepper_create. */
struct gn_stepper {
  const gn_stepper_class *cls;
  const void *config;
  gn_arena *arena;
  gn_system *sys;          /* borrowed                                               */
  gn_tolerance tol;
  const gn_tableau *tab;   /* coefficients; set by set-up; NULL if not Runge-Kutta    */
  const gn_tableau *implicit; /* of implicit stages, A with its diagonal, the last one being
                              the new state; set by set-up; NULL if there are none */
  int dense;               /* their linear systems are solved by LU of a block per row */
  int want_stages;         /* 1: keep their states Y of a step valid for the listener */
  int want_slopes;         /* 1: keep all slopes K of a step valid for the listener   */
  size_t nmax;             /* longest state                                          */
  gn_step now;             /* the step just taken                                    */
  double s;                /* current time                                           */
  double h_next;           /* proposed size of the next step (> 0), 0 if none         */
  long steps, rejects;     /* since start                                            */
  long newton;             /* Newton iterations since start                          */
  long max_steps;          /* give up after that many accepted and rejected steps     */
  gn_history *history;     /* borrowed: told of every step tried; NULL: nobody        */
};

/* What a stepper can offer, for the table of legal pairs. */
enum {
  GN_HAS_STAGES = 1,   /* explicit Runge-Kutta stages with tapes and a tableau */
  GN_HAS_BACKWARD = 2, /* can integrate backward                               */
  GN_HAS_DENSE = 4,    /* has an interpolant for output = interpolate          */
  GN_HAS_LANDING = 8,  /* ends steps at stop times                             */
  GN_HAS_IMPLICIT_STAGES = 16 /* implicit Runge-Kutta stages: their states and a tableau */
};

/* What a file in solvers/step/ exports: gn_stepper_<file stem>. */
struct gn_stepper_class {
  const char *name, *summary, *source;
  unsigned offers; /* GN_HAS_* */
  int adaptive;    /* 1: obeys rtol and atol */
  int overshoots;  /* 1: runs past stop times; states there come from the interpolant */
  int literal;     /* 1: reproduces another code rule by rule, without gnomon's extras */
  int whole_norm;  /* 1: cannot leave a segment out of its norm; quadratures are in it */
  size_t size;
  const gn_option *options;
  size_t config_size;
  gn_status (*setup)(gn_stepper *st, const void *config);
  gn_stepper_ops ops;
};

extern const gn_stepper_class *gn_steppers[];
GN_ABI_MARK(stepper, sizeof(gn_stepper_class) + sizeof(gn_stepper) + sizeof(gn_system));
const gn_stepper_class *gn_stepper_find(const char *name);

/* sys is borrowed; its length may vary up to sys->nmax from start to start. */
gn_status gn_stepper_create(const gn_stepper_class *cls, const void *config, gn_system *sys,
                            gn_tolerance tol, gn_stepper **out);
void gn_stepper_destroy(gn_stepper **st);

gn_status gn_stepper_start(gn_stepper *st, double s0, const double *y0, int dir, double h0);
gn_status gn_stepper_reset(gn_stepper *st, double s, const double *y);
/* One accepted step; *out points into the stepper, valid until the next call. */
gn_status gn_stepper_step(gn_stepper *st, double stop, gn_step **out);

/* y [n] = the state at s, in the last step: its end, or read from its interpolant. */
void gn_stepper_state(const gn_stepper *st, double s, double *y);

/* Hairer, Norsett, Wanner, Solving ODEs I, II.4: a first step from y0, f0 and one Euler
   trial, in the system's norm. Costs one rhs call; work is [3 n]. */
gn_status gn_initial_step(gn_system *sys, gn_tolerance tol, int order, double s0, int dir,
                          const double *y0, const double *f0, gn_record *scratch,
                          double *work, double *h);

#endif
