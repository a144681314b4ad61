#include "store/history.h"

#include <algorithm>
#include <array>
#include <utility>

#include "store/erase.h"
#include "store/json.h"

namespace store {
namespace {

using ports::Sql;
using ports::Statement;

constexpr Sql kReadCut{"lists.log_cut", "SELECT log_cut, log_cut_at FROM lists WHERE id = $1"};

#define CHANGE_COLUMNS                                                                           \
  "SELECT revision, op_id, at, actor_id, client_id, kind, status, item_id, digest, result_code," \
  " result_fields"
constexpr Sql kReadAfter{"changes.after", CHANGE_COLUMNS
                         ", effects FROM changes WHERE list_id = $1 AND revision > $2"
                         " ORDER BY revision"};
constexpr Sql kReadFromOp{"changes.from_op", CHANGE_COLUMNS
                          ", effects FROM changes WHERE list_id = $1 AND revision <= $3"
                          " AND revision >= (SELECT c.revision FROM changes c"
                          " WHERE c.list_id = $1 AND c.op_id = $2) ORDER BY revision"};

/// One text for each size, so that each is prepared once; ids are repeated up to that size.
template <std::size_t kCount>
const Sql& ByOpSql() {
  static const std::string text = [] {
    std::string made = CHANGE_COLUMNS ", '[]' FROM changes WHERE list_id = $1 AND op_id IN (";
    for (std::size_t i = 2; i <= kCount + 1; ++i) made += (i == 2 ? "$" : ",$") + std::to_string(i);
    return made + ")";
  }();
  static const Sql sql{"changes.by_op", text.c_str()};
  return sql;
}
#undef CHANGE_COLUMNS

// An item's id stands in the text of the effects only where one is of it (or names it as a place or
// a parent, which is looked at again).
constexpr Sql kReadOfItem{"changes.of_item",
                          "SELECT revision, item_id, effects FROM changes WHERE list_id = $1"
                          " AND (item_id = $2 OR effects LIKE $3)"};
// Kept answers are found by who may have got one: there is no index by list. Those to calls that
// changed nothing, as a repeated PUT, need not name it.
constexpr Sql kReadAnswersOfItem{
    "idempotency.of_item",
    "SELECT user_id, scope, body FROM idempotency"
    " WHERE user_id IN (SELECT user_id FROM members WHERE list_id = $1)"
    " AND (list_id = $1 OR list_id IS NULL) AND body LIKE $2"};

constexpr int kEffects = 11;  // Column.
// Statements, in their order; those of ops come last.
constexpr std::size_t kCut = 0;
constexpr std::size_t kFromOp = 1;
constexpr std::size_t kAfter = 2;
constexpr std::size_t kOfItem = 3;
constexpr std::size_t kAnswers = 4;

Statement ByOp(const base::Uuid& list, const std::vector<base::Uuid>& ids) {
  const auto [sql, size] = ids.size() <= 1 ? std::pair(&ByOpSql<1>(), 1UL)
                           : ids.size() <= 16
                               ? std::pair(&ByOpSql<16>(), 16UL)
                               : std::pair(&ByOpSql<HistoryNeed::kOpsMax>(), HistoryNeed::kOpsMax);
  Statement statement{sql, {list}};
  statement.params.reserve(size + 1);
  for (std::size_t i = 0; i < size; ++i) {
    statement.params.emplace_back(ids[std::min(i, ids.size() - 1)]);
  }
  return statement;
}

std::string Mentions(const base::Uuid& item) {
  return "%" + base::ToString(item) + "%";
}

}  // namespace

bool HistoryNeed::Add(const domain::Op& op) {
  const bool is_revert = op.kind == domain::Kind::kRevert;
  const bool is_purge = op.kind == domain::Kind::kPurge && !op.expires;
  if (!op.by_sync() && !is_revert && !is_purge) return true;  // It looks at nothing.
  // What one of these looks at is read whole: nothing that others need is read with it.
  if (whole || purge || ((is_revert || is_purge) && !empty())) return false;
  if (op_ids.size() >= kOpsMax) return false;
  if (op.by_sync()) {
    op_ids.push_back(op.op_id);
    if (op.base_revision) from = std::min(from, *op.base_revision);
  }
  if (is_revert) {
    whole = true;
    revert_op = op.revert_op;
    if (op.to_revision) from = std::min(from, *op.to_revision);
  }
  if (is_purge) purge = op.item_id;
  return true;
}

bool HistoryNeed::Covers(const domain::Op& op) const {
  if (op.by_sync() && std::ranges::find(op_ids, op.op_id) == op_ids.end()) return false;
  if (op.base_revision && *op.base_revision < from) return false;
  if (op.kind == domain::Kind::kPurge) return op.expires || purge == op.item_id;
  if (op.kind != domain::Kind::kRevert) return true;
  return whole && (op.to_revision ? *op.to_revision >= from : revert_op == op.revert_op);
}

bool IsBlind(const domain::Op& op) {
  HistoryNeed need;
  return need.Add(op) && need.empty();
}

HistoryLoader::HistoryLoader(const base::Uuid& list, HistoryNeed need)
    : list_(list), need_(std::move(need)) {}

std::vector<Statement> HistoryLoader::Statements() const {
  std::vector<Statement> statements{{&kReadCut, {list_}}};
  // In the order of their revisions: OnRow adds them as they come.
  const base::Uuid none{};
  statements.push_back({&kReadFromOp, {list_, need_.revert_op.value_or(none), need_.from}});
  statements.push_back({&kReadAfter, {list_, need_.from}});
  if (need_.purge) {
    statements.push_back({&kReadOfItem, {list_, *need_.purge, Mentions(*need_.purge)}});
    statements.push_back({&kReadAnswersOfItem, {list_, Mentions(*need_.purge)}});
  }
  if (!need_.op_ids.empty()) statements.push_back(ByOp(list_, need_.op_ids));
  return statements;
}

void HistoryLoader::OnRow(std::size_t statement, const ports::Row& row) {
  if (statement == kCut) {
    cut_ = row.Int(0);
    if (!row.IsNull(1)) cut_at_ = row.TimeOf(1);
  } else if (need_.purge && statement == kOfItem) {
    OnErased(row);
  } else if (need_.purge && statement == kAnswers) {
    OnAnswer(row);
  } else if (auto logged = ReadLogged(row)) {
    auto& known = statement == kFromOp || statement == kAfter ? changes_ : known_;
    known.push_back(std::make_shared<const domain::Logged>(std::move(*logged)));
  }
}

/// Nothing where the row cannot be read, or where there is too much.
std::optional<domain::Logged> HistoryLoader::ReadLogged(const ports::Row& row) {
  const std::string_view effects = row.Text(kEffects);
  if (need_.whole) bytes_ += effects.size();
  if (bytes_ > kBytesMax) return std::nullopt;
  domain::Logged logged;
  domain::Change& change = logged.change;
  change.revision = row.Int(0);
  change.op_id = row.UuidOf(1);
  change.at = row.TimeOf(2);
  change.actor_id = row.UuidOf(3);
  if (!row.IsNull(4)) change.client_id = row.UuidOf(4);
  const auto kind = domain::ParseKind(row.Text(5));
  const auto status = domain::ParseStatus(row.Text(6));
  auto parsed = ParseEffects(effects);
  auto told = row.IsNull(10) ? base::Result<domain::Fields>() : ParseFields(row.Text(10));
  if (!kind || !status || !parsed || !told) {
    is_malformed_ = true;
    return std::nullopt;
  }
  change.kind = *kind;
  change.status = *status;
  if (!row.IsNull(7)) change.item_id = row.UuidOf(7);
  change.effects = std::move(*parsed);
  logged.digest = row.BytesOf(8);
  if (logged.digest == ErasedDigest()) logged.digest.clear();
  logged.code = row.Text(9);
  if (!row.IsNull(10)) logged.told = std::move(*told);
  if (!need_.whole) change = domain::SlimOf(std::move(change));
  return logged;
}

void HistoryLoader::OnErased(const ports::Row& row) {
  auto effects = EffectsWithout(row.Text(2), need_.purge.value_or(base::Uuid{}));
  is_malformed_ |= !effects;
  if (effects) erased_.push_back({row.Int(0), std::move(*effects)});
}

void HistoryLoader::OnAnswer(const ports::Row& row) {
  answers_.push_back({row.UuidOf(0), std::string(row.BytesOf(1)),
                      AnswerWithout(row.Text(2), need_.purge.value_or(base::Uuid{}))});
}

base::Result<domain::History> HistoryLoader::Finish() {
  if (bytes_ > kBytesMax) {
    return base::Fail(base::Code::kInvalid, "not_revertible",
                      "Too much has changed since: undo it in smaller steps.");
  }
  if (is_malformed_) return std::unexpected(base::Unavailable("The log could not be read."));
  domain::History history(cut_, cut_at_);
  for (domain::LoggedPtr& change : changes_) history.Add(std::move(change));
  for (const domain::LoggedPtr& known : known_) history.AddOp(known);
  return history;
}

}  // namespace store
