#include "store/worker_name.h"

#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

namespace espalier::store {
namespace {

std::string host_name() {
  char buffer[256] = {};
  if (::gethostname(buffer, sizeof(buffer) - 1) != 0 || buffer[0] == '\0') return "unknown";
  return buffer;
}

struct ProcessState {
  char letter = '?';
  std::uint64_t start_ticks = 0;
};

// Fields 3 and 22 of /proc/PID/stat. The second field is the program's name in brackets and may itself hold spaces
// and brackets, so counting starts after the last closing one.
std::optional<ProcessState> read_process(std::int64_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(bracket + 1));
  ProcessState state;
  fields >> state.letter;
  std::string skipped;
  for (int field = 4; field < 22; ++field) fields >> skipped;
  fields >> state.start_ticks;
  if (!fields) return std::nullopt;
  return state;
}

template <typename Number>
std::optional<Number> parse(const std::string& text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace

std::string worker_name(int process) {
  const auto state = read_process(process);
  return host_name() + ":" + std::to_string(process) + ":" + std::to_string(state ? state->start_ticks : 0);
}

std::string this_worker_name() { return worker_name(::getpid()); }

Whereabouts whereabouts(const std::string& worker) {
  const auto last = worker.rfind(':');
  if (last == std::string::npos || last == 0) return Whereabouts::Elsewhere;
  const auto middle = worker.rfind(':', last - 1);
  if (middle == std::string::npos || worker.substr(0, middle) != host_name()) return Whereabouts::Elsewhere;
  const auto process = parse<std::int64_t>(worker.substr(middle + 1, last - middle - 1));
  const auto ticks = parse<std::uint64_t>(worker.substr(last + 1));
  if (!process || !ticks) return Whereabouts::Elsewhere;
  const auto state = read_process(*process);
  // A zombie has its number still, but computes nothing any more.
  const bool alive = state && state->start_ticks == *ticks && state->letter != 'Z' && state->letter != 'X';
  return alive ? Whereabouts::Alive : Whereabouts::Gone;
}

}  // namespace espalier::store
