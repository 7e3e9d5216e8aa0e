#include "grid_test_support.h"
#include "words/digest.h"
#include "words/version.h"

namespace espalier::grid {
namespace {

class CellKey : public GridTest {
 protected:
  std::string grid_ =
      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\nscorer = \"magnitude\"\n"
      "sparsity = 0.5\n";
  std::string key(const std::string& text) { return read(text).cells.at(0).key; }
};

TEST_F(CellKey, IsTheDigestOfTheTextThatTheReadmeDescribes) {
  const auto cell = read_grid(grid_).cells.at(0);

  auto text = nlohmann::json::parse(cell.settings);
  for (const auto* named : {"model", "dataset", "scorer", "searcher", "recovery"}) text[named].erase("name");
  text["model"]["checkpoint"] = DigestMemory(folder_ / "other").of_checkpoint(folder_ / "minilm");
  text["dataset"]["split"] = {{"test", sha256_of_file(folder_ / "test.tsv")}};
  text["results_version"] = results_version;
  EXPECT_EQ(cell.key, sha256_hex(text.dump()));
}

TEST_F(CellKey, SettingsAreTheCellsJson) {
  const auto cell = read_grid(grid_ +
                              "recovery = { plugin = \"lora\", rank = 4 }\nsoftmax_scale = 0.125\n"
                              "schedule = { steps = 10, fraction = 0.1 }\n")
                        .cells.at(0);

  EXPECT_EQ(cell.settings, to_json(settings(cell)).dump());
}

TEST_F(CellKey, IgnoresTheOrderOfKeysAndTables) {
  const std::string other =
      "name = \"other\"\nespalier = 1\nquestion = \"?\"\n[[grid]]\nsparsity = [0.5]\n"
      "scorer = \"magnitude\"\ngranularity = \"head\"\ndataset = \"wordnet\"\nmodel = \"minilm\"\n"
      "[dataset.wordnet]\ntest = \"test.tsv\"\nvalidation = \"validation.tsv\"\ntrain = \"train.tsv\"\n"
      "format = \"text-classification\"\n[model.minilm]\ncheckpoint = \"minilm\"\nfamily = \"bert\"\n";

  EXPECT_EQ(key(test_head + grid_), key(other));
}

TEST_F(CellKey, IgnoresNames) {
  const std::string other =
      "espalier = 1\nname = \"b\"\n[model.x]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n"
      "[dataset.y]\nformat = \"text-classification\"\ntest = \"test.tsv\"\n"
      "[scorer.z]\nplugin = \"magnitude\"\n"
      "[[grid]]\nmodel = \"x\"\ndataset = \"y\"\ngranularity = \"head\"\nscorer = \"z\"\nsparsity = 0.5\n";

  EXPECT_EQ(key(test_head + grid_), key(other));
}

TEST_F(CellKey, IgnoresPaths) {
  const auto before = key(test_head + grid_);

  for (const auto* file :
       {"minilm/config.json", "minilm/model.safetensors", "train.tsv", "validation.tsv", "test.tsv"}) {
    write(std::string("elsewhere/") + file, file);
  }
  const auto moved = read(test_head + grid_, "elsewhere/y.toml").cells.at(0);

  EXPECT_EQ(moved.key, before);
  EXPECT_EQ(settings(moved).model.checkpoint, (folder_ / "elsewhere/minilm").string());
}

TEST_F(CellKey, IgnoresHowARealIsSpelled) {
  const auto with = [&](const std::string& rate, const std::string& damping, const std::string& sparsity) {
    return key(
        "espalier = 1\nname = \"a\"\n[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n"
        "train = { clip_norm = " +
        rate +
        " }\n[dataset.wordnet]\nformat = \"text-classification\"\n"
        "train = \"train.tsv\"\nvalidation = \"validation.tsv\"\ntest = \"test.tsv\"\n[scorer.f]\nplugin = \"fisher\"\n"
        "damping = " +
        damping +
        "\n[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n"
        "scorer = \"f\"\nsparsity = " +
        sparsity + "\n");
  };

  EXPECT_EQ(with("2", "1", "1"), with("2.0", "1.0", "1.0"));
  EXPECT_EQ(with("2", "1", "0"), with("20e-1", "1e0", "-0.0"));
  EXPECT_NE(with("2", "1", "1"), with("2", "2", "1"));
}

TEST_F(CellKey, IgnoresWhetherADefaultIsSpelledOut) {
  EXPECT_EQ(key(test_head + grid_),
            key(test_head + grid_ +
                "searcher = { plugin = \"ranking\", keep_one_head = false }\nscope = \"global\"\n"
                "sites = \"all\"\nrecovery = \"none\"\nseed = 0\nbase_seed = 0\ncompute = \"float32\"\n"
                "softmax_scale = \"original\"\nschedule = \"none\"\nrounding = \"nearest\"\n"
                "count_output_bias = false\n[measure]\nproof = true\n"));
}

TEST_F(CellKey, ChangesWithEverySetting) {
  const auto before = key(test_head + grid_);

  for (const std::string change :
       {"seed = 1", "base_seed = 1", "scope = \"local\"", "sites = \"encoder-self\"", "compute = \"bfloat16\"",
        "softmax_scale = 0.5", "rounding = \"ceil\"", "count_output_bias = true", "searcher = \"lookahead\"",
        "recovery = \"lora\"", "schedule = { steps = 2 }", "[measure]\nproof = false",
        "[measure]\nlatency = { batch = [1] }", "compute = \"tf32\"", "compute = \"float16\""}) {
    EXPECT_NE(key(test_head + grid_ + change + "\n"), before) << change;
  }
  options_.plugins[1].version = "1.0.1";
  EXPECT_NE(key(test_head + grid_), before);
}

// Where a file does not say it, a device is no part of a cell, as before there was such a key.
TEST_F(CellKey, HasTheDeviceOfTimesWhereItIsSaid) {
  const auto timed = [&](const std::string& device) {
    return read(test_head + grid_ + "[measure]\nlatency = { batch = [1]" + device + " }\n").cells.at(0);
  };
  const auto anywhere = timed(""), on_cpu = timed(", device = \"cpu\""), on_gpu = timed(", device = \"cuda\"");

  EXPECT_EQ(anywhere.settings.find("device"), std::string::npos);
  EXPECT_FALSE(settings(anywhere).measure.latency->device.has_value());
  EXPECT_EQ(settings(on_gpu).measure.latency->device, LatencyDevice::Cuda);
  EXPECT_NE(on_cpu.key, anywhere.key);
  EXPECT_NE(on_gpu.key, anywhere.key);
  EXPECT_NE(on_gpu.key, on_cpu.key);
}

TEST_F(CellKey, ChangesWithAByteOfCheckpointOrData) {
  const auto before = key(test_head + grid_);

  write("test.tsv", "test.tsw");
  const auto other_data = key(test_head + grid_);
  write("minilm/model.safetensors", "other weights");
  const auto other_weights = key(test_head + grid_);

  EXPECT_NE(before, other_data);
  EXPECT_NE(other_data, other_weights);
}

TEST_F(CellKey, CountsOnlyTheSplitsThatTheCellUses) {
  const auto before = key(test_head + grid_);
  const auto fisher = grid_ + "searcher = \"ranking\"\n";
  const auto with_fisher = [&] {
    return key(test_head + std::string(fisher).replace(fisher.find("magnitude"), 9, "fisher"));
  };
  const auto fisher_before = with_fisher();

  write("train.tsv", "other");
  EXPECT_EQ(key(test_head + grid_), before);
  EXPECT_EQ(with_fisher(), fisher_before);
  write("validation.tsv", "other");
  EXPECT_EQ(key(test_head + grid_), before);
  EXPECT_NE(with_fisher(), fisher_before);
}

TEST_F(CellKey, IsEmptyWhileAFileIsMissing) {
  std::filesystem::remove(folder_ / "test.tsv");
  std::filesystem::remove(folder_ / "minilm/model.safetensors");

  const auto experiment = read_grid(grid_ + "seed = [0, 1, 1]\n");

  EXPECT_EQ(keys(experiment), (std::vector<std::string>{"", ""}));
  ASSERT_EQ(experiment.missing.size(), 2u);
  EXPECT_EQ(without_folder(experiment.missing[0]), "minilm/model.safetensors");
  EXPECT_EQ(without_folder(experiment.missing[1]), "test.tsv");
}

TEST_F(CellKey, LeavesOtherCellsTheirsWhereAFileIsMissing) {
  std::filesystem::remove(folder_ / "validation.tsv");

  const auto experiment = read_grid(
      "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n"
      "scorer = [\"magnitude\", \"fisher\"]\nsparsity = 0.5\n");

  EXPECT_EQ(experiment.cells.at(0).key.size(), 64u);
  EXPECT_EQ(experiment.cells.at(1).key, "");
}

class Missing : public CellKey {
 protected:
  std::string dataset_ = "[dataset.wordnet]\nformat = \"text-classification\"\ntest = \"test.tsv\"\n";
  std::vector<std::string> missing(const std::string& train, const std::string& grid) {
    return read("espalier = 1\nname = \"a\"\n[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n" + train +
                dataset_ + grid)
        .missing;
  }
  using Lines = std::vector<std::string>;
};

TEST_F(Missing, NamesSplitsThatAreNeededButNotGiven) {
  const std::string fisher = std::string(grid_).replace(grid_.find("magnitude"), 9, "fisher");
  const std::string validation = "dataset.wordnet.validation (split 'validation' is needed by ";
  const std::string train = "dataset.wordnet.train (split 'train' is needed by ";

  EXPECT_EQ(missing("", grid_), Lines{});
  EXPECT_EQ(missing("", fisher), Lines{validation + "scorer 'fisher' but not given)"});
  EXPECT_EQ(missing("train = {}\n", grid_), (Lines{train + "the training of model 'minilm' but not given)",
                                                   validation + "the training of model 'minilm' but not given)"}));
  EXPECT_EQ(missing("", grid_ + "recovery = \"lora\"\n"), Lines{train + "recovery 'lora' but not given)"});
  EXPECT_EQ(missing("", grid_ + "searcher = \"lookahead\"\n"),
            Lines{validation + "searcher 'lookahead' but not given)"});
  dataset_ = "[dataset.wordnet]\nformat = \"text-classification\"\n";
  EXPECT_EQ(missing("", grid_), Lines{"dataset.wordnet.test (split 'test' is needed by every table but not given)"});
}

// Cells of one dataset and the same splits may need them or only use them where there are any.
TEST_F(Missing, NamesSplitsThatTheFirstCellsCanDoWithout) {
  dataset_ += "train = \"train.tsv\"\n";
  const auto experiment =
      read("espalier = 1\nname = \"a\"\n[model.minilm]\nfamily = \"bert\"\ncheckpoint = \"minilm\"\n" + dataset_ +
           "[[grid]]\nmodel = \"minilm\"\ndataset = \"wordnet\"\ngranularity = \"head\"\n"
           "scorer = [\"magnitude\", \"fisher\"]\nsparsity = 0.5\nrecovery = \"lora\"\n");

  EXPECT_EQ(experiment.missing,
            Lines{"dataset.wordnet.validation (split 'validation' is needed by scorer 'fisher' but not given)"});
  EXPECT_EQ(experiment.cells.at(0).key.size(), 64u);
  EXPECT_EQ(experiment.cells.at(1).key, "");
}

TEST_F(Missing, NamesACheckpointFolderOrTheFileInside) {
  std::filesystem::remove(folder_ / "minilm/config.json");
  EXPECT_EQ(without_folder(missing("", grid_).at(0)), "minilm/config.json");

  std::filesystem::remove_all(folder_ / "minilm");
  EXPECT_EQ(without_folder(missing("", grid_).at(0)), "minilm");
}

TEST_F(Missing, NamesAFolderInPlaceOfAFile) {
  std::filesystem::remove(folder_ / "test.tsv");
  std::filesystem::create_directory(folder_ / "test.tsv");

  EXPECT_EQ(without_folder(missing("", grid_).at(0)), "test.tsv (is a folder, expected a file)");
}

TEST_F(CellKey, HoldsTheDigestOfATeacher) {
  auto distill = options_.plugins.back();
  distill.name = "distill";
  distill.settings.push_back({"teacher", std::string("dense"), "a model to learn from", {}});
  options_.plugins.push_back(distill);
  const auto with = [&](const std::string& teacher) {
    return read_grid(grid_ + "recovery = { plugin = \"distill\", teacher = \"" + teacher + "\" }\n");
  };
  for (const auto* file :
       {"teacher/config.json", "teacher/model.safetensors", "moved/config.json", "moved/model.safetensors"})
    write(file, "of the teacher");
  const auto before = with("teacher").cells.at(0);

  EXPECT_EQ(before.settings.find("\"teacher\":\"" + (folder_ / "teacher").string() + "\"") != std::string::npos, true)
      << "relative paths start at the file: " << before.settings;
  EXPECT_EQ(with("moved").cells.at(0).key, before.key);
  EXPECT_NE(with("dense").cells.at(0).key, before.key);
  write("teacher/model.safetensors", "trained further");
  EXPECT_NE(with("teacher").cells.at(0).key, before.key);

  const auto lost = with("nowhere");
  EXPECT_EQ(lost.cells.at(0).key, "");
  EXPECT_EQ(lost.missing, (std::vector<std::string>{(folder_ / "nowhere").string()}));
}

}  // namespace
}  // namespace espalier::grid
