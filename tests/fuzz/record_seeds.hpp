// SPDX-License-Identifier: MIT
// Records to start fuzzing their readers from.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

// One run; a file that it does not have is empty.
struct RecordSeed {
  std::string info, usage, processes;
};

// Ours, as the program writes them; con-duct's in `con_duct` (a directory), each cut to a few lines; and what parsers have
// stumbled on: halves of surrogates, numbers out of range, nesting, keys twice, values of another type.
std::vector<RecordSeed> record_seeds(const std::filesystem::path& con_duct);
