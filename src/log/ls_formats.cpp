// SPDX-License-Identifier: MIT
#include "log/ls_formats.hpp"

#include <algorithm>

#include "log/csv.hpp"
#include "log/humanized.hpp"
#include "log/table.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

// For people.
std::string shown(const std::string& field, const Json& value) {
  if (value.is_null()) return "-";
  if (auto text = humanized(field, value)) return *text;
  if (auto text = value.text()) return escaped(*text);
  return json_text(value);
}

Style style_of(const std::string& field, const Json& value) {
  if (field != "exit_code") return Style::plain;
  return value.integer() == 0 ? Style::green : Style::red;
}

void print_table(const std::vector<std::string>& fields, const LsRows& rows, const Console& console) {
  std::vector<Column> columns;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const bool numbers = std::any_of(rows.begin(), rows.end(), [&](const auto& row) { return row[i].number().has_value(); });
    columns.push_back({.title = fields[i], .right = numbers, .flexible = !numbers});
  }
  Table table(std::move(columns));
  for (const auto& row : rows) {
    std::vector<Cell> cells;
    for (std::size_t i = 0; i < fields.size(); ++i) cells.push_back({shown(fields[i], row[i]), style_of(fields[i], row[i])});
    table.add(std::move(cells));
  }
  table.print(console);
}

// peak_rss: Peak Rss.
std::string title_of(const std::string& field) {
  std::string title = field;
  bool first = true;
  for (char& c : title) {
    if (c == '_') c = ' ';
    if (first && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    first = c == ' ';
  }
  return title;
}

void print_summaries(const std::vector<std::string>& fields, const LsRows& rows, const Console& console) {
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      console.write((i == 0 ? "" : "    ") + title_of(fields[i]) + ": " +
                    console.styled(i == 0 ? Style::bold : style_of(fields[i], row[i]), shown(fields[i], row[i])) + "\n");
    }
  }
}

Json list_of(const std::vector<std::string>& fields, const LsRows& rows) {
  Json::List list;
  for (const auto& row : rows) {
    Json::Object object;
    for (std::size_t i = 0; i < fields.size(); ++i) object.emplace_back(fields[i], row[i]);
    list.push_back(Json{std::move(object)});
  }
  return Json{std::move(list)};
}

// Bare only where nothing can be taken for YAML's own; otherwise as JSON has it, which is YAML as well.
std::string yaml_text(const Json& value) {
  const auto text = value.text();
  if (!text) return json_text(value);
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto is_plain = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9') || std::string_view("_/.- +,=").find(c) != std::string_view::npos; };
  static constexpr std::string_view kReserved[] = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"};
  std::string lower = *text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  const bool bare = !text->empty() && (is_letter(text->front()) || text->front() == '/') && text->back() != ' ' &&
                    std::all_of(text->begin(), text->end(), is_plain) &&
                    std::find(std::begin(kReserved), std::end(kReserved), lower) == std::end(kReserved);
  return bare ? *text : json_text(value);
}

void print_yaml(const std::vector<std::string>& fields, const LsRows& rows, const Console& console) {
  if (rows.empty()) console.write("[]\n");
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < fields.size(); ++i)
      console.write((i == 0 ? "- " : "  ") + yaml_text(Json{fields[i]}) + ": " + yaml_text(row[i]) + "\n");
  }
}

void print_csv(const std::vector<std::string>& fields, const LsRows& rows, const Console& console) {
  const auto line = [&](const auto& text_of) {
    std::string text;
    for (std::size_t i = 0; i < fields.size(); ++i) text += (i == 0 ? "" : ",") + text_of(i);
    console.write(text + "\n");
  };
  line([&](std::size_t i) { return csv_text(Json{fields[i]}); });
  for (const auto& row : rows) line([&](std::size_t i) { return csv_text(row[i]); });
}

}  // namespace

void print_rows(LsFormat format, const std::vector<std::string>& fields, const LsRows& rows, const Console& console) {
  switch (format) {
    case LsFormat::table:
      return print_table(fields, rows, console);
    case LsFormat::summaries:
      return print_summaries(fields, rows, console);
    case LsFormat::json:
      return console.write(json_text(list_of(fields, rows)) + "\n");
    case LsFormat::json_pp:
      return console.write(json_text(list_of(fields, rows), 2) + "\n");
    case LsFormat::yaml:
      return print_yaml(fields, rows, console);
    case LsFormat::csv:
      return print_csv(fields, rows, console);
  }
}

}  // namespace duct_log
