/* The differences between SUNDIALS 6.4 and 7: contexts, error handlers, controllers. */
#include "sundials.h"

#include <stdio.h>
#include <string.h>

static void keep(char *text, const char *func, const char *msg)
{
  (void)snprintf(text, GN_SUN_TEXT, "%s: %s", func ? func : "SUNDIALS", msg ? msg : "");
  for (char *c = text; *c; c++)
    if (*c == '\n') *c = ' ';
}

#if SUNDIALS_VERSION_MAJOR >= 7

static void handler(int line, const char *func, const char *file, const char *msg,
                    SUNErrCode code, void *data, SUNContext ctx)
{
  (void)line, (void)file, (void)code, (void)ctx;
  keep(data, func, msg);
}

gn_status gn_sun_context(SUNContext *ctx, char text[GN_SUN_TEXT])
{
  GN_REQUIRE(SUNContext_Create(SUN_COMM_NULL, ctx) == 0, GN_ENOMEM,
             "SUNDIALS could not make a context");
  SUNContext_ClearErrHandlers(*ctx);
  SUNContext_PushErrHandler(*ctx, handler, text);
  return GN_OK;
}

void gn_sun_quiet(void *arkode_mem, char text[GN_SUN_TEXT]) { (void)arkode_mem, (void)text; }

void gn_sun_quiet_cvodes(void *cvode_mem, char text[GN_SUN_TEXT])
{
  (void)cvode_mem, (void)text;
}

#else

static void handler(int code, const char *module, const char *func, char *msg, void *data)
{
  (void)code, (void)module;
  keep(data, func, msg);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): version 7 keeps text to write to */
gn_status gn_sun_context(SUNContext *ctx, char text[GN_SUN_TEXT])
{
  (void)text;
  GN_REQUIRE(SUNContext_Create(NULL, ctx) == 0, GN_ENOMEM,
             "SUNDIALS could not make a context");
  return GN_OK;
}

void gn_sun_quiet(void *arkode_mem, char text[GN_SUN_TEXT])
{
  ERKStepSetErrHandlerFn(arkode_mem, handler, text);
}

void gn_sun_quiet_cvodes(void *cvode_mem, char text[GN_SUN_TEXT])
{
  CVodeSetErrHandlerFn(cvode_mem, handler, text);
}

#endif

#if GN_ARKODE_SHARED

static SUNAdaptController_Type type(SUNAdaptController C)
{
  (void)C;
  return SUN_ADAPTCONTROLLER_H;
}

static SUNErrCode estimate(SUNAdaptController C, sunrealtype h, int p, sunrealtype dsm,
                           sunrealtype *hnew)
{
  (void)p;
  const gn_controller *c = C->content;
  *hnew = c->next(c->user, h, dsm);
  return 0;
}

static SUNErrCode release(SUNAdaptController C)
{
  SUNAdaptController_DestroyEmpty(C);
  return 0;
}

gn_status gn_sun_controller(void *arkode_mem, SUNContext ctx, gn_controller *c)
{
  SUNAdaptController C = SUNAdaptController_NewEmpty(ctx);
  GN_REQUIRE(C, GN_ENOMEM, "SUNDIALS could not make a controller");
  C->content = c;
  C->ops->gettype = type;
  C->ops->estimatestep = estimate;
  C->ops->destroy = release;
  c->foreign = C;
  GN_REQUIRE(ARKodeSetAdaptController(arkode_mem, C) == 0, GN_ESOLVER,
             "ARKODE refused the controller");
  ARKodeSetAdaptivityAdjustment(arkode_mem, 0);
  return GN_OK;
}

void gn_sun_controller_free(gn_controller *c)
{
  if (c->foreign) SUNAdaptController_Destroy(c->foreign);
  c->foreign = NULL;
}

#else

static int estimate(N_Vector y, sunrealtype t, sunrealtype h1, sunrealtype h2, sunrealtype h3,
                    sunrealtype e1, sunrealtype e2, sunrealtype e3, int q, int p,
                    sunrealtype *hnew, void *user)
{
  (void)y, (void)t, (void)h2, (void)h3, (void)e2, (void)e3, (void)q, (void)p;
  const gn_controller *c = user;
  *hnew = c->next(c->user, h1, e1);
  return 0;
}

gn_status gn_sun_controller(void *arkode_mem, SUNContext ctx, gn_controller *c)
{
  (void)ctx;
  GN_REQUIRE(ERKStepSetAdaptivityFn(arkode_mem, estimate, c) == 0 &&
               ERKStepSetErrorBias(arkode_mem, 1.0) == 0,
             GN_ESOLVER, "ERKStep refused the controller");
  return GN_OK;
}

void gn_sun_controller_free(gn_controller *c) { c->foreign = NULL; }

#endif
