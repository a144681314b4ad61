#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "domain/apply.h"
#include "domain/decide.h"
#include "domain/history.h"
#include "sim/basics.h"

namespace sim {

using domain::View;
using ViewPtr = std::shared_ptr<const View>;

/// All that was ever logged, and what each list was after each change: told by the log alone. Each
/// change is held against what must be so of any change, by rules that are not Decide's.
class Archive {
 public:
  struct Entry {
    domain::Change change;
    ViewPtr after;
  };
  using EntryPtr = std::shared_ptr<const Entry>;
  struct ListLog {
    std::vector<EntryPtr> entries;
    ViewPtr now = std::make_shared<const View>();
    /// Where items stood when they went out of view: the order then, and the length of the log.
    struct Left {
      std::vector<base::Uuid> order;
      std::size_t length = 0;
    };
    std::map<base::Uuid, Left> left;
    std::set<base::Uuid> purged;
  };

  explicit Archive(std::map<std::string, std::int64_t>& counts) : counts_(&counts) {}

  /// An op that may come to a change.
  void Sent(const domain::Op& op) { sent_.insert_or_assign(op.op_id, op); }
  void TakeSent(const Archive& other) { sent_ = other.sent_; }
  [[nodiscard]] const domain::Op* FindSent(const base::Uuid& op_id) const;

  /// The list was erased, and another one is made with its id.
  void Forget(const base::Uuid& list) { lists_.erase(list); }
  /// Of a change that Add gets later: what it takes away, if it is a purge that somebody asked for.
  void NotePurge(const base::Uuid& list, const domain::Change& change);
  /// The next change of a list.
  void Add(const base::Uuid& list, const domain::Change& change);

  [[nodiscard]] const std::map<base::Uuid, ListLog>& lists() const { return lists_; }
  [[nodiscard]] ListLog& at(const base::Uuid& list) { return lists_[list]; }
  [[nodiscard]] bool IsPurged(const base::Uuid& list, const base::Uuid& item) const;
  /// nullptr: there is no change of that revision.
  [[nodiscard]] const Entry* Find(const base::Uuid& list, std::int64_t revision) const;
  /// As it may still be shown: what was purged since has no content. Without what items' own
  /// revisions and times were, which the log does not tell of the past.
  [[nodiscard]] View Plain(const base::Uuid& list, View view) const;

  /// At the end: each of `acknowledged` (list, op) stands in the log once; moves between lists are
  /// in both.
  void CheckEnd(const std::set<std::pair<base::Uuid, base::Uuid>>& acknowledged) const;

 private:
  friend class ChangeCheck;

  std::map<std::string, std::int64_t>* counts_;
  std::unordered_map<base::Uuid, domain::Op> sent_;
  std::map<base::Uuid, ListLog> lists_;
};

/// The list as the API shows it when it is asked how it was.
[[nodiscard]] std::string TextOf(const base::Uuid& list, const View& view, domain::Role role);

}  // namespace sim
