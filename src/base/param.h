/* Parameters by name: a table of tensors in one block p [np], named as in a PyTorch
   state_dict, and their default initialisation. */
#ifndef GN_BASE_PARAM_H
#define GN_BASE_PARAM_H

#include "base/arena.h"
#include "base/h5.h"

#include <stdint.h>

typedef struct gn_param {
  const char *name;  /* "f.0.weight"                                        */
  int rank;          /* 0 to 4                                              */
  size_t shape[4];
  size_t offset, n;  /* place and length in p                               */
  double low, high;  /* start: uniform in [low, high); low = high: constant */
} gn_param;

typedef struct gn_params {
  gn_arena *arena; /* borrowed: owns the names and the table */
  gn_param *at;
  size_t n, cap;
  size_t np; /* total length */
} gn_params;

/* Append a tensor and return its offset in *offset. The name is copied. */
gn_status gn_params_add(gn_params *ps, const char *name, int rank, const size_t *shape,
                        double low, double high, size_t *offset);
/* One number, shape [1], started at value. */
gn_status gn_params_scalar(gn_params *ps, const char *name, double value, size_t *offset);
const gn_param *gn_params_find(const gn_params *ps, const char *name); /* or NULL */

/* p [np] from the seed: tensor k draws from its own stream, element by element. */
void gn_params_init(const gn_params *ps, uint64_t seed, double *p);

/* Write every tensor under group ("params", "grad/params"). */
gn_status gn_params_write(const gn_params *ps, gn_h5 *h, const char *group, const double *p);
/* Read every tensor from group by name; GN_EIO names a tensor that is missing, has
   another shape, or is in the file but not in the table (with the nearest name). */
gn_status gn_params_read(const gn_params *ps, const gn_h5 *h, const char *group, double *p);

#endif
