/* The objective: the last column of the outputs [K, B, nz] is q, of which the last time
 * counts; the others are those of the loss. */
#include "study/objective.h"

#include "base/vec.h"

gn_status gn_objective_setup(gn_objective *o, gn_arena *a, const gn_experiment *e,
                             const gn_model *m, size_t K, size_t B)
{
  *o = (gn_objective){ .e = e };
  if (e->running.rate == GN_RUNNING_NONE) return GN_OK;
  GN_NEW(a, o->z, K * B * (m->nz - 1));
  GN_NEW(a, o->gz, K * B * (m->nz - 1));
  return GN_OK;
}

/* The loss of the outputs alone. */
static gn_status data_loss(const gn_experiment *e, const gn_target *tg, const double *z,
                           gn_value *value, double *gz)
{
  const gn_loss_class *lc = e->loss;
  *value = (gn_value){ 0 };
  if (gz && !lc->eval) gn_vec_fill(tg->K * tg->B * tg->nz, 0.0, gz);
  if (lc->eval) GN_TRY(lc->eval(e->loss_config, tg, z, &value->loss, gz));
  if (lc->metric) value->metric = lc->metric(e->loss_config, tg, z);
  return GN_OK;
}

gn_status gn_objective_eval(const gn_objective *o, const gn_target *tg, const double *z,
                            gn_value *value, double *gz)
{
  if (!o->z) return data_loss(o->e, tg, z, value, gz);
  const size_t n = tg->nz - 1, rows = tg->K * tg->B, last = rows - tg->B;
  const double weight = o->e->running.weight;
  gn_target data = *tg;
  data.nz = n;
  for (size_t i = 0; i < rows; i++) gn_vec_copy(n, z + i * tg->nz, o->z + i * n);
  GN_TRY(data_loss(o->e, &data, o->z, value, gz ? o->gz : NULL));
  for (size_t i = last; i < rows; i++) value->cost += z[i * tg->nz + n];
  value->cost /= (double)tg->B;
  value->loss += weight * value->cost;
  for (size_t i = 0; gz && i < rows; i++) {
    gn_vec_copy(n, o->gz + i * n, gz + i * tg->nz);
    gz[i * tg->nz + n] = i < last ? 0 : weight / (double)tg->B;
  }
  return GN_OK;
}
