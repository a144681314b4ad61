#include "http/problem.h"

#include <string>

#include "base/json_writer.h"
#include "base/utf8.h"

namespace http {
namespace {

std::string_view TitleOf(int status) {
  switch (status) {
    case 400: return "Bad request";
    case 401: return "Not signed in";
    case 403: return "Not allowed";
    case 404: return "Not found";
    case 405: return "Method not allowed";
    case 408: return "The request took too long";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "The list has changed";
    case 413: return "Too large";
    case 414: return "The address is too long";
    case 415: return "Unsupported media type";
    case 422: return "Invalid request";
    case 429: return "Too many requests";
    case 431: return "Headers too large";
    case 503: return "Unavailable";
    default: return "Error";
  }
}

void AppendField(std::string& out, std::string_view name, std::string_view text) {
  out += out.back() == '{' ? "\"" : ",\"";
  out += name;
  out += "\":";
  // Pointers may quote what a client sent.
  base::AppendJsonText(out, base::CodePoints(text) ? text : std::string_view("?"));
}

}  // namespace

int StatusOf(base::Code code) {
  switch (code) {
    case base::Code::kMalformed: return 400;
    case base::Code::kUnauthorized: return 401;
    case base::Code::kForbidden: return 403;
    case base::Code::kNotFound: return 404;
    case base::Code::kConflict: return 409;
    case base::Code::kGone: return 410;
    case base::Code::kStale: return 412;
    case base::Code::kTooLarge: return 413;
    case base::Code::kMediaType: return 415;
    case base::Code::kInvalid: return 422;
    case base::Code::kTooMany: return 429;
    case base::Code::kUnavailable: break;
  }
  return 503;
}

Response ProblemResponse(const base::Error& error, std::string_view request_id, int status) {
  Response response;
  response.status = status != 0 ? status : StatusOf(error.code);
  response.content_type = "application/problem+json";
  std::string& out = response.text;
  out = "{";
  AppendField(out, "type", "/problems/" + error.reason);
  AppendField(out, "title", TitleOf(response.status));
  out += ",\"status\":";
  base::AppendJson(out, std::int64_t{response.status});
  AppendField(out, "detail", error.detail);
  AppendField(out, "code", error.reason);
  AppendField(out, "request_id", request_id);
  if (!error.fields.empty()) {
    out += ",\"errors\":[";
    for (const base::FieldError& field : error.fields) {
      out += out.back() == '[' ? "{" : ",{";
      AppendField(out, "pointer", field.pointer);
      AppendField(out, "code", field.code);
      AppendField(out, "detail", field.detail);
      out += '}';
    }
    out += ']';
  }
  out += '}';
  response.headers.emplace_back("Cache-Control", "no-store");
  if (error.retry_after_s > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(error.retry_after_s));
  }
  return response;
}

}  // namespace http
