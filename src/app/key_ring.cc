#include "app/key_ring.h"

#include <algorithm>
#include <future>
#include <utility>

#include "app/batch_job.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "store/accounts.h"

namespace app {
namespace {

constexpr std::int64_t kDayMs = std::int64_t{24} * 3600 * 1000;
constexpr std::int64_t kSignsMs = 30 * kDayMs;
constexpr std::int64_t kAheadMs = kDayMs;
constexpr std::int64_t kReloadMs = 2000;
constexpr int kReloadSeconds = 60;
constexpr std::string_view kKeyName = "signing key";

KeyRow KeyOf(store::SigningKeyRow row) {
  return {std::move(row.id),
          {std::move(row.private_pem), std::move(row.modulus), std::move(row.exponent)},
          row.signs_from,
          row.signs_until,
          row.expires_at};
}

}  // namespace

KeyRing::KeyRing(ports::Database& database, ports::Crypto& crypto, ports::Clock clock)
    : database_(database), crypto_(crypto), clock_(std::move(clock)) {}

base::Result<void> KeyRing::Start() {
  const auto reload = [this] {
    std::promise<void> read;
    Reload([&read] { read.set_value(); });
    read.get_future().get();
  };
  reload();
  if (SigningAt(clock_())) return {};
  std::promise<base::Result<void>> added;
  Add(clock_(), [&added](base::Result<void> result) { added.set_value(std::move(result)); });
  if (auto result = added.get_future().get(); !result) return result;
  reload();
  if (SigningAt(clock_())) return {};
  return std::unexpected(base::Unavailable("The signing keys cannot be read."));
}

KeyRing::Keys KeyRing::All() const {
  const std::scoped_lock lock(mutex_);
  return keys_;
}

std::optional<KeyRow> KeyRing::SigningAt(base::Time time) const {
  const Keys keys = All();  // Newest first.
  const auto found = std::ranges::find_if(
      *keys, [&](const KeyRow& key) { return key.signs_from <= time && time < key.signs_until; });
  if (found != keys->end()) return *found;
  // A clock that was set back: rather the first of those to come than nobody can sign in.
  if (keys->empty() || keys->back().signs_from <= time) return std::nullopt;
  return keys->back();
}

std::string KeyRing::Json() const {
  std::string out = "{\"keys\":[";
  const Keys keys = All();
  for (const KeyRow& key : *keys) {
    if (key.expires_at <= clock_()) continue;
    out += out.back() == '[' ? "{" : ",{";
    out += R"("kty":"RSA","use":"sig","alg":"RS256","kid":)";
    base::AppendJsonText(out, key.id);
    out += ",\"n\":\"" + key.key.modulus + "\",\"e\":\"" + key.key.exponent + "\"}";
  }
  return out + "]}";
}

bool KeyRing::MayReload() {
  return clock_().ms - reloaded_at_.load() >= kReloadMs;
}

void KeyRing::Reload(std::function<void()> done) {
  reloaded_at_ = clock_().ms;
  auto rows = std::make_shared<std::vector<KeyRow>>();
  ReadQuickRows(
      database_, {store::ReadKeys(clock_())},
      [rows](std::size_t, const ports::Row& row) { rows->push_back(KeyOf(store::ReadKey(row))); },
      [this, rows, done = std::move(done)](const base::Result<void>& read) {
        if (read) {  // Else those we have stay in force.
          const std::scoped_lock lock(mutex_);
          keys_ = rows;
        }
        done();
      });
}

void KeyRing::Add(base::Time signs_from, std::function<void(base::Result<void>)> done) {
  ports::SigningKey key = crypto_.MakeKey();
  const base::Time now = clock_();
  // A key that signs at once does so from a little before: clocks of a fleet differ.
  const base::Time from{signs_from.ms <= now.ms ? now.ms - 60'000 : signs_from.ms};
  const base::Time until{from.ms + kSignsMs};
  // The same for all processes that make one for that day: the first that writes it has made it.
  const std::string id =
      base::ToString(base::DerivedUuid7({from.ms / kDayMs * kDayMs}, crypto_.Sha256(kKeyName)));
  base::Log(base::Level::kInfo, "signing key made", {{"kid", id}});
  RunBatch(database_, base::Uuid(),
           store::AddKeyBatch({id,
                               std::move(key.private_pem),
                               std::move(key.modulus),
                               std::move(key.exponent),
                               now,
                               from,
                               until,
                               {until.ms + kAccessSeconds * 1000 + 60'000}}),
           [done = std::move(done)](const base::Result<ports::Outcome>& outcome) {
             if (!outcome) return done(std::unexpected(outcome.error()));
             done({});
           });
}

void KeyRing::EverySecond() {
  // A machine that slept over the change of keys does not wait for its next minute.
  const bool is_due = ++seconds_ % kReloadSeconds == 0;
  if (!is_due && (SigningAt(clock_()) || !MayReload())) return;
  Reload([] {});
  const base::Time now = clock_();
  const base::Time soon{now.ms + kAheadMs};
  if (SigningAt(soon) || adding_.exchange(true)) return;
  const auto current = SigningAt(now);
  Add(current ? current->signs_until : now, [this](const base::Result<void>& added) {
    adding_ = false;
    if (added) Reload([] {});
  });
}

}  // namespace app
