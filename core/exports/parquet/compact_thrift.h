// Structures in Thrift's compact protocol, as far as Parquet's headers need it: written field by field, ids ascending.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace espalier::exports {

class CompactThrift {
 public:
  void begin_struct() { last_ids_.push_back(0); }
  void end_struct();
  // Of the structure that was begun last.
  void integer(int id, std::int32_t value);
  void long_integer(int id, std::int64_t value);
  void text(int id, std::string_view value);
  void nested(int id);                             // a structure follows, with begin_struct
  void list_of_structs(int id, std::size_t size);  // so many structures follow
  void list_of_integers(int id, const std::vector<std::int32_t>& values);
  void list_of_texts(int id, const std::vector<std::string>& values);

  const std::string& bytes() const { return bytes_; }

 private:
  enum class Type : unsigned { Int32 = 5, Int64 = 6, Binary = 8, List = 9, Struct = 12 };
  void field(int id, Type type);
  void list(std::size_t size, Type type);
  void variable(std::uint64_t value);
  void zigzag(std::int64_t value);

  std::string bytes_;
  std::vector<int> last_ids_;
};

}  // namespace espalier::exports
