/* The solution of an experiment on a batch of its samples: outputs, state, adjoint, targets.
 *
 * The adjoint is that of the experiment's loss over these samples, solved backward along the
 * stored forward path (core/adjoint.h):
 *
 *   a' = -f_y^T a,   a(t_k-) = a(t_k+) + dL/dy(t_k) at the data's times,   a(t) = dL/dy(t).
 *
 * It jumps there; what is given is a(t-), which counts the output at t itself: at the last
 * data time it is dL/dy, and at t0 what the lift is pulled back with. */
#ifndef GN_STUDY_SOLVE_H
#define GN_STUDY_SOLVE_H

#include "base/format.h"
#include "study/subject.h"

typedef enum gn_series_kind {
  GN_SERIES_OUTPUT,
  GN_SERIES_STATE,
  GN_SERIES_ADJOINT,
  GN_SERIES_TARGET,
  GN_SERIES_KINDS
} gn_series_kind;

/* d numbers per time and sample. */
typedef struct gn_series {
  gn_series_kind kind;
  const char *name; /* of the block; "z" and "target" for those */
  size_t d;
  double *v; /* [T, B, d]; NaN where there is none */
} gn_series;

enum { GN_SERIES_MAX = 2 * GN_BLOCKS_MAX + 2 };

typedef struct gn_solution {
  gn_arena *arena;
  const char *model, *origin; /* name; where the parameters are from */
  size_t T, B;
  int own_times;   /* every sample has its own */
  double *times;   /* [T] increasing; own: [B, T], NaN behind a sample's last, as is all
                      else of it there          */
  int64_t *sample; /* [B] number in the data set */
  size_t n;
  gn_series series[GN_SERIES_MAX];
  int has_loss;
  double loss; /* of the experiment on these samples */
  long steps, back_steps;
} gn_solution;

typedef struct gn_solve_input {
  size_t ntimes; /* 0: the data's, and its t0 */
  const double *times;
  int adjoint;
} gn_solve_input;

/* "A:B:N": N numbers from A to B, both included, in the arena. */
gn_status gn_solve_times(gn_arena *a, const char *text, size_t *n, double **out);

/* Every time is an event of the solve: output = land makes it a stop (its error is that of a
   step), output = interpolate leaves the experiment's steps as they are. The data's times
   inside the range of `times` are added to it, with their targets. GN_EARG for times that
   begin before t0 or do not increase; a sample with times of its own that starts later than
   others has none before its start. GN_EUNSUP for the adjoint with a stepper that cannot go
   back. */
gn_status gn_solve(const gn_subject *s, const gn_solve_input *in, gn_solution **out);
void gn_solution_destroy(gn_solution **s); /* NULL-safe */

/* Time i of row b, NaN if it has fewer. */
double gn_solution_time(const gn_solution *s, size_t i, size_t b);
/* The series of that kind and number among its kind, or NULL. */
const gn_series *gn_solution_find(const gn_solution *s, gn_series_kind kind, size_t k);

/* HDF5 if the name ends in .h5, CSV if in .csv, else GN_EARG. Written atomically. */
gn_status gn_solution_write(const gn_solution *s, const char *file);
gn_status gn_solution_read(const char *file, gn_solution **out);

extern const gn_format gn_format_solve_csv, gn_format_solve_h5;

#endif
