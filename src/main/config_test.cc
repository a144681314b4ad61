#include "main/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

namespace lists {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Parsed ParseWith(const std::vector<std::string>& arguments,
                 const std::map<std::string, std::string>& variables = {}) {
  return Parse(arguments, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
}

TEST(Config, NeedsNothing) {
  const Parsed parsed = ParseWith({});
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.config.port, 8080);
  EXPECT_EQ(parsed.config.data, "./data");
}

TEST(Config, FlagsWinOverTheEnvironment) {
  const std::map<std::string, std::string> variables{{"LISTS_PORT", "1000"},
                                                     {"LISTS_METRICS_PORT", "1001"}};
  const Parsed parsed = ParseWith({"--port", "2000"}, variables);
  EXPECT_EQ(parsed.config.port, 2000);
  EXPECT_EQ(parsed.config.metrics_port, 1001);
  EXPECT_EQ(ParseWith({"--port=3000"}).config.port, 3000);
}

TEST(Config, TellsAllThatIsWrongAtOnce) {
  const Parsed parsed =
      ParseWith({"--port", "65536", "--colour", "--address", "here"}, {{"LISTS_CACHE_MIB", "0"}});
  EXPECT_THAT(parsed.problems,
              testing::UnorderedElementsAre(HasSubstr("--port"), HasSubstr("--colour"),
                                            HasSubstr("--address"), HasSubstr("LISTS_CACHE_MIB")));
}

TEST(Config, TakesTheLastPortAndNotTheNext) {
  EXPECT_EQ(ParseWith({"--port", "65535"}).config.port, 65535);
  EXPECT_EQ(ParseWith({"--port", "65536"}).problems.size(), 1U);
  EXPECT_EQ(ParseWith({"--port", "-1"}).problems.size(), 1U);
  EXPECT_EQ(ParseWith({"--port", "80x"}).problems.size(), 1U);
  EXPECT_EQ(ParseWith({"--port"}).problems.size(), 1U);
}

TEST(Config, TakesADatabaseAndItsReplicas) {
  EXPECT_EQ(ParseWith({}).config.database, "") << "SQLite, unless told otherwise.";
  const Parsed parsed =
      ParseWith({"--database", "postgres://me@host/lists", "--database-replica",
                 "postgres://me@one/lists", "--database-replica=postgresql://two/"});
  EXPECT_THAT(parsed.problems, IsEmpty());
  EXPECT_EQ(parsed.config.database, "postgres://me@host/lists");
  EXPECT_THAT(parsed.config.database_replicas,
              ElementsAre("postgres://me@one/lists", "postgresql://two/"));
  EXPECT_THAT(ParseWith({}, {{"LISTS_DATABASE_REPLICA", "postgres://a/ postgres://b/"}})
                  .config.database_replicas,
              ElementsAre("postgres://a/", "postgres://b/"));
  EXPECT_THAT(ParseWith({"--database", "mysql://host/lists"}).problems,
              ElementsAre(HasSubstr("--database must be an address as postgres://")));
  EXPECT_EQ(ParseWith({"--database-replica", "host"}).problems.size(), 1U);
}

TEST(Config, TakesThePoolSizeByItsOtherNameToo) {
  EXPECT_EQ(ParseWith({}).config.db_pool_size, 10);
  EXPECT_EQ(ParseWith({}, {{"DB_POOL_SIZE", "20"}}).config.db_pool_size, 20);
  EXPECT_EQ(
      ParseWith({}, {{"DB_POOL_SIZE", "20"}, {"LISTS_DB_POOL_SIZE", "30"}}).config.db_pool_size,
      30);
  EXPECT_EQ(ParseWith({"--db-pool-size", "40"}, {{"DB_POOL_SIZE", "20"}}).config.db_pool_size, 40);
  EXPECT_THAT(ParseWith({}, {{"DB_POOL_SIZE", "1"}}).problems,
              ElementsAre(HasSubstr("DB_POOL_SIZE must be a whole number from 2")));
}

TEST(Config, ReadsTrustedProxies) {
  EXPECT_THAT(ParseWith({"--trusted-proxies", "10.0.0.0/8,::1"}).config.trusted_proxies,
              ElementsAre("10.0.0.0/8", "::1"));
  EXPECT_EQ(ParseWith({"--trusted-proxies", "10.0.0.0/33"}).problems.size(), 1U);
}

TEST(Config, APublicUrlIsAnOrigin) {
  EXPECT_THAT(ParseWith({"--public-url", "https://lists.example.org"}).problems, IsEmpty());
  EXPECT_EQ(ParseWith({"--public-url", "https://lists.example.org/"}).problems.size(), 1U);
  for (const char* const wrong : {"lists.example.org", "https://", "https://::::", "https://a:0",
                                  "https://a:", "https://a:x", "https://[::1", "https://[x]:1"}) {
    EXPECT_EQ(ParseWith({"--public-url", wrong}).problems.size(), 1U) << wrong;
  }
}

TEST(Config, APublicUrlIsKeptAsBrowsersWriteIt) {
  for (const auto& [given, kept] : std::map<std::string, std::string>{
           {"https://Lists.Example.org", "https://lists.example.org"},
           {"HTTPS://a:443", "https://a"},
           {"http://a:80", "http://a"},
           {"https://a:80", "https://a:80"},
           {"http://[::1]:8080", "http://[::1]:8080"}}) {
    EXPECT_EQ(ParseWith({"--public-url", given}).config.public_url, kept);
  }
}

TEST(Config, KeepsWordsApart) {
  EXPECT_THAT(ParseWith({"copy.db", "--port", "1"}).words, ElementsAre("copy.db"));
}

}  // namespace
}  // namespace lists
