#include <charconv>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>

#include "sim/world.h"

// sim [--seeds N] [--from S] [--steps OPS] [--processes 1|2] [--bug NAME] [--tell]: prints the
// seeds that break a guarantee; a seed runs the same again.
namespace {

std::uint64_t NumberOf(std::string_view text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct Arguments {
  sim::Options options;
  std::uint64_t from = 1;
  std::uint64_t seeds = 10;
};

bool Read(int argc, char** argv, Arguments& read) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view name = argv[i];
    if (name == "--tell") {
      read.options.is_told = true;
      continue;
    }
    if (i + 1 == argc) return false;
    const std::string_view value = argv[++i];
    if (name == "--seeds") {
      read.seeds = NumberOf(value);
    } else if (name == "--from") {
      read.from = NumberOf(value);
    } else if (name == "--steps") {
      read.options.ops = static_cast<int>(NumberOf(value));
    } else if (name == "--processes") {
      read.options.processes = NumberOf(value);
    } else if (name == "--bug") {
      for (const sim::NamedFault& each : sim::kFaults) {
        if (each.name == value) read.options.fault = each.fault;
      }
      if (read.options.fault == sim::Fault::kNone) return false;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!Read(argc, argv, arguments)) {
    std::fprintf(
        stderr,
        "sim [--seeds N] [--from S] [--steps OPS] [--processes 1|2] [--bug NAME] [--tell]; bugs:");
    for (const sim::NamedFault& each : sim::kFaults) std::fprintf(stderr, " %s", each.name.data());
    std::fprintf(stderr, "\n");
    return 2;
  }
  sim::World::Counts total;
  int broken = 0;
  const auto begun = std::chrono::steady_clock::now();
  for (std::uint64_t seed = arguments.from; seed < arguments.from + arguments.seeds; ++seed) {
    arguments.options.seed = seed;
    sim::World world(arguments.options);
    try {
      world.Run();
    } catch (const sim::Broken& no) {
      ++broken;
      std::printf("seed %llu --steps %d: %.1500s\n", static_cast<unsigned long long>(seed),
                  arguments.options.ops, no.what());
      std::fflush(stdout);
    }
    for (const auto& [name, count] : world.counts()) total[name] += count;
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begun;
  for (const auto& [name, count] : total) {
    std::printf("%10lld %s\n", static_cast<long long>(count), name.c_str());
  }
  std::printf("%llu seeds from %llu, %d ops each: %d broken, %.1f s\n",
              static_cast<unsigned long long>(arguments.seeds),
              static_cast<unsigned long long>(arguments.from), arguments.options.ops, broken,
              took.count());
  return broken == 0 ? 0 : 1;
}
