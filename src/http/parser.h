#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "http/chunk_decoder.h"
#include "http/exchange.h"
#include "http/head.h"
#include "http/server.h"

namespace http {

/// Makes requests of the bytes of one connection, whatever pieces they come in: the outcome depends
/// on the bytes alone. Stricter than RFC 9112 wherever leniency lets two readers disagree (head.h,
/// chunk_decoder.h). Holds at most the bounds of `limits` and what one Take brought; its memory is
/// used again for each request. For one thread.
class RequestParser {
 public:
  enum class State : std::uint8_t {
    kMore,             // The request is not whole: all bytes were taken.
    kDone,             // request() is whole; what follows it was left.
    kBodyTooLarge,     // request() has no body, and `too_large`: the connection must end.
    kMalformed,        // 400
    kLineTooLong,      // 414
    kHeadersTooLarge,  // 431
  };

  /// `limits` must outlive this.
  explicit RequestParser(const ServerLimits& limits) : limits_(limits) {}

  /// Takes bytes off the front of `bytes`. Once it has said something else than kMore, it must be
  /// told Next before it is asked again.
  State Take(std::string_view& bytes);

  /// Forgets the request: the next one begins.
  void Next();

  /// Not a byte of a request has come (an empty line before one is none: RFC 9112, 2.2).
  [[nodiscard]] bool is_idle() const { return !has_head_ && head_.empty(); }
  /// The head is whole and right.
  [[nodiscard]] bool has_head() const { return has_head_; }

  /// True once for a request that waits for `100 Continue` before it sends its body.
  [[nodiscard]] bool TakeContinue();

  /// Views are valid until Next. Without has_head() it is empty, but for what the owner puts there.
  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] const Request& request() const { return request_; }
  [[nodiscard]] const Framing& framing() const { return framing_; }

 private:
  State TakeLine(std::string_view& bytes);
  [[nodiscard]] State CheckLength(std::size_t line_bytes) const;
  State OnLine(std::string_view line);
  State OnHead();
  State TakeBody(std::string_view& bytes);
  State OnBody();
  State OnTooLarge();

  const ServerLimits& limits_;
  std::string head_;
  std::size_t fields_begin_ = 0;  // In head_: where the request line ends.
  std::size_t line_begin_ = 0;    // In head_: where the unfinished line begins.
  std::size_t field_count_ = 0;
  bool has_skipped_ = false;  // An empty line before the request.
  bool has_head_ = false;
  bool has_said_continue_ = false;
  std::string body_;
  ChunkDecoder chunks_;
  Framing framing_;
  Request request_;
};

}  // namespace http
