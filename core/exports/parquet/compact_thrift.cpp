#include "parquet/compact_thrift.h"

namespace espalier::exports {

void CompactThrift::end_struct() {
  bytes_ += '\0';
  last_ids_.pop_back();
}

void CompactThrift::integer(int id, std::int32_t value) {
  field(id, Type::Int32);
  zigzag(value);
}

void CompactThrift::long_integer(int id, std::int64_t value) {
  field(id, Type::Int64);
  zigzag(value);
}

void CompactThrift::text(int id, std::string_view value) {
  field(id, Type::Binary);
  variable(value.size());
  bytes_ += value;
}

void CompactThrift::nested(int id) { field(id, Type::Struct); }

void CompactThrift::list_of_structs(int id, std::size_t size) {
  field(id, Type::List);
  list(size, Type::Struct);
}

void CompactThrift::list_of_integers(int id, const std::vector<std::int32_t>& values) {
  field(id, Type::List);
  list(values.size(), Type::Int32);
  for (const auto value : values) zigzag(value);
}

void CompactThrift::list_of_texts(int id, const std::vector<std::string>& values) {
  field(id, Type::List);
  list(values.size(), Type::Binary);
  for (const auto& value : values) {
    variable(value.size());
    bytes_ += value;
  }
}

// Ids are written as their distance from the one before; all of Parquet's are less than 16 apart.
void CompactThrift::field(int id, Type type) {
  const auto distance = static_cast<unsigned>(id - last_ids_.back());
  bytes_ += static_cast<char>(distance << 4 | static_cast<unsigned>(type));
  last_ids_.back() = id;
}

void CompactThrift::list(std::size_t size, Type type) {
  if (size < 15) {
    bytes_ += static_cast<char>(static_cast<unsigned>(size) << 4 | static_cast<unsigned>(type));
    return;
  }
  bytes_ += static_cast<char>(0xF0U | static_cast<unsigned>(type));
  variable(size);
}

void CompactThrift::variable(std::uint64_t value) {
  while (value >= 0x80) {
    bytes_ += static_cast<char>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  bytes_ += static_cast<char>(value);
}

void CompactThrift::zigzag(std::int64_t value) {
  variable(static_cast<std::uint64_t>(value) << 1 ^ static_cast<std::uint64_t>(value >> 63));
}

}  // namespace espalier::exports
