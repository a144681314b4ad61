#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

enum class Method : std::uint8_t { kGet, kHead, kPost, kPut, kPatch, kDelete, kOptions, kOther };

/// One request as it came over the wire, already within the bounds of ServerLimits. All views are
/// valid until the exchange's Send.
struct Request {
  Method method = Method::kGet;
  std::string_view target;  // As sent: path and query.
  std::string_view path;    // Before '?', not percent-decoded.
  std::string_view query;   // After '?', empty without one.
  std::string_view body;
  bool has_body = false;   // Content-Length above 0, or a chunked body with at least one byte.
  bool too_large = false;  // The body is over the bound: it was not read, and 413 is due.
  std::vector<std::pair<std::string_view, std::string_view>> headers;  // In order, names as sent.
  std::string_view peer;        // The peer's IP address as text.
  std::string_view request_id;  // Made by the server, also in the answer's X-Request-Id.

  /// The first header of that name (compared without case), or empty.
  [[nodiscard]] std::string_view Header(std::string_view name) const;
  /// The same, telling an empty header from none.
  [[nodiscard]] std::optional<std::string_view> Find(std::string_view name) const;
  /// All headers of that name as one list (RFC 9110, 5.3); nothing where there is none.
  [[nodiscard]] std::optional<std::string> List(std::string_view name) const;
};

/// Headers whose names and values outlive the answer (static, or in what it keeps): putting one
/// here costs no memory.
class FixedHeaders {
 public:
  static constexpr std::size_t kMax = 8;
  using Entry = std::pair<std::string_view, std::string_view>;

  void Add(std::string_view name, std::string_view value) { entries_.at(count_++) = {name, value}; }
  [[nodiscard]] std::span<const Entry> all() const { return std::span(entries_).first(count_); }

 private:
  std::array<Entry, kMax> entries_{};
  std::size_t count_ = 0;
};

/// An answer. The body is `text`, then `lead`, then the pieces of `rest`; the last two are of
/// static lifetime or in `keep`: what is in memory already is sent without a copy.
struct Response {
  int status = 200;
  std::string_view content_type = "application/json";  // Static lifetime. Empty: none is sent.
  FixedHeaders fixed;
  std::vector<std::pair<std::string_view, std::string>> headers;  // Names of static lifetime.
  std::string text;
  std::string_view lead;
  std::span<const std::string_view> rest;
  std::shared_ptr<const void> keep;
  bool encoded = false;  // Its coding has been chosen: the server leaves it as it is.

  [[nodiscard]] std::size_t body_bytes() const {
    std::size_t bytes = text.size() + lead.size();
    for (const std::string_view piece : rest) bytes += piece.size();
    return bytes;
  }
};

/// One request and its one answer. Owned by the connection; a handler may keep a reference until it
/// has called Send, exactly once, from any thread (even when the client has gone meanwhile).
class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual const Request& request() const = 0;

  /// Which event loop serves this connection: 0 to Server::loop_count() - 1. For state that only
  /// that loop touches.
  [[nodiscard]] virtual std::size_t loop() const = 0;

  /// The answer leaves; HEAD, Content-Length, Date, X-Request-Id, Connection are the server's work.
  /// `route` (static lifetime, as `GET /v1/lists/{id}`) names the request in metrics and the log.
  virtual void Send(Response response, std::string_view route) = 0;

  /// Runs `work` on this exchange's loop. For completions that need the loop's own state.
  virtual void Post(std::function<void()> work) = 0;
};

/// Answers a request, now or later. Called on the exchange's loop: must not block or throw.
using Handler = std::function<void(Exchange&)>;

}  // namespace http
