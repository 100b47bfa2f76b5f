// SPDX-License-Identifier: MIT
#include "capture/tracer.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <future>
#include <set>
#include <utility>

#include "abi.h"
#include "capture/btf_cache.hpp"
#include "capture/fd.hpp"
#include "capture/kernel_support.hpp"
#include "capture/machine.hpp"
#include "capture/maps.hpp"
#include "capture/os_error.hpp"
#include "capture/privilege.hpp"
#include "capture/program_loader.hpp"
#include "capture/root_cache.hpp"
#include "capture/skeleton.hpp"
#include "capture/spilled_news.hpp"
#include "capture/watch_list.hpp"
#include "capture/workers.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kLoadingThreads = 3;  // beside ours

// libbpf speaks through one function pointer; what it says is kept until somebody wants it.
std::string& libbpf_log() {
  static std::string log;
  return log;
}
int keep_log(libbpf_print_level level, const char* format, va_list arguments) {
  if (level == LIBBPF_DEBUG) return 0;
  char line[4096];
  int length = std::vsnprintf(line, sizeof line, format, arguments);
  if (length > 0 && libbpf_log().size() < 64 * 1024) libbpf_log() += line;
  return length;
}

class KernelTracer final : public Tracer {
 public:
  ~KernelTracer() override {
    ring_buffer__free(ring_);
    links_.clear();
    memory_link_.reset();
    unload();
  }

  Result<void> open(const TracerConfig& config);

  Result<void> listen() override;
  void close() override { __atomic_store_n(&object_->bss->closed, 1u, __ATOMIC_SEQ_CST); }
  // Not before: on a machine with few CPUs the command would have to wait for them.
  void command_started(pid_t, const std::vector<std::string>&, const std::string&) override { loader_->start_late(); }
  void expect_command() override { object_->bss->expect_command = 1; }
  Result<std::uint64_t> adopt_session() override { return adopt(0); }
  Result<std::uint64_t> adopt_process(pid_t pid) override { return adopt(pid); }
  bool samples_ready() const override { return finished_loading_ || loader_->late_ready(); }
  int news_fd() const override { return ring_buffer__epoll_fd(ring_); }
  void drain(const Sink& sink) override;
  bool read_live(const ProcessTree& tree, const Sink& sink) override;
  bool read_states(const Sink& sink) override;
  bool end_exits() override;
  Left finish_all() override;
  void give_up(std::uint64_t key, const Sink& sink) override;
  bool kill_all() override;
  void want_exits() override { __atomic_store_n(&object_->bss->sweep_wanted, 0u, __ATOMIC_SEQ_CST); }
  TracerCounts counts() const override;
  std::optional<TreeMemory> memory() const override;
  std::optional<std::uint64_t> take_window_peak() override;
  bool prepare_memory_rest() override;
  bool rest_memory(bool rest) override;
  MemoryLooks take_memory_looks() override;
  void want_peak_above(std::uint64_t bytes) override {
    __atomic_store_n(&object_->data->peak_wanted_pages, static_cast<long long>(bytes / page_bytes_), __ATOMIC_SEQ_CST);
  }

 private:
  static int on_message(void* self, void* data, std::size_t size);
  enum class End { of_file, again };
  bool read_pass(const Fd& link, const Sink& sink, End end = End::of_file);
  int run_program(const bpf_program* program, std::uint32_t* answer = nullptr);
  Result<std::uint64_t> adopt(pid_t pid);  // 0: our session
  int on_loaded(const bpf_program* program, int fd, std::size_t entries);
  bool attach();
  std::span<const abi::cpu_peak> cpu_peaks() const {
    return std::span(object_->bss->cpu_peaks).first(std::min<std::size_t>(cpus_, abi::ABI_MAX_CPUS));
  }
  std::span<unsigned long long> cpu_max_live() const {
    return std::span(object_->bss->cpu_max_live).first(std::min<std::size_t>(cpus_, abi::ABI_MAX_CPUS));
  }
  std::uint64_t error_bound(const abi::cpu_peak& peak) const;
  bool finish_loading();  // of the programs that were left for later; false: errno
  void learn_percpu_offsets(unsigned cpus);
  std::uint64_t missed(const bpf_program* program) const;
  Result<void> load(const TracerConfig& config, const KernelBtf& facts, Reads reads, const std::shared_future<Fd>& news);
  Result<void> load(const TracerConfig& config, const KernelBtf& facts, std::span<const std::byte> object, const PreparedCode* known,
                    const std::shared_future<Fd>& news);
  void unload() {
    loader_.reset();  // its thread may still read what the object holds
    workers_.reset();
    duct_bpf_obj::destroy(std::exchange(object_, nullptr));
  }
  Error failure(int error) const { return explain_load_failure(error < 0 ? -error : error, libbpf_log()); }

  duct_bpf_obj* object_ = nullptr;
  std::unique_ptr<Workers> workers_;  // while we load
  std::unique_ptr<ProgramLoader> loader_;
  ring_buffer* ring_ = nullptr;
  std::vector<Fd> links_;
  Fd memory_link_, sample_link_, threads_link_, states_link_, adopt_link_;
  bool finished_loading_ = false;
  WatchList watch_list_;
  MemoryMethod memory_method_ = MemoryMethod::fast;
  bool percpu_rss_ = false;
  std::uint64_t page_bytes_ = 4096;
  long long window_start_pages_ = 0;
  std::uint64_t max_live_ = 0;  // as of the last take_memory_looks
  unsigned cpus_ = 1;
  const Sink* sink_ = nullptr;  // while drain runs
  std::optional<SpilledNews> spilled_;
};

Result<void> KernelTracer::open(const TracerConfig& config) {
  libbpf_set_print(keep_log);
  libbpf_log().clear();
  workers_ = std::make_unique<Workers>(kLoadingThreads);
  auto news = create_news(*workers_, config.ring_bytes);
  auto facts = kernel_btf(object_bytes(Reads::by_helper), kCacheDir);  // both objects read the same fields
  if (!facts) return facts.error();
  Result<void> loaded;
  const char* wanted = std::getenv("DUCT_BPF_READS");  // "helper": for comparison, and where direct reads are under suspicion
  bool direct = facts->rdonly_cast_id && facts->task_struct_id && facts->mm_struct_id && !(wanted && std::string_view(wanted) == "helper");
  std::string refusal;
  if (direct && !(loaded = load(config, *facts, Reads::direct, news))) {  // without a JIT, say
    refusal = "no direct reads of kernel structs: " + loaded.error().message + "\n" + std::exchange(libbpf_log(), "");
    unload();
    direct = false;
  }
  if (!direct && !(loaded = load(config, *facts, Reads::by_helper, news))) return loaded;
  libbpf_log().insert(0, refusal);
  auto& maps = object_->maps;
  spilled_.emplace(&object_->bss->counters.spilled, bpf_map__fd(maps.late_news), bpf_map__fd(maps.late_execs));
  if (!attach()) return failure(errno);
  if (!loader_->leaves_some() && !finish_loading()) return failure(errno);
  if (run_program(object_->progs.arm)) return failure(errno);
  if (facts->has_percpu_rss) learn_percpu_offsets(cpus_);
  return {};
}

Result<void> KernelTracer::listen() {
  if (!ring_) ring_ = ring_buffer__new(bpf_map__fd(object_->maps.news), on_message, this, nullptr);
  if (!ring_) return failure(errno);
  // Not later: on a machine short of CPU processes may be freed, and their memory others', before anybody has looked at them.
  int error = loader_->settle();
  libbpf_log() += loader_->log();
  if (error) return failure(error);
  return {};
}

Result<void> KernelTracer::load(const TracerConfig& config, const KernelBtf& facts, Reads reads, const std::shared_future<Fd>& news) {
  const auto object = object_bytes(reads);
  const RootCache cache(kCacheDir, object, "code");
  if (auto kept = cache.read()) {
    auto known = PreparedCode::from(*kept);
    auto stripped = without_relocations(object);
    if (known && !stripped.empty() && load(config, facts, stripped, &*known, news)) return {};
    unload();  // whatever it was: once more, without
    libbpf_log().clear();
  }
  auto loaded = load(config, facts, object, nullptr, news);
  if (loaded) cache.write(loader_->prepared().bytes());
  return loaded;
}

Result<void> KernelTracer::load(const TracerConfig& config, const KernelBtf& facts, std::span<const std::byte> object,
                                const PreparedCode* known, const std::shared_future<Fd>& news) {
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  std::string btf_path = facts.path();
  // Where /proc is not mounted libbpf reads the kernel's own.
  if (::access(btf_path.c_str(), R_OK) == 0) options.btf_custom_path = btf_path.c_str();
  if (!workers_) workers_ = std::make_unique<Workers>(kLoadingThreads);
  loader_ = std::make_unique<ProgramLoader>(facts, known, *workers_);
  object_ = open_object(object, options);
  if (!object_) return failure(errno);

  unsigned cpus = cpus_ = std::max(1, libbpf_num_possible_cpus());
  page_bytes_ = ::sysconf(_SC_PAGESIZE);
  memory_method_ = config.memory;
  percpu_rss_ = facts.has_percpu_rss;
  object_->rodata->nr_cpus = cpus;
  object_->rodata->task_struct_id = facts.task_struct_id;
  object_->rodata->mm_struct_id = facts.mm_struct_id;
  object_->rodata->page_shift = __builtin_ctzll(page_bytes_);
  object_->rodata->every_rss_event = config.memory == MemoryMethod::exact;
  object_->rodata->rss_events = config.memory != MemoryMethod::sampled;
  object_->rodata->max_argv_bytes = config.max_argv_bytes;
  if (privilege_is_the_files()) {
    object_->rodata->withholds = proc_hides_processes() ? abi::WITHHOLD_ARGV : abi::WITHHOLD_IO;
    object_->rodata->caller_uid = ::getuid();
    object_->rodata->caller_gid = ::getgid();
  }
  object_->rodata->wake_step_bytes = std::max<std::size_t>(config.ring_bytes / 8, 4096);
  object_->rodata->wake_step_mask = std::bit_floor(std::max<std::size_t>(config.ring_bytes / 4 / sizeof(abi::news_process), 1)) - 1;

  const std::size_t entries = size_maps(*object_, config, facts.has_bpf_allocator, cpus);
  object_->rodata->adopts = config.adopts;

  // A sample is not taken at once. But on_free has to be there from the first exit: on a machine short of CPU a process can be freed,
  // and its memory another's, before anybody has looked at it, and then nothing tells of its end.
  auto& programs = object_->progs;
  bpf_program__set_autoload(programs.adopt, true);
  std::set<const bpf_program*> unwanted;
  if (!config.adopts) unwanted.insert(programs.adopt);
  if (config.memory == MemoryMethod::sampled) unwanted.insert(programs.on_rss);
  loader_->leave_out(std::move(unwanted));
  if (!config.adopts) loader_->leave_for_later(programs.end_exits, {programs.sample, programs.sample_threads, programs.read_states});
  loader_->tell([this, entries](const bpf_program* program, int fd) { return on_loaded(program, fd, entries); });
  create_large_maps(*object_, news);
  // libbpf raises the limit on locked memory where that is needed (before 5.11), but once for a process.
  static bool is_raised = false;
  rlimit locked{}, raised{RLIM_INFINITY, RLIM_INFINITY};
  ::getrlimit(RLIMIT_MEMLOCK, &locked);
  if (is_raised) ::setrlimit(RLIMIT_MEMLOCK, &raised);
  int error = duct_bpf_obj::load(object_);
  ::getrlimit(RLIMIT_MEMLOCK, &raised);
  is_raised = is_raised || raised.rlim_cur != locked.rlim_cur;
  if (!error) error = loader_->load();
  libbpf_log() += loader_->log();
  ::setrlimit(RLIMIT_MEMLOCK, &locked);
  if (error) return failure(error);
  return {};
}

// What goes with a program. By whoever loaded it, as the main thread may have no privilege any more.
int KernelTracer::on_loaded(const bpf_program* program, int fd, std::size_t entries) {
  int first = 0;
  if (program == object_->progs.end_exits) return bpf_map_update_elem(bpf_map__fd(object_->maps.tails), &first, &fd, BPF_ANY);
  if (program == object_->progs.sample) return watch_list_.create(entries) ? 0 : -errno;
  return 0;
}

bool KernelTracer::attach() {
  const std::pair<const char*, bpf_program*> points[] = {
      {"signal_generate", object_->progs.on_signal},
      {"sched_process_exit", object_->progs.on_exit},
      {"sched_process_exec", object_->progs.on_exec},
      {"sched_process_free", object_->progs.on_free},
      {nullptr, object_->progs.on_rss},  // typed: it knows its tracepoint
      {"sched_process_fork", object_->progs.on_fork},
  };
  for (auto [name, program] : points) {
    if (loader_->fd(program) < 0) continue;
    Fd link(bpf_raw_tracepoint_open(name, loader_->fd(program)));
    if (!link) return false;
    if (program == object_->progs.on_rss)
      memory_link_ = std::move(link);
    else
      links_.push_back(std::move(link));
  }
  if (loader_->fd(object_->progs.adopt) >= 0) {
    adopt_link_ = Fd(bpf_link_create(loader_->fd(object_->progs.adopt), 0, BPF_TRACE_ITER, nullptr));
    if (!adopt_link_) return false;
  }
  return true;
}

bool KernelTracer::finish_loading() {
  if (finished_loading_) return static_cast<bool>(states_link_);
  finished_loading_ = true;
  int error = loader_->finish();
  libbpf_log() += loader_->log();
  if (error) {
    errno = -error;
    return false;
  }
  bpf_iter_link_info list{};
  list.map.map_fd = watch_list_.map_fd();
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.iter_info = &list;
  options.iter_info_len = sizeof list;
  sample_link_ = Fd(bpf_link_create(loader_->fd(object_->progs.sample), 0, BPF_TRACE_ITER, &options));
  threads_link_ = Fd(bpf_link_create(loader_->fd(object_->progs.sample_threads), 0, BPF_TRACE_ITER, nullptr));
  states_link_ = Fd(bpf_link_create(loader_->fd(object_->progs.read_states), 0, BPF_TRACE_ITER, nullptr));
  return sample_link_ && threads_link_ && states_link_;
}

int KernelTracer::run_program(const bpf_program* program, std::uint32_t* answer) {
  std::uint64_t nothing = 0;
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.ctx_in = &nothing;
  options.ctx_size_in = sizeof nothing;
  int error = bpf_prog_test_run_opts(loader_->fd(program), &options);
  if (answer) *answer = options.retval;
  return error;
}

bool KernelTracer::end_exits() {
  // Those that are not at rest go to the end of the queue: after a while in which none was ended, the rest is left.
  bool waiting = false;
  std::uint32_t answer = 0;
  for (int idle_runs = 0; idle_runs < 32; idle_runs++) {
    if (run_program(object_->progs.end_exits, &answer)) return false;
    std::uint32_t not_at_rest = answer & ~std::uint32_t{END_EXITS_EMPTY};
    waiting = waiting || not_at_rest;
    if (answer & END_EXITS_EMPTY) break;
    if (not_at_rest < 2) idle_runs = 0;
  }
  return waiting;
}

void KernelTracer::learn_percpu_offsets(unsigned cpus) {
  for (unsigned cpu = 0; cpu < std::min<unsigned>(cpus, abi::ABI_EXACT_RSS_CPUS); cpu++) {
    bpf_test_run_opts options{};
    options.sz = sizeof options;
    options.flags = BPF_F_TEST_RUN_ON_CPU;
    options.cpu = cpu;
    if (bpf_prog_test_run_opts(loader_->fd(object_->progs.arm), &options)) {
      // A CPU that is offline has nothing in its counters, but a sum that leaves one out must not be called exact.
      object_->bss->percpu_offsets[0] = 0;
      return;
    }
  }
}

int KernelTracer::on_message(void* self, void* data, std::size_t size) {
  auto* tracer = static_cast<KernelTracer*>(self);
  tracer->spilled_->collect();
  std::span message(static_cast<const std::byte*>(data), size);
  tracer->spilled_->hand_out(SpilledNews::time_of(message), *tracer->sink_);
  (*tracer->sink_)(message);
  return 0;
}

void KernelTracer::drain(const Sink& sink) {
  sink_ = &sink;
  ring_buffer__consume(ring_);
  if (spilled_->collect()) ring_buffer__consume(ring_);  // what came before the last of them
  spilled_->hand_out_all(sink);
  sink_ = nullptr;
}

bool KernelTracer::read_live(const ProcessTree& tree, const Sink& sink) {
  if (!finish_loading()) return false;
  watch_list_.update(tree);
  object_->bss->pass_number++;
  const abi::counters& counters = object_->bss->counters;
  return read_pass(sample_link_, sink, End::again) && (counters.live_threads <= counters.live || read_pass(threads_link_, sink));
}

bool KernelTracer::read_states(const Sink& sink) {
  if (!finish_loading()) return false;
  object_->bss->pass_number++;
  return read_pass(states_link_, sink);
}

// End::again: the program ends the pass itself, behind the last entry of its list, and the kernel says EAGAIN.
bool KernelTracer::read_pass(const Fd& link, const Sink& sink, End end) {
  Fd pass(bpf_iter_create(link.get()));
  if (!pass) return false;
  // The kernel hands out whole messages or less at each read; a message never straddles our buffer's end for good.
  alignas(8) std::byte buffer[64 * 1024];
  std::size_t held = 0;
  for (;;) {
    ssize_t got = ::read(pass.get(), buffer + held, sizeof buffer - held);
    if (got < 0 && errno == EAGAIN && end == End::again) got = 0;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (got < 0) return false;
    if (got == 0) return held == 0;
    held += got;
    std::size_t at = 0;
    while (held - at >= sizeof(abi::news_header)) {
      abi::news_header header;
      std::memcpy(&header, buffer + at, sizeof header);
      if (header.size < sizeof header || header.size > held - at) break;
      sink({buffer + at, header.size});
      at += header.size;
    }
    std::memmove(buffer, buffer + at, held - at);
    held -= at;
  }
}

Tracer::Left KernelTracer::finish_all() {
  end_exits();
  int fd = bpf_map__fd(object_->maps.groups), queue = bpf_map__fd(object_->maps.exiting);
  Left left;
  abi::group_slot slot;
  for (std::uint64_t key : all_keys<std::uint64_t>(fd)) {
    if (bpf_map_lookup_elem(fd, &key, &slot)) continue;
    if (!(slot.info.flags & abi::PROC_EXITED)) {
      left.alive.push_back(key);
      if (slot.info.flags & abi::PROC_ADOPTED) left.adopted.push_back(key);
      continue;
    }
    bpf_map_update_elem(queue, nullptr, &slot.leader, BPF_EXIST);
    end_exits();
    if (bpf_map_lookup_elem(fd, &key, &slot) == 0) left.exiting.push_back(key);
  }
  return left;
}

void KernelTracer::give_up(std::uint64_t key, const Sink& sink) {
  abi::group_slot slot;
  if (bpf_map_lookup_elem(bpf_map__fd(object_->maps.groups), &key, &slot)) return;
  abi::news_process state;
  state.header = {sizeof state, abi::NEWS_STATE, boot_now_ns()};
  state.key = key;
  state.info = slot.info;
  std::memset(&state.usage, 0xff, sizeof state.usage);  // ABI_ABSENT
  object_->bss->counters.lost_numbers++;
  sink(std::as_bytes(std::span(&state, 1)));
}

bool KernelTracer::kill_all() {
  int fd = bpf_map__fd(object_->maps.groups);
  auto is_running = [&](std::uint64_t key, abi::group_slot& slot) {
    return bpf_map_lookup_elem(fd, &key, &slot) == 0 && !(slot.info.flags & (abi::PROC_EXITED | abi::PROC_ADOPTED));
  };
  std::uint64_t key = 0, *previous = nullptr;
  for (; bpf_map_get_next_key(fd, previous, &key) == 0; previous = &key) {
    abi::group_slot slot;
    if (!is_running(key, slot)) continue;
    Fd process(static_cast<int>(::syscall(SYS_pidfd_open, slot.info.pid, 0)));
    // Still not exited: so its number was its own when it was opened.
    if (process && is_running(key, slot)) ::syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0);
  }
  return __atomic_load_n(&object_->bss->counters.live, __ATOMIC_SEQ_CST) > 0;
}

Result<std::uint64_t> KernelTracer::adopt(pid_t pid) {
  auto* state = object_->bss;
  state->attach_tgid = pid;
  __atomic_store_n(&state->adopting, 1u, __ATOMIC_SEQ_CST);
  // A child forked while a pass runs may be behind the pass; its parent was added, so a pass that adds none is the last.
  for (;;) {
    std::uint64_t before = state->counters.adopted;
    Fd pass(bpf_iter_create(adopt_link_.get()));
    if (!pass) return Error{ErrorCode::system, "cannot look through the tasks of the machine: " + errno_text(errno), ""};
    char byte[64];
    ssize_t got;
    while ((got = ::read(pass.get(), byte, sizeof byte)) > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) {
    }
    if (got < 0) return Error{ErrorCode::system, "cannot look through the tasks of the machine: " + errno_text(errno), ""};
    if (state->counters.adopted == before) break;
  }
  __atomic_store_n(&state->adopting, 0u, __ATOMIC_SEQ_CST);
  state->attach_tgid = 0;
  return static_cast<std::uint64_t>(state->counters.adopted);
}

std::uint64_t KernelTracer::missed(const bpf_program* program) const {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  // Zero where the kernel does not count them (before 5.12): there it does not skip runs either.
  return bpf_obj_get_info_by_fd(loader_->fd(program), &info, &size) ? 0 : info.recursion_misses;
}

TracerCounts KernelTracer::counts() const {
  const abi::counters& from = object_->bss->counters;
  TracerCounts counts;
  counts.forks = from.forks;
  counts.adopted = from.adopted;
  counts.execs = from.execs;
  counts.exits = from.exits;
  counts.live = from.live;
  counts.live_threads = from.live_threads;
  counts.lost_forks_full = from.lost_forks_full;
  counts.lost_forks_busy = from.lost_forks_busy;
  counts.lost_fork_news = from.lost_fork_news;
  counts.lost_numbers = from.lost_numbers;
  counts.lost_ends = from.lost_ends;
  counts.lost_argv = from.lost_argv;
  counts.spilled = from.spilled;
  counts.max_live = max_live_;
  for (auto each : cpu_max_live()) counts.max_live = std::max<std::uint64_t>(counts.max_live, each);
  counts.missed_forks = missed(object_->progs.on_fork);
  counts.missed_execs = missed(object_->progs.on_exec);
  counts.missed_exits = missed(object_->progs.on_exit);  // on_free is not the only one to end a group
  return counts;
}

// How far the maximum may be off. A counter's parts are folded into the common one when they reach a batch, which is when
// we look: until then each process may have changed by less than a batch, for each counter and each CPU. Threads of one
// process that grow at the same instant may be counted twice until the next look.
std::uint64_t KernelTracer::error_bound(const abi::cpu_peak& peak) const {
  constexpr std::uint64_t kCounters = 3;         // file, anonymous and shared pages
  constexpr std::uint64_t kTaskPages = 65 * 16;  // before 6.2: faults that a thread keeps to itself, with up to 64 KiB around each
  constexpr std::uint64_t kHugePage = 2 << 20;   // the largest step
  std::uint64_t pages = 0, unseen = 0, batch = std::max(32u, 2 * cpus_);
  bool summed = object_->bss->percpu_offsets[0] && cpus_ <= abi::ABI_EXACT_RSS_CPUS;
  if (percpu_rss_ && memory_method_ == MemoryMethod::fast)
    pages = peak.processes * (batch - 1) * cpus_;
  if (percpu_rss_ && !summed) pages += peak.processes * (batch - 1) * cpus_;  // nor is it exact where we look
  if (peak.threads > peak.processes) unseen = (std::min<std::uint64_t>(peak.threads, cpus_) - 1) * kHugePage;
  pages *= kCounters;
  if (!percpu_rss_) pages = peak.threads * kTaskPages;  // no event before they are handed in, whatever the method
  return pages * page_bytes_ + unseen;
}

std::optional<TreeMemory> KernelTracer::memory() const {
  if (memory_method_ == MemoryMethod::sampled) return std::nullopt;
  TreeMemory memory;
  memory.bytes = std::max<long long>(object_->bss->memory.pages, 0) * page_bytes_;
  memory.highs_bytes = std::max<long long>(object_->bss->memory.highs, 0) * page_bytes_;
  memory.peak_number = object_->bss->memory.peak_number;
  const abi::cpu_peak* highest = &object_->bss->cpu_peaks[0];
  for (const abi::cpu_peak& peak : cpu_peaks())
    if (peak.pages > highest->pages) highest = &peak;
  memory.peak_bytes = highest->pages * page_bytes_;
  memory.peak_boot_ns = highest->time_ns;
  memory.error_bound_bytes = error_bound(*highest);
  return memory;
}

std::optional<std::uint64_t> KernelTracer::take_window_peak() {
  if (memory_method_ == MemoryMethod::sampled) return std::nullopt;
  std::uint64_t window = object_->bss->window_number, highest = std::max<long long>(window_start_pages_, 0);
  for (const abi::cpu_peak& peak : cpu_peaks())
    if (peak.window == window) highest = std::max<std::uint64_t>(highest, peak.window_pages);
  window_start_pages_ = object_->bss->memory.pages;
  __atomic_store_n(&object_->bss->window_number, window + 1, __ATOMIC_SEQ_CST);
  return highest * page_bytes_;
}

// An address space has to be there at an exit, so that the most that it has had is known of each image.
bool KernelTracer::prepare_memory_rest() {
  auto* state = object_->bss;
  if (!memory_link_ || memory_method_ != MemoryMethod::fast || !state->mm_at_exit || !state->percpu_offsets[0] || state->memory.teardowns)
    return false;
  state->learns_highs = 1;
  state->pass_number |= 15;  // the pass behind each 16th leaves out none
  return true;
}

bool KernelTracer::rest_memory(bool rest) {
  if (!rest && !memory_link_) memory_link_ = Fd(bpf_raw_tracepoint_open(nullptr, loader_->fd(object_->progs.on_rss)));
  if (!memory_link_) return false;
  object_->bss->learns_highs = 0;
  __atomic_store_n(&object_->bss->memory_by_looks, rest ? 1u : 0u, __ATOMIC_SEQ_CST);
  if (rest) memory_link_.reset();
  return true;
}

MemoryLooks KernelTracer::take_memory_looks() {
  auto& memory = object_->bss->memory;
  auto take = [this](auto& pages, std::uint64_t left = 0) { return __atomic_exchange_n(&pages, left, __ATOMIC_SEQ_CST) * page_bytes_; };
  MemoryLooks looks;
  looks.unseen_alive_bytes = take(memory.unseen_alive);
  looks.unseen_ended_bytes = take(memory.unseen_ended);
  looks.stale_alive_bytes = take(memory.stale_alive);
  looks.stale_ended_bytes = take(memory.stale_ended);
  looks.highs_bytes = take(memory.highs_peak, std::max(0LL, __atomic_load_n(&memory.highs, __ATOMIC_SEQ_CST)));
  looks.max_live = object_->bss->counters.live;
  for (auto& each : cpu_max_live()) looks.max_live = std::max<std::uint64_t>(looks.max_live, __atomic_exchange_n(&each, 0, __ATOMIC_SEQ_CST));
  max_live_ = std::max(max_live_, looks.max_live);
  return looks;
}

}  // namespace

bool Tracer::has_cached_types() { return is_cached(object_bytes(Reads::by_helper), kCacheDir); }

const std::string& Tracer::log() { return libbpf_log(); }

Result<std::unique_ptr<Tracer>> Tracer::load(const TracerConfig& config) {
  auto tracer = std::make_unique<KernelTracer>();
  if (auto opened = tracer->open(config); !opened) return opened.error();
  return std::unique_ptr<Tracer>(std::move(tracer));
}

}  // namespace duct_bpf
