// SPDX-License-Identifier: MIT
// What this machine allows: facts, what each means for a run, how to mend it, and a short run as the proof.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "duct_bpf/error.hpp"
#include "duct_bpf/profile.hpp"

namespace duct_bpf {

enum class FactState {
  good,
  note,  // a run works, with the difference that `meaning` tells
  bad,   // a run does not work
};

struct Fact {
  std::string name;     // "kernel", "privilege", ...
  std::string value;    // what was found
  FactState state = FactState::good;
  std::string meaning;  // for a run; where bad, the text of the error
  std::string mend;     // a command, or what to do where there is none; empty: nothing
};

struct Diagnosis {
  std::vector<Fact> facts;
  std::optional<Summary> run;    // of the short run,
  std::optional<Error> failure;  // or why there was none
  bool works() const { return run && run->completeness.exact(); }
};

// Takes some tens of milliseconds. What the run needs no more is given up for good, see Options::renounce_privilege.
Diagnosis diagnose();

}  // namespace duct_bpf
