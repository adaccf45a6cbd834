/* gnomon compare: one loss, many strategies, one table. */
#include "base/text.h"
#include "cli/cli.h"
#include "study/compare.h"
#include "study/rundir.h"

#include <string.h>
#include <unistd.h>

/* The sections' options first, then --strategies, which is short for one of them. */
static gn_status read_experiment(const gn_args *a, gn_experiment **out)
{
  char list[GN_TEXT_MAX + 32];
  const char *over[GN_CLI_ARGS + 1], *given = gn_args_flag(a, "strategies");
  size_t n = a->nover;
  memcpy(over, a->over, n * sizeof *over);
  if (given) {
    GN_REQUIRE(strlen(given) < GN_TEXT_MAX, GN_EARG,
               "compare: --strategies has %zu characters, at most %d", strlen(given),
               GN_TEXT_MAX - 1);
    (void)snprintf(list, sizeof list, "compare.strategies=%s", given);
    over[n++] = list;
  }
  return gn_experiment_read(a->at[0], n, over, out);
}

/* The table is there even if parts of it are not; 1 tells scripts that they are missing. */
static int work(const gn_args *a, gn_compare *c)
{
  const int csv = gn_args_flag(a, "csv") != NULL;
  size_t good = 0;
  gn_status s = gn_compare_run(c);
  if (s == GN_OK) s = gn_compare_print(c, stdout, csv);
  if (s == GN_OK) s = gn_compare_write(c, c->e->run.out);
  if (s != GN_OK) return gn_cli_failed(s);
  if (!csv)
    (void)printf("written: %s/compare.csv, compare_timing.csv, compare.ini\n",
                 c->e->run.out);
  for (size_t k = 0; k < c->n; k++) good += c->row[k].status == GN_OK;
  return good > 0 && c->ref.status == GN_OK ? GN_EXIT_OK : GN_EXIT_FAILED;
}

static int run(const gn_args *a)
{
  gn_compare_input in = { .state = gn_args_flag(a, "state"),
                          .progress = isatty(STDERR_FILENO) ? stderr : NULL };
  const char *batch = gn_args_flag(a, "batch");
  long rows = 0;
  if (batch && (gn_text_long(batch, &rows) != GN_OK || rows < 1))
    return gn_cli_usage("compare: --batch=%s, expected a number of samples from 1", batch);
  in.batch = (size_t)rows;
  gn_experiment *e = NULL;
  gn_compare *c = NULL;
  gn_status s = read_experiment(a, &e);
  if (s == GN_OK) s = gn_compare_create(e, &in, &c);
  if (s == GN_OK) s = gn_rundir_make(e->run.out);
  if (s == GN_OK) s = gn_cli_open(a, "history", &c->history.to);
  int rc = s == GN_OK ? work(a, c) : gn_cli_refuse(s);
  if (c && c->history.to) rc = gn_cli_close(a, "history", c->history.to, rc);
  gn_compare_destroy(&c);
  if (e) gn_experiment_destroy(&e);
  return rc;
}

const gn_command gn_command_compare = {
  .name = "compare",
  .synopsis = "EXP.ini [--strategies=a,b:key=value] [--state=RUN] [--section.key=value ...]",
  .summary = "One loss, many gradient strategies, one table",
  .text = "err_ode: distance of dL/dp to the certified gradient of the ODE; err_adj: to the\n"
          "exact gradient of the forward steps the row itself took; worst, in: the same as\n"
          "err_ode for the worst parameter tensor. a+b is forward + backward.\n"
          "Counts and errors go to compare.csv, seconds to compare_timing.csv (in run.out).\n"
          "Exit code 1 if there is no certified gradient or every strategy failed.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "strategies", "LIST", "such as discrete,backsolve:norm=semi (default: all but oracles)" },
            { "state", "RUN", "trained parameters: a run directory or a state.h5" },
            { "history", "FILE.csv", "every step tried: t, h, error, norms of the blocks" },
            { "batch", "N", "the first N training samples (default: all)" },
            { "csv", NULL, "print compare.csv" } },
  .run = run,
};
