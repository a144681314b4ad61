#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "domain/decide.h"
#include "domain/leave.h"
#include "domain/testing.h"
#include "ports/database.h"
#include "store/accounts.h"
#include "store/idempotency.h"
#include "store/lists.h"

/// Batches as the product makes them, drawn from a seed.
namespace contract {

using base::Time;
using base::Uuid;
using domain::Kind;
using domain::ListPtr;
using domain::testing::IdOf;
using domain::testing::Random;

inline constexpr std::uint64_t kPeople = 6;
inline constexpr std::uint64_t kLists = 8;
inline constexpr Time kStart{1'700'000'000'000};
inline constexpr std::uint64_t kPersonIds = 10;
inline constexpr std::uint64_t kListIds = 1000;
inline constexpr std::uint64_t kItemIds = 5000;

/// Draws batches as the product makes them: on what is there, on what was there before, with marks,
/// keys, hashes and revisions that are right or not.
class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}

  ports::Batch Next() {
    now_.ms += 1000;
    is_list_ = false;
    // Everybody is there first: only SQLite refers hot tables to users
    // (db/postgres/0001_lists.sql).
    if (sessions_ < kPeople) return SignUpAs(IdOf(kPersonIds + sessions_), sessions_);
    switch (random_.Below(12)) {
      case 0: return SignUp();
      case 1: return Session();
      case 2: return Password();
      case 3: return Job();
      default: return ListOp();
    }
  }

  /// Takes over what the batch did, if it did.
  void Took(const base::Result<ports::Outcome>& outcome) {
    if (erased_ && outcome && outcome->changed.front() == 1) lists_[*erased_].clear();
    erased_.reset();
    if (is_list_ && outcome && outcome->changed.at(guard_) == 1) {
      lists_[after_->id].push_back(after_);
    }
  }

  [[nodiscard]] Time now() const { return now_; }
  [[nodiscard]] const std::set<std::string>& seen() const { return seen_; }

 private:
  Uuid Person() { return IdOf(kPersonIds + random_.Below(kPeople)); }
  std::string Hash() { return "hash " + std::to_string(random_.Below(3)); }
  std::string Mark() {
    std::string mark;
    for (int i = 0; i < 16; ++i) mark += static_cast<char>(random_());
    return mark;
  }
  static std::string Digest(std::uint64_t of) {
    return std::string(31, 'd') + static_cast<char>('a' + of % 26);
  }
  store::SessionRow NewSession(const Uuid& user) {
    store::SessionRow session;
    session.id = IdOf(100'000 + random_.Below(60));
    session.user_id = user;
    session.secret = Digest(random_());
    session.generation = static_cast<std::int64_t>(1 + random_.Below(3));
    session.rotated_at = session.created_at = now_;
    session.user_agent = "agent";
    session.cookie = random_.Below(2) == 0;
    session.expires_at = {now_.ms + 1'000'000'000};
    return session;
  }

  ports::Batch SignUp() { return SignUpAs(Person(), random_.Below(kPeople)); }

  ports::Batch SignUpAs(const Uuid& user, std::uint64_t address) {
    seen_.insert("sign-up");
    const std::string email = "person" + std::to_string(address) + "@example.org";
    store::SessionRow session = NewSession(user);
    session.id = IdOf(200'000 + ++sessions_);
    return store::SignUpBatch({user, email, "Ä person", "{}", now_}, email, Hash(),
                              Digest(random_()), session, Mark());
  }

  ports::Batch Session() {
    seen_.insert("session");
    const Uuid user = Person();
    store::SessionRow session = NewSession(user);
    switch (random_.Below(5)) {
      case 0: return store::RotateBatch(session, {{now_, now_}}, now_, session.expires_at);
      case 1: return store::MarkUsedBatch(session.id, session.generation, now_);
      case 2: return store::EndSessionBatch(user, session.id, now_, Mark());
      case 3: return store::EndAllSessionsBatch(user, now_);
      default:
        session.id = IdOf(200'000 + ++sessions_);
        return store::SignInBatch(session, Hash(), Digest(random_()), Mark());
    }
  }

  ports::Batch Password() {
    seen_.insert("password");
    const Uuid user = Person();
    switch (random_.Below(8)) {
      case 0: return store::DeleteUserBatch(user, Hash(), IdOf(300'000 + ++jobs_), now_, Mark());
      case 1:
      case 2:
        return store::SetUserBatch({user, "", "Name", R"({"a":"ü"})", now_}, "Ä person", "{}", now_,
                                   Mark());
      default:
        return store::SetPasswordBatch(user, IdOf(200'000 + sessions_), Hash(), Hash(), now_,
                                       Mark());
    }
  }

  ports::Batch Job() {
    seen_.insert("job");
    const Uuid job = IdOf(300'000 + random_.Below(5));
    switch (random_.Below(4)) {
      case 0: return store::ClaimJobBatch(job, now_, {now_.ms + 60'000});
      case 1: return store::DelayJobBatch(job, now_);
      case 2: return store::EndJobBatch(job);
      default: return {{store::RemoveExpiredStatement({now_.ms - 20'000})}};
    }
  }

  ports::Batch ListOp() {
    const Uuid id = IdOf(kListIds + random_.Below(kLists));
    auto& known = lists_[id];
    const bool is_stale = known.size() > 1 && random_.Below(6) == 0;
    const ListPtr before = known.empty() || random_.Below(40) == 0 ? nullptr
                           : is_stale                              ? known[known.size() - 2]
                                                                   : known.back();
    if (before && random_.Below(60) == 0) return Erase(*before);
    const domain::DecideContext context{now_, 0, [this] { return random_(); },
                                        IdOf(900'000'000 + random_.Below(1'000'000'000))};
    store::ListWrite write;
    write.before = write.after = before;
    write.epoch = random_.Below(50) == 0 ? 1 : 0;
    if (before && random_.Below(6) == 0) Join(write);
    const bool is_sync = random_.Below(4) == 0;
    const std::size_t most = random_.Below(is_sync ? 2 : 20) == 0 ? 40 : 3;
    for (std::size_t ops = 1 + random_.Below(most); ops > 0; --ops) {
      const domain::Op op = AnyOp(id, write.after);
      auto decision = op.kind == Kind::kRevoke ? domain::DecideLeave(write.after, op, context)
                                               : domain::Decide(write.after, op, context);
      if (!decision || !decision->change) continue;
      seen_.insert(std::string(Name(op.kind)));
      write.after = decision->list;
      write.changes.push_back({std::move(*decision->change), Digest(random_())});
      if (is_sync) Tell(op, write.changes.back());
      for (domain::ItemPtr& row : decision->rows) {
        std::erase_if(write.rows, [&](const auto& each) { return each->id == row->id; });
        write.rows.push_back(std::move(row));
      }
    }
    if (write.changes.empty()) {
      if (!before) return {{store::RemoveExpiredStatement({0})}};
      seen_.insert("touch");
      return {{store::TouchStatement(*before, write.epoch), Keep(random_.Below(30), id, Mark()),
               store::TouchKeptStatement(IdOf(kPersonIds), Digest(random_.Below(10)))}};
    }
    const std::uint64_t key = random_.Below(30);
    if (key < 5) write.once = store::KeyInUse{IdOf(kPersonIds), Digest(key), now_};
    store::ListBatch made = store::BatchOf(write);
    if (key < 10) made.batch.statements.push_back(Keep(key, id, store::MarkOf(*write.after).data));
    is_list_ = true;
    guard_ = made.guard;
    after_ = write.after;
    return std::move(made.batch);
  }

  /// What a sync is told of its op.
  void Tell(const domain::Op& op, store::LoggedChange& logged) {
    seen_.insert("sync");
    if (random_.Below(4) != 0) logged.base_revision = logged.change.revision - 1;
    if (random_.Below(4) == 0) logged.code = "invalid_parent";
    if (random_.Below(4) == 0) logged.told = op.fields;
  }

  /// What is not due yet: somebody joins, or their role changes.
  void Join(store::ListWrite& write) {
    domain::ListState state = *write.before;
    const Uuid user = Person();
    const auto known = std::ranges::find(state.members, user, &domain::Member::user_id);
    domain::Change change;
    change.revision = state.revision = domain::NextRevision(0, state.revision);
    change.op_id = IdOf(1'000'000 + ++ops_);
    change.at = state.updated_at = now_;
    change.actor_id = user;
    if (known == state.members.end()) {
      change.kind = Kind::kGrant;
      state.members.push_back({user, domain::Role::kEditor, now_});
    } else if (known->role == domain::Role::kEditor) {
      change.kind = Kind::kRole;
      known->role = domain::Role::kViewer;
    } else {
      return;
    }
    seen_.insert(std::string(Name(change.kind)));
    state.batch = IdOf(800'000'000 + ops_);
    write.after = std::make_shared<const domain::ListState>(std::move(state));
    write.changes.push_back({std::move(change), Digest(random_())});
  }

  ports::Batch Erase(const domain::ListState& list) {
    seen_.insert("erase");
    erased_ = list.id;
    return store::EraseListBatch(list.id, Person(), list.revision, Mark());
  }

  ports::Statement Keep(std::uint64_t key, const Uuid& list, const std::string& mark) {
    store::KeptAnswer answer;
    answer.user_id = IdOf(kPersonIds);
    answer.scope = Digest(key);
    answer.digest = Digest(random_());
    answer.created_at = now_;
    answer.expires_at = {now_.ms + 30'000};
    answer.body = R"({"text":"é"})";
    answer.etag = random_.Below(2) == 0 ? "" : "\"7\"";
    answer.list_revision = static_cast<std::int64_t>(random_.Below(2));
    return store::KeepStatement(answer, list, mark);
  }

  domain::Op AnyOp(const Uuid& list, const ListPtr& state) {
    domain::Op op;
    op.op_id = IdOf(1'000'000 + ++ops_);
    op.list_id = list;
    op.actor_id = state ? state->members.front().user_id : Person();
    if (random_.Below(3) == 0) op.client_id = IdOf(77);
    if (!state) {
      op.kind = Kind::kCreateList;
      op.fields.mask = domain::kTitle;
      op.fields.title = "Ein Ⅹ Titel " + std::to_string(random_.Below(9));
      return op;
    }
    op.item_id = IdOf(kItemIds + random_.Below(30));
    constexpr std::array kKinds{Kind::kAdd,     Kind::kAdd,       Kind::kAdd,        Kind::kSet,
                                Kind::kSet,     Kind::kMove,      Kind::kRemove,     Kind::kRestore,
                                Kind::kSetList, Kind::kClearDone, Kind::kRestoreList};
    op.kind = kKinds[random_.Below(kKinds.size())];
    if (random_.Below(30) == 0) op.kind = Kind::kRemoveList;
    if (state->deleted_at && random_.Below(2) == 0) op.kind = Kind::kRestoreList;
    if (random_.Below(60) == 0) op.kind = Kind::kRevoke;
    Fill(op);
    return op;
  }

  void Fill(domain::Op& op) {
    if (op.kind == Kind::kMove || op.kind == Kind::kAdd) {
      op.side = random_.Below(2) == 0 ? domain::Side::kAfter : domain::Side::kBefore;
    }
    if (op.kind == Kind::kSetList) {
      op.fields.mask = domain::kTitle | domain::kArchived;
      op.fields.title = "T" + std::to_string(random_.Below(3));
      op.fields.archived = random_.Below(2) == 0;
    }
    if (op.kind != Kind::kAdd && op.kind != Kind::kSet) return;
    op.fields.mask = domain::kText | domain::kNote | domain::kLabels | domain::kDue;
    op.fields.text = "'; \" \\ 😀 " + std::to_string(random_.Below(5));
    op.fields.note = std::string(random_.Below(3) * 100, 'n');
    op.fields.labels.assign(random_.Below(2), "etikett ß");
    if (random_.Below(2) == 0) op.fields.due = domain::Due{domain::Due::Kind::kDate, "2026-02-01"};
    if (op.kind == Kind::kSet && random_.Below(2) == 0) {
      op.fields.mask = domain::kDone;
      op.fields.done = random_.Below(2) == 0;
    }
  }

  Random random_;
  Time now_ = kStart;
  std::uint64_t ops_ = 0;
  std::uint64_t sessions_ = 0;
  std::uint64_t jobs_ = 0;
  std::map<Uuid, std::vector<ListPtr>> lists_;
  std::optional<Uuid> erased_;
  bool is_list_ = false;
  std::size_t guard_ = 0;
  ListPtr after_;
  std::set<std::string> seen_;
};

}  // namespace contract
