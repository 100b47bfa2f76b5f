// SPDX-License-Identifier: MIT
// A process in words; escaped.
#pragma once

#include <string>

#include "log/run_record.hpp"

namespace duct_log {

// "0", "3", "KILL", "SEGV, core"; "alive"; "-" where it is not known.
std::string exit_text(const Process& process);

// "sh (pid 17, uid 0)", "itself", "the kernel: out of memory"; empty where it is not known.
std::string killer_text(const Process& process);

// Its arguments, the program without its directory, or [comm]; after a fork without exec they are its parent's, and that is said.
std::string command_text(const Process& process);

// Its program without the directory, as a name to put equal ones together by: argv[0], else exe, else comm.
std::string program_of(const Process& process);

// A signal's name without SIG, or its number.
std::string signal_text(std::int64_t signal);

// A field by its name in processes.jsonl, for filters; and `failed`. Null where there is none.
Json process_field(const Process& process, std::string_view name);
bool is_process_field(std::string_view name);

}  // namespace duct_log
