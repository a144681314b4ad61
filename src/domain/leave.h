#pragma once

#include "domain/decide.h"

namespace domain {

/// A member goes, because the account has gone: also from a list in trash. When it is the owner,
/// the list goes to the editor of longest standing, or, without editors, to the viewer: a list
/// always has exactly one owner. One change, of kind `revoke`. Errors: kNotFound (no list, or no
/// member), kConflict `last_member` (there is nobody to have it).
[[nodiscard]] base::Result<Decision> DecideLeave(const ListPtr& list, const Op& op,
                                                 const DecideContext& context);

}  // namespace domain
