// What a program without this one needs to read a database as this one does: the page, whose SQLite runs in a browser.
// It copies the file into memory, brings the copy up to date by these statements, and asks these questions.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace espalier::store {

struct ReadingElsewhere {
  std::int64_t application_id = 0;  // that of every database of ours
  // The N-th, from 1, makes a database of version N-1 one of version N; the last version is the one that is known.
  std::vector<std::string> migrations;
  // Name and the statement that makes it, each after those that it reads.
  std::vector<std::pair<std::string, std::string>> views;
  // Name and question: cells, points, latencies (the columns of the views), experiments, environments, plugins, details.
  std::vector<std::pair<std::string, std::string>> questions;
};

ReadingElsewhere reading_elsewhere();

}  // namespace espalier::store
