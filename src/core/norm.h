/* Systems of first-order equations as steppers see them, and the norm of their error test. */
#ifndef GN_CORE_NORM_H
#define GN_CORE_NORM_H

#include "core/record.h"

/* A piece of the vector that is looked at as a unit. */
typedef struct gn_segment {
  const char *name; /* "h", "a", "f.0.weight": who caused a rejection                     */
  size_t n;         /* length; the segments cover the vector in order                     */
  size_t d;         /* width of a row if the segment is [B, d], else 0                     */
  int group;        /* one rms per group; -1: not in the norm                              */
  double atol_scale, rtol_scale; /* its tolerances are those of the solve times these        */
  long rejects;     /* rejections it caused since the start                                */
  double square;    /* its own mean square in the last evaluation                          */
} gn_segment;

/* err = max over groups of sqrt( sum_{i in group} (e_i w_i)^2 / n_group ). One group over
   everything is the plain rms norm. rowwise: the rms of a group is taken per row over its
   [B, d] segments, and the largest row counts. */
typedef struct gn_norm {
  size_t nseg;
  gn_segment *seg;
  int ngroup;
  int rowwise;
  size_t B;      /* rows, for rowwise        */
  int worst;     /* segment that was largest in the last evaluation */
  double value;  /* result of the last evaluation                   */
  long unknown;  /* rejections since the start without a known segment */
} gn_norm;

/* The norm of e [n] with weights w [n]; sets nm->worst. */
double gn_norm_eval(gn_norm *nm, const double *e, const double *w);
/* w_i = 1 / (rtol |y_i| + atol), each times the scale of its segment. */
void gn_norm_weights(const gn_norm *nm, double rtol, double atol, const double *y, double *w);
/* The first segment of f [n] with a value that is not finite; -1: none. */
int gn_norm_not_finite(const gn_norm *nm, const double *f);
/* A step was rejected because of that segment; -1: not known. */
void gn_norm_reject(gn_norm *nm, int segment);
void gn_norm_forgive(gn_norm *nm); /* no rejections yet */
/* "m 3, h 1, unknown 2" of the segments that caused rejections; empty if none. */
void gn_norm_blame(const gn_norm *nm, char *buf, size_t size);
/* The same of a backward solve, after what buf says of the forward one: "h 1; backward a.h 2". */
void gn_norm_blame_back(const gn_norm *nm, char *buf, size_t size);

/* y' = rhs(s, y). rhs may leave what derivatives need in slice `slice` of rec. Return
   values as of a map. */
typedef struct gn_system {
  size_t n, nmax; /* length now, longest */
  void *user;
  int (*rhs)(void *user, double s, const double *y, double *ydot, gn_record *rec,
             size_t slice);
  /* Optional: Jv = (d rhs/dy) v at the tape of the last rhs at s in that slice. */
  int (*jvp)(void *user, double s, const double *v, double *Jv, gn_record *rec,
             size_t slice);
  size_t B;       /* rows a record is taken for */
  const gn_fields *fields; /* of the records; the stepper makes its pools from them */
  size_t Bmax;
  gn_norm norm;
} gn_system;

#endif
