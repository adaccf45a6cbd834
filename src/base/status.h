/* Errors: a status code from one list, and a message of this thread with the values in it. */
#ifndef GN_BASE_STATUS_H
#define GN_BASE_STATUS_H

/* 0 is success; < 0 stops the run; > 0 is "try again with a smaller step", the one
   meaning SUNDIALS also gives to a positive callback value. A code exists only where a
   caller would act differently; the detail is in the message. */
/* clang-format off */
#define GN_STATUS_LIST(X)                                                        \
  X(GN_OK,          0, "success")                                                \
  X(GN_RETRY,       1, "value not finite here: reduce the step")                 \
  X(GN_ENOMEM,     -1, "out of memory")                                          \
  X(GN_EARG,       -2, "argument out of its documented range")                   \
  X(GN_ENAME,      -3, "no such model, stepper, strategy, dataset or option")    \
  X(GN_ESTATE,     -4, "called in the wrong order")                              \
  X(GN_EUNSUP,     -5, "not supported by this combination")                      \
  X(GN_ESOLVER,    -6, "the integrator gave up")                                 \
  X(GN_ENONFINITE, -7, "a value is not finite")                                  \
  X(GN_ELIMIT,     -8, "a limit on steps, directions or bytes was reached")      \
  X(GN_EIO,        -9, "file could not be read or written")
/* clang-format on */

#define GN_STATUS_ENUM(name, value, text) name = (value),
typedef enum gn_status { GN_STATUS_LIST(GN_STATUS_ENUM) } gn_status;
#undef GN_STATUS_ENUM

const char *gn_status_text(gn_status s); /* the third column of the list      */
const char *gn_status_name(gn_status s); /* short lower-case name, "ok", "arg" */

/* The message of the last failure on this thread, without file and line; never NULL. */
const char *gn_last_error(void);
/* Where it was raised: "file:line function"; for bug reports. */
const char *gn_last_place(void);

gn_status gn_fail_(gn_status s, const char *file, int line, const char *func,
                   const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Put "prefix: " before the current message and return s (to add context on the way up). */
gn_status gn_fail_prefix(gn_status s, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Raise an error with its message; the value is the status itself. */
#define GN_FAIL(s, ...) gn_fail_((s), __FILE__, __LINE__, __func__, __VA_ARGS__)

/* Leave the function if the call failed. */
#define GN_TRY(call)                                                                     \
  do {                                                                                   \
    gn_status gn_try_ = (call);                                                          \
    if (gn_try_ != GN_OK) return gn_try_;                                                \
  } while (0)

/* Leave the function if a promise of the caller is broken. */
#define GN_REQUIRE(cond, s, ...)                                                         \
  do {                                                                                   \
    if (!(cond)) return GN_FAIL((s), __VA_ARGS__);                                       \
  } while (0)

#endif
