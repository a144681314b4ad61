#pragma once

#include <functional>

#include "base/time.h"

namespace ports {

/// Tells the time of day. A function, so that a test is one lambda. Thread-safe.
using Clock = std::function<base::Time()>;

}  // namespace ports
