#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/change.h"

namespace domain {

/// A change with what only the server keeps of it: its op's digest and, for a repeat of the op, the
/// rest of its first result (api.md, 'Result').
struct Logged {
  Change change;
  std::string digest;          // SHA-256 of the op; empty where nobody will ask, or it was erased.
  std::string code;            // Empty: none.
  std::optional<Fields> told;  // The values that stand instead of the op's.
};
using LoggedPtr = std::shared_ptr<const Logged>;

/// Whose an op is, for the conflict rules: what the same person did on the same local store is no
/// news to it.
using Maker = std::pair<base::Uuid, std::optional<base::Uuid>>;

/// What is known of one list's log when an op is decided: everything after some revision, and
/// single changes by their op. Changes may be slim (SlimOf) but for those that a revert undoes.
/// Not thread-safe. Cost: Add and the look-ups O(1), After O(log changes).
class History {
 public:
  History() = default;
  /// `cut`: the newest change that the log no longer holds; 0 and no time: it holds all.
  History(std::int64_t cut, base::Time cut_at) : cut_(cut), cut_at_(cut_at) {}

  /// The next change; upwards, without a gap, up to the newest.
  void Add(LoggedPtr logged);
  /// One that is known by its op, wherever it stands.
  void AddOp(const LoggedPtr& logged);

  [[nodiscard]] std::int64_t cut() const { return cut_; }
  [[nodiscard]] base::Time cut_at() const { return cut_at_; }
  /// Changes above `revision` that were added, upwards.
  [[nodiscard]] std::span<const LoggedPtr> After(std::int64_t revision) const;
  /// nullptr: no such op among what was added.
  [[nodiscard]] const LoggedPtr* FindOp(const base::Uuid& op_id) const;

 private:
  std::int64_t cut_ = 0;
  base::Time cut_at_{};
  std::vector<LoggedPtr> changes_;
  std::unordered_map<base::Uuid, LoggedPtr> ops_;
};

/// The fields that an effect changed; all of them for what was made or is gone for good.
[[nodiscard]] std::uint32_t ChangedBy(const Effect& effect);

/// The change without its content: which fields changed, ticks, places, and what came and went.
/// All that conflict rules and hidden places ask for; a thousandth of the memory.
[[nodiscard]] Change SlimOf(Change change);

/// Whether an effect's item comes into view, or leaves it.
[[nodiscard]] inline bool ComesIntoView(const Effect& effect) {
  return effect.after.has_value() && !effect.was_after.has_value();
}

}  // namespace domain
