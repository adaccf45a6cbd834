/* The history of a solve: a row of CSV for every step tried, accepted or not.
 *
 * The rows are as many as gn_stats counts: direction forward and accepted as `steps`, not
 * accepted as `rejects`, direction backward as `back_steps` and `back_rejects`. A step that is
 * solved anew in the backward pass, with tests of its own (cvodes between its checkpoints),
 * has direction replay: the accepted ones are as many as `recomputed`, and neither they nor
 * the others are counted twice. A step recomputed from its recorded size (discrete,
 * symplectic) is not tried again and has no second row; its transpose is one backward row. */
#ifndef GN_CORE_HISTORY_H
#define GN_CORE_HISTORY_H

#include "base/format.h"
#include "core/norm.h"

#include <stdio.h>

typedef struct gn_history {
  FILE *to;          /* borrowed                                        */
  const char *label; /* first cell of the rows: who solves; borrowed    */
  int paused;        /* 1: rows are not written                         */
  int replay;        /* 1: the steps told of are taken again            */
} gn_history;

typedef enum gn_verdict {
  GN_STEP_ACCEPTED,
  GN_STEP_REJECTED,   /* by the error test; by an error that is not finite: as the next one */
  GN_STEP_NOT_FINITE, /* rejected because a value was not finite  */
  GN_STEP_UNTESTED,   /* accepted without an error test           */
  GN_STEP_NO_CONVERGENCE /* rejected because the nonlinear system was not solved */
} gn_verdict;

void gn_history_header(FILE *to);
extern const gn_format gn_format_history;

/* One step tried from t to t + h; direction is the sign of h, or replay. The error and the
   rms of every block ("h=0.31 m=0.02", 1 is the tolerance; a block whose square is < 0 was
   not tested and is left out) are those of the norm's last evaluation; cause is the block
   that is largest in a step rejected by its error, "not finite", "no convergence", or empty.
   Without an error test error and blocks are empty. No-op if hs is NULL or paused. */
void gn_history_step(gn_history *hs, const gn_norm *nm, double t, double h, gn_verdict v);

#endif
