#include <cstdio>

#include "main/commands.h"
#include "main/database.h"

namespace lists {

int CheckConfig(const Config& config) {
  std::printf("The settings can be run: %s:%d, data in %s, operators on %s:%d.\n",
              config.address.c_str(), config.port, PlaceOf(config).c_str(),
              config.metrics_address.c_str(), config.metrics_port);
  return 0;
}

}  // namespace lists
