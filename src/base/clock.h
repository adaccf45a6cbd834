/* Seconds. */
#ifndef GN_BASE_CLOCK_H
#define GN_BASE_CLOCK_H

double gn_clock_wall(void); /* monotonic            */
double gn_clock_cpu(void);  /* of the whole process */

#endif
