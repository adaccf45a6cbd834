/* Seconds from the POSIX clocks: monotonic for elapsed time, and the processor time of all
 * threads of the process. */
#include "base/clock.h"

#include <time.h>

static double seconds(clockid_t id)
{
  struct timespec t = {0};
  (void)clock_gettime(id, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double gn_clock_wall(void)
{
  return seconds(CLOCK_MONOTONIC);
}

double gn_clock_cpu(void)
{
  return seconds(CLOCK_PROCESS_CPUTIME_ID);
}
