#include "store/open/reading_elsewhere.h"

#include "open/selects.h"
#include "schema.h"
#include "views.h"

namespace espalier::store {

ReadingElsewhere reading_elsewhere() {
  ReadingElsewhere all;
  all.application_id = application_id;
  for (const auto& migration : migrations()) all.migrations.emplace_back(migration.sql);
  all.views = view_statements();
  for (const auto* table : {"cells", "points", "latencies"}) all.questions.emplace_back(table, select_of(table));
  all.questions.emplace_back("experiments", select_experiments);
  all.questions.emplace_back("environments", select_environments);
  all.questions.emplace_back("plugins", select_plugins);
  all.questions.emplace_back("details", select_details);
  // What a reader may begin with.
  all.questions.emplace_back(
      "example",
      "SELECT model, dataset, scorer, requested, avg(achieved_sparsity), avg(accuracy), count(*)\n"
      "FROM ablation GROUP BY 1, 2, 3, 4");
  return all;
}

}  // namespace espalier::store
