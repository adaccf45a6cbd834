/* A leaky network that is kicked at observations: the smallest model with a jump.
 *
 *   h' = -a h + W tanh(h),     h+ = h + C x + c cos(t) tanh(h)   at an observation x, t
 *
 * The flow is Hopfield, PNAS 81 (1984), eq. (5), without input; the jump is a residual
 * update. As arrays [B, dim], with D = diag(1 - tanh(h)^2):
 *
 *   flow:  w -> -a w + D (w W),    dL/da -= <w, h>,    dL/dW += w^T tanh(h)
 *   jump:  w -> w + c cos(t) D w,  dL/dC += w^T x,     dL/dc += <w, cos(t) tanh(h)> */
#include "base/vec.h"
#include "core/model.h"
#include "nn/act.h"
#include "nn/gemm.h"

#include <math.h>

typedef struct config {
  int dim;
  double leak, kick;
} config;

static const gn_option options[] = {
  GN_INT(config, "dim", dim, 0, 0, 4096, "observed values per sample (0: as the data)"),
  GN_REAL(config, "leak", leak, 0.5, -1e3, 1e3, "start of a"),
  GN_REAL(config, "kick", kick, 0.3, -1e3, 1e3, "start of c"),
  GN_OPTIONS_END,
};

typedef struct kicked {
  gn_model base;
  size_t a, W, C, c; /* offsets in p */
} kicked;

/* Tapes: h of the flow or x of the jump, tanh(h), the cotangent, scratch, cos(t) tanh(h). */
enum { FX, FT, FW, FS, FC, NFIELD };
static const gn_act TANH = { GN_ACT_TANH, 0 };

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx, n = at->B * d;
  gn_vec_copy(n, at->y, tape->field[FX]);
  gn_vec_copy(n, at->y, tape->field[FT]);
  gn_act_apply(TANH, n, tape->field[FT]);
  gn_vec_scale(n, -at->p[self->a], at->y, z);
  gn_gemm_nt(at->B, d, d, 1, tape->field[FT], d, at->p + self->W, d, 1, z, d);
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx, n = at->B * d;
  double *s = tape->field[FS];
  gn_vec_copy(n, w, tape->field[FW]);
  if (!to->y) return 0;
  gn_gemm_nn(at->B, d, d, 1, w, d, at->p + self->W, d, 0, s, d);
  gn_act_back(TANH, n, tape->field[FT], s);
  gn_vec_axpy(n, 1, s, to->y);
  gn_vec_axpy(n, -at->p[self->a], w, to->y);
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx;
  const double *w = tape->field[FW];
  gp[self->a] -= weight * gn_vec_dot(tape->rows * d, w, tape->field[FX]);
  gn_gemm_tn(d, d, tape->rows, weight, w, d, tape->field[FT], d, 1, gp + self->W, d);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx, n = at->B * d;
  double *s = tape->field[FS];
  gn_vec_fill(n, 0, z);
  if (vy) {
    gn_vec_copy(n, vy, s);
    gn_act_back(TANH, n, tape->field[FT], s);
    gn_gemm_nt(at->B, d, d, 1, s, d, at->p + self->W, d, 1, z, d);
    gn_vec_axpy(n, -at->p[self->a], vy, z);
  }
  if (!vp) return 0;
  gn_vec_axpy(n, -vp[self->a], tape->field[FX], z);
  gn_gemm_nt(at->B, d, d, 1, tape->field[FT], d, vp + self->W, d, 1, z, d);
  return 0;
}

/* s_i = cos(t_i) v_i for the rows. */
static void times_cos(size_t d, const gn_point *at, const double *v, double *s)
{
  for (size_t i = 0; i < at->B; i++) gn_vec_scale(d, cos(at->t[i]), v + i * d, s + i * d);
}

static int kick_eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx, n = at->B * d;
  gn_vec_copy(n, at->x, tape->field[FX]);
  gn_vec_copy(n, at->y, tape->field[FT]);
  gn_act_apply(TANH, n, tape->field[FT]);
  times_cos(d, at, tape->field[FT], tape->field[FC]);
  gn_vec_copy(n, at->y, z);
  gn_vec_axpy(n, at->p[self->c], tape->field[FC], z);
  gn_gemm_nt(at->B, d, d, 1, at->x, d, at->p + self->C, d, 1, z, d);
  return 0;
}

static int kick_vjp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *w, const gn_pull *to)
{
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx, n = at->B * d;
  double *s = tape->field[FS];
  gn_vec_copy(n, w, tape->field[FW]);
  if (to->x) gn_gemm_nn(at->B, d, d, 1, w, d, at->p + self->C, d, 1, to->x, d);
  if (!to->y) return 0;
  times_cos(d, at, w, s);
  gn_act_back(TANH, n, tape->field[FT], s);
  gn_vec_axpy(n, 1, w, to->y);
  gn_vec_axpy(n, at->p[self->c], s, to->y);
  return 0;
}

static void kick_pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                       double *gp)
{
  (void)p;
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx;
  const double *w = tape->field[FW];
  gp[self->c] += weight * gn_vec_dot(tape->rows * d, w, tape->field[FC]);
  gn_gemm_tn(d, d, tape->rows, weight, w, d, tape->field[FX], d, 1, gp + self->C, d);
}

static int kick_jvp(const gn_model *m, const gn_point *at, const gn_tape *tape,
                    const double *vy, const double *vp, double *z)
{
  const kicked *self = (const kicked *)m;
  const size_t d = m->nx, n = at->B * d;
  double *s = tape->field[FS];
  gn_vec_fill(n, 0, z);
  if (vy) {
    times_cos(d, at, vy, s);
    gn_act_back(TANH, n, tape->field[FT], s);
    gn_vec_axpy(n, 1, vy, z);
    gn_vec_axpy(n, at->p[self->c], s, z);
  }
  if (!vp) return 0;
  gn_vec_axpy(n, vp[self->c], tape->field[FC], z);
  gn_gemm_nt(at->B, d, d, 1, tape->field[FX], d, vp + self->C, d, 1, z, d);
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  kicked *self = (kicked *)m;
  m->nx = c->dim ? (size_t)c->dim : data.nx;
  GN_REQUIRE(m->nx > 0, GN_EARG,
             "model.dim is not set and there are no data to take it from");
  GN_TRY(gn_model_block(m, "h", m->nx));
  const size_t one = 1, square[2] = { m->nx, m->nx };
  const double s = 1 / sqrt((double)m->nx);
  GN_TRY(gn_params_add(&m->params, "a", 1, &one, c->leak, c->leak, &self->a));
  GN_TRY(gn_params_add(&m->params, "W", 2, square, -s, s, &self->W));
  GN_TRY(gn_params_add(&m->params, "C", 2, square, -s, s, &self->C));
  GN_TRY(gn_params_add(&m->params, "c", 1, &one, c->kick, c->kick, &self->c));
  for (int j = 0; j < NFIELD; j++) {
    size_t place;
    GN_TRY(gn_fields_add(&m->tape[GN_F], m->nx, &place));
    GN_TRY(gn_fields_add(&m->tape[GN_JUMP], m->nx, &place));
  }
  return GN_OK;
}

const gn_model_class gn_model_kicked = {
  .name = "kicked",
  .summary = "leaky network with jumps, h' = -a h + W tanh(h), h+ = h + C x + c cos(t) tanh(h)",
  .source = "Hopfield, PNAS 81 (1984), eq. (5)",
  .size = sizeof(kicked),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
  .jump = { kick_eval, kick_vjp, kick_pgrad, kick_jvp },
};
