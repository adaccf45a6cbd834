/* Signals u(s): what drives a model from outside, given at knots that all rows share in s.
 *
 *   hold     u = u_k                                          s_k <= s < s_{k+1}
 *   linear   u = A u_k + C u_{k+1},  A = (b - t) / h, C = (t - a) / h, h = b - a
 *   cubic    the same + h^2 / 6 ((A^3 - A) M_k + (C^3 - C) M_{k+1}), the natural spline
 *
 * with a, b and t the row's own times of the two knots and of s. Knots are stop times with a
 * kink each, which numbers the smooth pieces of the problem: the piece in force decides which
 * interval is read, so that a step that ends at a knot and the one that begins there see their
 * own side. linear and cubic may do without stops; then the interval is that of s. */
#ifndef GN_CORE_SIGNAL_H
#define GN_CORE_SIGNAL_H

#include "core/problem.h"

typedef enum gn_signal_kind { GN_HOLD, GN_LINEAR, GN_CUBIC } gn_signal_kind;
#define GN_SIGNAL_CHOICES "hold|linear|cubic"

/* Part of a problem; made by gn_problem_signal. */
struct gn_signal {
  gn_signal_kind kind;
  size_t nknot;
  const double *s;       /* [nknot] ascending                                        */
  const size_t *in_span; /* [nknot] span in force there                              */
  size_t npiece;         /* kinks with an index carry the number of the piece after  */
  const size_t *span;    /* [npiece] time span of the piece                          */
  const size_t *interval; /* [npiece] knot it begins with; GN_NONE: that of s        */
};

/* A problem as pb, which has no signals yet, with these: its events with a kink at every knot
   inside (unless stops is 0), spans renumbered as pieces. s is borrowed, the rest is the
   arena's. GN_EARG if knots are not in order or do not cover the problem. */
gn_status gn_problem_signal(gn_arena *a, const gn_problem *pb, gn_signal_kind kind,
                            size_t nknot, const double *s, int stops, gn_problem *out);

/* The signals of a batch during a solve. */
typedef struct gn_signal_values {
  const gn_signal *of;  /* NULL: there are none                                  */
  size_t B, nu;
  const double *u;      /* [nknot, B, nu], borrowed                              */
  int own;              /* rows have times of their own                          */
  double *t;            /* [nknot, B] those of the knots                         */
  double *bend;         /* [nknot, B, nu] M, second derivatives; cubic           */
  double *work;         /* [nknot]                                               */
  size_t interval;      /* in force                                              */
  double *now;          /* [B, nu]                                               */
} gn_signal_values;

gn_status gn_signal_setup(gn_signal_values *v, gn_arena *a, const gn_problem *pb, size_t Bmax);
/* Take a batch. GN_EARG if the drive brings no values, or names a row whose time jumps between
   its spans (linear, cubic) or stands still between knots (cubic). */
gn_status gn_signal_begin(gn_signal_values *v, const gn_problem *pb, size_t B,
                          const gn_drive *dr);
/* u at s, t [B] being the times of the rows: [B, nu], until the next call. */
const double *gn_signal_read(gn_signal_values *v, double s, const double *t);

#endif
