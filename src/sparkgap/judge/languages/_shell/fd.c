/* Lets /dev/fd/N be opened in a jail that has no /proc: what bash makes of <(...) is such a name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int number_of(const char *path) {
  static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
  if (path == NULL || strncmp(path, "/dev/", 5) != 0) return -1;
  for (int n = 0; n < 3; n++)
    if (strcmp(path, standard[n]) == 0) return n;
  if (strncmp(path, "/dev/fd/", 8) != 0 || path[8] < '0' || path[8] > '9') return -1;
  char *end;
  long number = strtol(path + 8, &end, 10);
  return *end == '\0' && number < 1024 ? (int)number : -1;
}

/* `taken` and `given`: the parameters before the path, with their commas. */
#define OPENS(name, taken, given, types)                                \
  int name(taken const char *path, int flags, ...) {                    \
    va_list rest;                                                       \
    va_start(rest, flags);                                              \
    mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(rest, mode_t) : 0; \
    va_end(rest);                                                       \
    int number = number_of(path);                                       \
    if (number >= 0) return dup(number);                                \
    int (*real)(types const char *, int, ...) = (int (*)(types const char *, int, ...))dlsym(RTLD_NEXT, #name); \
    return real(given path, flags, mode);                               \
  }
#define NONE
#define TAKEN int folder,
#define GIVEN folder,
#define TYPES int,
OPENS(open, NONE, NONE, NONE)
OPENS(open64, NONE, NONE, NONE)
OPENS(openat, TAKEN, GIVEN, TYPES)
OPENS(openat64, TAKEN, GIVEN, TYPES)

#define STREAMS(name)                                                   \
  FILE *name(const char *path, const char *mode) {                      \
    int number = number_of(path);                                       \
    if (number >= 0) return fdopen(dup(number), mode);                  \
    FILE *(*real)(const char *, const char *) = (FILE * (*)(const char *, const char *)) dlsym(RTLD_NEXT, #name); \
    return real(path, mode);                                            \
  }
STREAMS(fopen)
STREAMS(fopen64)
