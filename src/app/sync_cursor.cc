#include "app/sync_cursor.h"

#include <algorithm>
#include <cstddef>

#include "base/base64.h"
#include "base/constant_time.h"

namespace app {
namespace {

constexpr char kWhole = 1;  // The first byte: its form.
constexpr char kPaged = 2;
constexpr std::size_t kMacBytes = 16;  // Of 32: what nobody guesses.
constexpr std::size_t kTextMax = 128;

void Append(std::string& bytes, std::int64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
}

/// Takes a number off the front of `bytes`, which must be long enough.
std::int64_t Take(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (const char c : bytes.substr(0, 8)) number = (number << 8) | static_cast<std::uint8_t>(c);
  bytes.remove_prefix(8);
  return static_cast<std::int64_t>(number);
}

std::string MacOf(ports::Crypto& crypto, std::string_view key, const base::Uuid& user,
                  std::string_view bytes) {
  std::string text = "sync-cursor";
  text.append(user.bytes.begin(), user.bytes.end());
  text += bytes;
  return crypto.HmacSha256(key, text).substr(0, kMacBytes);
}

}  // namespace

std::string WriteSyncCursor(ports::Crypto& crypto, std::string_view key, const base::Uuid& user,
                            const SyncCursor& cursor) {
  std::string bytes(1, cursor.page ? kPaged : kWhole);
  Append(bytes, cursor.epoch);
  Append(bytes, cursor.since);
  if (cursor.page) {
    Append(bytes, cursor.page->horizon);
    Append(bytes, cursor.page->revision);
    bytes.append(cursor.page->list.bytes.begin(), cursor.page->list.bytes.end());
  }
  return base::ToBase64Url(bytes + MacOf(crypto, key, user, bytes));
}

std::optional<SyncCursor> ReadSyncCursor(ports::Crypto& crypto, std::string_view key,
                                         const base::Uuid& user, std::string_view text) {
  if (text.size() > kTextMax) return std::nullopt;
  const auto whole = base::FromBase64Url(text);
  constexpr std::size_t kWholeBytes = 1 + std::size_t{2} * 8;
  constexpr std::size_t kPagedBytes = kWholeBytes + std::size_t{2} * 8 + 16;
  if (!whole || whole->size() < kWholeBytes + kMacBytes) return std::nullopt;
  std::string_view bytes = std::string_view(*whole).substr(0, whole->size() - kMacBytes);
  const std::string_view mac = std::string_view(*whole).substr(bytes.size());
  const bool is_paged = bytes.front() == kPaged;
  if ((!is_paged && bytes.front() != kWhole) ||
      bytes.size() != (is_paged ? kPagedBytes : kWholeBytes) ||
      !base::EqualInConstantTime(mac, MacOf(crypto, key, user, bytes))) {
    return std::nullopt;
  }
  bytes.remove_prefix(1);
  SyncCursor cursor;
  cursor.epoch = Take(bytes);
  cursor.since = Take(bytes);
  if (is_paged) {
    cursor.page = SyncCursor::Page{};
    SyncCursor::Page& page = *cursor.page;
    page.horizon = Take(bytes);
    page.revision = Take(bytes);
    std::ranges::transform(bytes, page.list.bytes.begin(),
                           [](char c) { return static_cast<std::uint8_t>(c); });
  }
  return cursor;
}

}  // namespace app
