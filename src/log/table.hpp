// SPDX-License-Identifier: MIT
// Rows in columns that fit the width of the terminal.
#pragma once

#include <string>
#include <vector>

#include "log/console.hpp"

namespace duct_log {

struct Column {
  std::string title;
  bool right = false;     // numbers
  bool flexible = false;  // is cut where the table is too wide
};

struct Cell {
  std::string text;  // escaped already
  Style style = Style::plain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }  // a cell a column
  bool empty() const { return rows_.empty(); }
  void print(const Console& console, std::size_t indent = 0) const;

 private:
  std::vector<std::size_t> widths(std::size_t room) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace duct_log
