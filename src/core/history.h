/* The history of a solve: a row of CSV for every step tried, accepted or not. */
#ifndef GN_CORE_HISTORY_H
#define GN_CORE_HISTORY_H

#include "base/format.h"
#include "core/norm.h"

#include <stdio.h>

typedef struct gn_history {
  FILE *to;          /* borrowed                                        */
  const char *label; /* first cell of the rows: who solves; borrowed    */
  int paused;        /* 1: rows are not written                         */
} gn_history;

typedef enum gn_verdict {
  GN_STEP_ACCEPTED,
  GN_STEP_REJECTED,   /* by the error test                        */
  GN_STEP_NOT_FINITE, /* rejected because a value was not finite  */
  GN_STEP_UNTESTED    /* accepted without an error test           */
} gn_verdict;

void gn_history_header(FILE *to);
extern const gn_format gn_format_history;

/* One step tried from t to t + h; direction is the sign of h. The error and the rms of
   every block ("h=0.31 m=0.02", 1 is the tolerance) are those of the norm's last evaluation;
   cause is the block that is largest in a rejected step. No-op if hs is NULL or paused. */
void gn_history_step(gn_history *hs, const gn_norm *nm, double t, double h, gn_verdict v);

#endif
