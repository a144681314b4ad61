#include <gtest/gtest.h>
#include <string>

#include "sim/world.h"

// Each planted mistake is found within 20 seeds, or the simulation looks away.
namespace sim {
namespace {

class Planted : public testing::TestWithParam<NamedFault> {};

TEST_P(Planted, IsFound) {
  constexpr std::uint64_t kSeeds = 20;
  Options options{.ops = 2'000, .fault = GetParam().fault};
  for (options.seed = 1; options.seed <= kSeeds; ++options.seed) {
    World world(options);
    try {
      world.Run();
    } catch (const Broken& found) {
      RecordProperty("seed", std::to_string(options.seed));
      return;
    }
  }
  FAIL() << GetParam().name << " was not found in " << kSeeds << " seeds";
}

INSTANTIATE_TEST_SUITE_P(Simulation, Planted, testing::ValuesIn(kFaults), [](const auto& each) {
  std::string name(each.param.name);
  std::erase(name, '-');
  return name;
});

}  // namespace
}  // namespace sim
