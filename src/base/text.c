/* Small text helpers: nearest name, whole-string numbers, shortest decimal, bytes.
 *
 * The distance of two names is the number of insertions, deletions, replacements and swaps
 * of neighbours (optimal string alignment), over at most LONGEST characters of each. */
#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 63

static size_t min(size_t a, size_t b)
{
  return a < b ? a : b;
}

static size_t distance(const char *a, const char *b)
{
  size_t na = min(strlen(a), LONGEST), nb = min(strlen(b), LONGEST);
  size_t rows[3][LONGEST + 1] = {{0}};
  size_t *before = rows[0], *above = rows[1], *row = rows[2];
  for (size_t j = 0; j <= nb; j++) row[j] = j;
  for (size_t i = 1; i <= na; i++) {
    size_t *old = before;
    before = above;
    above = row;
    row = old;
    row[0] = i;
    for (size_t j = 1; j <= nb; j++) {
      size_t d = above[j - 1] + (a[i - 1] != b[j - 1]);
      d = min(d, min(above[j], row[j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d = min(d, before[j - 2] + 1);
      row[j] = d;
    }
  }
  return row[nb];
}

const char *gn_text_nearest(const char *name, const char *const *names, size_t n)
{
  const char *best = NULL;
  size_t least = 0;
  for (size_t i = 0; i < n; i++) {
    if (!names[i]) continue;
    size_t d = distance(name, names[i]);
    if (!best || d < least) {
      best = names[i];
      least = d;
    }
  }
  return best;
}

/* strtol and strtod skip leading blanks; a whole-string number has none. */
static int bad_start(const char *s)
{
  return *s == '\0' || isspace((unsigned char)*s);
}

gn_status gn_text_long(const char *s, long *out)
{
  if (bad_start(s)) return GN_EARG;
  char *end = NULL;
  errno = 0;
  long v = strtol(s, &end, 10);
  if (*end != '\0' || errno != 0) return GN_EARG;
  *out = v;
  return GN_OK;
}

gn_status gn_text_double(const char *s, double *out)
{
  if (bad_start(s)) return GN_EARG;
  char *end = NULL;
  errno = 0;
  double v = strtod(s, &end);
  /* Underflow to a denormal is a value; overflow is not. */
  if (end == s || *end != '\0' || (errno == ERANGE && isinf(v))) return GN_EARG;
  *out = v;
  return GN_OK;
}

void gn_text_print_double(double x, char *buf, size_t size)
{
  char text[32];
  for (int digits = 15; digits <= 17; digits++) {
    (void)snprintf(text, sizeof text, "%.*g", digits, x);
    if (strtod(text, NULL) == x) break;
  }
  (void)snprintf(buf, size, "%s", text);
}

void gn_text_bytes(double bytes, char *buf, size_t size)
{
  static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  size_t k = 0;
  /* 1023.5 would be printed as 1024 */
  while (bytes >= 1023.5 && k + 1 < sizeof unit / sizeof *unit) {
    bytes /= 1024;
    k++;
  }
  int digits = k > 0 && bytes < 9.95 ? 1 : 0;
  (void)snprintf(buf, size, "%.*f %s", digits, bytes, unit[k]);
}
