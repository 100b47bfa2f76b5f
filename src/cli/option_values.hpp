// SPDX-License-Identifier: MIT
// Reads the values of options and variables. An error says what is wrong with the value; the caller puts the
// name of the option or variable in front.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

#include "duct_bpf/error.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {

inline constexpr double kMaxSeconds = 1e9;  // as nanoseconds it fits 64 bits

inline Error usage(std::string message, std::string hint = {}) {
  return Error{ErrorCode::usage, std::move(message), std::move(hint)};
}

inline std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

inline std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  return failure == std::errc() && end == text.data() + text.size();
}

inline Result<void> read_seconds(std::string_view text, double least, double& seconds) {
  double value = 0;
  if (!read_number(text, value) || !std::isfinite(value)) {
    return usage(quoted(text) + " is not a number", "seconds, such as 0.5");
  }
  if (value < least) return usage(fmt::format("{} is less than {}", text, least));
  if (value > kMaxSeconds) return usage(fmt::format("{} is more than {} seconds", text, kMaxSeconds));
  seconds = value;
  return {};
}

inline Result<void> read_count(std::string_view text, std::size_t least, std::size_t most,
                               std::size_t& count) {
  std::size_t value = 0;
  if (!read_number(text, value)) return usage(quoted(text) + " is not a whole number");
  if (value < least || value > most) return usage(fmt::format("{} is not in {} to {}", text, least, most));
  count = value;
  return {};
}

// Bytes, with K, M or G for the powers of 1024.
inline Result<void> read_size(std::string_view text, std::size_t least, std::size_t most, std::size_t& size) {
  std::string_view digits = text;
  const std::size_t suffix =
      text.empty() ? std::string_view::npos : std::string_view("kKmMgG").find(text.back());
  const unsigned shift = suffix == std::string_view::npos ? 0 : 10 * (static_cast<unsigned>(suffix) / 2 + 1);
  if (shift > 0) digits.remove_suffix(1);
  std::size_t value = 0;
  if (!read_number(digits, value)) {
    return usage(quoted(text) + " is not a size", "bytes, with K, M or G for powers of 1024, such as 64K");
  }
  if (value > (most >> shift) || (value << shift) < least) {
    return usage(fmt::format("{} is not in {} to {} bytes", text, least, most));
  }
  size = value << shift;
  return {};
}

template <typename T, std::size_t n>
Result<void> read_choice(std::string_view text, const std::pair<const char*, T> (&choices)[n], T& choice) {
  const std::string wanted = lower(text);
  std::string names;
  for (const auto& [name, value] : choices) {
    if (wanted == name) {
      choice = value;
      return {};
    }
    names += (names.empty() ? "" : ", ") + std::string(name);
  }
  return usage("no such choice as " + quoted(text), "one of " + names);
}

inline constexpr std::pair<const char*, bool> kTruth[] = {{"1", true},   {"true", true}, {"yes", true},
                                                          {"on", true},  {"0", false},   {"false", false},
                                                          {"no", false}, {"off", false}};
inline constexpr std::pair<const char*, LogLevel> kLevels[] = {
    {"none", LogLevel::none},       {"critical", LogLevel::critical}, {"error", LogLevel::error},
    {"warning", LogLevel::warning}, {"info", LogLevel::info},         {"debug", LogLevel::debug}};
inline constexpr std::pair<const char*, Streams> kStreams[] = {{"all", Streams::all},
                                                               {"none", Streams::none},
                                                               {"stdout", Streams::stdout_only},
                                                               {"stderr", Streams::stderr_only}};
inline constexpr std::pair<const char*, OutputView> kViews[] = {{"all", OutputView::all},
                                                                {"none", OutputView::none},
                                                                {"stdout", OutputView::stdout_only},
                                                                {"stderr", OutputView::stderr_only},
                                                                {"spinner", OutputView::spinner},
                                                                {"dotter", OutputView::dotter}};
inline constexpr std::pair<const char*, SessionMode> kModes[] = {
    {"new-session", SessionMode::new_session}, {"current-session", SessionMode::current_session}};
inline constexpr std::pair<const char*, MemoryMethod> kMemoryMethods[] = {
    {"fast", MemoryMethod::fast}, {"exact", MemoryMethod::exact}, {"sampled", MemoryMethod::sampled}};
inline constexpr std::pair<const char*, Sampler> kSamplers[] = {{"bpf", Sampler::bpf}, {"procfs", Sampler::procfs}};
inline constexpr std::pair<const char*, TracerDeath> kTracerDeaths[] = {{"continue", TracerDeath::goes_on},
                                                                        {"kill", TracerDeath::is_killed}};
using RecordFlag = bool RecordTypes::*;
inline constexpr std::pair<const char*, RecordFlag> kRecordTypes[] = {
    {"all", nullptr},
    {"system-summary", &RecordTypes::system_summary},
    {"processes-samples", &RecordTypes::processes_samples},
    {"processes-summary", &RecordTypes::processes_summary}};

inline Result<void> read_record_types(std::string_view text, RecordTypes& types) {
  RecordTypes chosen{.system_summary = false, .processes_samples = false, .processes_summary = false};
  while (true) {
    const std::size_t comma = std::min(text.find(','), text.size());
    RecordFlag flag = nullptr;
    if (auto ok = read_choice(text.substr(0, comma), kRecordTypes, flag); !ok) return ok;
    if (flag != nullptr) {
      chosen.*flag = true;
    } else {
      chosen = RecordTypes{};
    }
    if (comma == text.size()) break;
    text.remove_prefix(comma + 1);
  }
  types = chosen;
  return {};
}

}  // namespace duct_bpf
