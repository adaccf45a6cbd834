/* Is a gradient right? The one a run used on a batch against `discrete` at a tolerance a
 * hundred times tighter, and against `discrete` on the run's own steps. */
#ifndef GN_STUDY_AUDIT_H
#define GN_STUDY_AUDIT_H

#include "base/format.h"
#include "core/pass.h"
#include "study/experiment.h"

/* The reference's tolerance is the run's divided by this: its error, smaller by about as
   much, does not enter the first digit of the distance. */
#define GN_AUDIT_TIGHTER 100.0
/* Smallest tolerance it is given: below, rounding is what limits a solve in doubles. */
#define GN_AUDIT_FLOOR 1e-13
/* What solver.rtol and atol promise: a tolerance bounds the error of a step, and over a
   solve the errors add up and grow; two decades are allowed for that. */
#define GN_AUDIT_GROWTH 100.0
/* Promised in any case: a gradient a tenth of which is wrong is not this loss's. */
#define GN_AUDIT_WRONG 0.1

typedef struct gn_audit_result {
  double error;        /* |g - g_ref| / |g_ref|                                          */
  double strategy;     /* |g - g_own| / |g_own|: g_own is discrete on the run's own steps;
                          NaN where its stepper does not carry it                        */
  double promise;      /* largest error the tolerance stands for                         */
  const char *worst;   /* parameter block with the largest part of g - g_ref             */
  long work;           /* evaluations it took                                            */
} gn_audit_result;

extern const gn_format gn_format_audit;

typedef struct gn_audit gn_audit;

/* For batches up to Bmax. The reference runs on the experiment's stepper, or on erk where
   that is not adaptive or does not carry discrete. */
gn_status gn_audit_create(const gn_experiment *e, const gn_setup *setup, size_t Bmax,
                          gn_audit **out);
void gn_audit_destroy(gn_audit **au);

/* g [np] is the gradient of the samples idx [B] at p [np], not clipped. */
gn_status gn_audit_run(gn_audit *au, size_t B, const size_t *idx, const double *p,
                       const double *g, gn_audit_result *out);

/* A row of audit.csv. */
void gn_audit_row(FILE *to, int epoch, size_t batch, const gn_audit_result *r);

#endif
