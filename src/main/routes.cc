#include "http/routes.h"

#include <cstdio>

#include "main/commands.h"

namespace lists {

int Routes() {
  std::puts(http::RoutesJson().c_str());
  return 0;
}

}  // namespace lists
