// A published table against what was measured here, cell by cell: found, published, tolerance, verdict.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "published/forensics.h"
#include "published/reference.h"

namespace espalier::published {

struct VerdictRequest {
  // Their names to the database's, as in ast = ast-small; where a data set has languages, dataset/language comes first.
  std::map<std::string, std::string> models, datasets;
  std::optional<double> tolerance;  // in units of the printed value, instead of the calculated one
  double distance = 0.5;            // percents of sparsity within which an own point is the published one
};

// What two own points said of the same examples: right answers and ones, errors and words.
struct PairedAnswers {
  std::vector<double> first, second, weights;
};
// Of a metric by its name in the database; nullopt where what was said of each example is not kept of both.
using AnswerSource = std::function<std::optional<PairedAnswers>(const OwnPoint& first, const OwnPoint& second,
                                                                const std::string& metric)>;

struct CellVerdict {
  const PublishedCell* cell = nullptr;
  std::optional<double> found;  // in units of the printed value
  double tolerance = 0;
  // within, outside, missing, failed or interpolated; of a claim: supported or contradicted instead of the first two.
  std::string verdict;
  std::string key;                // of an own cell behind it; empty: none
  const OwnPoint* own = nullptr;  // the one computation that was found; none where it is a mean or on a line
  std::string why;                // what the tolerance is made of, or what to do

  bool is_negative() const { return verdict == "outside" || verdict == "failed" || verdict == "contradicted"; }
};

// One scorer against another in one column of a published table.
struct RankingVerdict {
  std::string claim;
  double published_difference = 0;
  std::optional<double> found_difference;  // larger means that the claim's order holds more clearly
  std::optional<double> probability;       // that the claim's order is the true one, by sampling of the test set alone
  std::string test;                        // what the probability is from; empty: there is none
  std::string sentence;
};

struct TableVerdicts {
  std::vector<CellVerdict> cells;
  std::vector<RankingVerdict> rankings;
  Forensics forensics;      // of the published table
  Forensics own_forensics;  // of the database

  std::map<std::string, std::int64_t> summary() const;  // verdict to count
  bool is_negative() const;
};

// Table and points outlive their verdicts. Rankings are judged by what both sides said of the same examples where `answers`
// has it, else as if the two were independent. Throws SettingsError for a name of the request that the table does not have.
TableVerdicts judge(const PublishedTable& table, const std::vector<OwnPoint>& points, const VerdictRequest& request,
                    const AnswerSource& answers = {});

std::string as_text(const PublishedTable& table, const TableVerdicts& verdicts);
std::string as_markdown(const PublishedTable& table, const TableVerdicts& verdicts);
nlohmann::json as_json(const PublishedTable& table, const TableVerdicts& verdicts);
// What the verdicts were asked with, so that they can be asked again; and back. Throws InputError for another shape.
nlohmann::json as_json(const VerdictRequest& request);
VerdictRequest request_from_json(const nlohmann::json& document);
std::string as_text(const Forensics& forensics, const std::string& name);
nlohmann::json as_json(const Forensics& forensics);

}  // namespace espalier::published
