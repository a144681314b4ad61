#pragma once

#include <string>

#include "base/error.h"
#include "domain/apply.h"
#include "domain/decide.h"

/// What sync tells of an op, and a list as it was, as JSON (api.md, 'Sync', *Result*, and 'Lists').
namespace store {

/// `{status, revision, code?, fields?}`; of an op that had been done, its first result.
void AppendResult(std::string& out, const domain::Decision& decision);
/// `{"status": "refused", code, detail, fields?}`: where the error has fields, the detail names
/// them; `to_list` of an item that was moved comes in `fields`.
void AppendRefusal(std::string& out, const base::Error& error);

/// The whole list, as `GET /v1/lists/{id}` has it, of a view. Items' `revision` and `updated_at`
/// are null: they cannot be told of the past.
void AppendPastList(std::string& out, const base::Uuid& id, const domain::View& view,
                    domain::Role role);

}  // namespace store
