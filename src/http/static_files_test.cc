#include "http/static_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {
namespace {

using testing::Contains;
using testing::Key;
using testing::Not;
using Lines = std::vector<std::pair<std::string_view, std::string_view>>;

constexpr StaticFile kFiles[] = {
    {.path = "/index.html",
     .content_type = "text/html; charset=utf-8",
     .identity = "the page",
     .gzip = "gzip of it",
     .brotli = "brotli of it",
     .etag = "\"page\""},
    {.path = "/assets/index-1a2b3c.js",
     .content_type = "text/javascript; charset=utf-8",
     .identity = "the script",
     .gzip = "gzip of it",
     .brotli = "brotli of it",
     .etag = "\"abcd\"",
     .immutable = true},
    {.path = "/icon.png", .content_type = "image/png", .identity = "a picture", .etag = "\"icon\""},
};
constexpr const StaticFile& kScript = kFiles[1];

Request Asking(std::string_view path, const Lines& headers = {}) {
  Request request;
  request.path = path;
  request.headers = headers;
  return request;
}

std::string HeaderOf(const Response& response, std::string_view name) {
  std::string value = "none";
  for (const auto& [have, said] : response.headers) {
    if (have != name) continue;
    EXPECT_EQ(value, "none") << name << " stands twice";
    value = said;
  }
  return value;
}

// ---- Which file

std::string_view PathOf(const StaticFile* file) {
  return file == nullptr ? "none" : file->path;
}

TEST(FindPage, IsTheFileOfThatName) {
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking("/"))), "/index.html");
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking("/icon.png"))), "/icon.png");
  for (const char* path :
       {"/icon", "/icon.png/", "//icon.png", "/ICON.png", "icon.png", "", "/x"}) {
    EXPECT_EQ(PathOf(FindPage(kFiles, Asking(path))), "none") << path;
  }
  EXPECT_EQ(PathOf(FindPage({}, Asking("/"))), "none");
}

TEST(FindPage, IsThePageWhereABrowserLooksAtAList) {
  const std::string list = "/lists/018f4ed2-6c3a-7b1e-9d4f-0a1b2c3d4e5f";
  const Lines browser{{"Accept", "text/html,*/*;q=0.8"}};
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking(list, browser))), "/index.html");
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking(list))), "none");
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking(list, {{"Accept", "application/json"}}))), "none");
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking(list + "/x", browser))), "none");
  EXPECT_EQ(PathOf(FindPage(kFiles, Asking("/lists/x", browser))), "none");
}

TEST(FindMissingPage, IsForBrowsersOutsideTheApi) {
  const Lines browser{{"Accept", "text/html"}};
  EXPECT_EQ(PathOf(FindMissingPage(kFiles, Asking("/x", browser))), "/index.html");
  EXPECT_EQ(PathOf(FindMissingPage(kFiles, Asking("/v1x", browser))), "/index.html");
  EXPECT_EQ(PathOf(FindMissingPage(kFiles, Asking("/x"))), "none");
  for (const char* path : {"/v1", "/v1/", "/v1/x"}) {
    EXPECT_EQ(PathOf(FindMissingPage(kFiles, Asking(path, browser))), "none") << path;
  }
}

// ---- In which form

struct Form {
  const char* codings;
  std::string_view bytes;
  const char* coding;
  const char* etag;
};

constexpr Form kForms[] = {
    {"", "the script", "none", "\"abcd\""},
    {"identity", "the script", "none", "\"abcd\""},
    {"gzip;q=0, br;q=0", "the script", "none", "\"abcd\""},
    {"*;q=0", "the script", "none", "\"abcd\""},
    {"gzip", "gzip of it", "gzip", "\"abcd-gzip\""},
    {"gzip, br;q=0", "gzip of it", "gzip", "\"abcd-gzip\""},
    {"br", "brotli of it", "br", "\"abcd-br\""},
    {"gzip, deflate, br, zstd", "brotli of it", "br", "\"abcd-br\""},
    {"*", "brotli of it", "br", "\"abcd-br\""},
};

TEST(StaticResponse, IsTheBestFormThatTheClientTakesWithAnEtagOfItsOwn) {
  for (const Form& form : kForms) {
    const Response response =
        StaticResponse(kScript, Asking("", {{"Accept-Encoding", form.codings}}));
    EXPECT_EQ(response.status, 200) << form.codings;
    EXPECT_EQ(response.lead, form.bytes) << form.codings;
    EXPECT_EQ(response.body_bytes(), form.bytes.size()) << form.codings;
    EXPECT_EQ(HeaderOf(response, "Content-Encoding"), form.coding) << form.codings;
    EXPECT_EQ(HeaderOf(response, "ETag"), form.etag) << form.codings;
    EXPECT_EQ(HeaderOf(response, "Vary"), "Accept-Encoding") << form.codings;
    EXPECT_EQ(response.content_type, kScript.content_type) << form.codings;
    EXPECT_TRUE(response.encoded) << form.codings;
  }
}

TEST(StaticResponse, IsPlainWhereNoOtherFormIsWorthIt) {
  const Response response =
      StaticResponse(kFiles[2], Asking("", {{"Accept-Encoding", "gzip, br"}}));
  EXPECT_EQ(response.lead, "a picture");
  EXPECT_EQ(HeaderOf(response, "ETag"), "\"icon\"");
  EXPECT_EQ(HeaderOf(response, "Content-Encoding"), "none");
  EXPECT_EQ(HeaderOf(response, "Vary"), "Accept-Encoding");
}

TEST(StaticResponse, ToWhoHasItInWhateverFormIs304WithTheEtagOfItsOwn) {
  for (const Form& form : kForms) {
    for (const char* known : {"\"abcd\"", "\"abcd-gzip\"", "\"abcd-br\"", "W/\"abcd\"",
                              "\"other\", \"abcd-gzip\"", "\"abcde\", \"abcd\"", "*", " * "}) {
      const Response response = StaticResponse(
          kScript, Asking("", {{"Accept-Encoding", form.codings}, {"If-None-Match", known}}));
      EXPECT_EQ(response.status, 304) << form.codings << ": " << known;
      EXPECT_EQ(HeaderOf(response, "ETag"), form.etag) << form.codings << ": " << known;
      EXPECT_EQ(HeaderOf(response, "Vary"), "Accept-Encoding");
      EXPECT_EQ(HeaderOf(response, "Cache-Control"), "public, max-age=31536000, immutable");
      EXPECT_EQ(response.body_bytes(), 0U);
      EXPECT_EQ(response.content_type, "");
      EXPECT_THAT(response.headers, Not(Contains(Key("Content-Encoding"))));
    }
  }
}

TEST(StaticResponse, ToWhoHasAnotherIsTheFile) {
  for (const char* known : {"", "abcd", "\"abc\"", "\"abcde\"", "\"xabcd\"", "\"abcd", "\"other\"",
                            "\"ABCD\"", "**", "\"*\""}) {
    EXPECT_EQ(StaticResponse(kScript, Asking("", {{"If-None-Match", known}})).status, 200) << known;
  }
}

TEST(StaticResponse, LooksAtAllLinesOfACondition) {
  const Request request =
      Asking("", {{"If-None-Match", "\"other\""}, {"if-none-match", "\"abcd\""}});
  EXPECT_EQ(StaticResponse(kScript, request).status, 304);
}

TEST(StaticResponse, OfAnotherStatusIsNever304) {
  const Response response =
      StaticResponse(kFiles[0], Asking("", {{"If-None-Match", "\"page\""}}), 404);
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.lead, "the page");
}

TEST(StaticResponse, MayBeKeptForEverWhereItsNameTellsItsContent) {
  EXPECT_EQ(HeaderOf(StaticResponse(kScript, Asking("")), "Cache-Control"),
            "public, max-age=31536000, immutable");
  const Response page = StaticResponse(kFiles[0], Asking(""));
  EXPECT_EQ(HeaderOf(page, "Cache-Control"), "no-cache");
  EXPECT_NE(HeaderOf(page, "Content-Security-Policy"), "none");
  EXPECT_EQ(HeaderOf(StaticResponse(kScript, Asking("")), "Content-Security-Policy"), "none");
}

}  // namespace
}  // namespace http
