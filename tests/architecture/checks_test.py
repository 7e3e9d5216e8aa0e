#!/usr/bin/env python3
"""The two checks on small trees: each wrong line is named with its place and reason, and nothing else is."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


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
                            "store -> runner is no arrow; store may see: words")

    def test_an_arrow_to_a_sibling(self):
        self.expect_include("core/nn/bert.cpp", '#include <data/text.h>',
                            "nn -> data is no arrow; nn may see: sdk, words")

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

    def test_a_folder_that_is_no_room(self):
        self.write("core/extras/x.cpp", "")
        [complaint] = self.answer("include_arrows.py")
        self.assertIn("'extras' is no room", complaint)

    def test_names_that_say_nothing(self):
        self.write("VERSION", "1.2.3\n")
        self.write("CHANGELOG.md", "# Changelog\n\n## [1.2.3]\n")
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


if __name__ == "__main__":
    unittest.main()
