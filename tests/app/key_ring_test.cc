// The signing keys over the real database, with a clock that the test moves. Two rings over one
// database stand for two processes.

#include "app/key_ring.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <boost/json/parse.hpp>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/testing.h"
#include "contract/jobs.h"

namespace app {
namespace {

constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::int64_t kDayMs = 24 * kHourMs;
constexpr base::Time kStart{1'769'851'800'000};

/// A database that cannot be read while `is_broken`.
class Readable final : public ports::Database {
 public:
  explicit Readable(ports::Database& database) : database_(database) {}
  void Write(std::uint64_t key, ports::Deadline deadline,
             std::shared_ptr<ports::WriteJob> job) override {
    database_.Write(key, deadline, std::move(job));
  }
  void Read(ports::ReadRequest request) override {
    if (is_broken) {
      request.done(std::unexpected(base::Unavailable("Broken by the test.")));
    } else {
      database_.Read(std::move(request));
    }
  }
  std::atomic<bool> is_broken{false};

 private:
  ports::Database& database_;
};

class Keys : public testing::Test {
 public:
  Keys() {
    // One reader: what is read comes in the order it was asked for.
    sqlite_ = adapters::sqlite::Open({.folder = folder_.data(), .readers = 1}, metrics_).value();
    database_ = std::make_unique<Readable>(*sqlite_);
  }
  ~Keys() override { sqlite_.reset(); }  // Before the rings: it has finished their jobs.

  KeyRing& MakeRing() {
    rings_.push_back(std::make_unique<KeyRing>(*database_, *crypto_, [this] { return now(); }));
    return *rings_.back();
  }
  KeyRing& Started() {
    KeyRing& ring = MakeRing();
    const auto started = ring.Start();
    EXPECT_TRUE(started.has_value());
    return ring;
  }

  [[nodiscard]] base::Time now() const { return {now_ms_.load()}; }
  void SetNow(base::Time now) { now_ms_ = now.ms; }
  void Move(std::int64_t ms) { now_ms_ += ms; }

  /// A minute's calls of EverySecond (the clock stands still), and all that they began.
  void Minute(KeyRing& ring) {
    for (int second = 0; second < 60; ++second) ring.EverySecond();
    static constexpr ports::Sql kNothing{"test.nothing", "SELECT 1"};
    EXPECT_TRUE(contract::Write(*sqlite_, {}).has_value());
    EXPECT_EQ(contract::ReadInt(*sqlite_, {&kNothing, {}}), 1);
  }

  std::string Issue(const KeyRing& ring) {
    const std::int64_t issued = now().ms / 1000;
    return IssueToken(
               *crypto_, SigningKey(ring),
               {base::NewUuid7(now()), base::NewUuid7(now()), 1, issued, issued + kAccessSeconds})
        .value();
  }
  [[nodiscard]] bool Verifies(const KeyRing& ring, const std::string& token) {
    return VerifyToken(*crypto_, *ring.All(), token, now()).has_value();
  }

  [[nodiscard]] KeyRow SigningKey(const KeyRing& ring) const {
    const auto key = ring.SigningAt(now());
    EXPECT_TRUE(key.has_value());
    return key.value_or(KeyRow());
  }
  static std::set<std::string> Published(const KeyRing& ring) {
    std::set<std::string> ids;
    boost::json::error_code error;
    const auto json = boost::json::parse(ring.Json(), error);
    EXPECT_FALSE(error) << ring.Json();
    for (const auto& key : json.at("keys").as_array()) {
      EXPECT_EQ(key.at("kty"), "RSA");
      EXPECT_EQ(key.at("alg"), "RS256");
      EXPECT_EQ(key.at("use"), "sig");
      EXPECT_EQ(key.at("e"), "AQAB");
      EXPECT_EQ(key.at("n").as_string().size(), 342U);
      EXPECT_EQ(key.as_object().size(), 6U) << "nothing private";
      ids.emplace(key.at("kid").as_string());
    }
    return ids;
  }
  static std::string SignerAt(const KeyRing& ring, base::Time time) {
    const auto key = ring.SigningAt(time);
    return key ? key->id : "nobody";
  }
  [[nodiscard]] std::string Signer(const KeyRing& ring) const { return SignerAt(ring, now()); }

  adapters::sqlite::TestFolder folder_;
  base::Metrics metrics_;
  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
  std::atomic<std::int64_t> now_ms_{kStart.ms};
  std::vector<std::unique_ptr<KeyRing>> rings_;
  std::unique_ptr<ports::Database> sqlite_;
  std::unique_ptr<Readable> database_;
};

TEST_F(Keys, TheFirstSignsAtOnceForThirtyDays) {
  const KeyRing& ring = Started();
  const std::string first = Signer(ring);
  EXPECT_EQ(Published(ring), std::set{first});
  EXPECT_TRUE(Verifies(ring, Issue(ring)));
  const KeyRow key = SigningKey(ring);
  EXPECT_EQ(key.signs_until.ms - key.signs_from.ms, 30 * kDayMs);
  EXPECT_EQ(SignerAt(ring, {key.signs_until.ms - 1}), first);
  EXPECT_EQ(SignerAt(ring, key.signs_until), "nobody");
}

TEST_F(Keys, TheNextIsPublishedADayBeforeItSigns) {
  KeyRing& ring = Started();
  const std::string first = Signer(ring);
  const base::Time until = SigningKey(ring).signs_until;
  SetNow({until.ms - kDayMs - 1});
  Minute(ring);
  EXPECT_EQ(Published(ring), std::set{first});
  SetNow({until.ms - kDayMs});
  Minute(ring);
  Minute(ring);
  EXPECT_EQ(Published(ring).size(), 2U);
  EXPECT_EQ(Signer(ring), first);
  EXPECT_EQ(SignerAt(ring, {until.ms - 1}), first);
  const std::string next = SignerAt(ring, until);
  EXPECT_NE(next, first);
  EXPECT_TRUE(Published(ring).contains(next));
}

TEST_F(Keys, TheOldIsThereUntilItsLastTokenHasExpired) {
  KeyRing& ring = Started();
  const KeyRow first = SigningKey(ring);
  SetNow({first.signs_until.ms - kDayMs});
  Minute(ring);
  SetNow({first.signs_until.ms - 1});
  const std::string last_of_first = Issue(ring);
  SetNow(first.signs_until);
  const std::string first_of_next = Issue(ring);
  EXPECT_NE(Signer(ring), first.id);
  const std::int64_t expires_ms = (first.signs_until.ms - 1) / 1000 * 1000 + kAccessSeconds * 1000;
  SetNow({expires_ms - 1});
  Minute(ring);
  EXPECT_TRUE(Verifies(ring, last_of_first));
  EXPECT_TRUE(Verifies(ring, first_of_next));
  EXPECT_TRUE(Published(ring).contains(first.id));
  SetNow(first.expires_at);
  EXPECT_GE(first.expires_at.ms, expires_ms);
  EXPECT_FALSE(Verifies(ring, last_of_first));
  EXPECT_FALSE(Published(ring).contains(first.id));
  Minute(ring);
  EXPECT_EQ(ring.All()->size(), 1U);
}

TEST_F(Keys, SomebodySignsAtAnyTimeAndIsKnownLongBefore) {
  KeyRing& ring = Started();
  std::map<std::string, base::Time> known{{Signer(ring), {0}}};
  std::vector<std::string> tokens;
  std::set<std::string> signers;
  for (int hour = 0; hour < 65 * 24; ++hour) {
    Move(kHourMs);
    ASSERT_TRUE(tokens.empty() || !Verifies(ring, tokens.back()));
    Minute(ring);
    const std::set<std::string> published = Published(ring);
    for (const std::string& id : published) known.try_emplace(id, now());
    ASSERT_LE(published.size(), 2U);
    ASSERT_TRUE(published.contains(Signer(ring)));
    ASSERT_LE(known.at(Signer(ring)).ms, now().ms - 22 * kHourMs);
    signers.insert(Signer(ring));
    tokens.push_back(Issue(ring));
    ASSERT_TRUE(Verifies(ring, tokens.back()));
  }
  EXPECT_EQ(signers.size(), 3U);
}

TEST_F(Keys, TwoProcessesSignAlike) {
  KeyRing& one = Started();
  KeyRing& two = Started();
  EXPECT_EQ(Published(one).size(), 1U);
  EXPECT_EQ(Published(two), Published(one));
  for (int day = 0; day < 65; ++day) {
    Move(kDayMs / 2);
    Minute(one);
    Minute(two);
    Minute(one);  // Has read what the other made.
    ASSERT_EQ(Published(one), Published(two));
    for (std::int64_t ahead = 0; ahead < kDayMs; ahead += kHourMs) {
      ASSERT_EQ(SignerAt(one, {now().ms + ahead}), SignerAt(two, {now().ms + ahead}));
    }
    ASSERT_TRUE(Verifies(two, Issue(one)));
    ASSERT_TRUE(Verifies(one, Issue(two)));
  }
}

TEST_F(Keys, TwoProcessesThatBeginAtOnceAgreeOnASigner) {
  KeyRing& one = MakeRing();
  KeyRing& two = MakeRing();
  std::thread other([&] { EXPECT_TRUE(two.Start().has_value()); });
  EXPECT_TRUE(one.Start().has_value());
  other.join();
  const std::vector<std::string> tokens{Issue(one), Issue(two)};
  Minute(one);
  Minute(two);
  EXPECT_EQ(Signer(one), Signer(two));
  for (const std::string& token : tokens) {
    EXPECT_TRUE(Verifies(one, token));
    EXPECT_TRUE(Verifies(two, token));
  }
}

TEST_F(Keys, OfALaterProcessAreThoseOfTheDatabase) {
  const std::string first = Signer(Started());
  Move(10 * kDayMs);
  EXPECT_EQ(Signer(Started()), first);
  Move(40 * kDayMs);  // Nobody was there to make the next.
  const KeyRing& late = Started();
  EXPECT_NE(Signer(late), first);
  EXPECT_NE(Signer(late), "nobody");
  EXPECT_EQ(Published(late), std::set{Signer(late)});
}

TEST_F(Keys, AreMadeAtOnceAfterALongSleep) {
  KeyRing& ring = Started();
  Move(60 * kDayMs);
  EXPECT_EQ(Signer(ring), "nobody");
  ring.EverySecond();  // One call: not the next whole minute.
  static constexpr ports::Sql kNothing{"test.nothing", "SELECT 1"};
  EXPECT_TRUE(contract::Write(*sqlite_, {}).has_value());
  EXPECT_EQ(contract::ReadInt(*sqlite_, {&kNothing, {}}), 1);
  EXPECT_NE(Signer(ring), "nobody");
}

TEST_F(Keys, SignWithAClockThatWasSetBack) {
  const std::string first = Signer(Started());
  Move(-7 * kDayMs);
  KeyRing& again = Started();
  EXPECT_EQ(Signer(again), first);
  Minute(again);
  EXPECT_EQ(Published(again), std::set{first});
}

TEST_F(Keys, StayInForceWhileTheDatabaseCannotBeRead) {
  KeyRing& ring = Started();
  const std::string token = Issue(ring);
  database_->is_broken = true;
  Minute(ring);
  EXPECT_TRUE(Verifies(ring, token));
  EXPECT_TRUE(Verifies(ring, Issue(ring)));
  const auto started = MakeRing().Start();
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, base::Code::kUnavailable);
}

TEST_F(Keys, AreReadAgainForAnUnknownOneAtMostEveryTwoSeconds) {
  KeyRing& ring = Started();
  EXPECT_FALSE(ring.MayReload());
  Move(1999);
  EXPECT_FALSE(ring.MayReload());
  Move(1);
  EXPECT_TRUE(ring.MayReload());
  std::promise<void> read;
  ring.Reload([&read] { read.set_value(); });
  EXPECT_FALSE(ring.MayReload());
  read.get_future().wait();
}

}  // namespace
}  // namespace app
