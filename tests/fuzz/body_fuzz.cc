// JSON bodies: accepted exactly when Boost.JSON accepts them, the same when written and read again,
// and whatever they hold, reading fields only collects errors that can be told.
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/parse.hpp>

#include "base/check.h"
#include "base/utf8.h"
#include "http/json_body.h"

namespace {

void ReadFields(const http::JsonValue& body, std::vector<base::FieldError>& errors) {
  http::BodyReader reader(body, errors);
  const auto text = reader.Text("text", 1, 500);
  CHECK(!text || (!text->empty() && base::CodePoints(*text).value_or(501) <= 500));
  const auto note = reader.TextOfBytes("note", 100);
  CHECK(!note || note->size() <= 100);
  const auto labels = reader.Labels("labels");
  CHECK(!labels || labels->size() <= 20);
  const bool is_null = reader.Null("due");
  CHECK(!is_null || !reader.Due("due"));
  (void)reader.Due("repeat");
  (void)reader.Bool("done");
  (void)reader.Id("id");
  const auto revision = reader.Int("to_revision", 0, 9);
  CHECK(!revision || (*revision >= 0 && *revision <= 9));
  (void)reader.Object("settings");
  reader.Require("after");
  reader.RejectUnknown();
}

void CheckErrors(const std::vector<base::FieldError>& errors) {
  for (const base::FieldError& error : errors) {
    CHECK(base::CodePoints(error.pointer).has_value());
    CHECK(error.pointer.empty() || error.pointer.front() == '/');
    CHECK(error.pointer.find('\0') == std::string::npos);
    CHECK(!error.code.empty() && !error.detail.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  auto parsed = http::ParseBody(text);
  if (!parsed) return 0;
  CheckErrors(parsed->errors);
  if (parsed->errors.empty() && !text.empty()) {
    boost::system::error_code error;
    (void)boost::json::parse(text, error);
    CHECK(!error);
    std::string written;
    base::AppendJsonValue(written, parsed->value);
    const auto again = http::ParseBody(written);
    CHECK(again && again->errors.empty());
    std::string twice;
    base::AppendJsonValue(twice, again->value);
    CHECK(twice == written);
  }
  ReadFields(parsed->value, parsed->errors);
  CheckErrors(parsed->errors);
  return 0;
}
