/* Checkpoints: the binomial schedule, and its approximation while the number of steps grows.
 *
 * Between two kept states a sweep follows revolve. From a given set of states 0 = a_0 < a_1
 * < ... a sweep over N steps, in which each state's room is free once it is passed, replays
 *
 *   J = sum_i t(a_{i+1} - a_i, c_i) + N,   a_n = N,   c_i = room - i - (later ones that stay)
 *
 * steps, t the binomial optimum. Online, when the room is full, the state goes whose loss
 * makes J least for the steps so far. t is piecewise linear in l, so that many sets are
 * optimal and this one is near: within 10 % of t(N, room) + N from 3 states up.
 *
 * Griewank, Walther, ACM TOMS 26 (2000), algorithm 799; online: Stumm, Walther, SIAM J. Sci.
 * Comput. 32 (2010); Wang, Moin, Iaccarino, SIAM J. Sci. Comput. 31 (2009). */
#include "core/checkpoint.h"

/* With many states, one pass in FEW drops a FEW-th of them: a bounded cost per step. */
enum { FEW = 64 };

/* r and beta(s, r); doubles, for beta leaves every integer behind. */
static double repetitions(double l, double s, double *beta)
{
  double r = 0, b = 1;
  while (b < l) r++, b = b * (s + r) / r;
  *beta = b;
  return r;
}

double gn_revolve_advances(size_t l, size_t s)
{
  const double n = (double)l, c = (double)s;
  double beta;
  if (l < 2) return 0;
  if (s == 1) return 0.5 * n * (n - 1);
  const double r = repetitions(n, c, &beta);
  /* beta(c + 1, r - 1) = beta(c, r) r / (c + 1) */
  return r * n - beta * r / (c + 1);
}

double gn_revolve_replays(size_t l, size_t s) { return gn_revolve_advances(l, s) + (double)l; }

size_t gn_revolve_split(size_t l, size_t s)
{
  const double n = (double)l, c = (double)s;
  double beta;
  const double r = repetitions(n, c, &beta);
  /* at least beta(c, r - 2), so that the part before is worth its repetitions, and such
     that the part after, at most beta(c - 1, r), does not need more of them */
  const double least = beta * r * (r - 1) / ((c + r) * (c + r - 1));
  const double rest = n - beta * c / (c + r);
  const double m = least > rest ? least : rest;
  return m < 1 ? 1 : (size_t)(m + 0.5);
}

/* Steps after kept state i, before the next one or N. */
static size_t gap(const gn_kept *k, size_t i, size_t N)
{
  return (i + 1 < k->n ? k->at[i + 1] : N) - k->at[i];
}

double gn_kept_replays(const gn_kept *k, size_t N, size_t known, size_t room)
{
  double sum = 0;
  size_t later = 0;
  for (size_t i = k->n; i-- > 0;) {
    const size_t end = k->at[i] + gap(k, i, N);
    if (k->at[i] < known)
      sum += gn_revolve_replays((end < known ? end : known) - k->at[i], room - i - later);
    later += k->stays[i];
  }
  return sum;
}

/* loss_i: J without state i, whose steps join the gap before; later ones gain its room. */
static size_t losses(const gn_kept *k, size_t N, size_t room)
{
  size_t later = 0, best = 0;
  double before = 0;
  k->tail[k->n] = 0;
  for (size_t i = k->n; i-- > 0;) {
    k->tail[i] = k->tail[i + 1] + gn_revolve_replays(gap(k, i, N), room - i - later + 1);
    later += k->stays[i];
  }
  for (size_t i = 1; i < k->n; i++) {
    later -= k->stays[i - 1];
    const size_t g = gap(k, i - 1, N), c = room - (i - 1) - later;
    if (c == 0) break; /* the rest stays */
    if (!k->stays[i]) {
      k->loss[i] = before + gn_revolve_replays(g + gap(k, i, N), c) + k->tail[i + 1];
      if (!best || k->loss[i] <= k->loss[best]) best = i;
    }
    before += gn_revolve_replays(g, c);
  }
  return best;
}

int gn_kept_thin(const gn_kept *k, size_t N, size_t room)
{
  for (size_t i = 0; i < k->n; i++) k->drop[i] = 0;
  const size_t best = losses(k, N, room);
  if (!best) return 0;
  k->drop[best] = 1;
  const double bound = k->loss[best] * (1 + 0.5 / (double)room);
  size_t more = room / FEW;
  for (size_t i = k->n - 1; i > 0 && more > 0; i--) {
    const int beside = k->drop[i - 1] || k->drop[i] || (i + 1 < k->n && k->drop[i + 1]);
    if (k->stays[i] || beside || k->loss[i] > bound) continue;
    k->drop[i] = 1;
    more--;
  }
  return 1;
}
