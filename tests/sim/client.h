#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <boost/json.hpp>

#include "domain/apply.h"
#include "domain/decide.h"
#include "sim/basics.h"

namespace sim {

namespace json = boost::json;
using domain::View;

/// What all clients share with the simulation.
struct Setting {
  Dice& dice;
  Fault fault = Fault::kNone;
  std::function<base::Time()> now;
  std::map<std::string, std::int64_t>& counts;
};

/// What a client sends.
struct Body {
  std::optional<std::string> cursor;
  std::map<base::Uuid, std::int64_t> named;
  std::vector<domain::Op> ops;
};

/// What an op came to.
struct Result {
  std::string status;
  std::int64_t revision = 0;
  std::string code;
  json::object fields;

  bool operator==(const Result&) const = default;
};

/// A local store: what it has of each list, what was done on it and not yet sent, and what both
/// come to. Written after api.md, 'Sync', alone.
class Client {
 public:
  /// All that a copy of the store has.
  struct Store {
    base::Uuid id;  // `client_id`
    std::optional<std::string> cursor;
    std::map<base::Uuid, View> lists;
    std::set<base::Uuid> wanted;  // To be named next.
    std::vector<domain::Op> pending;
    std::map<base::Uuid, std::vector<base::Uuid>> trash;  // Items that went, newest last.
    std::map<base::Uuid, std::vector<base::Uuid>> heard;  // Ops of the log, newest last.
  };

  Client(Setting& setting, const base::Uuid& user, std::int64_t clock_off_ms);

  /// The person does something; `ops` made so far in all are not known to it.
  void Invent();
  /// The next request; `all`: no names or ops are left out.
  [[nodiscard]] Body Request(bool all);
  /// Takes the answer in. Whether there is more.
  bool Take(const Body& body, const json::object& answer);
  /// What the store's person sees of a list: with what was done and not yet sent.
  [[nodiscard]] domain::ListPtr Predicted(const base::Uuid& list) const;
  /// From now on it is an old copy of the store, under an id of its own.
  void BecomeCopy(const Store& copy);
  /// What was overridden is brought in by a new op.
  void BringIn();

  [[nodiscard]] const Store& store() const { return store_; }
  [[nodiscard]] const base::Uuid& user() const { return user_; }
  /// Changes that came with the last answer and were new.
  [[nodiscard]] const std::map<base::Uuid, std::vector<domain::Change>>& came() const {
    return came_;
  }
  [[nodiscard]] bool is_settled() const {
    return store_.pending.empty() && store_.wanted.empty() && overridden_.empty();
  }

  /// Called with each result of an op.
  std::function<void(const domain::Op&, const Result&)> on_result;

 private:
  struct Choice;  // Of what to do, and on what.

  [[nodiscard]] base::Uuid NewId();
  [[nodiscard]] domain::Op NewOp(domain::Kind kind, const base::Uuid& list);
  [[nodiscard]] std::string NewText(const char* prefix);
  void Queue(domain::Op op) { store_.pending.push_back(std::move(op)); }
  void InventOn(const base::Uuid& list);
  void Fill(domain::Op& op, const Choice& choice);
  void FillAdd(domain::Op& op, const Choice& choice);
  void FillSet(domain::Op& op, const Choice& choice);
  [[nodiscard]] bool FillRevert(domain::Op& op);
  void Place(domain::Op& op, const std::vector<base::Uuid>& order);

  void TakeResults(const Body& body, const json::object& results);
  void TakeSight(const Body& body, const json::object& answer);
  void TakeEntry(const Body& body, const base::Uuid& list, const json::object& entry,
                 const std::map<base::Uuid, std::int64_t>& held);
  void Apply(const base::Uuid& list, View& view, domain::Change change);
  void Drop(const base::Uuid& list);
  void CheckPrediction(const Body& body, const base::Uuid& list, const domain::ListPtr& guess,
                       std::int64_t held);

  Setting& setting_;
  const base::Uuid user_;
  const std::int64_t clock_off_ms_;
  Store store_;
  std::vector<domain::Op> sent_;                            // And answered; may be sent again.
  std::vector<domain::Op> overridden_;                      // What is left of them.
  std::map<base::Uuid, std::vector<domain::Change>> came_;  // With the answer that is taken in.
};

/// A whole list as the API sends it.
[[nodiscard]] View ViewFrom(const json::object& list);

}  // namespace sim
