/* The norm of an error test over named segments:
 *
 *   err = max over groups of sqrt( sum_{i in group} (e_i w_i)^2 / n_group ),
 *
 * per row first if rowwise. One group over everything is ARKODE's WRMS norm; one group for
 * z, one for a and one per parameter tensor is torchdiffeq's. Sums run over segments in
 * order. Each evaluation remembers the segment with the largest rms of its own, so that a
 * rejected step can be blamed on it. */
#include "core/norm.h"

#include "base/vec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Largest rms over the rows of one group's [B, d] segments. */
static double row_rms(const gn_norm *nm, int group, const double *e, const double *w)
{
  double worst = 0;
  for (size_t b = 0; b < nm->B; b++) {
    double sum = 0;
    size_t n = 0, at = 0;
    for (size_t k = 0; k < nm->nseg; at += nm->seg[k++].n) {
      const gn_segment *sg = &nm->seg[k];
      if (sg->group != group || sg->d == 0) continue;
      sum += gn_vec_wsumsq(sg->d, e + at + b * sg->d, w + at + b * sg->d);
      n += sg->d;
    }
    const double rms = n ? sqrt(sum / (double)n) : 0;
    if (isnan(rms) || rms > worst) worst = rms; /* a NaN stays */
  }
  return worst;
}

double gn_norm_eval(gn_norm *nm, const double *e, const double *w)
{
  double err = 0, largest = -1;
  for (int g = 0; g < nm->ngroup; g++) {
    double sum = 0;
    size_t n = 0, at = 0;
    int rows = 0;
    for (size_t k = 0; k < nm->nseg; at += nm->seg[k++].n) {
      gn_segment *sg = &nm->seg[k];
      if (sg->group != g || sg->n == 0) continue;
      const double part = gn_vec_wsumsq(sg->n, e + at, w + at);
      const double rms = part / (double)sg->n;
      sg->square = rms;
      if (isnan(rms) || rms > largest) {
        largest = rms;
        nm->worst = (int)k;
      }
      sum += part;
      n += sg->n;
      rows |= sg->d > 0;
    }
    const double v = nm->rowwise && rows ? row_rms(nm, g, e, w)
                     : n                 ? sqrt(sum / (double)n)
                                         : 0;
    if (isnan(v) || v > err) err = v;
  }
  nm->value = err;
  return err;
}

void gn_norm_weights(const gn_norm *nm, double rtol, double atol, const double *y, double *w)
{
  size_t at = 0;
  for (size_t k = 0; k < nm->nseg; at += nm->seg[k++].n)
    gn_vec_weights(nm->seg[k].n, rtol * nm->seg[k].rtol_scale, atol * nm->seg[k].atol_scale,
                   y + at, w + at);
}

int gn_norm_not_finite(const gn_norm *nm, const double *f)
{
  for (size_t k = 0; k < nm->nseg; f += nm->seg[k++].n)
    if (!gn_vec_finite(nm->seg[k].n, f)) return (int)k;
  return -1;
}

void gn_norm_reject(gn_norm *nm, int segment)
{
  if (segment < 0) nm->unknown++;
  else nm->seg[segment].rejects++;
}

void gn_norm_forgive(gn_norm *nm)
{
  for (size_t k = 0; k < nm->nseg; k++) nm->seg[k].rejects = 0;
  nm->unknown = 0;
}

void gn_norm_blame(const gn_norm *nm, char *buf, size_t size)
{
  buf[0] = 0;
  size_t used = 0;
  for (size_t k = 0; k <= nm->nseg; k++) {
    const long rejects = k < nm->nseg ? nm->seg[k].rejects : nm->unknown;
    if (rejects == 0) continue;
    const int n = snprintf(buf + used, size - used, "%s%s %ld", used ? ", " : "",
                           k < nm->nseg ? nm->seg[k].name : "unknown", rejects);
    if (n < 0 || (size_t)n >= size - used) return;
    used += (size_t)n;
  }
}

void gn_norm_blame_back(const gn_norm *nm, char *buf, size_t size)
{
  char *old = strstr(buf, "backward "); /* of a backward solve before this one */
  if (old) *(old > buf ? old - 2 : old) = 0;
  const size_t used = strlen(buf);
  const int head = snprintf(buf + used, size - used, "%sbackward ", used ? "; " : "");
  if (head < 0 || (size_t)head >= size - used) return;
  gn_norm_blame(nm, buf + used + head, size - used - (size_t)head);
  if (!buf[used + (size_t)head]) buf[used] = 0;
}
