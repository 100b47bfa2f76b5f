// SPDX-License-Identifier: MIT
#include "log/html_report.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include "log/report_data.hpp"
#include "log/report_page.hpp"
#include "log/text.hpp"

namespace duct_log {
namespace {

// The page's own script and style are allowed by this number alone: whatever else came to stand in the page, it would not run.
Result<std::string> random_nonce() {
  std::array<unsigned char, 16> bytes{};
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    return Error{ErrorCode::system, std::string("no random numbers: ") + std::strerror(errno), {}};
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::string html_text(std::string_view text) {
  std::string safe;
  for (const char c : escaped(text)) {
    if (c == '&')
      safe += "&amp;";
    else if (c == '<')
      safe += "&lt;";
    else
      safe += c;
  }
  return safe;
}

}  // namespace

Result<std::string> html_report(const Run& run, std::size_t max_processes, const Warn& warn) {
  const auto data = report_data(run, max_processes, warn);
  if (!data) return data.error();
  const auto nonce = random_nonce();
  if (!nonce) return nonce.error();
  const std::string title = html_text(fitted(run.info.command.value_or(run.files.prefix), 80)) + " – duct-log";
  const std::pair<std::string_view, std::string_view> values[] = {
      {"nonce", *nonce}, {"title", title}, {"style", kReportStyle}, {"script", kReportScript}, {"data", *data}};
  // One pass over the page's frame: what is put in is not looked at again.
  std::string page;
  page.reserve(data->size() + kReportScript.size() + kReportStyle.size() + kReportFrame.size());
  std::string_view rest = kReportFrame;
  for (std::size_t open = rest.find("{{"); open != std::string_view::npos; open = rest.find("{{")) {
    const std::size_t close = rest.find("}}", open);
    const std::string_view name = rest.substr(open + 2, close - open - 2);
    page += rest.substr(0, open);
    for (const auto& [known, value] : values) {
      if (known == name) page += value;
    }
    rest.remove_prefix(close + 2);
  }
  page += rest;
  return page;
}

}  // namespace duct_log
