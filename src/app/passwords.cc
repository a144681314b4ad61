#include "app/passwords.h"

#include <algorithm>
#include <string>
#include <utf8proc.h>
#include <vector>

#include "base/utf8.h"
#include "domain/limits.h"

namespace app {
namespace {

// Common passwords of 15 characters and more, folded, sorted; made by tools/make_passwords.py.
constexpr std::string_view kCommon[] = {
#include "app/common_passwords.inc"
};

constexpr std::string_view kRuns[] = {
    "01234567890123456789012345678901234567890",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm",
    "1234567890qwertyuiopasdfghjklzxcvbnm1234567890",
    "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
};

/// The code points of a text, each letter in lower case (Unicode's simple mapping).
std::vector<utf8proc_int32_t> LowerCodePoints(std::string_view text) {
  std::vector<utf8proc_int32_t> points;
  points.reserve(text.size());
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  auto left = static_cast<utf8proc_ssize_t>(text.size());
  while (left > 0) {
    utf8proc_int32_t point = 0;
    const utf8proc_ssize_t bytes = utf8proc_iterate(at, left, &point);
    if (bytes <= 0) break;  // Not UTF-8; nothing here is.
    points.push_back(utf8proc_tolower(point));
    at += bytes;
    left -= bytes;
  }
  return points;
}

std::string Lower(std::string_view text) {
  std::string lower;
  for (const utf8proc_int32_t point : LowerCodePoints(text)) {
    utf8proc_uint8_t bytes[4];
    lower.append(reinterpret_cast<const char*>(bytes),
                 static_cast<std::size_t>(utf8proc_encode_char(point, bytes)));
  }
  return lower;
}

/// One piece of at most half the length, again and again (perhaps cut short at the end).
bool IsRepeat(std::string_view text) {
  for (std::size_t period = 1; period <= text.size() / 2; ++period) {
    if (std::ranges::equal(text.substr(period), text.substr(0, text.size() - period))) return true;
  }
  return false;
}

/// Part of a run, forwards or backwards.
bool IsRun(std::string_view text) {
  const std::string backwards(text.rbegin(), text.rend());
  return std::ranges::any_of(kRuns, [&](std::string_view run) {
    return run.find(text) != std::string_view::npos ||
           run.find(backwards) != std::string_view::npos;
  });
}

/// Characters whose code points go up or down by one, of whatever alphabet.
bool IsSequence(std::string_view text) {
  const std::vector<utf8proc_int32_t> points = LowerCodePoints(text);
  const utf8proc_int32_t step = points[1] - points[0];
  if (step != 1 && step != -1) return false;
  for (std::size_t i = 1; i < points.size(); ++i) {
    if (points[i] - points[i - 1] != step) return false;
  }
  return true;
}

}  // namespace

std::optional<base::FieldError> CheckNewPassword(std::string_view pointer,
                                                 std::string_view password, std::string_view email,
                                                 std::string_view name) {
  const std::size_t length = base::CodePoints(password).value_or(0);
  if (length < domain::kPasswordMin) {
    return base::FieldError{std::string(pointer), "too_short",
                            "Use at least 15 characters: a few words do well."};
  }
  if (length > domain::kPasswordMax) {
    return base::FieldError{std::string(pointer), "too_long", "Use at most 128 characters."};
  }
  const std::string folded = Lower(password);
  const bool is_common = IsRepeat(folded) || IsRun(folded) || IsSequence(folded) ||
                         std::ranges::binary_search(kCommon, std::string_view(folded)) ||
                         folded == Lower(email) || folded == Lower(name);
  if (!is_common) return std::nullopt;
  return base::FieldError{std::string(pointer), "common",
                          "This password is easy to guess. Use a few words of your own."};
}

std::string FoldEmail(std::string_view email) {
  return Lower(email);
}

bool IsEmail(std::string_view email) {
  const auto length = base::CodePoints(email);
  const std::size_t at = email.find('@');
  if (!length || *length > domain::kEmailMax || at == std::string_view::npos || at == 0 ||
      at + 1 == email.size() || email.find('@', at + 1) != std::string_view::npos) {
    return false;
  }
  return std::ranges::none_of(email, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F || c == ',' || c == ';' || c == '<' || c == '>' ||
           c == '"' || c == '(' || c == ')' || c == '\\';
  });
}

}  // namespace app
