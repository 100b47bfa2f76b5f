// SPDX-License-Identifier: MIT
#include "capture/kernel_side.hpp"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <system_error>

#include "capture/bpf_calls.hpp"
#include "capture/privilege.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kLogBytes = 256 * 1024;

template <typename List>
std::size_t place_of(const List& list, std::string_view name) {
  return std::find_if(list.begin(), list.end(), [&](auto& each) { return each.name == name; }) - list.begin();
}

}  // namespace

struct KernelSide::Job {
  KernelImage::Program* program = nullptr;
  std::size_t place = 0;
  Fd fd;
  int error = 0;
  std::string log;
};

KernelSide::Mapping::~Mapping() {
  if (memory) ::munmap(memory, size);
}

bool KernelSide::fits(const KernelImage& image) {
  for (const char* map : {"groups", "exited", "exiting", "tails", "news", "late_news", "late_execs", "exec_scratch", "watch_list", "rss_seen"})
    if (place_of(image.maps, map) == image.maps.size()) return false;
  for (const char* program : {"on_fork", "on_exec", "on_exit", "on_rss", "on_signal", "end_exits", "keep_memory", "arm", "adopt", "sample", "sample_threads", "read_states"})
    if (place_of(image.programs, program) == image.programs.size()) return false;
  for (auto [map, size] : {std::pair(".rodata", sizeof(Constants)), {".bss", sizeof(Variables)}, {".data", sizeof(Knobs)}}) {
    const std::size_t place = place_of(image.maps, map);
    if (place == image.maps.size() || image.maps[place].value_bytes < size) return false;
  }
  return !image.maps[place_of(image.maps, ".rodata")].content.empty();
}

KernelSide::KernelSide(KernelImage image, const KernelBtf& facts, Workers& workers)
    : image_(std::move(image)),
      attach_ids_{0, facts.iter_task_id, facts.rss_stat_id},
      workers_(workers),
      maps_(image_.maps.size()),
      programs_(image_.programs.size()) {}

KernelSide::~KernelSide() {
  late_given_up_ = true;
  start_late();
}

int KernelSide::map(std::string_view name) const { return maps_.at(place_of(image_.maps, name)).get(); }

int KernelSide::program(std::string_view name) const { return programs_.at(place_of(image_.programs, name)).get(); }

Fd KernelSide::attach(std::string_view program) const {
  const auto& from = image_.programs.at(place_of(image_.programs, program));
  const int fd = this->program(program);
  if (from.kind == KernelImage::Kind::task_iterator) return Fd(bpf_link_create(fd, 0, BPF_TRACE_ITER, nullptr));
  // What is typed knows its tracepoint.
  return Fd(bpf_raw_tracepoint_open(from.kind == KernelImage::Kind::raw_tracepoint ? from.event.c_str() : nullptr, fd));
}

int KernelSide::load() {
  for (std::size_t i = 0; i < image_.programs.size(); i++) {
    auto& program = image_.programs[i];
    if (unwanted_.contains(program.name)) continue;
    auto job = std::make_unique<Job>();
    job->program = &program;
    job->place = i;
    (late_.contains(program.name) ? late_jobs_ : jobs_).push_back(std::move(job));
  }
  if (int error = make_maps()) return error;
  make_late_thread();
  // The longest first, so that none is left with it at the end.
  std::sort(jobs_.begin(), jobs_.end(), [](auto& a, auto& b) { return a->program->instructions.size() > b->program->instructions.size(); });
  for (auto& job : jobs_) workers_.add(job->program->instructions.size(), [this, each = job.get()] { load_one(*each); });
  workers_.finish(1);
  workers_.dismiss();
  return take(jobs_);
}

void KernelSide::make_late_thread() {
  if (!leaves_some()) return;
  try {
    late_thread_ = std::make_unique<SideThread>(workers_.callers_cpus(), [this] { load_late(); });
  } catch (const std::system_error&) {  // no thread to be had: now, then
    load_late_ones(true);
  }
}

std::vector<bool> KernelSide::named_by(const Jobs& jobs) const {
  std::vector<bool> named(maps_.size());
  for (auto& job : jobs)
    for (const bpf_insn& each : job->program->instructions)
      if (names_a_map(each)) named[each.imm] = true;
  return named;
}

// Their memory takes a while to be had: side by side, the largest first; and those that late programs alone name come with these.
int KernelSide::make_maps() {
  std::atomic<int> error = 0;
  auto check = [&error](const Fd& made) {
    if (!made) error = -errno;
  };
  const auto by_first = named_by(jobs_), by_late = named_by(late_jobs_);
  for (std::size_t i = 0; i < maps_.size(); i++) {
    if (image_.maps[i].name == borrowed_.first) continue;
    if (by_late[i] && !by_first[i]) {
      late_maps_.push_back(i);
      continue;
    }
    workers_.add(1 + image_.maps[i].entries, [this, i, check] { check(maps_[i] = create_map(image_.maps[i])); });
  }
  workers_.add(1, [this, check] { check(types_ = load_types(image_.types)); });
  workers_.finish(1);
  if (error) return error;
  if (borrowed_.second) {
    Fd& made = maps_[place_of(image_.maps, borrowed_.first)] = borrowed_.second();
    if (!made) return -errno;
  }
  const std::pair<std::string_view, Mapping*> values[] = {{".rodata", nullptr}, {".bss", &variables_}, {".data", &knobs_}};
  for (auto [name, mapping] : values)
    if (int failed = fill(image_.map(name), map(name), mapping)) return failed;
  return 0;
}

// Constants are frozen, so that the verifier knows that they are; the rest is seen in our memory.
int KernelSide::fill(const KernelImage::Map& map, int fd, Mapping* mapping) {
  if (!map.content.empty() && set_value(fd, 0, map.content.data())) return -errno;
  if (!mapping) return freeze(fd) ? -errno : 0;
  void* memory = ::mmap(nullptr, map.value_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) return -errno;
  mapping->memory = memory;
  mapping->size = map.value_bytes;
  return 0;
}

void KernelSide::load_one(Job& job) {
  auto& program = *job.program;
  for (bpf_insn& each : program.instructions)
    if (names_a_map(each)) each.imm = maps_[each.imm].get();
  const std::uint32_t attach_id = attach_ids_[static_cast<std::uint32_t>(program.kind)];
  job.fd = load_program(program, types_.get(), attach_id, {});
  job.error = job.fd ? 0 : -errno;
  // Once more for the verifier's words, which cost time when all is well. They tell kernel addresses: not to who is not root.
  if (job.fd || privilege_is_the_files()) return;
  job.log.resize(kLogBytes);
  load_program(program, types_.get(), attach_id, job.log);
  job.log.resize(std::min(job.log.find('\0'), job.log.size()));
}

// All that is privileged once the command runs, for the milliseconds that it takes.
void KernelSide::load_late() {
  bool renounced = static_cast<bool>(keep_capabilities(tracing_capabilities()));
  late_wanted_.wait(false);
  load_late_ones(renounced);
}

void KernelSide::load_late_ones(bool permitted) {
  if (!permitted) late_error_ = -EPERM;
  for (std::size_t map : late_maps_)
    if (!late_error_ && !(maps_[map] = create_map(image_.maps[map]))) late_error_ = -errno;
  for (auto& job : late_jobs_)
    if (!late_error_ && !late_given_up_) load_one(*job);
  late_ready_ = true;
}

void KernelSide::start_late() {
  late_wanted_ = true;
  late_wanted_.notify_one();
}

int KernelSide::finish() {
  start_late();
  late_thread_.reset();
  int error = take(late_jobs_);
  return late_error_ ? late_error_ : error;
}

int KernelSide::take(Jobs& jobs) {
  int error = 0;
  for (auto& job : jobs) {
    if (job->error) {
      error = job->error;
      log_ += job->program->name + ":\n" + job->log;
    }
    programs_[job->place] = std::move(job->fd);
  }
  jobs.clear();
  return error;
}

}  // namespace duct_bpf
