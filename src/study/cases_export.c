/* The loss of an experiment as a gradient case. With w = dL/dz at the outputs z of the
 * experiment's own solve, sum(w * z) has the gradient of L there: the chain rule up to z,
 * for programs that know nothing of data sets and losses. */
#include "study/cases.h"

#include "base/vec.h"

#include <math.h>

static const gn_column case_columns[] = {
  GN_ARRAY("x", "[B, nx]", "inputs of the samples"),
  GN_ARRAY("times", "[K+1]",
           "t0 and the output times, increasing; [B, K+1] if rows have their own, the last one "
           "of a row repeated where it has fewer"),
  GN_ARRAY("cotangent", "[K, B, nz]", "dL/dz at times[1..K]"),
  GN_ARRAY("params/NAME", "of the tensor", "parameters by name, as in a PyTorch state_dict"),
  GN_ARRAY("z", "[K, B, nz]", "outputs there; `gnomon grad` does not need it"),
  GN_ARRAY("target", "[K, B, ny]",
           "what they are compared with, NaN where there is none; not needed either"),
  GN_ATTRIBUTE("loss", "L, a mean over the samples"),
  GN_ATTRIBUTE("model", "name of the model"),
  GN_ATTRIBUTE("parameters", "where they are from"),
  GN_ATTRIBUTE("version", "of gnomon"),
  GN_COLUMNS_END,
};
const gn_format gn_format_case = {
  "case.h5", "gnomon case --out=CASE.h5",
  "A gradient case (the name is yours): everything that defines dL/dp, for `gnomon grad` and "
  "for other tools.",
  { case_columns }
};

typedef struct export {
  const gn_subject *s;
  double *z, *gz, *y, *times, loss;
} export;

static gn_status write_case(gn_h5 *h, void *user)
{
  const export *x = user;
  const gn_subject *s = x->s;
  const gn_dataset *d = s->setup->data;
  const size_t xs[2] = { s->B, d->nx }, ts[2] = { s->B, d->K + 1 };
  const size_t zs[3] = { d->K, s->B, s->target.nz }, ys[3] = { d->K, s->B, d->ny };
  GN_TRY(gn_h5_write(h, "x", 2, xs, s->x));
  GN_TRY(x->times ? gn_h5_write(h, "times", 2, ts, x->times)
                   : gn_h5_write(h, "times", 1, ts + 1, d->times));
  GN_TRY(gn_h5_write(h, "cotangent", 3, zs, x->gz));
  GN_TRY(gn_params_write(&s->setup->model->params, h, "params", s->p));
  GN_TRY(gn_h5_write(h, "z", 3, zs, x->z));
  GN_TRY(gn_h5_write(h, "target", 3, ys, x->y));
  GN_TRY(gn_h5_attr_write_real(h, "loss", x->loss));
  GN_TRY(gn_h5_attr_write_text(h, "model", s->e->model->name));
  GN_TRY(gn_h5_attr_write_text(h, "parameters", s->origin));
  return gn_h5_attr_write_text(h, "version", GN_VERSION);
}

/* The targets there are, and times of rows. */
static gn_status take_data(export *x)
{
  const gn_subject *s = x->s;
  const gn_dataset *d = s->setup->data;
  const size_t n = d->K * s->B * d->ny, nt = d->K + 1;
  GN_REQUIRE(!d->obs, GN_EUNSUP,
             "data set %s has sequences, for which a gradient case has no arrays",
             s->e->data->name);
  GN_NEW(s->arena, x->y, n);
  for (size_t i = 0; i < n; i++)
    x->y[i] = !s->target.mask || s->target.mask[i] ? s->target.y[i] : (double)NAN;
  if (!d->row_times) return GN_OK;
  GN_NEW(s->arena, x->times, s->B * nt);
  for (size_t i = 0; i < s->B; i++)
    gn_vec_copy(nt, d->row_times + s->sample[i] * nt, x->times + i * nt);
  return GN_OK;
}

gn_status gn_case_export(const gn_subject *s, const char *file, double *loss)
{
  export x = { .s = s };
  const size_t n = s->target.K * s->B * s->target.nz;
  const gn_solver solver = gn_experiment_solver(s->e);
  gn_pass *pass;
  GN_REQUIRE(s->e->running.rate == GN_RUNNING_NONE, GN_EUNSUP,
             "a case is a model and the cotangent of its outputs; it cannot carry a running "
             "cost: set loss.running = none");
  GN_REQUIRE(s->setup->problem.nhist == 0, GN_EUNSUP,
             "a case has no place for the %zu inputs before the start that this data set brings",
             s->setup->problem.nhist);
  GN_REQUIRE(!s->setup->problem.signal, GN_EUNSUP,
             "a case has no place for the signals that this data set brings");
  GN_TRY(take_data(&x));
  GN_NEW(s->arena, x.z, n);
  GN_NEW(s->arena, x.gz, n);
  GN_TRY(gn_pass_create(s->e->gradient, s->e->gradient_config, &s->setup->problem, &solver,
                        s->B, &pass));
  gn_status st = gn_pass_forward(pass, s->B, s->p, &s->batch.drive, s->x, x.z);
  gn_pass_destroy(&pass);
  GN_TRY(st);
  GN_TRY(s->e->loss->eval(s->e->loss_config, &s->target, x.z, &x.loss, x.gz));
  GN_REQUIRE(gn_vec_finite(n, x.gz), GN_ENONFINITE, "dL/dz is not finite; the loss is %g",
             x.loss);
  *loss = x.loss;
  return gn_h5_write_atomic(file, write_case, &x);
}
