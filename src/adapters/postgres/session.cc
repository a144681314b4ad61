#include "adapters/postgres/session.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace adapters::postgres {
namespace {

// The number of the transaction (design.md, 'The idea'): 64 bits, never reused.
constexpr std::string_view kTxMark = ":tx";
constexpr std::string_view kTxText = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)";
// The statement's snapshot sees all transactions below its xmin that have committed; no other can.
constexpr std::string_view kHorizonMark = ":horizon";
constexpr std::string_view kHorizonText =
    "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)";

void Replace(std::string& text, std::string_view mark, std::string_view by) {
  for (std::size_t at = text.find(mark); at != std::string::npos;
       at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
}

/// `($1, $2), ($3, $4)`
std::string RowsText(std::size_t rows, std::size_t width) {
  std::string text;
  for (std::size_t i = 0; i < rows * width; ++i) {
    text += i % width != 0 ? ", $" : i == 0 ? "($" : "), ($";
    text += std::to_string(i + 1);
  }
  return text + ")";
}

std::string TextOf(Rows rows) {
  const ports::Sql& sql = *rows.front()->sql;
  std::string text = sql.text;
  if (rows.size() > 1) {
    text = sql.many->begin + RowsText(rows.size(), rows.front()->params.size()) + sql.many->end;
  }
  Replace(text, kTxMark, kTxText);
  Replace(text, kHorizonMark, kHorizonText);
  return text;
}

std::string FieldOf(const PGresult& result, int field) {
  const char* const text = PQresultErrorField(&result, field);
  return text == nullptr ? std::string() : text;
}

/// Whether a statement that was prepared with `types` takes these parameters. Those of many rows
/// have the types that its form says.
bool Takes(const std::vector<Oid>& types, Rows rows) {
  if (rows.size() > 1) return true;
  const std::vector<ports::Value>& values = rows.front()->params;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Oid type = TypeOf(values[i]);
    if (type != 0 && type != types[i]) return false;
  }
  return types.size() == values.size();
}

}  // namespace

Session::Session(ConnectionPtr connection, ServerFacts facts)
    : connection_(std::move(connection)), facts_(facts) {
  PQsetNoticeReceiver(connection_.get(), &Session::OnNotice, this);
  is_broken_ =
      PQsetnonblocking(connection_.get(), 1) != 0 || PQenterPipelineMode(connection_.get()) != 1;
}

Session::~Session() {
  Break();
}

void Session::Send(std::span<const Rows> statements, OnReply on_reply, bool last_commits) {
  if (exchanges_.empty()) waiting_since_ = Clock::now();
  Exchange& exchange = exchanges_.emplace_back();
  exchange.on_reply = std::move(on_reply);
  exchange.statements = statements.size();
  exchange.last_commits = last_commits;
  for (const Rows rows : statements) {
    if (is_broken_ || !Queue(rows)) return Break();
  }
  exchange.is_sent = true;  // PQpipelineSync may send all of it.
  if (PQpipelineSync(connection_.get()) != 1) return Break();
  expected_.push_back({Awaited::kSync, nullptr});
  Flush();
  // What is left to send ends with the sync.
  if (!is_broken_ && wants_to_send_) exchange.is_sent = false;
}

void Session::Send(const std::vector<const ports::Statement*>& statements, OnReply on_reply,
                   bool last_commits) {
  std::vector<Rows> each;
  each.reserve(statements.size());
  for (const ports::Statement* const& statement : statements) each.emplace_back(&statement, 1);
  Send(each, std::move(on_reply), last_commits);
}

bool Session::Queue(Rows rows) {
  const Prepared* const prepared = Prepare(rows);
  if (prepared == nullptr) return false;
  params_.Set(rows);
  if (PQsendQueryPrepared(connection_.get(), prepared->name.c_str(), params_.count(),
                          params_.values(), params_.lengths(), params_.formats(), 1) != 1) {
    return false;
  }
  expected_.push_back({Awaited::kResult, rows.front()->sql});
  return true;
}

/// A parameter that has been NULL so far has the type that the server inferred; once it comes with
/// a type the statement is prepared anew.
const Session::Prepared* Session::Prepare(Rows rows) {
  const ports::Statement& statement = *rows.front();
  Prepared& prepared = prepared_[statement.sql][std::bit_width(rows.size()) - 1U];
  if (!prepared.name.empty() && Takes(prepared.types, rows)) return &prepared;
  const std::size_t width = statement.params.size();
  prepared.types.resize(rows.size() * width);
  for (std::size_t i = 0; i < prepared.types.size(); ++i) {
    const Oid type = rows.size() > 1 ? TypeOf(statement.sql->many->types[i % width])
                                     : TypeOf(statement.params[i]);
    if (type != 0) prepared.types[i] = type;
  }
  prepared.name = "s" + std::to_string(++names_);
  if (PQsendPrepare(connection_.get(), prepared.name.c_str(), TextOf(rows).c_str(),
                    static_cast<int>(prepared.types.size()), prepared.types.data()) != 1) {
    return nullptr;
  }
  expected_.push_back({Awaited::kPrepared, statement.sql});
  return &prepared;
}

void Session::Flush() {
  const int left = PQflush(connection_.get());
  if (left < 0) return Break();
  wants_to_send_ = left == 1;
  if (!wants_to_send_) {
    for (Exchange& exchange : exchanges_) exchange.is_sent = true;
  }
}

void Session::OnSocket() {
  if (is_broken_) return;
  if (wants_to_send_) Flush();
  if (!is_broken_) Receive();
}

void Session::Receive() {
  const bool is_open = PQconsumeInput(connection_.get()) == 1;
  while (!is_broken_ && !expected_.empty() && PQisBusy(connection_.get()) == 0) {
    ResultPtr result(PQgetResult(connection_.get()));
    if (result) {
      Take(std::move(result));
    } else if (PQstatus(connection_.get()) == CONNECTION_BAD) {
      break;
    }
  }
  if (!is_broken_ && (!is_open || PQstatus(connection_.get()) == CONNECTION_BAD)) Break();
}

/// The result of what is expected next. libpq puts a null result behind each but a sync's.
void Session::Take(ResultPtr result) {
  const ExecStatusType status = PQresultStatus(result.get());
  if (status == PGRES_PIPELINE_SYNC) return Finish();
  if (status == PGRES_FATAL_ERROR) Fail(*result);
  const Expected expected = expected_.front();
  if (expected.what == Awaited::kSync) return;  // The commit failed; its sync is still to come.
  expected_.pop_front();
  const bool is_good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
  if (expected.what == Awaited::kPrepared) {
    if (!is_good) prepared_.erase(expected.sql);
  } else if (is_good) {
    exchanges_.front().reply.results.push_back(std::move(result));
  }
}

void Session::Fail(const PGresult& result) {
  Exchange& exchange = exchanges_.front();
  std::string sqlstate = FieldOf(result, PG_DIAG_SQLSTATE);
  if (sqlstate.empty() || exchange.is_refused) return;  // Empty: libpq's own, of a broken line.
  exchange.reply.failed_at = exchange.reply.results.size();
  const bool is_at_commit = expected_.front().what == Awaited::kSync;
  exchange.reply.failure = {std::move(sqlstate), FieldOf(result, PG_DIAG_CONSTRAINT_NAME)};
  // At the commit (the sync, or the statement that says so) an ERROR, as of a constraint, tells
  // that nothing was done; a FATAL, the end of the connection, may come behind a commit.
  const bool is_error = FieldOf(result, PG_DIAG_SEVERITY_NONLOCALIZED) == "ERROR";
  const bool is_commit =
      exchange.last_commits && exchange.reply.results.size() + 1 >= exchange.statements;
  if ((is_at_commit || is_commit) && !is_error) {
    exchange.is_warned = true;
  } else {
    exchange.is_refused = true;
  }
}

void Session::Finish() {
  Exchange exchange = std::move(exchanges_.front());
  exchanges_.pop_front();
  expected_.pop_front();
  waiting_since_ = Clock::now();
  exchange.reply.end = exchange.is_refused  ? Reply::End::kFailed
                       : exchange.is_warned ? Reply::End::kUnknown
                                            : Reply::End::kDone;
  exchange.on_reply(std::move(exchange.reply));
}

void Session::Break() {
  is_broken_ = true;
  wants_to_send_ = false;
  expected_.clear();
  while (!exchanges_.empty()) {
    Exchange exchange = std::move(exchanges_.front());
    exchanges_.pop_front();
    const bool may_be_done = exchange.is_sent && !exchange.is_refused;
    exchange.reply.end = may_be_done ? Reply::End::kUnknown : Reply::End::kNotDone;
    exchange.on_reply(std::move(exchange.reply));
  }
}

/// Warnings come before the sync that they belong to. Our statements cause none, so one can only
/// tell of a commit that did not reach its synchronous replica.
void Session::OnNotice(void* session, const PGresult* notice) {
  auto& self = *static_cast<Session*>(session);
  const std::string severity = FieldOf(*notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "WARNING" && !self.exchanges_.empty()) self.exchanges_.front().is_warned = true;
}

}  // namespace adapters::postgres
