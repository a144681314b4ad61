#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"

namespace app {

/// What is wrong with a new password, if anything (api.md, 'Accounts'): `too_short` below 15 code
/// points, `too_long` above 128, `common`: on the kept list, one short piece repeated, a run of
/// keys or letters, or the address or the name itself. No rule on what it is composed of.
/// `pointer`: of the field.
[[nodiscard]] std::optional<base::FieldError> CheckNewPassword(std::string_view pointer,
                                                               std::string_view password,
                                                               std::string_view email,
                                                               std::string_view name);

/// The form under which addresses compare: in lower case (Unicode's simple mapping).
[[nodiscard]] std::string FoldEmail(std::string_view email);

/// An address that mail could be sent to: one @ with something on both sides, no blanks and no
/// control characters, a dot or a plain host behind it, at most 254 code points.
[[nodiscard]] bool IsEmail(std::string_view email);

}  // namespace app
