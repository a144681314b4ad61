#include "store/erase.h"

#include <exception>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "store/json.h"

namespace store {
namespace {

namespace json = boost::json;
using domain::Fields;

/// Of a whole row, a blank one; of a part, no more than whether it is in trash.
void Bare(std::optional<Fields>& fields) {
  if (!fields) return;
  const bool is_whole = fields->Has(domain::kCreatedBy);
  Fields bare{.mask = fields->mask & domain::kDeletedAt, .deleted_at = fields->deleted_at};
  if (is_whole) {
    bare.mask = domain::kWholeItem | domain::kPurged;
    bare.purged = true;
  }
  fields = std::move(bare);
}

bool Is(const json::object& object, const char* name, const std::string& text) {
  const json::value* const value = object.if_contains(name);
  return value != nullptr && value->is_string() && std::string_view(value->as_string()) == text;
}

/// An item as an answer has it: its id, times and revision stay.
void Blank(json::object& item) {
  item["text"] = "";
  item["note"] = "";
  item["done"] = false;
  item["labels"] = json::array();
  for (const char* name : {"done_at", "due", "repeat", "parent_id", "created_by", "created_at"}) {
    item[name] = nullptr;
  }
  item["purged"] = true;
}

void Erase(json::value& value, const std::string& item) {
  if (value.is_array()) {
    for (json::value& each : value.as_array()) Erase(each, item);
  }
  if (!value.is_object()) return;
  json::object& object = value.as_object();
  if (Is(object, "item_id", item)) object.erase("overridden");
  if (Is(object, "id", item) && object.contains("text")) Blank(object);
  const bool is_effect = Is(object, "id", item) && object.contains("entity");
  if (is_effect) {
    const auto bare = EffectsWithout(json::serialize(json::array{object}),
                                     base::ParseUuid(item).value_or(base::Uuid{}));
    object = json::parse(bare.value_or("[{}]")).as_array().front().as_object();
    return;
  }
  for (auto& member : object) Erase(member.value(), item);
}

}  // namespace

std::optional<std::string> EffectsWithout(std::string_view text, const base::Uuid& item) {
  auto effects = ParseEffects(text);
  if (!effects) return std::nullopt;
  for (domain::Effect& effect : *effects) {
    if (effect.entity != domain::Entity::kItem || effect.id != item) continue;
    Bare(effect.set);
    Bare(effect.previous);
  }
  std::string out;
  AppendEffects(out, *effects);
  return out;
}

std::string AnswerWithout(std::string_view body, const base::Uuid& item) {
  json::error_code error;
  json::value value = json::parse(json::string_view(body.data(), body.size()), error);
  if (error) return "{}";
  Erase(value, base::ToString(item));
  return json::serialize(value);
}

}  // namespace store
