/* One map of a model at a random point: evaluations and central differences for the
 * contract tests. Rows, times, inputs and parameters are drawn from a seed.
 *
 * Everything the map depends on lies in one array `in`: its blocks, then the signals, the
 * observation and the delayed states where it has them. */
#ifndef GN_STUDY_PROBE_H
#define GN_STUDY_PROBE_H

#include "core/model.h"

enum { GN_PROBE_PARTS = 4 * GN_BLOCKS_MAX };

/* A piece of the input. */
typedef struct gn_probe_part {
  const char *name; /* "block h", "signals"                      */
  size_t at, n;     /* place and length in `in`                  */
  int state;        /* 1: a part of the input that jvp covers: its blocks, delayed states */
} gn_probe_part;

typedef struct gn_probe {
  gn_arena *arena;
  const gn_model *model;
  gn_map_id id;
  const gn_map *map;
  size_t B, np;
  size_t nblock, d[GN_BLOCKS_MAX];   /* blocks of the input                       */
  size_t nblock_out, e[GN_BLOCKS_MAX]; /* blocks of the output                    */
  size_t nin, nu, nx, nlag;          /* per row; nu, nx, nlag are 0 where unused  */
  size_t nall, nout;                 /* lengths of `in` and of the output         */
  size_t npart;
  gn_probe_part part[GN_PROBE_PARTS];
  double *t, *in, *p;                /* the point: [B], [nall], [np]              */
  double *w;                         /* a cotangent of the output [nout]          */
  double *z, *z2;                    /* scratch [nout]                            */
  double *in2, *p2;                  /* scratch: the shifted point                */
  const double **lag;
  double **field;                    /* tape of two evaluations                   */
  double **half;                     /* its second evaluation                     */
} gn_probe;

/* Allocated in the arena. GN_ENONFINITE if no point was found at which eval succeeds. */
gn_status gn_probe_create(gn_arena *a, const gn_model *m, gn_map_id id, size_t B,
                          uint64_t seed, gn_probe **out);

/* The tape: slice 0, slice 1, or both (slice 2). B is that of the evaluation. */
gn_tape gn_probe_tape(const gn_probe *pr, int slice);
void gn_probe_fill_tape(gn_probe *pr, double value);

/* The verbs at B rows with inputs laid out for B rows; t [B]. Return values as of a map. */
int gn_probe_eval(gn_probe *pr, size_t B, const double *t, const double *in,
                  const double *p, int slice, double *z);
int gn_probe_jvp(gn_probe *pr, size_t B, const double *t, const double *in, const double *p,
                 const double *vy, const double *vp, double *z);
/* gin [nall of B rows] += ; NULL: nothing wanted. */
int gn_probe_vjp(gn_probe *pr, size_t B, const double *t, const double *in, const double *p,
                 int slice, const double *w, double *gin);
void gn_probe_pgrad(gn_probe *pr, int slice, double weight, double *gp);

/* Row i of `in`, laid out for one row; and of an output. */
void gn_probe_row_in(const gn_probe *pr, size_t i, const double *in, double *row);
void gn_probe_row_out(const gn_probe *pr, size_t i, const double *z, double *row);
/* Add a row's `in` gradient into that of the batch. */
void gn_probe_add_row(const gn_probe *pr, size_t i, const double *row, double *gin);

/* Derivative of <w, g> with respect to *slot, a member of pr->in or pr->p: central
   differences of order 4 at step e. NaN if an evaluation failed. Leaves z changed. */
double gn_probe_slope(gn_probe *pr, double *slot, const double *w, double e);
/* dz [nout] = dg along (vin [nall], vp [np]), either NULL, in the same way. */
int gn_probe_along(gn_probe *pr, const double *vin, const double *vp, double e, double *dz);
/* out = point + c v in a copy: z of g(in + c vin, p + c vp). */
int gn_probe_shifted(gn_probe *pr, const double *vin, const double *vp, double c,
                     double *z);

#endif
