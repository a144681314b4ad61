#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "domain/change.h"
#include "domain/list.h"

/// The JSON of the API: written by hand-made append, read by Boost.JSON. What is stored of a change
/// (effects, overridden, kept) is the same text that is sent, so a page of the log is a copy.
/// Cost: 100 items in some 5 us. Thread-safe.
namespace store {

/// An item as api.md, 'Items', has it, in that order.
void AppendItem(std::string& out, const domain::Item& item);

/// A list without members and items.
void AppendList(std::string& out, const domain::ListState& list, domain::Role role);
/// The same without its opening brace, `role`, and its closing brace: what is equal for all
/// members.
void AppendListAfterRole(std::string& out, const domain::ListState& list);
/// `[{user_id, role}]`
void AppendMembers(std::string& out, const std::vector<domain::Member>& members);

void AppendDue(std::string& out, const std::optional<domain::Due>& due);
void AppendLabels(std::string& out, const std::vector<std::string>& labels);

/// A part of an entity: what `set`, `previous` and `overridden` hold. Whole items have `repeat`.
void AppendFields(std::string& out, domain::Entity entity, const domain::Fields& fields);
void AppendEffects(std::string& out, const std::vector<domain::Effect>& effects);
void AppendKept(std::string& out, const std::vector<domain::Kept>& kept);
void AppendChange(std::string& out, const domain::Change& change);

/// The reverse, of text that this program has written. Errors: kMalformed.
[[nodiscard]] std::optional<domain::Due> ParseDue(std::string_view json);
[[nodiscard]] std::vector<std::string> ParseLabels(std::string_view json);
[[nodiscard]] base::Result<domain::Fields> ParseFields(std::string_view json);
[[nodiscard]] base::Result<std::vector<domain::Effect>> ParseEffects(std::string_view json);
[[nodiscard]] base::Result<domain::Change> ParseChange(std::string_view json);
[[nodiscard]] base::Result<std::vector<domain::Change>> ParseChanges(std::string_view json);

}  // namespace store
