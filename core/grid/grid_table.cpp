#include "grid_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "cells/budgets.h"
#include "key.h"
#include "pattern.h"
#include "ranges.h"
#include "reading.h"
#include "vocabulary.h"
#include "words/names.h"
#include "words/unicode.h"

namespace espalier::grid {
namespace {

template <typename Definition>
std::vector<std::string> names_of(const NamedDefinitions<Definition>& definitions) {
  std::vector<std::string> names;
  for (const auto& [name, definition] : definitions) names.push_back(name);
  return names;
}

template <typename Definition>
Named<Definition>* use(NamedDefinitions<Definition>& definitions, const std::string& name) {
  const auto found = definitions.find(name);
  if (found == definitions.end()) return nullptr;
  found->second.used = true;
  return &found->second;
}

constexpr std::int64_t least_priority = -1000000;

// Reads one grid. What an axis value is written as in JSON is settled later, in key.cpp, but for plain values.
class GridReader {
 public:
  GridReader(const Value& table, Definitions& definitions, DefinitionReader& reader, Complaints& complaints)
      : table_(table),
        definitions_(definitions),
        definition_reader_(reader),
        complaints_(complaints),
        reader_(table, "[[grid]]", complaints) {
    grid_.place = table.place;
  }

  Grid read() {
    axis("model", Needed::Yes);
    axis("dataset", Needed::Yes);
    axis("granularity", Needed::Yes);
    axis("sites", Needed::No);
    axis("scorer", Needed::No);
    axis("searcher", Needed::No);
    need_scorer();
    axis("scope", Needed::No);
    budget();
    for (const auto* name :
         {"schedule", "recovery", "compute", "softmax_scale", "rounding", "count_output_bias", "seed", "base_seed"}) {
      axis(name, Needed::No);
    }
    reader_.word("order", grid_.order);
    reader_.integer("priority", least_priority, grid_.priority);
    const auto* linked = reader_.find("linked");
    if (const auto* skip = reader_.find("skip")) grid_.skip = read_skip(*skip, complaints_);
    reader_.finish();
    check_schedules();
    find_dimensions(linked);
    warn_of_repeated_values();
    return std::move(grid_);
  }

 private:
  enum class Needed { Yes, No };

  void axis(const std::string& name, Needed needed) {
    const auto* value = needed == Needed::Yes ? reader_.need(name) : reader_.find(name);
    fill(name, value);
  }

  // Where patterns leave pairs out, which searcher gets which scorer is known only later.
  void need_scorer() {
    if (table_.find("scorer") != nullptr || table_.find("skip") != nullptr) return;
    for (const auto& searcher : grid_.axis(Member::Searcher).values) {
      if (!searcher.plugin->has(needs_scores)) continue;
      complaints_.add(grid_.place,
                      fmt::format("searcher '{}' needs scores, and [[grid]] lacks the key 'scorer'\n"
                                  "    known: {}",
                                  searcher.plugin->settings.name, join(definition_reader_.plugin_names("scorer"))));
    }
  }

  void budget() {
    std::vector<const Entry*> given;
    for (const auto& kind : names<BudgetKind>()) {
      if (const auto* entry = reader_.find_entry(kind)) given.push_back(entry);
    }
    if (given.size() == 1) return fill(given[0]->key, &given[0]->value);
    // A schedule by fractions says itself how much goes.
    if (given.empty() && table_.find("schedule") != nullptr) {
      auto& axis = grid_.axis(Member::Budget);
      axis.name = to_string(BudgetKind::Sparsity);
      const Budget open{std::nullopt, 0};
      AxisValue by_schedule;
      by_schedule.json = to_json(open).dump();
      by_schedule.names = {name_of(open)};
      by_schedule.place = table_.find("schedule")->value.place;
      axis.values.push_back(std::move(by_schedule));
      return;
    }
    std::vector<std::string> found;
    for (const auto* entry : given) found.push_back(entry->key);
    complaints_.add(given.empty() ? grid_.place : given[1]->place,
                    (given.empty() ? "[[grid]] lacks a budget" : "[[grid]] has several budgets: " + join(found)) +
                        "\n    expected one of " + join(names<BudgetKind>()));
  }

  // A schedule leads to a sparsity or a count of heads, or says by its fraction how much goes; with both it ends where the
  // budget is reached.
  void check_schedules() {
    const auto& budget = grid_.axis(Member::Budget);
    if (budget.values.empty()) return;
    if (budget.values[0].number) return;
    const auto* given = table_.find("schedule");
    const auto place = given == nullptr ? grid_.place : given->place;
    for (const auto& value : grid_.axis(Member::Schedule).values) {
      if (!value.schedule || value.schedule->shape) {
        complaints_.add(place,
                        fmt::format("schedule '{}' needs a budget, and [[grid]] has none\n    expected one of {}",
                                    value.names[0], join(names<BudgetKind>())));
      }
    }
  }

  void fill(const std::string& name, const Value* value) {
    auto& axis = grid_.axis(*member_of(name));
    axis.name = name;
    if (value == nullptr) {
      Value otherwise;
      otherwise.place = grid_.place;
      if (default_of(name, otherwise)) add(name, otherwise, axis);
      return;
    }
    if (value->kind == Value::Kind::List && value->items.empty()) {
      complaints_.add(value->place, fmt::format("'{}' is an empty list, expected at least one value", name));
    }
    const auto values = with_ranges(name, *value);
    lengths_[*member_of(name)] = values.size();
    if (values.size() > most_values) {
      complaints_.add(value->place,
                      fmt::format("'{}' has {} values, an axis has at most {}", name, values.size(), most_values));
      return;
    }
    axis.values.reserve(values.size());
    for (const auto& one : values) add(name, one, axis);
  }

  // The values of an axis, each range in the place where it is written.
  std::vector<Value> with_ranges(const std::string& name, const Value& value) {
    const auto written = value.kind == Value::Kind::List ? value.items : std::vector<Value>{value};
    const auto budget = find_name<BudgetKind>(name);
    const bool whole = budget ? facts_of(*budget).whole : name == "seed" || name == "base_seed";
    if (!whole && !budget) return written;
    std::vector<Value> values;
    for (const auto& one : written) {
      if (!add_range(one, name, whole ? Numbers::Whole : Numbers::Real, values, complaints_)) values.push_back(one);
    }
    return values;
  }

  // What an axis that is not given is; false where it has to be given.
  static bool default_of(const std::string& name, Value& value) {
    value.kind = Value::Kind::Text;
    if (name == "seed" || name == "base_seed") value.kind = Value::Kind::Integer;
    if (name == "count_output_bias") value.kind = Value::Kind::Bool;
    static const CellSettings defaults;
    value.text = name == "sites"           ? to_string(defaults.sites)
                 : name == "scorer"        ? "none"
                 : name == "searcher"      ? "ranking"
                 : name == "scope"         ? to_string(defaults.scope)
                 : name == "recovery"      ? "none"
                 : name == "schedule"      ? "none"
                 : name == "compute"       ? to_string(defaults.compute)
                 : name == "softmax_scale" ? to_string(defaults.softmax_scale.kind)
                 : name == "rounding"      ? to_string(defaults.rounding)
                                           : "";
    return value.kind != Value::Kind::Text || !value.text.empty();
  }

  void add(const std::string& name, const Value& value, Axis& axis) {
    AxisValue resolved;
    resolved.place = value.place;
    if (resolve(name, value, resolved)) axis.values.push_back(std::move(resolved));
  }

  bool resolve(const std::string& name, const Value& value, AxisValue& resolved) {
    switch (*member_of(name)) {
      case Member::Model: return resolve_model(value, resolved);
      case Member::Dataset: return resolve_dataset(value, resolved);
      case Member::Scorer:
      case Member::Searcher:
      case Member::Recovery: return resolve_plugin(name, value, resolved);
      case Member::Budget: return resolve_budget(name, value, resolved);
      case Member::Schedule: return resolve_schedule(value, resolved);
      case Member::SoftmaxScale: return resolve_softmax_scale(value, resolved);
      case Member::Seed:
      case Member::BaseSeed: return resolve_seed(name, value, resolved);
      case Member::CountOutputBias: {
        bool counts = false;
        if (!read_bool(value, name, counts, complaints_)) return false;
        resolved.json = counts ? "true" : "false";
        resolved.names = {resolved.json};
        return true;
      }
      case Member::Granularity: return resolve_word<Granularity>(value, resolved);
      case Member::Sites: return resolve_word<SiteFilter>(value, resolved);
      case Member::Scope: return resolve_word<Scope>(value, resolved);
      case Member::Compute: return resolve_word<ComputeType>(value, resolved);
      case Member::Rounding: return resolve_word<Rounding>(value, resolved);
    }
    return false;
  }

  std::string unknown(std::string_view kind, const std::string& name, const std::vector<std::string>& known) const {
    return unknown_here(kind, name, known, where_name_belongs(name, kind, definitions_, definition_reader_.plugins()));
  }

  template <Worded Enum>
  bool resolve_word(const Value& value, AxisValue& resolved) {
    const std::string_view kind = Vocabulary<Enum>::kind;
    std::string word;
    if (!read_text(value, kind, word, complaints_)) return false;
    if (!find_name<Enum>(word)) {
      complaints_.add(value.place, unknown(kind, word, names<Enum>()));
      return false;
    }
    resolved.json = json_text(word);
    resolved.names = {word};
    return true;
  }

  bool resolve_model(const Value& value, AxisValue& resolved) {
    return resolve_definition("model", definitions_.models, value, resolved, resolved.model,
                              [&] { return definition_reader_.model(value, ""); });
  }

  bool resolve_dataset(const Value& value, AxisValue& resolved) {
    return resolve_definition("dataset", definitions_.datasets, value, resolved, resolved.dataset,
                              [&] { return definition_reader_.dataset(value, ""); });
  }

  template <typename Definition, typename Read>
  bool resolve_definition(const char* kind, NamedDefinitions<Definition>& known, const Value& value,
                          AxisValue& resolved, std::shared_ptr<Definition>& target, Read read_unnamed) {
    if (value.kind == Value::Kind::Table) {
      target = read_unnamed();
      if (target) resolved.names = {target->settings.name};
      return target != nullptr;
    }
    std::string name;
    if (!read_text(value, kind, name, complaints_)) return false;
    name = composed(name);
    auto* found = use(known, name);
    if (found == nullptr) {
      complaints_.add(value.place, unknown(kind, name, names_of(known)));
      return false;
    }
    target = found->definition;
    resolved.names = {name};
    return target != nullptr;
  }

  bool resolve_plugin(const std::string& role, const Value& value, AxisValue& resolved) {
    auto& known = definitions_.plugins[role];
    if (value.kind == Value::Kind::Table) {
      resolved.plugin = definition_reader_.plugin(role, value, "");
    } else {
      std::string name;
      if (!read_text(value, role, name, complaints_)) return false;
      name = composed(name);
      if (auto* found = use(known, name)) {
        resolved.plugin = found->definition;
      } else if (!(resolved.plugin = definition_reader_.bare_plugin(role, name))) {
        auto names = names_of(known);
        for (const auto& plugin : definition_reader_.plugin_names(role)) names.push_back(plugin);
        if (may_be_none(role)) names.push_back("none");
        complaints_.add(value.place, unknown(role, name, names));
      }
    }
    if (!resolved.plugin) return false;
    resolved.names = {resolved.plugin->settings.name, resolved.plugin->settings.plugin};
    return true;
  }

  bool resolve_budget(const std::string& name, const Value& value, AxisValue& resolved) {
    Budget budget{find_name<BudgetKind>(name), 0};
    const auto& facts = facts_of(*budget.kind);
    if (facts.whole) {
      std::int64_t count = 0;
      if (!read_integer(value, name, static_cast<std::int64_t>(facts.range.least), count, complaints_)) return false;
      budget.value = static_cast<double>(count);
    } else if (!read_real(value, name, facts.range, budget.value, complaints_)) {
      return false;
    }
    resolved.json = to_json(budget).dump();
    resolved.number = budget.value;
    return true;
  }

  bool resolve_schedule(const Value& value, AxisValue& resolved) {
    if (value.kind == Value::Kind::Text && value.text == "none") {
      resolved.json = "null";
      resolved.names = {"none"};
      return true;
    }
    if (value.kind != Value::Kind::Table) {
      complaints_.add(value.place, fmt::format("'schedule' is {}, expected 'none' or a table such as "
                                               "{{ steps = 10, fraction = 0.1, of = \"remaining\" }}",
                                               describe(value)));
      return false;
    }
    ScheduleSettings schedule;
    TableReader reader(value, "schedule", complaints_);
    reader.need("steps");
    reader.fields(schedule);
    if (!schedule.shape && schedule.fraction == 0) schedule.shape = ScheduleShape::Linear;
    if (schedule.shape && value.find("rounding") == nullptr) schedule.rounding = Rounding::Nearest;
    if (schedule.shape && schedule.fraction > 0) {
      complaints_.add(
          value.place,
          "'schedule' has a fraction and a shape\n    expected one of the two: a fraction is removed in each "
          "step, a shape leads to the grid's sparsity or heads");
    }
    reader.finish();
    resolved.json = to_json(schedule).dump();
    resolved.names = {name_of(schedule)};
    resolved.schedule = schedule;
    return true;
  }

  bool resolve_softmax_scale(const Value& value, AxisValue& resolved) {
    if (value.kind == Value::Kind::Text) {
      return resolve_word<SoftmaxScale::Kind>(value, resolved);
    }
    double scale = 0;
    constexpr Range range = {positive.least, positive.most, "'original', 'pruned-width' or a positive number"};
    if (!read_real(value, "softmax_scale", range, scale, complaints_)) return false;
    resolved.json = json_text(to_string(SoftmaxScale{SoftmaxScale::Kind::Number, scale}));
    resolved.number = scale;
    return true;
  }

  bool resolve_seed(const std::string& name, const Value& value, AxisValue& resolved) {
    std::int64_t seed = 0;
    if (!read_integer(value, name, 0, seed, complaints_)) return false;
    resolved.json = fmt::format("{}", seed);
    resolved.number = static_cast<double>(seed);
    return true;
  }

  // A value that is written twice gives no further cell. Of linked axes that is how pairs are written.
  void warn_of_repeated_values() {
    constexpr std::size_t most_warnings = 3;
    for (const auto& dimension : grid_.dimensions) {
      if (dimension.members.size() > 1) continue;
      const auto& axis = grid_.axis(dimension.members[0]);
      std::map<std::string, std::size_t> times;
      std::size_t said = 0;
      for (const auto& value : axis.values) {
        if (++times[identity_of(value)] != 2 || ++said > most_warnings) continue;
        grid_.warnings.push_back(
            fmt::format("{}: '{}' has {} twice; it counts once", value.place.text(), axis.name,
                        value.number ? fmt::format("{}", *value.number) : "'" + value.names[0] + "'"));
      }
    }
  }

  static std::string identity_of(const AxisValue& value) {
    // What is no text is complained of elsewhere.
    const auto text = [](const nlohmann::json& json) {
      return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    if (value.model) return text(to_json(value.model->settings));
    if (value.dataset) return text(to_json(value.dataset->settings));
    if (value.plugin) return value.plugin->settings.plugin + text(to_json(value.plugin->settings.settings));
    return value.json;
  }

  void find_dimensions(const Value* linked) {
    std::vector<std::vector<Member>> groups;
    if (linked != nullptr) groups = read_linked(*linked);
    std::set<Member> placed;
    const auto place = [&](Member member) {
      if (placed.contains(member)) return;
      std::vector<Member> members = {member};
      for (const auto& group : groups) {
        if (std::find(group.begin(), group.end(), member) != group.end()) members = group;
      }
      Dimension dimension{members, {}};
      dimension.rows.resize(grid_.axis(members[0]).values.size());
      for (std::size_t i = 0; i < dimension.rows.size(); ++i) dimension.rows[i] = static_cast<std::uint32_t>(i);
      grid_.dimensions.push_back(std::move(dimension));
      placed.insert(members.begin(), members.end());
    };
    for (const auto& entry : table_.entries) {
      if (const auto member = member_of(entry.key)) place(*member);
    }
    for (std::size_t i = 0; i < member_count; ++i) place(static_cast<Member>(i));
  }

  std::vector<std::vector<Member>> read_linked(const Value& linked) {
    std::vector<std::vector<Member>> groups;
    const auto refuse_form = [&](const Value& value) {
      complaints_.add(value.place, fmt::format("'linked' is {}, expected a list of lists of axes, such as "
                                               "[[\"model\", \"dataset\"]]",
                                               describe(value)));
    };
    if (linked.kind != Value::Kind::List) return refuse_form(linked), groups;
    std::set<Member> taken;
    for (const auto& item : linked.items) {
      if (item.kind != Value::Kind::List || item.items.size() < 2) {
        refuse_form(item);
        continue;
      }
      std::vector<Member> group;
      std::set<std::size_t> lengths;
      std::vector<std::string> found;
      for (const auto& axis : item.items) {
        std::string name;
        if (!read_word(axis, "axis", axis_names(), name, complaints_)) continue;
        const auto* given = table_.find(name);
        if (given == nullptr) {
          complaints_.add(axis.place, fmt::format("linked axis '{}' is not in this grid", name));
          continue;
        }
        if (!taken.insert(*member_of(name)).second) {
          complaints_.add(axis.place, fmt::format("axis '{}' is linked twice", name));
          continue;
        }
        const auto length = lengths_[*member_of(name)];
        group.push_back(*member_of(name));
        found.push_back(fmt::format("{} has {}", name, length));
        lengths.insert(length);
      }
      if (group.size() != item.items.size()) continue;
      if (lengths.size() > 1) {
        complaints_.add(item.place,
                        "linked lists differ in length: " + join(found) + "\n    expected as many values in each");
        continue;
      }
      groups.push_back(std::move(group));
    }
    return groups;
  }

  const Value& table_;
  Definitions& definitions_;
  DefinitionReader& definition_reader_;
  Complaints& complaints_;
  TableReader reader_;
  Grid grid_;
  std::map<Member, std::size_t> lengths_;  // of the axes that are given, ranges counted out
};

}  // namespace

const std::vector<std::string>& axis_names() {
  static const auto names = [] {
    auto all = espalier::names<BudgetKind>();
    for (std::size_t i = 0; i < member_count; ++i) {
      if (static_cast<Member>(i) != Member::Budget) all.emplace_back(member_names[i]);
    }
    return all;
  }();
  return names;
}

std::optional<Member> member_of(const std::string& axis) {
  if (find_name<BudgetKind>(axis)) return Member::Budget;
  for (std::size_t i = 0; i < member_count; ++i) {
    if (axis == member_names[i] && static_cast<Member>(i) != Member::Budget) return static_cast<Member>(i);
  }
  return std::nullopt;
}

Grid read_grid(const Value& table, Definitions& definitions, DefinitionReader& reader, Complaints& complaints) {
  return GridReader(table, definitions, reader, complaints).read();
}

}  // namespace espalier::grid
