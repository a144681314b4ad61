#include "app/settings.h"

#include <algorithm>
#include <utility>

#include "base/json_value.h"
#include "domain/limits.h"

namespace app {
namespace {

using base::JsonValue;

void Merge(JsonValue& target, JsonValue patch) {
  if (patch.kind != JsonValue::Kind::kObject) {
    target = std::move(patch);
    return;
  }
  if (target.kind != JsonValue::Kind::kObject) target = {.kind = JsonValue::Kind::kObject};
  for (auto& [name, value] : patch.members) {
    const auto found = std::ranges::find(target.members, name, &base::JsonMember::name);
    if (value.is_null()) {
      if (found != target.members.end()) target.members.erase(found);
    } else if (found != target.members.end()) {
      Merge(found->value, std::move(value));
    } else {
      target.members.emplace_back(name, JsonValue{});
      Merge(target.members.back().value, std::move(value));
    }
  }
}

}  // namespace

base::Result<std::string> MergeSettings(std::string_view settings, std::string_view patch) {
  auto old = base::ParseJson(settings);
  auto set = base::ParseJson(patch);
  if (!old || !set) {  // Rather no change than the loss of what is there.
    return std::unexpected(base::Unavailable("The settings cannot be read."));
  }
  JsonValue& merged = old->value;
  Merge(merged, std::move(set->value));
  std::string text;
  base::AppendJsonValue(text, merged);
  if (text.size() > domain::kSettingsBytesMax) {
    base::Error error{base::Code::kInvalid, "invalid_request",
                      "Some fields are not as they must be."};
    error.fields.push_back({"/settings", "too_long", "Settings can have at most 16 KiB."});
    return std::unexpected(std::move(error));
  }
  return text;
}

}  // namespace app
