#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <utility>
#include <vector>

namespace base {

/// Why an operation failed: the smallest set that callers act on differently.
/// Each has exactly one HTTP status (http/problem.h).
enum class Code : std::uint8_t {
  kMalformed,     // 400: not JSON.
  kUnauthorized,  // 401
  kForbidden,     // 403: a member who may not.
  kNotFound,      // 404: no such thing, or not visible to this caller.
  kConflict,      // 409: `reason` names the conflict.
  kGone,          // 410: past retention.
  kStale,         // 412: If-Match does not hold.
  kTooLarge,      // 413
  kMediaType,     // 415
  kInvalid,       // 422: `fields` says which.
  kTooMany,       // 429: the caller's share is used.
  kUnavailable,   // 503: a dependency failed, a queue is full or a deadline passed.
};

/// What is wrong with one part of a request. `pointer` is a JSON pointer into the body, `?name` for
/// a query parameter, the name of a header, or `/id` for an id in the path (api.md, 'Errors').
struct FieldError {
  std::string pointer;
  std::string code;
  std::string detail;

  bool operator==(const FieldError&) const = default;
};

/// A failure that callers must expect. Programmer errors are not Errors: they abort (base/check.h).
struct Error {
  Code code;
  std::string reason;  // The problem document's `code`, as `list_full`. Part of the contract.
  std::string detail;  // One sentence for people, without secrets or list contents.
  std::vector<FieldError> fields;
  int retry_after_s = 0;  // For kTooMany and kUnavailable.
};

template <class T>
using Result = std::expected<T, Error>;

/// Shortest way to fail: `return Fail(Code::kConflict, "id_taken", "That id is in use.");`
[[nodiscard]] inline std::unexpected<Error> Fail(Code code, std::string reason,
                                                 std::string detail) {
  return std::unexpected(Error{code, std::move(reason), std::move(detail)});
}

/// The one 404 of a list, its items and all that hangs on it: the same for 'not there' and 'not
/// yours', so that a stranger learns nothing.
[[nodiscard]] inline Error NotFound() {
  return {Code::kNotFound, "not_found", "There is nothing here, or it is not yours to see."};
}

/// 503 with Retry-After: the write or read was not done and may be repeated.
[[nodiscard]] inline Error Unavailable(std::string detail) {
  return {Code::kUnavailable, "unavailable", std::move(detail), {}, 1};
}

}  // namespace base
