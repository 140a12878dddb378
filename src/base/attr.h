#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* What the compiler can check for us. */
#define MUST_USE	   __attribute__((warn_unused_result))
#define PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define SENTINEL	   __attribute__((sentinel))
#define COUNT(array)	   (sizeof(array) / sizeof((array)[0]))

#endif
