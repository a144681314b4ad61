#include "app/batch_job.h"

#include <chrono>
#include <memory>
#include <utility>

namespace app {
namespace {

constexpr std::chrono::seconds kTime{5};

class BatchJob final : public ports::WriteJob {
 public:
  BatchJob(ports::Batch batch, std::function<void(base::Result<ports::Outcome>)> done)
      : batch_(std::move(batch)), done_(std::move(done)) {}

  ports::Batch Prepare() override { return std::move(batch_); }
  void Done(base::Result<ports::Outcome> outcome) override { done_(std::move(outcome)); }

 private:
  ports::Batch batch_;
  const std::function<void(base::Result<ports::Outcome>)> done_;
};

ports::ReadRequest MakeRead(std::vector<ports::Statement> statements,
                            std::function<void(std::size_t, const ports::Row&)> on_row,
                            std::function<void(base::Result<void>)> done) {
  ports::ReadRequest request;
  request.statements = std::move(statements);
  request.deadline = std::chrono::steady_clock::now() + kTime;
  request.on_row = std::move(on_row);
  request.done = std::move(done);
  return request;
}

}  // namespace

void RunBatch(ports::Database& database, const base::Uuid& key, ports::Batch batch,
              std::function<void(base::Result<ports::Outcome>)> done) {
  database.Write(std::hash<base::Uuid>{}(key), std::chrono::steady_clock::now() + kTime,
                 std::make_shared<BatchJob>(std::move(batch), std::move(done)));
}

void ReadRows(ports::Database& database, std::vector<ports::Statement> statements,
              std::function<void(std::size_t, const ports::Row&)> on_row,
              std::function<void(base::Result<void>)> done) {
  database.Read(MakeRead(std::move(statements), std::move(on_row), std::move(done)));
}

void ReadQuickRows(ports::Database& database, std::vector<ports::Statement> statements,
                   std::function<void(std::size_t, const ports::Row&)> on_row,
                   std::function<void(base::Result<void>)> done) {
  ports::ReadRequest request = MakeRead(std::move(statements), std::move(on_row), std::move(done));
  request.urgency = ports::Urgency::kQuick;
  database.Read(std::move(request));
}

}  // namespace app
