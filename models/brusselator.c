/* The Brusselator with diffusion in one dimension, by the method of lines: no network.
 *
 *   u_t = A + u^2 v - (B + 1) u + alpha u_xx,   v_t = B u - u^2 v + alpha v_xx,   0 < x < 1
 *
 * u = A, v = B / A at both ends, central differences on n inner points x_i = i / (n + 1).
 * One block y = [u_1 .. u_n, v_1 .. v_n] of width 2 n. With A = 1, B = 3, alpha = 1/50 and
 * u = 1 + sin(2 pi x), v = 3 at the start: Hairer, Norsett, Wanner, Solving ODEs I, II.10
 * (10.14). */
#include "base/vec.h"
#include "core/model.h"

typedef struct config {
  int points;
  double A, B, alpha;
} config;

static const gn_option options[] = {
  GN_INT(config, "points", points, 40, 1, 100000, "inner points of the grid"),
  GN_REAL(config, "A", A, 1, 1e-6, 1e6, "start of A, inflow"),
  GN_REAL(config, "B", B, 3, -1e6, 1e6, "start of B, reaction"),
  GN_REAL(config, "alpha", alpha, 0.02, 0, 1e6, "start of alpha, diffusion"),
  GN_OPTIONS_END,
};

enum { PA, PB, PALPHA, NP };
enum { FY, FW }; /* tape: state and cotangent, [B, 2 n] each */

static size_t points(const gn_model *m) { return m->ny / 2; }

/* 1 / dx^2. */
static double mesh(const gn_model *m)
{
  const double k = (double)points(m) + 1;
  return k * k;
}

/* u_{i-1} - 2 u_i + u_{i+1}, with the value `end` beyond both ends. */
static double second(const double *u, size_t n, size_t i, double end)
{
  return (i > 0 ? u[i - 1] : end) - 2 * u[i] + (i + 1 < n ? u[i + 1] : end);
}

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const double A = at->p[PA], B = at->p[PB], c = at->p[PALPHA] * mesh(m);
  const size_t n = points(m);
  gn_vec_copy(at->B * m->ny, at->y, tape->field[FY]);
  for (size_t b = 0; b < at->B; b++, z += 2 * n) {
    const double *u = at->y + b * 2 * n, *v = u + n;
    for (size_t i = 0; i < n; i++) {
      const double r = u[i] * u[i] * v[i];
      z[i] = A + r - (B + 1) * u[i] + c * second(u, n, i, A);
      z[n + i] = B * u[i] - r + c * second(v, n, i, B / A);
    }
  }
  return 0;
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const double B = at->p[PB], c = at->p[PALPHA] * mesh(m);
  const size_t n = points(m);
  gn_vec_copy(at->B * m->ny, w, tape->field[FW]);
  for (size_t b = 0; to->y && b < at->B; b++) {
    const double *u = tape->field[FY] + b * 2 * n, *v = u + n;
    const double *wu = w + b * 2 * n, *wv = wu + n;
    double *gu = to->y + b * 2 * n, *gv = gu + n;
    for (size_t i = 0; i < n; i++) {
      const double wr = wu[i] - wv[i]; /* of u^2 v */
      gu[i] += 2 * u[i] * v[i] * wr - (B + 1) * wu[i] + B * wv[i] + c * second(wu, n, i, 0);
      gv[i] += u[i] * u[i] * wr + c * second(wv, n, i, 0);
    }
  }
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  const double A = p[PA], B = p[PB], k = weight * mesh(m), c = p[PALPHA] * k;
  const size_t n = points(m);
  for (size_t b = 0; b < tape->rows; b++) {
    const double *u = tape->field[FY] + b * 2 * n, *v = u + n;
    const double *wu = tape->field[FW] + b * 2 * n, *wv = wu + n;
    for (size_t i = 0; i < n; i++) {
      gp[PA] += weight * wu[i];
      gp[PB] += weight * u[i] * (wv[i] - wu[i]);
      gp[PALPHA] += k * (wu[i] * second(u, n, i, A) + wv[i] * second(v, n, i, B / A));
    }
    const double end_u = wu[0] + wu[n - 1], end_v = wv[0] + wv[n - 1];
    gp[PA] += c * (end_u - end_v * B / (A * A));
    gp[PB] += c * end_v / A;
  }
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  static const double zero[NP] = { 0 };
  const double *p = at->p, *q = vp ? vp : zero;
  const double A = p[PA], B = p[PB], c = p[PALPHA] * mesh(m), dc = q[PALPHA] * mesh(m);
  const double end_v = (q[PB] - q[PA] * B / A) / A;
  const size_t n = points(m);
  for (size_t b = 0; b < at->B; b++, z += 2 * n) {
    const double *u = tape->field[FY] + b * 2 * n, *v = u + n;
    const double *du = vy ? vy + b * 2 * n : NULL, *dv = vy ? du + n : NULL;
    for (size_t i = 0; i < n; i++) {
      const double ui = vy ? du[i] : 0, vi = vy ? dv[i] : 0;
      const double r = 2 * u[i] * v[i] * ui + u[i] * u[i] * vi;
      const double ends = (i == 0) + (i + 1 == n); /* values beyond an end that i sees */
      const double su = vy ? second(du, n, i, 0) : 0, sv = vy ? second(dv, n, i, 0) : 0;
      z[i] = q[PA] + r - (B + 1) * ui - q[PB] * u[i] + c * (su + ends * q[PA]) +
             dc * second(u, n, i, A);
      z[n + i] = B * ui + q[PB] * u[i] - r + c * (sv + ends * end_v) +
                 dc * second(v, n, i, B / A);
    }
  }
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  const double start[NP] = { c->A, c->B, c->alpha };
  static const char *const names[NP] = { "A", "B", "alpha" };
  const size_t one = 1, width = 2 * (size_t)c->points;
  size_t offset;
  GN_REQUIRE(data.nx == 0 || data.nx == width, GN_EARG,
             "the data have %zu values per sample, brusselator with points = %d has %zu",
             data.nx, c->points, width);
  m->nx = width;
  GN_TRY(gn_model_block(m, "y", width));
  for (int k = 0; k < NP; k++)
    GN_TRY(gn_params_add(&m->params, names[k], 1, &one, start[k], start[k], &offset));
  GN_TRY(gn_fields_add(&m->tape[GN_F], width, &offset));
  return gn_fields_add(&m->tape[GN_F], width, &offset);
}

const gn_model_class gn_model_brusselator = {
  .name = "brusselator",
  .summary = "reaction and diffusion on a line, three parameters, derivatives by hand",
  .source = "Hairer, Norsett, Wanner, Solving ODEs I, II.10 (10.14)",
  .size = sizeof(gn_model),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};
