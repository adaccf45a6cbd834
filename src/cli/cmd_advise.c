/* gnomon advise: which strategy and tolerances reach a target error at least work. */
#include "base/text.h"
#include "cli/cli.h"
#include "study/advise.h"

#include <unistd.h>

static int report(gn_advice *a)
{
  const gn_status s = gn_advice_print(a, stdout);
  if (s != GN_OK) return gn_cli_failed(s);
  return a->best ? GN_EXIT_OK : GN_EXIT_FAILED;
}

static int run(const gn_args *a)
{
  const char *target = gn_args_flag(a, "target");
  gn_advise_input in = { .strategies = gn_args_flag(a, "strategies"),
                         .state = gn_args_flag(a, "state"),
                         .progress = isatty(STDERR_FILENO) ? stderr : NULL };
  if (!target) return gn_cli_usage("advise: --target=1e-3 is missing");
  if (gn_text_double(target, &in.target) != GN_OK)
    return gn_cli_usage("advise: --target=%s, expected a number", target);
  const long batch = gn_cli_long(a, "batch", 0, 1, 1000000000);
  if (batch < 0) return GN_EXIT_USAGE;
  in.batch = (size_t)batch;
  gn_experiment *e = NULL;
  gn_advice *advice = NULL;
  gn_status s = gn_experiment_read(a->at[0], a->nover, a->over, &e);
  if (s == GN_OK) s = gn_advise(e, &in, &advice);
  const int rc = s == GN_OK ? report(advice) : gn_cli_refuse(s);
  gn_advice_destroy(&advice);
  if (e) gn_experiment_destroy(&e);
  return rc;
}

const gn_command gn_command_advise = {
  .name = "advise",
  .synopsis = "EXP.ini --target=1e-3 [--strategies=LIST] [--section.key=value ...]",
  .summary = "Strategy and tolerances that reach an error at least work",
  .text =
      "Pilot runs over a ladder of tolerances, measured against the certified gradient.\n"
      "Prints what was tried, what the pilot cost, and the choice as lines for the\n"
      "experiment file. Exit code 1 if no strategy reaches the target.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "target", "ERROR", "largest err_ode (relative error of dL/dp)" },
            { "strategies", "LIST", "candidates (default: as compare)" },
            { "state", "RUN", "trained parameters: a run directory or a state.h5" },
            { "batch", "N", "the first N training samples (default: all)" } },
  .run = run,
};
