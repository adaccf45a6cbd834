/* A point of a sweep as a training: the experiment's own epochs with the solver, tolerances
 * and strategy of the point, in memory, without a run directory. */
#include "base/clock.h"
#include "base/vec.h"
#include "study/sweep_impl.h"
#include "study/train.h"

#include <math.h>
#include <string.h>

/* The experiment of a point; it borrows everything from that of the scene. */
static gn_experiment experiment_at(const gn_sweep *sw, gn_point_at at)
{
  const gn_scene *sc = &sw->scene[at.scene];
  const gn_compare_row *r = &sc->c->row[at.strategy];
  gn_solver sv = gn_sweep_solver_at(sw, at);
  gn_experiment e = *sc->e;
  gn_adjoint_tolerances(&r->adjoint, &sv);
  e.stepper = sv.cls;
  e.stepper_config = (void *)(uintptr_t)sv.config;
  e.gradient = r->cls;
  e.gradient_config = r->config;
  e.solver.rtol = sv.tol.rtol, e.solver.atol = sv.tol.atol;
  e.adjoint =
      (gn_adjoint_options){ sv.back.rtol, sv.back.atol, sv.quad.rtol, sv.quad.atol };
  return e;
}

static void note(const gn_sweep *sw, const gn_progress *pr, gn_trained *tn)
{
  const long work = gn_stats_work(&pr->stats);
  tn->epochs = pr->epoch;
  tn->loss = pr->loss;
  if (pr->has_valid) {
    tn->valid_loss = pr->valid_loss;
    if (!(tn->best_valid <= pr->valid_loss)) tn->best_valid = pr->valid_loss;
  }
  if (pr->epoch == 1) tn->first = work;
  tn->last = work;
  tn->total += work;
  tn->sec += pr->sec;
  memcpy(tn->executed, pr->stats.executed, sizeof tn->executed);
  if (tn->target_epoch || !(pr->loss <= sw->target_loss)) return;
  tn->target_epoch = pr->epoch;
  tn->target_work = tn->total;
  tn->target_sec = tn->sec;
}

static gn_status train(const gn_sweep *sw, gn_point_at at, gn_trained *tn)
{
  const gn_compare *c = sw->scene[at.scene].c;
  const gn_experiment e = experiment_at(sw, at);
  gn_trainer *tr;
  gn_progress pr;
  GN_TRY(gn_trainer_create(&e, c->setup, &tr));
  gn_vec_copy(c->setup->model->params.np, c->p, tr->p);
  gn_status s = GN_OK;
  for (int k = 0; k < e.train.epochs && s == GN_OK; k++) {
    s = gn_trainer_epoch(tr, &pr);
    if (s == GN_OK) note(sw, &pr, tn);
    if (s == GN_OK && gn_trainer_early(tr)) break;
  }
  gn_trainer_destroy(&tr);
  return s;
}

void gn_sweep_train(const gn_sweep *sw, gn_point_at at, gn_trained *tn)
{
  *tn = (gn_trained){ .reason = "" };
  tn->loss = tn->valid_loss = tn->best_valid = (double)NAN;
  tn->status = train(sw, at, tn);
  if (tn->status != GN_OK) tn->reason = gn_last_error();
}
