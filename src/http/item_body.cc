#include "http/item_body.h"

#include <utility>

#include "domain/limits.h"

namespace http {

void ReadItemFields(BodyReader& body, domain::Fields& fields) {
  if (auto text = body.Text("text", 1, domain::kTextMax)) {
    fields.mask |= domain::kText;
    fields.text = std::move(*text);
  }
  if (body.Null("note")) {
    fields.mask |= domain::kNote;
  } else if (auto note = body.TextOfBytes("note", domain::kNoteBytesMax)) {
    fields.mask |= domain::kNote;
    fields.note = std::move(*note);
  }
  if (body.Null("due")) {
    fields.mask |= domain::kDue;
  } else if (auto due = body.Due("due")) {
    fields.mask |= domain::kDue;
    fields.due = std::move(*due);
  }
  if (body.Null("labels")) {
    fields.mask |= domain::kLabels;
  } else if (auto labels = body.Labels("labels")) {
    fields.mask |= domain::kLabels;
    fields.labels = std::move(*labels);
  }
  if (body.Null("parent_id")) {
    fields.mask |= domain::kParentId;
  } else if (const auto parent = body.Id("parent_id")) {
    fields.mask |= domain::kParentId;
    fields.parent_id = *parent;
  }
}

void ReadDone(BodyReader& body, domain::Fields& fields) {
  if (const auto done = body.Bool("done")) {
    fields.mask |= domain::kDone;
    fields.done = *done;
  }
}

void ReadListTitle(BodyReader& body, domain::Fields& fields) {
  if (auto title = body.Text("title", 1, domain::kTitleMax)) {
    fields.mask |= domain::kTitle;
    fields.title = std::move(*title);
  }
}

void ReadArchived(BodyReader& body, domain::Fields& fields) {
  if (const auto archived = body.Bool("archived")) {
    fields.mask |= domain::kArchived;
    fields.archived = *archived;
  }
}

Target ReadTarget(BodyReader& body, bool is_needed) {
  Target target;
  const bool has_after = body.Has("after");
  const bool has_before = body.Has("before");
  if (has_after && has_before) {
    body.AddError("/before", "invalid", "Give `after` or `before`, not both.");
  }
  if (is_needed && !has_after && !has_before) {
    body.AddError("/after", "required", "Give `after` or `before`.");
  }
  for (const auto& [name, side] :
       {std::pair{"after", domain::Side::kAfter}, std::pair{"before", domain::Side::kBefore}}) {
    if (!body.Has(name)) continue;
    target.side = side;
    if (!body.Null(name)) target.neighbour = body.Id(name);
  }
  return target;
}

}  // namespace http
