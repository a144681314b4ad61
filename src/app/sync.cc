#include "app/sync.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "app/batch_job.h"
#include "app/sync_read.h"
#include "base/json_writer.h"
#include "store/lists.h"
#include "store/sync.h"
#include "store/sync_json.h"

namespace app {
namespace {

constexpr std::chrono::seconds kReadTime{10};  // All of it; the ops have had their own.

base::Error NoCursor() {
  base::Error error{base::Code::kInvalid, "invalid_request",
                    "Some fields are not as they must be."};
  error.fields.push_back({"/cursor", "invalid", "This is no cursor of this person's."});
  return error;
}

std::string AnswerOf(const std::vector<SyncOp>& ops, const std::vector<std::string>& results,
                     const SyncDifference& difference) {
  std::string out = "{\"cursor\":\"" + difference.cursor + "\",\"results\":{";
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (i > 0) out += ',';
    base::AppendJson(out, ops[i].op.op_id);
    (out += ':').append(results[i]);
  }
  out.append("},\"lists\":{").append(difference.lists);
  out.append("},\"granted\":[").append(difference.granted);
  out.append("],\"revoked\":[").append(difference.revoked);
  out += difference.has_more ? "],\"has_more\":true" : "],\"has_more\":false";
  out += difference.is_reset ? ",\"reset\":true}" : "}";
  return out;
}

/// Each once.
std::vector<base::Uuid> ListsOf(const std::vector<SyncOp>& ops) {
  std::vector<base::Uuid> lists;
  for (const SyncOp& op : ops) {
    const base::Uuid& list = op.op.list_id;
    if (std::ranges::find(lists, list) == lists.end()) lists.push_back(list);
    if (lists.size() > kWrittenMax) break;
  }
  return lists;
}

}  // namespace

/// One request on its way.
struct Sync::Exchange {
  SyncRequest request;
  Done done;
  std::optional<SyncCursor> cursor;
  std::vector<std::string> results;  // As JSON, one for each op.
  std::atomic<std::size_t> left{0};  // Ops without a result.
  std::mutex mutex;
  std::optional<base::Error> unavailable;

  void Take(std::size_t op, base::Result<Answer> answer) {
    if (answer) {
      results[op] = std::move(answer->body);
    } else if (answer.error().code == base::Code::kUnavailable) {
      const std::scoped_lock lock(mutex);
      unavailable = std::move(answer.error());
    } else {
      store::AppendRefusal(results[op], answer.error());
    }
  }
};

Sync::Sync(ports::Database& database, ports::Crypto& crypto, Lists& lists)
    : database_(database), crypto_(crypto), lists_(lists) {}

void Sync::Run(SyncRequest request, Done done) {
  auto exchange = std::make_shared<Exchange>();
  exchange->request = std::move(request);
  exchange->done = std::move(done);
  if (!exchange->request.cursor) return RunOps(exchange);
  CheckCursor(exchange, false);
}

/// A cursor that is none by the key that was read last is looked at once more by the one there is
/// now: the database may be another by then.
void Sync::CheckCursor(const ExchangePtr& exchange, bool is_last) {
  const std::string key = Key();
  if (!key.empty()) {
    exchange->cursor = ReadSyncCursor(crypto_, key, exchange->request.user_id,
                                      exchange->request.cursor.value_or(""));
  }
  if (exchange->cursor) return RunOps(exchange);
  if (is_last) return exchange->done(std::unexpected(NoCursor()));
  FetchKey(exchange);
}

void Sync::FetchKey(const ExchangePtr& exchange) {
  ReadRows(
      database_, {store::CursorKeyStatement()},
      [this](std::size_t, const ports::Row& row) { KeepKey(row.BytesOf(0)); },
      [this, exchange](const base::Result<void>& read) {
        if (!read) return exchange->done(std::unexpected(read.error()));
        CheckCursor(exchange, true);
      });
}

void Sync::RunOps(const ExchangePtr& exchange) {
  const auto& ops = exchange->request.ops;
  exchange->results.resize(ops.size());
  std::vector<WriteRequest> writes;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    const SyncOp& op = ops[i];
    if (op.malformed && !op.has_kind) {
      store::AppendRefusal(exchange->results[i], *op.malformed);
      continue;
    }
    WriteRequest& write = writes.emplace_back();
    write.op = op.op;
    if (op.malformed) write.op.field_errors = op.malformed->fields;
    write.op.digest = crypto_.Sha256(store::DigestText(write.op));
    write.deadline = exchange->request.deadline;
    write.render = [](const domain::Decision& decision) {
      Answer answer;
      store::AppendResult(answer.body, decision);
      return answer;
    };
    write.done = [this, exchange, i](base::Result<Answer> answer) {
      exchange->Take(i, std::move(answer));
      if (--exchange->left == 0) ReadNews(exchange);
    };
  }
  if (writes.empty()) return ReadNews(exchange);
  exchange->left = writes.size();
  lists_.WriteAll(std::move(writes));
}

void Sync::ReadNews(const ExchangePtr& exchange) {
  std::optional<base::Error>& unavailable = exchange->unavailable;
  if (unavailable) return exchange->done(std::unexpected(std::move(*unavailable)));
  SyncRequest& request = exchange->request;
  SyncQuery query{.user_id = request.user_id,
                  .cursor = exchange->cursor,
                  .cursor_text = request.cursor.value_or(""),
                  .named = std::move(request.named),
                  .written = ListsOf(request.ops),
                  .deadline = std::chrono::steady_clock::now() + kReadTime};
  ReadDifference(database_, crypto_, lists_, std::move(query),
                 [this, exchange](const base::Result<SyncDifference>& difference) {
                   if (!difference) return exchange->done(std::unexpected(difference.error()));
                   KeepKey(difference->cursor_key);
                   exchange->done(AnswerOf(exchange->request.ops, exchange->results, *difference));
                 });
}

std::string Sync::Key() {
  const auto key = cursor_key_.Lock();
  return *key;
}

void Sync::KeepKey(std::string_view read) {
  const auto key = cursor_key_.Lock();
  *key = read;
}

}  // namespace app
