/* Linear system, the oracle: no network, and everything known in closed form.
 *
 *   h' = A h,   h(T) = exp(A T) h(0)
 *
 * Row i is h_i' = A h_i, hence as arrays [B, d]: h' = h A^T, cotangent w -> w A,
 * dL/dA += w^T h. Golub and Van Loan, Matrix Computations, section 9.3. */
#include "base/vec.h"
#include "core/model.h"
#include "nn/gemm.h"

#include <math.h>

typedef struct config {
  int dim;
  double scale;
} config;

static const gn_option options[] = {
  GN_INT(config, "dim", dim, 0, 0, 4096, "observed values per sample (0: as the data)"),
  GN_REAL(config, "scale", scale, 1, 0, 1e6, "A starts uniform in [-s, s], s = scale / sqrt(dim)"),
  GN_OPTIONS_END,
};

typedef struct linear {
  gn_model base;
  size_t A;      /* offset in p              */
  size_t fh, fw; /* tape: h, w, [B, d] each  */
} linear;

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const linear *self = (const linear *)m;
  const size_t d = m->nx;
  gn_vec_copy(at->B * d, at->y, tape->field[self->fh]);
  gn_gemm_nt(at->B, d, d, 1, at->y, d, at->p + self->A, d, 0, z, d);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const linear *self = (const linear *)m;
  const size_t d = m->nx;
  gn_vec_copy(at->B * d, w, tape->field[self->fw]);
  if (to->y) gn_gemm_nn(at->B, d, d, 1, w, d, at->p + self->A, d, 1, to->y, d);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const linear *self = (const linear *)m;
  const size_t d = m->nx;
  gn_gemm_tn(d, d, tape->rows, weight, tape->field[self->fw], d, tape->field[self->fh], d, 1,
             gp + self->A, d);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const linear *self = (const linear *)m;
  const size_t d = m->nx;
  gn_vec_fill(at->B * d, 0.0, z);
  if (vy) gn_gemm_nt(at->B, d, d, 1, vy, d, at->p + self->A, d, 1, z, d);
  if (vp) gn_gemm_nt(at->B, d, d, 1, tape->field[self->fh], d, vp + self->A, d, 1, z, d);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  linear *self = (linear *)m;
  m->nx = c->dim ? (size_t)c->dim : data.nx;
  GN_REQUIRE(m->nx > 0, GN_EARG,
             "model.dim is not set and there are no data to take it from");
  GN_TRY(gn_model_block(m, "h", m->nx));
  const size_t shape[2] = { m->nx, m->nx };
  const double s = c->scale / sqrt((double)m->nx);
  GN_TRY(gn_params_add(&m->params, "A", 2, shape, -s, s, &self->A));
  GN_TRY(gn_fields_add(&m->tape[GN_F], m->nx, &self->fh));
  return gn_fields_add(&m->tape[GN_F], m->nx, &self->fw);
}

const gn_model_class gn_model_linear = {
  .name = "linear",
  .summary = "linear system h' = A h, the oracle with a matrix exponential",
  .source = "Golub and Van Loan, Matrix Computations, section 9.3",
  .size = sizeof(linear),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
