/* The forward solve over the events of a problem, shared by all strategies that use a
 * stepper: outputs (landed on or interpolated), jumps with their tapes, spans. */
#ifndef GN_CORE_WALK_H
#define GN_CORE_WALK_H

#include "core/flow.h"
#include "core/gradient.h"

/* Sees every accepted step of the forward solve; may keep step->rec and step->head. */
typedef gn_status (*gn_listener)(void *user, gn_step *step, size_t span);

typedef struct gn_walk {
  gn_arena *arena;
  const gn_problem *problem; /* with lags: that of delay->breaks, breaking points merged in */
  const gn_problem *given;   /* as asked for                                               */
  gn_delay *delay;           /* NULL without lags                                          */
  gn_solver solver;
  gn_flow flow;
  gn_system sys;
  gn_stepper *st;
  const unsigned char *soft; /* [nevent] outputs inside steps, see gn_problem_soft        */
  int nsoft;            /* there are any                                             */
  size_t B;
  const gn_drive *drive;
  double *Y;            /* [noutput, B, ny] of the last forward, borrowed           */
  const double *y0;     /* [B, ny] of the last forward, borrowed                    */
  double *y;            /* [B, ny] state now                                        */
  gn_pool *jump_pool;
  gn_record **jump_rec; /* [njump] tape of each jump                                */
  double **jump_y;      /* [njump] state before each jump                           */
  double *work;         /* [B, ny] scratch                                          */
  gn_pool *eval_pool;   /* one slice of f, for single evaluations                   */
  gn_record *eval_rec;
  double last_h;        /* size proposed at the end: the backward solve's first step */
  /* of the forward in progress */
  int started, fresh;
  size_t span, next_soft;
  gn_listener listener;
  void *user;
} gn_walk;

/* solver->cls = NULL: no stepper, for who solves by itself; gn_walk_forward is not for it. */
gn_status gn_walk_create(const gn_problem *pb, const gn_solver *solver, size_t Bmax,
                         gn_walk **out);
void gn_walk_destroy(gn_walk **w);

/* Take a batch: flow, first span and records ready, y = y0. */
gn_status gn_walk_bind(gn_walk *w, size_t B, const double *p, const gn_drive *dr,
                       const double *y0, double *Y);

/* Solve and write the states at the outputs to Y. */
gn_status gn_walk_forward(gn_walk *w, size_t B, const double *p, const gn_drive *dr,
                          const double *y0, double *Y, gn_listener listener, void *user);

/* The next soft output from event *e on that lies inside the step (s, s_new] of size h: its
   number, the weights of the interpolant there, and *e moved past it. 0: there is none. */
int gn_walk_inside(const gn_walk *w, double s, double h, double s_new, size_t *e, size_t *k,
                   gn_dense *d);
/* Read all of them: out_k = w0 y + w1 y1 + h sum_i k_i K_i, into out [noutput, B, ny]. */
void gn_walk_read(const gn_walk *w, double s, double h, double s_new, const double *y,
                  const double *y1, const double *const *K, double *out);

/* Jump j: y <- jump(y, x_j) on the masked rows, tape kept; its transpose lam <- lam', with
   gp += if not NULL; and its tangent v <- v'. */
gn_status gn_walk_jump(gn_walk *w, size_t j, const double *p, double *y);
gn_status gn_walk_jump_vjp(gn_walk *w, size_t j, double *lam, double *gp);
gn_status gn_walk_jump_jvp(gn_walk *w, size_t j, double *v, const double *vp);

/* gt[1 + k] += gY_k . f(s_k, Y_k) for every output, gt[0] -= lam . f(s0, y0), with lam the
   cotangent at the start: derivatives with respect to times, by the ODE. */
gn_status gn_walk_time_gradient(gn_walk *w, const double *gY, const double *lam, double *gt);
/* The parts of it: that of event e, in the span in force; that of the start, by which time
   span 0 is. lam is the cotangent of the state only, not of a history before it. */
gn_status gn_walk_time_event(gn_walk *w, size_t e, const double *gY, double *gt);
gn_status gn_walk_time_start(gn_walk *w, const double *lam, double *gt);

#endif
