#include "app/settings.h"

#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "domain/limits.h"

namespace app {
namespace {

namespace json = boost::json;

void Merge(json::value& target, const json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target.emplace_object();
  json::object& object = target.get_object();
  for (const auto& [name, value] : patch.get_object()) {
    if (value.is_null()) {
      object.erase(name);
    } else {
      Merge(object[name], value);
    }
  }
}

json::value Parse(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  return error ? json::value(json::object()) : value;
}

}  // namespace

base::Result<std::string> MergeSettings(std::string_view settings, std::string_view patch) {
  json::value merged = Parse(settings);
  Merge(merged, Parse(patch));
  std::string text = json::serialize(merged);
  if (text.size() > domain::kSettingsBytesMax) {
    base::Error error{base::Code::kInvalid, "invalid_request",
                      "Some fields are not as they must be."};
    error.fields.push_back({"/settings", "too_long", "Settings can have at most 16 KiB."});
    return std::unexpected(std::move(error));
  }
  return text;
}

}  // namespace app
