#include <cstdlib>
#include <gtest/gtest.h>
#include <string>

#include "sim/world.h"

// LISTS_SIM_SEEDS, LISTS_SIM_OPS and LISTS_SIM_FROM say how much of it; the default is small, for
// builds with sanitizers.
namespace sim {
namespace {

std::uint64_t NumberIn(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return text == nullptr ? otherwise : std::stoull(text);
}

TEST(Simulation, EveryGuaranteeHolds) {
  const std::uint64_t from = NumberIn("LISTS_SIM_FROM", 1);
  const std::uint64_t seeds = NumberIn("LISTS_SIM_SEEDS", 4);
  Options options{.ops = static_cast<int>(NumberIn("LISTS_SIM_OPS", 1'000))};
  for (options.seed = from; options.seed < from + seeds; ++options.seed) {
    World world(options);
    try {
      world.Run();
    } catch (const Broken& no) {
      ADD_FAILURE() << "sim --seeds 1 --from " << options.seed << " --steps " << options.ops << ": "
                    << no.what();
    }
  }
}

TEST(Simulation, ASeedRunsTheSameAgain) {
  const Options options{.seed = NumberIn("LISTS_SIM_FROM", 1), .ops = 300};
  World once(options);
  once.Run();
  World again(options);
  again.Run();
  EXPECT_EQ(once.counts(), again.counts());
}

}  // namespace
}  // namespace sim
