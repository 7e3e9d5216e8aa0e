#include "loader/visit.h"

#include <espalier/error.h>

#include <utility>

#include "loader/at_work.h"
#include "process_state.h"

namespace espalier::loader {
namespace {

std::string& spoilt_by() {
  static std::string message;
  return message;
}

const ProcessState* visited = nullptr;

template <typename Role>
struct Of;
template <>
struct Of<Scorer> {
  static constexpr const char* role = "scorer";
  static auto make(const PluginCatalog& catalog, const std::string& name, const Settings& settings) {
    return catalog.make_scorer(name, settings);
  }
};
template <>
struct Of<Searcher> {
  static constexpr const char* role = "searcher";
  static auto make(const PluginCatalog& catalog, const std::string& name, const Settings& settings) {
    return catalog.make_searcher(name, settings);
  }
};
template <>
struct Of<Recovery> {
  static constexpr const char* role = "recovery";
  static auto make(const PluginCatalog& catalog, const std::string& name, const Settings& settings) {
    return catalog.make_recovery(name, settings);
  }
};

}  // namespace

template <typename Role>
struct Visit<Role>::State {
  explicit State(std::string its_who) : who(std::move(its_who)), around(std::exchange(visited, &process)) {}
  ~State() { end(); }

  // Empty: all is as it was.
  std::string end() {
    if (ended) return {};
    ended = true;
    if (role != nullptr) {
      const AtWork leaving(who, "was being destroyed");
      role.reset();
    }
    visited = around;
    const auto harm = process.put_back();
    if (harm.empty()) return {};
    spoilt_by() =
        who + " " + harm + "\n    a plugin leaves the process as it finds it; nothing more is computed in this process";
    return spoilt_by();
  }

  std::string who;
  ProcessState process;
  const ProcessState* around;  // of a visit that this one lies within
  std::unique_ptr<Role> role;
  bool ended = false;
};

template <typename Role>
Visit<Role>::Visit(const PluginCatalog& catalog, const std::string& name, const Settings& settings) {
  catalog.find(Of<Role>::role, name);  // opens its file: that is no part of the visit
  state_ = std::make_unique<State>(std::string(Of<Role>::role) + " '" + name + "'");
  state_->role = Of<Role>::make(catalog, name, settings);
}

template <typename Role>
Visit<Role>::~Visit() = default;

template <typename Role>
Role& Visit<Role>::operator*() const {
  return *state_->role;
}

template <typename Role>
const std::string& Visit<Role>::who() const {
  return state_->who;
}

template <typename Role>
void Visit<Role>::leave() {
  const auto harm = state_->end();
  if (!harm.empty()) throw PluginError(harm);
}

template class Visit<Scorer>;
template class Visit<Searcher>;
template class Visit<Recovery>;

const std::string& spoilt() { return spoilt_by(); }

void put_folder_back() {
  if (visited != nullptr) visited->put_folder_back();
}

}  // namespace espalier::loader
