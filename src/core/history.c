/* Rows of the history, written as they happen: nothing is stored, nothing allocated. */
#include "core/history.h"

#include "base/text.h"

#include <math.h>

void gn_history_header(FILE *to)
{
  (void)fputs("label,direction,t,h,error,accepted,cause,blocks\n", to);
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
    if (sg->group < 0 || sg->n == 0) continue;
    (void)fprintf(to, "%s%s=%.3g", gap, sg->name, sqrt(sg->square));
    gap = " ";
  }
}

void gn_history_step(gn_history *hs, const gn_norm *nm, double t, double h, gn_verdict v)
{
  if (!hs || hs->paused) return;
  const int tested = v == GN_STEP_ACCEPTED || v == GN_STEP_REJECTED;
  (void)fprintf(hs->to, "%s,%s,", hs->label, h > 0 ? "forward" : "backward");
  number(hs->to, t);
  number(hs->to, h);
  if (tested)
    number(hs->to, nm->value);
  else
    (void)fputc(',', hs->to);
  (void)fprintf(hs->to, "%d,%s,", v == GN_STEP_ACCEPTED || v == GN_STEP_UNTESTED,
                v == GN_STEP_REJECTED     ? nm->seg[nm->worst].name
                : v == GN_STEP_NOT_FINITE ? "not finite"
                                          : "");
  if (tested) blocks(hs->to, nm);
  (void)fputc('\n', hs->to);
}
