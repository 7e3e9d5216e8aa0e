#include "ctranslate2_file.h"

#include <ATen/ops/empty.h>
#include <espalier/error.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <vector>

#include "nn/text.h"

namespace espalier::families {
namespace {

constexpr std::uint32_t oldest_version = 4, newest_version = 6;  // 4 is the first that says the type of a variable
constexpr std::uint32_t highest_rank = 8;
constexpr std::uint64_t smallest_variable = 2 + 1 + 1 + 4;  // an empty name, rank, type, size

struct StoredType {
  const char* name;
  at::ScalarType type;
};
// In the order of CTranslate2's type numbers.
constexpr std::array<StoredType, 6> stored_types = {{{"float32", at::kFloat},
                                                     {"int8", at::kChar},
                                                     {"int16", at::kShort},
                                                     {"int32", at::kInt},
                                                     {"float16", at::kHalf},
                                                     {"bfloat16", at::kBFloat16}}};

// Little-endian numbers, names and arrays, never past the end of the file.
class Bytes {
 public:
  explicit Bytes(const std::filesystem::path& path) : path_(path.string()) {
    std::error_code failed;
    if (!std::filesystem::exists(path, failed)) throw InputError(path_ + ": not found");
    if (!std::filesystem::is_regular_file(path, failed)) throw InputError(path_ + ": is not a regular file");
    size_ = std::filesystem::file_size(path, failed);
    file_.open(path, std::ios::binary);
    if (failed || !file_) throw InputError(path_ + ": cannot be read: " + std::strerror(errno));
  }
  const std::string& path() const { return path_; }
  std::uint64_t left() const { return size_ - position_; }

  void read(void* target, std::uint64_t count, const std::string& what) {
    if (count > left()) {
      throw InputError(path_ + ": truncated: " + what + " needs " + std::to_string(count) + " bytes at byte " +
                       std::to_string(position_) + ", the file has " + std::to_string(left()) +
                       " left\n    copy or download it again");
    }
    if (!file_.read(static_cast<char*>(target), static_cast<std::streamsize>(count))) {
      throw InputError(path_ + ": cannot be read at byte " + std::to_string(position_));
    }
    position_ += count;
  }
  template <typename Number>
  Number number(const std::string& what) {
    Number value = 0;
    read(&value, sizeof value, what);
    return value;
  }
  // Names are stored with their length, which counts the zero at their end.
  std::string name(const std::string& what) {
    const auto length = number<std::uint16_t>("the length of " + what);
    std::string text(length, '\0');
    read(text.data(), length, what);
    if (text.empty() || text.back() != '\0' || text.find('\0') != text.size() - 1) {
      throw InputError(path_ + ": " + what + " is not a text that ends in a zero byte: is it a CTranslate2 model?");
    }
    text.pop_back();
    return text;
  }

 private:
  std::string path_;
  std::ifstream file_;
  std::uint64_t size_ = 0, position_ = 0;
};

struct Variable {
  std::string name;
  const StoredType* stored = nullptr;
  at::Tensor tensor;  // as it is stored
};

Variable read_variable(Bytes& bytes, std::uint32_t number, std::uint32_t count) {
  const std::string which = "variable " + std::to_string(number + 1) + " of " + std::to_string(count);
  Variable variable;
  variable.name = bytes.name("the name of " + which);
  const std::string where = bytes.path() + ": variable " + in_quotes(variable.name);
  const auto rank = bytes.number<std::uint8_t>("the rank of " + which);
  if (rank > highest_rank) {
    throw InputError(where + " has rank " + std::to_string(rank) + ", at most 8 is known: the file is damaged");
  }
  std::vector<std::int64_t> shape;
  std::uint64_t elements = 1;
  for (int axis = 0; axis < rank; ++axis) {
    const auto extent = bytes.number<std::uint32_t>("the shape of " + which);
    shape.push_back(extent);
    if (extent == 0) throw InputError(where + " is empty: the file is damaged");
    if (__builtin_mul_overflow(elements, std::uint64_t{extent}, &elements)) {
      throw InputError(where + " has a shape that is too large: the file is damaged");
    }
  }
  const auto type = bytes.number<std::uint8_t>("the type of " + which);
  if (type >= stored_types.size()) {
    throw InputError(where + " has type number " + std::to_string(type) +
                     ", expected 0 to 5: the file is damaged or written by a newer CTranslate2");
  }
  variable.stored = &stored_types[type];
  const auto size = bytes.number<std::uint32_t>("the size of " + which);
  std::uint64_t needed = 0;
  if (__builtin_mul_overflow(elements, std::uint64_t{c10::elementSize(variable.stored->type)}, &needed) ||
      size != needed) {
    throw InputError(where + " has " + std::to_string(size) + " bytes, but shape " + shape_text(shape) + " of " +
                     variable.stored->name + " needs another number: the file is damaged");
  }
  if (needed > bytes.left()) {  // before memory is spent
    throw InputError(bytes.path() + ": truncated: variable " + in_quotes(variable.name) + " needs " +
                     std::to_string(needed) + " bytes, the file has " + std::to_string(bytes.left()) +
                     " left\n    copy or download it again");
  }
  variable.tensor = at::empty(shape, variable.stored->type);
  bytes.read(variable.tensor.mutable_data_ptr(), needed, which);
  return variable;
}

bool is_number(const Variable& variable) {
  return variable.tensor.dim() == 0 && !at::isFloatingType(variable.stored->type);
}

// Whole numbers in place of weights, or what they were scaled by.
bool is_quantised(const Variable& variable) {
  return (variable.tensor.dim() > 0 && !at::isFloatingType(variable.stored->type)) || variable.name.ends_with("_scale");
}

void refuse_quantised(const std::string& path, const std::vector<std::string>& names) {
  if (names.empty()) return;
  throw InputError(path + ": its weights are quantised to whole numbers (" + std::to_string(names.size()) +
                   " variables, the first is " + in_quotes(names.front()) +
                   "), expected float32, float16 or bfloat16\n    convert the model again: ct2-transformers-converter "
                   "--quantization float16");
}

void read_aliases(Bytes& bytes, CTranslate2File& file) {
  const auto count = bytes.number<std::uint32_t>("the number of aliases");
  for (std::uint32_t number = 0; number < count; ++number) {
    const auto alias = bytes.name("the name of an alias");
    const auto target = bytes.name("the target of alias " + in_quotes(alias));
    if (file.numbers.contains(target)) continue;
    if (!file.tensors.contains(target)) {
      throw InputError(bytes.path() + ": alias " + in_quotes(alias) + " stands for " + in_quotes(target) +
                       ", which is not in the file");
    }
    if (file.tensors.contains(alias) || !file.aliases.emplace(alias, target).second) {
      throw InputError(bytes.path() + ": " + in_quotes(alias) + " is in the file twice");
    }
  }
}

}  // namespace

CTranslate2File read_ctranslate2_file(const std::filesystem::path& path) {
  Bytes bytes(path);
  const auto version = bytes.number<std::uint32_t>("the version");
  if (version < oldest_version || version > newest_version) {
    throw InputError(bytes.path() + ": its first number is " + std::to_string(version) +
                     ", expected version 4, 5 or 6 of a CTranslate2 model\n    is it one? if so, convert it again with "
                     "ct2-transformers-converter of CTranslate2 4");
  }
  CTranslate2File file;
  file.specification = bytes.name("the name of the specification");
  file.revision = bytes.number<std::uint32_t>("the revision of the specification");
  const auto count = bytes.number<std::uint32_t>("the number of variables");
  if (count > bytes.left() / smallest_variable) {
    throw InputError(bytes.path() + ": truncated: it claims " + std::to_string(count) + " variables, for which its " +
                     std::to_string(bytes.left()) + " bytes are too few\n    copy or download it again");
  }
  std::vector<std::string> quantised;
  std::map<std::string, std::int64_t> stored_as;
  for (std::uint32_t number = 0; number < count; ++number) {
    auto variable = read_variable(bytes, number, count);
    if (is_quantised(variable)) quantised.push_back(variable.name);
    stored_as[variable.stored->name] += variable.tensor.dim() > 0 ? variable.tensor.numel() : 0;
    const bool fresh = is_number(variable) ? file.numbers.emplace(variable.name, variable.tensor.item().toLong()).second
                                           : file.tensors.emplace(variable.name, variable.tensor.to(at::kFloat)).second;
    if (!fresh) throw InputError(bytes.path() + ": " + in_quotes(variable.name) + " is in the file twice");
  }
  refuse_quantised(bytes.path(), quantised);
  read_aliases(bytes, file);
  if (bytes.left() > 0) {
    throw InputError(bytes.path() + ": " + std::to_string(bytes.left()) +
                     " bytes at the end of the file belong to nothing: the file is damaged");
  }
  const auto most = std::max_element(stored_as.begin(), stored_as.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  if (most != stored_as.end()) file.precision = most->first;
  return file;
}

}  // namespace espalier::families
