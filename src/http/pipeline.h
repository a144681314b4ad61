#pragma once

#include "http/call.h"
#include "http/exchange.h"

namespace http {

/// The service's handler: finds the route, signs the caller in, reads the body, loads the list and
/// authorises, replays, and calls the route's handler, in the order in which refusals go before one
/// another (api.md, 'Errors'). A hot list is answered on the loop before any of that is built.
/// `services` must outlive the handler.
[[nodiscard]] Handler MakePipeline(Services& services);

}  // namespace http
