#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "base/error.h"
#include "domain/change.h"
#include "domain/list.h"

namespace domain {

/// What a client holds of a list: its fields, its members, its live items in order. It is what the
/// log replicates.
struct View {
  struct Item {
    Fields fields;  // kWholeItem; `purged` where the log says so.
    std::int64_t revision = 0;
    base::Time updated_at;
    bool operator==(const Item&) const = default;
  };

  std::int64_t revision = 0;  // 0: nothing yet.
  base::Time updated_at;
  std::optional<Fields> row;  // kWholeList.
  std::map<base::Uuid, Role> members;
  std::vector<base::Uuid> order;
  std::map<base::Uuid, Item> items;  // Those in `order`.

  bool operator==(const View&) const = default;
};

/// What a client that loads the list holds.
[[nodiscard]] View ViewOf(const ListState& list);

/// The view after `change`, which must be the next one. A pure function.
/// Errors: kConflict with what does not fit (a gap, a `previous` that is not so, a place that is
/// not there): the log and the view do not belong together.
[[nodiscard]] base::Result<View> Apply(View view, const Change& change);

/// The view before `change`, which must be the last one applied. `before` is the revision and time
/// of the change before it (0 for none); items' `revision` and `updated_at` cannot be told (0).
[[nodiscard]] base::Result<View> Unapply(View view, const Change& change, std::int64_t revision,
                                         base::Time updated_at);

}  // namespace domain
