/* Losses: a number from outputs and targets, and its cotangent. */
#ifndef GN_CORE_LOSS_H
#define GN_CORE_LOSS_H

#include "base/option.h"
#include "base/status.h"
#include "core/registry.h"

#include <stddef.h>

/* Outputs of a batch and what they are compared with. */
typedef struct gn_target {
  size_t K, B, nz, ny;          /* output times, rows, outputs, target columns  */
  const double *y;              /* [K, B, ny]                                    */
  const unsigned char *mask;    /* [K, B, ny], 1 = counts; NULL = all            */
  const double *weight;         /* [K] of what counts at a time; NULL = 1        */
} gn_target;

/* What a file in src/loss/ exports: gn_loss_<file stem>. */
typedef struct gn_loss_class {
  const char *name, *summary, *source;
  const gn_option *options;
  size_t config_size;
  /* Outputs the model must have for ny target columns (cross-entropy: classes). 0: any. */
  size_t (*outputs)(const void *config, size_t ny);
  /* *loss = L(z) (a mean over what is observed, so that its size depends neither on B nor on
     how much is missing) and, if gz is not NULL, gz [K, B, nz] = dL/dz (written). A masked
     target has no influence, whatever its value. GN_EARG if the sizes do not fit. NULL: the
     outputs do not count, for a running cost alone. */
  gn_status (*eval)(const void *config, const gn_target *tg, const double *z, double *loss,
                    double *gz);
  /* A second number for humans: fraction correct, rms error. *name is its column. */
  double (*metric)(const void *config, const gn_target *tg, const double *z);
  const char *metric_name;
} gn_loss_class;

extern const gn_loss_class *gn_losses[];
GN_ABI_MARK(loss, sizeof(gn_loss_class) + sizeof(gn_target));
const gn_loss_class *gn_loss_find(const char *name);

#endif
