// The rules of forensics, each over one table.
#pragma once

#include <fmt/format.h>

#include <string>
#include <utility>

#include "published/forensics.h"

namespace espalier::published {

inline void add_finding(Forensics& forensics, const PublishedTable& table, const PublishedCell& cell, const char* rule,
                        std::string found, std::string expected, std::string why) {
  auto sentence = fmt::format("{}: found {}, expected {}: {}", cell.words(), found, expected, why);
  forensics.findings.push_back({rule, table.place(cell), std::move(found), std::move(expected), std::move(sentence)});
}

// counting.cpp: what a single cell, or a column of equal things, says against itself.
void check_ranges(const PublishedTable& table, Forensics& forensics);
void check_sparsity_unit(const PublishedTable& table, Forensics& forensics);
void check_counts(const PublishedTable& table, Forensics& forensics);
void check_shares(const PublishedTable& table, Forensics& forensics);
void check_dense_rows(const PublishedTable& table, Forensics& forensics);
void check_claims(const PublishedTable& table, Forensics& forensics);
void check_statements(const PublishedTable& table, Forensics& forensics);
// trajectories.cpp: what the iterations of one series say against each other.
void check_monotone(const PublishedTable& table, Forensics& forensics);
void check_one_sparsity(const PublishedTable& table, Forensics& forensics);
void check_interpolated(const PublishedTable& table, Forensics& forensics);
// forensics.cpp: against architectures.
void check_architectures(const PublishedTable& table, Forensics& forensics);

}  // namespace espalier::published
