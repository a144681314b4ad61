#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/tokens.h"
#include "base/error.h"
#include "ports/clock.h"
#include "ports/crypto.h"
#include "ports/database.h"

namespace app {

/// The signing keys: rows of the database, so that one fleet has one set. A key signs for 30 days;
/// the next is made, and published, a day before it signs; a key stays published until the last
/// token it signed has expired. Thread-safe.
class KeyRing {
 public:
  using Keys = std::shared_ptr<const std::vector<KeyRow>>;

  KeyRing(ports::Database& database, ports::Crypto& crypto, ports::Clock clock);

  /// Loads the keys, makes the first. Blocks.
  [[nodiscard]] base::Result<void> Start();

  /// Makes the next key when it is time, and now and then reads what others have made.
  void EverySecond();

  [[nodiscard]] Keys All() const;
  /// The key that signs a token issued at `time`.
  [[nodiscard]] std::optional<KeyRow> SigningAt(base::Time time) const;
  [[nodiscard]] std::string Json() const;

  /// False within two seconds of the last reload: nobody can make us read all the time.
  [[nodiscard]] bool MayReload();
  void Reload(std::function<void()> done);

 private:
  void Add(base::Time signs_from, std::function<void(base::Result<void>)> done);

  ports::Database& database_;
  ports::Crypto& crypto_;
  const ports::Clock clock_;
  mutable std::mutex mutex_;
  Keys keys_ = std::make_shared<const std::vector<KeyRow>>();
  std::atomic<std::int64_t> reloaded_at_{0};
  std::atomic<bool> adding_{false};
  int seconds_ = 0;
};

}  // namespace app
