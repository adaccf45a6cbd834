/* The likely mistake behind a wrong derivative: try what the result would be under each.
 *
 *   missing     got = 0
 *   sign        got = -want
 *   factor      got = c want, c the least-squares ratio
 *   transpose   got holds want^T */
#include "study/check_impl.h"

#include <math.h>

double gn_explain_factor(size_t n, const double *got, const double *want)
{
  double gw = 0, ww = 0, gg = 0, res = 0;
  for (size_t i = 0; i < n; i++) {
    if (isnan(want[i])) continue;
    gw += got[i] * want[i];
    ww += want[i] * want[i];
    gg += got[i] * got[i];
  }
  if (!(ww > 0) || !(gg > 0)) return (double)NAN;
  for (size_t i = 0; i < n; i++) {
    double d = got[i] - gw / ww * want[i];
    if (!isnan(want[i])) res += d * d;
  }
  return res <= 1e-10 * gg ? gw / ww : (double)NAN;
}

/* 1 if got, read as [cols, rows], is the transpose of want [rows, cols]. */
static int is_transpose(gn_shape sh, const double *got, const double *want)
{
  double res = 0, size = 0;
  if (sh.rows < 2 || sh.cols < 2) return 0;
  for (size_t i = 0; i < sh.rows; i++)
    for (size_t j = 0; j < sh.cols; j++) {
      double w = want[i * sh.cols + j], d = got[j * sh.rows + i] - w;
      if (isnan(w)) continue;
      res += d * d;
      size += w * w;
    }
  return size > 0 && res <= 1e-10 * size;
}

const char *gn_explain(gn_arena *a, size_t n, const double *got, const double *want,
                       gn_shape sh)
{
  if (gn_checking_size(n, got) == 0 && gn_checking_size(n, want) > 0)
    return "missing: the verb leaves zero here";
  double c = gn_explain_factor(n, got, want);
  if (fabs(c + 1) < 1e-4) return "sign: -1 times what it should be";
  if (n > 1 && !isnan(c) && fabs(c - 1) > 1e-6) {
    const char *s = gn_arena_printf(a, "factor: %.6g times what it should be", c);
    return s ? s : "factor";
  }
  if (is_transpose(sh, got, want))
    return sh.rows == sh.cols ? "transpose: this is the transposed matrix"
                              : "transpose: stored as [in, out], expected [out, in]";
  if (n == 1 && !isnan(c)) {
    const char *s = gn_arena_printf(a, "factor: %.6g times what it should be", c);
    return s ? s : "factor";
  }
  return "";
}
