// Values by key, of which the most recently used are kept.
#pragma once

#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>
#include <utility>

namespace espalier::engine {

template <typename Value>
class Recent {
 public:
  explicit Recent(std::size_t most) : most_(most) {}

  // Null: not known. The pointer is good until the next call.
  const Value* find(const std::string& key) {
    const auto found = place_.find(key);
    if (found == place_.end()) return nullptr;
    values_.splice(values_.begin(), values_, found->second);
    return &values_.front().second;
  }
  const Value& keep(const std::string& key, Value value) {
    if (const auto old = place_.find(key); old != place_.end()) values_.erase(old->second);
    values_.emplace_front(key, std::move(value));
    place_[key] = values_.begin();
    if (values_.size() > most_) {
      place_.erase(values_.back().first);
      values_.pop_back();
    }
    return values_.front().second;
  }
  void clear() {
    values_.clear();
    place_.clear();
  }

 private:
  using Values = std::list<std::pair<std::string, Value>>;
  std::size_t most_;
  Values values_;  // most recently used first
  std::unordered_map<std::string, typename Values::iterator> place_;
};

}  // namespace espalier::engine
