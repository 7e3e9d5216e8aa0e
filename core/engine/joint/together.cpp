#include "together.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>

#include <algorithm>
#include <array>
#include <thread>
#include <utility>

#include "nn/prunable/joint_gradients.h"

namespace espalier::engine {
namespace {

using Questions = std::vector<ModelQuestion*>;
using Kind = ModelQuestion::Kind;

bool is_same(const at::Tensor& one, const at::Tensor& other) {
  if (one.defined() != other.defined() || !one.defined()) return one.defined() == other.defined();
  return one.scalar_type() == other.scalar_type() && one.sizes() == other.sizes() && at::equal(one, other);
}

bool is_same(const Batch& one, const Batch& other) {
  if (one.rows != other.rows || one.inputs.size() != other.inputs.size() || !is_same(one.labels, other.labels))
    return false;
  return std::equal(one.inputs.begin(), one.inputs.end(), other.inputs.begin(),
                    [](const auto& a, const auto& b) { return a.first == b.first && is_same(a.second, b.second); });
}

bool is_same(const Units& one, const Units& other) {
  const auto equal = [](const Unit& a, const Unit& b) {
    return a.site == b.site && a.kind == b.kind && a.head == b.head && a.channel == b.channel;
  };
  return one.granularity() == other.granularity() && one.count() == other.count() &&
         std::equal(one.all().begin(), one.all().end(), other.all().begin(), equal);
}

// Of one batch.
bool is_same(const ModelQuestion& one, const ModelQuestion& other) {
  if (one.kind != other.kind || !is_same(*one.units, *other.units)) return false;
  return one.kind == Kind::Gates ? one.loss == other.loss && *one.gate_shape == *other.gate_shape
                                 : one.squares == other.squares;
}

Questions taken(const Questions& all, const std::function<bool(const ModelQuestion&)>& wanted) {
  Questions some;
  std::copy_if(all.begin(), all.end(), std::back_inserter(some), [&](const auto* one) { return wanted(*one); });
  return some;
}

// As PrunableNetwork::squared_gradients has it.
at::Tensor squares_of(const std::vector<std::array<at::Tensor, 4>>& gradients, const Units& units) {
  auto values = gradients;
  for (auto& site : values) {
    for (auto& gradient : site) gradient = gradient.square().sum({2}, /*keepdim=*/false, at::kDouble);  // [H, d]
  }
  return units.reduce(values);
}

// What one of them makes of it is no matter of the others.
void show(ModelQuestion& question, std::int64_t site, const SiteActivity& activity) {
  if (question.failure) return;
  try {
    (*question.observer)(site, activity);
  } catch (...) {
    question.failure = std::current_exception();
  }
}

// `compute`, and what it throws to all who asked.
template <typename Compute>
void answered(const Questions& questions, const Compute& compute) {
  std::exception_ptr failure;
  try {
    compute();
  } catch (...) {
    failure = std::current_exception();
  }
  for (auto* question : questions) {
    if (failure) question->failure = failure;
    question->answered = true;
  }
}

}  // namespace

// The model as one of them sees it.
class Together::Part final : public PrunableModel, public GateGradients {
 public:
  Part(Together& together, std::size_t who) : together_(together), model_(together.model_), who_(who) {}

  const std::vector<Site>& sites() const override { return model_.sites(); }
  at::Tensor weights(std::int64_t site, Projection projection) const override {
    return model_.weights(site, projection);
  }
  at::Tensor open_gates(std::vector<std::int64_t> shape) const override { return model_.open_gates(std::move(shape)); }

  at::Tensor losses(const Batch& batch, const Units& units, const at::Tensor& gates) override {
    at::Tensor losses;
    together_.ask_to_call(who_, [&] { losses = model_.losses(batch, units, gates); });
    return losses;
  }
  at::Tensor losses_without_each(const Batch& batch, const Units& units) override {
    at::Tensor losses;
    together_.ask_to_call(who_, [&] { losses = model_.losses_without_each(batch, units); });
    return losses;
  }
  std::vector<std::array<at::Tensor, 4>> gradients(const Batch& batch) override {
    ModelQuestion question{.kind = Kind::Gradients, .batch = &batch};
    together_.ask(who_, question);
    return std::move(question.gradients);
  }
  at::Tensor squared_gradients(const Batch& batch, const Units& units, Squares squares) override {
    ModelQuestion question{.kind = Kind::Squares, .batch = &batch, .units = &units, .squares = squares};
    together_.ask(who_, question);
    return question.numbers;
  }
  at::Tensor gate_gradients(const Batch& batch, const Units& units, const std::vector<std::int64_t>& shape,
                            LossOfBatch loss) override {
    ModelQuestion question{.kind = Kind::Gates, .batch = &batch, .units = &units, .gate_shape = &shape, .loss = loss};
    together_.ask(who_, question);
    return question.numbers;
  }
  void observe(const Batch& batch, const Observer& observer) override {
    ModelQuestion question{.kind = Kind::Observe, .batch = &batch, .observer = &observer};
    together_.ask(who_, question);
  }

 private:
  Together& together_;
  PrunableModel& model_;
  const std::size_t who_;
};

std::vector<std::exception_ptr> Together::run(const std::vector<Work>& works) {
  participants_.assign(works.size(), {});
  abandoned_ = false;
  std::vector<std::jthread> threads;
  try {
    for (std::size_t who = 0; who < works.size(); ++who)
      threads.emplace_back([this, who, &works, count = at::get_num_threads()] { live(who, works[who], count); });
  } catch (...) {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
    changed_.notify_all();
    throw;
  }
  const auto all_ended = [&] {
    return std::all_of(participants_.begin(), participants_.end(), [](const auto& one) { return one.ended; });
  };
  while (!all_ended()) {
    for (std::size_t who = 0; who < works.size(); ++who) {
      if (!participants_[who].ended) give_turn_to(who);
    }
    answer_all();
  }
  std::vector<std::exception_ptr> failures;
  for (const auto& one : participants_) failures.push_back(one.failure);
  return failures;
}

void Together::live(std::size_t who, const Work& work, int threads) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == who || abandoned_; });
    if (abandoned_) return;
  }
  auto& own = participants_[who];
  try {
    at::set_num_threads(threads);
    Part part(*this, who);
    work(part);
  } catch (...) {
    own.failure = std::current_exception();
  }
  const std::lock_guard lock(mutex_);
  own.ended = true;
  turn_.reset();
  changed_.notify_all();
}

// Until it asks for something, or has ended.
void Together::give_turn_to(std::size_t who) {
  std::unique_lock lock(mutex_);
  turn_ = who;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !turn_; });
}

void Together::ask(std::size_t who, ModelQuestion& question) {
  std::unique_lock lock(mutex_);
  participants_[who].question = &question;
  turn_.reset();
  changed_.notify_all();
  changed_.wait(lock, [&] { return turn_ == who; });
  lock.unlock();
  if (question.failure) std::rethrow_exception(question.failure);
}

void Together::ask_to_call(std::size_t who, const std::function<void()>& call) {
  ModelQuestion question{.kind = Kind::Call, .call = call};
  ask(who, question);
}

void Together::answer_all() {
  Questions open;
  for (auto& one : participants_) {
    if (one.question != nullptr) open.push_back(std::exchange(one.question, nullptr));
  }
  questions_ += std::ssize(open);
  for (auto* question : open) {
    if (question->answered) continue;
    if (question->kind == Kind::Call) {
      ++passes_;
      answered({question}, question->call);
      continue;
    }
    answer(taken(open, [&](const ModelQuestion& other) {
      return !other.answered && other.batch != nullptr &&
             (&other == question || is_same(*other.batch, *question->batch));
    }));
  }
}

void Together::answer(const Questions& of_batch) {
  const auto of_kind = [&](Kind kind) { return taken(of_batch, [&](const auto& one) { return one.kind == kind; }); };
  auto of_weights = of_kind(Kind::Gradients);
  const auto squares = of_kind(Kind::Squares);
  for (auto* question : squares) {
    if (question->squares == Squares::PerBatch) of_weights.push_back(question);
  }
  answer_gradients(std::move(of_weights), of_kind(Kind::Gates));
  answer_squares(taken(squares, [](const auto& one) { return one.squares == Squares::PerSample; }));
  answer_observers(of_kind(Kind::Observe));
}

template <typename Compute>
void Together::answer_each_once(Questions questions, const Compute& compute) {
  while (!questions.empty()) {
    const auto& first = *questions.front();
    const auto same = taken(questions, [&](const ModelQuestion& other) { return is_same(other, first); });
    ++passes_;
    answered(same, [&] {
      const auto numbers = compute(first);
      for (auto* question : same) question->numbers = numbers;
    });
    std::erase_if(questions, [](const auto* question) { return question->answered; });
  }
}

void Together::answer_gradients(Questions of_weights, Questions of_gates) {
  const auto give = [&](const std::vector<std::array<at::Tensor, 4>>& gradients) {
    for (auto* question : of_weights) {
      if (question->kind == Kind::Gradients)
        question->gradients = gradients;
      else
        question->numbers = squares_of(gradients, *question->units);
    }
  };
  auto* joint = dynamic_cast<nn::JointGradients*>(&model_);
  const auto riding = joint == nullptr || of_weights.empty()
                          ? of_gates.end()
                          : std::find_if(of_gates.begin(), of_gates.end(), [](const auto* question) {
                              return question->loss == LossOfBatch::Mean && question->gate_shape->size() == 1;
                            });
  if (riding != of_gates.end()) {
    const auto& units = *(*riding)->units;
    const auto gates = taken(of_gates, [&](const ModelQuestion& other) { return is_same(other, **riding); });
    auto all = of_weights;
    all.insert(all.end(), gates.begin(), gates.end());
    ++passes_;
    answered(all, [&] {
      const auto found = joint->gradients_with_gates(*all.front()->batch, units);
      give(found.weights);
      for (auto* question : gates) question->numbers = found.gates;
    });
    std::erase_if(of_gates, [](const auto* question) { return question->answered; });
  } else if (!of_weights.empty()) {
    ++passes_;
    answered(of_weights, [&] { give(model_.gradients(*of_weights.front()->batch)); });
  }
  answer_each_once(std::move(of_gates), [&](const ModelQuestion& question) {
    return espalier::gate_gradients(model_, *question.batch, *question.units, *question.gate_shape, question.loss);
  });
}

void Together::answer_squares(Questions questions) {
  answer_each_once(std::move(questions), [&](const ModelQuestion& question) {
    return model_.squared_gradients(*question.batch, *question.units, question.squares);
  });
}

void Together::answer_observers(const Questions& questions) {
  if (questions.empty()) return;
  ++passes_;
  answered(questions, [&] {
    model_.observe(*questions.front()->batch, [&](std::int64_t site, const SiteActivity& activity) {
      for (auto* question : questions) show(*question, site, activity);
    });
  });
}

}  // namespace espalier::engine
