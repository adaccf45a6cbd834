/* Options by table: one row of gn_option drives default, parser, range check and printer.
 *
 * A field lies at a byte offset in a config struct of the plug-in's own; every access goes
 * through the type of the row. */
#include "base/option.h"

#include "base/text.h"

#include <float.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static void *field_of(const gn_option *o, void *config)
{
  return (char *)config + o->offset;
}

static const void *value_of(const gn_option *o, const void *config)
{
  return (const char *)config + o->offset;
}

/* The k-th of "a|b|c" with its length; NULL past the end. */
static const char *choice_at(const char *choices, size_t k, size_t *len)
{
  const char *s = choices;
  for (; k > 0; k--) {
    s = strchr(s, '|');
    if (!s) return NULL;
    s++;
  }
  *len = strcspn(s, "|");
  return s;
}

static int choice_find(const char *choices, const char *value)
{
  size_t n = strlen(value), len = 0;
  const char *s = NULL;
  for (size_t k = 0; (s = choice_at(choices, k, &len)); k++)
    if (len == n && strncmp(s, value, n) == 0) return (int)k;
  return -1;
}

static void put_text(const gn_option *o, const char *value, void *config)
{
  memset(field_of(o, config), 0, GN_TEXT_MAX);
  (void)snprintf(field_of(o, config), GN_TEXT_MAX, "%s", value);
}

static void put_number(const gn_option *o, double x, void *config)
{
  if (o->type == GN_OPT_REAL) {
    memcpy(field_of(o, config), &x, sizeof x);
  } else {
    int i = (int)x;
    memcpy(field_of(o, config), &i, sizeof i);
  }
}

void gn_options_default(const gn_option *table, void *config)
{
  for (const gn_option *o = table; o && o->name; o++) {
    if (o->type == GN_OPT_TEXT)
      put_text(o, o->text ? o->text : "", config);
    else
      put_number(o, o->init, config);
  }
}

const gn_option *gn_option_find(const gn_option *table, const char *name)
{
  for (const gn_option *o = table; o && o->name; o++)
    if (strcmp(o->name, name) == 0) return o;
  return NULL;
}

static gn_status unknown(const gn_option *table, const char *name)
{
  const char *best = NULL;
  for (const gn_option *o = table; o && o->name; o++) {
    const char *const pair[] = {best, o->name};
    best = gn_text_nearest(name, pair, 2);
  }
  if (!best) return GN_FAIL(GN_ENAME, "no option '%s': there are none here", name);
  return GN_FAIL(GN_ENAME, "no option '%s', the nearest is '%s'", name, best);
}

/* The names of "a|b|c" as strings in list; how many. */
static size_t split(const char *choices, char *list, size_t size, const char *names[64])
{
  size_t n = 0;
  (void)snprintf(list, size, "%s", choices);
  for (char *at = list; at && n < 64; n++) {
    names[n] = at;
    at = strchr(at, '|');
    if (at) *at++ = '\0';
  }
  return n;
}

static gn_status refuse(const gn_option *o, const char *value)
{
  char range[512];
  gn_option_print_range(o, range, sizeof range);
  if (o->type == GN_OPT_CHOICE) {
    const char *names[64];
    char list[512];
    const size_t n = split(o->text, list, sizeof list, names);
    return GN_FAIL(GN_EARG, "%s = %s, expected %s; did you mean '%s'?", o->name, value, range,
                   gn_text_nearest(value, names, n));
  }
  return GN_FAIL(GN_EARG, "%s = %s, expected %s", o->name, value, range);
}

static gn_status parse(const gn_option *o, const char *value, double *x)
{
  static const char *const words[] = {"no",    "yes",  "0",   "1",
                                      "false", "true", "off", "on"};
  long i = 0;
  switch (o->type) {
  case GN_OPT_INT:
    GN_TRY(gn_text_long(value, &i));
    if (i < INT_MIN || i > INT_MAX) return GN_EARG;
    *x = (double)i;
    break;
  case GN_OPT_REAL:
    GN_TRY(gn_text_double(value, x));
    break;
  case GN_OPT_BOOL:
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
      if (strcmp(value, words[k]) != 0) continue;
      *x = (double)(k % 2);
      return GN_OK;
    }
    return GN_EARG;
  case GN_OPT_CHOICE:
    *x = choice_find(o->text, value);
    return *x < 0 ? GN_EARG : GN_OK;
  case GN_OPT_TEXT:
    return GN_EARG;
  }
  return *x >= o->min && *x <= o->max ? GN_OK : GN_EARG; /* NaN fails */
}

gn_status gn_option_set(const gn_option *table, void *config, const char *name,
                        const char *value)
{
  const gn_option *o = gn_option_find(table, name);
  if (!o) return unknown(table, name);
  if (o->type == GN_OPT_TEXT) {
    size_t n = strlen(value);
    GN_REQUIRE(n < GN_TEXT_MAX, GN_EARG, "%s has %zu characters, expected at most %d",
               name, n, GN_TEXT_MAX - 1);
    put_text(o, value, config);
    return GN_OK;
  }
  double x = 0;
  if (parse(o, value, &x) != GN_OK) return refuse(o, value);
  put_number(o, x, config);
  return GN_OK;
}

static void print_number(const gn_option *o, double x, char *buf, size_t size)
{
  size_t len = 0;
  const char *s = NULL;
  switch (o->type) {
  case GN_OPT_INT:
    (void)snprintf(buf, size, "%d", (int)x);
    break;
  case GN_OPT_REAL:
    gn_text_print_double(x, buf, size);
    break;
  case GN_OPT_BOOL:
    (void)snprintf(buf, size, "%s", x != 0 ? "yes" : "no");
    break;
  case GN_OPT_CHOICE:
    s = x < 0 ? NULL : choice_at(o->text, (size_t)x, &len);
    (void)snprintf(buf, size, "%.*s", (int)len, s ? s : "");
    break;
  case GN_OPT_TEXT:
    break;
  }
}

void gn_option_print(const gn_option *o, const void *config, char *buf, size_t size)
{
  const void *from = value_of(o, config);
  double x = 0;
  if (o->type == GN_OPT_TEXT) {
    (void)snprintf(buf, size, "%s", (const char *)from);
    return;
  }
  if (o->type == GN_OPT_REAL) {
    memcpy(&x, from, sizeof x);
  } else {
    int i = 0;
    memcpy(&i, from, sizeof i);
    x = i;
  }
  print_number(o, x, buf, size);
}

void gn_option_print_default(const gn_option *o, char *buf, size_t size)
{
  if (o->type == GN_OPT_TEXT)
    (void)snprintf(buf, size, "%s", o->text ? o->text : "");
  else
    print_number(o, o->init, buf, size);
}

void gn_option_print_range(const gn_option *o, char *buf, size_t size)
{
  char lo[32], hi[32];
  int open_lo = o->min <= (o->type == GN_OPT_INT ? INT_MIN : -DBL_MAX);
  int open_hi = o->max >= (o->type == GN_OPT_INT ? INT_MAX : DBL_MAX);
  switch (o->type) {
  case GN_OPT_INT:
  case GN_OPT_REAL:
    print_number(o, open_lo ? 0 : o->min, lo, sizeof lo);
    print_number(o, open_hi ? 0 : o->max, hi, sizeof hi);
    if (open_lo && open_hi)
      (void)snprintf(buf, size, "any %s", o->type == GN_OPT_INT ? "integer" : "number");
    else if (open_hi)
      (void)snprintf(buf, size, "%s or more", lo);
    else if (open_lo)
      (void)snprintf(buf, size, "%s or less", hi);
    else
      (void)snprintf(buf, size, "%s to %s", lo, hi);
    break;
  case GN_OPT_BOOL:
    (void)snprintf(buf, size, "yes|no");
    break;
  case GN_OPT_CHOICE:
    (void)snprintf(buf, size, "%s", o->text);
    break;
  case GN_OPT_TEXT:
    (void)snprintf(buf, size, "text");
    break;
  }
}
