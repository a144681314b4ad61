#include <algorithm>
#include <iterator>
#include <unordered_map>
#include <utility>

#include "app/batch_job.h"
#include "app/lists_impl.h"

namespace app {

/// The ops of one sync, part by part: a move between lists is a part of its own.
class Lists::Impl::Sequence : public std::enable_shared_from_this<Sequence> {
 public:
  Sequence(std::shared_ptr<Impl> lists, std::vector<WriteRequest> requests)
      : lists_(std::move(lists)), requests_(std::move(requests)) {}

  void Next() {
    if (at_ == requests_.size()) return;
    const std::size_t begin = at_;
    const auto is_transfer = [this](std::size_t at) {
      return requests_[at].op.kind == domain::Kind::kTransfer;
    };
    at_ = begin + 1;
    while (!is_transfer(begin) && at_ < requests_.size() && !is_transfer(at_)) ++at_;
    open_.store(at_ - begin);
    const std::size_t end = at_;  // A part that is done at once goes on with the next.
    std::vector<std::pair<base::Uuid, std::vector<WriteRequest>>> lanes;
    for (std::size_t i = begin; i < end; ++i) {
      Chain(requests_[i]);
      const base::Uuid& list = requests_[i].op.list_id;
      auto lane = std::ranges::find(lanes, list, [](const auto& each) { return each.first; });
      if (lane == lanes.end()) lane = lanes.insert(lanes.end(), {list, {}});
      lane->second.push_back(std::move(requests_[i]));
    }
    if (lanes.front().second.front().op.kind == domain::Kind::kTransfer) {
      return lists_->Write(std::move(lanes.front().second.front()));
    }
    for (auto& [list, ops] : lanes) lists_->Enqueue(list, std::move(ops));
  }

 private:
  /// Where an op fails, those after it in its list must not run before it is tried again.
  void Chain(WriteRequest& request) {
    auto& chain = chains_[request.op.list_id];
    if (!chain) chain = std::make_shared<std::atomic<bool>>(false);
    request.chain = chain;
    request.done = [self = shared_from_this(), chain,
                    done = std::move(request.done)](base::Result<Answer> answer) {
      if (!answer && answer.error().code == base::Code::kUnavailable) chain->store(true);
      done(std::move(answer));
      if (self->open_.fetch_sub(1) == 1) self->Next();
    };
  }

  const std::shared_ptr<Impl> lists_;
  std::vector<WriteRequest> requests_;
  std::size_t at_ = 0;
  std::atomic<std::size_t> open_{0};  // Of the part that runs.
  std::unordered_map<base::Uuid, std::shared_ptr<std::atomic<bool>>> chains_;
};

void Lists::Impl::WriteAll(std::vector<WriteRequest> requests) {
  std::make_shared<Sequence>(shared_from_this(), std::move(requests))->Next();
}

/// Where an item was moved to is told to those who see that list.
void Lists::Impl::TellMoved(WriteRequest request, const base::Uuid& to, base::Error error) {
  auto sees = std::make_shared<bool>(false);
  ports::Statement statement = store::SeesStatement(request.op.actor_id, to);
  ReadRows(
      database_, {std::move(statement)}, [sees](std::size_t, const ports::Row&) { *sees = true; },
      [sees, to, request = std::make_shared<WriteRequest>(std::move(request)),
       error = std::move(error)](const base::Result<void>& read) mutable {
        if (!read) return request->done(std::unexpected(read.error()));
        if (*sees) error.fields.push_back({"/to_list", base::ToString(to), "Where it is now."});
        request->done(std::unexpected(std::move(error)));
      });
}

}  // namespace app
