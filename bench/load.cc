// A load generator that costs so little that the server is what is measured: one thread, epoll,
// requests prepared beforehand, bodies dropped in the kernel. Every answer's status and length are
// checked.
//
//   bench_load ADDRESS PORT PLAN CONNECTIONS SECONDS [RATE] [sleep] [once]
//
// Without RATE each connection asks again as soon as it is answered; with RATE requests a second
// are due at even intervals and their latency counts from when they were due. With `sleep` it waits
// asleep for answers, for where the server runs on the same core. The first fifth of a second is
// not counted. With `once` each request of the plan, which has one entry, is sent once, and all of
// them are counted; it ends with the last answer. SIGTERM ends a run before its time.
//
// PLAN: a sequence of entries `CLASS WEIGHT STATUS LENGTH COUNT\n` (LENGTH of the body, -1: any),
// each followed by COUNT requests `BYTES\n<bytes>`. A request is drawn by its entry's weight; the
// requests of one entry are sent in turn.
//
// Prints one JSON object. Exit code: 1 when any answer was wrong.

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <map>
#include <netinet/tcp.h>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kWarmUp{200};
constexpr std::size_t kHeadBytesMax = 2048;
constexpr int kEventsMax = 128;
constexpr int kSleepMs = 10;                   // At most, so that the end is not missed by more.
constexpr std::chrono::seconds kPatience{10};  // For an answer.

volatile std::sig_atomic_t g_stopped = 0;

/// How requests are sent.
struct Mode {
  double rate = 0;  // A second; 0: as soon as there is an answer.
  bool sleeps = false;
  bool once = false;
};

[[noreturn]] void Fail(const std::string& what) {
  throw std::runtime_error(what);
}

struct Entry {
  std::string name;
  double weight = 0;
  int status = 0;
  std::int64_t length = 0;
  std::vector<std::string> requests;
  std::size_t next = 0;
};

std::vector<Entry> ReadPlan(const char* file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) Fail(std::string("cannot read ") + file);
  std::vector<Entry> plan;
  Entry entry;
  std::size_t count = 0;
  while (in >> entry.name >> entry.weight >> entry.status >> entry.length >> count) {
    entry.requests.resize(count);
    for (std::string& request : entry.requests) {
      std::size_t bytes = 0;
      in >> bytes;
      in.get();
      request.resize(bytes);
      in.read(request.data(), static_cast<std::streamsize>(bytes));
    }
    if (!in || count == 0) Fail("the plan is cut off");
    plan.push_back(std::move(entry));
    entry = {};
  }
  if (plan.empty()) Fail("the plan is empty");
  return plan;
}

/// The number behind `name` in a head whose names may be in either case.
std::int64_t NumberIn(std::string_view head, std::string_view name) {
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string_view::npos) {
    at += 2;
    if (head.size() < at + name.size() ||
        ::strncasecmp(head.data() + at, name.data(), name.size()) != 0) {
      continue;
    }
    std::int64_t number = -1;
    std::from_chars(head.data() + at + name.size(), head.data() + head.size(), number);
    return number;
  }
  return -1;
}

struct Client {
  int fd = -1;
  Entry* entry = nullptr;   // Of the request under way.
  Clock::time_point since;  // When it was sent, or due.
  std::array<char, kHeadBytesMax> head{};
  std::size_t head_bytes = 0;
  std::size_t left = 0;  // Of the body, once the head is there.
  bool has_head = false;
};

class Load {
 public:
  Load(std::vector<Entry> plan, const Mode& mode)
      : plan_(std::move(plan)), rate_(mode.rate), sleeps_(mode.sleeps), once_(mode.once) {
    for (const Entry& entry : plan_) weights_.push_back(entry.weight);
    if (once_ && plan_.size() != 1) Fail("what is sent once is one entry");
    draw_ = std::discrete_distribution<std::size_t>(weights_.begin(), weights_.end());
    epoll_ = ::epoll_create1(0);
  }

  void Connect(const char* address, int port, std::size_t count) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<std::uint16_t>(port));
    if (::inet_pton(AF_INET, address, &to.sin_addr) != 1) Fail("that is no address");
    clients_.resize(count);
    for (Client& client : clients_) {
      client.fd = ::socket(AF_INET, SOCK_STREAM, 0);
      if (::connect(client.fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
        Fail(std::string("cannot connect: ") + std::system_category().message(errno));
      }
      const int on = 1;
      ::setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.ptr = &client;
      ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client.fd, &event);
      idle_.push_back(&client);
    }
  }

  void Run(double seconds) {
    const auto length =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
    counts_from_ = Clock::now() + (once_ ? Clock::duration{} : kWarmUp);
    end_ = counts_from_ + length;
    next_due_ = Clock::now();
    Dispatch(Clock::now());
    std::array<epoll_event, kEventsMax> events{};
    auto heard = Clock::now();
    while (Clock::now() < end_ && g_stopped == 0 && !IsAllAnswered()) {
      const int count = ::epoll_wait(epoll_, events.data(), kEventsMax, WaitMs());
      const auto now = Clock::now();
      for (int i = 0; i < count; ++i) {
        auto* const client = static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (client != nullptr) OnReadable(*client);
      }
      if (count > 0) heard = now;
      if (now - heard > kPatience) Fail("no answer came for a long time");
      Dispatch(now);
    }
    ran_ = Clock::now() - counts_from_;
  }

  /// Whether all answers were right, and, with `once`, there.
  bool Print() {
    const double seconds = std::chrono::duration<double>(ran_).count();
    std::printf("{\"seconds\": %.3f, \"wrong\": %zu, \"bytes\": %zu", seconds, wrong_, bytes_);
    std::size_t all = 0;
    for (auto& [name, times] : times_) {
      std::ranges::sort(times);
      all += times.size();
      const auto at = [&times](double part) {
        // NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): it is bound above.
        return times.empty()
                   ? 0
                   : times[static_cast<std::size_t>(part * static_cast<double>(times.size() - 1))];
      };
      std::printf(
          ", \"%s\": {\"count\": %zu, \"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f,"
          " \"max_us\": %.1f}",
          name.c_str(), times.size(), at(0.5), at(0.9), at(0.99), at(1));
    }
    std::printf(", \"count\": %zu, \"all\": %zu", all, answers_);
    if (wrong_ > 0) std::printf(", \"first_wrong\": \"%s\"", first_wrong_.c_str());
    std::printf("}\n");
    return wrong_ == 0 && all > 0 && (!once_ || IsAllAnswered());
  }

 private:
  [[nodiscard]] bool IsAllAnswered() const {
    return once_ && answers_ == plan_.front().requests.size();
  }

  /// Looks again at once where its core is its own: waking it up would be the server's work.
  [[nodiscard]] int WaitMs() const {
    if (!sleeps_) return 0;
    if (rate_ <= 0 || idle_.empty()) return kSleepMs;
    const auto left = std::chrono::floor<std::chrono::milliseconds>(next_due_ - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, kSleepMs));
  }

  /// Sends what is due on the connections that are idle.
  void Dispatch(Clock::time_point now) {
    if (rate_ <= 0) {
      for (Client* client : idle_) SendNext(*client, Clock::now());
      idle_.clear();
      return;
    }
    const auto interval =
        std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(1 / rate_));
    while (!idle_.empty() && next_due_ <= now) {
      Client& client = *idle_.front();
      idle_.pop_front();
      SendNext(client, next_due_);
      next_due_ += interval;
    }
  }

  void SendNext(Client& client, Clock::time_point since) {
    Entry& entry = plan_[plan_.size() == 1 ? 0 : draw_(random_)];
    if (once_ && entry.next == entry.requests.size()) return;
    const std::string& request = entry.requests[entry.next++ % entry.requests.size()];
    client.entry = &entry;
    client.since = since;
    client.has_head = false;
    client.head_bytes = 0;
    if (::send(client.fd, request.data(), request.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(request.size())) {
      Fail(std::string("cannot send: ") + std::system_category().message(errno));
    }
  }

  void OnReadable(Client& client) {
    if (!client.has_head && !ReadHead(client)) return;
    while (client.left > 0) {
      // MSG_TRUNC: the kernel drops the bytes without copying them (tcp(7)).
      const ssize_t got = ::recv(client.fd, nullptr, client.left, MSG_TRUNC | MSG_DONTWAIT);
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) Fail("the server closed a connection in the middle of an answer");
      client.left -= static_cast<std::size_t>(got);
    }
    OnAnswer(client);
  }

  bool ReadHead(Client& client) {
    const ssize_t got = ::recv(client.fd, client.head.data() + client.head_bytes,
                               client.head.size() - client.head_bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) return false;
    if (got <= 0) Fail("the server closed a connection");
    client.head_bytes += static_cast<std::size_t>(got);
    const std::string_view text(client.head.data(), client.head_bytes);
    const std::size_t end = text.find("\r\n\r\n");
    if (end == std::string_view::npos) {
      if (client.head_bytes == client.head.size()) Fail("an answer's head is too long");
      return false;
    }
    Check(client, text.substr(0, end));
    const std::size_t here = client.head_bytes - end - 4;
    if (here > client.left) Fail("more bytes came than were announced");
    client.left -= here;
    client.has_head = true;
    return true;
  }

  void Check(Client& client, std::string_view head) {
    int status = 0;
    if (head.size() > 12) std::from_chars(head.data() + 9, head.data() + 12, status);
    const bool has_body = status != 204 && status != 304;
    const std::int64_t length = has_body ? NumberIn(head, "content-length: ") : 0;
    if (length < 0) Fail("an answer without Content-Length: " + std::string(head));
    client.left = static_cast<std::size_t>(length);
    bytes_ += head.size() + 4 + client.left;
    const Entry& entry = *client.entry;
    if (status == entry.status && (entry.length < 0 || length == entry.length)) return;
    if (wrong_++ == 0) {
      first_wrong_ = entry.name + ": wanted " + std::to_string(entry.status) + " with " +
                     std::to_string(entry.length) + " bytes, got " + std::to_string(status) +
                     " with " + std::to_string(length);
    }
  }

  void OnAnswer(Client& client) {
    const auto now = Clock::now();
    ++answers_;
    if (now >= counts_from_) {
      times_[client.entry->name].push_back(
          std::chrono::duration<float, std::micro>(now - client.since).count());
    }
    if (rate_ > 0) {
      idle_.push_back(&client);
    } else {
      SendNext(client, now);
    }
  }

  std::vector<Entry> plan_;
  const double rate_;
  const bool sleeps_;
  const bool once_;
  std::vector<double> weights_;
  std::discrete_distribution<std::size_t> draw_;
  std::mt19937_64 random_{1};
  int epoll_ = -1;
  std::vector<Client> clients_;
  std::deque<Client*> idle_;
  Clock::time_point counts_from_;
  Clock::time_point end_;
  Clock::time_point next_due_;
  Clock::duration ran_{};
  std::map<std::string, std::vector<float>> times_;  // Microseconds, by class.
  std::size_t answers_ = 0;                          // With those that are not counted.
  std::size_t wrong_ = 0;
  std::size_t bytes_ = 0;
  std::string first_wrong_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 6) {
    std::fputs("usage: bench_load ADDRESS PORT PLAN CONNECTIONS SECONDS [RATE] [sleep] [once]\n",
               stderr);
    return 2;
  }
  try {
    Mode mode;
    for (int i = 6; i < argc; ++i) {
      const std::string_view word = argv[i];
      mode.sleeps |= word == "sleep";
      mode.once |= word == "once";
      mode.rate = std::max(mode.rate, std::atof(argv[i]));
    }
    std::signal(SIGTERM, [](int) { g_stopped = 1; });
    Load load(ReadPlan(argv[3]), mode);
    load.Connect(argv[1], std::atoi(argv[2]), static_cast<std::size_t>(std::atoi(argv[4])));
    load.Run(std::atof(argv[5]));
    return load.Print() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_load: %s\n", error.what());
    return 1;
  }
}
