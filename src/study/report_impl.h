/* What the files of `report` share; nothing else includes this. */
#ifndef GN_STUDY_REPORT_IMPL_H
#define GN_STUDY_REPORT_IMPL_H

#include "base/csv.h"
#include "study/facts.h"
#include "study/html.h"
#include "study/report.h"

typedef struct gn_reporting {
  gn_arena *arena;
  const char *dir;
  gn_facts facts;
  const gn_csv *metrics, *timing, *compare, *compare_timing; /* NULL: not there */
  const gn_csv *sweep, *sweep_timing, *train, *train_timing;
  gn_html html;
} gn_reporting;

/* Results as tables; notes of strategies and failures as text. */
void gn_report_summary(gn_reporting *r);
void gn_report_epochs(gn_reporting *r);
gn_status gn_report_compare(gn_reporting *r);
gn_status gn_report_sweep(gn_reporting *r, const gn_csv *c, const gn_csv *timing);
gn_status gn_report_notes(gn_reporting *r);

/* The commands that do it again. */
gn_status gn_report_commands(gn_reporting *r);

/* A cell: numbers to four digits where they have more, else as they are. The buffer is the
   caller's. */
const char *gn_report_cell(const gn_csv *c, size_t row, size_t col, char *buf, size_t size);

#endif
