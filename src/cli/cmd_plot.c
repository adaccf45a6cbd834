/* gnomon plot: figures from run directories and tables. */
#include "cli/cli.h"
#include "study/plot.h"

static int run(const gn_args *a)
{
  gn_status s = gn_plot(a->n, a->at, gn_args_flag(a, "out"), stdout);
  return s == GN_OK ? GN_EXIT_OK : gn_cli_refuse(s);
}

const gn_command gn_command_plot = {
  .name = "plot",
  .synopsis = "RUN|FILE.csv ... [--out=DIR]",
  .summary = "Figures of runs and comparisons (SVG, PDF, PNG)",
  .text = "metrics.csv gives loss and cost (work, NFE) against the epoch, several runs over each\n"
          "other; compare.csv gives error and work per strategy; sweep.csv error against cost. A file of\n"
          "`gnomon solve` gives trajectories, prediction against data, adjoint and phase plane;\n"
          "one of `gnomon spectrum` the eigenvalues.\n"
          "Needs gnuplot.\n",
  .least = 1,
  .most = 32,
  .flag = { { "out", "DIR", "where the figures go (default: beside the first table)" } },
  .run = run,
};
