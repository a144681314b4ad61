#include "base/gzip.h"

#include <cstdlib>
#include <libdeflate.h>
#include <memory>
#include <new>

#include "base/check.h"

namespace base {
namespace {

constexpr int kLevel = 1;
constexpr std::size_t kStoredMax = 65'535;

struct Free {
  void operator()(libdeflate_compressor* compressor) const {
    libdeflate_free_compressor(compressor);
  }
};

libdeflate_compressor& Compressor() {
  thread_local const std::unique_ptr<libdeflate_compressor, Free> compressor(
      libdeflate_alloc_compressor(kLevel));
  if (!compressor) throw std::bad_alloc();
  return *compressor;
}

template <class Number>
void AppendLittleEndian(char* out, Number number) {
  for (std::size_t i = 0; i < sizeof number; ++i) {
    out[i] = static_cast<char>((number >> (8 * i)) & 0xFF);
  }
}

}  // namespace

std::string Deflate(std::string_view text) {
  libdeflate_compressor& compressor = Compressor();
  std::string out(libdeflate_deflate_compress_bound(&compressor, text.size()), '\0');
  const std::size_t size =
      libdeflate_deflate_compress(&compressor, text.data(), text.size(), out.data(), out.size());
  CHECK(size > 0);  // Else the bound was none.
  out.resize(size);
  return out;
}

std::string DeflateStored(std::string_view text) {
  CHECK(text.size() <= kStoredMax);
  const auto size = static_cast<std::uint16_t>(text.size());
  std::string out(5, '\0');
  AppendLittleEndian(out.data() + 1, size);
  AppendLittleEndian(out.data() + 3, static_cast<std::uint16_t>(~size));
  return out.append(text);
}

std::uint32_t Crc32(std::uint32_t crc, std::string_view text) {
  return libdeflate_crc32(crc, text.data(), text.size());
}

GzipTrailer MakeGzipTrailer(std::uint32_t crc, std::size_t bytes) {
  GzipTrailer trailer{};
  AppendLittleEndian(trailer.data(), crc);
  AppendLittleEndian(trailer.data() + 4, static_cast<std::uint32_t>(bytes));
  return trailer;
}

std::string Gzip(std::string_view text) {
  const GzipTrailer trailer = MakeGzipTrailer(Crc32(0, text), text.size());
  std::string out(kGzipHeader);
  out += Deflate(text);
  return out.append(trailer.data(), trailer.size());
}

}  // namespace base
