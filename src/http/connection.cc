#include "http/connection.h"

#include <algorithm>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "http/answer.h"
#include "http/encoding.h"
#include "http/problem.h"
#include "http/trace_context.h"

namespace http {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kLingerTime{1'000};
constexpr int kLingerReads = 8;  // At once; other connections want their turn too.
// After Stop, for who has connected but not asked yet: its request may be on its way.
constexpr std::chrono::milliseconds kDrainGrace{250};
constexpr std::size_t kKeptBytes =
    std::size_t{64} * 1024;  // Larger buffers are given back after use.
constexpr std::size_t kQuickBytes = std::size_t{64} * 1024;  // Compressed in some 0.1 ms.
constexpr double kSlowSeconds = 1.0;
constexpr auto kNever = std::chrono::steady_clock::time_point::max();
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kRefusedRoute = "refused";
constexpr std::string_view kOverloadedRoute = "overloaded";

}  // namespace

Connection::Connection(Loop& loop, Socket socket)
    : loop_(loop),
      socket_(std::move(socket)),
      peer_(socket_.Peer()),
      parser_(loop.shared.config.limits) {
  const int on = 1;
  ::setsockopt(socket_.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

bool Connection::IsIdle() const {
  return state_ == State::kReading && parser_.is_idle() && begin_ == in_.size();
}

void Connection::Start() {
  if (peer_.empty()) return Close();  // Reset already. Shares are counted by address: it has none.
  due_ = Clock::now() + limits().idle_timeout;
  loop_.WatchNew(socket_.fd(), *this);
}

void Connection::OnDue() {
  if (state_ != State::kReading || IsIdle()) return Close();
  if (!parser_.has_head()) {
    return Refuse(408, "request_timeout", "The request's head did not come in time.",
                  "head_timeout");
  }
  Refuse(408, "request_timeout", "The request did not come in time.", "body_timeout");
}

void Connection::Drain() {
  if (!IsIdle()) return;
  // What has come in meanwhile is still answered.
  const Transfer got = Receive();
  if (got.bytes > 0) return Advance({loop_.scratch.data(), got.bytes});
  if (!got.would_block || !is_new_) return Close();
  due_ = std::min(due_, Clock::now() + kDrainGrace);
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  due_ = kNever;
  socket_.Close();
  response_ = {};
  const auto keep = shared_from_this();
  loop_.Forget(keep);
  // Lives on until the events are handled that the loop has fetched already: one may be of this,
  // where the handler of another has answered it and its client was gone.
  asio::post(loop_.io, [keep] {});
}

void Connection::OnEvents(std::uint32_t events) {
  constexpr std::uint32_t kEnd = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  if ((events & kEnd) != 0) is_ending_ = true;
  if ((events & (EPOLLIN | kEnd)) != 0) is_readable_ = true;
  switch (state_) {
    case State::kReading:
      if (is_readable_) Read();
      break;
    case State::kSending:
      if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) Write();
      break;
    case State::kLingering:
      if (is_readable_) OnLinger();
      break;
    case State::kHandling:  // What has come is read after the answer.
    case State::kClosed: break;
  }
}

Transfer Connection::Receive() {
  const Transfer got = socket_.Receive(loop_.scratch);
  // Fewer bytes than there was room for: these were all (epoll(7)), and the next ones are told.
  if (got.would_block || (got.bytes > 0 && got.bytes < loop_.scratch.size() && !is_ending_)) {
    is_readable_ = false;
  }
  return got;
}

void Connection::Read() {
  const Transfer got = Receive();
  if (got.would_block) return;
  if (got.ended) return Close();
  Advance({loop_.scratch.data(), got.bytes});
}

/// After the other connections have had their turn.
void Connection::ReadLater() {
  asio::post(loop_.io, [self = shared_from_this()] {
    if (self->is_readable_ && self->state_ == State::kReading) self->Read();
    if (self->is_readable_ && self->state_ == State::kLingering) self->OnLinger();
  });
}

/// Takes requests off what has come in, one after the other, as long as each is answered at once.
/// `fresh` was just read; there is some only when `in_` is used up.
void Connection::Advance(std::string_view fresh) {
  if (is_advancing_) return;
  is_advancing_ = true;
  const auto keep = shared_from_this();
  Parse(fresh);
  while (state_ == State::kReading && begin_ < in_.size()) Parse({});
  is_advancing_ = false;
  if (state_ != State::kReading) return;
  if (loop_.shared.draining.load(std::memory_order_relaxed) && IsIdle()) {
    asio::post(loop_.io, [keep] { keep->Drain(); });
  } else if (is_readable_) {
    ReadLater();
  }
}

void Connection::Parse(std::string_view fresh) {
  const bool is_fresh = !fresh.empty();
  std::string_view bytes = is_fresh ? fresh : std::string_view(in_).substr(begin_);
  if (bytes.empty()) return;
  const bool was_idle = parser_.is_idle();
  if (was_idle) started_ = Clock::now();
  const RequestParser::State state = parser_.Take(bytes);
  if (is_fresh) {
    in_.assign(bytes);
    begin_ = 0;
  } else {
    begin_ = in_.size() - bytes.size();
  }
  if (begin_ == in_.size()) {
    in_.clear();
    begin_ = 0;
    if (in_.capacity() > kKeptBytes) std::string().swap(in_);
  }
  if (was_idle && !parser_.is_idle()) due_ = started_ + limits().header_timeout;
  if (state == RequestParser::State::kMore) return OnUnfinished();
  OnParsed(state);
}

void Connection::OnUnfinished() {
  if (!parser_.has_head()) return;
  due_ = started_ + limits().request_timeout;
  if (parser_.TakeContinue()) Continue();
}

void Connection::Continue() {
  iovec piece{const_cast<char*>(kContinue.data()), kContinue.size()};
  const Transfer sent = socket_.Send({&piece, 1});
  // All or nothing: the client who gets nothing sends its body after a while, or goes.
  if (sent.bytes > 0 && sent.bytes < kContinue.size()) Close();
}

void Connection::BeginRequest() {
  loop_.WriteRequestId(request_id_);
  Request& request = parser_.request();
  request.request_id = {request_id_.data(), request_id_.size()};
  request.peer = peer_;
  keeps_alive_ = parser_.framing().keep_alive;
  state_ = State::kHandling;
  due_ = kNever;
}

void Connection::OnParsed(RequestParser::State state) {
  switch (state) {
    case RequestParser::State::kMore: break;
    case RequestParser::State::kDone: return Handle();
    case RequestParser::State::kBodyTooLarge:
      // The handler answers: whether there is such a route goes before the size of its body.
      loop_.CountBad("body_too_large");
      return Handle();
    case RequestParser::State::kMalformed:
      return Refuse(400, "malformed_request", "That is not HTTP as this service speaks it.",
                    parser_.has_head() ? "malformed_body" : "malformed_head");
    case RequestParser::State::kLineTooLong:
      return Refuse(414, "uri_too_long", "The request line is too long.", "line_too_long");
    case RequestParser::State::kHeadersTooLarge:
      return Refuse(431, "headers_too_large", "There are too many headers, or they are too long.",
                    "headers_too_large");
  }
}

void Connection::Handle() {
  BeginRequest();
  Shared& shared = loop_.shared;
  self_ = shared_from_this();
  if (shared.in_flight.fetch_add(1, std::memory_order_relaxed) >= limits().in_flight) {
    shared.refused_requests.Add();
    StartAnswer(
        ProblemResponse(
            {base::Code::kUnavailable, "overloaded", "The service is full. Try again.", {}, 1},
            request().request_id),
        kOverloadedRoute);
    return;
  }
  shared.handler(*this);
}

/// Answers what cannot be handled, then closes.
void Connection::Refuse(int status, std::string_view reason, std::string_view detail,
                        std::string_view counted_as) {
  BeginRequest();
  keeps_alive_ = false;
  loop_.CountBad(counted_as);
  loop_.shared.in_flight.fetch_add(1, std::memory_order_relaxed);
  StartAnswer(ProblemResponse({base::Code::kMalformed, std::string(reason), std::string(detail)},
                              request().request_id, status),
              kRefusedRoute);
}

void Connection::Post(std::function<void()> work) {
  loop_.Post({.connection = shared_from_this(), .work = std::move(work)});
}

void Connection::Send(Response response, std::string_view route) {
  if (loop_.io.get_executor().running_in_this_thread()) {
    StartAnswer(std::move(response), route);
    return;
  }
  // Compressing a page of the log takes milliseconds: not those of the loop.
  if (response.body_bytes() > kQuickBytes) Encode(request(), response);
  loop_.Post({.connection = shared_from_this(), .response = std::move(response), .route = route});
}

void Connection::StartAnswer(Response response, std::string_view route) {
  const std::shared_ptr<Connection> keep = std::move(self_);
  loop_.shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
  response_ = std::move(response);
  Encode(request(), response_);
  route_ = route;
  if (std::exchange(is_new_, false)) loop_.WatchKnown(socket_.fd(), *this);
  if (IsLastAnswer()) keeps_alive_ = false;
  Record();
  sent_ = 0;
  taken_ = 0;
  state_ = State::kSending;
  Write();
}

/// While draining, an answer is the last unless another request has come in behind it already.
bool Connection::IsLastAnswer() {
  if (!loop_.shared.draining.load(std::memory_order_relaxed)) return false;
  return begin_ == in_.size() && !socket_.HasUnread();
}

/// The head of the answer, the metrics and the log tell the same time.
void Connection::Record() {
  answered_ = Clock::now();
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(answered_ - started_);
  const double seconds = std::chrono::duration<double>(took).count();
  const int status = response_.status;
  WriteAnswerHead(response_,
                  {.date = loop_.Date(),
                   .request_id = request().request_id,
                   .took = took,
                   .keep_alive = keeps_alive_,
                   .is_http_1_0 = parser_.framing().is_http_1_0},
                  head_);
  loop_.Count(route_, status, seconds);
  // Shedding load must stay cheap: it is counted, not logged.
  const bool is_failed = status >= 500 && route_.data() != kOverloadedRoute.data();
  if (!is_failed && seconds <= kSlowSeconds && !loop_.shared.config.log_requests) return;
  const std::array<base::LogField, 5> fields{{
      {"request_id", request().request_id},
      {"route", route_},
      {"status", std::int64_t{status}},
      {"duration_ms", seconds * 1000},
      {"trace_id", TraceIdOf(request().Header("traceparent"))},
  }};
  const bool has_trace = !std::get<std::string_view>(fields.back().value).empty();
  base::Log(is_failed ? base::Level::kWarn : base::Level::kInfo, "request",
            std::span(fields).first(has_trace ? fields.size() : fields.size() - 1));
}

/// What of the answer is not sent yet, as much as there is room for.
std::span<iovec> Connection::Unsent(std::span<iovec> room) const {
  std::size_t count = 0;
  std::size_t skip = sent_;
  const auto add = [&](std::string_view piece) {
    const std::size_t skipped = std::min(skip, piece.size());
    skip -= skipped;
    piece.remove_prefix(skipped);
    if (!piece.empty() && count < room.size()) {
      room[count++] = {const_cast<char*>(piece.data()), piece.size()};
    }
  };
  add(head_);
  if (request().method != Method::kHead && MayHaveBody(response_.status)) {
    add(response_.text);
    add(response_.lead);
    for (const std::string_view piece : response_.rest) add(piece);
  }
  return room.first(count);
}

void Connection::Write() {
  std::array<iovec, Socket::kPiecesMax> room;  // NOLINT(*-member-init): filled by Unsent.
  for (auto unsent = Unsent(room); !unsent.empty(); unsent = Unsent(room)) {
    const Transfer sent = socket_.Send(unsent);
    if (sent.ended) return Close();
    if (sent.would_block) {  // OnEvents goes on.
      if (std::exchange(taken_, sent_) < sent_ || due_ == kNever) {
        due_ = Clock::now() + limits().write_timeout;
      }
      return;
    }
    sent_ += sent.bytes;
  }
  OnSent();
}

void Connection::OnSent() {
  response_ = {};
  if (!keeps_alive_) return Linger();
  parser_.Next();
  state_ = State::kReading;
  // kNever: it went out at once, and it is no later than then.
  due_ = (due_ == kNever ? answered_ : Clock::now()) + limits().idle_timeout;
  Advance({});
}

/// Lets the client read the answer: closing with unread bytes would reset the connection.
void Connection::Linger() {
  state_ = State::kLingering;
  due_ = Clock::now() + kLingerTime;
  socket_.SendNoMore();
  OnLinger();
}

void Connection::OnLinger() {
  Transfer got;
  for (int i = 0; i < kLingerReads && !got.would_block && !got.ended; ++i) got = Receive();
  if (got.ended) return Close();
  if (is_readable_) ReadLater();
}

}  // namespace http
