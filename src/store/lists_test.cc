#include "store/lists.h"

#include <gtest/gtest.h>

namespace store {
namespace {

domain::ListPtr ListAt(std::uint8_t id, std::int64_t revision) {
  domain::ListState list;
  list.id.bytes[0] = id;
  list.title = "A list";
  list.revision = revision;
  return std::make_shared<const domain::ListState>(std::move(list));
}

ListWrite Changed(std::uint8_t id) {
  ListWrite write;
  write.before = ListAt(id, 1);
  write.after = ListAt(id, 2);
  return write;
}

// Else what a lost guard should have kept from happening would be written unasked.
TEST(ListBatches, OnlyAChangeOfOneListHasOneGuard) {
  EXPECT_TRUE(BatchOf(Changed(1)).batch.has_one_guard);
  ListWrite made = Changed(1);
  made.before = nullptr;
  EXPECT_FALSE(BatchOf(made).batch.has_one_guard);
  EXPECT_FALSE(TransferBatchOf(Changed(1), Changed(2)).batch.has_one_guard);
  EXPECT_FALSE(TransferBatchOf(Changed(2), Changed(1)).batch.has_one_guard);
}

}  // namespace
}  // namespace store
