#pragma once

#include <functional>
#include <string>

#include "base/metrics.h"
#include "http/exchange.h"

namespace http {

/// Whether what the service depends on answers, told on any thread: true, or what is wrong.
using Probe = std::function<void(std::function<void(bool is_well, std::string detail)>)>;

/// The operators' handler: `GET /metrics` (Prometheus text) and `GET /healthz/deep` (200, or 503
/// with what is wrong). For a listener that clients cannot reach.
[[nodiscard]] Handler MakeOperatorsHandler(base::Metrics& metrics, Probe probe);

}  // namespace http
