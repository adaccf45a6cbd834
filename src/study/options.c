/* The options of an experiment that belong to no class: one table per section. */
#include "study/experiment.h"

#include <string.h>

/* clang-format off */
static const gn_option data_table[] = {
  GN_TEXT(gn_experiment, "dir", data_dir, "", "folder with the data files (empty: GNOMON_DATA, else the shipped tables)"),
  GN_INT(gn_experiment, "seed", data_seed, -1, -1, 2147483647, "seed of the data alone (-1: run.seed)"),
  GN_OPTIONS_END,
};
static const gn_option loss_table[] = {
  GN_CHOICE(gn_running_options, "running", rate, GN_RUNNING_NONE, GN_RUNNING_CHOICES, "rate of a cost integrated along the solution: |f|^2 / 2 ny, |y|^2 / 2 ny, y_k"),
  GN_REAL(gn_running_options, "running_weight", weight, 1, 0, 1e12, "of the running cost (mean over the rows) in the loss"),
  GN_INT(gn_running_options, "running_component", component, 0, 0, 1000000000, "running = component: k, from 0 over all blocks of the state"),
  GN_OPTIONS_END,
};
static const gn_option solver_table[] = {
  GN_REAL(gn_solver_options, "rtol", rtol, 1e-6, 1e-15, 1, "relative tolerance of a step"),
  GN_REAL(gn_solver_options, "atol", atol, 1e-6, 1e-300, 1e3, "absolute tolerance of a step"),
  GN_CHOICE(gn_solver_options, "output", output, GN_LAND, GN_OUTPUT_CHOICES, "step onto output times, or interpolate"),
  GN_INT(gn_solver_options, "max_steps", max_steps, 100000, 1, 2147483647, "accepted and rejected steps in a direction"),
  GN_OPTIONS_END,
};
static const gn_option gradient_table[] = {
  GN_REAL(gn_adjoint_options, "rtol", rtol, 0, 0, 1, "of the backward solve (0: as the forward solve)"),
  GN_REAL(gn_adjoint_options, "atol", atol, 0, 0, 1e3, "of the backward solve (0: as the forward solve)"),
  GN_REAL(gn_adjoint_options, "quad_rtol", quad_rtol, 0, 0, 1, "of parameter integrals in the error test (0: as the backward solve)"),
  GN_REAL(gn_adjoint_options, "quad_atol", quad_atol, 0, 0, 1e3, "of parameter integrals in the error test (0: as the backward solve)"),
  GN_OPTIONS_END,
};
static const gn_option train_table[] = {
  GN_INT(gn_train_options, "epochs", epochs, 100, 1, 1000000000, "passes over the training samples"),
  GN_INT(gn_train_options, "batch", batch, 0, 0, 1000000000, "samples in a batch (0: all)"),
  GN_CHOICE(gn_train_options, "optimizer", optimizer, 0, "adam|adamw", "adamw decouples the weight decay"),
  GN_REAL(gn_train_options, "lr", lr, 1e-3, 0, 1e3, "learning rate at the start"),
  GN_REAL(gn_train_options, "beta1", beta1, 0.9, 0, 0.999999999, "decay of the first moment"),
  GN_REAL(gn_train_options, "beta2", beta2, 0.999, 0, 0.999999999, "decay of the second moment"),
  GN_REAL(gn_train_options, "eps", eps, 1e-8, 1e-300, 1, "added to the root of the second moment"),
  GN_REAL(gn_train_options, "weight_decay", weight_decay, 0, 0, 1e3, "pull of the parameters to zero"),
  GN_CHOICE(gn_train_options, "schedule", schedule, 0, "constant|step|cosine", "learning rate over the epochs"),
  GN_INT(gn_train_options, "step_every", step_every, 30, 1, 1000000000, "schedule = step: epochs between reductions"),
  GN_TEXT(gn_train_options, "step_at", step_at, "", "schedule = step: reduce after these epochs (50,80) instead"),
  GN_REAL(gn_train_options, "step_factor", step_factor, 0.1, 0, 1, "schedule = step: what lr is multiplied by"),
  GN_REAL(gn_train_options, "lr_min", lr_min, 0, 0, 1e3, "schedule = cosine: learning rate at the end"),
  GN_REAL(gn_train_options, "preshrink", preshrink, 1, 0, 1e3, "what all parameters are multiplied by before the first update"),
  GN_INT(gn_train_options, "restart_at", restart_at, 0, 0, 1000000000, "begin the optimizer anew after so many epochs (0: never)"),
  GN_REAL(gn_train_options, "clip", clip, 0, 0, 1e300, "largest l2 norm of the gradient (0: off)"),
  GN_INT(gn_train_options, "patience", patience, 0, 0, 1000000000, "epochs without a better validation loss before stopping (0: off)"),
  GN_INT(gn_train_options, "snapshot", snapshot, 10, 1, 1000000000, "epochs between writes of state.h5"),
  GN_INT(gn_train_options, "keep", keep, 3, 0, 1000000, "the last so many of these states stay in keep/"),
  GN_BOOL(gn_train_options, "monitor", monitor, 1, "write iterations.csv, a row an update"),
  GN_INT(gn_train_options, "audit", audit, 0, 0, 1000000000, "epochs between audits of a gradient against discrete (0: none)"),
  GN_OPTIONS_END,
};
static const gn_option compare_table[] = {
  GN_TEXT(gn_compare_options, "strategies", strategies, "", "discrete,backsolve:norm=semi,... (empty: all but the oracles)"),
  GN_CHOICE(gn_compare_options, "cotangent", cotangent, 0, "live|frozen", "taken at the run's own solution, or at the reference's"),
  GN_REAL(gn_compare_options, "reference_tol", reference_tol, 1e-12, 1e-15, 1, "rtol and atol of the certified gradient"),
  GN_INT(gn_compare_options, "repeats", repeats, 3, 1, 1000000, "timed repeats, of which the median counts"),
  GN_OPTIONS_END,
};
static const gn_option run_table[] = {
  GN_INT(gn_run_options, "seed", seed, 1, 0, 2147483647, "of parameters, data and order"),
  GN_TEXT(gn_run_options, "out", out, "", "run directory (empty: runs/ and the stem of the file)"),
  GN_OPTIONS_END,
};
/* clang-format on */

const gn_option *gn_experiment_table(const char *section)
{
  static const struct {
    const char *name;
    const gn_option *table;
  } row[] = { { "data", data_table },     { "loss", loss_table },
              { "solver", solver_table }, { "gradient", gradient_table },
              { "train", train_table },   { "compare", compare_table },
              { "run", run_table } };
  for (size_t i = 0; i < sizeof row / sizeof *row; i++)
    if (strcmp(row[i].name, section) == 0) return row[i].table;
  return NULL;
}
