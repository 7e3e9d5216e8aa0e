// Several scorers over equal batches, one of them at a time: where all that are left wait for something of the model, what
// they ask of one batch is computed once.
#pragma once

#include <espalier/joint.h>
#include <espalier/model.h>

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace espalier::engine {

// What one of them asks of the model, and what it is given.
struct ModelQuestion {
  enum class Kind { Gradients, Squares, Gates, Observe, Call } kind = Kind::Call;
  const Batch* batch = nullptr;  // null: of none (Call)
  const Units* units = nullptr;
  Squares squares = Squares::PerSample;
  const std::vector<std::int64_t>* gate_shape = nullptr;
  LossOfBatch loss = LossOfBatch::Sum;
  const PrunableModel::Observer* observer = nullptr;
  std::function<void()> call = {};

  std::vector<std::array<at::Tensor, 4>> gradients = {};
  at::Tensor numbers = {};  // squares, or gradients of gates
  std::exception_ptr failure = {};
  bool answered = false;
};

class Together {
 public:
  explicit Together(PrunableModel& model) : model_(model) {}  // which outlives this
  Together(const Together&) = delete;
  Together& operator=(const Together&) = delete;

  // One of them: it is given the model as it may use it, and runs on a thread of its own. Whatever it throws is its answer.
  using Work = std::function<void(PrunableModel& model)>;
  // Runs them all; what each of them threw, null for nothing. The model is asked on the calling thread alone.
  std::vector<std::exception_ptr> run(const std::vector<Work>& works);

  // On the thread of one of them: `call` on the calling thread of run(), while the others wait.
  void ask_to_call(std::size_t who, const std::function<void()>& call);
  // On the thread of one of them, and answered where all wait. Throws what answering threw.
  void ask(std::size_t who, ModelQuestion& question);

  // How often the model was asked, and how many questions that answered.
  std::int64_t passes() const { return passes_; }
  std::int64_t questions() const { return questions_; }

 private:
  class Part;
  struct Participant {
    ModelQuestion* question = nullptr;
    bool ended = false;
    std::exception_ptr failure = {};
  };

  void live(std::size_t who, const Work& work, int threads);
  void give_turn_to(std::size_t who);
  void answer_all();
  void answer(const std::vector<ModelQuestion*>& of_batch);
  void answer_gradients(std::vector<ModelQuestion*> of_weights, std::vector<ModelQuestion*> of_gates);
  void answer_squares(std::vector<ModelQuestion*> questions);
  void answer_observers(const std::vector<ModelQuestion*>& questions);

  // Those that ask for the very same are answered by one call.
  template <typename Compute>
  void answer_each_once(std::vector<ModelQuestion*> questions, const Compute& compute);

  PrunableModel& model_;
  std::vector<Participant> participants_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::size_t> turn_;  // who may run; nobody: the calling thread
  bool abandoned_ = false;
  std::int64_t passes_ = 0, questions_ = 0;
};

}  // namespace espalier::engine
