/* gnomon diagnose: why a run diverged. */
#include "cli/cli.h"
#include "study/diagnose.h"

#include <string.h>
#include <unistd.h>

static gn_status read_run(const gn_args *a, gn_experiment **e)
{
  char file[2 * GN_TEXT_MAX], out[GN_TEXT_MAX];
  const char *over[GN_CLI_ARGS + 1] = { out };
  GN_REQUIRE(strlen(a->at[0]) + sizeof "run.out=" < sizeof out, GN_EARG,
             "diagnose: the name of the run is too long");
  (void)snprintf(file, sizeof file, "%s/experiment.ini", a->at[0]);
  GN_REQUIRE(access(file, R_OK) == 0, GN_EIO,
             "diagnose: %s holds no experiment.ini: give the directory of a run", a->at[0]);
  (void)snprintf(out, sizeof out, "run.out=%s", a->at[0]);
  return gn_experiment_read(file, 1, over, e);
}

static int run(const gn_args *a)
{
  const long epoch = gn_cli_long(a, "epoch", 0, 1, 1000000000);
  if (epoch < 0) return GN_EXIT_USAGE;
  gn_experiment *e = NULL;
  gn_diagnosis *d = NULL;
  gn_status s = read_run(a, &e);
  if (s == GN_OK) s = gn_diagnose(e, (int)epoch, &d);
  int rc = s == GN_OK ? GN_EXIT_OK : gn_cli_refuse(s);
  if (s == GN_OK) {
    s = gn_diagnosis_print(d, stdout);
    if (s != GN_OK)
      rc = gn_cli_failed(s);
    else if (gn_diagnosis_abnormal(d) && d->verdict < 0)
      rc = GN_EXIT_FAILED;
  }
  gn_diagnosis_destroy(&d);
  if (e) gn_experiment_destroy(&e);
  return rc;
}

const gn_command gn_command_diagnose = {
  .name = "diagnose",
  .synopsis = "RUN [--epoch=E]",
  .summary = "Why a run diverged: the first abnormal update and its cause",
  .text =
      "Finds the first abnormal update in RUN/iterations.csv, replays to it bit for bit\n"
      "from a snapshot, and names one of: data outlier, gradient error, learning rate,\n"
      "loss of damping, state blow-up, stiffness; with the evidence for and against each.\n"
      "Exit code 0 if a cause is named or nothing is abnormal, 1 if none is found.\n",
  .least = 1,
  .most = 1,
  .flag = { { "epoch", "E", "the first abnormal update of this epoch" } },
  .run = run,
};
