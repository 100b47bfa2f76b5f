// SPDX-License-Identifier: MIT
#include "capture/tracer.hpp"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <set>
#include <utility>

#include "abi.h"
#include "capture/bpf_calls.hpp"
#include "capture/btf_cache.hpp"
#include "capture/command_entry.hpp"
#include "capture/fd.hpp"
#include "capture/kernel_image.hpp"
#include "capture/kernel_side.hpp"
#include "capture/kernel_support.hpp"
#include "capture/linker.hpp"
#include "capture/locked_memory.hpp"
#include "capture/machine.hpp"
#include "capture/maps.hpp"
#include "capture/os_error.hpp"
#include "capture/privilege.hpp"
#include "capture/ring.hpp"
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
  ~KernelTracer() override { unload(); }

  Result<void> open(const TracerConfig& config);

  void close() override { __atomic_store_n(&state_->closed, 1u, __ATOMIC_SEQ_CST); }
  Result<CommandEntry> take_command(pid_t pid) override;
  Result<std::uint64_t> adopt_session() override { return adopt(0); }
  Result<std::uint64_t> adopt_process(pid_t pid) override { return adopt(pid); }
  void detach() override {
    links_.clear();
    memory_link_.reset();
  }
  void prepare_samples() override { side_->start_late(); }
  bool samples_ready() const override { return finished_loading_ || side_->late_ready(); }
  int news_fd() const override { return ring_.fd(); }
  void drain(const Sink& sink) override;
  bool read_live(const ProcessTree& tree, const Sink& sink) override;
  bool read_states(const Sink& sink) override;
  bool end_exits() override;
  Left finish_all() override;
  void give_up(std::uint64_t key, const Sink& sink) override;
  bool kill_all() override;
  void want_exits() override { __atomic_store_n(&state_->sweep_wanted, 0u, __ATOMIC_SEQ_CST); }
  TracerCounts counts() const override;
  std::optional<TreeMemory> memory() const override;
  std::optional<std::uint64_t> take_window_peak() override;
  bool prepare_memory_rest() override;
  bool rest_memory(bool rest) override;
  MemoryLooks take_memory_looks() override;
  void want_peak_above(std::uint64_t bytes) override {
    __atomic_store_n(&side_->knobs()->peak_wanted_pages, static_cast<long long>(bytes / page_bytes_), __ATOMIC_SEQ_CST);
  }

 private:
  void read_ring(const Sink& sink);
  bool read_pass(const Fd& link, const Sink& sink);
  bool sample(const Sink& sink);
  int run_program(const char* program, std::uint32_t* answer = nullptr);
  Result<std::uint64_t> adopt(pid_t pid);  // 0: our session
  bool fill_tails();
  bool attach();
  std::span<const abi::cpu_peak> cpu_peaks() const {
    return std::span(state_->cpu_peaks).first(std::min<std::size_t>(cpus_, abi::ABI_MAX_CPUS));
  }
  std::span<unsigned long long> cpu_max_live() const {
    return std::span(state_->cpu_max_live).first(std::min<std::size_t>(cpus_, abi::ABI_MAX_CPUS));
  }
  std::uint64_t error_bound(const abi::cpu_peak& peak) const;
  bool finish_loading();  // of the programs that were left for later; false: errno
  void learn_percpu_offsets(unsigned cpus);
  std::uint64_t missed(const char* program) const;
  Result<void> load(const TracerConfig& config, const KernelBtf& facts, Reads reads);
  Result<void> load(const TracerConfig& config, const KernelBtf& facts, KernelImage image);
  void set_constants(KernelSide::Constants& constants, const TracerConfig& config, const KernelBtf& facts) const;
  void unload() {
    detach();
    side_.reset();  // its work is done by them
    workers_.reset();
  }
  Error failure(int error) const { return explain_load_failure(error < 0 ? -error : error, libbpf_log()); }

  std::unique_ptr<Workers> workers_;  // while we load
  std::unique_ptr<KernelSide> side_;
  KernelSide::Variables* state_ = nullptr;
  Ring ring_;
  std::vector<Fd> links_;
  Fd memory_link_, threads_link_, states_link_, adopt_link_;
  bool finished_loading_ = false;
  WatchList watch_list_;
  MemoryMethod memory_method_ = MemoryMethod::fast;
  bool percpu_rss_ = false, has_loop_ = false;
  std::uint64_t page_bytes_ = 4096;
  long long window_start_pages_ = 0;
  std::uint64_t max_live_ = 0, highs_taken_ = 0;  // as of the last take_memory_looks
  unsigned cpus_ = 1;
  std::optional<SpilledNews> spilled_;
  std::optional<abi::news_fork> command_news_;  // that nobody has heard of
};

Result<void> KernelTracer::open(const TracerConfig& config) {
  libbpf_set_print(keep_log);
  libbpf_log().clear();
  workers_ = std::make_unique<Workers>(kLoadingThreads);
  if (workers_->threads()) workers_->add(1, [this, map = ring_map(config.ring_bytes)] { ring_.open(map); });  // while we read files
  // Both objects read the same fields.
  auto facts = kernel_btf(object_bytes(Reads::by_helper), object_id(Reads::by_helper), kCacheDir);
  if (!facts) {
    workers_->finish();
    return facts.error();
  }
  std::optional<LockedMemory> unlimited;
  if (facts->counts_locked_memory) unlimited.emplace();
  Result<void> loaded;
  const char* wanted = std::getenv("DUCT_BPF_READS");  // "helper": for comparison, and where direct reads are under suspicion
  bool direct = facts->rdonly_cast_id && facts->task_struct_id && facts->mm_struct_id && !(wanted && std::string_view(wanted) == "helper");
  std::string refusal;
  if (direct && !(loaded = load(config, *facts, Reads::direct))) {  // without a JIT, say
    refusal = "no direct reads of kernel structs: " + loaded.error().message + "\n" + std::exchange(libbpf_log(), "");
    direct = false;
  }
  if (!direct && !(loaded = load(config, *facts, Reads::by_helper))) return loaded;
  libbpf_log().insert(0, refusal);
  spilled_.emplace(&state_->counters.spilled, side_->map("late_news"), side_->map("late_execs"));
  if (!attach()) return failure(errno);
  if (!side_->leaves_some() && !finish_loading()) return failure(errno);
  if (run_program("arm")) return failure(errno);
  if (facts->has_percpu_rss) learn_percpu_offsets(cpus_);
  workers_.reset();
  return {};
}

Result<void> KernelTracer::load(const TracerConfig& config, const KernelBtf& facts, Reads reads) {
  const RootCache cache(kCacheDir, object_id(reads), "code");
  auto kept = cache.read();
  auto known = kept ? KernelImage::from(*kept) : std::nullopt;
  if (known && KernelSide::fits(*known) && load(config, facts, std::move(*known))) return {};
  unload();  // whatever it was: once more, from the object
  libbpf_log().clear();
  int error = 0;
  auto image = link(object_bytes(reads), facts, &error);
  if (!image) return failure(error);
  if (!KernelSide::fits(*image)) return Error{ErrorCode::system, "the built-in BPF object is not of this program", ""};
  const auto bytes = image->bytes();
  auto loaded = load(config, facts, std::move(*image));
  if (loaded)
    cache.write(bytes);
  else
    unload();
  return loaded;
}

Result<void> KernelTracer::load(const TracerConfig& config, const KernelBtf& facts, KernelImage image) {
  if (!workers_) workers_ = std::make_unique<Workers>(kLoadingThreads);
  side_ = std::make_unique<KernelSide>(std::move(image), facts, *workers_);
  cpus_ = std::max(1, libbpf_num_possible_cpus());
  page_bytes_ = ::sysconf(_SC_PAGESIZE);
  memory_method_ = config.memory;
  percpu_rss_ = facts.has_percpu_rss;
  has_loop_ = facts.has_loop;
  size_maps(side_->image(), config, facts.has_bpf_allocator, cpus_);
  set_constants(side_->constants(), config, facts);

  // A sample is not taken at once. But end_exits has to be there from the first exit: on a machine short of CPU a process can be
  // freed, and its memory another's, before anybody has looked at it, and then nothing tells of its end.
  std::set<std::string_view> unwanted;
  if (!config.adopts) unwanted.insert("adopt");
  if (config.memory == MemoryMethod::sampled) unwanted.insert("on_rss");
  if (!has_loop_) unwanted.insert("sample");
  side_->leave_out(std::move(unwanted));
  // Where programs count against the limit on locked memory, it is the command's once that runs.
  if (!config.adopts && !facts.counts_locked_memory) side_->leave_for_later({"sample", "sample_threads", "read_states"});
  side_->borrow("news", [this] { return ring_.open(side_->image().map("news")) ? Fd(::fcntl(ring_.fd(), F_DUPFD_CLOEXEC, 3)) : Fd(); });
  int error = side_->load();
  libbpf_log() += side_->log();
  if (error) return failure(error);
  if (!fill_tails()) return failure(errno);
  state_ = side_->variables();
  return {};
}

void KernelTracer::set_constants(KernelSide::Constants& constants, const TracerConfig& config, const KernelBtf& facts) const {
  constants.nr_cpus = cpus_;
  constants.task_struct_id = facts.task_struct_id;
  constants.mm_struct_id = facts.mm_struct_id;
  constants.page_shift = std::countr_zero(page_bytes_);
  constants.every_rss_event = config.memory == MemoryMethod::exact;
  constants.rss_events = config.memory != MemoryMethod::sampled;
  constants.max_argv_bytes = config.max_argv_bytes;
  if (privilege_is_the_files()) {
    constants.withholds = proc_hides_processes() ? abi::WITHHOLD_ARGV : abi::WITHHOLD_IO;
    constants.caller_uid = ::getuid();
    constants.caller_gid = ::getgid();
  }
  constants.wake_step_bytes = std::max<std::size_t>(config.ring_bytes / 8, 4096);
  constants.wake_step_mask = std::bit_floor(std::max<std::size_t>(config.ring_bytes / 4 / sizeof(abi::news_process), 1)) - 1;
  constants.adopts = config.adopts;
  constants.has_loop = facts.has_loop;
}

// When all are there that go on in them: kernels before 6.7 lose track of a tail call whose program is being loaded at that moment, and when
// the array is emptied they stop at it (BUG in prog_array_map_poke_run).
bool KernelTracer::fill_tails() {
  for (auto [program, place] : {std::pair("end_exits", ABI_END_EXITS), {"keep_memory", ABI_KEEP_MEMORY}}) {
    const int fd = side_->program(program);
    if (set_value(side_->map("tails"), place, &fd)) return false;
  }
  return true;
}

// When all are there, and not each as soon as it is: right behind another run the kernel waits at the first of them (grace_period.hpp), and the
// later that is the less.
bool KernelTracer::attach() {
  for (const char* name : {"on_signal", "on_exit", "on_exec", "end_exits", "on_rss", "on_fork"}) {
    if (side_->program(name) < 0) continue;
    Fd link = side_->attach(name);
    if (!link) return false;
    if (name == std::string_view("on_rss"))
      memory_link_ = std::move(link);
    else
      links_.push_back(std::move(link));
  }
  if (side_->program("adopt") >= 0) {
    adopt_link_ = side_->attach("adopt");
    if (!adopt_link_) return false;
  }
  return true;
}

bool KernelTracer::finish_loading() {
  if (finished_loading_) return static_cast<bool>(states_link_) && watch_list_.is_mapped();
  finished_loading_ = true;
  int error = side_->finish();
  libbpf_log() += side_->log();
  if (error) {
    errno = -error;
    return false;
  }
  threads_link_ = side_->attach("sample_threads");
  states_link_ = side_->attach("read_states");
  return threads_link_ && states_link_ && watch_list_.map(side_->map("watch_list"), side_->image().map("watch_list").entries);
}

int KernelTracer::run_program(const char* program, std::uint32_t* answer) {
  std::uint64_t nothing = 0;
  bpf_test_run_opts options{};
  options.sz = sizeof options;
  options.ctx_in = &nothing;
  options.ctx_size_in = sizeof nothing;
  int error = bpf_prog_test_run_opts(side_->program(program), &options);
  if (answer) *answer = options.retval;
  return error;
}

Result<CommandEntry> KernelTracer::take_command(pid_t pid) {
  auto news = enter_command(*state_, side_->map("groups"), pid, [this] { return run_program("arm"); });
  if (!news) return news.error();
  command_news_ = *news;
  max_live_ = std::max<std::uint64_t>(max_live_, state_->counters.live);
  return CommandEntry{news->key, news->start_ns};
}

bool KernelTracer::end_exits() {
  // Those that are not at rest go to the end of the queue: after a while in which none was ended, the rest is left.
  bool waiting = false;
  std::uint32_t answer = 0;
  for (int idle_runs = 0; idle_runs < 32; idle_runs++) {
    if (run_program("end_exits", &answer)) return false;
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
    if (bpf_prog_test_run_opts(side_->program("arm"), &options)) {
      // A CPU that is offline has nothing in its counters, but a sum that leaves one out must not be called exact.
      state_->percpu_offsets[0] = 0;
      return;
    }
  }
}

void KernelTracer::read_ring(const Sink& sink) {
  ring_.consume([&](std::span<const std::byte> message) {
    spilled_->collect();
    spilled_->hand_out(SpilledNews::time_of(message), sink);
    sink(message);
  });
}

void KernelTracer::drain(const Sink& sink) {
  if (auto news = std::exchange(command_news_, std::nullopt)) sink(std::as_bytes(std::span(&*news, 1)));
  read_ring(sink);
  if (spilled_->collect()) read_ring(sink);  // what came before the last of them
  spilled_->hand_out_all(sink);
}

bool KernelTracer::read_live(const ProcessTree& tree, const Sink& sink) {
  if (!finish_loading()) return false;
  state_->pass_number++;
  if (!has_loop_) return read_pass(threads_link_, sink);
  watch_list_.update(tree);
  const abi::counters& counters = state_->counters;
  return sample(sink) && (counters.live_threads <= counters.live || read_pass(threads_link_, sink));
}

bool KernelTracer::sample(const Sink& sink) {
  constexpr int kMostAttempts = 100;  // while others keep the ring full; what it has no room for is told by the next sample
  state_->sample_at = 0;
  std::uint32_t answer = 0;
  for (int attempts = 0; answer != abi::SAMPLE_END && attempts < kMostAttempts;) {
    const std::uint32_t place = state_->sample_at;
    if (run_program("sample", &answer)) return false;
    drain(sink);
    attempts = state_->sample_at == place ? attempts + 1 : 0;
  }
  return true;
}

bool KernelTracer::read_states(const Sink& sink) {
  if (!finish_loading()) return false;
  state_->pass_number++;
  return read_pass(states_link_, sink);
}

bool KernelTracer::read_pass(const Fd& link, const Sink& sink) {
  Fd pass(bpf_iter_create(link.get()));
  if (!pass) return false;
  // The kernel hands out whole messages or less at each read; a message never straddles our buffer's end for good.
  alignas(8) std::byte buffer[64 * 1024];
  std::size_t held = 0;
  for (;;) {
    ssize_t got = ::read(pass.get(), buffer + held, sizeof buffer - held);
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
  int fd = side_->map("groups"), queue = side_->map("exiting");
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
  if (bpf_map_lookup_elem(side_->map("groups"), &key, &slot)) return;
  abi::news_process state;
  state.header = {sizeof state, abi::NEWS_STATE, boot_now_ns()};
  state.key = key;
  state.info = slot.info;
  std::memset(&state.usage, 0xff, sizeof state.usage);  // ABI_ABSENT
  state_->counters.lost_numbers++;
  sink(std::as_bytes(std::span(&state, 1)));
}

bool KernelTracer::kill_all() {
  int fd = side_->map("groups");
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
  return __atomic_load_n(&state_->counters.live, __ATOMIC_SEQ_CST) > 0;
}

Result<std::uint64_t> KernelTracer::adopt(pid_t pid) {
  auto* state = state_;
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

std::uint64_t KernelTracer::missed(const char* program) const {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  // Zero where the kernel does not count them (before 5.12): there it does not skip runs either.
  return bpf_obj_get_info_by_fd(side_->program(program), &info, &size) ? 0 : info.recursion_misses;
}

TracerCounts KernelTracer::counts() const {
  const abi::counters& from = state_->counters;
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
  counts.missed_forks = missed("on_fork");
  counts.missed_execs = missed("on_exec");
  counts.missed_exits = missed("on_exit");  // a group may be ended at other times
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
  bool summed = state_->percpu_offsets[0] && cpus_ <= abi::ABI_EXACT_RSS_CPUS;
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
  memory.bytes = std::max<long long>(state_->memory.pages, 0) * page_bytes_;
  memory.highs_bytes = std::max<long long>(state_->memory.highs, 0) * page_bytes_;
  memory.peak_number = state_->memory.peak_number;
  const abi::cpu_peak* highest = &state_->cpu_peaks[0];
  for (const abi::cpu_peak& peak : cpu_peaks())
    if (peak.pages > highest->pages) highest = &peak;
  memory.peak_bytes = highest->pages * page_bytes_;
  memory.peak_boot_ns = highest->time_ns;
  memory.error_bound_bytes = error_bound(*highest);
  return memory;
}

std::optional<std::uint64_t> KernelTracer::take_window_peak() {
  if (memory_method_ == MemoryMethod::sampled) return std::nullopt;
  std::uint64_t window = state_->window_number, highest = std::max<long long>(window_start_pages_, 0);
  for (const abi::cpu_peak& peak : cpu_peaks())
    if (peak.window == window) highest = std::max<std::uint64_t>(highest, peak.window_pages);
  window_start_pages_ = state_->memory.pages;
  __atomic_store_n(&state_->window_number, window + 1, __ATOMIC_SEQ_CST);
  return highest * page_bytes_;
}

// An address space has to be there at an exit, so that the most that it has had is known of each image.
bool KernelTracer::prepare_memory_rest() {
  auto* state = state_;
  if (!memory_link_ || memory_method_ != MemoryMethod::fast || !state->mm_at_exit || !state->percpu_offsets[0] || state->memory.teardowns)
    return false;
  state->learns_highs = 1;
  state->pass_number |= 15;  // the pass behind each 16th leaves out none
  return true;
}

bool KernelTracer::rest_memory(bool rest) {
  if (!rest && !memory_link_) memory_link_ = side_->attach("on_rss");
  if (!memory_link_) return false;
  state_->learns_highs = 0;
  __atomic_store_n(&state_->memory_by_looks, rest ? 1u : 0u, __ATOMIC_SEQ_CST);
  if (rest) memory_link_.reset();
  return true;
}

MemoryLooks KernelTracer::take_memory_looks() {
  auto& memory = state_->memory;
  auto take = [this](auto& pages) -> std::uint64_t { return __atomic_exchange_n(&pages, 0, __ATOMIC_SEQ_CST) * page_bytes_; };
  MemoryLooks looks;
  looks.unseen_alive_bytes = take(memory.unseen_alive);
  looks.stale_alive_bytes = take(memory.stale_alive);
  const std::uint64_t highs = std::max(0LL, __atomic_load_n(&memory.highs, __ATOMIC_SEQ_CST));
  // What looks themselves have found since is told apart from it, as unseen; it is known from here on.
  looks.highs_bytes = std::exchange(highs_taken_, highs) * page_bytes_;
  for (abi::cpu_looks& each : std::span(state_->cpu_looks).first(std::min<std::size_t>(cpus_, abi::ABI_MAX_CPUS))) {
    looks.highs_bytes = std::max(looks.highs_bytes, take(each.highs_peak));
    looks.unseen_ended_bytes = std::max(looks.unseen_ended_bytes, take(each.unseen_ended));
    looks.stale_ended_bytes = std::max(looks.stale_ended_bytes, take(each.stale_ended));
  }
  looks.max_live = state_->counters.live;
  for (auto& each : cpu_max_live()) looks.max_live = std::max<std::uint64_t>(looks.max_live, __atomic_exchange_n(&each, 0, __ATOMIC_SEQ_CST));
  max_live_ = std::max(max_live_, looks.max_live);
  return looks;
}

}  // namespace

bool Tracer::has_cached_types() { return is_cached(object_id(Reads::by_helper), kCacheDir); }

const std::string& Tracer::log() { return libbpf_log(); }

Result<std::unique_ptr<Tracer>> Tracer::load(const TracerConfig& config) {
  auto tracer = std::make_unique<KernelTracer>();
  if (auto opened = tracer->open(config); !opened) return opened.error();
  return std::unique_ptr<Tracer>(std::move(tracer));
}

}  // namespace duct_bpf
