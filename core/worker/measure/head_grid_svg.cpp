#include "measure/head_grid_svg.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "words/printable.h"

namespace espalier::worker {
namespace {

constexpr int margin = 24, cell_width = 46, cell_height = 24, line_height = 18;
constexpr int legend_width = 240, legend_height = 12, grid_gap = 28;
// Of letters of these sizes, on average; a picture cannot measure its text.
constexpr double title_letter = 9, letter = 6.6;
constexpr std::size_t most_letters = 120;

struct Colour {
  double red, green, blue;
};
// Blue for less than nothing, red for more, by equal steps of the square root. People tell these apart whatever colours
// they see.
constexpr std::array<Colour, 5> stops = {
    Colour{33, 102, 172}, {146, 197, 222}, {247, 247, 247}, {244, 165, 130}, {178, 24, 43}};
constexpr Colour no_number = {221, 221, 221};

std::string text_of(const Colour& colour) {
  const auto level = [](double value) { return static_cast<int>(std::lround(value)); };
  return fmt::format("#{:02x}{:02x}{:02x}", level(colour.red), level(colour.green), level(colour.blue));
}

// Of a place from -1 to 1.
Colour colour_at(double place) {
  const double at = (std::clamp(place, -1.0, 1.0) + 1) / 2 * (stops.size() - 1);
  const auto first = std::min(static_cast<std::size_t>(at), stops.size() - 2);
  const auto &from = stops[first], &to = stops[first + 1];
  const double share = at - static_cast<double>(first);
  const auto between = [&](double one, double other) { return one + share * (other - one); };
  return {between(from.red, to.red), between(from.green, to.green), between(from.blue, to.blue)};
}

bool is_dark(const Colour& colour) { return 0.299 * colour.red + 0.587 * colour.green + 0.114 * colour.blue < 140; }

// Long names lose their middle.
std::string shortened_to(const std::string& text, std::size_t most) {
  if (text.size() <= most) return text;
  const auto begins_letter = [&](std::size_t at) { return (static_cast<unsigned char>(text[at]) & 0xC0U) != 0x80U; };
  std::size_t end = most / 3, begin = text.size() - (most - end);
  while (end > 0 && !begins_letter(end)) --end;
  while (begin < text.size() && !begins_letter(begin)) ++begin;
  return fmt::format("{} ... {}", text.substr(0, end), text.substr(begin));
}

// As text of XML, which takes no control characters, and two others not either.
std::string escaped(const std::string& text) {
  std::string out;
  const auto shown = printable_line(text, std::string::npos);
  for (std::size_t at = 0; at < shown.size(); ++at) {
    const auto two_more = shown.substr(at, 3);
    if (two_more == "\xef\xbf\xbe" || two_more == "\xef\xbf\xbf") {
      out += "\xef\xbf\xbd";
      at += 2;
      continue;
    }
    switch (shown[at]) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += shown[at];
    }
  }
  return out;
}

// The words of one picture, from top to bottom.
class Drawing {
 public:
  explicit Drawing(const Picture& picture, std::span<const HeadGrid> grids) {
    for (const auto& grid : grids) {
      for (const auto& label : labels_of(grid.sites).labels)
        label_width_ = std::max(label_width_, letter * static_cast<double>(label.size()));
    }
    text(margin, shortened_to(picture.title, most_letters), 16, "font-weight=\"bold\"", title_letter);
    for (const auto& line : picture.lines) text(margin, shortened_to(line, most_letters), 12, "fill=\"#444\"");
    for (const auto& grid : grids) draw(grid);
  }

  std::string finished(const std::string& title) const {
    const int width = static_cast<int>(std::ceil(width_)) + margin, height = y_ + margin;
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\" role=\"img\" "
        "font-family=\"sans-serif\" font-size=\"12\">\n<title>{2}</title>\n<rect width=\"{0}\" height=\"{1}\" "
        "fill=\"#ffffff\"/>\n{3}</svg>\n",
        width, height, escaped(title), body_);
  }

 private:
  void text(double x, const std::string& words, int size, const std::string& style, double of_letter = letter) {
    y_ += line_height + (size > 12 ? 2 : 0);
    body_ += fmt::format("<text x=\"{:g}\" y=\"{}\" font-size=\"{}\" {}>{}</text>\n", x, y_ - 4, size, style,
                         escaped(words));
    width_ = std::max(width_, x + of_letter * static_cast<double>(words.size()) * size / (size > 12 ? 16 : 12));
  }

  void cell(double x, double value, double largest, const Scale& scale, const std::string& name) {
    const double place = largest > 0 ? std::copysign(std::sqrt(std::min(std::abs(value) / largest, 1.0)), value) : 0;
    const auto colour = std::isnan(value) ? no_number : colour_at(place);
    body_ += fmt::format(
        "<g><title>{}: {}</title><rect x=\"{:g}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" stroke=\"#ffffff\"/>"
        "<text x=\"{:g}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"{}\">{}</text></g>\n",
        escaped(name), std::isnan(value) ? "-" : fmt::format("{:.6g}", value), x, y_, cell_width, cell_height,
        text_of(colour), x + cell_width / 2.0, y_ + 16, is_dark(colour) ? "#ffffff" : "#1a1a1a",
        cell_text(value, scale));
  }

  void draw(const HeadGrid& grid) {
    const auto scale = scale_of(grid);
    const auto [labels, legend] = labels_of(grid.sites);
    double largest = 0;
    std::size_t heads = 0;
    for (const auto& row : grid.values) {
      heads = std::max(heads, row.size());
      for (const double value : row) {
        if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
      }
    }
    y_ += grid_gap / 2;
    const auto in_what = scale.text.empty() ? std::string() : fmt::format(" ({})", scale.text);
    text(margin, fmt::format("{}{}", grid.title, in_what), 13, "font-weight=\"bold\"");
    const double left = margin + label_width_ + 12;
    y_ += line_height;
    for (std::size_t head = 0; head < heads; ++head) {
      body_ +=
          fmt::format("<text x=\"{:g}\" y=\"{}\" font-size=\"11\" text-anchor=\"middle\" fill=\"#444\">{}</text>\n",
                      left + cell_width * (static_cast<double>(head) + 0.5), y_ - 5, head);
    }
    body_ += fmt::format("<text x=\"{}\" y=\"{}\" font-size=\"11\" fill=\"#444\">head</text>\n", margin, y_ - 5);
    for (std::size_t site = 0; site < labels.size(); ++site) {
      body_ += fmt::format("<text x=\"{}\" y=\"{}\">{}</text>\n", margin, y_ + 16, escaped(labels[site]));
      for (std::size_t head = 0; head < grid.values[site].size(); ++head) {
        cell(left + cell_width * static_cast<double>(head), grid.values[site][head], largest, scale,
             fmt::format("{} head {}", grid.sites[site], head));
      }
      y_ += cell_height;
    }
    width_ = std::max(width_, left + cell_width * static_cast<double>(heads));
    if (largest > 0) draw_legend(left, largest, scale);
    if (!legend.empty()) text(margin, legend, 11, "fill=\"#444\"");
    y_ += grid_gap / 2;
  }

  // From the least to the most colour, at equal distances of the square root.
  void draw_legend(double left, double largest, const Scale& scale) {
    y_ += 12;
    const auto id = fmt::format("scale{}", legends_++);
    body_ += fmt::format("<defs><linearGradient id=\"{}\">", id);
    for (std::size_t i = 0; i < stops.size(); ++i) {
      body_ += fmt::format("<stop offset=\"{:g}\" stop-color=\"{}\"/>",
                           static_cast<double>(i) / static_cast<double>(stops.size() - 1), text_of(stops[i]));
    }
    body_ += fmt::format(
        "</linearGradient></defs>\n<rect x=\"{:g}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"url(#{})\" "
        "stroke=\"#999999\" stroke-width=\"0.5\"/>\n",
        left, y_, legend_width, legend_height, id);
    y_ += legend_height;
    for (const double place : {-1.0, -0.5, 0.0, 0.5, 1.0}) {
      const double x = left + (place + 1) / 2 * legend_width;
      body_ += fmt::format(
          "<line x1=\"{0:g}\" y1=\"{1}\" x2=\"{0:g}\" y2=\"{2}\" stroke=\"#666666\"/><text x=\"{0:g}\" y=\"{3}\" "
          "font-size=\"11\" text-anchor=\"middle\" fill=\"#444\">{4}</text>\n",
          x, y_, y_ + 4, y_ + 16, cell_text(std::copysign(place * place * largest, place), scale));
    }
    width_ = std::max(width_, left + legend_width + 16);
    y_ += line_height;
  }

  std::string body_;
  double width_ = 0, label_width_ = 24;
  int y_ = margin / 2, legends_ = 0;
};

}  // namespace

std::string svg_of(const Picture& picture, std::span<const HeadGrid> grids) {
  return Drawing(picture, grids).finished(picture.title);
}

}  // namespace espalier::worker
