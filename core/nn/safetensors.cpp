#include "nn/safetensors.h"

#include <ATen/ops/empty.h>
#include <espalier/error.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <words/atomic_file.h>
#include <words/names.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "nn/text.h"

namespace espalier::nn {
namespace {

constexpr std::uint64_t largest_header = 100'000'000;
constexpr std::size_t largest_rank = 64;

struct DtypeName {
  const char* name;
  at::ScalarType type;
};
// In the order in which Hugging Face lays tensors out: widest first, so that every tensor starts aligned.
constexpr std::array<DtypeName, 10> dtypes = {{{"F64", at::kDouble},
                                               {"I64", at::kLong},
                                               {"F32", at::kFloat},
                                               {"I32", at::kInt},
                                               {"BF16", at::kBFloat16},
                                               {"F16", at::kHalf},
                                               {"I16", at::kShort},
                                               {"I8", at::kChar},
                                               {"U8", at::kByte},
                                               {"BOOL", at::kBool}}};

std::string known_dtypes() {
  std::vector<std::string> names;
  for (const auto& dtype : dtypes) names.emplace_back(dtype.name);
  return join(names);
}

// A file that is read at places; closed by its destructor.
class InputFile {
 public:
  explicit InputFile(const std::filesystem::path& path) : path_(path.string()) {
    descriptor_ = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor_ < 0) {
      throw InputError(path_ +
                       (errno == ENOENT ? ": not found" : std::string(": cannot be read: ") + std::strerror(errno)));
    }
    struct stat status {};
    const bool known = fstat(descriptor_, &status) == 0;
    if (!known || !S_ISREG(status.st_mode)) {
      close(descriptor_);
      throw InputError(path_ + (known && S_ISDIR(status.st_mode)
                                    ? ": is a folder, expected a safetensors file"
                                    : ": is not a regular file, expected a safetensors file"));
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
  ~InputFile() { close(descriptor_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  std::uint64_t size() const { return size_; }
  const std::string& path() const { return path_; }
  void read(void* target, std::uint64_t count, std::uint64_t offset) const {
    char* next = static_cast<char*>(target);
    while (count > 0) {
      const ssize_t got =
          pread(descriptor_, next, std::min<std::uint64_t>(count, 1U << 30), static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) throw InputError(path_ + ": cannot be read: " + std::strerror(errno));
      if (got == 0) throw InputError(path_ + ": truncated: the file became shorter while it was read");
      next += got;
      count -= static_cast<std::uint64_t>(got);
      offset += static_cast<std::uint64_t>(got);
    }
  }

 private:
  std::string path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

// "the text 'This is'" or "bytes that are no text": what stands where a header's size is expected.
std::string first_bytes(std::uint64_t bytes) {
  std::array<char, sizeof bytes> letters{};
  std::memcpy(letters.data(), &bytes, sizeof bytes);
  const bool is_text = std::all_of(letters.begin(), letters.end(), [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return byte >= 0x20 ? byte < 0x7F : letter == '\t' || letter == '\n' || letter == '\r';
  });
  if (!is_text) return "bytes that are no text";
  std::string shown(letters.begin(), letters.end());
  shown.resize(std::min(shown.find_first_of("\t\r\n"), shown.size()));
  return "the text " + in_quotes(shown);
}

nlohmann::json parse_header(const std::string& path, const std::string& text) {
  // nlohmann keeps the last of two equal keys without a word; a file with two is not to be trusted.
  std::vector<std::set<std::string>> keys;
  const auto refuse_duplicates = [&](int, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (event == nlohmann::json::parse_event_t::object_start) keys.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) keys.pop_back();
    if (event == nlohmann::json::parse_event_t::key &&
        !keys.back().insert(parsed.get_ref<const std::string&>()).second) {
      throw InputError(path + ": the header has the key " + in_quotes(parsed.get_ref<const std::string&>()) + " twice");
    }
    return true;
  };
  try {
    return nlohmann::json::parse(text, refuse_duplicates);
  } catch (const nlohmann::json::exception& error) {
    throw InputError(path + ": the header is not valid JSON in UTF-8" + json_position(error));
  }
}

struct Entry {
  std::string name;
  at::ScalarType type = at::kFloat;
  std::vector<std::int64_t> shape = {};
  std::uint64_t begin = 0, end = 0;
};

std::uint64_t unsigned_from(const nlohmann::json& value, const std::string& what) {
  if (!value.is_number_unsigned())
    throw InputError(what + " is " + shortened(value.dump()) + ", expected a whole number, 0 or larger");
  return value.get<std::uint64_t>();
}

Entry read_entry(const std::string& path, const std::string& name, const nlohmann::json& json) {
  const std::string where = path + ": tensor " + in_quotes(name);
  if (!json.is_object()) throw InputError(where + ": its header entry is not an object");
  for (const auto& [key, value] : json.items()) {
    if (key != "dtype" && key != "shape" && key != "data_offsets") {
      throw InputError(where + ": unknown key " + in_quotes(key) + ", expected dtype, shape and data_offsets");
    }
  }
  for (const char* key : {"dtype", "shape", "data_offsets"}) {
    if (!json.contains(key)) throw InputError(where + ": has no '" + key + "'");
  }
  Entry entry{.name = name};
  const auto& dtype = json["dtype"];
  const auto* known =
      std::find_if(dtypes.begin(), dtypes.end(), [&](const DtypeName& candidate) { return dtype == candidate.name; });
  if (known == dtypes.end()) {
    throw InputError(where + ": dtype " + shortened(dtype.dump()) +
                     " is not supported\n    supported: " + known_dtypes());
  }
  entry.type = known->type;

  const auto& shape = json["shape"];
  if (!shape.is_array() || shape.size() > largest_rank)
    throw InputError(where + ": its shape is not a list of at most 64 numbers");
  std::uint64_t bytes = c10::elementSize(entry.type), strides = bytes;
  for (const auto& value : shape) {
    const std::uint64_t extent = unsigned_from(value, where + ": an entry of its shape");
    // Strides of an empty tensor multiply its other extents, so they must fit as well.
    if (__builtin_mul_overflow(strides, std::max<std::uint64_t>(extent, 1), &strides) ||
        strides > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      throw InputError(where + ": shape " + shortened(shape.dump()) + " is too large");
    }
    bytes *= extent;
    entry.shape.push_back(static_cast<std::int64_t>(extent));
  }
  const auto& offsets = json["data_offsets"];
  if (!offsets.is_array() || offsets.size() != 2) throw InputError(where + ": data_offsets is not a pair of numbers");
  entry.begin = unsigned_from(offsets[0], where + ": the begin of its data");
  entry.end = unsigned_from(offsets[1], where + ": the end of its data");
  if (entry.begin > entry.end) throw InputError(where + ": its data ends before it begins");
  if (entry.end - entry.begin != bytes) {
    throw InputError(where + ": its data has " + std::to_string(entry.end - entry.begin) + " bytes, but shape " +
                     shortened(shape.dump()) + " of " + known->name + " needs " + std::to_string(bytes));
  }
  return entry;
}

std::map<std::string, std::string> read_metadata(const std::string& path, const nlohmann::json& json) {
  std::map<std::string, std::string> metadata;
  if (!json.is_object()) throw InputError(path + ": __metadata__ is not an object");
  for (const auto& [key, value] : json.items()) {
    if (!value.is_string())
      throw InputError(path + ": the entry " + in_quotes(key) + " of __metadata__ is not a string");
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

// No gap, no overlap, and the last end is the end of the file.
void check_layout(const std::string& path, std::vector<Entry>& entries, std::uint64_t data_size) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return std::pair(a.begin, a.end) < std::pair(b.begin, b.end); });
  std::uint64_t end = 0;
  for (const auto& entry : entries) {
    if (entry.begin != end) {
      throw InputError(path + ": tensor " + in_quotes(entry.name) + ": its data begins at byte " +
                       std::to_string(entry.begin) +
                       (entry.begin < end ? " and overlaps the tensor before, which ends at byte "
                                          : ", after a gap: the tensor before ends at byte ") +
                       std::to_string(end));
    }
    end = entry.end;
  }
  if (end > data_size) {
    throw InputError(path + ": truncated: the header says " + std::to_string(end) + " bytes of data, the file has " +
                     std::to_string(data_size));
  }
  if (end < data_size) {
    throw InputError(path + ": " + std::to_string(data_size - end) +
                     " bytes at the end of the file belong to no tensor");
  }
}

}  // namespace

TensorFile read_safetensors(const std::filesystem::path& path) {
  const InputFile file(path);
  const auto& name = file.path();
  if (file.size() < 8)
    throw InputError(name + ": truncated: a safetensors file has at least 8 bytes, this one has " +
                     std::to_string(file.size()));
  std::uint64_t header_size = 0;
  file.read(&header_size, sizeof header_size, 0);
  if (header_size > largest_header) {
    throw InputError(
        name + ": is no safetensors file: it begins with " + first_bytes(header_size) +
        ", and not with the size of a header, at most 100000000 bytes\n    expected tensors by their names in "
        "the safetensors format");
  }
  if (header_size > file.size() - 8) {
    throw InputError(name + ": truncated: the header claims " + std::to_string(header_size) + " bytes, the file has " +
                     std::to_string(file.size() - 8) + " after its first 8");
  }
  std::string text(header_size, '\0');
  file.read(text.data(), header_size, 8);
  if (text.empty() || text[0] != '{')
    throw InputError(name + ": the header does not start with '{': is it a safetensors file?");

  const auto header = parse_header(name, text);
  TensorFile content;
  std::vector<Entry> entries;
  for (const auto& [key, value] : header.items()) {
    if (key == "__metadata__") {
      content.metadata = read_metadata(name, value);
    } else {
      entries.push_back(read_entry(name, key, value));
    }
  }
  check_layout(name, entries, file.size() - 8 - header_size);
  for (const auto& entry : entries) {
    auto tensor = at::empty(entry.shape, entry.type);
    const std::uint64_t size = entry.end - entry.begin;
    file.read(tensor.mutable_data_ptr(), size, 8 + header_size + entry.begin);
    if (entry.type == at::kBool) {
      // LibTorch takes a bool byte of 2 or more for anything.
      const auto* bytes = static_cast<const std::uint8_t*>(tensor.const_data_ptr());
      if (std::any_of(bytes, bytes + size, [](std::uint8_t byte) { return byte > 1; })) {
        throw InputError(name + ": tensor " + in_quotes(entry.name) + ": a BOOL is neither 0 nor 1");
      }
    }
    content.tensors[entry.name] = tensor;
  }
  return content;
}

void write_safetensors(const std::filesystem::path& path, const TensorFile& content) {
  struct Item {
    std::size_t order;  // place of the dtype in `dtypes`
    std::string name;
    at::Tensor tensor;
  };
  std::vector<Item> items;
  for (const auto& [name, tensor] : content.tensors) {
    const auto* known = std::find_if(dtypes.begin(), dtypes.end(),
                                     [&](const DtypeName& dtype) { return dtype.type == tensor.scalar_type(); });
    if (known == dtypes.end()) {
      throw InputError(path.string() + ": tensor " + in_quotes(name) + " has dtype " +
                       c10::toString(tensor.scalar_type()) +
                       ", which cannot be written\n    supported: " + known_dtypes());
    }
    items.push_back({static_cast<std::size_t>(known - dtypes.begin()), name, tensor.detach().cpu().contiguous()});
  }
  std::stable_sort(items.begin(), items.end(), [](const Item& a, const Item& b) { return a.order < b.order; });

  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!content.metadata.empty()) header["__metadata__"] = content.metadata;
  std::uint64_t offset = 0;
  for (const auto& item : items) {
    const std::uint64_t end = offset + item.tensor.nbytes();
    header[item.name] = {
        {"dtype", dtypes[item.order].name}, {"shape", item.tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t size = text.size();

  AtomicFile file(path);
  file.write(&size, sizeof size);
  file.write(text);
  for (const auto& item : items) file.write(item.tensor.const_data_ptr(), item.tensor.nbytes());
  file.commit();
}

}  // namespace espalier::nn
