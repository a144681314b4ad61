#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <future>
#include <memory>
#include <optional>
#include <signal.h>
#include <string>
#include <system_error>
#include <utility>

#include "adapters/crypto/crypto.h"
#include "app/accounts.h"
#include "app/admission.h"
#include "app/batch_job.h"
#include "app/change_log.h"
#include "app/ledger.h"
#include "app/retention.h"
#include "app/sync.h"
#include "app/work_pool.h"
#include "base/log.h"
#include "http/authenticate.h"
#include "http/operators.h"
#include "http/pipeline.h"
#include "http/server.h"
#include "main/commands.h"
#include "main/database.h"
#include "main/embedded.h"
#include "store/lists.h"

namespace lists {
namespace {

// After SIGTERM: as long as a load balancer needs to see that /readyz has turned.
constexpr std::chrono::seconds kGrace{1};
constexpr std::chrono::milliseconds kHalfSecond{500};
constexpr std::size_t kPoolQueueMax = 256;  // Above: long lists are made by the loops.
constexpr std::size_t kOperatorConnections = 64;
// Comes after the service's own drain: all of them together stay below ten seconds.
constexpr std::chrono::milliseconds kOperatorDrain{500};

/// SIGTERM and SIGINT come to whoever asks for them here, and to no other thread.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    std::signal(SIGPIPE, SIG_IGN);  // A client that went away is an error of its socket.
  }

  /// The signal that came within `time`, or 0.
  [[nodiscard]] int Wait(std::chrono::milliseconds time) const {
    const timespec left{time.count() / 1000, (time.count() % 1000) * 1'000'000};
    const int got = sigtimedwait(&set_, nullptr, &left);
    return got > 0 ? got : 0;
  }

 private:
  sigset_t set_{};
};

void ProbeDatabase(ports::Database& database, std::function<void(bool, std::string)> told) {
  app::ReadRows(
      database, {store::EpochStatement()}, [](std::size_t, const ports::Row&) {},
      [told = std::move(told)](const base::Result<void>& read) {
        told(read.has_value(), read ? "" : read.error().detail);
      });
}

/// Enough to keep the database busy. SQLite has one writer; elsewhere most often a lane is free.
std::size_t SyncsAtOnce(const ports::Database& database, const Config& config) {
  if (!database.IsShared()) return 1;
  return static_cast<std::size_t>(std::max<std::int64_t>(config.database_lanes - 1, 1));
}

/// Everything of a running service, made from top to bottom and taken apart in reverse.
class Service {
 public:
  Service(std::string command, const Config& config)
      : command_(std::move(command)), config_(config) {}

  /// Nothing, or what is wrong and what to do.
  [[nodiscard]] std::optional<std::string> Start() {
    auto database = OpenDatabase(command_, config_, metrics_);
    if (!database) return database.error().detail;
    database_ = std::move(*database);
    cache_ = std::make_unique<app::ListCache>(static_cast<std::size_t>(config_.cache_mib) << 20,
                                              metrics_);
    lists_ = std::make_unique<app::Lists>(*database_, *crypto_, *cache_, base::SystemNow, metrics_);
    log_ = std::make_unique<app::ChangeLog>(*database_, pool_);
    sync_ = std::make_unique<app::Sync>(*database_, *crypto_, *lists_);
    syncs_ = std::make_unique<app::Admission>(
        app::Admission::Limits{.inside = SyncsAtOnce(*database_, config_)}, metrics_);
    accounts_ = std::make_unique<app::Accounts>(*database_, *crypto_, *lists_, revocations_,
                                                base::SystemNow, metrics_);
    if (auto started = accounts_->Start(); !started) return started.error().detail;
    idempotency_ = std::make_unique<app::Idempotency>(*database_, *crypto_, base::SystemNow);
    retention_ = std::make_unique<app::Retention>(
        *database_, *lists_, base::SystemNow,
        app::RetentionTimes{std::chrono::seconds(config_.log_retention_s),
                            std::chrono::seconds(config_.trash_retention_s)},
        metrics_);
    if (auto erased = EraseAgain(); !erased) return erased.error().detail;
    try {
      StartServers();
    } catch (const std::system_error& error) {
      return std::string("cannot listen on ") + error.what() +
             ". Is another program there? Choose another port with --port.";
    }
    return std::nullopt;
  }

  void EveryHalfSecond() { lists_->ConfirmHot(); }
  void EverySecond() {
    cache_->Tick();
    idempotency_->EverySecond();
    accounts_->EverySecond();
    retention_->EverySecond();
  }

  void TurnUnready() { is_ready_ = false; }
  void Drain() {
    server_->Stop();
    operators_->Stop();
  }

  ~Service() {
    // Who waits for the pool or the database holds on to a connection: they finish before the
    // servers go.
    if (accounts_) accounts_->Stop();
    if (syncs_) syncs_->End();
    pool_.End();
    database_.reset();
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  [[nodiscard]] std::uint16_t port() const { return server_->port(); }
  [[nodiscard]] std::uint16_t metrics_port() const { return operators_->port(); }

 private:
  /// What was purged and came back with a restored database goes before anybody sees it.
  base::Result<void> EraseAgain() {
    std::promise<base::Result<app::ErasedAgain>> told;
    app::EraseAgain(
        *database_, *lists_, base::SystemNow,
        [&told](base::Result<app::ErasedAgain> erased) { told.set_value(std::move(erased)); });
    const auto done = told.get_future().get();
    if (!done) return std::unexpected(done.error());
    if (done->erased + done->left > 0) {
      base::Log(base::Level::kInfo, "erased again",
                {{"items", static_cast<std::int64_t>(done->erased)},
                 {"left", static_cast<std::int64_t>(done->left)}});
    }
    return {};
  }

  void StartServers() {
    http::ServerConfig config;
    config.address = config_.address;
    config.port = config_.port;
    config.loops = static_cast<std::size_t>(config_.loops);
    config.log_requests = config_.log_requests;
    // The handler is complete before the server starts: it needs to know how many loops there are.
    server_ = std::make_unique<http::Server>(
        config, metrics_, [this](http::Exchange& exchange) { handler_(exchange); });
    std::vector<std::unique_ptr<http::LoopState>> loops;
    std::vector<app::TokenCache*> tokens;
    for (std::size_t i = 0; i < server_->loop_count(); ++i) {
      loops.push_back(std::make_unique<http::LoopState>(http::LoopState{
          app::FrontCache(*cache_, metrics_), app::TokenCache(*crypto_, revocations_)}));
      tokens.push_back(&loops.back()->tokens);
    }
    authenticator_ = std::make_unique<http::Authenticator>(
        *accounts_, std::move(tokens),
        http::Authenticator::Config{config_.public_url, config_.trusted_proxies});
    services_ = std::unique_ptr<http::Services>(
        new http::Services{*lists_, *log_, *sync_, *cache_, *idempotency_, *accounts_,
                           *authenticator_, base::SystemNow, OpenApi(), WebFiles(),
                           [this] { return is_ready_.load(); }, pool_, *syncs_, std::move(loops)});
    handler_ = http::MakePipeline(*services_);
    server_->EverySecond([this](std::size_t loop) { services_->loops[loop]->lists.Sweep(); });

    http::ServerConfig operators;
    operators.address = config_.metrics_address;
    operators.port = config_.metrics_port;
    operators.loops = 1;
    operators.limits.connections = kOperatorConnections;
    operators.limits.drain_timeout = kOperatorDrain;
    operators_ = std::make_unique<http::Server>(
        operators, operator_metrics_, http::MakeOperatorsHandler(metrics_, [this](auto told) {
          ProbeDatabase(*database_, std::move(told));
        }));
    operators_->Start();
    server_->Start();
  }

  const std::string command_;
  const Config& config_;
  app::WorkPool pool_{1, kPoolQueueMax};
  base::Metrics metrics_;
  base::Metrics operator_metrics_;  // Scrapes do not count as the service's requests.
  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
  app::Revocations revocations_;
  std::atomic<bool> is_ready_{true};
  http::Handler handler_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::Server> operators_;
  std::unique_ptr<http::Services> services_;
  std::unique_ptr<http::Authenticator> authenticator_;
  std::unique_ptr<app::ListCache> cache_;
  std::unique_ptr<app::Lists> lists_;
  std::unique_ptr<app::ChangeLog> log_;
  std::unique_ptr<app::Sync> sync_;
  std::unique_ptr<app::Admission> syncs_;
  std::unique_ptr<app::Idempotency> idempotency_;
  std::unique_ptr<app::Retention> retention_;
  std::unique_ptr<app::Accounts> accounts_;
  std::unique_ptr<ports::Database> database_;
};

}  // namespace

int Serve(const std::string& command, const Config& config) {
  const Signals signals;  // Before any thread: all of them inherit the mask.
  Service service(command, config);
  if (const auto problem = service.Start()) {
    Complain(*problem);
    return 2;
  }
  const std::string place = PlaceOf(config);
  base::Log(base::Level::kInfo, "serving",
            {{"port", std::int64_t{service.port()}},
             {"metrics_port", std::int64_t{service.metrics_port()}},
             {"data", std::string_view(place)},
             {"version", std::string_view(LISTS_VERSION)}});
  int signal = 0;
  for (bool is_second = false; (signal = signals.Wait(kHalfSecond)) == 0; is_second = !is_second) {
    service.EveryHalfSecond();
    if (is_second) service.EverySecond();
  }
  base::Log(base::Level::kInfo, "stopping", {{"signal", std::int64_t{signal}}});
  service.TurnUnready();
  // Someone at the keyboard does not want to wait, and asks twice when in a hurry.
  if (signal == SIGTERM) static_cast<void>(signals.Wait(kGrace));
  service.Drain();
  base::Log(base::Level::kInfo, "stopped");
  return 0;
}

}  // namespace lists
