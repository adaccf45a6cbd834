/* The list of file formats. Each format stands beside the code that writes it, and most give
 * that code its header line; here they are only put in order. */
#include "study/files.h"

#include "study/audit.h"
#include "study/cases.h"
#include "study/spectrum.h"
#include "study/sweep.h"
#include "study/train.h"

const gn_format *const gn_formats[] = {
  &gn_format_metrics,
  &gn_format_iterations,
  &gn_format_audit,
  &gn_format_timing,
  &gn_format_state,
  &gn_format_compare,
  &gn_format_compare_timing,
  &gn_format_sweep,
  &gn_format_sweep_timing,
  &gn_format_sweep_train,
  &gn_format_sweep_train_timing,
  &gn_format_history,
  &gn_format_case,
  &gn_format_answer,
  &gn_format_solve_csv,
  &gn_format_solve_h5,
  &gn_format_spectrum,
  NULL,
};

gn_status gn_files_print(FILE *to)
{
  for (const gn_format *const *f = gn_formats; *f; f++) gn_format_print(*f, to);
  GN_REQUIRE(!ferror(to), GN_EIO, "the file formats could not be written");
  return GN_OK;
}
