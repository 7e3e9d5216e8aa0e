// A device without hardware, so that what runs on a GPU is tested without one. Its memory is its own: the host that touches
// it is killed. Every operator is computed by the CPU, and refuses tensors of several devices as CUDA refuses them. What
// CUDA has and the CPU has not, attention over packed sequences, is computed here under the rules of CUDA's kernels.
// FAKE_DEVICE_REPORT prints the counts at the exit, FAKE_DEVICE_TRACE each operator.
#include "fake_device.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/EmptyTensor.h>
#include <ATen/autocast_mode.h>
#include <ATen/detail/PrivateUse1HooksInterface.h>
#include <ATen/native/CPUFallback.h>
#include <ATen/native/Resize.h>
#include <ATen/ops/_efficient_attention_backward_ops.h>
#include <ATen/ops/_efficient_attention_forward_ops.h>
#include <ATen/ops/_flash_attention_backward_ops.h>
#include <ATen/ops/_flash_attention_forward_ops.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <sys/mman.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace {

using at::Tensor;
using OptionalTensor = std::optional<Tensor>;

constexpr auto fake = c10::DeviceType::PrivateUse1;

// --- what is counted

std::mutex count_guard;
std::map<std::string, std::int64_t> operators_by_name;
std::atomic<std::int64_t> operators{0}, casts{0}, copies_from_host{0}, copies_to_host{0}, refused_allocations{0};
// Not zero while the CPU computes an operator: what is copied for that is no copy of the program's.
thread_local int computing = 0;
struct Computing {
  Computing() { ++computing; }
  ~Computing() { --computing; }
  Computing(const Computing&) = delete;
  Computing& operator=(const Computing&) = delete;
};

void count(const std::string& name) {
  static const bool traced = std::getenv("FAKE_DEVICE_TRACE") != nullptr;
  if (traced) std::fprintf(stderr, "fake: %s\n", name.c_str());
  ++operators;
  const std::lock_guard lock(count_guard);
  ++operators_by_name[name];
}

// --- the device

struct Guard final : c10::impl::DeviceGuardImplInterface {
  static c10::Device place() { return {fake, 0}; }
  static c10::Stream stream() { return c10::Stream(c10::Stream::DEFAULT, place()); }
  c10::DeviceType type() const override { return fake; }
  c10::Device exchangeDevice(c10::Device) const override { return place(); }
  c10::Device getDevice() const override { return place(); }
  void setDevice(c10::Device) const override {}
  void uncheckedSetDevice(c10::Device) const noexcept override {}
  c10::Stream getStream(c10::Device) const override { return stream(); }
  c10::Stream getDefaultStream(c10::Device) const override { return stream(); }
  c10::Stream getStreamFromGlobalPool(c10::Device, bool) const override { return stream(); }
  c10::Stream exchangeStream(c10::Stream) const override { return stream(); }
  c10::DeviceIndex deviceCount() const noexcept override { return 1; }
  void record(void**, const c10::Stream&, const c10::DeviceIndex, const c10::EventFlag) const override {}
  void block(void*, const c10::Stream&) const override {}
  bool queryEvent(void*) const override { return true; }
  void destroyEvent(void*, const c10::DeviceIndex) const noexcept override {}
  bool queryStream(const c10::Stream&) const override { return true; }
  void synchronizeStream(const c10::Stream&) const override {}
  void synchronizeDevice(const c10::DeviceIndex) const override {}
};
C10_REGISTER_GUARD_IMPL(PrivateUse1, Guard);

struct Hooks final : at::PrivateUse1HooksInterface {
  bool isBuilt() const override { return true; }
  bool isAvailable() const override { return true; }
  bool hasPrimaryContext(c10::DeviceIndex) const override { return true; }
  c10::DeviceIndex deviceCount() const override { return 1; }
  void setCurrentDevice(c10::DeviceIndex) const override {}
  c10::DeviceIndex getCurrentDevice() const override { return 0; }
  c10::DeviceIndex exchangeDevice(c10::DeviceIndex) const override { return 0; }
  c10::DeviceIndex maybeExchangeDevice(c10::DeviceIndex) const override { return 0; }
};
const bool registered = [] {
  c10::register_privateuse1_backend("fake");
  at::RegisterPrivateUse1HooksInterface(new Hooks);
  return true;
}();

// --- its memory: pages that nobody may read or write; copies open them for a moment

std::int64_t limit_from_environment() {
  const char* bytes = std::getenv("FAKE_DEVICE_BYTES");
  return bytes == nullptr ? 0 : std::strtoll(bytes, nullptr, 10);
}

struct Memory {
  std::mutex guard;
  std::map<void*, std::size_t> sizes;  // as asked for
  std::int64_t held = 0, most_held = 0, limit = limit_from_environment();
};
Memory& memory() {
  static auto* all = new Memory;  // outlives tensors that are freed at the exit
  return *all;
}

std::size_t in_pages(std::size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

struct Allocator final : c10::Allocator {
  c10::DataPtr allocate(std::size_t bytes) override {
    if (bytes == 0) return {nullptr, nullptr, &free, Guard::place()};
    auto& all = memory();
    const std::lock_guard lock(all.guard);
    const auto held = all.held + static_cast<std::int64_t>(bytes);
    if (all.limit > 0 && held > all.limit) {
      ++refused_allocations;
      TORCH_CHECK_WITH(OutOfMemoryError, false, "fake device out of memory: ", bytes, " bytes asked for, ", all.held,
                       " of ", all.limit, " are held");
    }
    void* pages = mmap(nullptr, in_pages(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc();
    all.sizes[pages] = bytes;
    all.held = held;
    all.most_held = std::max(all.most_held, held);
    return {pages, pages, &free, Guard::place()};
  }
  static void free(void* pages) {
    if (pages == nullptr) return;
    auto& all = memory();
    const std::lock_guard lock(all.guard);
    const auto found = all.sizes.find(pages);
    munmap(pages, in_pages(found->second));
    all.held -= static_cast<std::int64_t>(found->second);
    all.sizes.erase(found);
  }
  c10::DeleterFnPtr raw_deleter() const override { return &free; }
  void copy_data(void*, const void*, std::size_t) const override { TORCH_CHECK(false, "fake device: copy_data"); }
};
Allocator allocator;

bool is_fake(const Tensor& tensor) { return tensor.device().type() == fake; }

// Opens the pages of tensors while it lives; one at a time, since tensors may share pages.
class Opened {
 public:
  explicit Opened(std::initializer_list<Tensor> tensors) : tensors_(tensors), lock_(memory().guard) {
    protect(PROT_READ | PROT_WRITE);
  }
  ~Opened() { protect(PROT_NONE); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  void protect(int protection) {
    for (const auto& tensor : tensors_) {
      if (!is_fake(tensor)) continue;
      auto* pages = tensor.storage().data_ptr().get_context();
      if (pages != nullptr) mprotect(pages, in_pages(memory().sizes.at(pages)), protection);
    }
  }
  std::vector<Tensor> tensors_;
  std::lock_guard<std::mutex> lock_;
};

Tensor seen_by_cpu(const Tensor& tensor) {
  return at::from_blob(const_cast<void*>(tensor.const_data_ptr()), tensor.sizes(), tensor.strides(),
                       tensor.options().device(at::kCPU).requires_grad(false));
}

Tensor empty(c10::IntArrayRef size, std::optional<at::ScalarType> dtype, std::optional<at::Layout>,
             std::optional<at::Device>, std::optional<bool>, std::optional<at::MemoryFormat> format) {
  return at::detail::empty_generic(size, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                   c10::dtype_or_default(dtype), format);
}

Tensor empty_strided(c10::IntArrayRef size, c10::IntArrayRef stride, std::optional<at::ScalarType> dtype,
                     std::optional<at::Layout>, std::optional<at::Device>, std::optional<bool>) {
  return at::detail::empty_strided_generic(size, stride, &allocator, c10::DispatchKeySet(c10::DispatchKey::PrivateUse1),
                                           c10::dtype_or_default(dtype));
}

void count_copy(const Tensor& self, const Tensor& target) {
  if (computing > 0) return;
  if (target.is_cpu()) {
    ++copies_to_host;
  } else if (self.is_cpu()) {
    ++copies_from_host;
  } else {
    const bool is_cast = self.scalar_type() != target.scalar_type();
    if (is_cast) ++casts;
    count(is_cast ? "cast" : "copy");
  }
}

Tensor copy_from(const Tensor& self, const Tensor& target, bool /*non_blocking*/) {
  if (self.numel() == 0) return target;
  count_copy(self, target);
  const at::NoGradGuard no_gradients;
  const Opened opened({self, target});
  auto to = seen_by_cpu(target);
  to.copy_(seen_by_cpu(self).expand(target.sizes()));
  return target;
}

Tensor copy_from_and_resize(const Tensor& self, const Tensor& target) {
  if (self.sizes() != target.sizes())
    target.resize_(self.sizes());  // what has its size may be a view of another tensor
  return copy_from(self, target, false);
}

at::Scalar local_scalar(const Tensor& self) { return at::_local_scalar_dense(self.cpu()); }

const Tensor& resize(const Tensor& self, c10::SymIntArrayRef size, std::optional<at::MemoryFormat>) {
  if (self.sizes() == C10_AS_INTARRAYREF_SLOW(size)) return self;
  auto* tensor = self.unsafeGetTensorImpl();
  tensor->set_sizes_contiguous(C10_AS_INTARRAYREF_SLOW(size));
  const auto bytes = static_cast<std::size_t>(tensor->numel() + tensor->storage_offset()) * tensor->itemsize();
  if (bytes > tensor->storage().nbytes()) {
    auto storage = tensor->storage();
    storage.set_data_ptr(allocator.allocate(bytes));
    storage.set_nbytes(bytes);
  }
  return self;
}

// --- operators, as CUDA takes them

void check_devices(const c10::OperatorHandle& op, const torch::jit::Stack& stack) {
  const auto& name = op.schema().name();
  if (name == "aten::copy_") return;
  const auto& arguments = op.schema().arguments();
  const auto values = torch::jit::last(stack, arguments.size());
  // A single number may lie on the host, but not in a list of tensors that a fused kernel reads.
  const auto check = [&](const Tensor& tensor, const std::string& argument, bool listed) {
    if (!tensor.defined() || is_fake(tensor) || (tensor.is_cpu() && tensor.dim() == 0 && !listed)) return;
    TORCH_CHECK(false, "fake device: expected all tensors to be on the same device, but ", name, " was given '",
                argument, "' on ", tensor.device());
  };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].isTensor()) check(values[i].toTensor(), arguments[i].name(), false);
    if (values[i].isTensorList()) {
      for (const Tensor& tensor : values[i].toTensorVector()) check(tensor, arguments[i].name(), true);
    }
  }
}

void fallback(const c10::OperatorHandle& op, torch::jit::Stack* stack) {
  count(op.schema().name());
  check_devices(op, *stack);
  const Computing not_counted;
  at::native::cpu_fallback(op, stack);
}

Tensor on_cpu(const OptionalTensor& tensor) {
  return tensor.has_value() && tensor->defined() ? tensor->cpu() : Tensor();
}

Tensor convolution(const Tensor& input, const Tensor& weight, const OptionalTensor& bias, c10::IntArrayRef stride,
                   c10::IntArrayRef padding, c10::IntArrayRef dilation, bool transposed,
                   c10::IntArrayRef output_padding, std::int64_t groups) {
  count("aten::convolution");
  TORCH_CHECK(is_fake(input) && is_fake(weight), "fake device: convolution of tensors of two devices");
  const Computing not_counted;
  return at::convolution(input.cpu(), weight.cpu(), on_cpu(bias), stride, padding, dilation, transposed, output_padding,
                         groups)
      .to(input.device());
}

std::tuple<Tensor, Tensor, Tensor> convolution_backward(const Tensor& gradient, const Tensor& input,
                                                        const Tensor& weight, c10::IntArrayRef stride,
                                                        c10::IntArrayRef padding, c10::IntArrayRef dilation,
                                                        bool transposed, c10::IntArrayRef output_padding,
                                                        std::int64_t groups, std::array<bool, 3> wanted) {
  count("aten::convolution_backward");
  TORCH_CHECK(is_fake(gradient) && is_fake(input) && is_fake(weight),
              "fake device: convolution of tensors of two devices");
  const Computing not_counted;
  const auto channels = transposed ? weight.size(1) * groups : weight.size(0);
  const auto [of_input, of_weight, of_bias] =
      at::convolution_backward(gradient.cpu(), input.cpu(), weight.cpu(), at::IntArrayRef{channels}, stride, padding,
                               dilation, transposed, output_padding, groups, wanted);
  const auto back = [&](const Tensor& tensor) { return tensor.defined() ? tensor.to(input.device()) : tensor; };
  return {back(of_input), back(of_weight), back(of_bias)};
}

// --- attention over packed sequences

// One call of CUDA's variable-length kernels: sequences lie one after the other in [tokens, heads, width], each beginning
// where `starts` says.
struct PackedAttention {
  Tensor query, key, value;   // on the CPU, float32
  Tensor starts_q, starts_k;  // int32, on the CPU
  double scale, dropout;
  bool causal;
  std::int64_t seed;

  std::int64_t sequences() const { return starts_q.numel() - 1; }
  static Tensor of(const Tensor& packed, const Tensor& starts, std::int64_t sequence) {
    const auto* begin = starts.const_data_ptr<int>() + sequence;
    return packed.narrow(0, begin[0], begin[1] - begin[0]).transpose(0, 1);  // [H, T, w]
  }
  // Attention of one sequence before dropout, and what dropout multiplies it by; undefined: nothing.
  std::pair<Tensor, Tensor> weights(std::int64_t sequence, at::Generator& generator) const {
    auto scores = of(query, starts_q, sequence).matmul(of(key, starts_k, sequence).transpose(-1, -2)) * scale;
    if (causal)
      scores.masked_fill_(at::ones_like(scores, at::kBool).triu_(1), -std::numeric_limits<double>::infinity());
    Tensor kept;
    if (dropout > 0) kept = at::empty_like(scores).bernoulli_(1 - dropout, generator) / (1 - dropout);
    return {scores.softmax(-1), kept};  // [H, T, S]
  }
  at::Generator generator() const { return at::make_generator<at::CPUGeneratorImpl>(static_cast<std::uint64_t>(seed)); }

  Tensor forward() const {
    auto output = at::zeros({query.size(0), query.size(1), value.size(2)});
    auto draws = generator();
    for (std::int64_t i = 0; i < sequences(); ++i) {
      auto [attention, kept] = weights(i, draws);
      if (kept.defined()) attention = attention * kept;
      of(output, starts_q, i).copy_(attention.matmul(of(value, starts_k, i)));
    }
    return output;
  }

  // By hand: below its own kernels LibTorch records nothing to differentiate.
  std::tuple<Tensor, Tensor, Tensor> backward(const Tensor& gradient) const {
    auto dq = at::zeros_like(query), dk = at::zeros_like(key), dv = at::zeros_like(value);
    auto draws = generator();
    for (std::int64_t i = 0; i < sequences(); ++i) {
      const auto [attention, kept] = weights(i, draws);
      const auto given = of(gradient, starts_q, i);
      of(dv, starts_k, i).copy_((kept.defined() ? attention * kept : attention).transpose(-1, -2).matmul(given));
      auto of_weights = given.matmul(of(value, starts_k, i).transpose(-1, -2));
      if (kept.defined()) of_weights = of_weights * kept;
      const auto of_scores = attention * (of_weights - (of_weights * attention).sum(-1, true)) * scale;
      of(dq, starts_q, i).copy_(of_scores.matmul(of(key, starts_k, i)));
      of(dk, starts_k, i).copy_(of_scores.transpose(-1, -2).matmul(of(query, starts_q, i)));
    }
    return {dq, dk, dv};
  }
};

// Kernels read 16 bytes at once: every row of every head begins at a multiple of them.
void check_alignment(const Tensor& tensor, const char* name) {
  const auto step = 16 / static_cast<std::int64_t>(tensor.element_size());
  TORCH_CHECK(tensor.stride(-1) == 1 && tensor.stride(-2) % step == 0 && tensor.stride(-3) % step == 0 &&
                  tensor.storage_offset() % step == 0 && tensor.size(-1) % step == 0,
              "fake device: attention was given ", name, " of sizes ", tensor.sizes(), ", strides ", tensor.strides(),
              " and offset ", tensor.storage_offset(), ", which is not aligned to 16 bytes");
}

// Returns the starts on the CPU.
Tensor checked_starts(const OptionalTensor& starts, std::int64_t tokens, std::int64_t longest, const char* name) {
  TORCH_CHECK(starts.has_value() && starts->defined(), "fake device: attention without ", name);
  TORCH_CHECK(is_fake(*starts) && starts->scalar_type() == at::kInt && starts->dim() == 1 && starts->is_contiguous() &&
                  starts->numel() >= 2,
              "fake device: attention was given ", name, " of sizes ", starts->sizes(), " and type ",
              starts->scalar_type(), " on ", starts->device(), "; expected int32 on the device");
  auto places = starts->cpu();
  const auto* place = places.const_data_ptr<int>();
  const auto last = places.numel() - 1;
  TORCH_CHECK(place[0] == 0 && place[last] == tokens, "fake device: ", name, " leads from ", place[0], " to ",
              place[last], "; expected 0 to ", tokens);
  for (std::int64_t i = 0; i < last; ++i) {
    TORCH_CHECK(place[i] < place[i + 1] && place[i + 1] - place[i] <= longest, "fake device: sequence ", i, " of ",
                name, " has ", place[i + 1] - place[i], " tokens; expected 1 to ", longest);
  }
  return places;
}

struct AttentionCall {
  Tensor query, key, value;  // [tokens, heads, width]
  OptionalTensor starts_q, starts_k;
  std::int64_t longest_q, longest_k;
  std::optional<double> scale;
  double dropout;
  bool causal;
  std::int64_t seed;
};

PackedAttention checked(const AttentionCall& call) {
  const auto &query = call.query, &key = call.key, &value = call.value;
  TORCH_CHECK(is_fake(query) && is_fake(key) && is_fake(value), "fake device: attention of tensors of two devices");
  TORCH_CHECK(key.size(0) == value.size(0) && query.size(1) == key.size(1) && query.size(1) == value.size(1) &&
                  query.size(2) == key.size(2),
              "fake device: attention of ", query.sizes(), ", ", key.sizes(), " and ", value.sizes());
  TORCH_CHECK(query.scalar_type() == key.scalar_type() && query.scalar_type() == value.scalar_type(),
              "fake device: attention of several types");
  check_alignment(query, "queries");
  check_alignment(key, "keys");
  check_alignment(value, "values");
  PackedAttention packed{query.cpu().to(at::kFloat),
                         key.cpu().to(at::kFloat),
                         value.cpu().to(at::kFloat),
                         checked_starts(call.starts_q, query.size(0), call.longest_q, "starts of queries"),
                         checked_starts(call.starts_k, key.size(0), call.longest_k, "starts of keys"),
                         call.scale.value_or(1 / std::sqrt(static_cast<double>(query.size(2)))),
                         call.dropout,
                         call.causal,
                         call.seed};
  TORCH_CHECK(packed.starts_q.numel() == packed.starts_k.numel(), "fake device: attention of ", packed.sequences(),
              " sequences to ", packed.starts_k.numel() - 1);
  return packed;
}

std::int64_t drawn_seed(double dropout) {
  return dropout > 0 ? at::empty({1}, at::kLong).random_().item<std::int64_t>() : 0;
}

// Packed sequences are one batch to this kernel.
Tensor without_batch(const Tensor& tensor) {
  TORCH_CHECK(tensor.dim() == 4 && tensor.size(0) == 1, "fake device: packed attention of ", tensor.sizes(),
              "; expected a batch of one");
  return tensor.squeeze(0);
}

void check_efficient(const Tensor& query, const OptionalTensor& bias, std::int64_t mask_kind) {
  TORCH_CHECK(
      query.scalar_type() == at::kFloat || query.scalar_type() == at::kHalf || query.scalar_type() == at::kBFloat16,
      "fake device: efficient attention of ", query.scalar_type());
  TORCH_CHECK(!bias.has_value() || !bias->defined(), "fake device: no bias beside packed sequences");
  TORCH_CHECK(mask_kind == 0 || mask_kind == 1, "fake device: attention mask ", mask_kind);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, c10::SymInt, c10::SymInt> efficient_attention(
    const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
    const OptionalTensor& starts_q, const OptionalTensor& starts_k, std::optional<c10::SymInt> longest_q,
    std::optional<c10::SymInt> longest_k, double dropout, std::int64_t mask_kind, bool with_logsumexp,
    std::optional<double> scale, const OptionalTensor&, std::optional<std::int64_t>) {
  count("aten::_efficient_attention_forward");
  check_efficient(query, bias, mask_kind);
  TORCH_CHECK(longest_q.has_value() && longest_k.has_value(), "fake device: packed attention without lengths");
  const Computing not_counted;
  const auto seed = drawn_seed(dropout);
  const auto packed = checked({without_batch(query), without_batch(key), without_batch(value), starts_q, starts_k,
                               longest_q->expect_int(), longest_k->expect_int(), scale, dropout, mask_kind == 1, seed});
  const auto output = packed.forward().unsqueeze(0).to(query.scalar_type()).to(query.device());
  // Of its content only the kernel's own backward pass would know what to make.
  auto logsumexp = at::empty({packed.sequences(), query.size(2), with_logsumexp ? longest_q->expect_int() : 0},
                             query.options().dtype(at::kFloat));
  return {output, logsumexp, at::full({}, seed, at::kLong), at::zeros({}, at::kLong), *longest_q, *longest_k};
}

std::tuple<Tensor, Tensor, Tensor, Tensor> efficient_attention_backward(
    const Tensor& gradient, const Tensor& query, const Tensor& key, const Tensor& value, const OptionalTensor& bias,
    const Tensor&, const OptionalTensor& starts_q, const OptionalTensor& starts_k, c10::SymInt longest_q,
    c10::SymInt longest_k, const Tensor& logsumexp, double dropout, const Tensor& seed, const Tensor&,
    std::int64_t mask_kind, bool, std::optional<double> scale, std::optional<std::int64_t>, std::optional<std::int64_t>,
    bool) {
  count("aten::_efficient_attention_backward");
  check_efficient(query, bias, mask_kind);
  TORCH_CHECK(logsumexp.size(-1) > 0, "fake device: the forward pass kept no logsumexp, which gradients need");
  TORCH_CHECK(is_fake(gradient), "fake device: gradients on ", gradient.device());
  const Computing not_counted;
  const auto packed = checked({without_batch(query), without_batch(key), without_batch(value), starts_q, starts_k,
                               longest_q.expect_int(), longest_k.expect_int(), scale, dropout, mask_kind == 1,
                               seed.item<std::int64_t>()});
  const auto [dq, dk, dv] = packed.backward(without_batch(gradient).cpu().to(at::kFloat));
  const auto back = [&](const Tensor& tensor) {
    return tensor.unsqueeze(0).to(query.scalar_type()).to(query.device());
  };
  return {back(dq), back(dk), back(dv), Tensor()};
}

void check_flash(const Tensor& query, const Tensor& key, const Tensor& value) {
  TORCH_CHECK(query.scalar_type() == at::kHalf || query.scalar_type() == at::kBFloat16,
              "fake device: flash attention of ", query.scalar_type(), "; expected float16 or bfloat16");
  TORCH_CHECK(query.dim() == 3 && key.dim() == 3 && value.dim() == 3, "fake device: flash attention of ", query.sizes(),
              "; expected [tokens, heads, width]");
  TORCH_CHECK(
      query.size(2) % 8 == 0 && query.size(2) <= 256 && query.size(2) == key.size(2) && query.size(2) == value.size(2),
      "fake device: flash attention of widths ", query.size(2), ", ", key.size(2), " and ", value.size(2),
      "; expected one multiple of 8 up to 256");
}

// LibTorch 2.13 has arguments at the end that 2.11 has not; none of them is used here.
template <typename... Unused>
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> flash_attention(const Tensor& query, const Tensor& key,
                                                                   const Tensor& value, const OptionalTensor& starts_q,
                                                                   const OptionalTensor& starts_k,
                                                                   c10::SymInt longest_q, c10::SymInt longest_k,
                                                                   double dropout, bool causal, bool,
                                                                   std::optional<double> scale, Unused...) {
  count("aten::_flash_attention_forward");
  check_flash(query, key, value);
  const Computing not_counted;
  const auto seed = drawn_seed(dropout);
  const auto packed = checked({query, key, value, starts_q, starts_k, longest_q.expect_int(), longest_k.expect_int(),
                               scale, dropout, causal, seed});
  const auto output = packed.forward().to(query.scalar_type()).to(query.device());
  auto logsumexp = at::empty({query.size(1), query.size(0)}, query.options().dtype(at::kFloat));
  return {output, logsumexp, at::full({}, seed, at::kLong), at::zeros({}, at::kLong), at::empty({0}, query.options())};
}

std::tuple<Tensor, Tensor, Tensor> flash_attention_backward(
    const Tensor& gradient, const Tensor& query, const Tensor& key, const Tensor& value, const Tensor&, const Tensor&,
    const Tensor& starts_q, const Tensor& starts_k, c10::SymInt longest_q, c10::SymInt longest_k, double dropout,
    bool causal, const Tensor& seed, const Tensor&, std::optional<double> scale, std::optional<c10::SymInt>,
    std::optional<c10::SymInt>) {
  count("aten::_flash_attention_backward");
  check_flash(query, key, value);
  TORCH_CHECK(is_fake(gradient), "fake device: gradients on ", gradient.device());
  const Computing not_counted;
  const auto packed = checked({query, key, value, starts_q, starts_k, longest_q.expect_int(), longest_k.expect_int(),
                               scale, dropout, causal, seed.item<std::int64_t>()});
  const auto [dq, dk, dv] = packed.backward(gradient.cpu().to(at::kFloat));
  const auto back = [&](const Tensor& tensor) { return tensor.to(query.scalar_type()).to(query.device()); };
  return {back(dq), back(dk), back(dv)};
}

struct Report {
  ~Report() {
    if (std::getenv("FAKE_DEVICE_REPORT") == nullptr) return;
    std::fprintf(
        stderr, "fake device: %lld operators (%lld casts), %lld copies to it, %lld from it, at most %lld bytes\n",
        static_cast<long long>(operators), static_cast<long long>(casts), static_cast<long long>(copies_from_host),
        static_cast<long long>(copies_to_host), static_cast<long long>(memory().most_held));
  }
} report;

}  // namespace

TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFromBoxedFunction<&fallback>()); }
TORCH_LIBRARY_IMPL(aten, PrivateUse1, m) {
  m.impl("empty.memory_format", empty);
  m.impl("empty_strided", empty_strided);
  m.impl("_copy_from", copy_from);
  m.impl("_copy_from_and_resize", copy_from_and_resize);
  m.impl("_local_scalar_dense", local_scalar);
  m.impl("resize_", resize);
  m.impl("as_strided", at::native::as_strided_tensorimpl);
  m.impl("view", static_cast<Tensor (*)(const Tensor&, c10::IntArrayRef)>(at::native::view));
  m.impl("_reshape_alias",
         static_cast<Tensor (*)(const Tensor&, c10::IntArrayRef, c10::IntArrayRef)>(at::native::_reshape_alias));
  m.impl("convolution_overrideable", convolution);
  m.impl("convolution_backward_overrideable", convolution_backward);
  m.impl("_efficient_attention_forward", efficient_attention);
  m.impl("_efficient_attention_backward", efficient_attention_backward);
  m.impl("_flash_attention_forward", static_cast<at::_ops::_flash_attention_forward::schema*>(&flash_attention));
  m.impl("_flash_attention_backward", flash_attention_backward);
}

// Autocast as CUDA has it: which operators compute in half, which in float32.
#define HALF(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, lower_precision_fp)
#define SINGLE(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32)
#define SINGLE_BY_TYPE(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, fp32_set_opt_dtype)
#define WIDEST(...) KERNEL_PRIVATEUSEONE(__VA_ARGS__, promote)
TORCH_LIBRARY_IMPL(_, AutocastPrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }
TORCH_LIBRARY_IMPL(aten, AutocastPrivateUse1, m){AT_FORALL_LOWER_PRECISION_FP(HALF) AT_FORALL_FP32(SINGLE)
                                                     AT_FORALL_FP32_SET_OPT_DTYPE(SINGLE_BY_TYPE)
                                                         AT_FORALL_PROMOTE(WIDEST)}

std::int64_t fake_device_operators() {
  return operators;
}
std::int64_t fake_device_operators_named(const char* name) {
  const std::lock_guard lock(count_guard);
  const auto found = operators_by_name.find(name);
  return found == operators_by_name.end() ? 0 : found->second;
}
std::int64_t fake_device_casts() { return casts; }
std::int64_t fake_device_copies_to_host() { return copies_to_host; }
std::int64_t fake_device_copies_from_host() { return copies_from_host; }
void fake_device_reset_counts() {
  operators = casts = copies_from_host = copies_to_host = refused_allocations = 0;
  {
    const std::lock_guard lock(count_guard);
    operators_by_name.clear();
  }
  const std::lock_guard lock(memory().guard);
  memory().most_held = memory().held;
}
std::int64_t fake_device_bytes() {
  const std::lock_guard lock(memory().guard);
  return memory().held;
}
std::int64_t fake_device_peak_bytes() {
  const std::lock_guard lock(memory().guard);
  return memory().most_held;
}
void fake_device_set_limit_bytes(std::int64_t bytes) {
  const std::lock_guard lock(memory().guard);
  memory().limit = bytes;
}
std::int64_t fake_device_refused_allocations() { return refused_allocations; }
