/* Explicit Runge-Kutta: tableaus, one step, interpolants.
 *
 *   Y_i = y + h sum_{j<i} a_ij K_j,   K_i = f(s + c_i h, Y_i),   y+ = y + h sum_i b_i K_i
 *
 * Tableaus: Hairer, Norsett, Wanner, Solving ODEs I, tables II.1.2 (rk4), II.5.1
 * (Fehlberg), II.5.2 (Dormand-Prince); Bogacki and Shampine, Appl. Math. Lett. 2 (1989);
 * Cash and Karp, ACM TOMS 16 (1990); Zonneveld, II.4 (4.7). */
#include "core/rk.h"

#include "base/vec.h"

#include <string.h>

/* clang-format off */
const gn_tableau gn_tableaus[] = {
  { .name = "euler", .s = 1, .order = 1, .b = { 1 }, .c = { 0 } },
  { .name = "midpoint", .s = 2, .order = 2,
    .A = { { 0 }, { 0.5 } }, .b = { 0, 1 }, .c = { 0, 0.5 } },
  { .name = "rk4", .s = 4, .order = 4,
    .A = { { 0 }, { 0.5 }, { 0, 0.5 }, { 0, 0, 1 } },
    .b = { 1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6 }, .c = { 0, 0.5, 0.5, 1 } },
  { .name = "bogacki_shampine", .s = 4, .order = 3, .embedded = 2, .fsal = 1,
    .interpolant = GN_HERMITE,
    .A = { { 0 }, { 0.5 }, { 0, 0.75 }, { 2.0 / 9, 1.0 / 3, 4.0 / 9 } },
    .b = { 2.0 / 9, 1.0 / 3, 4.0 / 9, 0 }, .bhat = { 7.0 / 24, 0.25, 1.0 / 3, 0.125 },
    .c = { 0, 0.5, 0.75, 1 } },
  { .name = "zonneveld", .s = 5, .order = 4, .embedded = 3,
    .A = { { 0 }, { 0.5 }, { 0, 0.5 }, { 0, 0, 1 },
           { 5.0 / 32, 7.0 / 32, 13.0 / 32, -1.0 / 32 } },
    .b = { 1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6, 0 },
    .bhat = { -0.5, 7.0 / 3, 7.0 / 3, 13.0 / 6, -16.0 / 3 }, .c = { 0, 0.5, 0.5, 1, 0.75 } },
  { .name = "fehlberg", .s = 6, .order = 5, .embedded = 4,
    .A = { { 0 }, { 1.0 / 4 }, { 3.0 / 32, 9.0 / 32 },
           { 1932.0 / 2197, -7200.0 / 2197, 7296.0 / 2197 },
           { 439.0 / 216, -8, 3680.0 / 513, -845.0 / 4104 },
           { -8.0 / 27, 2, -3544.0 / 2565, 1859.0 / 4104, -11.0 / 40 } },
    .b = { 16.0 / 135, 0, 6656.0 / 12825, 28561.0 / 56430, -9.0 / 50, 2.0 / 55 },
    .bhat = { 25.0 / 216, 0, 1408.0 / 2565, 2197.0 / 4104, -1.0 / 5, 0 },
    .c = { 0, 1.0 / 4, 3.0 / 8, 12.0 / 13, 1, 1.0 / 2 } },
  { .name = "cash_karp", .s = 6, .order = 5, .embedded = 4,
    .A = { { 0 }, { 1.0 / 5 }, { 3.0 / 40, 9.0 / 40 }, { 3.0 / 10, -9.0 / 10, 6.0 / 5 },
           { -11.0 / 54, 5.0 / 2, -70.0 / 27, 35.0 / 27 },
           { 1631.0 / 55296, 175.0 / 512, 575.0 / 13824, 44275.0 / 110592, 253.0 / 4096 } },
    .b = { 37.0 / 378, 0, 250.0 / 621, 125.0 / 594, 0, 512.0 / 1771 },
    .bhat = { 2825.0 / 27648, 0, 18575.0 / 48384, 13525.0 / 55296, 277.0 / 14336, 1.0 / 4 },
    .c = { 0, 1.0 / 5, 3.0 / 10, 3.0 / 5, 1, 7.0 / 8 } },
  { .name = "dormand_prince", .s = 7, .order = 5, .embedded = 4, .fsal = 1,
    .interpolant = GN_DORMAND_PRINCE,
    .A = { { 0 }, { 1.0 / 5 }, { 3.0 / 40, 9.0 / 40 },
           { 44.0 / 45, -56.0 / 15, 32.0 / 9 },
           { 19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729 },
           { 9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656 },
           { 35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84 } },
    .b = { 35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84, 0 },
    .bhat = { 5179.0 / 57600, 0, 7571.0 / 16695, 393.0 / 640, -92097.0 / 339200,
              187.0 / 2100, 1.0 / 40 },
    .c = { 0, 1.0 / 5, 3.0 / 10, 4.0 / 5, 8.0 / 9, 1, 1 } },
  { .name = NULL },
};
/* clang-format on */

const gn_tableau gn_tableau_ends = { .name = "ends", .s = 2, .order = 3,
                                     .interpolant = GN_HERMITE };

const gn_tableau *gn_tableau_find(const char *name)
{
  for (const gn_tableau *t = gn_tableaus; t->name; t++)
    if (strcmp(t->name, name) == 0) return t;
  return NULL;
}

void gn_rk_stage(const gn_tableau *tab, int i, size_t n, double h, const double *y,
                 const double *const *K, double *Y)
{
  const double *a = i < tab->s ? tab->A[i] : tab->b;
  double c[GN_STAGES_MAX + 1];
  const double *x[GN_STAGES_MAX + 1];
  for (int j = 0; j < i; j++) {
    c[j] = h * a[j];
    x[j] = K[j];
  }
  c[i] = 1.0;
  x[i] = y;
  gn_vec_lincomb(n, (size_t)i + 1, c, x, Y);
}

int gn_rk_step(const gn_tableau *tab, gn_system *sys, double s, double h, const double *y,
               double *const *K, int begin, gn_record *rec, int tape0, double *Y, double *y1)
{
  const double *const *slopes = (const double *const *)K;
  for (int i = begin; i < tab->s; i++) {
    if (i > 0) gn_rk_stage(tab, i, sys->n, h, y, slopes, Y);
    const int rc = sys->rhs(sys->user, s + tab->c[i] * h, i > 0 ? Y : y, K[i], rec,
                            (size_t)(i - tape0));
    if (rc != 0) return rc;
  }
  gn_rk_stage(tab, tab->s, sys->n, h, y, slopes, y1);
  return 0;
}

/* Dormand-Prince, order 4, from the stages alone: b_i(theta) of II.6, p. 192. */
static void dense_dormand_prince(double t, const double *b, double *k)
{
  const double u = t - 1, q = t * t * u * u, r = t * t * (3 - 2 * t);
  memset(k, 0, 7 * sizeof *k);
  k[0] = r * b[0] + t * u * u - q * 5 * (2558722523.0 - 31403016 * t) / 11282082432.0;
  k[2] = r * b[2] + q * 100 * (882725551.0 - 15701508 * t) / 32700410799.0;
  k[3] = r * b[3] - q * 25 * (443332067.0 - 31403016 * t) / 1880347072.0;
  k[4] = r * b[4] + q * 32805 * (23143187.0 - 3489224 * t) / 199316789632.0;
  k[5] = r * b[5] - q * 55 * (29972135.0 - 7076736 * t) / 822651844.0;
  k[6] = t * t * u + q * 10 * (7414447.0 - 829305 * t) / 29380423.0;
}

/* torchdiffeq: the quartic through y_n, y_{n+1}, their slopes, and the midpoint
 *   y_mid = y_n + h sum_i m_i K_i   (Shampine, Math. Comp. 46 (1986)).
 * In theta, with p the value at 1/2: the Hermite cubic plus 16 t^2 (1-t)^2 (p - cubic(1/2)),
 * cubic(1/2) = (y_n + y_{n+1}) / 2 + h (K_1 - K_7) / 8. */
static void dense_quartic(double t, gn_dense *w)
{
  static const double m[7] = { 6025192743.0 / 30085553152.0 / 2, 0,
                               51252292925.0 / 65400821598.0 / 2,
                               -2691868925.0 / 45128329728.0 / 2,
                               187940372067.0 / 1594534317056.0 / 2,
                               -1776094331.0 / 19743644256.0 / 2,
                               11237099.0 / 235043384.0 / 2 };
  const double u = 1 - t, q = 16 * t * t * u * u;
  w->w0 = (1 + 2 * t) * u * u + q / 2;
  w->w1 = t * t * (3 - 2 * t) - q / 2;
  for (int i = 0; i < 7; i++) w->k[i] = q * m[i];
  w->k[0] += t * u * u - q / 8;
  w->k[6] += -t * t * u + q / 8;
}

/* Cubic Hermite through both ends and their slopes. */
static void dense_hermite(double t, int last, gn_dense *w)
{
  w->w0 = (1 + 2 * t) * (1 - t) * (1 - t);
  w->w1 = t * t * (3 - 2 * t);
  w->k[0] = t * (1 - t) * (1 - t);
  w->k[last] = t * t * (t - 1);
}

int gn_rk_dense_order(const gn_tableau *tab)
{
  static const int order[] = { 0, 3, 4, 4 };
  return order[tab->interpolant];
}

void gn_rk_dense(const gn_tableau *tab, double t, gn_dense *w)
{
  memset(w, 0, sizeof *w);
  w->w0 = 1;
  if (tab->interpolant == GN_DORMAND_PRINCE) dense_dormand_prince(t, tab->b, w->k);
  else if (tab->interpolant == GN_QUARTIC) dense_quartic(t, w);
  else dense_hermite(t, tab->s - 1, w);
}

void gn_rk_dense_slope(const gn_tableau *tab, double t, gn_dense *w)
{
  /* central differences of order 6 at 1/4: exact for the polynomials above, of degree <= 5 */
  static const double c[3] = { 45.0 / 15, -9.0 / 15, 1.0 / 15 };
  memset(w, 0, sizeof *w);
  for (int j = 1; j <= 3; j++)
    for (int side = -1; side <= 1; side += 2) {
      gn_dense d;
      gn_rk_dense(tab, t + side * 0.25 * j, &d);
      w->w0 += side * c[j - 1] * d.w0;
      w->w1 += side * c[j - 1] * d.w1;
      for (int i = 0; i < tab->s; i++) w->k[i] += side * c[j - 1] * d.k[i];
    }
}
