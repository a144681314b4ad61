#include "base/metrics.h"

#include <charconv>

#include "base/check.h"

namespace base {
namespace {

void Append(std::string& out, double value) {
  char digits[40];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void Append(std::string& out, std::uint64_t value) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
}

void AppendName(std::string& out, std::string_view name, std::string_view labels,
                std::string_view more = "") {
  out += name;
  if (labels.empty() && more.empty()) return;
  out += '{';
  out += labels;
  if (!labels.empty() && !more.empty()) out += ',';
  out += more;
  out += '}';
}

}  // namespace

struct Metrics::Family {
  std::string help;
  char kind = 'c';
  std::map<std::string, std::unique_ptr<Counter>, std::less<>> counters;
  std::map<std::string, std::unique_ptr<Gauge>, std::less<>> gauges;
  std::map<std::string, std::unique_ptr<Histogram>, std::less<>> histograms;
};

Metrics::Metrics() = default;
Metrics::~Metrics() = default;

void Histogram::Observe(double value) {
  std::size_t bucket = 0;
  while (bucket < bounds_.size() && value > bounds_[bucket]) ++bucket;
  buckets_[bucket].fetch_add(1, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  sum_.fetch_add(value, std::memory_order_relaxed);
}

Metrics::Family& Metrics::FamilyOf(std::string_view name, std::string_view help, char kind) {
  auto found = families_.find(name);
  if (found == families_.end()) {
    found = families_.emplace(name, std::make_unique<Family>()).first;
    found->second->kind = kind;
  }
  CHECK(found->second->kind == kind);
  if (found->second->help.empty()) found->second->help = help;
  return *found->second;
}

Counter& Metrics::GetCounter(std::string_view name, std::string_view help,
                             std::string_view labels) {
  const std::scoped_lock lock(mutex_);
  auto& slot = FamilyOf(name, help, 'c').counters[std::string(labels)];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

Gauge& Metrics::GetGauge(std::string_view name, std::string_view help, std::string_view labels) {
  const std::scoped_lock lock(mutex_);
  auto& slot = FamilyOf(name, help, 'g').gauges[std::string(labels)];
  if (!slot) slot = std::make_unique<Gauge>();
  return *slot;
}

Histogram& Metrics::GetHistogram(std::string_view name, std::string_view help,
                                 std::string_view labels, const std::array<double, 14>& bounds) {
  const std::scoped_lock lock(mutex_);
  auto& slot = FamilyOf(name, help, 'h').histograms[std::string(labels)];
  if (!slot) slot = std::make_unique<Histogram>(bounds);
  return *slot;
}

std::string Metrics::Text() const {
  std::string out;
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, family] : families_) {
    const std::string_view kind = family->kind == 'c'   ? "counter"
                                  : family->kind == 'g' ? "gauge"
                                                        : "histogram";
    out.append("# HELP ").append(name).append(" ").append(family->help).append("\n");
    out.append("# TYPE ").append(name).append(" ").append(kind).append("\n");
    for (const auto& [labels, counter] : family->counters) {
      AppendName(out, name, labels);
      out += ' ';
      Append(out, counter->value());
      out += '\n';
    }
    for (const auto& [labels, gauge] : family->gauges) {
      AppendName(out, name, labels);
      out += ' ';
      Append(out, gauge->value());
      out += '\n';
    }
    for (const auto& [labels, histogram] : family->histograms) {
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < histogram->buckets_.size(); ++i) {
        below += histogram->buckets_[i].load(std::memory_order_relaxed);
        std::string bound = "le=\"";
        if (i < histogram->bounds_.size()) {
          Append(bound, histogram->bounds_[i]);
        } else {
          bound += "+Inf";
        }
        AppendName(out, name + "_bucket", labels, bound + "\"");
        out += ' ';
        Append(out, below);
        out += '\n';
      }
      AppendName(out, name + "_sum", labels);
      out += ' ';
      Append(out, histogram->sum());
      out += '\n';
      AppendName(out, name + "_count", labels);
      out += ' ';
      Append(out, below);
      out += '\n';
    }
  }
  return out;
}

}  // namespace base
