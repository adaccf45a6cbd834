/* gnomon case: the loss of an experiment as a gradient case, for other tools. */
#include "cli/ask.h"
#include "study/cases.h"

#include <stdio.h>

static int run(const gn_args *a)
{
  const char *out = gn_args_flag(a, "out");
  gn_subject *s = NULL;
  double loss;
  gn_status st = gn_ask_out(a, ".h5", NULL);
  if (st == GN_OK) st = gn_ask_subject(a, "train", &s);
  int rc = GN_EXIT_OK;
  if (st != GN_OK) {
    rc = gn_cli_refuse(st);
  } else if ((st = gn_case_export(s, out, &loss)) != GN_OK) {
    rc = st == GN_EUNSUP ? gn_cli_refuse(st) : gn_cli_failed(st);
  } else {
    (void)printf("%s: %s, parameters %s; %zu sample%s, %zu output time%s; loss %.17g\n", out,
                 s->e->model->name, s->origin, s->B, s->B == 1 ? "" : "s", s->target.K,
                 s->target.K == 1 ? "" : "s", loss);
  }
  gn_subject_destroy(&s);
  return rc;
}

const gn_command gn_command_case = {
  .name = "case",
  .synopsis = "EXP.ini|RUN --out=C.h5 [--samples=SET] [--state=FILE] [...]",
  .summary = "The loss as a gradient case (HDF5), for other tools",
  .text = "C.h5 has x [B, nx], times [K+1] ([B, K+1] if samples have their own), cotangent\n"
          "[K, B, nz] = dL/dz at the experiment's own solution, and params/NAME; z and target\n"
          "besides. `gnomon grad EXP.ini --case=C.h5 --out=ANSWER.h5` gives dL/dp from it, and\n"
          "so can another program.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "out", "C.h5", "where it goes" },
            { "samples", "SET", "train (default), valid, all or FIRST:COUNT" },
            { "state", "FILE", "last, best (default) of a run, or the last ones of a state.h5" } },
  .run = run,
};
