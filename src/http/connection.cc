#include "http/connection.h"

#include <charconv>
#include <cstring>
#include <utility>

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "http/problem.h"

namespace http {
namespace {

namespace asio = boost::asio;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::chrono::milliseconds kNoProgress{30'000};
constexpr std::chrono::milliseconds kLingerTime{1'000};
constexpr std::size_t kKeptBytes = 64 * 1024;  // Larger buffers are given back after a request.
constexpr double kSlowSeconds = 1.0;

constexpr std::string_view kSafety =
    "\r\nX-Content-Type-Options: nosniff"
    "\r\nReferrer-Policy: no-referrer"
    "\r\nCross-Origin-Opener-Policy: same-origin"
    "\r\nCross-Origin-Resource-Policy: same-origin"
    "\r\nX-Request-Id: ";
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::string_view ReasonOf(int status) {
  switch (status) {
    case 200: return "OK";
    case 201: return "Created";
    case 204: return "No Content";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 409: return "Conflict";
    case 410: return "Gone";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 414: return "URI Too Long";
    case 415: return "Unsupported Media Type";
    case 422: return "Unprocessable Content";
    case 429: return "Too Many Requests";
    case 431: return "Request Header Fields Too Large";
    case 503: return "Service Unavailable";
    default: return "Status";
  }
}

void AppendNumber(std::string& out, std::uint64_t number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

}  // namespace

Connection::Connection(Loop& loop, Loop::Socket socket)
    : loop_(loop), socket_(std::move(socket)) {
  ErrorCode ec;
  socket_.non_blocking(true, ec);
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  const auto peer = socket_.remote_endpoint(ec);
  if (!ec) {
    const asio::ip::address address = peer.address();
    const bool is_mapped = address.is_v6() && address.to_v6().is_v4_mapped();
    peer_ = is_mapped ? asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string()
                      : address.to_string();
  }
}

void Connection::Start() {
  Enter(State::kHead, loop_.shared.config.limits.idle_timeout);
  Read();
}

void Connection::Enter(State state, std::chrono::milliseconds time) {
  state_ = state;
  deadline_ = Clock::now() + time;
}

void Connection::CheckTime(Clock::time_point now) {
  switch (state_) {
    case State::kHead:
      if (now < deadline_) return;
      if (is_idle()) return Close();
      return Refuse(408, "request_timeout", "The request's head did not come in time.");
    case State::kBody:
      if (now < request_due_) return;
      return Refuse(408, "request_timeout", "The request did not come in time.");
    case State::kSending:
    case State::kLingering:
      if (now >= deadline_) Close();
      return;
    case State::kHandling:
    case State::kClosed: return;
  }
}

void Connection::Drain() {
  if (!is_idle()) return;
  // What has come in meanwhile is still answered.
  ErrorCode ec;
  const std::size_t count = socket_.read_some(asio::buffer(loop_.scratch), ec);
  if (ec || count == 0) return Close();
  in_.append(loop_.scratch.data(), count);
  Advance();
}

void Connection::Close() {
  if (state_ == State::kClosed) return;
  state_ = State::kClosed;
  ErrorCode ec;
  socket_.close(ec);
  loop_.Forget(shared_from_this());
}

void Connection::Read() {
  if (reading_ || state_ == State::kClosed) return;
  reading_ = true;
  auto* const self = this;
  socket_.async_wait(Loop::Socket::wait_read,
                     [self, keep = shared_from_this()](const ErrorCode& ec) {
                       self->reading_ = false;
                       if (self->state_ == State::kClosed) return;
                       if (ec) return self->Close();
                       self->OnRead();
                     });
}

void Connection::OnRead() {
  if (state_ == State::kLingering) {
    ErrorCode ec;
    while (socket_.read_some(asio::buffer(loop_.scratch), ec) > 0) {
    }
    if (ec == asio::error::would_block) return Read();
    return Close();
  }
  if (begin_ > 0 && begin_ == in_.size()) {
    in_.clear();
    begin_ = 0;
  }
  if (begin_ > kReadBytes) {
    in_.erase(0, begin_);
    begin_ = 0;
  }
  const std::size_t size = in_.size();
  if (in_.capacity() - size < 1024) in_.reserve(std::max<std::size_t>(2048, size * 2));
  in_.resize(std::min(in_.capacity(), size + kReadBytes));
  ErrorCode ec;
  const std::size_t count = socket_.read_some(asio::buffer(in_.data() + size, in_.size() - size), ec);
  in_.resize(size + count);
  if (ec == asio::error::would_block) return Read();
  if (ec) return Close();
  Advance();
}

/// Takes requests off what has come in, one after the other, as long as each is answered at once.
void Connection::Advance() {
  if (advancing_) return;
  advancing_ = true;
  const auto keep = shared_from_this();
  bool goes_on = true;
  while (goes_on) {
    if (state_ == State::kHead) {
      goes_on = TakeHead();
    } else if (state_ == State::kBody) {
      goes_on = TakeBody();
    } else {
      goes_on = false;
    }
  }
  advancing_ = false;
  if (state_ == State::kHead || state_ == State::kBody) Read();
}

/// True: something has been done, look again. False: more bytes are needed, or it is refused.
bool Connection::TakeHead() {
  if (in_.size() - begin_ >= 2 && scanned_ == 0 && in_.compare(begin_, 2, "\r\n") == 0 &&
      head_.empty()) {
    begin_ += 2;  // RFC 9112, 2.2: an empty line before a request. Only one.
    head_ = "\r\n";
  }
  const ServerLimits& limits = loop_.shared.config.limits;
  const std::string_view bytes = std::string_view(in_).substr(begin_);
  if (bytes.empty()) return false;
  if (scanned_ == 0) {
    started_ = Clock::now();
    deadline_ = started_ + limits.header_timeout;
    request_due_ = started_ + limits.request_timeout;
  }
  HeadFault fault = HeadFault::kNone;
  const std::size_t end = FindHeadEnd(bytes, limits, scanned_, fault);
  if (end == 0 && fault == HeadFault::kNone) return false;
  request_.headers.clear();
  request_ = Request{.headers = std::move(request_.headers)};
  loop_.WriteRequestId(request_id_);
  request_.request_id = {request_id_.data(), request_id_.size()};
  request_.peer = peer_;
  framing_ = {};
  if (end > 0) {
    head_.assign(bytes.substr(0, end));
    begin_ += end;
    fault = ReadHead(head_, limits, request_, framing_);
  }
  switch (fault) {
    case HeadFault::kNone: break;
    case HeadFault::kMalformed:
      Refuse(400, "malformed_request", "That is not HTTP as this service speaks it.");
      return false;
    case HeadFault::kLineTooLong:
      Refuse(414, "uri_too_long", "The request line is too long.");
      return false;
    case HeadFault::kHeadersTooLarge:
      Refuse(431, "headers_too_large", "There are too many headers, or they are too long.");
      return false;
  }
  body_.clear();
  chunks_.Reset();
  if (framing_.content_length > limits.body_bytes) return HandleTooLarge();
  Enter(State::kBody, limits.request_timeout);
  const bool waits = framing_.expects_continue && begin_ == in_.size() &&
                     (framing_.is_chunked || framing_.content_length > 0);
  if (waits && !framing_.is_http_1_0) {
    ErrorCode ec;
    socket_.write_some(asio::buffer(kContinue), ec);  // 25 bytes: they fit, or the client is gone.
  }
  return true;
}

bool Connection::TakeBody() {
  const std::size_t max = loop_.shared.config.limits.body_bytes;
  std::string_view bytes = std::string_view(in_).substr(begin_);
  if (framing_.is_chunked) {
    const auto state = chunks_.Take(bytes, body_, max);
    begin_ = in_.size() - bytes.size();
    if (state == ChunkDecoder::State::kMore) return false;
    if (state == ChunkDecoder::State::kMalformed) {
      Refuse(400, "malformed_request", "The chunks are malformed.");
      return false;
    }
    if (state == ChunkDecoder::State::kTooLarge) return HandleTooLarge();
  } else {
    const auto left = static_cast<std::size_t>(framing_.content_length) - body_.size();
    const std::size_t count = std::min(left, bytes.size());
    body_.append(bytes.substr(0, count));
    begin_ += count;
    if (count < left) return false;
  }
  request_.body = body_;
  request_.has_body = !body_.empty();
  Handle();
  return true;
}

/// The handler answers: whether there is such a route goes before the size of its body.
bool Connection::HandleTooLarge() {
  framing_.keep_alive = false;
  body_.clear();
  request_.body = {};
  request_.has_body = true;
  request_.too_large = true;
  Handle();
  return true;
}

void Connection::Handle() {
  state_ = State::kHandling;
  self_ = shared_from_this();
  Shared& shared = loop_.shared;
  const std::size_t in_flight = shared.in_flight.fetch_add(1, std::memory_order_relaxed);
  if (in_flight >= shared.config.limits.in_flight) {
    shared.refused.Add();
    StartAnswer(ProblemResponse({base::Code::kUnavailable, "overloaded",
                                 "The service is full. Try again.", {}, 1},
                                request_.request_id),
                "overloaded");
    return;
  }
  shared.handler(*this);
}

/// Answers what cannot be handled, then closes.
void Connection::Refuse(int status, std::string_view reason, std::string_view detail) {
  framing_.keep_alive = false;
  loop_.shared.in_flight.fetch_add(1, std::memory_order_relaxed);
  if (request_.request_id.empty() || state_ == State::kHead) {
    loop_.WriteRequestId(request_id_);
    request_.request_id = {request_id_.data(), request_id_.size()};
  }
  state_ = State::kHandling;
  StartAnswer(ProblemResponse({base::Code::kMalformed, std::string(reason), std::string(detail)},
                              request_.request_id, status),
              "refused");
}

void Connection::Post(std::function<void()> work) {
  asio::post(loop_.io, [keep = shared_from_this(), work = std::move(work)] { work(); });
}

void Connection::Send(Response response, std::string_view route) {
  if (loop_.io.get_executor().running_in_this_thread()) {
    StartAnswer(std::move(response), route);
    return;
  }
  asio::post(loop_.io, [self = shared_from_this(), route, response = std::move(response)]() mutable {
    self->StartAnswer(std::move(response), route);
  });
}

void Connection::StartAnswer(Response response, std::string_view route) {
  const std::shared_ptr<Connection> keep = std::move(self_);
  Shared& shared = loop_.shared;
  shared.in_flight.fetch_sub(1, std::memory_order_relaxed);
  if (state_ == State::kClosed) return;
  if (shared.draining.load(std::memory_order_relaxed)) framing_.keep_alive = false;
  response_ = std::move(response);
  route_ = route;
  WriteHead();
  const bool has_body = request_.method != Method::kHead && response_.status != 304 &&
                        response_.status != 204;
  buffers_[0] = asio::buffer(out_);
  buffers_[1] = has_body ? asio::buffer(response_.text) : asio::const_buffer();
  for (std::size_t i = 0; i < 2; ++i) {
    const std::string_view piece = has_body ? response_.shared[i] : std::string_view();
    buffers_[2 + i] = asio::const_buffer(piece.data(), piece.size());
  }
  buffer_ = 0;
  Enter(State::kSending, kNoProgress);
  WriteSome();
}

void Connection::WriteHead() {
  out_.clear();
  out_ += "HTTP/1.1 ";
  AppendNumber(out_, static_cast<std::uint64_t>(response_.status));
  out_ += ' ';
  out_ += ReasonOf(response_.status);
  out_ += "\r\nDate: ";
  out_ += loop_.Date();
  out_ += kSafety;
  out_ += request_.request_id;
  const auto micros = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started_).count());
  out_ += "\r\nServer-Timing: app;dur=";
  AppendNumber(out_, micros / 1000);
  out_ += '.';
  out_ += static_cast<char>('0' + micros / 100 % 10);
  out_ += static_cast<char>('0' + micros / 10 % 10);
  if (!response_.content_type.empty()) {
    out_ += "\r\nContent-Type: ";
    out_ += response_.content_type;
  }
  for (const auto& [name, value] : response_.headers) {
    out_ += "\r\n";
    out_ += name;
    out_ += ": ";
    out_ += value;
  }
  if (response_.status != 204 && response_.status != 304) {
    out_ += "\r\nContent-Length: ";
    AppendNumber(out_, response_.body_bytes());
  }
  if (!framing_.keep_alive) {
    out_ += "\r\nConnection: close";
  } else if (framing_.is_http_1_0) {
    out_ += "\r\nConnection: keep-alive";
  }
  out_ += "\r\n\r\n";
}

void Connection::WriteSome() {
  while (buffer_ < buffers_.size()) {
    if (buffers_[buffer_].size() == 0) {
      ++buffer_;
      continue;
    }
    ErrorCode ec;
    std::array<asio::const_buffer, 4> rest;
    std::copy(buffers_.begin() + static_cast<std::ptrdiff_t>(buffer_), buffers_.end(),
              rest.begin());
    std::size_t count = socket_.write_some(rest, ec);
    if (ec == asio::error::would_block) {
      socket_.async_wait(Loop::Socket::wait_write,
                         [self = shared_from_this()](const ErrorCode& wait) {
                           if (self->state_ == State::kClosed) return;
                           if (wait) return self->Close();
                           self->WriteSome();
                         });
      return;
    }
    if (ec) return Close();
    deadline_ = Clock::now() + kNoProgress;
    while (count > 0) {
      const std::size_t taken = std::min(count, buffers_[buffer_].size());
      buffers_[buffer_] += taken;
      count -= taken;
      if (buffers_[buffer_].size() == 0) ++buffer_;
    }
  }
  OnSent();
}

void Connection::OnSent() {
  const double seconds = std::chrono::duration<double>(Clock::now() - started_).count();
  RouteMetrics& metrics = loop_.MetricsOf(route_, response_.status);
  metrics.requests->Add();
  metrics.seconds->Observe(seconds);
  if (response_.status >= 500 || seconds > kSlowSeconds || loop_.shared.config.log_requests) {
    base::Log(response_.status >= 500 ? base::Level::kWarn : base::Level::kInfo, "request",
              {{"request_id", request_.request_id},
               {"route", route_},
               {"status", std::int64_t{response_.status}},
               {"duration_ms", seconds * 1000}});
  }
  response_ = {};
  NextRequest();
}

void Connection::NextRequest() {
  if (!framing_.keep_alive) return Linger();
  if (body_.capacity() > kKeptBytes) std::string().swap(body_);
  if (in_.capacity() > kKeptBytes && begin_ == in_.size()) {
    std::string().swap(in_);
    begin_ = 0;
  }
  scanned_ = 0;
  head_.clear();
  Enter(State::kHead, loop_.shared.config.limits.idle_timeout);
  if (loop_.shared.draining.load(std::memory_order_relaxed) && is_idle()) return Drain();
  Advance();
}

/// Lets the client read the answer: closing with unread bytes would reset the connection.
void Connection::Linger() {
  ErrorCode ec;
  socket_.shutdown(Loop::Socket::shutdown_send, ec);
  Enter(State::kLingering, kLingerTime);
  OnRead();
}

}  // namespace http
