/* The report: where, how it was reached, the evidence as a table, the verdict. */
#include "base/table.h"
#include "study/diagnose_impl.h"

#include <math.h>
#include <string.h>

static void print_place(const gn_diagnosis *d, FILE *to)
{
  char signs[80];
  gn_signs_print(d->signs, signs, sizeof signs);
  (void)fprintf(
      to, "%s: epoch %d, batch %zu%s%s%s\n",
      d->signs || d->audited ? "first abnormal update" : "nothing conspicuous; examined",
      d->epoch, d->batch, d->signs ? ": " : "", signs, d->audited ? ": its audit" : "");
  for (int k = 0; k < GN_ANOMALY_N; k++)
    if (d->signs & 1U << k)
      (void)fprintf(to, "  %s = %.4g, %s %g\n", gn_signs[k].text, d->sign[k],
                    gn_signs[k].below ? "abnormal below" : "abnormal from",
                    gn_signs[k].threshold);
  if (d->failure[0]) (void)fprintf(to, "  %s\n", d->failure);
  (void)fprintf(to, "replayed %ld update%s from %s", d->replayed,
                d->replayed == 1 ? "" : "s",
                d->from ? "the snapshot of epoch " : "the seed");
  if (d->from) (void)fprintf(to, "%d", d->from);
  if (d->recorded)
    (void)fprintf(to, ", %ld of them with the bits of iterations.csv", d->same);
  (void)fputs("\n\n", to);
}

static gn_status print_evidence(const gn_diagnosis *d, FILE *to)
{
  static const char *const cols[] = { "<cause",    "<evidence", "value",
                                      "threshold", "<found",    "<detail" };
  gn_table *t;
  GN_TRY(gn_table_create(sizeof cols / sizeof *cols, cols, &t));
  for (int k = 0; k < GN_CAUSE_N; k++) {
    const gn_evidence *ev = &d->at[k];
    gn_table_cell(t, "%s", gn_cause_names[k]);
    gn_table_cell(t, "%s", gn_cause_texts[k]);
    if (isnan(ev->value))
      gn_table_cell(t, "%s", "");
    else
      gn_table_cell(t, "%.3g", ev->value);
    gn_table_cell(t, "%s%g", k == GN_CAUSE_DAMPING ? "<" : "", ev->threshold);
    gn_table_cell(t, "%s", ev->found ? "yes" : isnan(ev->value) ? "not measured" : "no");
    gn_table_cell(t, "%s", ev->detail);
    gn_table_end_row(t);
  }
  const gn_status s = gn_table_print(t, to, 0);
  gn_table_destroy(&t);
  return s;
}

gn_status gn_diagnosis_print(const gn_diagnosis *d, FILE *to)
{
  print_place(d, to);
  GN_TRY(print_evidence(d, to));
  if (d->verdict >= 0) {
    (void)fprintf(to, "\nverdict: %s\n", gn_cause_names[d->verdict]);
    for (int k = d->verdict + 1; k < GN_CAUSE_N; k++)
      if (d->at[k].found && strcmp(gn_cause_names[k], gn_cause_names[d->verdict]) != 0)
        (void)fprintf(to, "  besides: %s\n", gn_cause_names[k]);
  } else if (gn_diagnosis_abnormal(d)) {
    (void)fputs("\nverdict: abnormal, and no cause is beyond its threshold\n", to);
  } else {
    (void)fputs("\nverdict: nothing abnormal\n", to);
  }
  GN_REQUIRE(!ferror(to), GN_EIO, "the diagnosis could not be written");
  return GN_OK;
}
