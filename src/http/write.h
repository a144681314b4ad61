#pragma once

#include <functional>
#include <string>

#include "app/lists.h"
#include "domain/decide.h"
#include "http/call.h"

namespace http {

/// An op of this call: who, when, under which conditions. Takes over the errors found so far, so
/// make it after all is read.
[[nodiscard]] domain::Op OpOf(Call& call, domain::Kind kind);

/// Runs the op and answers with `status` (or 200 where it repeats an earlier one) and what `body`
/// makes of the decision; 204 has no body. `location`: of what was made.
void RunOp(const CallPtr& call, domain::Op op, int status,
           std::function<std::string(const domain::Decision&)> body, std::string location = {});

/// The list of a decision, without members and items.
[[nodiscard]] std::string ListJson(const domain::Decision& decision, const base::Uuid& user);

/// `</v1/lists?…&cursor=…>; rel="next"`: this request's address with another cursor.
[[nodiscard]] std::string NextLink(const Request& request, std::string_view cursor);

}  // namespace http
