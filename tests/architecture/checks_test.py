#!/usr/bin/env python3
"""The checks on small trees: each wrong line is named with its place and reason, and nothing else is."""
import json
import pathlib
import subprocess
import sys
import tempfile
import textwrap
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from functions import functions  # noqa: E402


class Checks(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("core/words/include/espalier/error.h", "#include <string>\n")

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def answer(self, check):
        done = subprocess.run([sys.executable, str(HERE / check), str(self.root)],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.returncode, 1 if done.stdout else 0)
        return done.stdout.splitlines()

    def expect_include(self, path, line, why):
        self.write(path, f"// one line above\n{line}\n")
        [complaint] = self.answer("include_arrows.py")
        self.assertTrue(complaint.startswith(f"{path}:2: includes "), complaint)
        self.assertIn(why, complaint)

    def test_a_tree_that_follows_the_arrows_is_quiet(self):
        self.write("core/cli/run.cpp", '#include "runner/run.h"\n#include "output.h"\n#include <CLI/CLI.hpp>\n')
        self.write("core/cli/output.h", "#include <espalier/error.h>\n#include <sys/stat.h>\n#include <vector>\n")
        self.write("core/grid/key.cpp", "#include <toml++/toml.h>\n#include <fmt/format.h>\n#include <words/names.h>\n")
        self.write("core/engine/engine.cpp", '#include <ATen/ops/ones.h>\n#include "nn/model.h"\n#include "data/text.h"\n')
        self.write("plugins/scorers/a/a.cpp", "#include <espalier/scorer.h>\n#include <espalier/error.h>\n#include <ATen/ATen.h>\n")
        self.assertEqual(self.answer("include_arrows.py"), [])

    def test_an_arrow_upwards(self):
        self.expect_include("core/store/claims.cpp", '#include "runner/run.h"',
                            "store -> runner is no arrow; store may see: cells, words")

    def test_an_arrow_to_a_sibling(self):
        self.expect_include("core/nn/bert.cpp", '#include <data/text.h>',
                            "nn -> data is no arrow; nn may see: cells, sdk, words")

    def test_the_sdk_from_a_room_without_tensors(self):
        self.expect_include("core/grid/key.cpp", "#include <espalier/scorer.h>", "grid -> sdk is no arrow")

    def test_a_tensor_header_in_the_upper_rooms(self):
        for room in "words grid store runner report cli".split():
            with self.subTest(room=room):
                path = f"core/{room}/x.cpp"
                self.expect_include(path, "#include <ATen/core/Tensor.h>", f"not by {room}")
                (self.root / path).unlink()

    def test_all_of_torch_anywhere(self):
        self.expect_include("core/nn/bert.cpp", "#include <torch/torch.h>", "torch/torch.h is seen by nobody, not by nn")

    def test_a_library_outside_its_room(self):
        self.expect_include("core/report/table.cpp", "  #  include <SQLiteCpp/SQLiteCpp.h>",
                            "SQLiteCpp is seen by store, not by report")

    def test_the_longest_name_decides_for_boost(self):
        self.write("core/loader/file.cpp", "#include <boost/dll/shared_library.hpp>\n")
        self.expect_include("core/nn/file.cpp", "#include <boost/asio.hpp>", "boost is seen by nobody")

    def test_a_library_without_a_room(self):
        self.expect_include("core/nn/file.cpp", "#include <zlib/zlib.h>", "a library this check does not know")

    def test_json_in_a_header_that_plugins_see(self):
        self.expect_include("core/sdk/include/espalier/units.h", "#include <nlohmann/json.hpp>",
                            "a header that plugins see includes no nlohmann")

    def test_the_inside_of_words_in_an_installed_header(self):
        self.expect_include("core/sdk/include/espalier/units.h", '#include "words/names.h"',
                            "an installed header includes only <espalier/*.h>")

    def test_a_plugin_that_sees_more_than_the_sdk(self):
        self.expect_include("plugins/scorers/a/a.cpp", '#include "nn/model.h"',
                            "plugins -> nn is no arrow; plugins may see: sdk")
        self.expect_include("plugins/scorers/a/a.cpp", "#include <fmt/format.h>", "not by plugins")

    def test_a_private_header_of_another_room(self):
        self.write("core/nn/attention.h", "")
        self.expect_include("core/engine/scoring.cpp", '#include "attention.h"', "engine has no header of its own")
        self.expect_include("core/engine/scoring.cpp", '#include "../nn/attention.h"', "an include does not climb")

    def test_a_header_in_a_folder_of_the_room(self):
        self.write("core/families/bert/bert.h", "")
        self.write("core/families/families.cpp", '#include "bert/bert.h"\n')
        self.assertEqual(self.answer("include_arrows.py"), [])
        self.expect_include("core/engine/scoring.cpp", '#include "bert/bert.h"', "a library this check does not know")

    def test_a_folder_that_is_no_room(self):
        self.write("core/extras/x.cpp", "")
        [complaint] = self.answer("include_arrows.py")
        self.assertIn("'extras' is no room", complaint)

    def write_release(self):
        self.write("VERSION", "1.2.3\n")
        self.write("CHANGELOG.md", "# Changelog\n\n## [1.2.3]\n")

    def test_names_that_say_nothing(self):
        self.write_release()
        self.assertEqual(self.answer("house_rules.py"), [])
        self.write("core/grid/string_utils.cpp", "")
        self.write("core/grid/commonality.cpp", "")
        self.assertEqual(self.answer("house_rules.py"),
                         ["core/grid/string_utils.cpp: the name says nothing; name what is inside"])

    def test_a_version_without_its_section(self):
        self.write("VERSION", "1.2.3\n")
        self.write("CHANGELOG.md", "# Changelog\n\n## [1.2.30]\n")
        self.assertEqual(self.answer("house_rules.py"),
                         ["CHANGELOG.md: no section '## [1.2.3]' for the version in VERSION"])

    def test_two_structures_of_one_name(self):
        self.write_release()
        self.write("core/grid/a.h", "namespace espalier::grid {\n\nclass Later;\nstruct Answer {\n};\n\n}  // namespace espalier::grid\n")
        self.write("core/grid/b.cpp", "namespace espalier::grid {\nnamespace {\n\nstruct Answer {\n};\n\n}  // namespace\n\n"
                                      "class Later {\n};\n\n}  // namespace espalier::grid\n")
        self.write("core/text/a.h", "namespace espalier::text {\nstruct Answer {\n};\n}  // namespace espalier::text\n")
        self.assertEqual(self.answer("house_rules.py"), [])
        self.write("core/store/c.h", "namespace espalier::grid {\nstruct Answer final : Other {\n};\n}  // namespace espalier::grid\n")
        self.assertEqual(self.answer("house_rules.py"),
                         ["core/store/c.h:2: espalier::grid::Answer is defined at core/grid/a.h:4 as well; name one of them "
                          "otherwise, or put it into a nameless namespace"])

    def write_room(self, folder, count):
        for number in range(count):
            self.write(f"{folder}/{chr(ord('a') + number)}.cpp", "")

    def test_a_room_with_too_many_files(self):
        self.write_release()
        self.write_room("core/grid", 12)
        self.write("core/grid/include/grid/a.h", "")  # with a.cpp a pair
        self.write_room("core/grid/reading", 3)  # a folder is counted alone
        self.assertEqual(self.answer("house_rules.py"), [])
        self.write("core/grid/include/grid/face.h", "")
        [complaint] = self.answer("house_rules.py")
        self.assertTrue(complaint.startswith("core/grid: 13 pairs of source and header, at most 12"), complaint)

    def test_an_exception_holds_as_far_as_it_says_and_as_long_as_it_is_needed(self):
        self.write_release()
        self.write_room("core/grid", 14)
        self.write("tests/architecture/exceptions.txt", "# why\nfolder core/grid 14\n")
        self.assertEqual(self.answer("house_rules.py"), [])
        self.write("core/grid/o.cpp", "")
        [complaint] = self.answer("house_rules.py")
        self.assertIn("15 pairs of source and header, at most 14", complaint)
        for name in "mno":
            (self.root / f"core/grid/{name}.cpp").unlink()
        [complaint] = self.answer("house_rules.py")
        self.assertEqual(complaint, "tests/architecture/exceptions.txt:2: core/grid has 12 pairs and needs no exception; "
                                    "remove this line")

    def test_an_exception_that_cannot_be_read(self):
        self.write_release()
        self.write("tests/architecture/exceptions.txt", "folder core/grid many\n")
        [complaint] = self.answer("house_rules.py")
        self.assertIn("exceptions.txt:1: expected 'folder FOLDER PAIRS' or 'function FILE NAME LINES'", complaint)

    def test_a_long_function(self):
        self.write_release()
        self.write("core/grid/key.cpp", "\nint Key::length(int a) {\n" + "  ++a;\n" * 58 + "}\n")
        self.assertEqual(self.answer("house_rules.py"), [])
        self.write("core/grid/key.cpp", "\nint Key::length(int a) {\n" + "  ++a;\n" * 59 + "}\n")
        self.assertEqual(self.answer("house_rules.py"),
                         ["core/grid/key.cpp:2: Key::length has 61 lines, at most 60; name its steps and make them functions"])
        self.write("tests/architecture/exceptions.txt", "function core/grid/key.cpp Key::length 61\n")
        self.assertEqual(self.answer("house_rules.py"), [])
        self.write("core/grid/key.cpp", "")
        [complaint] = self.answer("house_rules.py")
        self.assertIn("exceptions.txt:1: core/grid/key.cpp has no longer a Key::length of over 60 lines", complaint)

    def test_host_code_that_touches_memory_or_waits_for_a_number(self):
        self.write("core/nn/a.cpp", """\
            // data_ptr in a comment, and "from_blob(" in a text: neither
            const auto* value = mask.const_data_ptr<bool>();
            const double loss = sums.sum().item<double>() + std::string("at::kCPU").size();
            """)
        [complaint] = self.answer("host_access.py")
        self.assertTrue(complaint.startswith("core/nn/a.cpp:3: 2 places touch a tensor's memory or wait for a number "
                                             "(2 const_data_ptr, 3 item), and 0 are known"), complaint)

    def test_host_code_that_only_brings_tensors_to_the_cpu(self):
        self.write("plugins/scorers/a/a.cpp", """\
            void f(at::Device device = at::kCPU) { sums += gates.grad().to(at::kCPU, at::kDouble) + items.cpu(); }
            """)
        self.write("core/words/a.cpp", "auto* p = tensor.data_ptr();\n")  # no room that computes
        self.assertEqual(self.answer("host_access.py"), [])

    def test_host_access_that_is_meant_is_counted(self):
        self.write("core/nn/a.cpp", "f(mask.data_ptr());\ng(at::from_blob(rows.data(), {3}));\n")
        allowed = "tests/architecture/host_access.txt"
        self.write(allowed, "# why\ncore/nn/a.cpp 2 # masks are on the CPU\n")
        self.assertEqual(self.answer("host_access.py"), [])
        self.write(allowed, "core/nn/a.cpp 3 # masks are on the CPU\n")
        self.assertEqual(self.answer("host_access.py"),
                         [f"{allowed}:1: core/nn/a.cpp has 2 such places and not 3; write 2"])
        self.write(allowed, "core/nn/a.cpp 2 # masks\ncore/nn/b.cpp 1 # gone\ncore/nn/c.cpp 1\n")
        self.assertEqual(self.answer("host_access.py"),
                         [f"{allowed}:3: expected 'FILE PLACES # WHY', each file once, found 'core/nn/c.cpp 1'",
                          f"{allowed}:2: core/nn/b.cpp has no such place; remove this line"])


class Tidy(unittest.TestCase):
    """Which sources cmake/tidy_changed.py shows to a clang-tidy that complains of every file called bad*."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for name in ("core/grid/key.cpp", "core/grid/bad.cpp", "core/grid/old.cpp"):
            self.write(name, '#include "grid/face.h"\n')
        self.write("core/grid/include/grid/face.h", "")
        self.write("build/compile_commands.json", json.dumps(
            [{"file": str(self.root / name)} for name in ("core/grid/key.cpp", "core/grid/bad.cpp", "core/grid/old.cpp")]))
        self.write("clang-tidy", '#!/bin/sh\nfor last; do :; done\ncase $last in */bad*) echo "$last is bad"; exit 1;; esac\n')
        (self.root / "clang-tidy").chmod(0o755)
        self.write(".gitignore", "/build/\n")
        self.git("init", "-q", "-b", "main")
        self.commit()

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *words], cwd=self.root, check=True,
                       capture_output=True, timeout=60)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "A commit")

    def answer(self, *words):
        done = subprocess.run(
            [sys.executable, str(HERE.parents[1] / "cmake/tidy_changed.py"), "--build", "build", "--clang-tidy",
             str(self.root / "clang-tidy"), *words], cwd=self.root, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def test_what_changed_since_the_commit_before(self):
        self.write("core/grid/key.cpp", "int a;\n")
        self.commit()
        status, text = self.answer()
        self.assertIn("looked at 1 of 1 sources (changed since ", text)
        self.assertEqual(status, 0)

    def test_a_complaint_and_a_file_that_no_commit_holds(self):
        self.commit_more()
        self.write("core/grid/bad.cpp", "int a;\n")
        status, text = self.answer()
        self.assertIn("core/grid/bad.cpp is bad", text)
        self.assertIn("looked at 1 of 1", text)
        self.assertEqual(status, 1)

    def test_a_branch_is_compared_with_where_it_left_main(self):
        self.git("checkout", "-q", "-b", "work")
        self.write("core/grid/key.cpp", "int a;\n")
        self.commit()
        self.commit_more()
        self.assertIn("looked at 1 of 1", self.answer()[1])

    def test_a_header_stands_for_a_source_that_includes_it(self):
        self.write("core/grid/include/grid/face.h", "int a;\n")
        self.commit()
        self.assertEqual(self.answer()[0], 1)  # bad.cpp is the first by name

    def test_all_and_no_time(self):
        self.commit_more()
        self.assertIn("looked at 3 of 3 sources (the whole tree)", self.answer("--all")[1])
        self.write("core/grid/bad.cpp", "int a;\n")
        status, text = self.answer("--seconds=-1")
        self.assertIn("looked at 0 of 1 sources", text)
        self.assertIn("no time for 1: core/grid/bad.cpp", text)
        self.assertEqual(status, 0)

    def commit_more(self):
        self.write("README.md", "more\n")
        self.commit()


class Functions(unittest.TestCase):
    def expect(self, source, *found):
        self.assertEqual([tuple(function) for function in functions(textwrap.dedent(source))], list(found))

    def test_scopes_are_no_functions_and_what_is_in_them_is(self):
        self.expect("""\
            namespace espalier::grid {
            namespace {
            struct Place {
              int line = 0;
              int next() const { return line + 1; }
            };
            enum class Kind { A, B };
            }  // namespace

            int one() { return 1; }
            }  // namespace espalier::grid
            """, ("next", 5, 5), ("one", 10, 10))

    def test_a_function_holds_its_lambdas_and_types(self):
        self.expect("""\
            int outer(int a,
                      int b = int{}) {
              struct Inner {
                int get() { return 1; }
              };
              const auto add = [&](int c) {
                return a + b + c;
              };
              return add(1);
            }
            """, ("outer", 1, 10))

    def test_constructors_with_initialisers(self):
        self.expect("""\
            class Engine {
             public:
              explicit Engine(int a) : a_{a}, b_(a), c_{a} {
                a_ = 1;
              }

             private:
              int a_{1};
              int b_ = 2;
            };
            Engine::Engine(int a, int b)
                : Base<int>{a},
                  b_(b) {}
            Engine::~Engine() {}
            """, ("Engine", 3, 5), ("Engine::Engine", 11, 13), ("Engine::~Engine", 14, 14))

    def test_values_are_no_functions(self):
        self.expect("""\
            constexpr const char* names[] = {"a", "b"};
            const std::map<std::string, int> table{{"a", f(1)}, {"b", 2}};
            const std::vector<int> more = make({1, 2});
            int f() { return 1; }
            """, ("f", 4, 4))

    def test_templates_operators_and_qualified_results(self):
        self.expect("""\
            template <class T, typename = std::enable_if_t<true>>
            auto longest(const T& a) -> decltype(a.size()) {
              return a.size();
            }
            bool operator==(const A& a, const B& b) { return true; }
            struct Call {
              int operator()(int a) const { return a; }
              Call& operator=(const Call& other) { return *this; }
            };
            const std::vector<int>& Rows::at(std::size_t i) const& { return rows_[i]; }
            template <>
            bool Settings::get<bool>(const std::string& name) const { return true; }
            """, ("longest", 2, 4), ("operator==", 5, 5), ("operator()", 7, 7), ("operator=", 8, 8), ("Rows::at", 10, 10),
            ("Settings::get", 12, 12))

    def test_braces_in_texts_comments_and_macros_are_not_counted(self):
        self.expect("""\
            #define OPEN(x) \\
              namespace x {
            // a brace { here
            const char* text() {
              return R"sql(}}} " ' {)sql" "\\"{" /* } */;
            }
            char brace() { return '{'; }
            int million() { return 1'000'000; }
            """, ("text", 4, 6), ("brace", 7, 7), ("million", 8, 8))


if __name__ == "__main__":
    unittest.main()
