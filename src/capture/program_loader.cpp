// SPDX-License-Identifier: MIT
#include "capture/program_loader.hpp"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "abi.h"
#include "capture/privilege.hpp"

namespace duct_bpf {
namespace {

// libbpf's callbacks have no room for an object; there is one load at a time.
ProgramLoader* current_loader = nullptr;

constexpr bpf_insn kStub[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
};

enum : long { kRawTracepoint, kTaskIterator, kMapIterator, kRssStat };

rlim_t locked_memory_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur;
}

}  // namespace

struct ProgramLoader::Job {
  const bpf_program* program = nullptr;
  bpf_prog_type type = BPF_PROG_TYPE_RAW_TRACEPOINT;
  std::vector<bpf_insn> instructions;
  bpf_prog_load_opts options{};
  Fd fd;
  int error = 0;
  std::string log;
};

ProgramLoader::ProgramLoader(const KernelBtf& facts, const PreparedCode* known, Workers& workers)
    : attach_ids_{0, facts.iter_task_id, facts.iter_map_id, facts.rss_stat_id},
      rdonly_cast_id_(facts.rdonly_cast_id),
      known_(known),
      workers_(workers),
      locked_memory_(locked_memory_limit()) {
  current_loader = this;
  // For good, and for names of sections that are ours alone: libbpf 1.1 goes on with freed memory once the last one is taken back.
  [[maybe_unused]] static const bool registered = (register_handlers(), true);
}

void ProgramLoader::register_handlers() {
  libbpf_prog_handler_opts options{};
  options.sz = sizeof options;
  options.prog_prepare_load_fn = prepare;
  // A type for which libbpf does not parse the kernel's BTF; the real one is set for the real load.
  for (auto [section, kind] : {std::pair("duct_raw_tp+", kRawTracepoint), std::pair("duct_iter/task", kTaskIterator),
                               std::pair("duct_iter/bpf_map_elem", kMapIterator), std::pair("duct_btf_tp/rss_stat", kRssStat)}) {
    options.cookie = kind;
    libbpf_register_prog_handler(section, BPF_PROG_TYPE_RAW_TRACEPOINT, static_cast<bpf_attach_type>(0), &options);
  }
}

ProgramLoader::~ProgramLoader() {
  workers_.finish();
  late_thread_.request_stop();
  start_late();
  current_loader = nullptr;
}

int ProgramLoader::prepare(bpf_program* program, bpf_prog_load_opts* options, long kind) {
  auto job = std::make_unique<Job>();
  job->program = program;
  job->instructions.assign(bpf_program__insns(program), bpf_program__insns(program) + bpf_program__insn_cnt(program));
  const std::string name = bpf_program__name(program);
  if (current_loader->known_) {
    if (!current_loader->known_->put_into(name, job->instructions)) return -ESTALE;
  } else {
    for (bpf_insn& each : job->instructions) {
      if (each.code != (BPF_JMP | BPF_CALL) || each.src_reg != 0 || each.imm != ABI_RDONLY_CAST) continue;
      each.src_reg = BPF_PSEUDO_KFUNC_CALL;
      each.imm = static_cast<int>(current_loader->rdonly_cast_id_);
    }
    current_loader->prepared_.add(name, job->instructions);
  }
  job->options = *options;
  if (kind != kRawTracepoint) {
    job->type = BPF_PROG_TYPE_TRACING;
    job->options.expected_attach_type = kind == kTaskIterator || kind == kMapIterator ? BPF_TRACE_ITER : BPF_TRACE_RAW_TP;
    job->options.attach_btf_id = current_loader->attach_ids_[kind];
  }
  if (!current_loader->unwanted_.contains(program)) current_loader->take_on(std::move(job));
  options->func_info_cnt = options->line_info_cnt = 0;
  bpf_insn stub[std::size(kStub)];
  std::copy(std::begin(kStub), std::end(kStub), stub);
  return bpf_program__set_insns(program, stub, std::size(kStub));
}

void ProgramLoader::take_on(std::unique_ptr<Job> job) {
  const bool may_wait = locked_memory_ == locked_memory_limit();
  if (may_wait && late_.contains(job->program)) {
    late_jobs_.push_back(std::move(job));
    return;
  }
  const bool is_last = may_wait && job->program == last_ && workers_.threads();  // who settles may have no privilege to load it
  workers_.add(is_last ? 0 : job->instructions.size(), [this, each = job.get()] { load_one(*each); });
  (is_last ? last_jobs_ : jobs_).push_back(std::move(job));
}

void ProgramLoader::load_one(Job& job) {
  const char* name = bpf_program__name(job.program);
  auto attempt = [&] {
    job.fd.reset(bpf_prog_load(job.type, name, "GPL", job.instructions.data(), job.instructions.size(), &job.options));
    job.error = job.fd ? 0 : -errno;
  };
  attempt();
  if (job.fd && on_loaded_) job.error = on_loaded_(job.program, job.fd.get());
  // Once more for the verifier's words, which cost time when all is well. They tell kernel addresses: not to who is not root.
  if (job.fd || privilege_is_the_files()) return;
  job.log.resize(256 * 1024);
  job.options.log_buf = job.log.data();
  job.options.log_size = job.log.size();
  job.options.log_level = 1;
  attempt();
  job.log.resize(job.log.find('\0') == std::string::npos ? job.log.size() : job.log.find('\0'));
}

int ProgramLoader::load() {
  workers_.finish(1);
  if (int error = take(jobs_)) return error;
  try {
    if (leaves_some()) late_thread_ = std::jthread([this](std::stop_token stop) { load_late(stop); });
  } catch (const std::system_error&) {  // no thread to be had: now, then
    load_late_ones({}, true);
  }
  return 0;
}

int ProgramLoader::settle() {
  workers_.join();
  return take(last_jobs_);
}

// All that is privileged once the command runs, for the milliseconds that it takes.
void ProgramLoader::load_late(std::stop_token stop) {
  bool renounced = static_cast<bool>(keep_capabilities(tracing_capabilities()));
  late_wanted_.wait(false);
  load_late_ones(stop, renounced);
}

void ProgramLoader::load_late_ones(std::stop_token stop, bool permitted) {
  if (!permitted) late_error_ = -EPERM;
  for (auto& job : late_jobs_)
    if (!late_error_ && !stop.stop_requested()) load_one(*job);
  late_ready_ = true;
}

void ProgramLoader::start_late() {
  late_wanted_ = true;
  late_wanted_.notify_one();
}

int ProgramLoader::finish() {
  start_late();
  if (late_thread_.joinable()) late_thread_.join();
  int error = take(late_jobs_);
  return late_error_ ? late_error_ : error;
}

int ProgramLoader::take(Jobs& jobs) {
  int error = 0;
  for (auto& job : jobs) {
    if (job->error) {
      error = job->error;
      log_ += std::string(bpf_program__name(job->program)) + ":\n" + job->log;
    }
    loaded_[job->program] = std::move(job->fd);
  }
  jobs.clear();
  return error;
}

int ProgramLoader::fd(const bpf_program* program) const {
  auto found = loaded_.find(program);
  return found == loaded_.end() ? -1 : found->second.get();
}

}  // namespace duct_bpf
