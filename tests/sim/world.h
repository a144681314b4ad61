#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/archive.h"
#include "sim/client.h"
#include "sim/server.h"

namespace sim {

struct Options {
  std::uint64_t seed = 1;
  int ops = 2'000;
  Fault fault = Fault::kNone;
  /// Above 1 they have caches of their own, and transactions commit in another order than they
  /// begin. 0: as the seed says.
  std::size_t processes = 0;
  bool is_told = false;  // Each step, on stderr.
};

/// 8 clients of 4 people and one service, from a seed: what they do, when messages come, are lost
/// or come late, and when the service is killed. Throws Broken when a guarantee does not hold.
class World {
 public:
  explicit World(const Options& options);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void Run();

  using Counts = std::map<std::string, std::int64_t>;
  [[nodiscard]] const Counts& counts() const { return counts_; }

 private:
  /// A request under way.
  struct Flight {
    std::size_t client = 0;
    base::Uuid user;
    Body body;
    bool is_heard = true;  // The client waits for the answer, and will get it.
    std::uint64_t begun = 0;
    std::size_t process = 0;
    std::atomic<bool> done = false;
    base::Result<std::string> answer;
  };
  using FlightPtr = std::shared_ptr<Flight>;
  /// What a person saw of a list when it went out of sight.
  struct Sight {
    bool sees = false;
    std::uint64_t lost_at = 0;  // Steps of the server.
    std::int64_t lost_revision = 0;
  };
  struct First {
    Result result;
    bool is_bare = false;  // Its item had been purged: the values may be gone.
  };
  /// What is known beside the database when a copy of it is taken.
  struct Backup {
    std::optional<Archive> archive;
  };

  void Begin();
  void Step();
  void OneThing(std::size_t client);
  void Rare(std::size_t client);
  void Pump(std::size_t steps);
  void Pass(std::int64_t milliseconds);
  void Rest();
  void Settled();

  void Sync(std::size_t client);
  [[nodiscard]] FlightPtr Send(std::size_t client, Body body, bool is_heard);
  void Deliver();
  [[nodiscard]] bool Hand(Flight& flight);
  void Settle(std::size_t client);
  bool Exchange(std::size_t client);
  void CompareWith(const Client& client);
  void OnResult(const domain::Op& op, const Result& result);

  void OwnerCall();
  void Call(domain::Op op);
  void Kill(std::size_t process);
  void CopyOrRestore();
  void RestoreBackup();
  void Retain();
  void SaveOrCopy(std::size_t client);

  void Absorb();
  void StartAnew(const base::Uuid& list);
  void CompareAll();
  void CheckStored(const base::Uuid& list);
  void NoteSight();
  void CheckSight(const Flight& flight, const json::object& answer);
  void CheckGranted(const Flight& flight, const base::Uuid& list, json::object told) const;
  void CheckCame(const Client& client) const;
  void CheckSeen(const Flight& flight, const char* what, const base::Uuid& list,
                 std::int64_t revision) const;
  void LookBack(const base::Uuid& list);
  void Replay(const base::Uuid& list);
  void AskPast(const base::Uuid& list);
  /// Those that somebody sees: others have been ended by retention.
  [[nodiscard]] std::vector<base::Uuid> ListsThere() const;
  [[nodiscard]] base::Uuid OwnerOf(const base::Uuid& list) const;
  void Tell(const std::string& what) const;

  const Options options_;
  Counts counts_;
  Dice dice_;
  std::atomic<std::int64_t> now_ms_{1'780'000'000'000};
  Setting setting_;
  std::filesystem::path folder_;
  std::unique_ptr<Server> server_;
  Archive archive_;
  std::vector<base::Uuid> users_;
  std::vector<std::unique_ptr<Client>> clients_;
  int ops_ = 0;

  std::vector<FlightPtr> flights_;
  std::vector<FlightPtr> late_;  // Still on their way to the service.
  std::set<std::size_t> offline_;
  std::map<std::size_t, Client::Store> copies_;
  std::optional<Backup> backup_;

  std::map<std::pair<base::Uuid, base::Uuid>, Sight> sight_;  // Person and list.
  std::map<std::pair<base::Uuid, base::Uuid>, First> first_;  // List and op.
};

}  // namespace sim
