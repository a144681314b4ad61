#include "store/json.h"

#include <array>
#include <charconv>
#include <cstring>

#include "base/json_writer.h"

namespace store {
namespace {

using base::AppendJson;
using base::AppendJsonText;
using domain::Fields;

void AppendTime(std::string& out, const std::optional<base::Time>& time) {
  if (time) {
    AppendJson(out, *time);
  } else {
    out += "null";
  }
}

void AppendId(std::string& out, const std::optional<base::Uuid>& id) {
  if (id) {
    AppendJson(out, *id);
  } else {
    out += "null";
  }
}

/// Characters on their way to a string: room for the fixed parts of one item.
class Buffer {  // NOLINT(cppcoreguidelines-pro-type-member-init): filled before it is read.
 public:
  Buffer& Add(std::string_view text) {
    std::memcpy(end_, text.data(), text.size());
    end_ += text.size();
    return *this;
  }
  Buffer& Add(const char* text) { return Add(std::string_view(text)); }
  Buffer& Add(const base::Uuid& id) {
    *end_++ = '"';
    end_ = base::WriteUuid(id, end_);
    *end_++ = '"';
    return *this;
  }
  Buffer& Add(base::Time time) {
    *end_++ = '"';
    end_ = base::WriteTime(time, end_);
    *end_++ = '"';
    return *this;
  }
  Buffer& Add(std::int64_t number) {
    end_ = std::to_chars(end_, bytes_.data() + bytes_.size(), number).ptr;
    return *this;
  }
  template <class T>
  Buffer& Add(const std::optional<T>& value) {
    return value ? Add(*value) : Add("null");
  }
  void FlushTo(std::string& out) {
    out.append(bytes_.data(), end_);
    end_ = bytes_.data();
  }

 private:
  static constexpr std::size_t kBytes = 768;  // Names, 3 ids, 4 times and 1 number come to 470.
  std::array<char, kBytes> bytes_;
  char* end_ = bytes_.data();
};

/// Writes `{"a":…,"b":…}` member by member.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  void End() { out_ += '}'; }

  std::string& Name(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += '"';
    out_ += name;
    out_ += "\":";
    return out_;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

template <class T>
std::optional<T> Unless(bool is_purged, const T& value) {
  return is_purged ? std::optional<T>() : value;
}

void AppendItemFields(Object& object, const Fields& fields) {
  if (fields.Has(domain::kText)) AppendJsonText(object.Name("text"), fields.text);
  if (fields.Has(domain::kNote)) AppendJsonText(object.Name("note"), fields.note);
  if (fields.Has(domain::kDone)) AppendJson(object.Name("done"), fields.done);
  if (fields.Has(domain::kDoneAt)) AppendTime(object.Name("done_at"), fields.done_at);
  if (fields.Has(domain::kDue)) AppendDue(object.Name("due"), fields.due);
  if (fields.Has(domain::kRepeat)) object.Name("repeat") += "null";
  if (fields.Has(domain::kLabels)) AppendLabels(object.Name("labels"), fields.labels);
  if (fields.Has(domain::kParentId)) AppendId(object.Name("parent_id"), fields.parent_id);
  if (fields.Has(domain::kCreatedBy)) {
    AppendId(object.Name("created_by"), Unless(fields.purged, fields.created_by));
  }
}

void AppendPart(std::string& out, domain::Entity entity, const std::optional<Fields>& fields) {
  if (fields) {
    AppendFields(out, entity, *fields);
  } else {
    out += "null";
  }
}

}  // namespace

void AppendDue(std::string& out, const std::optional<domain::Due>& due) {
  if (!due) {
    out += "null";
    return;
  }
  switch (due->kind) {
    case domain::Due::Kind::kDate: out += "{\"date\":"; break;
    case domain::Due::Kind::kLocal: out += "{\"local\":"; break;
    case domain::Due::Kind::kAt: out += "{\"at\":"; break;
  }
  AppendJsonText(out, due->value);
  if (due->kind == domain::Due::Kind::kAt) {
    out += ",\"tz\":";
    AppendJsonText(out, due->zone);
  }
  out += '}';
}

void AppendLabels(std::string& out, const std::vector<std::string>& labels) {
  out += '[';
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (i > 0) out += ',';
    AppendJsonText(out, labels[i]);
  }
  out += ']';
}

void AppendItem(std::string& out, const domain::Item& item) {
  // What has no free text is put together on the stack: one append instead of ten.
  Buffer part;
  part.Add("{\"id\":").Add(item.id).Add(",\"text\":");
  part.FlushTo(out);
  AppendJsonText(out, item.text);
  if (item.note.empty()) {
    part.Add(",\"note\":\"\"");
  } else {
    out += ",\"note\":";
    AppendJsonText(out, item.note);
  }
  part.Add(item.done ? ",\"done\":true,\"done_at\":" : ",\"done\":false,\"done_at\":");
  part.Add(item.done_at);
  if (item.due || !item.labels.empty()) {
    part.Add(",\"due\":").FlushTo(out);
    AppendDue(out, item.due);
    out += ",\"repeat\":null,\"labels\":";
    AppendLabels(out, item.labels);
  } else {
    part.Add(",\"due\":null,\"repeat\":null,\"labels\":[]");
  }
  part.Add(",\"parent_id\":").Add(item.parent_id);
  part.Add(",\"created_by\":").Add(item.created_by);
  part.Add(",\"created_at\":").Add(item.created_at);
  part.Add(",\"updated_at\":").Add(item.updated_at);
  part.Add(",\"deleted_at\":").Add(item.deleted_at);
  part.Add(",\"revision\":").Add(item.revision).Add("}");
  part.FlushTo(out);
}

void AppendListAfterRole(std::string& out, const domain::ListState& list) {
  out += "\"id\":";
  AppendJson(out, list.id);
  out += ",\"title\":";
  AppendJsonText(out, list.title);
  out += ",\"revision\":";
  AppendJson(out, list.revision);
  out += ",\"item_count\":";
  AppendJson(out, list.item_count);
  out += ",\"done_count\":";
  AppendJson(out, list.done_count);
  out += ",\"archived\":";
  AppendJson(out, list.archived);
  out += ",\"created_at\":";
  AppendJson(out, list.created_at);
  out += ",\"updated_at\":";
  AppendJson(out, list.updated_at);
  out += ",\"deleted_at\":";
  AppendTime(out, list.deleted_at);
}

void AppendList(std::string& out, const domain::ListState& list, domain::Role role) {
  out += "{\"role\":\"";
  out += Name(role);
  out += "\",";
  AppendListAfterRole(out, list);
  out += '}';
}

void AppendMembers(std::string& out, const std::vector<domain::Member>& members) {
  out += '[';
  for (std::size_t i = 0; i < members.size(); ++i) {
    out += i > 0 ? ",{\"user_id\":" : "{\"user_id\":";
    AppendJson(out, members[i].user_id);
    out += ",\"role\":\"";
    out += Name(members[i].role);
    out += "\"}";
  }
  out += ']';
}

void AppendFields(std::string& out, domain::Entity entity, const Fields& fields) {
  Object object(out);
  if (entity == domain::Entity::kList) {
    if (fields.Has(domain::kTitle)) AppendJsonText(object.Name("title"), fields.title);
    if (fields.Has(domain::kArchived)) AppendJson(object.Name("archived"), fields.archived);
  }
  if (entity == domain::Entity::kMember && fields.Has(domain::kRole)) {
    (object.Name("role") += '"').append(Name(fields.role)) += '"';
  }
  if (entity == domain::Entity::kItem) AppendItemFields(object, fields);
  if (fields.Has(domain::kCreatedAt)) {
    AppendTime(object.Name("created_at"), Unless(fields.purged, fields.created_at));
  }
  if (fields.Has(domain::kDeletedAt)) AppendTime(object.Name("deleted_at"), fields.deleted_at);
  if (fields.Has(domain::kPurged)) AppendJson(object.Name("purged"), fields.purged);
  object.End();
}

void AppendEffects(std::string& out, const std::vector<domain::Effect>& effects) {
  out += '[';
  for (std::size_t i = 0; i < effects.size(); ++i) {
    const domain::Effect& effect = effects[i];
    if (i > 0) out += ',';
    Object object(out);
    (object.Name("entity") += '"').append(Name(effect.entity)) += '"';
    AppendJson(object.Name("id"), effect.id);
    AppendPart(object.Name("set"), effect.entity, effect.set);
    AppendPart(object.Name("previous"), effect.entity, effect.previous);
    if (effect.after) AppendId(object.Name("after"), *effect.after);
    if (effect.was_after) AppendId(object.Name("was_after"), *effect.was_after);
    object.End();
  }
  out += ']';
}

void AppendKept(std::string& out, const std::vector<domain::Kept>& kept) {
  out += '[';
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (i > 0) out += ',';
    Object object(out);
    (object.Name("entity") += '"').append(Name(kept[i].entity)) += '"';
    AppendJson(object.Name("id"), kept[i].id);
    if (!kept[i].fields.empty()) AppendLabels(object.Name("fields"), kept[i].fields);
    object.End();
  }
  out += ']';
}

void AppendChange(std::string& out, const domain::Change& change) {
  Object object(out);
  AppendJson(object.Name("revision"), change.revision);
  AppendJson(object.Name("op_id"), change.op_id);
  AppendJson(object.Name("at"), change.at);
  AppendJson(object.Name("actor_id"), change.actor_id);
  AppendId(object.Name("client_id"), change.client_id);
  (object.Name("kind") += '"').append(Name(change.kind)) += '"';
  (object.Name("status") += '"').append(Name(change.status)) += '"';
  if (change.item_id) AppendJson(object.Name("item_id"), *change.item_id);
  AppendEffects(object.Name("effects"), change.effects);
  if (change.overridden) {
    AppendFields(object.Name("overridden"),
                 change.item_id ? domain::Entity::kItem : domain::Entity::kList,
                 *change.overridden);
  }
  if (!change.kept.empty()) AppendKept(object.Name("kept"), change.kept);
  object.End();
}

}  // namespace store
