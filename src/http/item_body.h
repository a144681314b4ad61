#pragma once

#include <optional>

#include "base/uuid.h"
#include "domain/decide.h"
#include "http/json_body.h"

/// What single calls and ops of sync say of an item, in the same words.
namespace http {

/// Fields of an item that add and set share. A null means the default, where there is one.
void ReadItemFields(BodyReader& body, domain::Fields& fields);

/// `done`, which only set has.
void ReadDone(BodyReader& body, domain::Fields& fields);

/// `title`, of create-list and set-list.
void ReadListTitle(BodyReader& body, domain::Fields& fields);

/// `archived`, which only set-list has.
void ReadArchived(BodyReader& body, domain::Fields& fields);

struct Target {
  domain::Side side = domain::Side::kNone;
  std::optional<base::Uuid> neighbour;
};

/// `after` or `before`: an item, or null for the end that is meant.
[[nodiscard]] Target ReadTarget(BodyReader& body, bool is_needed);

}  // namespace http
