// Every rule of the safetensors format has its message.
#include <ATen/ATen.h>
#include <espalier/error.h>
#include <gtest/gtest.h>
#include <nn/safetensors.h>

#include <cstring>

#include "support/message_of.h"
#include "support/temp_dir.h"
#include "support/tensor_matchers.h"

namespace espalier::test {
namespace {

std::string file_of(const std::string& header, std::size_t data_bytes) {
  std::string file(8, '\0');
  const std::uint64_t size = header.size();
  std::memcpy(file.data(), &size, 8);
  return file + header + std::string(data_bytes, '\x01');
}

struct Broken {
  const char* name;
  std::string content, message;  // what follows "PATH: "
};

TEST(Safetensors, RefusesEveryBrokenRule) {
  const std::string huge(8, '\x7f');
  const std::vector<Broken> all = {
      {"empty", "", "truncated: a safetensors file has at least 8 bytes, this one has 0"},
      {"oversized header", huge + "{}",
       "is no safetensors file: it begins with bytes that are no text, and not with the size of a header, at most "
       "100000000 "
       "bytes\n    expected tensors by their names in the safetensors format"},
      {"a text", "This film\nis good\n",
       "is no safetensors file: it begins with the text 'This fil', and not with the size of a header, at most "
       "100000000 "
       "bytes\n    expected tensors by their names in the safetensors format"},
      {"header beyond the file", file_of("{}", 0).substr(0, 9),
       "truncated: the header claims 2 bytes, the file has 1 after its first 8"},
      {"no object", file_of("[]", 0), "the header does not start with '{': is it a safetensors file?"},
      {"not JSON", file_of("{\"a\": }", 0), "the header is not valid JSON in UTF-8 (byte 7)"},
      {"not UTF-8", file_of("{\"a\xff\": {}}", 0), "the header is not valid JSON in UTF-8 (byte 4)"},
      {"duplicate keys",
       file_of(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
           1),
       "the header has the key 'a' twice"},
      {"duplicate keys inside", file_of(R"({"a":{"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}})", 1),
       "the header has the key 'dtype' twice"},
      {"entry", file_of(R"({"a":3})", 0), "tensor 'a': its header entry is not an object"},
      {"missing key", file_of(R"({"a":{"dtype":"U8","shape":[1]}})", 1), "tensor 'a': has no 'data_offsets'"},
      {"unknown dtype", file_of(R"({"a":{"dtype":"U16","shape":[1],"data_offsets":[0,2]}})", 2),
       "tensor 'a': dtype \"U16\" is not supported\n    supported: F64, I64, F32, I32, BF16, F16, I16, I8, U8, BOOL"},
      {"negative extent", file_of(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1),
       "tensor 'a': an entry of its shape is -1, expected a whole number, 0 or larger"},
      {"extent of 2^64", file_of(R"({"a":{"dtype":"U8","shape":[18446744073709551616],"data_offsets":[0,1]}})", 1),
       "tensor 'a': an entry of its shape is 1.8446744073709552e+19, expected a whole number, 0 or larger"},
      {"overflowing shape", file_of(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0),
       "tensor 'a': shape [4294967296,4294967296] is too large"},
      {"overflowing empty shape",
       file_of(R"({"a":{"dtype":"F32","shape":[4294967296,0,4294967296],"data_offsets":[0,0]}})", 0),
       "tensor 'a': shape [4294967296,0,4294967296] is too large"},
      {"backward offsets", file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1),
       "tensor 'a': its data ends before it begins"},
      {"wrong size", file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
       "tensor 'a': its data has 4 bytes, but shape [2] of F32 needs 8"},
      {"overlap",
       file_of(
           R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
           3),
       "tensor 'b': its data begins at byte 1 and overlaps the tensor before, which ends at byte 2"},
      {"gap",
       file_of(
           R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
           3),
       "tensor 'b': its data begins at byte 2, after a gap: the tensor before ends at byte 1"},
      {"truncated data", file_of(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 5),
       "truncated: the header says 8 bytes of data, the file has 5"},
      {"bytes left over", file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 3),
       "2 bytes at the end of the file belong to no tensor"},
      {"metadata", file_of(R"({"__metadata__":{"format":1}})", 0),
       "the entry 'format' of __metadata__ is not a string"},
      {"metadata list", file_of(R"({"__metadata__":[]})", 0), "__metadata__ is not an object"},
      {"bool of 3", file_of(R"({"a":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})", 0) + "\x03",
       "tensor 'a': a BOOL is neither 0 nor 1"},
      {"deep nesting", file_of("{\"a\":" + std::string(200000, '['), 0),
       "the header is not valid JSON in UTF-8 (byte 200006)"},
  };
  const TempDir folder;
  for (const auto& broken : all) {
    SCOPED_TRACE(broken.name);
    const auto path = folder.write("broken.safetensors", broken.content);
    EXPECT_EQ(message_of<InputError>([&] { nn::read_safetensors(path); }), path.string() + ": " + broken.message);
  }
  EXPECT_EQ(message_of<InputError>([&] { nn::read_safetensors(folder / "none"); }),
            (folder / "none").string() + ": not found");
  EXPECT_EQ(message_of<InputError>([&] { nn::read_safetensors(folder.path()); }),
            folder.path().string() + ": is a folder, expected a safetensors file");
  EXPECT_NE(message_of<InputError>([&] { nn::read_safetensors("/dev/zero"); }).find("is not a regular file"),
            std::string::npos);
}

TEST(Safetensors, ReadsBackWhatItWrote) {
  const TempDir folder;
  nn::TensorFile file;
  for (const auto type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf, at::kBFloat16,
                          at::kFloat, at::kDouble}) {
    file.tensors[c10::toString(type)] = at::arange(15).reshape({3, 5}).remainder(2).to(type).t();  // not contiguous
  }
  file.tensors["scalar"] = at::scalar_tensor(2.5);
  file.tensors["empty"] = at::zeros({0, 4});
  file.metadata["format"] = "pt";

  nn::write_safetensors(folder / "all.safetensors", file);
  const auto back = nn::read_safetensors(folder / "all.safetensors");

  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) EXPECT_TRUE(is_close(back.tensors.at(name), tensor)) << name;
  EXPECT_EQ(back.metadata, file.metadata);
}

TEST(Safetensors, ReadsDataThatIsNotAligned) {
  const TempDir folder;
  const auto path = folder.write(
      "odd.safetensors",
      file_of(
          R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"I16","shape":[2],"data_offsets":[1,5]}})",
          5));
  EXPECT_TRUE(is_close(nn::read_safetensors(path).tensors.at("b"), at::full({2}, 257, at::kShort)));
}

}  // namespace
}  // namespace espalier::test
