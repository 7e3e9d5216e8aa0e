#include "figures/figure.h"

#include <espalier/error.h>
#include <fmt/format.h>

#include <charconv>

#include "heads/head_map.h"
#include "heads/head_script.h"
#include "lines/curve.h"
#include "lines/line_script.h"
#include "lines/trajectory.h"
#include "ranks/rank_plot.h"
#include "ranks/rank_script.h"
#include "words/names.h"

namespace espalier::figures {
namespace {

constexpr double least_millimetres = 30, most_millimetres = 1000;

void refuse(const FigureRequest& request, const char* kind, bool x, bool facet) {
  const auto useless = [&](const char* option, const char* why) {
    throw SettingsError(
        fmt::format("{}: a figure of kind {} has no use of it: {}\n    leave it out", option, kind, why));
  };
  if (!request.x.empty() && !x) useless("--x", "its axes are what it is of");
  if (request.facet && !facet) useless("--facet", "it is one panel");
  if (!request.key.empty() && request.kind != Kind::Map) useless("--key", "it is of many cells; choose some by --only");
  if (request.level && request.kind != Kind::CriticalDifference) useless("--level", "it tests nothing");
}

}  // namespace

std::string PlotLine::name() const { return join(names, ", "); }

Kind kind_from(const std::string& word) {
  if (word == "curve") return Kind::Curve;
  if (word == "map") return Kind::Map;
  if (word == "latency") return Kind::Latency;
  if (word == "trajectory") return Kind::Trajectory;
  if (word == "critical-difference") return Kind::CriticalDifference;
  throw SettingsError(
      unknown_name("kind of figure", word, {"curve", "map", "latency", "trajectory", "critical-difference"}));
}

Medium medium_from(const std::string& word) {
  if (word == "pdf") return Medium::Pdf;
  if (word == "svg") return Medium::Svg;
  if (word == "png") return Medium::Png;
  if (word == "tikz" || word == "tex") return Medium::Tikz;
  throw SettingsError(unknown_name("format", word, {"pdf", "svg", "png", "tikz", "csv"}));
}

double millimetres_from(const std::string& option, const std::string& length) {
  const auto wrong = [&](const std::string& why) {
    return SettingsError(
        fmt::format("{} {}: {}\n    expected a number and mm, cm, in or pt, from {} mm to {} mm, as in "
                    "{} 84mm",
                    option, length, why, least_millimetres, most_millimetres, option));
  };
  const auto unit_at = length.find_last_of("0123456789.") + 1;
  const auto unit = length.substr(unit_at);
  double millimetres = 0;
  if (unit == "mm")
    millimetres = 1;
  else if (unit == "cm")
    millimetres = 10;
  else if (unit == "in")
    millimetres = 25.4;
  else if (unit == "pt")
    millimetres = 25.4 / 72.27;
  else
    throw wrong("no length");
  double given = 0;
  const auto* end = length.data() + unit_at;
  if (const auto read = std::from_chars(length.data(), end, given); read.ec != std::errc() || read.ptr != end)
    throw wrong("no length");
  millimetres *= given;
  if (!(millimetres >= least_millimetres && millimetres <= most_millimetres)) throw wrong("fits no page");
  return millimetres;
}

Figure make_figure(const FigureSource& source, const FigureRequest& request) {
  switch (request.kind) {
    case Kind::Curve: refuse(request, "curve", true, true); return curve(source, request);
    case Kind::Latency: refuse(request, "latency", true, true); return curve(source, request);
    case Kind::Trajectory: refuse(request, "trajectory", true, true); return trajectory(source, request);
    case Kind::Map: refuse(request, "map", false, false); return head_map(source, request);
    case Kind::CriticalDifference:
      refuse(request, "critical-difference", false, false);
      return rank_plot(source, request);
  }
  return {};
}

std::string script_of(const Figure& figure, const Paper& paper) {
  return std::visit([&](const auto& plot) { return script_of(plot, paper); }, figure.plot);
}

}  // namespace espalier::figures
