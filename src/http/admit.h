#pragma once

#include "http/routes.h"

namespace http {

/// For routes below /v1/lists/{id}: finds the list and the item of the path, and asks whether the
/// caller may do what the call is for; then calls `pass`, or answers 404, 403 or 503. Where an item
/// is to be moved to another list, the caller must be allowed to edit that one, too.
void Admit(const CallPtr& call, CallHandler pass);

}  // namespace http
