// A scorer that does to its process, and to the model, what its setting says.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <espalier/scorer.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

void write_pid() {
  if (const char* file = std::getenv("MISBEHAVES_PID")) std::ofstream(file) << ::getpid() << std::endl;
}

class Misbehaves final : public espalier::Scorer {
 public:
  explicit Misbehaves(const espalier::Settings& settings) : what_(settings.get<std::string>("what")) {
    if (what_ == "die-in-constructor") std::raise(SIGSEGV);
  }
  ~Misbehaves() override {
    if (what_ == "die-in-destructor") std::raise(SIGSEGV);
    if (what_ == "change-weights-in-destructor") change(0);
  }

  at::Tensor score(espalier::ScoringTask& task) override {
    model_ = &task.model;
    disturb();
    if (what_ == "change-weights") change(0);
    if (what_ == "change-one-weight") change(1e-3);
    if (what_ == "change-weights-and-throw") {
      change(0);
      throw std::runtime_error("after the deed");
    }
    if (what_ == "long-words") throw std::runtime_error(std::string(5'000'000, 'x'));
    if (what_ == "odd-words") throw std::runtime_error("\x1b[31mred \xff\xfe");
    if (what_ == "no-words") throw std::runtime_error("");
    return at::arange(task.units.count());
  }

 private:
  // Zeroes the values of the first site, or adds to a single one.
  void change(double added) {
    const at::NoGradGuard no_gradients;
    auto weights = model_->weights(0, espalier::Projection::V);  // [heads, head_dim, features]
    if (added == 0) {
      weights.zero_();
    } else {
      weights.select(0, 0).select(0, 0).select(0, 0).add_(added);
    }
  }

  void disturb() const {
    if (what_ == "exit") std::exit(0);
    if (what_ == "quick-exit") ::_exit(0);
    if (what_ == "exit-three") std::exit(3);
    if (what_ == "die") std::raise(SIGSEGV);
    if (what_ == "hang") {
      write_pid();
      for (volatile bool for_ever = true; for_ever;) {
      }
    }
    if (what_ == "move") [[maybe_unused]]
      const int moved = ::chdir("/");
    if (what_ == "mask") ::umask(0777);
    if (what_ == "close") {
      for (int i = 3; i < 1024; ++i) ::close(i);
    }
    if (what_ == "close-streams") {
      for (int i = 0; i < 3; ++i) ::close(i);
    }
    if (what_ == "scribble") {
      for (int i = 3; i < 64; ++i) [[maybe_unused]] const auto written = ::write(i, "scribble", 8);
    }
    if (what_ == "noise") {
      const std::string line(1023, 'n');
      for (int i = 0; i < 40 * 1024; ++i) std::printf("%s\n", line.c_str());
      std::fflush(stdout);
    }
    if (what_ == "alarm") ::alarm(1);
    if (what_ == "deaf") std::signal(SIGTERM, SIG_IGN);
  }

  std::string what_;
  espalier::PrunableModel* model_ = nullptr;
};

}  // namespace

ESPALIER_SCORER(Misbehaves, "misbehaves", "1.0.0", "Does what no plugin should", espalier::no_traits,
                espalier::Setting{"what", "nothing", "what it does"})
