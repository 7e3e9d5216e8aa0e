#include <fmt/format.h>

#include "commands.h"
#include "experiment_file.h"
#include "output.h"
#include "report/cell_page.h"
#include "runner/disk.h"
#include "store/result_store.h"
#include "words/digest.h"
#include "words/texts/shell_word.h"

namespace espalier::cli {

ExitCode show(const ShowArguments& arguments) {
  const auto source = source_of(arguments.database);
  const store::ResultStore store(source.database, store::Mode::ReadOnly);
  auto known = store.read(arguments.key);
  for (auto& attempt : known.attempts) {
    for (auto& artifact : attempt.artifacts) artifact.path = runner::place_now(artifact, cache_folder()).string();
  }
  print(arguments.json ? json_text(to_json(known)) + '\n' : report::cell_page(known));
  if (!arguments.json && known.state == "done") {
    print(fmt::format("\nagain, from nothing: espalier rerun {} {} --from-nothing\n",
                      shell_path(source.database.string()), known.key.substr(0, 12)));
  }
  return ExitCode::Done;
}

}  // namespace espalier::cli
