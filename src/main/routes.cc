#include <cstdio>

#include "http/routes.h"
#include "main/commands.h"

namespace lists {

int Routes() {
  std::puts(http::RoutesJson().c_str());
  return 0;
}

}  // namespace lists
