#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/postgres/values.h"
#include "ports/database.h"

namespace adapters::postgres {

struct ConnectionDeleter {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using ConnectionPtr = std::unique_ptr<PGconn, ConnectionDeleter>;

/// What the server said when it refused a statement.
struct Failure {
  std::string sqlstate;    // Five characters.
  std::string constraint;  // Its name, if it was one.

  [[nodiscard]] bool Is(std::string_view state) const { return sqlstate == state; }
  [[nodiscard]] bool IsClass(std::string_view two) const { return sqlstate.starts_with(two); }
};

/// How statements that were sent together ended.
struct Reply {
  enum class End : std::uint8_t {
    kDone,     // Committed; for statements that only read: read.
    kFailed,   // `failure`, at statement `failed_at`, or at the commit. Nothing was done.
    kNotDone,  // The connection broke, and nothing can have been done.
    kUnknown,  // The connection broke when all had been sent, or the server warns: it may be done.
  };
  End end = End::kDone;
  std::vector<ResultPtr> results;  // Of the statements in order; at the first failure they end.
  std::size_t failed_at = 0;       // The number of statements: at the commit.
  Failure failure;
};

/// What a newly made connection found out about its server.
struct ServerFacts {
  std::int64_t epoch = -1;     // -1: not known.
  std::int64_t timeline = -1;  // -1: not told by this server.
};

/// One open connection in libpq's pipeline mode. Statements that are sent together are one implicit
/// transaction with one sync (PostgreSQL 15 documentation, 34.5 and 55.2.4). Each text is prepared
/// once. Never blocks. Belongs to one thread.
class Session {
 public:
  using Clock = std::chrono::steady_clock;
  using OnReply = std::function<void(Reply)>;

  /// Takes an open connection over.
  Session(ConnectionPtr connection, ServerFacts facts);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// `statements` must stay as they are until the call returns; `on_reply` is called once, from
  /// OnSocket or Break, in the order of the calls. `last_commits`: the last of them is a COMMIT.
  void Send(std::span<const Rows> statements, OnReply on_reply, bool last_commits = false);
  /// Each as it is.
  void Send(const std::vector<const ports::Statement*>& statements, OnReply on_reply,
            bool last_commits = false);

  /// Sends and receives what is there; calls what has been answered.
  void OnSocket();
  /// Gives the connection up: whatever is under way ends as kNotDone or kUnknown.
  void Break();

  [[nodiscard]] bool is_broken() const { return is_broken_; }
  [[nodiscard]] int socket() const { return PQsocket(connection_.get()); }
  [[nodiscard]] bool wants_to_send() const { return wants_to_send_; }
  [[nodiscard]] std::size_t under_way() const { return exchanges_.size(); }
  /// Since when the answer that comes next has been waited for.
  [[nodiscard]] Clock::time_point waiting_since() const { return waiting_since_; }
  [[nodiscard]] const ServerFacts& facts() const { return facts_; }

 private:
  struct Prepared {
    std::string name;
    std::vector<Oid> types;
  };
  using Forms = std::array<Prepared, std::bit_width(kRowsMax)>;  // By the logarithm of the rows.
  enum class Awaited : std::uint8_t { kPrepared, kResult, kSync };
  struct Expected {
    Awaited what;
    const ports::Sql* sql;
  };
  struct Exchange {
    OnReply on_reply;
    std::size_t statements = 0;
    bool last_commits = false;
    bool is_sent = false;  // Its sync may have left.
    bool is_warned = false;
    bool is_refused = false;  // The server has said that it failed.
    Reply reply;
  };

  [[nodiscard]] bool Queue(Rows rows);
  [[nodiscard]] const Prepared* Prepare(Rows rows);
  void Flush();
  void Receive();
  void Take(ResultPtr result);
  void Fail(const PGresult& result);
  void Finish();
  static void OnNotice(void* session, const PGresult* notice);

  ConnectionPtr connection_;
  const ServerFacts facts_;
  bool is_broken_ = false;
  bool wants_to_send_ = false;
  std::uint64_t names_ = 0;
  std::unordered_map<const ports::Sql*, Forms> prepared_;
  std::deque<Expected> expected_;  // In the order of the wire.
  std::deque<Exchange> exchanges_;
  Clock::time_point waiting_since_;
  Params params_;
};

}  // namespace adapters::postgres
