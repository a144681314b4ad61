#include <stdexcept>
#include <utility>

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include "store/json.h"

namespace store {
namespace {

namespace json = boost::json;
using domain::Fields;

/// Reading throws on what does not fit; the public functions below turn that into an Error.
base::Uuid IdOf(const json::value& value) {
  const auto id = base::ParseUuid(std::string_view(value.as_string()));
  if (!id) throw std::invalid_argument("not an id");
  return *id;
}

std::optional<base::Uuid> IdOrNull(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return IdOf(value);
}

base::Time TimeOf(const json::value& value) {
  const auto time = base::ParseTime(std::string_view(value.as_string()));
  if (!time) throw std::invalid_argument("not a time");
  return *time;
}

std::optional<base::Time> TimeOrNull(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return TimeOf(value);
}

template <class T>
T Known(std::optional<T> value) {
  if (!value) throw std::invalid_argument("an unknown name");
  return *value;
}

std::string TextOf(const json::value& value) {
  return std::string(std::string_view(value.as_string()));
}

std::vector<std::string> TextsOf(const json::value& value) {
  std::vector<std::string> texts;
  for (const json::value& each : value.as_array()) texts.push_back(TextOf(each));
  return texts;
}

std::optional<domain::Due> DueOf(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  const json::object& object = value.as_object();
  if (const auto* date = object.if_contains("date")) {
    return domain::Due{domain::Due::Kind::kDate, TextOf(*date), {}};
  }
  if (const auto* local = object.if_contains("local")) {
    return domain::Due{domain::Due::Kind::kLocal, TextOf(*local), {}};
  }
  return domain::Due{domain::Due::Kind::kAt, TextOf(object.at("at")), TextOf(object.at("tz"))};
}

Fields FieldsOf(const json::value& value) {
  Fields fields;
  for (const auto& [name, member] : value.as_object()) {
    const auto is = [&, &key = name](std::string_view other, std::uint32_t field) {
      if (std::string_view(key) != other) return false;
      fields.mask |= field;
      return true;
    };
    if (is("title", domain::kTitle)) {
      fields.title = TextOf(member);
    } else if (is("archived", domain::kArchived)) {
      fields.archived = member.as_bool();
    } else if (is("text", domain::kText)) {
      fields.text = TextOf(member);
    } else if (is("note", domain::kNote)) {
      fields.note = TextOf(member);
    } else if (is("done", domain::kDone)) {
      fields.done = member.as_bool();
    } else if (is("done_at", domain::kDoneAt)) {
      fields.done_at = TimeOrNull(member);
    } else if (is("due", domain::kDue)) {
      fields.due = DueOf(member);
    } else if (is("repeat", domain::kRepeat)) {
      if (!member.is_null()) throw std::invalid_argument("repeat");
    } else if (is("labels", domain::kLabels)) {
      fields.labels = TextsOf(member);
    } else if (is("parent_id", domain::kParentId)) {
      fields.parent_id = IdOrNull(member);
    } else if (is("created_by", domain::kCreatedBy)) {
      fields.created_by = IdOrNull(member).value_or(base::Uuid{});  // Null where it is purged.
    } else if (is("created_at", domain::kCreatedAt)) {
      fields.created_at = TimeOrNull(member).value_or(base::Time{});
    } else if (is("deleted_at", domain::kDeletedAt)) {
      fields.deleted_at = TimeOrNull(member);
    } else if (is("role", domain::kRole)) {
      fields.role = Known(domain::ParseRole(TextOf(member)));
    } else if (is("purged", domain::kPurged)) {
      fields.purged = member.as_bool();
    } else {
      throw std::invalid_argument("an unknown field");
    }
  }
  return fields;
}

std::optional<Fields> PartOf(const json::value& value) {
  if (value.is_null()) return std::nullopt;
  return FieldsOf(value);
}

domain::Effect EffectOf(const json::value& value) {
  const json::object& object = value.as_object();
  domain::Effect effect;
  effect.entity = Known(domain::ParseEntity(TextOf(object.at("entity"))));
  effect.id = IdOf(object.at("id"));
  effect.set = PartOf(object.at("set"));
  effect.previous = PartOf(object.at("previous"));
  if (const auto* after = object.if_contains("after")) effect.after = IdOrNull(*after);
  if (const auto* was = object.if_contains("was_after")) effect.was_after = IdOrNull(*was);
  return effect;
}

std::vector<domain::Effect> EffectsOf(const json::value& value) {
  std::vector<domain::Effect> effects;
  for (const json::value& each : value.as_array()) effects.push_back(EffectOf(each));
  return effects;
}

domain::Change ChangeOf(const json::value& value) {
  const json::object& object = value.as_object();
  domain::Change change;
  change.revision = object.at("revision").as_int64();
  change.op_id = IdOf(object.at("op_id"));
  change.at = TimeOf(object.at("at"));
  change.actor_id = IdOf(object.at("actor_id"));
  change.client_id = IdOrNull(object.at("client_id"));
  change.kind = Known(domain::ParseKind(TextOf(object.at("kind"))));
  change.status = Known(domain::ParseStatus(TextOf(object.at("status"))));
  if (const auto* item = object.if_contains("item_id")) change.item_id = IdOf(*item);
  change.effects = EffectsOf(object.at("effects"));
  if (const auto* overridden = object.if_contains("overridden")) {
    change.overridden = FieldsOf(*overridden);
  }
  if (const auto* kept = object.if_contains("kept")) {
    for (const json::value& each : kept->as_array()) {
      const json::object& part = each.as_object();
      const auto* fields = part.if_contains("fields");
      change.kept.push_back({Known(domain::ParseEntity(TextOf(part.at("entity")))),
                             IdOf(part.at("id")),
                             fields != nullptr ? TextsOf(*fields) : std::vector<std::string>()});
    }
  }
  return change;
}

template <class Read>
auto Guarded(std::string_view text, const Read& read)
    -> base::Result<decltype(read(json::value()))> {
  try {
    return read(json::parse(json::string_view(text.data(), text.size())));
  } catch (const std::exception& error) {
    return base::Fail(base::Code::kMalformed, "malformed_json", error.what());
  }
}

// A cold read has a due and labels in each row: what this program writes most, strings without an
// escape in a fixed order, is taken apart by hand. Anything else goes through the parser.

/// Takes `literal` off the front of `text`.
bool Skip(std::string_view& text, std::string_view literal) {
  if (!text.starts_with(literal)) return false;
  text.remove_prefix(literal.size());
  return true;
}

/// Takes a string in quotes off the front of `text`; nothing where it has an escape.
std::optional<std::string_view> TakePlain(std::string_view& text) {
  if (!Skip(text, "\"")) return std::nullopt;
  const std::size_t end = text.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view value = text.substr(0, end);
  if (value.find('\\') != std::string_view::npos) return std::nullopt;
  text.remove_prefix(end + 1);
  return value;
}

std::optional<domain::Due> PlainDue(std::string_view text) {
  domain::Due due;
  if (Skip(text, "{\"date\":")) {
    due.kind = domain::Due::Kind::kDate;
  } else if (Skip(text, "{\"local\":")) {
    due.kind = domain::Due::Kind::kLocal;
  } else {
    return std::nullopt;
  }
  const auto value = TakePlain(text);
  if (!value || text != "}") return std::nullopt;
  due.value = *value;
  return due;
}

std::optional<std::vector<std::string>> PlainLabels(std::string_view text) {
  std::vector<std::string> labels;
  if (!Skip(text, "[")) return std::nullopt;
  do {
    const auto label = TakePlain(text);
    if (!label) return std::nullopt;
    labels.emplace_back(*label);
  } while (Skip(text, ","));
  if (text != "]") return std::nullopt;
  return labels;
}

}  // namespace

std::optional<domain::Due> ParseDue(std::string_view text) {
  if (auto plain = PlainDue(text)) return plain;
  return Guarded(text, DueOf).value_or(std::nullopt);
}

std::vector<std::string> ParseLabels(std::string_view text) {
  if (auto plain = PlainLabels(text)) return std::move(*plain);
  return Guarded(text, TextsOf).value_or(std::vector<std::string>());
}

base::Result<domain::Fields> ParseFields(std::string_view text) {
  return Guarded(text, FieldsOf);
}

base::Result<std::vector<domain::Effect>> ParseEffects(std::string_view text) {
  return Guarded(text, EffectsOf);
}

base::Result<domain::Change> ParseChange(std::string_view text) {
  return Guarded(text, ChangeOf);
}

base::Result<std::vector<domain::Change>> ParseChanges(std::string_view text) {
  return Guarded(text, [](const json::value& value) {
    std::vector<domain::Change> changes;
    for (const json::value& each : value.as_array()) changes.push_back(ChangeOf(each));
    return changes;
  });
}

}  // namespace store
