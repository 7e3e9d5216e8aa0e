#include "container.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

namespace espalier::audio {
namespace {

constexpr std::uint64_t open_end = std::numeric_limits<std::uint64_t>::max();

// Where samples begin, how many bytes of them the header promises, and where it does.
struct Promise {
  std::int64_t samples = 0;
  std::uint64_t bytes = 0;
  std::int64_t place = 0;
  std::size_t width = 4;  // of the promise
  bool big_endian = false;
  std::uint64_t overhead = 0;  // counted with the samples
};

std::vector<unsigned char> written(std::uint64_t value, std::size_t width, bool big_endian) {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i < width; ++i) bytes.push_back(static_cast<unsigned char>(value >> 8 * i));
  if (big_endian) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

// Chunks of RIFF and IFF: four letters, a length, the content, one more byte where that is odd.
struct Chunk {
  std::int64_t content = 0;
  std::uint64_t length = 0;
};

bool is_chunk_name(const SoundBytes& bytes, std::int64_t place) {
  for (std::int64_t i = 0; i < 4; ++i) {
    const auto letter = bytes.big_endian(place + i, 1);
    if (letter < 0x20 || letter > 0x7E) return false;
  }
  return true;
}

std::uint64_t number(const SoundBytes& bytes, std::int64_t place, std::size_t width, bool big_endian) {
  return big_endian ? bytes.big_endian(place, width) : bytes.little_endian(place, width);
}

// Where the next chunk begins; beyond the file where this one does not end in it.
std::int64_t after(const SoundBytes& bytes, const Chunk& chunk) {
  if (chunk.length > static_cast<std::uint64_t>(bytes.size())) return bytes.size() + 2;
  return chunk.content + static_cast<std::int64_t>(chunk.length + chunk.length % 2);
}

std::optional<Chunk> find_chunk(const SoundBytes& bytes, std::string_view name, std::int64_t from, bool big_endian) {
  for (auto place = from; place + 8 <= bytes.size();) {
    const Chunk chunk{place + 8, number(bytes, place + 4, 4, big_endian)};
    if (bytes.has(place, name)) return chunk;
    if (!is_chunk_name(bytes, place)) return std::nullopt;
    place = after(bytes, chunk);
  }
  return std::nullopt;
}

// Nothing but whole chunks stand from here to the end: what follows samples, not samples.
bool are_chunks(const SoundBytes& bytes, std::int64_t from, bool big_endian) {
  auto place = from;
  while (place + 8 <= bytes.size() && is_chunk_name(bytes, place))
    place = after(bytes, {place + 8, number(bytes, place + 4, 4, big_endian)});
  return place == bytes.size() || place == bytes.size() + 1;
}

// What writers put who cannot go back: nothing, or close below (or at) 2 or 4 GiB, or all that fits.
bool is_left_open(std::uint64_t length, std::size_t width, std::uint64_t overhead) {
  if (length <= overhead) return true;
  if (width == 8) return length >= std::uint64_t{1} << 62 || length == 0xFFFFFFFF;
  const auto near = [&](std::uint64_t limit, std::uint64_t below, std::uint64_t above) {
    return length + below >= limit && length <= limit + above;
  };
  return near(0x7F000000, 0, 4096) || near(0x80000000, 8192, 4096) || near(0xFFFFFFFF, 8192, 0);
}

// Corrects what was left open; says where more is promised than there is.
std::string settle(SoundBytes& bytes, const Promise& promise, bool nothing_follows = true) {
  const auto left = static_cast<std::uint64_t>(std::max<std::int64_t>(bytes.size() - promise.samples, 0));
  const auto promised = promise.bytes <= promise.overhead ? 0 : promise.bytes - promise.overhead;
  const bool nothing = promised == 0;
  if (nothing && (!nothing_follows || left == 0)) return "";
  if (!nothing && promised <= left) return "";
  if (!is_left_open(promise.bytes, promise.width, promise.overhead)) {
    return "is cut short: its header promises " + std::to_string(promised) + " bytes of samples, " +
           std::to_string(left) + " are there";
  }
  const auto most = promise.width == 4 ? std::uint64_t{0xFFFFFFFF} : open_end;
  bytes.correct(promise.place, written(std::min(left + promise.overhead, most), promise.width, promise.big_endian));
  return "";
}

std::string settle_riff(SoundBytes& bytes) {
  const bool big = bytes.has(0, "RIFX"), large = bytes.has(0, "RF64") || bytes.has(0, "BW64");
  const auto data = find_chunk(bytes, "data", 12, big);
  if (!data) return "";
  const bool samples_follow = !are_chunks(bytes, data->content, big);
  if (large && data->length == 0xFFFFFFFF) {
    const auto sizes = find_chunk(bytes, "ds64", 12, big);
    if (!sizes || sizes->length < 24) return "";
    if (bytes.has(0, "BW64")) bytes.correct(0, {'R', 'F', '6', '4'});  // the same under another name
    return settle(bytes, {data->content, number(bytes, sizes->content + 8, 8, big), sizes->content + 8, 8, big},
                  samples_follow);
  }
  return settle(bytes, {data->content, data->length, data->content - 4, 4, big}, samples_follow);
}

std::string settle_wave64(SoundBytes& bytes) {
  for (std::int64_t place = 40; place + 24 <= bytes.size();) {
    const auto length = bytes.little_endian(place + 16, 8);  // its own head counts
    if (bytes.has(place, "data")) return settle(bytes, {place + 24, length, place + 16, 8, false, 24});
    if (length < 24 || length >= static_cast<std::uint64_t>(bytes.size())) return "";
    place += static_cast<std::int64_t>((length + 7) / 8 * 8);
  }
  return "";
}

std::string settle_aiff(SoundBytes& bytes) {
  const auto common = find_chunk(bytes, "COMM", 12, true), samples = find_chunk(bytes, "SSND", 12, true);
  if (!common || !samples) return "";
  constexpr std::uint64_t head = 8;  // offset and block size stand before the samples and count with them
  const auto begin = samples->content + static_cast<std::int64_t>(head);
  const bool is_open = is_left_open(samples->length, 4, head);
  auto problem =
      settle(bytes, {begin, samples->length, samples->content - 4, 4, true, head}, !are_chunks(bytes, begin, true));
  const auto frames = bytes.big_endian(common->content + 2, 4);
  const auto frame_bytes = bytes.big_endian(common->content, 2) * ((bytes.big_endian(common->content + 6, 2) + 7) / 8);
  if (!problem.empty() || frame_bytes == 0) return problem;
  if (is_open || !bytes.has(8, "AIFF")) return "";
  if (frames > (samples->length - head) / frame_bytes && !is_left_open(frames, 4, 0)) {
    problem = "is cut short: its header promises " + std::to_string(frames) + " samples, " +
              std::to_string((samples->length - head) / frame_bytes) + " are there";
  }
  return problem;
}

std::string settle_au(SoundBytes& bytes) {
  const bool big = bytes.has(0, ".snd");
  return settle(bytes, {static_cast<std::int64_t>(number(bytes, 4, 4, big)), number(bytes, 8, 4, big), 8, 4, big});
}

std::string settle_caf(SoundBytes& bytes) {
  for (std::int64_t place = 8; place + 12 <= bytes.size();) {
    const auto length = bytes.big_endian(place + 4, 8);
    constexpr std::uint64_t edits = 4;  // a count stands before the samples and counts with them
    if (bytes.has(place, "data")) return settle(bytes, {place + 16, length, place + 4, 8, true, edits});
    if (length >= static_cast<std::uint64_t>(bytes.size())) return "";
    place += 12 + static_cast<std::int64_t>(length);
  }
  return "";
}

// A page of an Ogg file (RFC 3533).
struct Page {
  bool begins = false, ends = false;
  std::uint64_t stream = 0;
  std::int64_t end = 0;
};

std::optional<Page> page_at(const SoundBytes& bytes, std::int64_t place) {
  std::array<unsigned char, 27 + 255> head{};
  const auto got = bytes.read(place, head);
  if (got < 27 || !std::equal(head.begin(), head.begin() + 4, "OggS") || head[4] != 0) return std::nullopt;
  const std::size_t segments = head[26];
  Page page{(head[5] & 2) != 0, (head[5] & 4) != 0, bytes.little_endian(place + 14, 4), 0};
  page.end = place + 27 + static_cast<std::int64_t>(segments);
  for (std::size_t i = 0; i < segments; ++i) page.end += 27 + i < got ? head[27 + i] : 255;
  return page;
}

// Behind damaged bytes; the end of the file where no more pages come.
std::int64_t next_page(const SoundBytes& bytes, std::int64_t from) {
  std::vector<unsigned char> some(1 << 16);
  const std::string_view name = "OggS";
  for (auto place = from; place < bytes.size();) {
    const auto got = bytes.read(place, some);
    if (got < name.size()) break;
    const auto end = some.begin() + static_cast<std::ptrdiff_t>(got);
    const auto hit = std::search(some.begin(), end, name.begin(), name.end());
    if (hit != end) return place + (hit - some.begin());
    place += static_cast<std::int64_t>(got - name.size() + 1);
  }
  return bytes.size();
}

}  // namespace

std::string settle_length(SoundBytes& bytes) {
  const bool riff = bytes.has(0, "RIFF") || bytes.has(0, "RIFX") || bytes.has(0, "RF64") || bytes.has(0, "BW64");
  if (riff && bytes.has(8, "WAVE")) return settle_riff(bytes);
  if (bytes.has(0, "riff\x2E\x91\xCF\x11")) return settle_wave64(bytes);
  if (bytes.has(0, "FORM") && (bytes.has(8, "AIFF") || bytes.has(8, "AIFC"))) return settle_aiff(bytes);
  if (bytes.has(0, ".snd") || bytes.has(0, "dns.")) return settle_au(bytes);
  if (bytes.has(0, "caff")) return settle_caf(bytes);
  return "";
}

bool is_ogg(const SoundBytes& bytes) { return bytes.has(0, "OggS"); }

OggStreams ogg_streams(const SoundBytes& bytes) {
  OggStreams found;
  std::vector<std::uint64_t> open;  // streams of the part that have not ended
  bool in_heads = false;            // streams that are heard together begin together
  for (std::int64_t place = 0; place < bytes.size();) {
    const auto page = page_at(bytes, place);
    if (!page) {
      if (open.empty()) break;  // what stands behind the streams is no part of them
      place = next_page(bytes, place + 1);
      continue;
    }
    if (page->begins && !in_heads) {
      found.parts.push_back({place, place});
      open.clear();
    }
    if (found.parts.empty()) return found;
    if (page->begins) open.push_back(page->stream);
    in_heads = page->begins;
    if (page->ends) std::erase(open, page->stream);
    if (page->end > bytes.size()) {
      found.problem = "is cut short: it ends in the middle of an Ogg page";
      return found;
    }
    place = found.parts.back().end = page->end;
  }
  if (!open.empty()) found.problem = "is cut short: none of its Ogg pages ends the stream";
  return found;
}

}  // namespace espalier::audio
