#include "http/encoding.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/gzip.h"
#include "http/text.h"

namespace http {
namespace {

/// Whether the weight of a coding is zero: `q=0`, `q=0.000`.
bool IsRefused(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = std::min(parameters.find(';'), parameters.size());
    const std::string_view parameter = Trim(parameters.substr(0, end));
    parameters.remove_prefix(std::min(end + 1, parameters.size()));
    if (parameter.size() < 2 || Lower(parameter[0]) != 'q' || parameter[1] != '=') continue;
    const std::string_view weight = Trim(parameter.substr(2));
    return !weight.empty() && weight.find_first_not_of("0.") == std::string_view::npos;
  }
  return false;
}

/// What one list of codings says.
struct Said {
  std::optional<bool> by_name;
  std::optional<bool> by_star;
};

void Read(std::string_view list, std::string_view coding, Said& said) {
  while (!list.empty()) {
    const std::size_t end = std::min(list.find(','), list.size());
    const std::string_view part = list.substr(0, end);
    list.remove_prefix(std::min(end + 1, list.size()));
    const std::size_t semicolon = std::min(part.find(';'), part.size());
    const std::string_view name = Trim(part.substr(0, semicolon));
    const bool is_taken = !IsRefused(part.substr(semicolon));
    if (EqualsWithoutCase(name, coding)) said.by_name = is_taken;
    if (name == "*") said.by_star = is_taken;
  }
}

void AddVary(Response& response) {
  for (auto& [name, value] : response.headers) {
    if (name != "Vary") continue;
    if (value.find("Accept-Encoding") == std::string::npos) value += ", Accept-Encoding";
    return;
  }
  response.headers.emplace_back("Vary", "Accept-Encoding");
}

}  // namespace

bool Accepts(const Request& request, std::string_view coding) {
  Said said;
  for (const auto& [name, value] : request.headers) {
    if (EqualsWithoutCase(name, "Accept-Encoding")) Read(value, coding, said);
  }
  return said.by_name.value_or(said.by_star.value_or(false));
}

std::string SuffixEtag(std::string_view etag, std::string_view coding) {
  std::string with(etag.substr(0, etag.size() - 1));
  return with.append("-").append(coding).append("\"");
}

void Encode(const Request& request, Response& response) {
  if (response.encoded || response.body_bytes() <= kPlainBytesMax) return;
  response.encoded = true;
  AddVary(response);
  if (!Accepts(request, "gzip")) return;
  response.text += std::exchange(response.lead, {});
  for (const std::string_view piece : std::exchange(response.rest, {})) response.text += piece;
  response.text = base::Gzip(response.text);
  response.headers.emplace_back("Content-Encoding", "gzip");
  for (auto& [name, value] : response.headers) {
    if (name == "ETag") value = SuffixEtag(value, "gzip");
  }
}

}  // namespace http
