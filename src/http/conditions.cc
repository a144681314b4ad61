#include "http/conditions.h"

#include <charconv>

namespace http {
namespace {

struct Tag {
  bool weak = false;
  std::int64_t revision = 0;  // 0: not one of ours.
};

/// Takes the next entity-tag off `header`; nothing at its end, or where it is no list of tags.
std::optional<Tag> TakeTag(std::string_view& header) {
  const std::size_t begin = header.find_first_not_of(" \t,");
  if (begin == std::string_view::npos) return std::nullopt;
  header.remove_prefix(begin);
  Tag tag;
  if (header.starts_with("W/")) {
    tag.weak = true;
    header.remove_prefix(2);
  }
  if (!header.starts_with('"')) return std::nullopt;
  const std::size_t end = header.find('"', 1);
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view opaque = header.substr(1, end - 1);
  header.remove_prefix(end + 1);
  std::int64_t number = 0;
  const auto read = std::from_chars(opaque.begin(), opaque.end(), number);
  const bool is_ours = read.ec == std::errc{} && number > 0 && opaque[0] != '0' &&
                       (read.ptr == opaque.end() || *read.ptr == '-');
  if (is_ours) tag.revision = number;
  return tag;
}

bool IsAny(std::string_view header) {
  const std::size_t begin = header.find_first_not_of(" \t");
  if (begin == std::string_view::npos || header[begin] != '*') return false;
  return header.find_first_not_of(" \t", begin + 1) == std::string_view::npos;
}

}  // namespace

std::optional<std::vector<std::int64_t>> IfMatchRevisions(std::string_view header) {
  if (IsAny(header)) return std::nullopt;
  std::vector<std::int64_t> revisions;
  while (const std::optional<Tag> tag = TakeTag(header)) {
    if (!tag->weak && tag->revision != 0) revisions.push_back(tag->revision);
  }
  return revisions;
}

bool NoneMatchNames(std::string_view header, std::int64_t revision) {
  if (IsAny(header)) return true;
  while (const std::optional<Tag> tag = TakeTag(header)) {
    if (tag->revision == revision) return true;
  }
  return false;
}

std::string_view WriteEtag(std::int64_t revision, char (&out)[24]) {
  out[0] = '"';
  char* const end = std::to_chars(out + 1, out + sizeof out - 1, revision).ptr;
  *end = '"';
  return {out, static_cast<std::size_t>(end - out) + 1};
}

}  // namespace http
