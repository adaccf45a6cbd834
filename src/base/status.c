/* The message of the last failure, one per thread: the only mutable state of the library.
 *
 * A message is composed in a local buffer first, so that its arguments may contain the
 * previous message (gn_last_error()). */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char message[1024];
static _Thread_local char place[256];

const char *gn_status_text(gn_status s)
{
#define TEXT(name, value, text)                                                        \
  case name:                                                                           \
    return text;
  switch (s) {
    GN_STATUS_LIST(TEXT)
  }
#undef TEXT
  return "unknown status";
}

const char *gn_status_name(gn_status s)
{
  switch (s) {
  case GN_OK:
    return "ok";
  case GN_RETRY:
    return "retry";
  case GN_ENOMEM:
    return "nomem";
  case GN_EARG:
    return "arg";
  case GN_ENAME:
    return "name";
  case GN_ESTATE:
    return "state";
  case GN_EUNSUP:
    return "unsup";
  case GN_ESOLVER:
    return "solver";
  case GN_ENONFINITE:
    return "nonfinite";
  case GN_ELIMIT:
    return "limit";
  case GN_EIO:
    return "io";
  }
  return "unknown";
}

const char *gn_last_error(void)
{
  return message;
}

const char *gn_last_place(void)
{
  return place;
}

gn_status gn_fail_(gn_status s, const char *file, int line, const char *func,
                   const char *fmt, ...)
{
  char text[sizeof message];
  va_list args;
  va_start(args, fmt);
  if (vsnprintf(text, sizeof text, fmt, args) < 0) text[0] = '\0';
  va_end(args);
  memcpy(message, text, strlen(text) + 1);
  (void)snprintf(place, sizeof place, "%s:%d %s", file, line, func);
  return s;
}

gn_status gn_fail_prefix(gn_status s, const char *fmt, ...)
{
  char text[sizeof message];
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (n < 0) return s;
  size_t used = strlen(text);
  (void)snprintf(text + used, sizeof text - used, ": %.*s", (int)(sizeof text - used),
                 message);
  memcpy(message, text, strlen(text) + 1);
  return s;
}
