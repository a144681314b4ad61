#pragma once

#include <string>
#include <unordered_set>
#include <vector>

#include "domain/decide.h"
#include "domain/edit.h"

/// Inside of Decide: what its parts share. decide.cc has the order of checks and lists, the others
/// a kind each.
namespace domain {

[[nodiscard]] std::unexpected<base::Error> Invalid(std::vector<base::FieldError> errors);
[[nodiscard]] std::unexpected<base::Error> ListFull();
[[nodiscard]] std::unexpected<base::Error> ListTrashed();
[[nodiscard]] std::unexpected<base::Error> IdTaken();
[[nodiscard]] std::unexpected<base::Error> RevisionAhead();
[[nodiscard]] std::unexpected<base::Error> OpIdReused();

/// What others have done to a list since the maker of an op had last looked. Nothing for a single
/// call, which means the list as it is.
class Since {
 public:
  Since(const Op& op, const History* history);

  /// The fields of one entity that were changed.
  [[nodiscard]] std::uint32_t FieldsOf(Entity entity, const base::Uuid& id) const;
  /// Whether an item came into view or was opened again, or one of its children did: who wants it
  /// gone had not seen that.
  [[nodiscard]] bool Spares(const ListState& list, const base::Uuid& item) const;

 private:
  std::vector<const Change*> changes_;
  std::unordered_set<base::Uuid> came_back_;
};

/// What becomes of the fields that an op wants to set.
struct Wanted {
  Fields set;         // To be written.
  Fields overridden;  // The op's values that do not come to be,
  Fields told;        // and those that stand.
  std::string code;
};

/// Parts `wanted` into what is new, what another changed first, and what stands already. `hits`:
/// the fields that others changed.
[[nodiscard]] Wanted PartsOf(const Fields& wanted, const Fields& have, std::uint32_t hits,
                             bool parent_fits);

/// The place that an op names. A neighbour of a single call must be live: else an error is added.
/// By sync it may be hidden, and stands for where it stood.
[[nodiscard]] Target TargetOf(const ListState& list, const Op& op,
                              std::vector<base::FieldError>& errors);

[[nodiscard]] base::Result<Decision> DecideOnItem(const ListPtr& list, const Op& op,
                                                  const DecideContext& context, const Since& since);
[[nodiscard]] base::Result<Decision> DecideTransfer(const ListPtr& list, const Item& item,
                                                    const Op& op, const DecideContext& context);
[[nodiscard]] base::Result<Decision> DecideRevert(const ListPtr& list, const Op& op,
                                                  const DecideContext& context);

}  // namespace domain
