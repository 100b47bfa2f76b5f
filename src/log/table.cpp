// SPDX-License-Identifier: MIT
#include "log/table.hpp"

#include <algorithm>
#include <numeric>

#include "log/text.hpp"

namespace duct_log {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastWidth = 10;  // a column is not cut below

}  // namespace

std::vector<std::size_t> Table::widths(std::size_t room) const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = display_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, display_width(row[i].text));
    widths.push_back(width);
  }
  const std::size_t gaps = kGap * (columns_.size() - 1);
  // The widest of the flexible ones gives way.
  while (std::accumulate(widths.begin(), widths.end(), gaps) > room) {
    std::size_t* widest = nullptr;
    std::size_t second = kLeastWidth;
    for (std::size_t i = 0; i < widths.size(); ++i) {
      if (!columns_[i].flexible || widths[i] <= kLeastWidth) continue;
      if (widest == nullptr || widths[i] > *widest) {
        if (widest != nullptr) second = std::max(second, *widest);
        widest = &widths[i];
      } else {
        second = std::max(second, widths[i]);
      }
    }
    if (widest == nullptr) break;
    const std::size_t excess = std::accumulate(widths.begin(), widths.end(), gaps) - room;
    *widest -= std::clamp<std::size_t>(*widest - second, 1, excess);
  }
  return widths;
}

void Table::print(const Console& console, std::size_t indent) const {
  const auto width = widths(console.width > indent ? console.width - indent : 0);
  const auto line = [&](const auto& text_of, const auto& style_of) {
    std::string line(indent, ' ');
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool last = i + 1 == columns_.size();
      std::string text = fitted(text_of(i), width[i]);
      if (!last || columns_[i].right) text = padded(std::move(text), width[i], columns_[i].right);
      line += console.styled(style_of(i), std::move(text)) + (last ? "" : std::string(kGap, ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    console.write(line + "\n");
  };
  line([&](std::size_t i) { return columns_[i].title; }, [](std::size_t) { return Style::bold; });
  for (const auto& row : rows_) line([&](std::size_t i) { return row[i].text; }, [&](std::size_t i) { return row[i].style; });
}

}  // namespace duct_log
