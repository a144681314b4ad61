#include "app/passwords.h"

#include <algorithm>
#include <string>

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
    "98765432109876543210987654321098765432109",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
    "zyxwvutsrqponmlkjihgfedcbazyxwvutsrqponmlkjihgfedcba",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm",
    "1234567890qwertyuiopasdfghjklzxcvbnm1234567890",
    "1q2w3e4r5t6y7u8i9o0p1q2w3e4r5t6y7u8i9o0p",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
};

std::string Fold(std::string_view text) {
  std::string folded(text);
  for (char& c : folded) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return folded;
}

/// One piece of at most half the length, again and again (perhaps cut short at the end).
bool IsRepeat(std::string_view text) {
  for (std::size_t period = 1; period <= text.size() / 2 && period <= 12; ++period) {
    bool repeats = true;
    for (std::size_t i = period; i < text.size() && repeats; ++i) {
      repeats = text[i] == text[i - period];
    }
    if (repeats) return true;
  }
  return false;
}

bool IsRun(std::string_view text) {
  return std::ranges::any_of(
      kRuns, [&](std::string_view run) { return run.find(text) != std::string_view::npos; });
}

/// Letters or digits whose codes go up or down by one.
bool IsSequence(std::string_view text) {
  const int step = text[1] - text[0];
  if (step != 1 && step != -1) return false;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] - text[i - 1] != step) return false;
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
  const std::string folded = Fold(password);
  const bool is_common = IsRepeat(folded) || IsRun(folded) || IsSequence(folded) ||
                         std::ranges::binary_search(kCommon, std::string_view(folded)) ||
                         folded == Fold(email) || folded == Fold(name);
  if (!is_common) return std::nullopt;
  return base::FieldError{std::string(pointer), "common",
                          "This password is easy to guess. Use a few words of your own."};
}

std::string FoldEmail(std::string_view email) {
  return Fold(email);
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
