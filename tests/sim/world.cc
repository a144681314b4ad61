#include "sim/world.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sim {
namespace {

constexpr std::size_t kUsers = 4;
constexpr std::size_t kClients = 8;
constexpr std::int64_t kHour = 3'600'000;

std::filesystem::path NewFolder() {
  const bool has_memory = std::filesystem::is_directory("/dev/shm");
  std::string name = (has_memory ? "/dev/shm" : std::filesystem::temp_directory_path().string()) +
                     "/lists-sim-XXXXXX";
  Need(mkdtemp(name.data()) != nullptr, "there is no room for a folder: ", name);
  return name;
}

}  // namespace

World::World(const Options& options)
    : options_(options),
      dice_(options.seed),
      setting_{dice_, options.fault, [this] { return base::Time{now_ms_}; }, counts_},
      folder_(NewFolder()),
      archive_(counts_) {
  Start(options.seed, options.fault, dice_.Pick({5, 15, 60, 2'000}));
  const std::size_t processes = options.processes != 0 ? options.processes : 1 + dice_.Below(2);
  server_ = std::make_unique<Server>(folder_ / "data", processes, dice_, options.fault,
                                     [this] { return base::Time{now_ms_}; });
}

World::~World() {
  server_.reset();
  std::filesystem::remove_all(folder_);
}

void World::Tell(const std::string& what) const {
  if (!options_.is_told) return;
  std::fprintf(stderr, "%d %s %s\n", ops_, base::ToString(base::Time{now_ms_}).c_str(),
               what.c_str());
}

void World::Begin() {
  server_->Open();
  for (std::size_t i = 0; i < kUsers; ++i) {
    users_.push_back(dice_.Id({now_ms_}));
    server_->MakeUser(users_.back());
  }
  for (std::size_t i = 0; i < kClients; ++i) {
    const std::int64_t off = i % 3 == 1 ? kHour : i % 3 == 2 ? -kHour : 0;
    auto client = std::make_unique<Client>(setting_, users_[i % kUsers], off);
    client->on_result = [this](const domain::Op& op, const Result& result) {
      OnResult(op, result);
    };
    clients_.push_back(std::move(client));
  }
  for (std::size_t i = 0; i < 3; ++i) {  // Lists that all share, in different roles.
    domain::Op make{.kind = domain::Kind::kCreateList,
                    .op_id = dice_.Id({now_ms_}),
                    .list_id = dice_.Id({now_ms_}),
                    .actor_id = users_[i]};
    make.fields = {.mask = domain::kTitle, .title = "shared"};
    const base::Uuid list = make.list_id;
    Call(std::move(make));
    server_->Drain();
    for (std::size_t j = 0; j < kUsers; ++j) {
      if (j == i) continue;
      const bool is_viewer = (i + j) % 5 == 4;
      server_->Change({.op_id = dice_.Id({now_ms_}),
                       .list = list,
                       .person = users_[j],
                       .role = is_viewer ? domain::Role::kViewer : domain::Role::kEditor});
      server_->Drain();
    }
  }
  NoteSight();
  Absorb();
  server_->Fail();
}

void World::Run() {
  Begin();
  while (ops_ < options_.ops) Step();
  Settled();
}

/// At the end: all comes to rest, and all agree.
void World::Settled() {
  for (const FlightPtr& flight : std::exchange(late_, {})) {
    const auto sent = Send(flight->client, flight->body, false);
    Rest();
  }
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < clients_.size(); ++i) Settle(i);
  }
  const std::vector<base::Uuid> lists = ListsThere();
  CompareAll();
  for (const base::Uuid& list : lists) {
    LookBack(list);
    AskPast(list);
  }
  std::set<std::pair<base::Uuid, base::Uuid>> acknowledged;
  for (const auto& [key, result] : first_) acknowledged.insert(key);
  archive_.CheckEnd(acknowledged);
}

void World::Step() {
  Pass(dice_.Chance(0.98) ? dice_.Pick({1, 5, 50, 700, 15'000}) : 90'000);
  if (dice_.Chance(0.004)) now_ms_ -= 30'000;  // The service's clock is set.
  Pump(dice_.Below(6));
  for (std::size_t i = 0; i < late_.size();) {
    if (!dice_.Chance(0.12)) {
      ++i;
      continue;
    }
    const FlightPtr flight = late_[i];
    late_.erase(late_.begin() + static_cast<std::ptrdiff_t>(i));
    const auto sent = Send(flight->client, flight->body, false);
  }
  OneThing(dice_.Below(clients_.size()));
  if (const auto torn = server_->Torn()) Kill(*torn);
  Absorb();
}

void World::OneThing(std::size_t client) {
  const double what = dice_.Unit();
  if (dice_.Chance(0.3)) clients_[client]->BringIn();
  if (what < 0.52) {
    clients_[client]->Invent();
    ++ops_;
  } else if (what < 0.80) {
    if (!offline_.contains(client)) Sync(client);
  } else if (what < 0.85) {
    if (!offline_.erase(client)) offline_.insert(client);
  } else if (what < 0.91) {
    OwnerCall();
    ++ops_;
  } else if (what < 0.935) {
    if (!offline_.contains(client)) Settle(client);
  } else {
    Rare(client);
  }
}

void World::Rare(std::size_t client) {
  const double what = dice_.Unit();
  const std::vector<base::Uuid> lists = ListsThere();
  if (what < 0.2) {
    SaveOrCopy(client);
  } else if (what < 0.35) {
    server_->process(server_->AnyProcess()).retention.EverySecond();
  } else if (what < 0.38) {
    Pass(static_cast<std::int64_t>(dice_.Below(60)) * 60'000);
    Retain();
  } else if (what < 0.46) {
    Kill(server_->AnyProcess());
  } else if (what < 0.54) {
    CopyOrRestore();
  } else if (what < 0.7 && !lists.empty()) {
    AskPast(dice_.Pick(lists));
  } else if (what < 0.73 && !lists.empty()) {
    LookBack(dice_.Pick(lists));
  } else if (what < 0.76) {
    CompareAll();
  } else {
    Pump(20);
  }
}

void World::Pump(std::size_t steps) {
  for (std::size_t i = 0; i < steps; ++i) {
    if (dice_.Chance(0.5)) Pass(1);
    if (!server_->Step()) break;
    NoteSight();
    if (const auto torn = server_->Torn()) return Kill(*torn);
  }
  Deliver();
}

void World::Pass(std::int64_t milliseconds) {
  now_ms_ += milliseconds;
  sim::Pass(milliseconds);
}

/// Until nothing is under way; answers have not been handed over.
void World::Rest() {
  while (server_->Step()) {
    NoteSight();
    if (const auto torn = server_->Torn()) Kill(*torn);
  }
}

/// A process ends in the middle of what it does, and another is started.
void World::Kill(std::size_t process) {
  Tell("kill");
  ++counts_["kills"];
  std::erase_if(flights_, [&](const FlightPtr& flight) { return flight->process == process; });
  server_->KillOne(process);
  NoteSight();
}

void World::Retain() {
  for (int i = 0; i < 20; ++i) {
    server_->process(server_->AnyProcess()).retention.EverySecond();
    Pump(1'000);
  }
  ++counts_["retention"];
}

void World::SaveOrCopy(std::size_t client) {
  const auto copy = copies_.find(client);
  if (copy == copies_.end()) {
    copies_.emplace(client, clients_[client]->store());
  } else if (dice_.Chance(0.5)) {
    for (const FlightPtr& flight : flights_) {
      if (flight->client == client) flight->is_heard = false;
    }
    clients_[client]->BecomeCopy(copy->second);
    copies_.erase(copy);
    ++counts_["client copies"];
  }
}

void World::CopyOrRestore() {
  const std::filesystem::path file = folder_ / "copy.db";
  if (!backup_) {
    Pump(dice_.Below(20));
    Absorb();
    server_->Backup(file);
    backup_.emplace();
    backup_->archive.emplace(archive_);
  } else if (dice_.Chance(0.4)) {
    RestoreBackup();
  }
}

/// An older copy of the database is put in place: the epoch grows, what came since is lost.
void World::RestoreBackup() {
  Tell("an older copy of the database");
  flights_.clear();
  server_->Restore(folder_ / "copy.db", dice_.Chance(0.5));
  const Archive lost = std::move(archive_);
  archive_ = std::move(*backup_->archive);
  archive_.TakeSent(lost);
  backup_.reset();
  server_->SkipRows();
  late_.clear();
  std::set<std::pair<base::Uuid, base::Uuid>> kept;
  for (const auto& [list, log] : archive_.lists()) {
    for (const Archive::EntryPtr& entry : log.entries) kept.insert({list, entry->change.op_id});
  }
  std::erase_if(first_, [&](const auto& each) { return !kept.contains(each.first); });
  NoteSight();
  ++counts_["older copies"];
}

std::vector<base::Uuid> World::ListsThere() const {
  std::set<base::Uuid> lists;
  for (const auto& [key, sight] : sight_) {
    if (sight.sees && archive_.lists().contains(key.second)) lists.insert(key.second);
  }
  return {lists.begin(), lists.end()};
}

base::Uuid World::OwnerOf(const base::Uuid& list) const {
  for (const auto& [user, role] : archive_.lists().at(list).now->members) {
    if (role == domain::Role::kOwner) return user;
  }
  Fail("nobody owns ", list);
}

/// Single calls of the owner, who may do what sync does not, and anything else without a base.
void World::OwnerCall() {
  const std::vector<base::Uuid> lists = ListsThere();
  if (lists.empty()) return;
  const base::Uuid list = dice_.Pick(lists);
  const base::Uuid owner = OwnerOf(list);
  constexpr std::array<double, 10> kWeights{6, 2, 2.5, 0.8, 0.3, 2, 1, 1, 0.4, 1};
  using domain::Kind;
  constexpr std::array<Kind, kWeights.size()> kKinds{
      Kind::kGrant,       Kind::kRole, Kind::kRevoke, Kind::kPurge,    Kind::kRemoveList,
      Kind::kRestoreList, Kind::kMove, Kind::kSet,    Kind::kTransfer, Kind::kRevert};
  const Kind kind = kKinds[dice_.Weighted(kWeights)];
  const base::Uuid person = dice_.Pick(users_);
  if (kind == Kind::kRevoke && dice_.Chance(0.3)) {  // Somebody leaves, the owner too.
    return Call({.kind = kind, .op_id = dice_.Id({now_ms_}), .list_id = list, .actor_id = person});
  }
  if (kind == Kind::kGrant || kind == Kind::kRole || kind == Kind::kRevoke) {
    const auto role =
        kind == Kind::kRole
            ? dice_.Pick({domain::Role::kEditor, domain::Role::kViewer, domain::Role::kEditor,
                          domain::Role::kOwner})
            : dice_.Pick({domain::Role::kEditor, domain::Role::kEditor, domain::Role::kViewer});
    return server_->Change(
        {.kind = kind, .op_id = dice_.Id({now_ms_}), .list = list, .person = person, .role = role});
  }
  domain::Op op{.kind = kind, .op_id = dice_.Id({now_ms_}), .list_id = list, .actor_id = owner};
  const Archive::ListLog& log = archive_.lists().at(list);
  if (kind == Kind::kRevert) {
    op.to_revision = log.now->revision - static_cast<std::int64_t>(dice_.Below(4));
    return Call(std::move(op));
  }
  if (kind != Kind::kRemoveList && kind != Kind::kRestoreList) {
    std::vector<base::Uuid> items = log.now->order;
    if (kind == Kind::kPurge) {
      for (const auto& [item, left] : log.left) items.push_back(item);
    }
    if (items.empty()) return;
    op.item_id = dice_.Pick(items);
  }
  if (kind == Kind::kMove) op.side = domain::Side::kAfter;
  if (kind == Kind::kSet) {
    op.fields = {.mask = domain::kText, .text = "t" + std::to_string(dice_.Below(100'000))};
  }
  if (kind == Kind::kTransfer) op.to_list = dice_.Pick(lists);
  Call(std::move(op));
}

void World::Call(domain::Op op) {
  archive_.Sent(op);
  Tell("call " + std::string(Name(op.kind)));
  server_->process(server_->AnyProcess())
      .lists.Write({.op = std::move(op),
                    .deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60),
                    .render = [](const domain::Decision&) { return app::Answer{}; },
                    .done = [](const base::Result<app::Answer>&) {}});
}

}  // namespace sim
