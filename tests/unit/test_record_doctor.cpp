// SPDX-License-Identifier: MIT
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "core/record_doctor.hpp"

using namespace duct_bpf;

namespace {

Diagnosis sample() {
  Diagnosis diagnosis;
  diagnosis.facts = {{"kernel", "6.1", FactState::good, "", ""},
                     {"cache", "none\x1b[1m", FactState::note, "slower", "sudo it"},
                     {"run", "failed", FactState::bad, "no privilege", "get some"}};
  return diagnosis;
}

Summary exact_summary() {
  Summary summary;
  summary.num_processes = 1;
  summary.completeness.exits = 1;
  return summary;
}

}  // namespace

TEST_CASE("a diagnosis as text") {
  std::string text = diagnosis_text(sample(), false);
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("ok    kernel           6.1\n") == 0);
  CHECK(text.find("BAD   run              failed\n                       no privilege\n                       -> get some\n") !=
        std::string::npos);
  CHECK(text.ends_with("duct-bpf does not work here.\n"));
  CHECK(diagnosis_text(sample(), true).find("\x1b[31mBAD") != std::string::npos);
}

TEST_CASE("a diagnosis as JSON") {
  auto json = nlohmann::json::parse(diagnosis_json(sample()));
  CHECK(json["works"] == false);
  CHECK(json["run"].is_null());
  CHECK(json["facts"].size() == 3);
  CHECK(json["facts"][0]["mend"].is_null());
  CHECK(json["facts"][1]["state"] == "note");
  CHECK(json["facts"][2]["meaning"] == "no privilege");
}

TEST_CASE("what works is a run of which nothing is missing") {
  Diagnosis diagnosis = sample();
  diagnosis.run = exact_summary();
  CHECK(diagnosis.works());
  CHECK(nlohmann::json::parse(diagnosis_json(diagnosis))["run"]["num_processes"] == 1);
  diagnosis.run->completeness.lost_forks = 1;
  CHECK_FALSE(diagnosis.works());
}
