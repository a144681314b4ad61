#include <algorithm>
#include <utility>

#include "domain/limits.h"
#include "sim/world.h"
#include "store/json.h"

/// Requests of clients on their way, and what is held against the service.
namespace sim {

void World::Sync(std::size_t client) {
  for (const FlightPtr& flight : flights_) {
    if (flight->client != client || !flight->is_heard) continue;
    if (!dice_.Chance(0.1)) return;  // It waits for an answer,
    flight->is_heard = false;        // but not for ever.
  }
  Body body = clients_[client]->Request(false);
  for (const domain::Op& op : body.ops) archive_.Sent(op);
  constexpr std::array<double, 4> kWays{70, 8, 14, 8};
  switch (dice_.Weighted(kWays)) {
    case 1: ++counts_["requests lost"]; return;
    case 2: {
      ++counts_["answers lost"];
      const auto flight = Send(client, std::move(body), false);
      return;
    }
    case 3: {
      ++counts_["requests late"];
      late_.push_back(std::make_shared<Flight>());
      late_.back()->client = client;
      late_.back()->body = std::move(body);
      return;
    }
    default: break;
  }
  const auto flight = Send(client, std::move(body), true);
  if (!dice_.Chance(0.6)) return;
  while (!flight->done && server_->Step()) {
    if (dice_.Chance(0.3)) Pass(1);
    NoteSight();
    if (const auto torn = server_->Torn()) return Kill(*torn);
  }
  Deliver();
}

World::FlightPtr World::Send(std::size_t client, Body body, bool is_heard) {
  auto flight = std::make_shared<Flight>();
  flight->client = client;
  flight->user = clients_[client]->user();
  flight->body = std::move(body);
  flight->is_heard = is_heard;
  flight->begun = server_->steps();
  flight->process = server_->AnyProcess();
  app::SyncRequest request{.user_id = flight->user,
                           .cursor = flight->body.cursor,
                           .named = flight->body.named,
                           .deadline = std::chrono::steady_clock::now() + std::chrono::minutes(2)};
  for (const domain::Op& op : flight->body.ops) request.ops.push_back({op, std::nullopt});
  server_->process(flight->process)
      .sync.Run(std::move(request), [flight](base::Result<std::string> answer) {
        flight->answer = std::move(answer);
        flight->done = true;
      });
  flights_.push_back(flight);
  ++counts_["requests"];
  return flight;
}

/// Answers that have come go to their clients.
void World::Deliver() {
  for (std::size_t i = 0; i < flights_.size();) {
    if (!flights_[i]->done) {
      ++i;
      continue;
    }
    const FlightPtr flight = flights_[i];
    flights_.erase(flights_.begin() + static_cast<std::ptrdiff_t>(i));
    const bool has_more = Hand(*flight);
    counts_["pages"] += has_more ? 1 : 0;
  }
}

/// Whether there is more.
bool World::Hand(Flight& flight) {
  Absorb();
  if (!flight.answer) {
    Need(flight.answer.error().code == base::Code::kUnavailable,
         "a request is refused: ", flight.answer.error().detail);
    ++counts_["unavailable"];
    return true;
  }
  const json::object answer = json::parse(*flight.answer).as_object();
  CheckSight(flight, answer);
  if (!flight.is_heard) return false;
  const bool has_more = clients_[flight.client]->Take(flight.body, answer);
  CheckCame(*clients_[flight.client]);
  return has_more;
}

void World::OnResult(const domain::Op& op, const Result& result) {
  const std::pair key{op.list_id, op.op_id};
  ++counts_["result " + result.status + (result.code.empty() ? "" : " " + result.code)];
  if (result.status == "refused") {
    ++counts_["refused " + result.code + " " + std::string(Name(op.kind))];
    Need(result.code != "op_id_reused", "op ", op.op_id, " is called another's");
    const bool may_be = result.code == "not_found" || result.code == "id_taken" ||
                        result.code == "op_expired" || result.code == "invalid_request";
    Need(may_be || !first_.contains(key), "op ", op.op_id, " was done, and then ", result.code);
    return;
  }
  // What was purged has lost its values, until an older copy of the database brings it back.
  const bool is_purged = op.item_id && archive_.IsPurged(op.list_id, *op.item_id);
  const auto [first, is_new] = first_.try_emplace(key, First{result, is_purged});
  if (is_new) return;
  ++counts_["repeats"];
  Result bare = result;
  Result was = first->second.result;
  if (is_purged || first->second.is_bare) {
    bare.fields.clear();
    was.fields.clear();
  }
  const auto text = [](const Result& each) {
    return each.status + " " + std::to_string(each.revision) + " " + each.code + " " +
           json::serialize(each.fields);
  };
  Need(was == bare, "a repeat of ", op.kind, " ", op.op_id, " of ", op.item_id, " in ", op.list_id,
       " is told ", text(bare), ", the first was told ", text(was));
}

bool World::Exchange(std::size_t client) {
  Body body = clients_[client]->Request(true);
  for (const domain::Op& op : body.ops) archive_.Sent(op);
  const auto flight = Send(client, std::move(body), true);
  std::erase(flights_, flight);
  while (!flight->done) {
    Need(server_->Step(), "an answer never comes");
    NoteSight();
    const auto torn = server_->Torn();
    if (!torn) continue;
    Kill(*torn);
    return true;
  }
  return Hand(*flight);
}

/// Syncs until there is nothing left, then holds what the client has against the service.
void World::Settle(std::size_t client) {
  Rest();
  for (const FlightPtr& flight : flights_) {
    if (flight->client == client) flight->is_heard = false;
  }
  Deliver();
  Client& who = *clients_[client];
  constexpr int kRounds = 300;
  int rounds = 0;
  do {
    who.BringIn();
    for (; Exchange(client) && rounds < kRounds; ++rounds) {
    }
  } while (!who.is_settled() && ++rounds < kRounds);
  Need(who.is_settled(), "a client does not come to rest: ", who.store().pending.size(),
       " ops and ", who.store().wanted.size(), " lists are left");
  CompareWith(who);
  ++counts_["settled"];
}

void World::CompareWith(const Client& client) {
  std::set<base::Uuid> seen;
  for (const auto& [key, sight] : sight_) {
    if (key.first == client.user() && sight.sees) seen.insert(key.second);
  }
  std::set<base::Uuid> held;
  for (const auto& [list, view] : client.store().lists) held.insert(list);
  for (const base::Uuid& list : held) {
    Need(seen.contains(list), client.user(), " holds ", list, ", which they do not see");
  }
  for (const base::Uuid& list : seen) {
    Need(held.contains(list), client.user(), " does not hold ", list, ", which they see");
    const View& have = client.store().lists.at(list);
    const View& is = *archive_.at(list).now;
    if (have == is) continue;
    Fail("a client's ", list, " is not the service's: ", TextOf(list, have, domain::Role::kViewer),
         " is ", TextOf(list, is, domain::Role::kViewer));
  }
}

/// Who sees what, whenever that may have changed.
void World::NoteSight() {
  if (!server_->TakeMembersWritten()) return;
  std::map<std::pair<base::Uuid, base::Uuid>, Membership> all;
  for (Membership& each : server_->Memberships()) all[{each.user, each.list}] = std::move(each);
  std::set<base::Uuid> there;  // Whom nobody sees, retention has ended: not by a change.
  for (const auto& [key, each] : all) {
    if (each.sees) there.insert(key.second);
  }
  const std::uint64_t now = server_->steps();
  for (auto& [key, sight] : sight_) {
    const auto found = all.find(key);
    if (!sight.sees || (found != all.end() && found->second.sees)) continue;
    sight.sees = false;
    sight.lost_at = now;
    const bool is_ended = !there.contains(key.second);
    sight.lost_revision = is_ended ? domain::kRevisionMax + 1 : found->second.revision;
  }
  for (const auto& [key, each] : all) {
    if (each.sees) sight_[key].sees = true;
  }
}

/// `list` was told, at `revision`.
void World::CheckSeen(const Flight& flight, const char* what, const base::Uuid& list,
                      std::int64_t revision) const {
  const auto found = sight_.find({flight.user, list});
  if (found != sight_.end() && found->second.sees) return;
  const bool was_seen = found != sight_.end() && found->second.lost_at > flight.begun;
  Need(was_seen, flight.user, " was told of ", list, " by ", what, " and does not see it");
  Need(revision < found->second.lost_revision, flight.user, " was told of ", list, " by ", what,
       " at ", revision, ", and could not see it from ", found->second.lost_revision, " on");
}

void World::CheckSight(const Flight& flight, const json::object& answer) {
  const auto id = [](const auto& text) { return base::ParseUuid(std::string_view(text)).value(); };
  for (const auto& [name, entry] : answer.at("lists").as_object()) {
    const json::object& object = entry.as_object();
    std::int64_t revision = object.at("revision").as_int64();
    if (const auto* changes = object.if_contains("changes")) {
      revision = 0;
      if (!changes->as_array().empty()) {
        revision = changes->as_array().back().at("revision").as_int64();
      }
    }
    CheckSeen(flight, "changes", id(name), revision);
  }
  for (const json::value& list : answer.at("granted").as_array()) {
    CheckSeen(flight, "granted", id(list.at("id").as_string()), list.at("revision").as_int64());
    CheckGranted(flight, id(list.at("id").as_string()), list.as_object());
  }
  for (const auto& [op, result] : answer.at("results").as_object()) {
    const auto* fields = result.as_object().if_contains("fields");
    if (fields == nullptr || !fields->as_object().contains("to_list")) continue;
    CheckSeen(flight, "a result", id(fields->at("to_list").as_string()), 0);
  }
}

/// A granted list is as it was at its revision.
void World::CheckGranted(const Flight& flight, const base::Uuid& list, json::object told) const {
  const Archive::Entry* const entry = archive_.Find(list, told.at("revision").as_int64());
  Need(entry != nullptr, list, " is granted at a revision that it never had");
  const View& view = *entry->after;
  const auto member = view.members.find(flight.user);
  Need(member != view.members.end(), list, " is granted to somebody who is not in it");
  json::object is = json::parse(TextOf(list, view, member->second)).as_object();
  is.erase("members");
  is.erase("items");
  Need(is == told, list, " is granted as ", json::serialize(told), " and is ", json::serialize(is));
}

/// What was told of the log is what is in it.
void World::CheckCame(const Client& client) const {
  for (const auto& [list, changes] : client.came()) {
    for (const domain::Change& change : changes) {
      const Archive::Entry* const entry = archive_.Find(list, change.revision);
      Need(entry != nullptr, "a change of ", list, " is told that the log has not");
      domain::Change told = change;
      domain::Change is = entry->change;
      std::erase_if(told.effects, [&](const auto& e) { return archive_.IsPurged(list, e.id); });
      std::erase_if(is.effects, [&](const auto& e) { return archive_.IsPurged(list, e.id); });
      if (is.item_id && archive_.IsPurged(list, *is.item_id)) is.overridden = told.overridden;
      if (setting_.fault == Fault::kEffectsOrder) told.effects = is.effects;
      Need(told == is, change.revision, " of ", list, " is not told as it is logged");
    }
  }
}

}  // namespace sim
