#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "http/exchange.h"

namespace http {

/// What the head of an answer says beside the response itself.
struct AnswerContext {
  std::string_view date;  // As RFC 9110, 5.6.7 has it.
  std::string_view request_id;
  std::chrono::microseconds took{0};  // Since the first byte of the request.
  bool keep_alive = true;
  bool is_http_1_0 = false;  // The request: its sender must be told that the connection stays.
};

/// Whether an answer of that status has a body at all (RFC 9110, 6.4.1).
[[nodiscard]] bool MayHaveBody(int status);

/// Puts the head of the answer, empty line included, into `out`. Content-Length is that of the
/// whole body, so HEAD tells what GET would.
void WriteAnswerHead(const Response& response, const AnswerContext& context, std::string& out);

}  // namespace http
