#include "nn/mask_file.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <espalier/error.h>
#include <words/names.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <set>

#include "nn/safetensors.h"
#include "nn/text.h"

namespace espalier::nn {
namespace {

using at::Tensor;

// "bert.encoder.layer.0.attention.self" is the site "encoder.layer.0.attention.self", and the reverse.
bool same_site(const std::string& a, const std::string& b) {
  const auto ends_with = [](const std::string& longer, const std::string& shorter) {
    return longer.size() > shorter.size() && longer.ends_with(shorter) &&
           longer[longer.size() - shorter.size() - 1] == '.';
  };
  return a == b || ends_with(a, b) || ends_with(b, a);
}

std::optional<std::size_t> site_called(const std::string& name, const std::vector<Site>& sites) {
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (sites[i].name == name) return i;
  }
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (same_site(sites[i].name, name)) return i;
  }
  return std::nullopt;
}

struct Named {
  std::string site, part;  // "...self" and "q"
};

Named split_name(const std::string& name) {
  const auto dot = name.rfind('.');
  return dot == std::string::npos ? Named{name, ""} : Named{name.substr(0, dot), name.substr(dot + 1)};
}

// Tensors of a file by site and part. Throws on unknown sites and parts, and on one said twice.
std::map<std::pair<std::size_t, std::string>, Tensor> by_site(const std::string& path, const TensorFile& file,
                                                              const std::vector<Site>& sites,
                                                              const std::vector<std::string>& parts) {
  std::map<std::pair<std::size_t, std::string>, Tensor> found;
  for (const auto& [name, tensor] : file.tensors) {
    const auto named = split_name(name);
    if (std::find(parts.begin(), parts.end(), named.part) == parts.end()) {
      throw InputError(path + ": tensor " + in_quotes(name) + " does not end in ." + join(parts, " or ."));
    }
    const auto site = site_called(named.site, sites);
    if (!site) {
      std::vector<std::string> known;
      for (const auto& one : sites) known.push_back(one.name);
      throw InputError(path + ": " + unknown_name("site", shortened(named.site), known));
    }
    if (!found.emplace(std::pair(*site, named.part), tensor).second) {
      throw InputError(path + ": site " + in_quotes(sites[*site].name) + " has two tensors ." + named.part +
                       ", with and without its prefix");
    }
  }
  return found;
}

// The names of those that a site has.
std::vector<std::string> projections_of(const Site& site) {
  std::vector<std::string> names;
  for (const auto projection : all_projections) {
    if (site.has(projection)) names.emplace_back(to_string(projection));
  }
  return names;
}

void check_shape(const std::string& path, const std::string& name, const Tensor& tensor, at::IntArrayRef expected) {
  if (tensor.sizes() == expected) return;
  throw InputError(path + ": tensor " + in_quotes(name) + " has shape " + shape_text(tensor.sizes()) + ", expected " +
                   shape_text(expected));
}

std::string metadata_of(const TensorFile& file, const char* key) {
  const auto found = file.metadata.find(key);
  return found == file.metadata.end() ? "" : found->second;
}

// The parts of a score file in the order of units within a site.
std::vector<std::string> parts_of(Granularity granularity) {
  switch (granularity) {
    case Granularity::Head: return {"head"};
    case Granularity::HeadChannel:
    case Granularity::SameChannel: return {"qk", "vo"};
    case Granularity::QChannel: return {"q"};
    case Granularity::KChannel: return {"k"};
    case Granularity::VChannel: return {"v"};
    case Granularity::OChannel: return {"o"};
    case Granularity::ProjectionChannel: return {"q", "k", "v", "o"};
  }
  return {};
}

std::vector<std::int64_t> part_shape(Granularity granularity, const Site& site) {
  if (granularity == Granularity::Head) return {site.heads};
  if (granularity == Granularity::SameChannel) return {site.head_dim};
  return {site.heads, site.head_dim};
}

const char* part_of(UnitKind kind) {
  switch (kind) {
    case UnitKind::Head: return "head";
    case UnitKind::QK: return "qk";
    case UnitKind::VO: return "vo";
    case UnitKind::Q: return "q";
    case UnitKind::K: return "k";
    case UnitKind::V: return "v";
    case UnitKind::O: return "o";
  }
  return "";
}

// Where a unit's score lies in its site's tensor.
std::int64_t place_of(const Unit& unit, const Site& site) {
  if (unit.channel < 0) return unit.head;
  return unit.head < 0 ? unit.channel : unit.head * site.head_dim + unit.channel;
}

Granularity granularity_in(const std::string& path, const TensorFile& file) {
  if (const auto name = metadata_of(file, "granularity"); !name.empty()) {
    try {
      return granularity_from(name);
    } catch (const Error& error) {
      throw InputError(path + ": " + error.what());
    }
  }
  std::set<std::string> parts;
  std::int64_t dimensions = 0;
  for (const auto& [name, tensor] : file.tensors) {
    parts.insert(split_name(name).part);
    dimensions = std::max(dimensions, tensor.dim());
  }
  for (const auto granularity :
       {Granularity::Head, Granularity::HeadChannel, Granularity::SameChannel, Granularity::QChannel,
        Granularity::KChannel, Granularity::VChannel, Granularity::OChannel, Granularity::ProjectionChannel}) {
    const auto expected = parts_of(granularity);
    const bool flat = granularity == Granularity::Head || granularity == Granularity::SameChannel;
    if (parts == std::set<std::string>(expected.begin(), expected.end()) && dimensions == (flat ? 1 : 2))
      return granularity;
  }
  throw InputError(path +
                   ": is not a score file: its tensors are of no known granularity\n    expected names like SITE.head, "
                   "SITE.qk and SITE.vo, or SITE.q");
}

}  // namespace

Mask read_mask(const std::filesystem::path& path, const std::vector<Site>& sites, const std::string& model_digest) {
  const auto file = read_safetensors(path);
  const auto name = path.string();
  if (metadata_of(file, "format") != "espalier-mask") {
    const auto format = metadata_of(file, "format");
    throw InputError(name + ": is not a mask file: its metadata has " +
                     (format.empty() ? "no format" : "format " + in_quotes(format)) + ", expected 'espalier-mask'");
  }
  if (metadata_of(file, "version") != "1") {
    throw InputError(name + ": is a mask file of version " + in_quotes(metadata_of(file, "version")) +
                     ", expected '1'");
  }
  const auto digest = metadata_of(file, "model_digest");
  if (!digest.empty() && !model_digest.empty() && digest != model_digest) {
    throw InputError(name + ": was made for another checkpoint\n    model_digest there " + in_quotes(digest) +
                     ", here " + in_quotes(model_digest));
  }
  const Mask everything(sites);
  Mask mask = everything;
  const auto found = by_site(name, file, sites, {"q", "k", "v", "o"});
  for (std::size_t i = 0; i < sites.size(); ++i) {
    std::int64_t parts = 0;
    std::string missing;
    const auto own = projections_of(sites[i]);
    for (const auto projection : all_projections) {
      const auto tensor = found.find({i, to_string(projection)});
      const auto full = sites[i].name + "." + to_string(projection);
      if (!sites[i].has(projection)) {
        if (tensor == found.end()) continue;
        throw InputError(name + ": holds " + in_quotes(full) + ": this site has " + join(own) + " alone");
      }
      if (tensor == found.end()) {
        missing += (missing.empty() ? "" : ", ") + full;
        continue;
      }
      ++parts;
      if (tensor->second.scalar_type() != at::kBool) {
        throw InputError(name + ": tensor " + in_quotes(full) + " has dtype " +
                         c10::toString(tensor->second.scalar_type()) + ", expected BOOL");
      }
      check_shape(name, full, tensor->second, {sites[i].heads, sites[i].head_dim});
      mask.site(static_cast<std::int64_t>(i)).of(projection) = tensor->second;
    }
    if (parts > 0 && !missing.empty())
      throw InputError(name + ": lacks " + missing + ": a site has all of " + join(own) + " or none");
  }
  return mask.intersected(everything);
}

void write_mask(const std::filesystem::path& path, const std::vector<Site>& sites, const Mask& mask,
                std::map<std::string, std::string> metadata) {
  TensorFile file;
  file.metadata = std::move(metadata);
  file.metadata["format"] = "espalier-mask";
  file.metadata["version"] = "1";
  const auto held = mask.intersected(Mask(sites));
  for (std::size_t i = 0; i < sites.size(); ++i) {
    for (const auto projection : all_projections) {
      if (!sites[i].has(projection)) continue;
      file.tensors[sites[i].name + "." + to_string(projection)] =
          held.site(static_cast<std::int64_t>(i)).of(projection);
    }
  }
  write_safetensors(path, file);
}

Granularity granularity_of_scores(const std::filesystem::path& path) {
  return granularity_in(path.string(), read_safetensors(path));
}

Scores read_scores(const std::filesystem::path& path, const Units& units) {
  const auto file = read_safetensors(path);
  const auto name = path.string();
  const auto granularity = granularity_in(name, file);
  if (granularity != units.granularity()) {
    throw InputError(name + ": holds scores of granularity " + to_string(granularity) + ", expected " +
                     to_string(units.granularity()));
  }
  auto found = by_site(name, file, units.sites(), parts_of(granularity));
  std::map<std::pair<std::size_t, std::string>, Tensor> checked;
  const auto values = at::empty({units.count()}, at::kDouble);
  auto* value = values.mutable_data_ptr<double>();
  for (const auto& unit : units.all()) {
    const std::pair key(static_cast<std::size_t>(unit.site), std::string(part_of(unit.kind)));
    const auto& site = units.sites()[key.first];
    auto& scores = checked[key];
    if (!scores.defined()) {
      const auto full = site.name + "." + key.second;
      const auto tensor = found.find(key);
      if (tensor == found.end()) throw InputError(name + ": lacks tensor " + in_quotes(full));
      if (!tensor->second.is_floating_point()) {
        throw InputError(name + ": tensor " + in_quotes(full) + " has dtype " +
                         c10::toString(tensor->second.scalar_type()) + ", expected F32");
      }
      check_shape(name, full, tensor->second, part_shape(granularity, site));
      scores = tensor->second.to(at::kDouble).reshape({-1});
    }
    *value = scores.const_data_ptr<double>()[place_of(unit, site)];
    if (!std::isfinite(*value++)) {
      throw InputError(name + ": tensor " + in_quotes(site.name + "." + key.second) +
                       " holds a score that is not finite");
    }
  }
  return {values, file.metadata};
}

void write_scores(const std::filesystem::path& path, const Units& units, const Scores& scores, at::ScalarType type) {
  TensorFile file;
  file.metadata = scores.metadata;
  file.metadata["granularity"] = to_string(units.granularity());
  const auto values = scores.values.to(at::kDouble).cpu().contiguous();
  const auto* value = values.const_data_ptr<double>();
  for (const auto& unit : units.all()) {
    const auto& site = units.sites()[static_cast<std::size_t>(unit.site)];
    auto& tensor = file.tensors[site.name + "." + part_of(unit.kind)];
    // A place that is no unit, of a channel that a narrow head lacks, has no score.
    if (!tensor.defined())
      tensor = at::full(part_shape(units.granularity(), site), std::numeric_limits<double>::quiet_NaN(), at::kDouble);
    tensor.mutable_data_ptr<double>()[place_of(unit, site)] = *value++;
  }
  for (auto& [name, tensor] : file.tensors) tensor = tensor.to(type);
  write_safetensors(path, file);
}

}  // namespace espalier::nn
