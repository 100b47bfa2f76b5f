// SPDX-License-Identifier: MIT
// Processes as columns of JSON: small where there are many of them, as names stand once and each word once.
#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "log/json_object.hpp"
#include "log/run_record.hpp"

namespace duct_log {

class ProcessColumns {
 public:
  // Epochs: times are written as seconds since `start`; a process without an end lives until `end`.
  ProcessColumns(double start, double end);
  void add(const Process& process);
  std::size_t count() const { return count_; }
  // Adds "columns" (without those that hold nothing), "words" and "argvs" (lists of numbers of words).
  void finish(JsonObject& data);

 private:
  struct Column {
    std::string name, values;
    bool empty = true;  // nothing but null so far
  };
  class Row;
  std::size_t word(const std::string& text);
  std::size_t argv(const Process& process);

  double start_, end_;
  std::size_t count_ = 0;
  std::vector<Column> columns_;
  std::unordered_map<std::string, std::size_t> words_, argvs_;
  std::string words_text_, argvs_text_;
};

}  // namespace duct_log
