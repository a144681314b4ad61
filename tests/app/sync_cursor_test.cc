#include "app/sync_cursor.h"

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "adapters/crypto/crypto.h"
#include "base/base64.h"

namespace app {
namespace {

const base::Uuid kPerson = base::NewUuid7({1000});
const base::Uuid kOther = base::NewUuid7({1000});
const base::Uuid kList = base::NewUuid7({1000});
const std::string kKey(32, 'k');

class SyncCursors : public testing::Test {
 public:
  std::string Write(const SyncCursor& cursor) {
    return WriteSyncCursor(*crypto_, kKey, kPerson, cursor);
  }
  std::optional<SyncCursor> Read(const std::string& text, const base::Uuid& user = kPerson,
                                 const std::string& key = kKey) {
    return ReadSyncCursor(*crypto_, key, user, text);
  }

  const std::unique_ptr<ports::Crypto> crypto_ = adapters::crypto::MakeCrypto();
  const SyncCursor whole_{.epoch = 3, .since = std::int64_t{1} << 40};
  const SyncCursor paged_{
      .epoch = 3,
      .since = 7,
      .page =
          SyncCursor::Page{.horizon = 9, .list = kList, .revision = (std::int64_t{3} << 32) + 5}};
};

TEST_F(SyncCursors, ComeBackAsTheyWere) {
  for (const SyncCursor& cursor : {whole_, paged_, SyncCursor{}}) {
    const std::string text = Write(cursor);
    EXPECT_EQ(Read(text), cursor);
    EXPECT_EQ(Write(cursor), text);
    EXPECT_EQ(
        text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"),
        std::string::npos);
    EXPECT_LT(text.size(), 100U);
  }
}

TEST_F(SyncCursors, AreOnePersonsAndOneDatabases) {
  const std::string text = Write(paged_);
  EXPECT_FALSE(Read(text, kOther));
  EXPECT_FALSE(Read(text, kPerson, std::string(32, 'l')));
}

TEST_F(SyncCursors, AreOfNobodysMaking) {
  for (const SyncCursor& cursor : {whole_, paged_}) {
    const std::string text = Write(cursor);
    for (std::size_t i = 0; i < text.size(); ++i) {
      std::string changed = text;
      changed[i] = changed[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(Read(changed)) << i;
      EXPECT_FALSE(Read(text.substr(0, i))) << i;
    }
    for (const char* more : {"A", "AA", "AAAA", "=", " ", "\n"}) EXPECT_FALSE(Read(text + more));
  }
  // A page's cursor cut to a whole one, with the code of the whole bytes left in place.
  const std::string bytes = base::FromBase64Url(Write(paged_)).value();
  EXPECT_FALSE(
      Read(base::ToBase64Url('\1' + bytes.substr(1, 16) + bytes.substr(bytes.size() - 16))));
  EXPECT_FALSE(Read(std::string(100'000, 'A')));
  EXPECT_FALSE(Read(""));
}

}  // namespace
}  // namespace app
