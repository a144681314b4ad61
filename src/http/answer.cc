#include "http/answer.h"

#include <charconv>
#include <cstdint>

namespace http {
namespace {

constexpr std::string_view kSafety =
    "\r\nX-Content-Type-Options: nosniff"
    "\r\nReferrer-Policy: no-referrer"
    "\r\nCross-Origin-Opener-Policy: same-origin"
    "\r\nCross-Origin-Resource-Policy: same-origin"
    "\r\nX-Request-Id: ";

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 202: return "Accepted";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 500: return "Internal Server Error";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

void AppendNumber(std::string& out, std::uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

/// Milliseconds with two digits behind the point.
void AppendMilliseconds(std::string& out, std::chrono::microseconds time) {
  const auto micros = static_cast<std::uint64_t>(time.count());
  AppendNumber(out, micros / 1000);
  out += '.';
  out += static_cast<char>('0' + micros / 100 % 10);
  out += static_cast<char>('0' + micros / 10 % 10);
}

void AppendHeader(std::string& out, std::string_view name, std::string_view value) {
  out += "\r\n";
  out += name;
  out += ": ";
  out += value;
}

}  // namespace

bool MayHaveBody(int status) {
  return status >= 200 && status != 204 && status != 304;
}

void WriteAnswerHead(const Response& response, const AnswerContext& context, std::string& out) {
  out = "HTTP/1.1 ";
  AppendNumber(out, static_cast<std::uint64_t>(response.status));
  out += ' ';
  out += ReasonOf(response.status);
  out += "\r\nDate: ";
  out += context.date;
  out += kSafety;
  out += context.request_id;
  out += "\r\nServer-Timing: app;dur=";
  AppendMilliseconds(out, context.took);
  for (const auto& [name, value] : response.fixed.all()) AppendHeader(out, name, value);
  for (const auto& [name, value] : response.headers) AppendHeader(out, name, value);
  if (MayHaveBody(response.status)) {
    if (!response.content_type.empty()) {
      out += "\r\nContent-Type: ";
      out += response.content_type;
    }
    out += "\r\nContent-Length: ";
    AppendNumber(out, response.body_bytes());
  }
  if (!context.keep_alive) {
    out += "\r\nConnection: close";
  } else if (context.is_http_1_0) {
    out += "\r\nConnection: keep-alive";
  }
  out += "\r\n\r\n";
}

}  // namespace http
