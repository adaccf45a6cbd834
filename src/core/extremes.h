/* What a forward solve came to: its smallest step and its largest state. One look at every
 * accepted state; taken in during the forward solve alone, not in replays. */
#ifndef GN_CORE_EXTREMES_H
#define GN_CORE_EXTREMES_H

#include "core/model.h"

typedef struct gn_extremes {
  int on;        /* 1: a forward solve is under way     */
  long steps;    /* accepted ones seen                  */
  double h;      /* smallest |h|; 0 before the first    */
  double y0;     /* largest |y| at the start            */
  double y;      /* largest |y|, the start included     */
  double t;      /* where that was                      */
  size_t row;    /* and in which row of the batch       */
} gn_extremes;

/* A forward solve of B rows begins at (t, y0). NULL-safe, as are the others. */
void gn_extremes_start(gn_extremes *ex, const gn_model *m, size_t B, double t,
                       const double *y0);
/* A step of size h led to y [B, ny] at t. No-op unless a solve is under way. */
void gn_extremes_step(gn_extremes *ex, const gn_model *m, size_t B, double t, double h,
                      const double *y);
void gn_extremes_stop(gn_extremes *ex);

#endif
