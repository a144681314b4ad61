#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include "base/json_writer.h"
#include "domain/limits.h"
#include "http/handlers.h"
#include "http/query.h"
#include "http/routes.h"

namespace http {
namespace {

struct Limit {
  std::string_view name;
  std::int64_t value;
};

constexpr Limit kLimits[] = {
    {"list_title_characters", domain::kTitleMax},
    {"item_text_characters", domain::kTextMax},
    {"item_note_bytes", domain::kNoteBytesMax},
    {"item_labels", domain::kLabelsMax},
    {"item_label_characters", domain::kLabelMax},
    {"list_live_items", domain::kLiveItemsMax},
    {"list_items_with_trash", domain::kItemsMax},
    {"list_content_bytes", domain::kContentBytesMax},
    {"list_members", domain::kMembersMax},
    {"account_memberships", domain::kMembershipsMax},
    {"account_name_characters", domain::kNameMax},
    {"account_settings_bytes", domain::kSettingsBytesMax},
    {"password_characters_min", domain::kPasswordMin},
    {"password_characters_max", domain::kPasswordMax},
    {"page_entries", domain::kPageMax},
    {"page_changes", domain::kChangesMax},
    {"idempotency_key_characters", 255},
    {"sync_ops", domain::kSyncOpsMax},
    {"sync_lists", domain::kSyncListsMax},
    {"sync_changes", domain::kSyncChangesMax},
    {"sync_bytes", domain::kSyncBytesMax},
    {"body_bytes", 1'048'576},
    {"request_line_bytes", 8'192},
    {"header_fields", 100},
    {"header_bytes", 16'384},
};

void SendPlain(Call& call, int status, std::string text, std::string_view cache) {
  Response response;
  response.status = status;
  response.text = std::move(text);
  response.headers.emplace_back("Cache-Control", cache);
  call.Send(std::move(response));
}

/// True when the query has anything (then 422 was sent).
bool RefuseQuery(Call& call) {
  QueryReader(call.request().query, call.errors).RejectUnknown();
  return call.SendErrors();
}

}  // namespace

void GetLimits(const CallPtr& call) {
  if (RefuseQuery(*call)) return;
  std::string out = "{";
  for (const Limit& limit : kLimits) {
    out += out.size() > 1 ? ",\"" : "\"";
    out.append(limit.name).append("\":");
    base::AppendJson(out, limit.value);
  }
  SendPlain(*call, 200, out + "}", "public, max-age=300");
}

void GetLivez(const CallPtr& call) {
  if (RefuseQuery(*call)) return;
  SendPlain(*call, 200, R"({"status":"live"})", "no-store");
}

void GetReadyz(const CallPtr& call) {
  if (RefuseQuery(*call)) return;
  if (call->services.is_ready()) {
    SendPlain(*call, 200, R"({"status":"ready"})", "no-store");
  } else {
    call->SendError(
        {base::Code::kUnavailable, "not_ready", "The service does not take traffic now.", {}, 1});
  }
}

void GetOpenApi(const CallPtr& call) {
  if (RefuseQuery(*call)) return;
  Response response;
  response.lead = call->services.openapi;
  response.headers.emplace_back("Cache-Control", "public, max-age=300");
  call->Send(std::move(response));
}

}  // namespace http
