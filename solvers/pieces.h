/* The smooth pieces of a solve by CVODES: between two places where f or the state is not
 * smooth, one CVODES object that goes forward with checkpoints and backward over them. */
#ifndef GN_SOLVERS_PIECES_H
#define GN_SOLVERS_PIECES_H

#include "core/walk.h"
#include "cvode.h"
#include "watch.h"

enum { GN_HERMITE_POINTS, GN_NEWTON_POINTS }; /* as the choices of GN_POINTS_CHOICES */
#define GN_POINTS_CHOICES "hermite|polynomial"

typedef struct gn_pieces_options {
  int method;        /* GN_ADAMS, GN_BDF; both directions                              */
  int interpolation; /* of y(t) between the points kept                                */
  int quad_control;  /* 1: parameter integrals are in the error test                   */
  double budget;     /* bytes for points; 0: a quarter of the memory                   */
} gn_pieces_options;

typedef struct gn_piece {
  struct gn_pieces *self;
  void *mem, *back;       /* CVODES forward; its backward problem, owned by mem */
  int which;
  gn_corrector forth_corrector, back_corrector;
  gn_watch forth_watch, back_watch;
  double from, to;        /* of the problem                                  */
  double end;             /* where the forward solve ended, to rounding `to` */
  long segment;           /* steps between checkpoints                       */
  long taken;             /* steps forward                                   */
  long kept;              /* vectors kept                                    */
  long replay_at;         /* number of steps at the last step of a replay    */
  int running;            /* back has counts that are not gathered           */
} gn_piece;

typedef struct gn_pieces {
  gn_gradient base;
  const gn_pieces_options *opt; /* borrowed */
  gn_walk *walk;          /* events, jumps and f, without a stepper           */
  SUNContext ctx;
  gn_system a_sys, q_sys;
  gn_norm back_norm;      /* segments of a and, in the error test, the parameter integrals */
  gn_vspace y_space, a_space, q_space;
  N_Vector y, a, q;
  gn_site forth, back;    /* evaluations of the two directions               */
  double *w;              /* [B, ny] -a                                      */
  gn_piece *piece;
  size_t npiece;
  int fresh;              /* the next piece begins                           */
  long replayed;          /* steps recomputed                                */
  int replaying;          /* the forward integrators repeat steps; set and cleared outside */
  int overrun, limited;   /* a replay did not fit; as many steps backward as allowed       */
  int at_left;            /* the last value was at the first interpolation point */
  char text[GN_SUN_TEXT];
} gn_pieces;

/* A walk, the pieces of the problem and their integrators; opt outlives them. */
gn_status gn_pieces_setup(gn_pieces *self, const gn_pieces_options *opt);
void gn_pieces_destroy(gn_pieces *self);
/* Lengths of a and q for the batch the walk is bound to. */
void gn_pieces_resize(gn_pieces *self);
/* 1: a vector had no memory, results are not to be used. */
int gn_pieces_starved(const gn_pieces *self);

gn_status gn_piece_open(gn_pieces *self, gn_piece *pc);
void gn_piece_close(gn_piece *pc);

long gn_pieces_max_steps(const gn_pieces *self);   /* of one direction            */
size_t gn_pieces_per_point(const gn_pieces *self); /* vectors a point keeps       */
double gn_pieces_budget(const gn_pieces *self);    /* bytes, with its default     */

/* Highest order of a method. */
static inline int gn_order_max(int method) { return method == GN_ADAMS ? 12 : 5; }

#endif
