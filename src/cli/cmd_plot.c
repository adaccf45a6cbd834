/* gnomon plot: figures from run directories and tables. */
#include "cli/cli.h"
#include "study/plot.h"

/* Columns of one table, asked for by name. */
static int draw_columns(const gn_args *a)
{
  const gn_plot_columns want = { .x = gn_args_flag(a, "x"),
                                 .y = gn_args_flag(a, "y"),
                                 .by = gn_args_flag(a, "by"),
                                 .band = gn_args_flag(a, "band"),
                                 .logx = gn_args_flag(a, "logx") != NULL,
                                 .logy = gn_args_flag(a, "logy") != NULL,
                                 .out = gn_args_flag(a, "out") };
  if (!want.x || !want.y)
    return gn_cli_usage("plot: --%s is missing: columns are drawn with --x=COL --y=COL",
                        want.x ? "y" : "x");
  if (a->n != 1)
    return gn_cli_usage("plot: %zu files with --x and --y, expected one table", a->n);
  const gn_status s = gn_plot_csv(a->at[0], &want, stdout);
  return s == GN_OK ? GN_EXIT_OK : gn_cli_refuse(s);
}

static int run(const gn_args *a)
{
  static const char *const columns[] = { "x", "y", "by", "band", "logx", "logy" };
  for (size_t k = 0; k < sizeof columns / sizeof *columns; k++)
    if (gn_args_flag(a, columns[k])) return draw_columns(a);
  const gn_status s = gn_plot(a->n, a->at, gn_args_flag(a, "out"), stdout);
  return s == GN_OK ? GN_EXIT_OK : gn_cli_refuse(s);
}

const gn_command gn_command_plot = {
  .name = "plot",
  .synopsis = "RUN|FILE.csv ... [--out=DIR] [--x=COL --y=COL ...]",
  .summary = "Figures of runs, comparisons, sweeps and any table (SVG, PDF, PNG)",
  .text = "metrics.csv gives loss and cost (work, NFE) against the epoch. Several runs are drawn\n"
          "over each other; those that differ only in their seeds are one line, their median, in\n"
          "a band between the quartiles, and the options in which lines differ are printed.\n"
          "compare.csv gives error and work per strategy; sweep.csv error against cost. A file of\n"
          "`gnomon solve` gives trajectories, prediction against data, adjoint and phase plane;\n"
          "one of `gnomon spectrum` the eigenvalues.\n"
          "With --x and --y, any one table: the columns chosen, a line for every value of --by.\n"
          "Script (.gp), data (.dat) and caption (.txt) lie beside a figure. Needs gnuplot.\n",
  .least = 1,
  .most = GN_CLI_ARGS,
  .flag = { { "out", "DIR", "where the figures go (default: beside the first table)" },
            { "x", "COL", "column of the x axis; --out is then the name of the figure" },
            { "y", "COL[,COL]", "columns of the y axis, a line each" },
            { "by", "COL[,COL]", "a line for every value of these" },
            { "band", "COL", "such as seed: rows at one x become their median and quartiles" },
            { "logx", NULL, "logarithmic x axis" },
            { "logy", NULL, "logarithmic y axis" } },
  .run = run,
};
