// SPDX-License-Identifier: MIT
#include "core/record_doctor.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/summary_format.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {
namespace {

using Json = nlohmann::ordered_json;

struct Mark {
  const char* text;
  const char* color;
};
Mark mark_of(FactState state) {
  switch (state) {
    case FactState::good:
      return {"ok", "32"};
    case FactState::note:
      return {"note", "33"};
    default:
      return {"BAD", "31"};
  }
}

}  // namespace

std::string diagnosis_text(const Diagnosis& diagnosis, bool colors) {
  std::string text;
  for (const Fact& fact : diagnosis.facts) {
    Mark mark = mark_of(fact.state);
    std::string padded = fmt::format("{:<5}", mark.text);
    if (colors) padded = fmt::format("\033[{}m{}\033[0m", mark.color, padded);
    text += fmt::format("{} {:<16} {}\n", padded, fact.name, printable(fact.value));
    if (!fact.meaning.empty()) text += fmt::format("{:22} {}\n", "", printable(fact.meaning));
    if (!fact.mend.empty()) text += fmt::format("{:22} -> {}\n", "", printable(fact.mend));
  }
  return text + (diagnosis.works() ? "duct-bpf works here.\n" : "duct-bpf does not work here.\n");
}

std::string diagnosis_json(const Diagnosis& diagnosis) {
  Json facts = Json::array();
  for (const Fact& fact : diagnosis.facts) {
    const char* state = fact.state == FactState::good ? "good" : fact.state == FactState::note ? "note" : "bad";
    facts.push_back({{"name", fact.name},
                     {"value", fact.value},
                     {"state", state},
                     {"meaning", fact.meaning.empty() ? Json(nullptr) : Json(fact.meaning)},
                     {"mend", fact.mend.empty() ? Json(nullptr) : Json(fact.mend)}});
  }
  Json run = nullptr;
  if (diagnosis.run) {
    run = {{"num_processes", diagnosis.run->num_processes},
           {"exact", diagnosis.run->completeness.exact()},
           {"memory_method", diagnosis.run->memory_method},
           {"startup_time", diagnosis.run->startup_s}};
  }
  Json json = {{"duct_version", std::string(version())}, {"works", diagnosis.works()}, {"facts", std::move(facts)}, {"run", std::move(run)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace duct_bpf
