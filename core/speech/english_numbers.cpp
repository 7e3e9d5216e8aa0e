#include "english_numbers.h"

#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <boost/multiprecision/cpp_int.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "pattern.h"
#include "speech/error_rate.h"

namespace espalier::speech {
namespace {

using Integer = boost::multiprecision::cpp_int;

// A word that ends a number: "third" is 3 with "rd", "sixties" is 60 with "s".
struct Suffixed {
  Integer value;
  std::string suffix;
};

struct Vocabulary {
  std::set<std::string> zeros = {"o", "oh", "zero"};
  std::map<std::string, int> ones, tens;
  std::map<std::string, Integer> multipliers;
  std::map<std::string, Suffixed> ones_suffixed, tens_suffixed, multipliers_suffixed;
  std::map<std::string, std::string> signs = {{"minus", "-"}, {"negative", "-"}, {"plus", "+"}, {"positive", "+"}};
  std::map<std::string, std::string> currencies = {{"pound", "£"},  {"pounds", "£"},  {"euro", "€"}, {"euros", "€"},
                                                   {"dollar", "$"}, {"dollars", "$"}, {"cent", "¢"}, {"cents", "¢"}};
  std::vector<std::string> prefixes = {"-", "+", "£", "€", "$", "¢"};
  std::set<std::string> specials = {"and", "double", "triple", "point"};

  Vocabulary() {
    const char* names[] = {"one",     "two",     "three",     "four",     "five",    "six",      "seven",
                           "eight",   "nine",    "ten",       "eleven",   "twelve",  "thirteen", "fourteen",
                           "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
    ones_suffixed = {{"zeroth", {0, "th"}}, {"first", {1, "st"}}, {"second", {2, "nd"}},
                     {"third", {3, "rd"}},  {"fifth", {5, "th"}}, {"twelfth", {12, "th"}}};
    int number = 0;
    for (const std::string name : names) {
      ones[name] = ++number;
      ones_suffixed[name == "six" ? "sixes" : name + "s"] = {number, "s"};
      if (number > 3 && number != 5 && number != 12)
        ones_suffixed[name + (name.back() == 't' ? "h" : "th")] = {number, "th"};
    }
    number = 10;
    for (const std::string name : {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"}) {
      tens[name] = number += 10;
      const auto stem = name.substr(0, name.size() - 1);
      tens_suffixed[stem + "ies"] = {number, "s"};
      tens_suffixed[stem + "ieth"] = {number, "th"};
    }
    Integer size = 100;
    for (const std::string name : {"hundred", "thousand", "million", "billion", "trillion", "quadrillion",
                                   "quintillion", "sextillion", "septillion", "octillion", "nonillion", "decillion"}) {
      multipliers[name] = size;
      multipliers_suffixed[name + "s"] = {size, "s"};
      multipliers_suffixed[name + "th"] = {size, "th"};
      size = size == 100 ? Integer(1000) : Integer(size * 1000);
    }
  }

  bool is_decimal(const std::string& word) const {
    return ones.contains(word) || tens.contains(word) || zeros.contains(word);
  }
  bool is_suffixer(const std::string& word) const { return word == "per" || word == "percent"; }
  bool knows(const std::string& word) const {
    return is_decimal(word) || ones_suffixed.contains(word) || tens_suffixed.contains(word) ||
           multipliers.contains(word) || multipliers_suffixed.contains(word) || signs.contains(word) ||
           currencies.contains(word) || is_suffixer(word) || specials.contains(word);
  }
};

const Vocabulary& vocabulary() {
  static const Vocabulary words;
  return words;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Decimal digits of any script as those of ASCII.
std::string with_ascii_digits(const std::string& word) {
  if (std::all_of(word.begin(), word.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; })) return word;
  icu::UnicodeString plain;
  const auto unicode = icu::UnicodeString::fromUTF8(word);
  for (std::int32_t i = 0; i < unicode.length(); i = unicode.moveIndex32(i, 1)) {
    const auto c = unicode.char32At(i);
    const auto digit = u_charType(c) == U_DECIMAL_DIGIT_NUMBER ? u_charDigitValue(c) : -1;
    plain.append(digit >= 0 ? static_cast<UChar32>('0' + digit) : c);
  }
  std::string bytes;
  plain.toUTF8String(bytes);
  return bytes;
}

// Digits, or digits with a point and digits behind it.
bool is_numeric(const std::string& word) {
  const auto point = word.find('.');
  const auto digits = [](const std::string& text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
  };
  return point == std::string::npos ? digits(word) : digits(word.substr(0, point)) && digits(word.substr(point + 1));
}

// A decimal number times a whole one, where that is whole: "2.5" times 1000. The text may lack digits before or
// behind its point, not both; nothing where it is no number, or the product is not whole.
std::optional<Integer> product(const std::string& decimal, const Integer& factor) {
  const auto point = decimal.find('.');
  const auto whole = decimal.substr(0, point);
  const auto fraction = point == std::string::npos ? std::string() : decimal.substr(point + 1);
  const auto digits = whole + fraction;
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
  const auto first = digits.find_first_not_of('0');
  const Integer numerator = first == std::string::npos ? Integer(0) : Integer(digits.substr(first));
  const Integer scaled = numerator * factor;
  const Integer denominator = boost::multiprecision::pow(Integer(10), static_cast<unsigned>(fraction.size()));
  if (scaled % denominator != 0) return std::nullopt;
  return Integer(scaled / denominator);
}

// Reads words one by one; what a number may still become is held back until it cannot grow.
class NumberReader {
 public:
  explicit NumberReader(std::vector<std::string> words) : words_(std::move(words)) {}

  std::vector<std::string> read() {
    for (std::size_t i = 0; i < words_.size(); ++i) {
      previous_ = i > 0 ? words_[i - 1] : "";
      next_ = i + 1 < words_.size() ? words_[i + 1] : "";
      has_next_ = i + 1 < words_.size();
      if (take(words_[i])) ++i;
    }
    if (has_value()) give(value());
    return std::move(given_);
  }

 private:
  // A number so far: whole, or a text of digits that are not to be added up.
  bool has_value() const { return whole_.has_value() || text_.has_value(); }
  std::string value() const { return text_ ? *text_ : whole_ ? whole_->str() : std::string(); }
  void set(Integer whole) {
    whole_ = std::move(whole);
    text_.reset();
  }
  void set(std::string text) {
    text_ = std::move(text);
    whole_.reset();
  }
  void clear() {
    whole_.reset();
    text_.reset();
  }
  // Digits that others are put behind: an empty or zero number has none.
  std::string digits_before() const { return whole_ && *whole_ == 0 ? std::string() : value(); }

  void give(const std::string& word) {
    given_.push_back(prefix_ + word);
    prefix_.clear();
    clear();
  }
  void give_value() {
    if (has_value()) give(value());
  }

  bool next_is_numeric() const { return has_next_ && is_numeric(with_ascii_digits(next_)); }
  bool next_may_be_number() const { return next_is_numeric() || (has_next_ && vocabulary().knows(next_)); }

  // True where the next word is used up as well.
  bool take(const std::string& word) {
    const auto& known = vocabulary();
    std::string sign;
    for (const auto& prefix : known.prefixes) {
      if (word.starts_with(prefix)) sign = prefix;
    }
    const auto bare = word.substr(sign.size());
    if (is_numeric(with_ascii_digits(bare))) return take_digits(word, sign, bare), false;
    if (!known.knows(word)) return give_value(), give(word), false;
    if (known.zeros.contains(word)) return set(digits_before() + "0"), false;
    if (const auto one = known.ones.find(word); one != known.ones.end()) return take_one(one->second), false;
    if (const auto one = known.ones_suffixed.find(word); one != known.ones_suffixed.end()) {
      give(joined_one(one->second.value) + one->second.suffix);
      return false;
    }
    if (const auto ten = known.tens.find(word); ten != known.tens.end()) return take_ten(ten->second), false;
    if (const auto ten = known.tens_suffixed.find(word); ten != known.tens_suffixed.end()) {
      give(joined_ten(ten->second.value) + ten->second.suffix);
      return false;
    }
    if (const auto size = known.multipliers.find(word); size != known.multipliers.end())
      return take_multiplier(size->second), false;
    if (const auto size = known.multipliers_suffixed.find(word); size != known.multipliers_suffixed.end())
      return take_multiplier_suffixed(size->second), false;
    if (const auto found = known.signs.find(word); found != known.signs.end()) {
      give_value();
      if (next_may_be_number())
        prefix_ = found->second;
      else
        give(word);
      return false;
    }
    if (const auto currency = known.currencies.find(word); currency != known.currencies.end()) {
      if (!has_value()) return give(word), false;
      prefix_ = currency->second;
      return give_value(), false;
    }
    if (known.is_suffixer(word)) return take_suffixer(word);
    return take_special(word);
  }

  void take_digits(const std::string& word, const std::string& sign, const std::string& bare) {
    if (has_value()) {
      if (text_ && text_->ends_with('.')) return set(*text_ + word);  // decimals, parts of an address
      give_value();
    }
    if (!sign.empty()) prefix_ = sign;
    if (const auto whole = product(with_ascii_digits(bare), 1))
      set(*whole);
    else
      set(bare);
  }

  // Whether the last digits stand for themselves: "nineteen oh five", "one two".
  bool spelled() const { return text_.has_value() || vocabulary().ones.contains(previous_); }

  // The number so far with a one at its end, as text where they do not add up.
  std::string joined_one(const Integer& one) const {
    if (!has_value()) return one.str();
    if (spelled()) {
      auto digits = value();
      // Behind a ten the one takes the place of its zero.
      if (vocabulary().tens.contains(previous_) && one < 10) digits.pop_back();
      return digits + one.str();
    }
    const Integer room = one < 10 ? 10 : 100;
    return *whole_ % room == 0 ? Integer(*whole_ + one).str() : value() + one.str();
  }
  std::string joined_ten(const Integer& ten) const {
    if (!has_value()) return ten.str();
    if (text_ || *whole_ % 100 != 0) return value() + ten.str();
    return Integer(*whole_ + ten).str();
  }

  void take_one(int one) {
    const bool adds = !has_value() || (!spelled() && *whole_ % (one < 10 ? 10 : 100) == 0);
    const auto joined = joined_one(one);
    if (adds)
      set(Integer(joined));
    else
      set(joined);
  }
  void take_ten(int ten) {
    const bool adds = !has_value() || (!text_ && *whole_ % 100 == 0);
    const auto joined = joined_ten(ten);
    if (adds)
      set(Integer(joined));
    else
      set(joined);
  }

  // Only what stands behind the last thousand is multiplied: "two thousand three hundred".
  static Integer grown(const Integer& number, const Integer& size) {
    const Integer before = number / 1000 * 1000, rest = number % 1000;
    return Integer(before + rest * size);
  }

  void take_multiplier(const Integer& size) {
    if (!has_value()) return set(size);
    if (whole_ && *whole_ != 0) return set(grown(*whole_, size));
    if (const auto whole = product(value(), size)) return set(*whole);
    give_value();
    set(size);
  }
  void take_multiplier_suffixed(const Suffixed& size) {
    if (!has_value()) return give(size.value.str() + size.suffix);
    if (whole_) return give(grown(*whole_, size.value).str() + size.suffix);
    if (const auto whole = product(*text_, size.value)) return give(whole->str() + size.suffix);
    give_value();
    give(size.value.str() + size.suffix);
  }

  bool take_suffixer(const std::string& word) {
    if (!has_value()) return give(word), false;
    if (word == "percent") return give(value() + "%"), false;
    if (has_next_ && next_ == "cent") return give(value() + "%"), true;
    give_value();
    return give(word), false;
  }

  bool take_special(const std::string& word) {
    const auto& known = vocabulary();
    if (!next_may_be_number()) return give_value(), give(word), false;
    if (word == "and") {
      // "one hundred and two": left out behind hundreds, thousands, ...
      if (!known.multipliers.contains(previous_)) give_value(), give(word);
      return false;
    }
    if (word == "point") {
      if (known.is_decimal(next_) || next_is_numeric()) set(digits_before() + ".");
      return false;
    }
    const auto one = known.ones.find(next_);
    if (one == known.ones.end() && !known.zeros.contains(next_)) return give_value(), give(word), false;
    const auto digit = one == known.ones.end() ? std::string("0") : std::to_string(one->second);
    set(digits_before() + digit + digit + (word == "triple" ? digit : std::string()));
    return true;
  }

  std::vector<std::string> words_, given_;
  std::string previous_, next_, prefix_;
  bool has_next_ = false;
  std::optional<Integer> whole_;
  std::optional<std::string> text_;
};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// "two and a half" is read as "two point five"; letters and digits stand apart, but for what makes 1st of 1.
std::string prepared(const std::string& text) {
  static const Pattern half("\\band\\s+a\\s+half\\b"), letter_digit("([a-z])([0-9])"), digit_letter("([0-9])([a-z])"),
      suffix("([0-9])\\s+(st|nd|rd|th|s)\\b");
  const auto segments = half.split(text);
  std::vector<std::string> parts;
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const auto words = words_of(segments[i]);
    if (words.empty()) continue;
    parts.push_back(segments[i]);
    if (i + 1 == segments.size()) continue;
    const auto& known = vocabulary();
    const bool number = known.is_decimal(words.back()) || known.multipliers.contains(words.back());
    parts.emplace_back(number ? "point five" : "and a half");
  }
  auto result = joined(parts);
  result = letter_digit.replaced(result, "$1 $2");
  result = digit_letter.replaced(result, "$1 $2");
  return suffix.replaced(result, "$1$2");
}

// "$2 and ¢7" is "$2.07", "$0.07" is "¢7"; a lone 1 is "one", for easier reading.
std::string finished(const std::string& text) {
  static const Pattern cents("([€£$])([0-9]+) (?:and )?¢([0-9]{1,2})\\b"), only_cents("[€£$]0.([0-9]{1,2})\\b"),
      one("\\b1(s?)\\b");
  const auto combined = cents.replaced_by(text, [](const Pattern::Match& match) {
    const auto& amount = match.groups[3];
    return match.groups[1] + match.groups[2] + "." + (amount.size() == 1 ? "0" : "") + amount;
  });
  const auto extracted = only_cents.replaced_by(
      combined, [](const Pattern::Match& match) { return "¢" + std::to_string(std::stoi(match.groups[1])); });
  return one.replaced(extracted, "one$1");
}

}  // namespace

std::string with_digits(const std::string& text) {
  return finished(joined(NumberReader(words_of(prepared(text))).read()));
}

}  // namespace espalier::speech
