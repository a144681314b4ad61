#include "http/operators.h"

#include <utility>

#include "http/problem.h"

namespace http {

Handler MakeOperatorsHandler(base::Metrics& metrics, Probe probe) {
  return [&metrics, probe = std::move(probe)](Exchange& exchange) {
    const Request& request = exchange.request();
    const bool is_read = request.method == Method::kGet || request.method == Method::kHead;
    if (is_read && request.path == "/metrics") {
      Response response;
      response.content_type = "text/plain; version=0.0.4; charset=utf-8";
      response.text = metrics.Text();
      exchange.Send(std::move(response), "GET /metrics");
      return;
    }
    if (is_read && request.path == "/healthz/deep") {
      probe([&exchange](bool is_well, std::string detail) {
        Response response;
        if (is_well) {
          response.text = R"({"status":"well"})";
        } else {
          response =
              ProblemResponse(base::Unavailable(std::move(detail)), exchange.request().request_id);
        }
        exchange.Send(std::move(response), "GET /healthz/deep");
      });
      return;
    }
    exchange.Send(ProblemResponse({base::Code::kNotFound, "no_such_route",
                                   "Operators have /metrics and /healthz/deep."},
                                  request.request_id),
                  "other");
  };
}

}  // namespace http
