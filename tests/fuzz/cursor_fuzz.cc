// Queries and the cursors in them: a cursor that is accepted is the very text that we made.
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/utf8.h"
#include "http/cursor.h"
#include "http/query.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const std::string_view scope : {"lists|active", "items"}) {
    if (const auto last = http::ReadCursor(scope, text)) {
      CHECK(http::MakeCursor(scope, *last) == text);
    }
  }
  std::vector<base::FieldError> errors;
  http::QueryReader reader(text, errors);
  if (const auto cursor = reader.Text("cursor")) {
    CHECK(base::CodePoints(*cursor).has_value());
    if (const auto last = http::ReadCursor("items", *cursor)) {
      CHECK(http::MakeCursor("items", *last) == *cursor);
    }
  }
  const auto limit = reader.Int("limit", 1, 200);
  CHECK(!limit || (*limit >= 1 && *limit <= 200));
  (void)reader.Bool("done");
  (void)reader.OneOf("state", {"active", "trashed"});
  reader.RejectUnknown();
  for (const base::FieldError& error : errors) CHECK(error.pointer.starts_with('?'));
  return 0;
}
