/* The 25 non-stiff DETEST problems, each with a Jacobian by hand and one parameter c,
 *
 *   y' = c f(t, y),   0 <= t <= 20,   c = 1:
 *
 * published end values are reached, and the exact gradient of the steps taken agrees with
 * the tangent of the same steps. Hull, Enright, Fellen, Sedgwick, SIAM J. Numer. Anal. 9
 * (1972), classes A to E; end values: Enright and Pryce, ACM TOMS 13 (1987). */
#include "support/rig.h"
#include "support/support.h"

#include "base/vec.h"
#include "core/registry.h"

#include <math.h>
#include <stdio.h>

enum { DIM_MAX = 51 };

/* One right-hand side: z = f(t, y); J [n, n], zeroed, row i = dz_i/dy, unless NULL. */
typedef void right_hand_side(double t, const double *y, double *z, double *J);

/* ---- A: single equations ----------------------------------------------------------- */

static void A1(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = -y[0];
  if (J) J[0] = -1;
}

static void A2(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = -y[0] * y[0] * y[0] / 2;
  if (J) J[0] = -1.5 * y[0] * y[0];
}

static void A3(double t, const double *y, double *z, double *J)
{
  z[0] = y[0] * cos(t);
  if (J) J[0] = cos(t);
}

static void A4(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = y[0] / 4 * (1 - y[0] / 20);
  if (J) J[0] = 0.25 - y[0] / 40;
}

static void A5(double t, const double *y, double *z, double *J)
{
  z[0] = (y[0] - t) / (y[0] + t);
  if (J) J[0] = 2 * t / ((y[0] + t) * (y[0] + t));
}

/* ---- B: small systems -------------------------------------------------------------- */

static void B1(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = 2 * (y[0] - y[0] * y[1]);
  z[1] = -(y[1] - y[0] * y[1]);
  if (!J) return;
  J[0] = 2 - 2 * y[1], J[1] = -2 * y[0];
  J[2] = y[1], J[3] = y[0] - 1;
}

static void B2(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = -y[0] + y[1];
  z[1] = y[0] - 2 * y[1] + y[2];
  z[2] = y[1] - y[2];
  if (!J) return;
  J[0] = -1, J[1] = 1;
  J[3] = 1, J[4] = -2, J[5] = 1;
  J[7] = 1, J[8] = -1;
}

static void B3(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = -y[0];
  z[1] = y[0] - y[1] * y[1];
  z[2] = y[1] * y[1];
  if (!J) return;
  J[0] = -1;
  J[3] = 1, J[4] = -2 * y[1];
  J[7] = 2 * y[1];
}

static void B4(double t, const double *y, double *z, double *J)
{
  (void)t;
  const double r = sqrt(y[0] * y[0] + y[1] * y[1]), r3 = r * r * r;
  z[0] = -y[1] - y[0] * y[2] / r;
  z[1] = y[0] - y[1] * y[2] / r;
  z[2] = y[0] / r;
  if (!J) return;
  const double xx = y[0] * y[0] / r3, xy = y[0] * y[1] / r3, yy = y[1] * y[1] / r3;
  J[0] = -y[2] * yy, J[1] = y[2] * xy - 1, J[2] = -y[0] / r;
  J[3] = y[2] * xy + 1, J[4] = -y[2] * xx, J[5] = -y[1] / r;
  J[6] = yy, J[7] = -xy;
}

static void B5(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = y[1] * y[2];
  z[1] = -y[0] * y[2];
  z[2] = -0.51 * y[0] * y[1];
  if (!J) return;
  J[1] = y[2], J[2] = y[1];
  J[3] = -y[2], J[5] = -y[0];
  J[6] = -0.51 * y[1], J[7] = -0.51 * y[0];
}

/* ---- C: moderate systems ----------------------------------------------------------- */

/* z = M y with M tridiagonal: below, on and above the diagonal. */
static void tridiagonal(size_t n, const double *below, const double *on,
                        const double *above, const double *y, double *z, double *J)
{
  for (size_t i = 0; i < n; i++) {
    const double lo = i > 0 ? below[i] : 0, hi = i + 1 < n ? above[i] : 0;
    z[i] = on[i] * y[i] + (i > 0 ? lo * y[i - 1] : 0) + (i + 1 < n ? hi * y[i + 1] : 0);
    if (!J) continue;
    J[i * n + i] = on[i];
    if (i > 0) J[i * n + i - 1] = lo;
    if (i + 1 < n) J[i * n + i + 1] = hi;
  }
}

static void C1(double t, const double *y, double *z, double *J)
{
  double below[10], on[10], above[10] = { 0 };
  (void)t;
  for (int i = 0; i < 10; i++) below[i] = 1, on[i] = i < 9 ? -1 : 0;
  tridiagonal(10, below, on, above, y, z, J);
}

static void C2(double t, const double *y, double *z, double *J)
{
  double below[10], on[10], above[10] = { 0 };
  (void)t;
  for (int i = 0; i < 10; i++) below[i] = i, on[i] = i < 9 ? -(i + 1) : 0;
  tridiagonal(10, below, on, above, y, z, J);
}

static void heat(size_t n, const double *y, double *z, double *J)
{
  double off[DIM_MAX], on[DIM_MAX];
  for (size_t i = 0; i < n; i++) off[i] = 1, on[i] = -2;
  tridiagonal(n, off, on, off, y, z, J);
}

static void C3(double t, const double *y, double *z, double *J)
{
  (void)t;
  heat(10, y, z, J);
}

static void C4(double t, const double *y, double *z, double *J)
{
  (void)t;
  heat(51, y, z, J);
}

/* g += s x / |x|^3 and, if J, the d x d block of J at (row, column) += its derivative. */
static void gravity(size_t d, double s, const double *x, double *g, double *J, size_t n,
                    size_t row, size_t column)
{
  const double r2 = gn_vec_dot(d, x, x), r3 = r2 * sqrt(r2);
  for (size_t i = 0; i < d; i++) {
    if (g) g[i] += s * x[i] / r3;
    for (size_t j = 0; J && j < d; j++)
      J[(row + i) * n + column + j] += s * ((i == j) - 3 * x[i] * x[j] / r2) / r3;
  }
}

/* The five outer planets about the sun, with it as the origin. */
static void C5(double t, const double *y, double *z, double *J)
{
  static const double k2 = 2.95912208286, m0 = 1.00000597682;
  static const double m[5] = { 0.954786104043e-3, 0.285583733151e-3, 0.437273164546e-4,
                               0.517759138449e-4, 0.277777777778e-5 };
  (void)t;
  for (size_t i = 0; i < 15; i++) {
    z[i] = y[15 + i];
    z[15 + i] = 0;
    if (J) J[i * 30 + 15 + i] = 1;
  }
  for (size_t j = 0; j < 5; j++) {
    const size_t at = 15 + 3 * j;
    gravity(3, -k2 * (m0 + m[j]), y + 3 * j, z + at, J, 30, at, 3 * j);
    for (size_t k = 0; k < 5; k++) {
      if (k == j) continue;
      double d[3];
      for (int i = 0; i < 3; i++) d[i] = y[3 * k + (size_t)i] - y[3 * j + (size_t)i];
      gravity(3, k2 * m[k], d, z + at, J, 30, at, 3 * k);
      gravity(3, -k2 * m[k], d, NULL, J, 30, at, 3 * j);
      gravity(3, -k2 * m[k], y + 3 * k, z + at, J, 30, at, 3 * k);
    }
  }
}

/* ---- D: orbits, E: equations of second order --------------------------------------- */

static void D(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = y[2], z[1] = y[3], z[2] = z[3] = 0;
  if (J) J[2] = J[7] = 1;
  gravity(2, -1, y, z + 2, J, 4, 2, 0);
}

static void E1(double t, const double *y, double *z, double *J)
{
  const double s = t + 1, q = 1 - 0.25 / (s * s);
  z[0] = y[1];
  z[1] = -(y[1] / s + q * y[0]);
  if (!J) return;
  J[1] = 1;
  J[2] = -q, J[3] = -1 / s;
}

static void E2(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = y[1];
  z[1] = (1 - y[0] * y[0]) * y[1] - y[0];
  if (!J) return;
  J[1] = 1;
  J[2] = -2 * y[0] * y[1] - 1, J[3] = 1 - y[0] * y[0];
}

static void E3(double t, const double *y, double *z, double *J)
{
  z[0] = y[1];
  z[1] = y[0] * y[0] * y[0] / 6 - y[0] + 2 * sin(2.78535 * t);
  if (!J) return;
  J[1] = 1;
  J[2] = y[0] * y[0] / 2 - 1;
}

static void E4(double t, const double *y, double *z, double *J)
{
  (void)t;
  z[0] = y[1];
  z[1] = 0.032 - 0.4 * y[1] * y[1];
  if (!J) return;
  J[1] = 1;
  J[3] = -0.8 * y[1];
}

static void E5(double t, const double *y, double *z, double *J)
{
  const double root = sqrt(1 + y[1] * y[1]);
  z[0] = y[1];
  z[1] = root / (25 - t);
  if (!J) return;
  J[1] = 1;
  J[3] = y[1] / root / (25 - t);
}

/* ---- the table --------------------------------------------------------------------- */

#define ORBIT(e, root) { 1 - (e), 0, 0, root } /* root = sqrt((1 + e) / (1 - e)) */
#define PLANETS                                                                   \
  {    3.42947415189,    3.35386959711,    1.35494901715,    6.64145542550,       \
       5.97156957878,    2.18231499728,    11.2630437207,    14.6952576794,       \
       6.27960525067,   -30.1552268759,    1.65699966404,    1.43785752721,       \
      -21.1238353380,    28.4465098142,    15.3882659679,  -0.557160570446,       \
      0.505696783289,   0.230578543901,  -0.415570776342,   0.365682722812,       \
      0.169143213293,  -0.325325669158,   0.189706021964,  0.0877265322780,       \
    -0.0240476254170,  -0.287659532608,  -0.117219543175,  -0.176860753121,       \
     -0.216393453025, -0.0148647893090 }

/* end: the first and the second component at t = 20. reached: what tolerance 1e-6 gives,
   relative to max(1, |y|); orbits of high eccentricity amplify it. */
static const struct {
  const char *name;
  right_hand_side *f;
  size_t n;
  double y0[DIM_MAX], end[2], reached;
} problems[] = {
  { "A1", A1, 1, { 1 }, { 2.061153353012535e-9 }, 1e-4 },
  { "A2", A2, 1, { 1 }, { 0.2182178902359887 }, 1e-4 },
  { "A3", A3, 1, { 1 }, { 2.491650271850414 }, 1e-4 },
  { "A4", A4, 1, { 1 }, { 17.73016648131483 }, 1e-4 },
  { "A5", A5, 1, { 4 }, { -0.7887826688964196 }, 1e-4 },
  { "B1", B1, 2, { 1, 3 }, { 0.6761876008576667, 0.1860816099640036 }, 1e-4 },
  { "B2", B2, 3, { 2, 0, 1 }, { 1.000000001030576, 1 }, 1e-4 },
  { "B3", B3, 3, { 1, 0, 0 }, { 2.061153488557776e-9, 0.05257228022048349 }, 1e-4 },
  { "B4", B4, 3, { 3, 0, 0 }, { 0.9826950928005993, 2.198447081694832 }, 1e-4 },
  { "B5", B5, 3, { 0, 1, 1 }, { -0.9396570798729192, -0.3421177754000779 }, 1e-4 },
  { "C1", C1, 10, { 1 }, { 2.061153622240064e-9, 4.122307244619555e-8 }, 1e-4 },
  { "C2", C2, 10, { 1 }, { 2.061153577984930e-9, 2.061153573736588e-9 }, 1e-4 },
  { "C3", C3, 10, { 1 }, { 2.948119211022058e-3, 5.635380154844266e-3 }, 1e-4 },
  { "C4", C4, 51, { 1 }, { 3.124111453721466e-3, 6.015416842150318e-3 }, 1e-4 },
  { "C5", C5, 30, PLANETS, { -4.792730224323733, -2.420550725448973 }, 1e-4 },
  { "D1", D, 4, ORBIT(0.1, 1.1055415967851334),
    { 0.2198835352008397, 0.9427076846341813 }, 1e-3 },
  { "D2", D, 4, ORBIT(0.3, 1.3627702877384937),
    { -0.1777027357140412, 0.9467784719905892 }, 1e-3 },
  { "D3", D, 4, ORBIT(0.5, 1.7320508075688772),
    { -0.5780432953035361, 0.8633840009194193 }, 1e-3 },
  { "D4", D, 4, ORBIT(0.7, 2.3804761428476167),
    { -0.9538990293416394, 0.6907409024219432 }, 1e-3 },
  { "D5", D, 4, ORBIT(0.9, 4.358898943540674),
    { -1.295266250987574, 0.4003938963792321 }, 1e-3 },
  { "E1", E1, 2, { 0.671396707141803090, 0.0954005144474743350 },
    { 0.1456723600728308, -0.09883500195574063 }, 1e-4 },
  { "E2", E2, 2, { 2, 0 }, { 2.008149762174948, -0.04250887527320057 }, 1e-4 },
  { "E3", E3, 2, { 0, 0 }, { -0.1004178858647128, 0.2411400132095954 }, 1e-4 },
  { "E4", E4, 2, { 30, 0 }, { 33.95091444646555, 0.2767822659672869 }, 1e-4 },
  { "E5", E5, 2, { 0, 0 }, { 14.11797390542629, 2.4 }, 1e-4 },
};
enum { NPROBLEMS = sizeof problems / sizeof *problems };

/* ---- as a model -------------------------------------------------------------------- */

typedef struct config {
  int which;
} config;

static const gn_option options[] = {
  GN_INT(config, "which", which, 0, 0, NPROBLEMS - 1, "row of the table"),
  GN_OPTIONS_END,
};

enum { FY, FZ, FW }; /* tape: state, f and cotangent */

static right_hand_side *rhs_of(const gn_model *m)
{
  return problems[((const config *)m->config)->which].f;
}

static int eval(const gn_model *m, const gn_point *at, const gn_tape *tape, double *z)
{
  const size_t n = m->ny;
  gn_vec_copy(at->B * n, at->y, tape->field[FY]);
  for (size_t b = 0; b < at->B; b++) {
    double *f = tape->field[FZ] + b * n;
    rhs_of(m)(at->t[b], at->y + b * n, f, NULL);
    gn_vec_scale(n, at->p[0], f, z + b * n);
  }
  return 0;
}

/* J [n, n] of row b. */
static void jacobian(const gn_model *m, const gn_point *at, const gn_tape *tape, size_t b,
                     double *J)
{
  double z[DIM_MAX];
  gn_vec_fill(m->ny * m->ny, 0.0, J);
  rhs_of(m)(at->t[b], tape->field[FY] + b * m->ny, z, J);
}

static int vjp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *w,
               const gn_pull *to)
{
  const size_t n = m->ny;
  double J[DIM_MAX * DIM_MAX];
  gn_vec_copy(at->B * n, w, tape->field[FW]);
  for (size_t b = 0; to->y && b < at->B; b++) {
    jacobian(m, at, tape, b, J);
    for (size_t i = 0; i < n; i++)
      gn_vec_axpy(n, at->p[0] * w[b * n + i], J + i * n, to->y + b * n);
  }
  return 0;
}

static void pgrad(const gn_model *m, const double *p, const gn_tape *tape, double weight,
                  double *gp)
{
  (void)p;
  gp[0] += weight * gn_vec_dot(tape->rows * m->ny, tape->field[FZ], tape->field[FW]);
}

static int jvp(const gn_model *m, const gn_point *at, const gn_tape *tape, const double *vy,
               const double *vp, double *z)
{
  const size_t n = m->ny;
  double J[DIM_MAX * DIM_MAX];
  for (size_t b = 0; b < at->B; b++) {
    jacobian(m, at, tape, b, J);
    for (size_t i = 0; i < n; i++)
      z[b * n + i] = (vy ? at->p[0] * gn_vec_dot(n, J + i * n, vy + b * n) : 0) +
                     (vp ? vp[0] * tape->field[FZ][b * n + i] : 0);
  }
  return 0;
}

static gn_status setup(gn_model *m, const void *config_, gn_sizes data)
{
  const config *c = config_;
  const size_t one = 1, n = problems[c->which].n;
  size_t offset;
  (void)data;
  m->nx = n;
  GN_TRY(gn_model_block(m, "y", n));
  GN_TRY(gn_params_add(&m->params, "c", 1, &one, 1, 1, &offset));
  for (int k = 0; k < 3; k++) GN_TRY(gn_fields_add(&m->tape[GN_F], n, &offset));
  return GN_OK;
}

static const gn_model_class detest = {
  .name = "detest",
  .summary = "the 25 non-stiff DETEST problems",
  .source = "Hull, Enright, Fellen, Sedgwick 1972",
  .size = sizeof(gn_model),
  .options = options,
  .config_size = sizeof(config),
  .setup = setup,
  .f = { eval, vjp, pgrad, jvp },
};

/* ---- tests ------------------------------------------------------------------------- */

typedef struct bench {
  gn_model *m;
  gn_event event[2];
  gn_rig r;
} bench;

static void open_bench(bench *b, int which, double tol, double T)
{
  const double times[3] = { 0, T / 2, T };
  const config c = { which };
  *b = (bench){ 0 };
  gn_ck_ok(gn_model_create(&detest, &c, (gn_sizes){ 0, 0, 0 }, &b->m));
  b->r.model = b->m;
  b->r.solver = (gn_solver){ .cls = gn_stepper_find("erk"), .tol = { tol, tol },
                             .back = { tol, tol } };
  gn_ck_ok(gn_problem_outputs(b->m, 2, times, GN_LAND, b->event, &b->r.problem));
}

static void close_bench(bench *b) { gn_model_destroy(&b->m); }

/* Y [2, n] at T / 2 and T. */
static void solve(gn_gradient *g, int which, double *Y)
{
  static const double c = 1; /* borrowed until backward returns */
  gn_ck_ok(gn_gradient_forward(g, 1, &c, NULL, problems[which].y0, Y));
}

/* Largest |y - end| / max(1, |end|) at t = 20. */
static double off(int which, const double *Y)
{
  const size_t n = problems[which].n;
  double e = 0;
  for (size_t i = 0; i < 2 && i < n; i++) {
    const double end = problems[which].end[i];
    e = fmax(e, fabs(Y[n + i] - end) / fmax(1, fabs(end)));
  }
  return e;
}

/* At 1e-12 the published digits: the right-hand sides are those of the paper. At 1e-6 the
   accuracy that DETEST is for. */
START_TEST(end_values)
{
  const double tol[2] = { 1e-12, 1e-6 }, limit[2] = { 2e-9, problems[_i].reached };
  for (int k = 0; k < 2; k++) {
    bench b;
    double Y[2 * DIM_MAX];
    open_bench(&b, _i, tol[k], 20);
    gn_gradient *g = gn_rig_gradient(&b.r, "discrete", 1);
    solve(g, _i, Y);
    ck_assert_msg(off(_i, Y) < limit[k], "%s at %g: off by %.1e", problems[_i].name, tol[k],
                  off(_i, Y));
    gn_gradient_destroy(&g);
    close_bench(&b);
  }
}
END_TEST

/* The Jacobians are those of the right-hand sides: central differences, error near 1e-9. */
START_TEST(jacobians)
{
  const size_t n = problems[_i].n;
  const double t = 0.7, d = 1e-5;
  double y[DIM_MAX] = { 0 }, z[2][DIM_MAX], J[DIM_MAX * DIM_MAX] = { 0 };
  for (size_t i = 0; i < n; i++) y[i] = problems[_i].y0[i] + 0.1 * sin(1.0 + (double)i);
  problems[_i].f(t, y, z[0], J);
  for (size_t j = 0; j < n; j++) {
    const double at = y[j];
    for (int k = 0; k < 2; k++) {
      y[j] = at + (k ? -d : d);
      problems[_i].f(t, y, z[k], NULL);
    }
    y[j] = at;
    for (size_t i = 0; i < n; i++)
      ck_assert_msg(fabs((z[0][i] - z[1][i]) / (2 * d) - J[i * n + j]) <
                      1e-7 * fmax(1, fabs(J[i * n + j])),
                    "%s: dz[%zu]/dy[%zu] = %g, differences %g", problems[_i].name, i, j,
                    J[i * n + j], (z[0][i] - z[1][i]) / (2 * d));
  }
}
END_TEST

/* <gY, dY v> = <gy0, vy> + <gp, vp>: one sum of the steps' products in two orders. C2 only
   to t = 5: later its fast modes lie so far below the tolerance that the steps grow past
   the limit of stability, and the derivative of those steps magnifies rounding a million
   times, whatever the tolerance (fixed steps of 0.05 agree to rounding up to t = 20). */
START_TEST(dot_product)
{
  static const char *const exact[] = { "discrete", "symplectic" };
  const size_t n = problems[_i].n;
  double Y[2 * DIM_MAX], gY[2 * DIM_MAX], v[DIM_MAX + 1], dY[2 * DIM_MAX];
  bench b;
  open_bench(&b, _i, 1e-6, problems[_i].f == C2 ? 5 : 20);
  gn_gradient *tangent = gn_rig_gradient(&b.r, "tangent", 1);
  gn_rig_random(31, 2 * n, 1, gY);
  gn_rig_random(32, n + 1, 1, v);
  solve(tangent, _i, Y);
  gn_ck_ok(gn_gradient_push(tangent, v, v + n, dY));
  const double want = gn_vec_dot(2 * n, gY, dY);
  for (int k = 0; k < 2; k++) {
    double gy0[DIM_MAX] = { 0 }, gp = 0;
    gn_gradient *g = gn_rig_gradient(&b.r, exact[k], 1);
    solve(g, _i, Y);
    gn_ck_ok(gn_gradient_backward(g, gY, gy0, &gp, NULL));
    const double got = gn_vec_dot(n, gy0, v) + gp * v[n];
    const double size = sqrt(gn_vec_sumsq(2 * n, gY) * gn_vec_sumsq(2 * n, dY)) +
                        sqrt((gn_vec_sumsq(n, gy0) + gp * gp) * gn_vec_sumsq(n + 1, v));
    ck_assert_msg(fabs(got - want) < 1e-12 * size, "%s, %s: %.17g, tangent %.17g",
                  problems[_i].name, exact[k], got, want);
    gn_gradient_destroy(&g);
  }
  gn_gradient_destroy(&tangent);
  close_bench(&b);
}
END_TEST

int main(void)
{
  Suite *s = suite_create("detest");
  TCase *tc = tcase_create("detest");
  tcase_add_loop_test(tc, jacobians, 0, NPROBLEMS);
  tcase_add_loop_test(tc, end_values, 0, NPROBLEMS);
  tcase_add_loop_test(tc, dot_product, 0, NPROBLEMS);
  tcase_set_timeout(tc, 300);
  suite_add_tcase(s, tc);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  const int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed != 0;
}
