/* Which states of a chain of steps to keep, and where to put more of them on the way back:
 * pure functions of step counts. A chain of l steps is undone last to first, from the state
 * before it, with room for s states (that one included). */
#ifndef GN_CORE_CHECKPOINT_H
#define GN_CORE_CHECKPOINT_H

#include <stddef.h>

/* The least number of steps to replay, t(l, s) = r l - beta(s + 1, r - 1), with
   beta(s, r) = (s + r)! / (s! r!) and r the least with beta(s, r) >= l; 0 for l < 2. The step
   to be undone itself, once it is reached, is not counted. Griewank, Walther (2000), (3). */
double gn_revolve_advances(size_t l, size_t s);
/* The same with every step replayed once more where it is undone: t(l, s) + l. */
double gn_revolve_replays(size_t l, size_t s);
/* Where the next state goes, 1 <= m < l: t(l, s) = m + t(l - m, s - 1) + t(m, s).
   l >= 2, s >= 2. */
size_t gn_revolve_split(size_t l, size_t s);

/* The kept states; arrays of room + 1 are the owner's. */
typedef struct gn_kept {
  size_t n;
  size_t *at;           /* before which step; at[0] = 0, ascending  */
  unsigned char *stays; /* never to be dropped; stays[0] = 1        */
  unsigned char *drop;  /* written by gn_kept_thin                  */
  double *tail, *loss;  /* its scratch                              */
} gn_kept;

/* Steps replayed to undo steps 0..N-1 from the kept states with room for as many as `room`;
   steps from `known` on have their tapes. */
double gn_kept_replays(const gn_kept *k, size_t N, size_t known, size_t room);
/* One state too many, k->n = room + 1, after N steps: mark in drop those to be dropped, at
   least one, so that gn_kept_replays is least. Steps to come are not known. 0: all stay. */
int gn_kept_thin(const gn_kept *k, size_t N, size_t room);

#endif
