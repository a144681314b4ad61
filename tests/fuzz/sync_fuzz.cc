// Bodies of sync: whatever they hold, reading them only collects errors that can be told. Each of
// their ops is done as a whole or not at all: the log's effects, forwards and backwards, are what
// became of the list; and a repeat of one that was done is answered with what it came to.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "domain/apply.h"
#include "domain/testing.h"
#include "http/sync_body.h"
#include "store/lists.h"

namespace {

using domain::Decision;
using domain::View;
using domain::testing::IdOf;
using domain::testing::kOwner;

constexpr std::uint64_t kFirstItem = 100;
constexpr std::size_t kItems = 6;
constexpr base::Time kNow{1'769'851'800'000};

/// All but what does not run backwards.
View Bare(View view) {
  for (auto& [id, item] : view.items) {
    item.revision = 0;
    item.updated_at = {};
  }
  return view;
}

/// A list with its log, and what a client holds that applies it.
struct Log {
  domain::ListPtr list;
  domain::History history;
  View view;

  void Take(const domain::Op& op, const Decision& decision) {
    CHECK(decision.change.has_value());
    const domain::Change& change = *decision.change;
    CHECK(change.revision == view.revision + 1 && change.revision == decision.list->revision);
    auto next = domain::Apply(view, change);
    CHECK(next.has_value() && *next == domain::ViewOf(*decision.list));
    const auto back = domain::Unapply(*next, change, view.revision, view.updated_at);
    CHECK(back.has_value() && Bare(*back) == Bare(view));
    CHECK(decision.list->item_count == static_cast<std::int64_t>(next->order.size()));
    view = std::move(*next);
    list = decision.list;
    auto logged = std::make_shared<domain::Logged>();
    logged->change = change;
    logged->digest = op.digest;
    logged->code = decision.code;
    logged->told = decision.told;
    history.Add(std::move(logged));
  }
};

class Service {
 public:
  Service() {
    for (const std::uint64_t number : {1U, 2U}) {
      Do(OpOf(domain::Kind::kCreateList, number), 0);
      for (std::size_t i = 0; number == 1 && i < kItems; ++i) Do(OpOf(domain::Kind::kAdd, 1), i);
    }
  }

  base::Result<Decision> Run(const domain::Op& op) {
    Log& log = logs_[op.list_id];
    domain::DecideContext context{kNow, 0, [this] { return random_(); }, IdOf(++batches_),
                                  &log.history};
    Log* const other = op.to_list ? &logs_[*op.to_list] : nullptr;
    if (other != nullptr) context.target = {other->list, &other->history};
    auto decision = domain::Decide(log.list, op, context);
    if (!decision) {
      CHECK(!decision.error().reason.empty() && !decision.error().detail.empty());
    } else if (!decision->first) {
      log.Take(op, *decision);
      CHECK(!decision->other || other != nullptr);
      if (decision->other) other->Take(op, *decision->other);
    }
    return decision;
  }

 private:
  domain::Op OpOf(domain::Kind kind, std::uint64_t list) {
    domain::Op op = domain::testing::OpOf(kind);
    op.list_id = IdOf(list);
    op.op_id = IdOf(1'000 + ++ops_);
    return op;
  }
  void Do(domain::Op op, std::size_t item) {
    if (op.kind == domain::Kind::kAdd) op.item_id = IdOf(kFirstItem + item);
    op.fields.mask = op.kind == domain::Kind::kAdd ? domain::kText : domain::kTitle;
    op.fields.text = op.fields.title = "milk";
    CHECK(Run(op).has_value());
  }

  std::map<base::Uuid, Log> logs_;
  domain::testing::Random random_{1};
  std::uint64_t batches_ = 0;
  std::uint64_t ops_ = 0;
};

void CheckErrors(const std::vector<base::FieldError>& errors) {
  for (const base::FieldError& error : errors) {
    CHECK(base::CodePoints(error.pointer).has_value());
    CHECK(error.pointer.empty() || error.pointer.front() == '/');
    CHECK(!error.code.empty() && !error.detail.empty());
  }
}

/// As app::Sync hands it on.
domain::Op Handed(const app::SyncOp& read) {
  domain::Op op = read.op;
  if (read.malformed) op.field_errors = read.malformed->fields;
  op.digest = store::DigestText(op);
  return op;
}

void RunOps(const http::SyncBody& body) {
  Service service;
  std::map<base::Uuid, std::int64_t> done;
  for (int time = 0; time < 2; ++time) {
    for (const app::SyncOp& read : body.ops) {
      if (read.malformed) CheckErrors(read.malformed->fields);
      if (!read.has_kind) {
        CHECK(read.malformed.has_value());
        continue;
      }
      const auto decision = service.Run(Handed(read));
      if (!decision) continue;
      CHECK(!read.malformed);
      const auto& first = decision->first;
      const std::int64_t revision = first ? first->change.revision : decision->list->revision;
      const auto [known, is_new] = done.try_emplace(read.op.op_id, revision);
      CHECK(first != nullptr || is_new);
      CHECK(known->second == revision);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto parsed = http::ParseBody(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!parsed) return 0;
  std::vector<base::FieldError> errors = parsed->errors;
  const http::SyncBody body = http::ReadSyncBody(parsed->value, kOwner, errors);
  CheckErrors(errors);
  if (errors.empty()) RunOps(body);
  return 0;
}
