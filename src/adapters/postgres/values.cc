#include "adapters/postgres/values.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <type_traits>
#include <variant>

namespace adapters::postgres {
namespace {

// From the server's catalogue (pg_type.dat): constant since they exist.
constexpr Oid kBool = 16;
constexpr Oid kBytea = 17;
constexpr Oid kInt8 = 20;
constexpr Oid kText = 25;
constexpr Oid kTimestamptz = 1184;
constexpr Oid kUuid = 2950;

constexpr std::int64_t kEpochMs = 946'684'800'000;  // 2000-01-01, from where the server counts.
constexpr std::int64_t kMicros = 1000;

template <class T>
T BigEndian(T number) {
  static_assert(std::endian::native == std::endian::little);
  return static_cast<T>(__builtin_bswap64(static_cast<std::uint64_t>(number)));
}

std::int64_t ToMicros(base::Time time) {
  return (time.ms - kEpochMs) * kMicros;
}

}  // namespace

std::string ArrayText(const std::vector<base::Uuid>& ids) {
  std::string text = "{";
  for (const base::Uuid& id : ids) {
    if (text.size() > 1) text += ',';
    text += base::ToString(id);
  }
  return text + "}";
}

Oid TypeOf(const ports::Value& value) {
  constexpr std::array<Oid, std::variant_size_v<ports::Value>> kTypes{
      0, kInt8, kBool, kText, kBytea, kTimestamptz, kUuid};
  static_assert(std::is_same_v<std::variant_alternative_t<6, ports::Value>, base::Uuid>);
  return kTypes[value.index()];
}

Oid TypeOf(char letter) {
  switch (letter) {
    case 'u': return kUuid;
    case 'i': return kInt8;
    case 'b': return kBool;
    case 't': return kText;
    case 'y': return kBytea;
    case 'm': return kTimestamptz;
    default: return 0;
  }
}

void Params::Set(Rows rows) {
  const std::size_t width = rows.front()->params.size();
  const std::size_t count = width * rows.size();
  values_.clear();
  lengths_.clear();
  formats_.assign(count, 1);
  numbers_.resize(std::max(numbers_.size(), count));
  for (const ports::Statement* const row : rows) {
    if (row == nullptr) {
      values_.resize(values_.size() + width, nullptr);
      lengths_.resize(lengths_.size() + width, 0);
    } else {
      for (const ports::Value& value : row->params) Add(value);
    }
  }
}

void Params::Add(const ports::Value& value) {
  std::array<char, 8>& number = numbers_[values_.size()];
  const auto add = [this](const char* data, std::size_t size) {
    values_.push_back(data);
    lengths_.push_back(static_cast<int>(size));
  };
  const auto add_number = [&](std::int64_t given) {
    const std::int64_t wire = BigEndian(given);
    std::memcpy(number.data(), &wire, sizeof wire);
    add(number.data(), sizeof wire);
  };
  std::visit(
      [&](const auto& held) {
        using Held = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<Held, std::monostate>) {
          add(nullptr, 0);
        } else if constexpr (std::is_same_v<Held, std::int64_t>) {
          add_number(held);
        } else if constexpr (std::is_same_v<Held, bool>) {
          number[0] = held ? 1 : 0;
          add(number.data(), 1);
        } else if constexpr (std::is_same_v<Held, std::string>) {
          add(held.data(), held.size());
        } else if constexpr (std::is_same_v<Held, ports::Bytes>) {
          add(held.data.data(), held.data.size());
        } else if constexpr (std::is_same_v<Held, base::Time>) {
          add_number(ToMicros(held));
        } else {
          add(reinterpret_cast<const char*>(held.bytes.data()), held.bytes.size());
        }
      },
      value);
}

bool ResultRow::IsNull(int column) const {
  return PQgetisnull(&result_, row_, column) != 0;
}

std::int64_t ResultRow::Int(int column) const {
  const std::string_view bytes = Text(column);
  std::uint64_t number = 0;
  for (const char byte : bytes.substr(0, sizeof number)) {
    number = number << 8 | static_cast<unsigned char>(byte);
  }
  if (bytes.size() == sizeof(std::int32_t)) return static_cast<std::int32_t>(number);
  if (bytes.size() == sizeof(std::int16_t)) return static_cast<std::int16_t>(number);
  return static_cast<std::int64_t>(number);
}

bool ResultRow::Bool(int column) const {
  return Int(column) != 0;
}

std::string_view ResultRow::Text(int column) const {
  return {PQgetvalue(&result_, row_, column),
          static_cast<std::size_t>(PQgetlength(&result_, row_, column))};
}

base::Time ResultRow::TimeOf(int column) const {
  if (IsNull(column)) return {};
  const std::int64_t micros = Int(column);
  const std::int64_t ms = micros / kMicros - (micros % kMicros < 0 ? 1 : 0);
  return {ms + kEpochMs};
}

base::Uuid ResultRow::UuidOf(int column) const {
  base::Uuid id{};
  const std::string_view bytes = Text(column);
  std::memcpy(id.bytes.data(), bytes.data(), std::min(bytes.size(), id.bytes.size()));
  return id;
}

}  // namespace adapters::postgres
