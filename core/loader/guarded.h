// The only way into plugin code: state of LibTorch restored, every exception an error of ours with a name in it.
#pragma once

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DefaultDtype.h>
#include <c10/core/InferenceMode.h>
#include <c10/util/Exception.h>
#include <espalier/error.h>

#include <string>

#include "words/printable.h"
#include "words/watch.h"

namespace espalier::loader {

// LibTorch's global state as it was, whatever the plugin does to it.
class StateGuard {
 public:
  StateGuard()
      : dtype_(c10::get_default_dtype()),
        threads_(at::get_num_threads()),
        precision_(at::globalContext().float32MatmulPrecision()),
        mkldnn_(at::globalContext().userEnabledMkldnn()),
        deterministic_(at::globalContext().deterministicAlgorithms()),
        only_warns_(at::globalContext().deterministicAlgorithmsWarnOnly()) {}
  ~StateGuard() {
    auto& context = at::globalContext();
    c10::set_default_dtype(dtype_);
    if (at::get_num_threads() != threads_) at::set_num_threads(threads_);
    if (context.float32MatmulPrecision() != precision_) {
      context.setFloat32MatmulPrecision(precision_ == at::Float32MatmulPrecision::HIGHEST ? "highest"
                                        : precision_ == at::Float32MatmulPrecision::HIGH  ? "high"
                                                                                          : "medium");
    }
    context.setUserEnabledMkldnn(mkldnn_);
    context.setDeterministicAlgorithms(deterministic_, only_warns_);
  }
  StateGuard(const StateGuard&) = delete;
  StateGuard& operator=(const StateGuard&) = delete;

 private:
  caffe2::TypeMeta dtype_;
  int threads_;
  at::Float32MatmulPrecision precision_;
  bool mkldnn_, deterministic_, only_warns_;
  // Gradients on and inference mode off during the call; both as they were after it, also where a plugin leaks a guard.
  c10::InferenceMode gradients_{false};
};

// What an exception says, as it may be kept.
inline std::string reason(const char* what) {
  return what == nullptr || *what == '\0' ? "it threw an exception that says nothing" : printable(what);
}

// `failed` begins the message, for instance "scorer 'fisher' failed: ".
template <typename Call>
auto guarded(const std::string& failed, const Call& call) {
  const StateGuard guard;
  try {
    return call();
  } catch (const Error&) {
    throw;
  } catch (const Interrupted&) {  // the host's own callbacks were stopped
    throw;
  } catch (const c10::OutOfMemoryError&) {  // of a GPU: the host tries again with less at once
    throw;
  } catch (const c10::Error& error) {
    throw PluginError(failed + reason(error.what_without_backtrace()));
  } catch (const std::exception& error) {
    throw PluginError(failed + reason(error.what()));
  } catch (...) {
    throw PluginError(failed + "it threw something that is not a std::exception");
  }
}

}  // namespace espalier::loader
