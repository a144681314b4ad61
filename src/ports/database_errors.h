#pragma once

#include "base/error.h"

/// How every adapter of Database refuses, in the same words: kUnavailable, nothing was done, but
/// for OutcomeUnknown.
namespace ports {

[[nodiscard]] inline base::Error TooManyWrites() {
  return base::Unavailable("Too many changes wait to be written.");
}
[[nodiscard]] inline base::Error WriteTooLate() {
  return base::Unavailable("The change waited too long to be written.");
}
[[nodiscard]] inline base::Error WriteFailed() {
  return base::Unavailable("The change could not be written.");
}
[[nodiscard]] inline base::Error TooManyReads() {
  return base::Unavailable("Too many reads wait.");
}
[[nodiscard]] inline base::Error ReadTooLate() {
  return base::Unavailable("The read took too long.");
}
[[nodiscard]] inline base::Error ReadFailed() {
  return base::Unavailable("The data could not be read.");
}
[[nodiscard]] inline base::Error Ending() {
  return base::Unavailable("The service is about to end.");
}
[[nodiscard]] inline base::Error OutcomeUnknown() {
  return {base::Code::kUnavailable,
          "outcome_unknown",
          "It is not known whether the change was written: repeat it with the same id.",
          {},
          1};
}

}  // namespace ports
