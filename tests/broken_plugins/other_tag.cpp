// The tag of another SDK, LibTorch, string ABI and standard.
extern "C" __attribute__((visibility("default"), section("espalierabi"), used))
const char espalier_abi_7_torch_1_13_1_cxx11abi_0_std_17 = 1;
