#include "http/server.h"

#include <algorithm>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/thread.h"
#include "http/server_loop.h"

namespace http {
namespace {

constexpr rlim_t kOtherFiles = 256;  // The database's, the log's, the listeners'.

/// How many connections there can be, at most `wanted`: each is a file descriptor, and the usual
/// soft limit is 1,024.
std::size_t AllowConnections(std::size_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
  const rlim_t files = rlim_t{wanted} + kOtherFiles;
  if (limit.rlim_cur >= files) return wanted;
  limit.rlim_cur = std::min(files, limit.rlim_max);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_cur >= files) return wanted;
  const rlim_t allowed = limit.rlim_cur - std::min(limit.rlim_cur / 2, kOtherFiles);
  base::Log(base::Level::kInfo, "fewer connections: the limit of open files is low",
            {{"open_files", static_cast<std::int64_t>(limit.rlim_cur)},
             {"connections", static_cast<std::int64_t>(allowed)}});
  return static_cast<std::size_t>(allowed);
}

ServerConfig Allowed(ServerConfig config) {
  config.limits.connections = AllowConnections(config.limits.connections);
  return config;
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerConfig& config, base::Metrics& metrics, Handler handler)
      : shared_(Allowed(config), metrics, std::move(handler)), port_(config.port) {
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    const std::size_t count = config.loops != 0 ? config.loops : cores;
    for (std::size_t i = 0; i < count; ++i) {
      loops_.push_back(std::make_unique<Loop>(shared_, i));
      port_ = loops_.back()->Listen(config.address, port_);
    }
  }

  ~Impl() { Stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  void Start() {
    for (const auto& loop : loops_) {
      threads_.emplace_back([&loop = *loop] {
        base::NameThread("http-loop");
        base::ShortenTimeSlice();
        loop.Run();
      });
    }
  }

  void Stop() {
    if (threads_.empty()) return;
    shared_.draining = true;
    for (const auto& loop : loops_) loop->Drain();
    {
      std::unique_lock lock(shared_.mutex);
      shared_.emptied.wait_for(lock, shared_.config.limits.drain_timeout, [this] {
        return shared_.drained_loops == loops_.size() && shared_.connections == 0;
      });
    }
    if (const std::size_t left = shared_.connections; left > 0) {
      base::Log(base::Level::kWarn, "drain_incomplete",
                {{"connections", static_cast<std::int64_t>(left)}});
    }
    for (const auto& loop : loops_) loop->End();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Loop>>& loops() const { return loops_; }

 private:
  Shared shared_;
  std::vector<std::unique_ptr<Loop>> loops_;
  std::uint16_t port_;
  std::vector<std::thread> threads_;
};

Server::Server(const ServerConfig& config, base::Metrics& metrics, Handler handler)
    : impl_(std::make_unique<Impl>(config, metrics, std::move(handler))) {}
Server::~Server() = default;
std::uint16_t Server::port() const {
  return impl_->port();
}
std::size_t Server::loop_count() const {
  return impl_->loops().size();
}
void Server::Start() {
  impl_->Start();
}
void Server::Stop() {
  impl_->Stop();
}
void Server::Post(std::size_t loop, std::function<void()> work) {
  boost::asio::post(impl_->loops()[loop]->io, std::move(work));
}
void Server::EverySecond(const std::function<void(std::size_t loop)>& work) {
  for (const auto& loop : impl_->loops()) {
    loop->every_second = [work, index = loop->index] { work(index); };
  }
}

}  // namespace http
