/* gnomon solve: the solution of an experiment or a run on some of its samples. */
#include "cli/ask.h"
#include "study/solve.h"

#include <stdio.h>

static void report(const gn_solution *o, const char *out)
{
  const size_t n = o->own_times ? o->B * o->T : o->T;
  double from = o->times[0], to = from;
  for (size_t i = 0; i < n; i++) { /* NaN is neither */
    if (o->times[i] < from) from = o->times[i];
    if (o->times[i] > to) to = o->times[i];
  }
  (void)printf("%s: %s, parameters %s; %zu sample%s, %s%zu time%s from %g to %g; steps %ld", out,
               o->model, o->origin, o->B, o->B == 1 ? "" : "s",
               o->own_times && o->B > 1 ? "up to " : "", o->T, o->T == 1 ? "" : "s", from, to,
               o->steps);
  if (gn_solution_find(o, GN_SERIES_ADJOINT, 0)) (void)printf("+%ld", o->back_steps);
  if (o->has_loss) (void)printf("; loss %.10g", o->loss);
  (void)putchar('\n');
}

static int run(const gn_args *a)
{
  const char *out = gn_args_flag(a, "out"), *times = gn_args_flag(a, "times");
  gn_subject *s = NULL;
  gn_solution *o = NULL;
  gn_solve_input in = { .adjoint = gn_args_flag(a, "adjoint") != NULL };
  double *list = NULL;
  gn_status st = gn_ask_out(a, ".h5", ".csv");
  if (st == GN_OK) st = gn_ask_subject(a, NULL, &s);
  if (st == GN_OK && times) st = gn_solve_times(s->arena, times, &in.ntimes, &list);
  in.times = list;
  int rc = GN_EXIT_OK;
  if (st != GN_OK) {
    rc = gn_cli_refuse(st);
  } else if ((st = gn_solve(s, &in, &o)) != GN_OK || (st = gn_solution_write(o, out)) != GN_OK) {
    rc = st == GN_EARG || st == GN_EUNSUP ? gn_cli_refuse(st) : gn_cli_failed(st);
  } else {
    report(o, out);
  }
  gn_solution_destroy(&o);
  gn_subject_destroy(&s);
  return rc;
}

const gn_command gn_command_solve = {
  .name = "solve",
  .synopsis = "EXP.ini|RUN --out=X.h5|X.csv [--times=A:B:N] [--adjoint] [...]",
  .summary = "Outputs, states and adjoint along the solution",
  .text = "EXP.ini is solved with its initial parameters, a run directory with those of its\n"
          "state.h5. Written are the outputs z, the state by blocks, with --adjoint a(t) =\n"
          "dL/dy(t) of the experiment's loss over these samples, and the targets, at the times\n"
          "of the data, or at N times from A to B and the data's between them. Each time is\n"
          "landed on; --solver.output=interpolate leaves the steps of the training as they are\n"
          "and reads between them. a jumps where an output meets a target; a(t-) is given,\n"
          "which counts that output. Samples that have times of their own are solved one by\n"
          "one, so that the loss agrees with that of a batch to the tolerance. `gnomon list\n"
          "files` describes the files, `gnomon plot` draws them.\n",
  .least = 1,
  .most = 1,
  .overrides = 1,
  .flag = { { "out", "FILE", "where it goes: .h5 or .csv" },
            { "times", "A:B:N", "N times from A to B" },
            { "adjoint", NULL, "solve backward too" },
            GN_ASK_FLAGS },
  .run = run,
};
