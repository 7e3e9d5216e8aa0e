// A published table's file, strictly: every key is known, every problem is told with its place.
#include <espalier/error.h>
#include <fmt/format.h>

// A debug build's toml++ aborts on files such as "[[[": its assertions are looser than its checks, which follow them.
#define TOML_ASSERT(expression) static_assert(true)
#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>
#include <type_traits>

#include "published/reference.h"
#include "words/names.h"
#include "words/printable.h"

namespace espalier::published {
namespace {

constexpr std::size_t most_bytes = 16 << 20, most_cells = 100'000, longest_text = 4000;

struct TableProblems {
  std::string file;
  std::vector<std::tuple<std::uint32_t, std::uint32_t, std::string>> found;

  void add(const toml::source_region& where, std::string what) {
    found.emplace_back(where.begin.line, where.begin.column, std::move(what));
  }
  void throw_if_any() {
    if (found.empty()) return;
    std::stable_sort(found.begin(), found.end());
    std::string message = fmt::format("{} is no published table", file);
    for (std::size_t i = 0; i < std::min<std::size_t>(found.size(), 20); ++i) {
      const auto& [line, column, what] = found[i];
      message += fmt::format("\n    {}:{}:{}: {}", file, line, column, what);
    }
    if (found.size() > 20) message += fmt::format("\n    and {} more", found.size() - 20);
    throw InputError(message);
  }
};

// The keys of one table; what nobody asked for is refused at the end.
class TableKeys {
 public:
  TableKeys(const toml::table& table, std::string title, TableProblems& problems)
      : table_(table), title_(std::move(title)), problems_(problems) {}

  void text(const char* key, std::string& target, bool needed = false) {
    const auto* node = find(key, needed);
    if (node == nullptr) return;
    if (!node->is_string()) return wrong(*node, key, "a text");
    target = node->as_string()->get();
    if (target.size() > longest_text || !is_printable_line(target) || (needed && target.empty()))
      wrong(*node, key, fmt::format("one line of 1 to {} bytes without control characters", longest_text));
  }
  void word(const char* key, std::string& target, const std::vector<std::string>& known) {
    const auto before = problems_.found.size();
    text(key, target, true);
    if (problems_.found.size() == before && std::find(known.begin(), known.end(), target) == known.end())
      problems_.add(find(key, false)->source(), unknown_name(key, target, known));
  }
  template <typename Target>
  void real(const char* key, Target& target, double least, double most, bool needed = false) {
    const auto* node = find(key, needed);
    if (node == nullptr) return;
    const auto* number = node->as_floating_point();
    // Written so that NaN is refused as well.
    if (number == nullptr || !(number->get() >= least && number->get() <= most))
      return wrong(*node, key, fmt::format("a number with a point from {} to {}", least, most));
    target = number->get();
  }
  template <typename Target>
  void integer(const char* key, Target& target, std::int64_t least, std::int64_t most, bool needed = false) {
    const auto* node = find(key, needed);
    if (node == nullptr) return;
    const auto* number = node->as_integer();
    if (number == nullptr || number->get() < least || number->get() > most)
      return wrong(*node, key, fmt::format("a whole number from {} to {}", least, most));
    if constexpr (std::is_same_v<Target, int>)
      target = static_cast<int>(number->get());
    else
      target = number->get();
  }
  void integers(const char* key, std::vector<std::int64_t>& target) {
    const auto* node = find(key, false);
    if (node == nullptr) return;
    const auto* list = node->as_array();
    if (list == nullptr || list->size() > 100) return wrong(*node, key, "a list of at most 100 whole numbers");
    for (const auto& item : *list) {
      if (!item.is_integer() || item.as_integer()->get() < 0) return wrong(item, key, "whole numbers from 0");
      target.push_back(item.as_integer()->get());
    }
  }
  const toml::table* table(const char* key) {
    const auto* node = find(key, false);
    if (node != nullptr && !node->is_table()) wrong(*node, key, "a table");
    return node != nullptr ? node->as_table() : nullptr;
  }
  void finish() {
    for (const auto& [key, node] : table_) {
      if (asked_.count(std::string(key.str())) == 0)
        problems_.add(key.source(), unknown_name(fmt::format("key in {}", title_), printable_line(key.str()),
                                                 {asked_.begin(), asked_.end()}));
    }
  }

 private:
  const toml::node* find(const char* key, bool needed) {
    asked_.insert(key);
    const auto* node = table_.get(key);
    if (node == nullptr && needed) problems_.add(table_.source(), fmt::format("{} lacks the key {}", title_, key));
    return node;
  }
  void wrong(const toml::node& node, const char* key, const std::string& expected) {
    std::ostringstream found;
    if (node.is_string())
      found << "the text '" << printable_line(node.as_string()->get(), 60) << "'";
    else
      node.visit([&](const auto& value) {
        if constexpr (toml::is_number<decltype(value)> || toml::is_boolean<decltype(value)>)
          found << (toml::is_integer<decltype(value)> ? "the integer " : "") << value.get();
        else
          found << "something else";
      });
    problems_.add(node.source(), fmt::format("{} in {} is {}, expected {}", key, title_, found.str(), expected));
  }

  const toml::table& table_;
  std::string title_;
  TableProblems& problems_;
  std::set<std::string> asked_;
};

void read_metrics(const toml::table& table, PublishedTable& result, TableProblems& problems) {
  for (const auto& [name, node] : table) {
    if (!node.is_table()) {
      problems.add(node.source(), "expected a table [metric.NAME]");
      continue;
    }
    TableKeys keys(*node.as_table(), "[metric]", problems);
    PublishedMetric metric;
    std::string better;
    keys.text("unit", metric.unit, true);
    keys.word("better", better, {"higher", "lower"});
    keys.integer("decimals", metric.decimals, 0, 9, true);
    keys.finish();
    metric.higher_is_better = better == "higher";
    result.metrics[std::string(name.str())] = metric;
  }
}

void read_datasets(const toml::table& table, PublishedTable& result, TableProblems& problems) {
  for (const auto& [name, node] : table) {
    if (!node.is_table()) {
      problems.add(node.source(), "expected a table [dataset.NAME]");
      continue;
    }
    TableKeys keys(*node.as_table(), "[dataset]", problems);
    PublishedDataset dataset;
    std::string note;
    keys.integer("examples", dataset.examples, 1, std::int64_t{1} << 40);
    keys.integer("words", dataset.words, 1, std::int64_t{1} << 40);
    keys.text("note", note);
    keys.finish();
    result.datasets[std::string(name.str())] = dataset;
  }
}

void read_names(const toml::table* table, std::map<std::string, std::string>& names, TableProblems& problems) {
  if (table == nullptr) return;
  for (const auto& [name, node] : *table) {
    const auto* own = node.as_string();
    if (own == nullptr || !is_printable_line(own->get()))
      problems.add(node.source(), "expected a name as the database has it, in quotes");
    else
      names[std::string(name.str())] = own->get();
  }
}

void read_axes(TableKeys& keys, PublishedCell& cell) {
  static const std::vector<std::string> granularities = {"dense",       "head",  "head-channel", "same-channel",
                                                         "head+neuron", "block", "mixed",        "unstated"};
  keys.text("model", cell.model, true);
  keys.text("dataset", cell.dataset, true);
  keys.word("granularity", cell.granularity, granularities);
  keys.text("scorer", cell.scorer, true);
  keys.text("scope", cell.scope, true);
  keys.text("metric", cell.metric, true);
  keys.text("language", cell.language);
  keys.text("variant", cell.variant);
  keys.text("device", cell.device);
  keys.text("start", cell.start);
  keys.text("claimed_by", cell.claimed_by);
  keys.text("note", cell.note);
  keys.real("requested_sparsity", cell.requested_sparsity, 0, 100);
  keys.real("achieved_sparsity", cell.achieved_sparsity, 0, 100);
  keys.real("encoder_self_sparsity", cell.encoder_self_sparsity, 0, 100);
  keys.real("decoder_self_sparsity", cell.decoder_self_sparsity, 0, 100);
  keys.real("decoder_cross_sparsity", cell.decoder_cross_sparsity, 0, 100);
  keys.integer("iteration", cell.iteration, 0, 1'000'000);
  keys.integer("batch_size", cell.batch_size, 1, 1'000'000'000);
  keys.integers("heads_kept", cell.heads_kept);
  keys.integers("heads_total", cell.heads_total);
}

// All but value, kind, spread and note.
std::string identity(const PublishedCell& cell) {
  const auto number = [](const std::optional<double>& value) { return value ? fmt::format("{}", *value) : "-"; };
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", cell.series(), number(cell.requested_sparsity),
                     number(cell.achieved_sparsity), number(cell.encoder_self_sparsity),
                     number(cell.decoder_self_sparsity), number(cell.decoder_cross_sparsity),
                     cell.iteration.value_or(-1), cell.claimed_by, fmt::join(cell.heads_kept, " "),
                     fmt::join(cell.heads_total, " "), 0);
}

void read_cells(const toml::array& list, bool absent, PublishedTable& result, TableProblems& problems) {
  std::map<std::string, std::int64_t> seen;
  for (const auto& node : list) {
    if (!node.is_table()) {
      problems.add(node.source(), absent ? "expected tables [[absent]]" : "expected tables [[cell]]");
      continue;
    }
    TableKeys keys(*node.as_table(), absent ? "[[absent]]" : "[[cell]]", problems);
    PublishedCell cell;
    read_axes(keys, cell);
    if (absent) {
      std::string reason;
      keys.text("reason", reason, true);
      keys.finish();
      ++result.absent;
      continue;
    }
    keys.word("kind", cell.kind, {"measured", "interpolated", "nearest", "claimed"});
    keys.real("value", cell.value, -1e15, 1e15, true);
    keys.real("spread", cell.spread, 0, 1e15);
    keys.finish();
    const auto* value = node.as_table()->get("value");
    cell.line = value != nullptr ? value->source().begin.line : node.source().begin.line;
    if (!cell.metric.empty() && result.metrics.count(cell.metric) == 0) {
      std::vector<std::string> known;
      for (const auto& [name, metric] : result.metrics) known.push_back(name);
      problems.add(node.source(), unknown_name("metric", cell.metric, known));
    }
    const auto [first, is_new] = seen.emplace(identity(cell), cell.line);
    // A claim in prose may repeat a cell of the table.
    if (!is_new) problems.add(node.source(), fmt::format("this cell is the one of line {} again", first->second));
    result.cells.push_back(std::move(cell));
  }
}

void read_statements(const toml::array& list, PublishedTable& result, TableProblems& problems) {
  for (const auto& node : list) {
    if (!node.is_table()) {
      problems.add(node.source(), "expected tables [[statement]]");
      continue;
    }
    TableKeys keys(*node.as_table(), "[[statement]]", problems);
    PublishedStatement statement;
    keys.text("text", statement.text, true);
    keys.text("better", statement.better, true);
    keys.text("worse", statement.worse, true);
    keys.text("metric", statement.metric, true);
    keys.finish();
    statement.line = node.source().begin.line;
    result.statements.push_back(statement);
  }
}

std::string whole_text(const std::filesystem::path& file, const std::string& name) {
  std::error_code error;
  if (std::filesystem::is_directory(file, error)) throw InputError(name + " is a folder, expected a .toml file");
  std::ifstream stream(file, std::ios::binary);
  if (!stream)
    throw InputError(name +
                     " cannot be read: there is no such file, or it is not yours to read\n    run: espalier "
                     "published, for the tables that ship");
  std::string text(most_bytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > most_bytes) throw InputError(fmt::format("{} is larger than {} bytes", name, most_bytes));
  // toml++ recurses on dotted keys without a bound.
  std::size_t dots = 0;
  for (const char c : text) {
    dots = c == '\n' || c == '=' || c == '"' ? 0 : dots + (c == '.' ? 1 : 0);
    if (dots > 200) throw InputError(name + " has a key of more than 200 parts");
  }
  return text;
}

void read_document(const toml::table& document, PublishedTable& result, TableProblems& problems) {
  TableKeys keys(document, "a published table", problems);
  if (const auto* source = keys.table("source")) {
    TableKeys source_keys(*source, "[source]", problems);
    for (const char* key : {"arxiv", "version", "repository", "sparsity_unit", "note"})
      source_keys.text(key, result.source[key]);
    for (const char* key : {"title", "citation", "certainty"}) source_keys.text(key, result.source[key], true);
    source_keys.finish();
  } else {
    problems.add(document.source(), "the table [source] is missing");
  }
  if (const auto* metrics = keys.table("metric")) read_metrics(*metrics, result, problems);
  if (const auto* datasets = keys.table("dataset")) read_datasets(*datasets, result, problems);
  if (const auto* match = keys.table("match")) {
    TableKeys match_keys(*match, "[match]", problems);
    read_names(match_keys.table("model"), result.own_models, problems);
    read_names(match_keys.table("dataset"), result.own_datasets, problems);
    match_keys.finish();
  }
  const auto list = [&](const char* key) -> const toml::array* {
    const auto* node = document.get(key);
    if (node != nullptr && !node->is_array()) problems.add(node->source(), fmt::format("expected [[{}]]", key));
    return node != nullptr ? node->as_array() : nullptr;
  };
  if (const auto* cells = list("cell")) {
    if (cells->size() > most_cells)
      problems.add(cells->source(), fmt::format("more than {} cells", most_cells));
    else
      read_cells(*cells, false, result, problems);
  } else {
    problems.add(document.source(), "there is no [[cell]]");
  }
  if (const auto* absent = list("absent")) read_cells(*absent, true, result, problems);
  if (const auto* statements = list("statement")) read_statements(*statements, result, problems);
  static const std::set<std::string> known = {"source", "metric", "dataset", "match", "cell", "absent", "statement"};
  for (const auto& [key, node] : document) {
    if (known.count(std::string(key.str())) == 0)
      problems.add(key.source(), unknown_name("table", printable_line(key.str()), {known.begin(), known.end()}));
  }
}

}  // namespace

PublishedTable read_table(const std::filesystem::path& file) {
  PublishedTable result;
  result.file = printable_line(file.string());
  const auto text = whole_text(file, result.file);
  TableProblems problems{result.file, {}};
  toml::table document;
  try {
    document = toml::parse(text, result.file);
  } catch (const toml::parse_error& error) {
    problems.add(error.source(), "this is not TOML; expected KEY = VALUE, [table] or [[cell]]");
  }
  problems.throw_if_any();
  read_document(document, result, problems);
  problems.throw_if_any();
  return result;
}

}  // namespace espalier::published
