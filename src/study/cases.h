/* Gradient cases: the gradient of sum(cotangent * z) for inputs, times, cotangents and
 * parameters that another program wrote to HDF5, and the answer in the same form. */
#ifndef GN_STUDY_CASES_H
#define GN_STUDY_CASES_H

#include "base/format.h"
#include "core/pass.h"
#include "study/subject.h"

typedef struct gn_case gn_case;

/* Read FILE: x [B, nx], times [K+1] or [B, K+1] (rows with their own repeat the last one where
   they have fewer), cotangent [K, B, nz], params/NAME; make the model for these sizes and
   everything the gradient needs. A failure is a mistake in the input; the
   message names the file and the array. */
gn_status gn_case_create(const gn_experiment *e, const char *file, gn_case **out);
void gn_case_destroy(gn_case **c);

/* Write a row of CSV to `to` for every step the next runs try; NULL: stop that. */
void gn_case_history(gn_case *c, FILE *to);

/* Solve, and pull the cotangent back. */
gn_status gn_case_run(gn_case *c);

/* z [K, B, nz], grad/x [B, nx], grad/params/NAME, grad/times as times; every counter of
   GN_STATS_COUNTS, work, status and executed as attributes of the root group. Written
   atomically; only after a successful run. */
gn_status gn_case_write(const gn_case *c, const char *file);

const gn_stats *gn_case_stats(const gn_case *c);

/* The other direction: the experiment's loss on these samples as a case, linearised at the
   outputs of its own solve, so that gn_case_run gives its gradient. Written atomically. */
gn_status gn_case_export(const gn_subject *s, const char *file, double *loss);

extern const gn_format gn_format_case, gn_format_answer;

#endif
