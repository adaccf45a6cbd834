/* SUNDIALS as gnomon uses it: names of version 7 over both 6.4 and 7, vectors over gnomon's
 * memory with its own loops and norm, messages into our error buffer. Only solvers/ includes
 * SUNDIALS headers. */
#ifndef GN_SOLVERS_SUNDIALS_H
#define GN_SOLVERS_SUNDIALS_H

#include "core/stepper.h"

#include <arkode/arkode_arkstep.h>
#include <arkode/arkode_erkstep.h>
#include <cvodes/cvodes.h>
#include <sundials/sundials_context.h>
#include <sundials/sundials_nvector.h>
#include <sundials/sundials_version.h>

_Static_assert(sizeof(sunrealtype) == sizeof(double), "SUNDIALS must be built in double");

/* The shared ARKodeX functions came with 7.1; before, ERKStep had its own. */
#if SUNDIALS_VERSION_MAJOR > 7 || (SUNDIALS_VERSION_MAJOR == 7 && SUNDIALS_VERSION_MINOR >= 1)
#define GN_ARKODE_SHARED 1
#include <arkode/arkode.h>
#define GN_ARKSTEP(name) ARKode##name
#else
#define GN_ARKODE_SHARED 0
#define GN_ARKSTEP(name) ARKStep##name /* of that function for ARKStep */
#define ARKodeEvolve ERKStepEvolve
#define ARKodeFree ERKStepFree
#define ARKodeReset ERKStepReset
#define ARKodeWFtolerances ERKStepWFtolerances
#define ARKodeSetUserData ERKStepSetUserData
#define ARKodeSetInitStep ERKStepSetInitStep
#define ARKodeSetStopTime ERKStepSetStopTime
#define ARKodeSetSafetyFactor ERKStepSetSafetyFactor
#define ARKodeSetMaxGrowth ERKStepSetMaxGrowth
#define ARKodeSetMaxFirstGrowth ERKStepSetMaxFirstGrowth
#define ARKodeSetFixedStepBounds ERKStepSetFixedStepBounds
#define ARKodeSetMaxErrTestFails ERKStepSetMaxErrTestFails
#define ARKodeSetInterpolantDegree ERKStepSetInterpolantDegree
#define ARKodeGetLastStep ERKStepGetLastStep
#define ARKodeGetNumErrTestFails ERKStepGetNumErrTestFails
#endif

/* A context whose messages go to text instead of stderr. Before version 7 the
   handler belongs to the integrator: gn_sun_quiet is called on it too. */
enum { GN_SUN_TEXT = 256 };
gn_status gn_sun_context(SUNContext *ctx, char text[GN_SUN_TEXT]);
void gn_sun_quiet(void *arkode_mem, char text[GN_SUN_TEXT]);
void gn_sun_quiet_cvodes(void *cvode_mem, char text[GN_SUN_TEXT]);

/* A step-size controller of gnomon's own, so that it does not change with the version.
   next(user, h, err) gives the size to try after a step of size h (signed) with that error;
   ARKODE multiplies by its safety factor. Borrowed by ARKODE until freed. */
typedef struct gn_controller {
  double (*next)(void *user, double h, double err);
  void *user;
  void *foreign; /* SUNDIALS' own object, version 7 */
} gn_controller;
gn_status gn_sun_controller(void *arkode_mem, SUNContext ctx, gn_controller *c);
void gn_sun_controller_free(gn_controller *c);

/* Where the vectors of one integrator come from. Their common length is sys->n, up to
   sys->nmax, so that a smaller batch makes nothing anew. */
typedef struct gn_vspace {
  gn_arena *arena;   /* borrowed */
  gn_system *sys;    /* length and norm */
  struct gn_vdata *free, *bare; /* to lend: with memory, without    */
  int lazy;          /* memory comes with the first use             */
  int eager;         /* of a lazy space, for now: it comes with the clone */
  int failed;        /* it did not come: results are not to be used */
  double *spill;     /* [nmax] where the writes without memory went */
  /* Told of every norm of a vector of the space as it is taken; NULL: nobody. */
  void (*seen)(void *user, const gn_norm *nm);
  void *seen_by;
} gn_vspace;

/* Give vectors their memory when they are first read or written: for those who make more
   than they use (CVODES clones every interpolation point at once). n of them are laid out
   here. Look at failed after every call of the integrator. */
gn_status gn_vspace_lazy(gn_vspace *vs, size_t n);

/* Make memory for n more vectors. SUNDIALS 6.4 does not survive a clone that fails, so an
   integrator's vectors are reserved before it is created. */
gn_status gn_vspace_reserve(gn_vspace *vs, size_t n);

/* A vector over own memory from the space; its clones come from the space too. */
N_Vector gn_vector_new(gn_vspace *vs, SUNContext ctx);
double *gn_vector_data(N_Vector v);

#endif
