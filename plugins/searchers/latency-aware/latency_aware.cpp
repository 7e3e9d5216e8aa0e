// Chooses how many heads each site keeps, so that the model takes at most a share of the time it takes now.
//
// A site that keeps h heads keeps its best-scoring ones. What it saves is measured: for each shape of sites (kind,
// heads that are left, their widths, the model's) and each h, the model is timed with h heads in all sites of that shape
// and everything elsewhere, and the difference to the time with everything is shared out evenly. `step` measures every
// step-th h only; between two the time grows linearly. Measurements scatter, so the table is made monotone: a site with
// more heads is never faster (running maximum over h), and none is slower than the site as it is.
//
//   maximise    sum over sites of the scores of the heads that stay, less the smallest score of all
//   subject to  time with everything - sum over sites of what they save <= latency * time with everything
//
// by dynamic programming over time that is cut into 20,000 pieces. What a site takes is rounded up to whole pieces, so
// the prediction meets the bound, and a site wastes less than one 20,000th of the time that heads may take.
//
// Sites together need not take the sum of what they take alone, so the answer is measured. Where it exceeds the bound,
// the search is repeated with a bound that is lower by the excess, at most `corrections` times; the last answer counts.
#include <ATen/core/Tensor.h>
#include <espalier/error.h>
#include <espalier/searcher.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace {

constexpr std::size_t pieces = 20'000;

using Widths = std::vector<std::size_t>;  // heads that stay, by site

// Sites whose heads take equally long.
struct Shape {
  espalier::SiteKind kind = espalier::SiteKind::EncoderSelf;
  std::size_t heads = 0;                                           // that are left
  std::vector<std::pair<std::int64_t, std::int64_t>> widths = {};  // of these in QK and VO, best head first
  std::int64_t model_width = 0;
  std::int64_t sites = 0;         // of this shape
  std::vector<double> time = {};  // by heads that stay: what a site of it adds to the time with everything, 0 or less

  bool is_like(const Shape& other) const {
    return std::tie(kind, heads, widths, model_width) ==
           std::tie(other.kind, other.heads, other.widths, other.model_width);
  }
};

struct SiteHeads {
  std::int64_t site = 0;
  std::size_t shape = 0;
  std::vector<std::int64_t> ranked = {};  // units, best first; of equal ones the last
  std::vector<double> value = {0};        // by heads that stay: the sum of their scores, less the smallest of all
};

// The heads of chosen sites that are left.
struct Model {
  std::vector<Shape> shapes;
  std::vector<SiteHeads> sites;
  double now = 0;  // milliseconds with everything

  const std::vector<double>& time(std::size_t site) const { return shapes[sites[site].shape].time; }
  double predicted(const Widths& widths) const {
    double sum = now;
    for (std::size_t i = 0; i < sites.size(); ++i) sum += time(i)[widths[i]];
    return sum;
  }
  Widths everything() const {
    Widths widths;
    for (const auto& site : sites) widths.push_back(site.ranked.size());
    return widths;
  }
  Widths nothing() const { return Widths(sites.size(), 0); }
};

// The widths of the largest value whose predicted time meets the bound, which nothing() meets.
Widths best_widths(const Model& model, double bound) {
  if (model.now <= bound) return model.everything();
  const double piece = (bound - model.predicted(model.nothing())) / static_cast<double>(pieces);
  constexpr std::size_t too_long = pieces + 1;
  const auto pieces_of = [&](std::size_t site, std::size_t width) {
    const double more = model.time(site)[width] - model.time(site)[0];
    if (!(more > 0)) return std::size_t{0};
    const double count = std::ceil(more / piece - 1e-9);  // infinite where heads may take no time
    return count > static_cast<double>(pieces) ? too_long : static_cast<std::size_t>(count);
  };
  std::vector<double> best(pieces + 1, 0.0);  // of the sites from the current one on, by pieces they may take
  std::vector<std::vector<std::uint16_t>> chosen(model.sites.size());
  for (std::size_t site = model.sites.size(); site-- > 0;) {
    const auto& value = model.sites[site].value;
    Widths taken;
    for (std::size_t width = 0; width < value.size(); ++width) taken.push_back(pieces_of(site, width));
    std::vector<double> with(pieces + 1);
    chosen[site].resize(pieces + 1);
    for (std::size_t room = 0; room <= pieces; ++room) {
      with[room] = -1;
      // Of equal values the wider: heads that take no time, or have the smallest score, stay.
      for (std::size_t width = 0; width < value.size() && taken[width] <= room; ++width) {
        const double other = value[width] + best[room - taken[width]];
        if (other < with[room]) continue;
        with[room] = other;
        chosen[site][room] = static_cast<std::uint16_t>(width);
      }
    }
    best = std::move(with);
  }
  Widths widths;
  for (std::size_t site = 0, room = pieces; site < model.sites.size(); ++site) {
    widths.push_back(chosen[site][room]);
    room -= pieces_of(site, widths.back());
  }
  return widths;
}

std::string text(const char* format, double value) {
  char written[32];
  std::snprintf(written, sizeof written, format, value);
  return written;
}

class LatencyAware final : public espalier::Searcher {
 public:
  explicit LatencyAware(const espalier::Settings& settings)
      : step_(settings.get<std::int64_t>("step")), corrections_(settings.get<std::int64_t>("corrections")) {}

  espalier::Mask search(espalier::SearchTask& task) override {
    check(task);
    auto model = heads_of(task);
    model.now = measured(task, model, model.everything());
    task.report.say("everything: " + text("%.3f ms", model.now));
    std::int64_t straightened = 0;
    for (std::size_t shape = 0; shape < model.shapes.size(); ++shape) straightened += tabulate(task, model, shape);

    const double bound = task.budget.value * model.now, least = model.predicted(model.nothing());
    if (least > bound) {
      throw espalier::SettingsError("latency = " + text("%g", task.budget.value) +
                                    " cannot be met: without any head of the chosen sites the model takes " +
                                    text("%.4f", std::ceil(least / model.now * 1e4) / 1e4) +
                                    " of its time\n    use that or more");
    }
    Widths widths;
    double aim = bound, taken = 0;
    for (std::int64_t attempt = 0;; ++attempt) {
      widths = best_widths(model, aim);
      // With everything kept there is nothing to confirm, and a second measurement would differ by chance.
      taken = widths == model.everything() ? model.now : measured(task, model, widths);
      task.report.step({{"attempt", static_cast<double>(attempt)},
                        {"bound", aim},
                        {"predicted", model.predicted(widths)},
                        {"measured", taken},
                        {"heads", count(widths)}});
      if (taken <= bound || attempt == corrections_) break;
      aim -= taken - bound;
      if (aim < least) {
        task.report.say("no choice is predicted to take " + text("%.3f ms", aim) + ": the last one stays");
        break;
      }
    }
    task.report.note("dense_milliseconds", model.now);
    task.report.note("predicted_milliseconds", model.predicted(widths));
    task.report.note("measured_milliseconds", taken);
    task.report.note("bound_milliseconds", bound);
    task.report.note("bound_met", taken <= bound ? 1.0 : 0.0);
    task.report.note("heads", count(widths));
    task.report.note("straightened", static_cast<double>(straightened));  // entries of the table that were not monotone
    return mask_of(task, model, widths);
  }

 private:
  static void check(const espalier::SearchTask& task) {
    if (task.units.granularity() != espalier::Granularity::Head) {
      throw espalier::SettingsError(std::string("latency-aware needs granularity head, and was given ") +
                                    espalier::to_string(task.units.granularity()));
    }
    if (task.scope != espalier::Scope::Global)
      throw espalier::SettingsError("latency-aware needs scope global: it chooses what each site gives");
    if (task.budget.kind != espalier::SearchBudget::Kind::Latency)
      throw espalier::SettingsError("latency-aware understands the budget latency, and was given another");
    if (!(task.budget.value > 0 && task.budget.value <= 1)) {
      throw espalier::SettingsError("latency = " + text("%g", task.budget.value) +
                                    " is not a share of the dense model's time\n    use more than 0 and at most 1");
    }
  }

  static Model heads_of(const espalier::SearchTask& task) {
    const auto* scores = task.scores.const_data_ptr<double>();
    const auto* remaining = task.remaining.const_data_ptr<bool>();
    Model model;
    double least = std::numeric_limits<double>::infinity();
    for (std::int64_t i = 0; i < task.units.count(); ++i) {
      if (!remaining[i]) continue;
      least = std::min(least, scores[i]);
      if (model.sites.empty() || model.sites.back().site != task.units[i].site)
        model.sites.push_back({.site = task.units[i].site});
      model.sites.back().ranked.push_back(i);
    }
    for (auto& site : model.sites) {
      std::sort(site.ranked.begin(), site.ranked.end(),
                [&](std::int64_t a, std::int64_t b) { return scores[a] != scores[b] ? scores[a] > scores[b] : a > b; });
      for (const auto unit : site.ranked) site.value.push_back(site.value.back() + (scores[unit] - least));
      const auto& its = task.units.sites()[static_cast<std::size_t>(site.site)];
      Shape shape{.kind = its.kind, .heads = site.ranked.size(), .model_width = its.model_width};
      for (const auto unit : site.ranked) {
        const auto head = task.units[unit].head;
        shape.widths.emplace_back(its.width(espalier::Projection::Q, head), its.width(espalier::Projection::V, head));
      }
      const auto place = std::find_if(model.shapes.begin(), model.shapes.end(),
                                      [&](const Shape& other) { return other.is_like(shape); });
      site.shape = static_cast<std::size_t>(place - model.shapes.begin());
      if (place == model.shapes.end()) model.shapes.push_back(shape);
      ++model.shapes[site.shape].sites;
    }
    return model;
  }

  static double count(const Widths& widths) {
    return static_cast<double>(std::accumulate(widths.begin(), widths.end(), std::size_t{0}));
  }

  static espalier::Mask mask_of(const espalier::SearchTask& task, const Model& model, const Widths& widths) {
    auto kept = task.remaining.clone();  // [units]
    auto* keeps = kept.mutable_data_ptr<bool>();
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const auto& ranked = model.sites[i].ranked;
      for (std::size_t rank = widths[i]; rank < ranked.size(); ++rank) keeps[ranked[rank]] = false;
    }
    return task.units.mask(kept);
  }

  static double measured(espalier::SearchTask& task, const Model& model, const Widths& widths) {
    return task.costs.milliseconds(mask_of(task, model, widths));
  }

  // Fills in the times of a shape, and says how many had to be changed to be monotone.
  std::int64_t tabulate(espalier::SearchTask& task, Model& model, std::size_t index) const {
    auto& shape = model.shapes[index];
    shape.time.assign(shape.heads + 1, 0.0);
    std::int64_t straightened = 0;
    double most = -std::numeric_limits<double>::infinity();
    const auto step = static_cast<std::size_t>(step_);
    for (std::size_t heads = 0; heads < shape.heads; heads += step) {
      auto widths = model.everything();
      for (std::size_t i = 0; i < widths.size(); ++i) {
        if (model.sites[i].shape == index) widths[i] = heads;
      }
      const double milliseconds = measured(task, model, widths);
      const auto name = std::string(espalier::to_string(shape.kind));
      task.report.say(name + ", " + std::to_string(heads) + " of " + std::to_string(shape.heads) +
                      " heads: " + text("%.3f ms", milliseconds));
      const double time = (milliseconds - model.now) / static_cast<double>(shape.sites);
      most = std::max(most, std::min(time, 0.0));
      if (most != time) ++straightened;
      shape.time[heads] = most;
    }
    for (std::size_t from = 0; from < shape.heads; from += step) {
      const auto to = std::min(from + step, shape.heads);
      for (auto heads = from + 1; heads < to; ++heads) {
        const double way = static_cast<double>(heads - from) / static_cast<double>(to - from);
        shape.time[heads] = shape.time[from] + way * (shape.time[to] - shape.time[from]);
      }
    }
    return straightened;
  }

  std::int64_t step_, corrections_;
};

}  // namespace

ESPALIER_SEARCHER(LatencyAware, "latency-aware", "1.0.0",
                  "Keeps the highest scores that the measured time of the model allows, and confirms it",
                  espalier::needs_scores | espalier::heads_only | espalier::budget_latency,
                  espalier::Setting{"step", 1, "measure every step-th number of heads, and interpolate between", "1.."},
                  espalier::Setting{"corrections", 3, "searches that may follow when the answer takes too long", "0.."})
