// SPDX-License-Identifier: MIT
#include "duct_bpf/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "capture/btf_cache.hpp"
#include "capture/kernel_support.hpp"
#include "capture/privilege.hpp"
#include "capture/root_cache.hpp"
#include "capture/tracer.hpp"
#include "duct_bpf/run.hpp"

namespace duct_bpf {
namespace {

Fact cached_types() {
  if (Tracer::has_cached_types()) return {"BTF cache", kCacheDir, FactState::good, "", ""};
  Fact fact{"BTF cache", "nothing for this kernel", FactState::note, "each start takes some 30 ms more", "sudo duct-bpf --doctor"};
  if (::geteuid() != 0) return fact;
  fact.state = FactState::good;
  fact.meaning = "the run below writes it";
  fact.mend.clear();
  return fact;
}

Fact attach_points() {
  auto points = attach_points_of_kernel();
  Fact fact{"attach points", "", FactState::good, "", ""};
  for (auto& [name, there] : points) {
    if (!there) fact.meaning += (fact.meaning.empty() ? "the kernel lacks " : ", ") + name;
    if (there) fact.value += (fact.value.empty() ? "" : " ") + name;
  }
  if (points.empty()) fact.value = "not known, as there is no type data";
  if (points.empty() || fact.meaning.empty()) return fact;
  fact.state = FactState::bad;
  fact.mend = "use a kernel with tracepoints and BPF iterators (CONFIG_FTRACE=y, CONFIG_BPF_EVENTS=y), as distributions ship it";
  return fact;
}

// How the memory of the tree is known, as the run has found it.
Fact memory_method(const Summary& run) {
  Fact fact{"memory", run.memory_method + ": followed by events, between the samples, too", FactState::good, "", ""};
  if (run.memory_error_bound_bytes)
    fact.meaning = fmt::format("the peak of the tree is off by {} KiB for each process at most",
                               *run.memory_error_bound_bytes / 1024 / std::max<std::uint64_t>(run.max_processes, 1));
  return fact;
}

Fact result_of(const Summary& run) {
  const Completeness& complete = run.completeness;
  Fact fact{"run", fmt::format("{} processes, {} lost, arguments and CPU time of each; started in {:.0f} ms", run.num_processes,
                               complete.lost(), run.startup_s * 1000),
            FactState::good, "", ""};
  if (complete.exact()) return fact;
  fact.state = FactState::bad;
  fact.meaning = "the records of a run of two processes are not complete";
  fact.mend = "duct-bpf --log-level DEBUG true";
  return fact;
}

// A process and its child; without a shell, ourselves. Writes no file.
Options short_run() {
  Options options;
  options.command = {"/bin/sh", "-c", "(:) & wait"};
  if (::access("/bin/sh", X_OK)) options.command = {"/proc/self/exe", "--version"};
  options.output_prefix = "duct-bpf-doctor-";
  options.clobber = true;
  options.capture_outputs = Streams::none;
  options.outputs = OutputView::none;
  options.record_types = {.system_summary = false, .processes_samples = false, .processes_summary = false};
  options.renounce_privilege = true;
  return options;
}

}  // namespace

Diagnosis diagnose() {
  Diagnosis diagnosis;
  std::vector<Fact>& facts = diagnosis.facts;
  facts = required_facts();
  facts.push_back(cached_types());
  facts.push_back(attach_points());
  for (Fact& fact : other_facts()) facts.push_back(std::move(fact));
  Observer nobody;
  Options options = short_run();
  options.launched = std::chrono::steady_clock::now();
  if (auto outcome = run(options, nobody)) {
    diagnosis.run = outcome->summary;
    facts.push_back(memory_method(outcome->summary));
    facts.push_back(result_of(outcome->summary));
  } else {
    const Error& error = outcome.error();
    diagnosis.failure = error;
    facts.push_back({"run", "failed", FactState::bad, error.message, error.hint});
  }
  return diagnosis;
}

}  // namespace duct_bpf
