#pragma once

#include <cstdio>
#include <cstdlib>

/// Aborts when an invariant of ours does not hold: a restart is safer than going on.
#define CHECK(condition)                                                                     \
  do {                                                                                       \
    if (!(condition)) {                                                                      \
      std::fprintf(stderr, "%s:%d: broken invariant: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                          \
    }                                                                                        \
  } while (false)
