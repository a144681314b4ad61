#pragma once

#include <set>
#include <vector>

#include "sim/archive.h"

namespace sim {

/// What must hold of one change, told by the log before it and what its op asked for. The next one
/// of its list: not in the archive yet.
class ChangeCheck {
 public:
  ChangeCheck(const Archive& archive, const base::Uuid& list, const domain::Change& change,
              const View& before, const View& now);
  void Run() const;

 private:
  [[nodiscard]] std::vector<const domain::Change*> Since() const;
  /// Fields of `id` that others changed since the op's base.
  [[nodiscard]] std::uint32_t Hit(const base::Uuid& id) const;
  [[nodiscard]] bool WasOpened(const base::Uuid& id) const;

  void Once() const;
  void People() const;
  void Parents() const;
  void Order() const;
  void Values() const;
  void Spared() const;
  void Moved() const;
  void CameBack() const;
  void Transferred() const;
  void Reverted() const;
  void UndoneExactly(const std::vector<const domain::Change*>& rest, std::size_t undone) const;

  template <class... T>
  void Hold(bool holds, const T&... said) const {
    Need(holds, list_, " ", change_.kind, " at ", change_.revision, ": ", said...);
  }

  const Archive& archive_;
  const base::Uuid list_;
  const domain::Change& change_;
  const View& before_;
  const View& now_;
  const Archive::ListLog& log_;
  const domain::Op* const op_;   // Nothing: the service's own.
  std::set<base::Uuid> placed_;  // Came, went or moved by it.
};

}  // namespace sim
