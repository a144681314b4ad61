#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <future>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/crypto/crypto.h"
#include "adapters/sqlite/testing.h"
#include "app/accounts.h"
#include "contract/jobs.h"

/// Accounts of two processes over the real database, with a clock that the test moves and a
/// password hash that costs nothing.
namespace app {

inline constexpr std::int64_t kMinuteMs = 60'000;
inline constexpr std::int64_t kDayMs = 24 * 60 * kMinuteMs;
inline constexpr std::string_view kRight = "correct horse battery";
inline constexpr std::string_view kNew = "another horse battery";
inline constexpr std::string_view kWrong = "a wrong horse battery";

/// The real signatures, and hashes that only say what was hashed. Counts the checks.
class CheapHashes final : public ports::Crypto {
 public:
  ports::SigningKey MakeKey() override { return real_->MakeKey(); }
  base::Result<std::string> Sign(const std::string& pem, std::string_view text) override {
    return real_->Sign(pem, text);
  }
  bool Verify(std::string_view n, std::string_view e, std::string_view text,
              std::string_view signature) override {
    return real_->Verify(n, e, text, signature);
  }
  std::string HashPassword(std::string_view password) override {
    return "hash of " + std::string(password);
  }
  std::string HashOfNone() override { return "hash of none"; }
  std::string StretchSecret(std::string_view, std::string_view) override { return {}; }
  bool CheckPassword(const std::string& hash, std::string_view password) override {
    if (on_check) on_check();
    const std::scoped_lock lock(mutex_);
    checked_.push_back(hash);
    return hash == "hash of " + std::string(password);
  }
  void Sha256Into(std::string_view text, std::array<std::uint8_t, 32>& digest) override {
    real_->Sha256Into(text, digest);
  }
  std::string Sha256(std::string_view text) override { return real_->Sha256(text); }
  std::string HmacSha256(std::string_view key, std::string_view text) override {
    return real_->HmacSha256(key, text);
  }

  /// Hashes that a password was checked against since the last call.
  std::vector<std::string> Checked() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(checked_, {});
  }
  std::function<void()> on_check;

 private:
  const std::unique_ptr<ports::Crypto> real_ = adapters::crypto::MakeCrypto();
  std::mutex mutex_;
  std::vector<std::string> checked_;
};

/// One process: its own accounts and revocations over the shared database.
struct Process {
  Process(ports::Database& database, ports::Crypto& crypto, const ports::Clock& clock)
      : cache(std::size_t{1} << 20, metrics),
        lists(database, crypto, cache, clock, metrics),
        accounts(database, crypto, lists, revocations, clock, metrics) {
    EXPECT_TRUE(accounts.Start().has_value());
  }
  base::Metrics metrics;
  ListCache cache;
  Lists lists;
  Revocations revocations;
  Accounts accounts;
};

/// Waits for what other threads bring about; fails the test when it does not come.
inline void Await(const std::function<bool()>& condition) {
  const auto until = contract::Soon();
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), until) << "it did not come";
    std::this_thread::yield();
  }
}

class AccountsOverSqlite : public testing::Test {
 protected:
  ~AccountsOverSqlite() override {
    one_.accounts.Stop();
    two_.accounts.Stop();
    database_.reset();  // Before the accounts: it has finished their jobs.
  }

  /// Calls an asynchronous function and waits for its result.
  template <class T>
  static base::Result<T> Wait(
      const std::function<void(std::function<void(base::Result<T>)>)>& call) {
    auto result = std::make_shared<std::promise<base::Result<T>>>();
    call([result](base::Result<T> each) { result->set_value(std::move(each)); });
    return result->get_future().get();
  }

  base::Result<SignedIn> SignUp(const std::string& email, const Client& client = kHome) {
    return Wait<SignedIn>([&](auto done) {
      one_.accounts.SignUp(email, std::string(kRight), "Ann", client, std::move(done));
    });
  }
  base::Result<SignedIn> SignIn(const std::string& email, std::string_view password,
                                const Client& client = kHome) {
    return Wait<SignedIn>([&](auto done) {
      one_.accounts.SignIn(email, std::string(password), client, std::move(done));
    });
  }
  static base::Result<Tokens> Refresh(Process& process, const std::string& token) {
    return Wait<Tokens>([&](auto done) { process.accounts.Refresh(token, std::move(done)); });
  }
  base::Result<Tokens> Refresh(const std::string& token) { return Refresh(one_, token); }
  base::Result<Principal> Use(Process& process, const std::string& access) {
    auto who =
        Wait<Principal>([&](auto done) { process.accounts.Authenticate(access, std::move(done)); });
    EXPECT_TRUE(contract::Write(*database_, {}).has_value());  // It is marked as used by now.
    return who;
  }
  base::Result<Principal> Use(const std::string& access) { return Use(one_, access); }
  base::Result<Answer> SetPassword(Process& process, const Principal& caller,
                                   std::string_view current, const Client& client = kHome) {
    return Wait<Answer>([&](auto done) {
      process.accounts.SetPassword(caller, std::string(current), std::string(kNew), client, {},
                                   std::move(done));
    });
  }

  template <class T>
  static std::string ReasonOf(const base::Result<T>& result) {
    return result ? "ok" : result.error().reason;
  }
  /// What a sign-in comes to.
  std::string Try(const std::string& email, std::string_view password,
                  const std::string& address = kHome.address) {
    const auto signed_in = SignIn(email, password, {.address = address});
    if (ReasonOf(signed_in) == "too_many_attempts") {
      EXPECT_GT(signed_in.error().retry_after_s, 0);
      EXPECT_LE(signed_in.error().retry_after_s, 900);
    }
    return ReasonOf(signed_in);
  }

  /// A minute's calls of EverySecond after a long time in which nobody was there.
  void MakeKeys() {
    for (int second = 0; second < 60; ++second) one_.accounts.EverySecond();
    Await([&] { return one_.accounts.KeySet().find("kid") != std::string::npos; });
  }

  void Move(std::int64_t ms) { now_ms_ += ms; }

  inline static const Client kHome{.address = "192.0.2.1"};

  std::atomic<std::int64_t> now_ms_{1'769'851'800'000};
  const ports::Clock clock_ = [this] { return base::Time{now_ms_}; };
  adapters::sqlite::TestFolder folder_;
  base::Metrics metrics_;
  CheapHashes crypto_;
  std::unique_ptr<ports::Database> database_ =
      adapters::sqlite::Open({.folder = folder_.data()}, metrics_).value();
  Process one_{*database_, crypto_, clock_};
  Process two_{*database_, crypto_, clock_};
};

}  // namespace app
