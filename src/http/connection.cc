#include "http/connection.h"

#include <algorithm>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "http/answer.h"
#include "http/problem.h"
#include "http/trace_context.h"

namespace http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr std::chrono::milliseconds kLingerTime{1'000};
constexpr int kLingerReads = 8;  // At once; other connections want their turn too.
// After Stop, for who has connected but not asked yet: its request may be on its way.
constexpr std::chrono::milliseconds kDrainGrace{250};
constexpr std::size_t kKeptBytes =
    std::size_t{64} * 1024;  // Larger buffers are given back after use.
constexpr double kSlowSeconds = 1.0;
constexpr auto kNever = std::chrono::steady_clock::time_point::max();
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
constexpr std::string_view kRefusedRoute = "refused";
constexpr std::string_view kOverloadedRoute = "overloaded";

std::string AddressOf(const Loop::Socket& socket) {
  ErrorCode ec;
  const asio::ip::address address = socket.remote_endpoint(ec).address();
  if (ec) return {};
  const bool is_mapped = address.is_v6() && address.to_v6().is_v4_mapped();
  return is_mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string()
                   : address.to_string();
}

}  // namespace

Connection::Connection(Loop& loop, Loop::Socket socket)
    : loop_(loop),
      socket_(std::move(socket)),
      peer_(AddressOf(socket_)),
      parser_(loop.shared.config.limits) {
  ErrorCode ec;
  socket_.non_blocking(true, ec);
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
}

bool Connection::IsIdle() const {
  return state_ == State::kReading && parser_.is_idle() && begin_ == in_.size();
}

void Connection::Start() {
  due_ = Clock::now() + limits().idle_timeout;
  Read();
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
  ErrorCode ec;
  const std::size_t count = socket_.read_some(asio::buffer(loop_.scratch), ec);
  if (count > 0) return Advance({loop_.scratch.data(), count});
  if (ec != asio::error::would_block || !is_new_) return Close();
  due_ = std::min(due_, Clock::now() + kDrainGrace);
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  due_ = kNever;
  ErrorCode ec;
  socket_.close(ec);
  response_ = {};
  loop_.Forget(shared_from_this());
}

void Connection::Read() {
  if (is_waiting_) return;
  is_waiting_ = true;
  socket_.async_wait(Loop::Socket::wait_read, [self = shared_from_this()](const ErrorCode& ec) {
    self->is_waiting_ = false;
    if (self->state_ == State::kClosed) return;
    if (ec) return self->Close();
    self->OnReadable();
  });
}

void Connection::OnReadable() {
  if (state_ == State::kLingering) return OnLinger();
  if (state_ != State::kReading) return;  // Drain has read it already.
  ErrorCode ec;
  const std::size_t count = socket_.read_some(asio::buffer(loop_.scratch), ec);
  if (ec == asio::error::would_block) return Read();
  if (ec) return Close();
  Advance({loop_.scratch.data(), count});
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
  if (state_ == State::kReading) Read();
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
  ErrorCode ec;
  const std::size_t count = socket_.write_some(asio::buffer(kContinue), ec);
  // All or nothing: the client who gets nothing sends its body after a while, or goes.
  if (count > 0 && count < kContinue.size()) Close();
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
  asio::post(loop_.io, [keep = shared_from_this(), work = std::move(work)] { work(); });
}

void Connection::Send(Response response, std::string_view route) {
  if (loop_.io.get_executor().running_in_this_thread()) {
    StartAnswer(std::move(response), route);
    return;
  }
  asio::post(loop_.io,
             [self = shared_from_this(), route, response = std::move(response)]() mutable {
               self->StartAnswer(std::move(response), route);
             });
}

void Connection::StartAnswer(Response response, std::string_view route) {
  const std::shared_ptr<Connection> keep = std::move(self_);
  loop_.shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
  response_ = std::move(response);
  route_ = route;
  is_new_ = false;
  if (IsLastAnswer()) keeps_alive_ = false;
  Record();
  const bool has_body = request().method != Method::kHead && MayHaveBody(response_.status);
  unsent_ = {asio::buffer(head_)};
  if (has_body) {
    unsent_[1] = asio::buffer(response_.text);
    unsent_[2] = asio::buffer(response_.shared[0].data(), response_.shared[0].size());
    unsent_[3] = asio::buffer(response_.shared[1].data(), response_.shared[1].size());
  }
  state_ = State::kSending;
  due_ = Clock::now() + limits().write_timeout;
  Write();
}

/// While draining, an answer is the last unless another request has come in behind it already.
bool Connection::IsLastAnswer() {
  if (!loop_.shared.draining.load(std::memory_order_relaxed)) return false;
  ErrorCode ec;
  return begin_ == in_.size() && socket_.available(ec) == 0;
}

/// The head of the answer, the metrics and the log tell the same time.
void Connection::Record() {
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_);
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

void Connection::Write() {
  while (asio::buffer_size(unsent_) > 0) {
    ErrorCode ec;
    std::size_t count = socket_.write_some(unsent_, ec);
    if (ec == asio::error::would_block) {
      socket_.async_wait(Loop::Socket::wait_write,
                         [self = shared_from_this()](const ErrorCode& wait) {
                           if (self->state_ == State::kClosed) return;
                           if (wait) return self->Close();
                           self->Write();
                         });
      return;
    }
    if (ec) return Close();
    due_ = Clock::now() + limits().write_timeout;
    for (asio::const_buffer& buffer : unsent_) {
      const std::size_t sent = std::min(count, buffer.size());
      buffer += sent;
      count -= sent;
    }
  }
  OnSent();
}

void Connection::OnSent() {
  response_ = {};
  if (!keeps_alive_) return Linger();
  parser_.Next();
  state_ = State::kReading;
  due_ = Clock::now() + limits().idle_timeout;
  if (loop_.shared.draining.load(std::memory_order_relaxed) && IsIdle() && !is_advancing_) {
    return Drain();
  }
  Advance({});
}

/// Lets the client read the answer: closing with unread bytes would reset the connection.
void Connection::Linger() {
  state_ = State::kLingering;
  due_ = Clock::now() + kLingerTime;
  ErrorCode ec;
  socket_.shutdown(Loop::Socket::shutdown_send, ec);
  OnLinger();
}

void Connection::OnLinger() {
  ErrorCode ec;
  for (int i = 0; i < kLingerReads && !ec; ++i) {
    socket_.read_some(asio::buffer(loop_.scratch), ec);
  }
  if (ec && ec != asio::error::would_block) return Close();
  Read();
}

}  // namespace http
