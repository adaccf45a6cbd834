/* gnomon report: a folder of results as one HTML file. */
#include "cli/cli.h"
#include "study/report.h"

static int run(const gn_args *a)
{
  const gn_status s = gn_report(a->at[0], gn_args_flag(a, "out"), stdout);
  return s == GN_OK ? GN_EXIT_OK : gn_cli_refuse(s);
}

const gn_command gn_command_report = {
  .name = "report",
  .synopsis = "RUN|SWEEP [--out=FILE.html]",
  .summary = "Everything about a run, a comparison or a sweep in one HTML file",
  .text = "Figures, tables, options (those not at their defaults marked), notes and warnings,\n"
          "log, versions and the commands that do it again. The file needs nothing else: it\n"
          "opens offline, also on a small screen. Figures need gnuplot; without, tables only.\n",
  .least = 1,
  .most = 1,
  .flag = { { "out", "FILE.html", "where it goes (default: report.html in the folder)" } },
  .run = run,
};
