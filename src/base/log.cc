#include "base/log.h"

#include <atomic>
#include <charconv>
#include <cmath>
#include <fcntl.h>
#include <poll.h>
#include <string>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/time.h"
#include "base/utf8.h"

namespace base {
namespace {

std::atomic<Level> lowest{Level::kInfo};

constexpr std::string_view Name(Level level) {
  switch (level) {
    case Level::kDebug: return "debug";
    case Level::kInfo: return "info";
    case Level::kWarn: return "warn";
    case Level::kError: break;
  }
  return "error";
}

struct AppendValue {
  std::string& line;

  void operator()(std::string_view text) const {
    AppendJsonText(line, CodePoints(text) ? text : std::string_view("(not UTF-8)"));
  }
  void operator()(std::int64_t number) const { AppendJson(line, number); }
  void operator()(bool value) const { AppendJson(line, value); }
  void operator()(double number) const {
    if (!std::isfinite(number)) {
      line += "null";
      return;
    }
    char digits[40];
    line.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
  }
};

}  // namespace

void SetLogLevel(Level level) {
  lowest.store(level, std::memory_order_relaxed);
}

void Log(Level level, std::string_view event, std::span<const LogField> fields) {
  if (level < lowest.load(std::memory_order_relaxed)) return;
  std::string line = "{\"time\":";
  AppendJson(line, SystemNow());
  line += ",\"level\":\"";
  line += Name(level);
  line += "\",\"event\":";
  AppendJsonText(line, event);
  for (const LogField& field : fields) {
    line += ',';
    AppendJsonText(line, field.name);
    line += ':';
    std::visit(AppendValue{line}, field.value);
  }
  line += "}\n";
  // A reader that has stopped must not stop us: a full pipe loses the line.
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0) {
    [[maybe_unused]] const ssize_t written = write(STDOUT_FILENO, line.data(), line.size());
  }
}

}  // namespace base
