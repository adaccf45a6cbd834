/* What the files of the contract tests share; nothing else includes this. */
#ifndef GN_STUDY_CHECK_IMPL_H
#define GN_STUDY_CHECK_IMPL_H

#include "base/rng.h"
#include "core/numeric.h"
#include "study/check.h"
#include "study/probe.h"

enum { GN_V_EVAL, GN_V_VJP, GN_V_PGRAD, GN_V_JVP };

/* Limits. Differences of order 4 at step 1e-5 are good to about 1e-11 of the largest term
   (rounding / step), 1e-7 leaves room for sums and small tensors; sums of a few hundred
   terms in two orders agree to 1e-13, both sides of a dot product to 1e-12; a row goes
   through other BLAS kernels than the batch, which changes the last bits only. */
#define GN_LIM_DIFF 1e-7
#define GN_LIM_DOT 1e-12
#define GN_LIM_SUM 1e-13
#define GN_LIM_ROWS 1e-14
/* What is allowed where both sides agree but for the rounding of differences (numeric verbs
   have steps near 2e-4, so that 1e-16 of a value is 1e-12 of its slope; sums, and rates that
   cancel, take some digits more). */
#define GN_LIM_NUMERIC 1e-9
#define GN_LIM_ORDER 1.9
/* Steps of the differences: a kink between the points of one is not between the other's. */
#define GN_STEP_DIFF 1e-5
#define GN_STEP_SMALL 3e-7
/* Step of the numeric verbs themselves. */
#define GN_STEP_NUMERIC 0x1p-12

/* One map under test: the probe, where rows go, and results that several tests share. */
typedef struct gn_checking {
  gn_check *c;
  gn_probe *pr;
  gn_rng rng;
  double *gin, *gp;       /* vjp [nall] and pgrad [np] of the probe's w, from zero      */
  double *fdin, *fdp;     /* the same by differences; NaN where not computed            */
  double *vin, *vp;       /* directions                                                 */
  double *a, *b, *d;      /* scratch: outputs [nout]                                    */
  double *q, *q2;         /* scratch: parameters [np]                                   */
  double *ia, *ib;        /* scratch: inputs [nall]                                     */
} gn_checking;

/* A matrix in the report; rows = 0: a plain list. */
typedef struct gn_shape {
  size_t rows, cols;
} gn_shape;

/* A comparison of n elements becomes a row; differences are measured against scale;
   elements of want that are NaN (not computed) are skipped. out may be NULL. */
gn_status gn_checking_compare(gn_checking *x, int verb, const char *test, const char *place,
                              size_t n, const double *got, const double *want, double scale,
                              double limit, gn_shape sh, gn_check_row **out);
/* One pair of numbers. */
gn_status gn_checking_single(gn_checking *x, int verb, const char *test, const char *place,
                             double got, double want, double scale, double limit);
/* A number that must not be below limit. */
gn_status gn_checking_least(gn_checking *x, int verb, const char *test, const char *place,
                            double value, double limit, const char *hint);
/* Equal to the last bit. */
gn_status gn_checking_bits(gn_checking *x, int verb, const char *test, size_t n,
                           const double *got, const double *want, const char *hint);

/* Largest magnitude; NaN are skipped. */
double gn_checking_size(size_t n, const double *v);
/* The same, at least floor; 1 instead of 0. */
double gn_checking_scale(size_t n, const double *v, double floor);
/* What rounding in eval alone puts into a difference with that step; divided by GN_LIM_DIFF,
   the size below which a difference tells nothing (rates of 1e7 beside rates of 1). */
double gn_checking_noise(gn_checking *x, double step);
/* 1 if the verb of the map under test is differences of eval. */
int gn_checking_numeric(const gn_checking *x, int verb);
/* "parameter f.0.weight", in the arena. */
const char *gn_checking_place(gn_checking *x, const gn_param *q);
gn_shape gn_checking_shape(const gn_param *q);
/* 1 if the map neither depends on the tensor nor gives a gradient for it. */
int gn_checking_unused(const gn_checking *x, const gn_param *q);
/* eval, vjp of w and pgrad at the probe's point into gin, gp (written). */
int gn_checking_pull(gn_checking *x, const double *w, double *gin, double *gp);

/* c if got = c want up to 1e-5 of its size, else NaN. */
double gn_explain_factor(size_t n, const double *got, const double *want);
/* The mistake that explains got: missing, sign, factor, transpose; "" if none does. */
const char *gn_explain(gn_arena *a, size_t n, const double *got, const double *want,
                       gn_shape sh);

/* The tests. */
gn_status gn_check_eval(gn_checking *x);
gn_status gn_check_rows(gn_checking *x);
gn_status gn_check_vjp(gn_checking *x);
gn_status gn_check_pgrad(gn_checking *x);
gn_status gn_check_accumulation(gn_checking *x);
gn_status gn_check_tapes(gn_checking *x);
gn_status gn_check_jvp(gn_checking *x);

#endif
