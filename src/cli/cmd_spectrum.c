/* gnomon spectrum: eigenvalues of df/dy along the solutions of an experiment or a run. */
#include "cli/ask.h"
#include "study/plot.h"
#include "study/spectrum.h"

#include <stdio.h>

static gn_status work(const gn_args *a, const gn_subject *s, const gn_solution *o)
{
  const char *out = gn_args_flag(a, "out");
  gn_spectrum *sp;
  GN_TRY(gn_spectrum_create(s, o, &sp));
  gn_status st = out ? gn_spectrum_write(sp, out) : GN_OK;
  if (st == GN_OK) {
    (void)printf("%s on %s, parameters %s: ", s->e->model->name, s->e->data->name, s->origin);
    gn_spectrum_print(sp, stdout);
  }
  gn_spectrum_destroy(&sp);
  if (st == GN_OK && gn_args_flag(a, "plot")) st = gn_plot(1, &out, NULL, stdout);
  return st;
}

static int run(const gn_args *a)
{
  const char *times = gn_args_flag(a, "times");
  gn_subject *s = NULL;
  gn_solution *o = NULL;
  gn_solve_input in = { 0 };
  double *list = NULL;
  if (gn_args_flag(a, "plot") && !gn_args_flag(a, "out"))
    return gn_cli_usage("spectrum: --plot draws from --out=X.csv, which is missing");
  gn_status st = gn_args_flag(a, "out") ? gn_ask_out(a, ".csv", NULL) : GN_OK;
  if (st == GN_OK) st = gn_ask_subject(a, NULL, &s);
  if (st == GN_OK && times) st = gn_solve_times(s->arena, times, &in.ntimes, &list);
  in.times = list;
  int rc = GN_EXIT_OK;
  if (st != GN_OK) {
    rc = gn_cli_refuse(st);
  } else if ((st = gn_solve(s, &in, &o)) != GN_OK || (st = work(a, s, o)) != GN_OK) {
    rc = st == GN_EARG || st == GN_EUNSUP ? gn_cli_refuse(st) : gn_cli_failed(st);
  }
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
  return rc;
}

const gn_command gn_command_spectrum = {
  .name = "spectrum",
  .synopsis = "EXP.ini|RUN [--times=A:B:N] [--out=X.csv] [--plot] [...]",
  .summary = "Eigenvalues of df/dy along solutions: stiffness, growth",
  .text = "The solution is that of `gnomon solve` with the same flags; eigenvalues are dense\n"
          "(dgeev), for every time and sample. Printed are the largest |lambda|, the largest\n"
          "real part, the stiffness ratio max |Re| / min |Re| over Re < 0, and, where df/dy\n"
          "has the form of a heavy ball, what the pairs of eigenvalues sum to.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "times", "A:B:N", "N times from A to B" },
            { "out", "X.csv", "all of them, a row each" },
            { "plot", NULL, "draw them beside X.csv" },
            GN_ASK_FLAGS },
  .run = run,
};
