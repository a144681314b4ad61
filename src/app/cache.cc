#include "app/cache.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <optional>
#include <utility>

#include "base/json_writer.h"
#include "store/json.h"

namespace app {
namespace {

constexpr std::uint32_t kFrontIdleSeconds = 60;
constexpr std::size_t kLookAhead = 8;        // Changes side by side between two renderings.
constexpr std::size_t kItemTextBytes = 420;  // Of an item with a little text, as JSON.

using Chunk = domain::Chunks<domain::Item, domain::RankOf>::Chunk;

/// The text of an item that the chunk before has too, as it is there; looked for from `at` on, as
/// both are in the same order.
std::optional<std::string_view> TextBefore(const Chunk& before, const domain::ItemPtr& item,
                                           std::size_t& at) {
  for (std::size_t i = at; i < std::min(at + kLookAhead, before.values.size()); ++i) {
    if (before.values[i] != item) continue;
    at = i + 1;
    const domain::ChunkText& known = *before.memo.Get();
    const std::size_t begin = i == 0 ? 0 : known.ends[i - 1];
    return std::string_view(known.text).substr(begin, known.ends[i] - begin);
  }
  return std::nullopt;
}

/// Live items of one chunk, each preceded by a comma. Most of a chunk is as it was before the last
/// change: only what differs is made.
std::string_view TextOf(const Chunk& chunk) {
  if (const domain::ChunkText* const ready = chunk.memo.Get()) return ready->text;
  const std::shared_ptr<const Chunk> before = chunk.before.Get();
  domain::ChunkText made;
  made.text.reserve(before ? before->memo.Get()->text.size() + kItemTextBytes
                           : chunk.values.size() * kItemTextBytes);
  made.ends.reserve(chunk.values.size());
  std::size_t at = 0;
  for (const domain::ItemPtr& item : chunk.values) {
    const auto known = before ? TextBefore(*before, item, at) : std::nullopt;
    if (known) {
      made.text += *known;
    } else if (item->live()) {
      made.text += ',';
      store::AppendItem(made.text, *item);
    }
    made.ends.push_back(static_cast<std::uint32_t>(made.text.size()));
  }
  made.text.shrink_to_fit();
  const domain::ChunkText& kept = chunk.memo.Keep(std::move(made));
  chunk.before.Set(nullptr);
  return kept.text;
}

/// Where the answer begins, by role.
constexpr std::array<std::string_view, 3> kBegins{R"({"role":"owner",)", R"({"role":"editor",)",
                                                  R"({"role":"viewer",)"};

constexpr std::size_t IndexOf(domain::Role role) {
  return role == domain::Role::kOwner ? 0 : role == domain::Role::kEditor ? 1 : 2;
}

/// The beginning of a gzip member whose text begins so.
const std::string& GzipBegin(std::size_t role) {
  static const auto made = [] {
    std::array<std::string, kBegins.size()> begins;
    for (std::size_t i = 0; i < begins.size(); ++i) {
      begins[i] = std::string(base::kGzipHeader) + base::DeflateStored(kBegins[i]);
    }
    return begins;
  }();
  return made[role];
}

std::string HeadOf(const domain::ListState& list) {
  std::string head;
  head.reserve(512 + list.title.size() + list.members.size() * 80);
  store::AppendListAfterRole(head, list);
  head += ",\"members\":";
  store::AppendMembers(head, list.members);
  head += ",\"items\":[";
  return head;
}

/// Of a list that nobody has read: an item's struct, its share of two chunks, its texts. Half of
/// what it is once it has been rendered.
std::size_t EstimateBytes(const domain::ListState& list) {
  constexpr std::size_t kList = 1200;  // With its places in the cache and in the loops.
  constexpr std::size_t kItem = 500;
  constexpr std::size_t kMember = 100;
  return kList + list.items.size() * kItem + static_cast<std::size_t>(list.content_bytes) +
         list.members.size() * kMember;
}

/// Of a chunk's text, or of the one that its next text will be made from.
std::size_t TextBytes(const Chunk& chunk) {
  constexpr std::size_t kText = 100;
  const domain::ChunkText* text = chunk.memo.Get();
  const std::shared_ptr<const Chunk> before = text == nullptr ? chunk.before.Get() : nullptr;
  if (before) text = before->memo.Get();
  if (text == nullptr) return 0;
  return kText + text->text.capacity() + text->ends.capacity() * sizeof(std::uint32_t);
}

}  // namespace

VerifiedAt VerifiedNow() {
  return std::chrono::steady_clock::now().time_since_epoch();
}

VerifiedAt RoughlyNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

std::size_t Body::bytes() const {
  std::size_t bytes = lead.size();
  for (const std::string_view piece : rest) bytes += piece.size();
  return bytes;
}

Snapshot::Snapshot(domain::ListPtr list) : list_(std::move(list)) {
  constexpr std::string_view kSuffix = "-gzip\"";
  etag_[0] = '"';
  char* const end =
      std::to_chars(etag_.data() + 1, etag_.data() + etag_.size() - 1, list_->revision).ptr;
  *end = '"';
  digits_ = static_cast<std::size_t>(end - etag_.data()) - 1;
  std::copy(etag_.data(), end, gzip_etag_.data());
  std::ranges::copy(kSuffix, gzip_etag_.data() + digits_ + 1);
}

std::size_t Snapshot::bytes() const {
  std::size_t bytes = EstimateBytes(*list_);
  for (const auto& chunk : list_->order.chunks()) bytes += TextBytes(*chunk);
  if (const auto* const body = body_.Get()) {
    bytes += sizeof(Rendered) + (*body)->head.capacity() +
             (*body)->rest.capacity() * sizeof(std::string_view);
  }
  if (const auto* const gzip = gzip_.Get())
    bytes += sizeof(Compressed) + (*gzip)->blocks.capacity();
  return bytes;
}

const Snapshot::Rendered& Snapshot::Render() const {
  if (const auto* const ready = body_.Get()) return **ready;
  auto made = std::make_unique<Rendered>();
  made->head = HeadOf(*list_);
  made->rest.reserve(list_->order.chunks().size() + 2);
  made->rest.emplace_back(made->head);
  for (const auto& chunk : list_->order.chunks()) {
    std::string_view text = TextOf(*chunk);
    if (text.empty()) continue;
    if (made->rest.size() == 1)
      text.remove_prefix(1);  // The very first item has no comma before it.
    made->rest.push_back(text);
  }
  made->rest.emplace_back("]}");
  return *body_.Keep(std::move(made));
}

const Snapshot::Compressed& Snapshot::Compress() const {
  if (const auto* const ready = gzip_.Get()) return **ready;
  std::string text;
  const Rendered& body = Render();
  text.reserve(Body{{}, body.rest}.bytes());
  for (const std::string_view piece : body.rest) text += piece;
  auto made = std::make_unique<Compressed>();
  made->blocks = base::Deflate(text);
  made->blocks.shrink_to_fit();
  for (std::size_t role = 0; role < kRoles; ++role) {
    const std::string_view begin = kBegins[role];
    made->trailers[role] =
        base::MakeGzipTrailer(base::Crc32(base::Crc32(0, begin), text), begin.size() + text.size());
    made->rest[role] = {made->blocks, {made->trailers[role].data(), made->trailers[role].size()}};
  }
  return *gzip_.Keep(std::move(made));
}

Body Snapshot::BodyFor(domain::Role role) const {
  return {kBegins[IndexOf(role)], Render().rest};
}

Body Snapshot::GzipBodyFor(domain::Role role) const {
  return {GzipBegin(IndexOf(role)), Compress().rest[IndexOf(role)]};
}

SnapshotPtr Slot::Get() const {
  const std::scoped_lock lock(mutex_);
  return newest_;
}

ListCache::ListCache(std::size_t bytes_max, base::Metrics& metrics)
    : bytes_max_(bytes_max),
      bytes_gauge_(metrics.GetGauge("list_cache_bytes", "Estimated memory of lists kept hot.")),
      evictions_(metrics.GetCounter("list_cache_evictions_total", "Lists dropped for room.")) {}

SlotPtr ListCache::Find(const base::Uuid& id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = slots_.find(id);
  return found == slots_.end() ? nullptr : found->second;
}

Held ListCache::Hold(const base::Uuid& id) const {
  const SlotPtr slot = Find(id);
  if (!slot) return {};
  slot->used_at_.store(second(), std::memory_order_relaxed);
  const VerifiedAt verified_at = slot->verified_at();  // First: the snapshot may only be newer.
  return {slot->Get(), verified_at};
}

SnapshotPtr ListCache::Verify(const base::Uuid& id, std::int64_t revision, const base::Uuid& batch,
                              VerifiedAt at) {
  const SlotPtr slot = Find(id);
  if (!slot) return nullptr;
  const std::scoped_lock lock(slot->mutex_);
  if (!slot->newest_) return nullptr;
  const domain::ListState& list = slot->newest_->list();
  if (list.revision != revision || list.batch != batch) return nullptr;
  if (slot->verified_at() < at) slot->verified_at_.store(at.count(), std::memory_order_relaxed);
  return slot->newest_;
}

std::vector<base::Uuid> ListCache::UsedAndUnverifiedSince(VerifiedAt before) const {
  constexpr std::uint32_t kHotSeconds = 2;
  std::vector<base::Uuid> found;
  const std::scoped_lock lock(mutex_);
  for (const auto& [id, slot] : slots_) {
    const std::uint32_t idle = second() - slot->used_at_.load(std::memory_order_relaxed);
    if (idle <= kHotSeconds && slot->verified_at() < before) found.push_back(id);
  }
  return found;
}

void ListCache::Clear() {
  const std::scoped_lock lock(mutex_);
  while (!slots_.empty()) Forget(slots_.begin());
  bytes_gauge_.Set(static_cast<double>(bytes()));
}

void ListCache::Publish(const SnapshotPtr& snapshot, VerifiedAt verified_at) {
  const base::Uuid id = snapshot->list().id;
  SnapshotPtr old;  // Freed after the locks are.
  const std::scoped_lock lock(mutex_);
  SlotPtr& slot = slots_[id];
  if (!slot) slot = std::make_shared<Slot>();
  {
    const std::scoped_lock slot_lock(slot->mutex_);
    const std::int64_t known = slot->newest_ ? slot->newest_->list().revision : 0;
    if (known <= snapshot->list().revision && slot->verified_at() < verified_at) {
      slot->verified_at_.store(verified_at.count(), std::memory_order_relaxed);
    }
    if (known >= snapshot->list().revision) return;
    old = std::exchange(slot->newest_, snapshot);
    slot->version_.fetch_add(1, std::memory_order_release);
  }
  slot->used_at_.store(second(), std::memory_order_relaxed);
  Count(*slot, *snapshot);
}

void ListCache::Recount(const Snapshot& snapshot) {
  const std::scoped_lock lock(mutex_);
  const auto found = slots_.find(snapshot.list().id);
  if (found == slots_.end() || found->second->Get().get() != &snapshot) return;
  Count(*found->second, snapshot);
}

void ListCache::Count(Slot& slot, const Snapshot& newest) {
  const std::size_t counted = std::exchange(slot.counted_, newest.bytes());
  bytes_.fetch_add(slot.counted_ - counted, std::memory_order_relaxed);
  if (bytes() > bytes_max_) EvictExcept(newest.list().id);
  bytes_gauge_.Set(static_cast<double>(bytes()));
}

void ListCache::Drop(const base::Uuid& id) {
  const std::scoped_lock lock(mutex_);
  const auto found = slots_.find(id);
  if (found != slots_.end()) Forget(found);
  bytes_gauge_.Set(static_cast<double>(bytes()));
}

void ListCache::Forget(std::unordered_map<base::Uuid, SlotPtr>::iterator slot) {
  SnapshotPtr old;
  {
    const std::scoped_lock slot_lock(slot->second->mutex_);
    old = std::exchange(slot->second->newest_, nullptr);
    slot->second->version_.fetch_add(1, std::memory_order_release);
  }
  bytes_.fetch_sub(slot->second->counted_, std::memory_order_relaxed);
  slots_.erase(slot);
}

void ListCache::EvictExcept(const base::Uuid& newest) {
  // The eighth that was not used for longest goes at once, so that the scan is paid for rarely.
  std::vector<std::pair<std::uint32_t, base::Uuid>> by_use;
  by_use.reserve(slots_.size());
  for (const auto& [id, slot] : slots_) {
    if (id != newest) by_use.emplace_back(slot->used_at_.load(std::memory_order_relaxed), id);
  }
  std::ranges::sort(by_use);
  const std::size_t target = bytes_max_ / 8 * 7;
  for (const auto& [used_at, id] : by_use) {
    if (bytes() <= target) break;
    Forget(slots_.find(id));
    evictions_.Add();
  }
}

FrontCache::FrontCache(ListCache& cache, base::Metrics& metrics)
    : cache_(cache),
      hits_(metrics.GetCounter("list_cache_hits_total", "Reads answered from memory.")),
      misses_(metrics.GetCounter("list_cache_misses_total", "Reads that went to the database.")),
      stale_(metrics.GetCounter("list_cache_stale_total",
                                "Reads that waited until the primary had confirmed the list.")) {}

const SnapshotPtr* FrontCache::Find(const base::Uuid& id) {
  auto found = entries_.find(id);
  if (found == entries_.end()) {
    SlotPtr slot = cache_.Find(id);
    if (!slot) {
      misses_.Add();
      return nullptr;
    }
    found = entries_.emplace(id, Entry{std::move(slot), nullptr, 0, 0}).first;
  }
  Entry& entry = found->second;
  const std::uint64_t version = entry.slot->version();
  if (version != entry.version || !entry.snapshot) {
    // Read before the snapshot: a Publish in between shows as another version next time.
    entry.version = version;
    entry.snapshot = entry.slot->Get();
    if (!entry.snapshot) {  // Dropped: perhaps there is a new slot.
      entries_.erase(found);
      SlotPtr slot = cache_.Find(id);
      SnapshotPtr snapshot = slot ? slot->Get() : nullptr;
      if (!snapshot) {
        misses_.Add();
        return nullptr;
      }
      Entry fresh{std::move(slot), std::move(snapshot), 0, 0};
      found = entries_.emplace(id, std::move(fresh)).first;
    }
  }
  Entry& hit = found->second;
  if (cache_.is_shared() && !cache_.IsFresh(hit.slot->verified_at())) {
    stale_.Add();
    return nullptr;
  }
  const std::uint32_t second = cache_.second();
  if (hit.used_at != second) {
    hit.used_at = second;
    hit.slot->Touch(second);
  }
  hits_.Add();
  return &hit.snapshot;
}

void FrontCache::Sweep() {
  const std::uint32_t second = cache_.second();
  std::erase_if(entries_, [&](const auto& each) {
    const Entry& entry = each.second;
    return entry.slot->version() != entry.version || second - entry.used_at > kFrontIdleSeconds;
  });
}

}  // namespace app
