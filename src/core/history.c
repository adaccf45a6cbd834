/* Rows of the history, written as they happen: nothing is stored, nothing allocated. */
#include "core/history.h"

#include "base/text.h"

#include <math.h>

static const gn_column columns[] = {
  GN_COLUMN("label", "who solves: the strategy of the row, or the reference"),
  GN_COLUMN("direction", "forward or backward"),
  GN_COLUMN("t", "where the step begins"),
  GN_COLUMN("h", "its size, negative backward"),
  GN_COLUMN("error", "its error in the norm of the test, 1 is the tolerance; empty: not tested"),
  GN_COLUMN("accepted", "1 or 0"),
  GN_COLUMN("cause", "of a rejection: the block that was largest, or not finite"),
  GN_COLUMN("blocks", "the rms of every block in that norm, as h=0.31 m=0.02"),
  GN_COLUMNS_END,
};
const gn_format gn_format_history = {
  "history.csv", "gnomon compare|grad --history=FILE.csv",
  "A row for every step tried (the name is yours).", { columns }
};

void gn_history_header(FILE *to)
{
  const gn_column *c;
  for (size_t k = 0; (c = gn_format_column(&gn_format_history, k)) != NULL; k++)
    (void)fprintf(to, "%s%s", k ? "," : "", c->name);
  (void)fputc('\n', to);
}

static void number(FILE *to, double x)
{
  char buf[40];
  gn_text_print_double(x, buf, sizeof buf);
  (void)fprintf(to, "%s,", buf);
}

static void blocks(FILE *to, const gn_norm *nm)
{
  const char *gap = "";
  for (size_t k = 0; k < nm->nseg; k++) {
    const gn_segment *sg = &nm->seg[k];
    if (sg->group < 0 || sg->n == 0 || sg->square < 0) continue;
    (void)fprintf(to, "%s%s=%.3g", gap, sg->name, sqrt(sg->square));
    gap = " ";
  }
}

void gn_history_step(gn_history *hs, const gn_norm *nm, double t, double h, gn_verdict v)
{
  if (!hs || hs->paused) return;
  if (v == GN_STEP_REJECTED && !isfinite(nm->value)) v = GN_STEP_NOT_FINITE;
  const int tested = v == GN_STEP_ACCEPTED || v == GN_STEP_REJECTED;
  (void)fprintf(hs->to, "%s,%s,", hs->label,
                hs->replay ? "replay"
                : h > 0    ? "forward"
                           : "backward");
  number(hs->to, t);
  number(hs->to, h);
  if (tested)
    number(hs->to, nm->value);
  else
    (void)fputc(',', hs->to);
  (void)fprintf(hs->to, "%d,%s,", v == GN_STEP_ACCEPTED || v == GN_STEP_UNTESTED,
                v == GN_STEP_REJECTED         ? nm->seg[nm->worst].name
                : v == GN_STEP_NOT_FINITE     ? "not finite"
                : v == GN_STEP_NO_CONVERGENCE ? "no convergence"
                                              : "");
  if (tested) blocks(hs->to, nm);
  (void)fputc('\n', hs->to);
}
