#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

namespace base {

enum class Level : std::uint8_t { kDebug, kInfo, kWarn, kError };

struct LogField {
  std::string_view name;  // snake_case
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

/// Writes one JSON line to standard output, in one write(2): `{"time":…,"level":"info",
/// "event":"request","request_id":…}`. Never list contents, passwords, tokens or addresses of mail.
/// Text is escaped, so no input can forge a line. Thread-safe; a blocked or closed output loses the
/// line and never blocks or ends the program.
void Log(Level level, std::string_view event, std::span<const LogField> fields);
inline void Log(Level level, std::string_view event, std::initializer_list<LogField> fields = {}) {
  Log(level, event, std::span(fields.begin(), fields.size()));
}

/// Lines below `level` are dropped. kInfo at start.
void SetLogLevel(Level level);

}  // namespace base
