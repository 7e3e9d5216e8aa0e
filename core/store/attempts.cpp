#include "attempts.h"

#include "examples/example_numbers.h"
#include "words/digest.h"

namespace espalier::store {
namespace {

void insert_predictions(ResultStore::State& state, const Point& point) {
  if (point.predictions.empty()) return;
  std::string bits((point.predictions.size() + 7) / 8, '\0');
  bool binary = true;
  for (std::size_t i = 0; i < point.predictions.size(); ++i) {
    binary = binary && (point.predictions[i] == '0' || point.predictions[i] == '1');
    if (point.predictions[i] == '1') bits[i / 8] = static_cast<char>(bits[i / 8] | (0x80 >> (i % 8)));
  }
  const auto& kept = binary ? bits : point.predictions;
  auto& insert = state.statement(
      "INSERT INTO predictions (digest, length, encoding, outcomes) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO "
      "NOTHING");
  insert.bind(1, point.predictions_digest);
  insert.bind(2, static_cast<std::int64_t>(point.predictions.size()));
  insert.bind(3, binary ? "bits" : "bytes");
  insert.bind(4, kept.data(), static_cast<int>(kept.size()));
  insert.exec();
}

// INSERT of a record's fields, after those columns that say what it is of, and before `more`.
template <typename Record>
std::string insert_into(const std::string& table, const std::string& of, const std::string& more) {
  std::string columns = of;
  const Record record;
  each_field(record, [&](const char* name, const auto&) { columns.append(", ").append(name); });
  columns += ", " + more;
  std::string marks = "?";
  for (const char c : columns) marks += c == ',' ? ", ?" : "";
  return "INSERT INTO " + table + " (" + columns + ") VALUES (" + marks + ")";
}

void insert_latency(ResultStore::State& state, std::int64_t point_id, const Latency& latency) {
  static const auto sql = insert_into<Latency>("latency", "point_id", "verdict");
  auto& insert = state.statement(sql);
  int place = 1;
  bind_value(insert, place++, point_id);
  each_field(latency, [&](const char*, const auto& value) { bind_value(insert, place++, value); });
  bind_value(insert, place, latency.verdict());
  insert.exec();
}

std::int64_t insert_point(ResultStore::State& state, std::int64_t attempt_id, std::int64_t number, const Point& point) {
  insert_predictions(state, point);
  static const auto sql = insert_into<Point>("point", "attempt_id, number",
                                             "proof, details, heads_kept, evaluations, flops, multiply_adds") +
                          " RETURNING id";
  auto& insert = state.statement(sql);
  int place = 3;
  bind_from(insert, 1, attempt_id, number);
  each_field(point, [&](const char*, const auto& value) { bind_value(insert, place++, value); });
  const auto left = point.details ? point.details->operations : std::nullopt;
  bind_from(insert, place, point.proof ? json_text(to_json(*point.proof)) : "",
            point.details ? json_text(to_json(*point.details)) : "", point.heads_kept(), point.evaluations(),
            left ? std::optional(left->flops) : std::nullopt, left ? std::optional(left->macs) : std::nullopt);
  insert.executeStep();
  const auto id = insert.getColumn(0).getInt64();
  insert.reset();
  for (const auto& [name, value] : point.metrics) {
    auto& metric = state.statement("INSERT INTO metric (point_id, name, value) VALUES (?, ?, ?)");
    bind_from(metric, 1, id, name, value);  // a value that is no number becomes NULL
    metric.exec();
  }
  for (const auto& [name, numbers] : point.example_numbers) insert_example_numbers(state, id, name, numbers);
  for (const auto& latency : point.latency) insert_latency(state, id, latency);
  return id;
}

void insert_provenance(ResultStore::State& state, std::int64_t attempt_id, const Attempt& attempt) {
  for (const auto& artifact : attempt.artifacts) {
    auto& row = state.statement("INSERT INTO artifact (attempt_id, kind, digest, path) VALUES (?, ?, ?, ?)");
    bind_from(row, 1, attempt_id, artifact.kind, artifact.digest, artifact.path);
    row.exec();
  }
  for (const auto& plugin : attempt.plugins) {
    auto& insert = state.statement(
        "INSERT INTO plugin (role, name, version, file_digest) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
    auto& join = state.statement(
        "INSERT INTO attempt_plugin (attempt_id, plugin_id) SELECT ?5, id FROM plugin WHERE role = ?1 AND name = ?2 "
        "AND version = ?3 AND file_digest = ?4 ON CONFLICT DO NOTHING");
    for (auto* statement : {&insert, &join})
      bind_from(*statement, 1, plugin.role, plugin.name, plugin.version, plugin.file_digest);
    insert.exec();
    join.bind(5, attempt_id);
    join.exec();
  }
}

}  // namespace

std::int64_t id_of_content(ResultStore::State& state, const std::string& table, const std::string& content) {
  const auto digest = sha256_hex(content);
  // Nearly always it is there already, and then nothing is written.
  auto& known = state.statement("SELECT id FROM " + table + " WHERE digest = ?");
  known.bind(1, digest);
  std::int64_t id = known.executeStep() ? known.getColumn(0).getInt64() : 0;
  known.reset();
  if (id != 0) return id;
  auto& insert = state.statement("INSERT INTO " + table + " (digest, content) VALUES (?, ?) RETURNING id");
  insert.bind(1, digest);
  insert.bind(2, content);
  insert.executeStep();
  id = insert.getColumn(0).getInt64();
  insert.reset();
  return id;
}

std::int64_t insert_results(ResultStore::State& state, std::int64_t attempt_id, const Attempt& attempt) {
  std::int64_t number = 0, last = 0;
  for (const auto& point : attempt.points) last = insert_point(state, attempt_id, number++, point);
  insert_provenance(state, attempt_id, attempt);
  return last;
}

}  // namespace espalier::store
