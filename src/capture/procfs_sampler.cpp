// SPDX-License-Identifier: MIT
#include "capture/procfs_sampler.hpp"

#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <unordered_map>
#include <utility>

#include "abi.h"
#include "capture/machine.hpp"
#include "capture/os_error.hpp"
#include "capture/proc_reader.hpp"
#include "capture/procfs_news.hpp"

namespace duct_bpf {
namespace {

// Each open file of /proc holds a page of the kernel's.
constexpr std::size_t kMostKeptFiles = 16384, kSparedFiles = 256;
// Others may take memory away from a process that does not run: looked at in turn, so that no pass does it for all.
constexpr unsigned kLookAtAllEvery = 16;

void raise(std::uint64_t& maximum, std::uint64_t value) {
  if (maximum == ABI_ABSENT || value > maximum) maximum = value;
}

class ProcfsSampler final : public Tracer {
 public:
  explicit ProcfsSampler(const TracerConfig& config)
      : max_argv_bytes_(config.max_argv_bytes), news_(config.max_argv_bytes) {}
  Result<void> open();

  Result<CommandEntry> take_command(pid_t) override { return CommandEntry{.start_boot_ns = static_cast<std::uint64_t>(boot_now_ns())}; }
  void command_started(pid_t pid, const std::vector<std::string>& argv, const std::string& exe) override;
  void command_ended() override { poll(); }
  Result<std::uint64_t> adopt_session() override;
  Result<std::uint64_t> adopt_process(pid_t pid) override;
  void close() override { closed_ = true; }
  int news_fd() const override { return news_fd_.get(); }
  void drain(const Sink& sink) override;
  bool read_live(const ProcessTree& tree, const Sink& sink) override;
  bool read_states(const Sink& sink) override;
  bool end_exits() override { return false; }
  Left finish_all() override;
  void want_exits() override {}
  TracerCounts counts() const override;

 private:
  bool poll();
  bool look_for_new(std::uint32_t flags);
  bool belongs(const ProcStat& stat) const;
  Member& admit(const ProcStat& stat, std::uint32_t flags);
  void meet(const ProcStat& stat, std::uint32_t flags, const std::function<void(Member&)>& introduce = {});
  bool look(Member& member);                           // false: it is gone
  void take_in(Member& member, const ProcStat& stat);  // what its stat says now
  void take_in_memory(Member& member, bool exec);
  void read_image(Member& member);
  void send_end(Member& member, std::optional<int> wait_status);
  std::optional<int> zombie_status(const Member& member) const;
  void make_room_for_files();

  std::size_t max_argv_bytes_;
  const std::uint64_t tick_ns_ = proc_tick_ns(), page_bytes_ = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  ProcReader proc_;
  ProcfsNews news_;
  FileLimit file_limit_;
  Fd news_fd_;
  std::vector<pid_t> sessions_;  // that are counted: the command's, and ours where the mode says so
  pid_t command_ = 0, attached_ = 0, self_ = ::getpid();
  bool closed_ = false;
  std::size_t room_for_files_ = 0;
  std::unordered_map<pid_t, Member> members_;
  std::size_t alive_ = 0;
  std::uint64_t admitted_ = 0, adopted_ = 0, most_alive_ = 0;
  unsigned pass_ = 0;
  struct Listing {
    pid_t newest = 0;  // pid that had been handed out last
    ProcReader::Place place = 0;
  } listing_, listing_before_;
};

Result<void> ProcfsSampler::open() {
  if (auto opened = proc_.open(); !opened) return opened;
  news_fd_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!news_fd_) return os_error("cannot make an event descriptor", errno);
  return {};
}

// Only once the command runs: it has the limit that we were called with.
void ProcfsSampler::make_room_for_files() {
  std::size_t limit = std::min(file_limit_.raise(kMostKeptFiles + kSparedFiles), kMostKeptFiles + kSparedFiles);
  room_for_files_ = limit > kSparedFiles ? limit - kSparedFiles : 0;
}

// --- one process ---

void ProcfsSampler::send_end(Member& member, std::optional<int> wait_status) {
  news_.end(member, wait_status);
  member.ended = true;
  alive_--;
}

void ProcfsSampler::drain(const Sink& sink) {
  eventfd_t ignored = 0;
  ::eventfd_read(news_fd_.get(), &ignored);
  news_.hand_out(sink);
}

bool ProcfsSampler::belongs(const ProcStat& stat) const {
  if (stat.pid == self_) return false;
  if (attached_) return stat.pid == attached_ || members_.contains(stat.ppid);
  return stat.pid == command_ || std::find(sessions_.begin(), sessions_.end(), stat.session) != sessions_.end();
}

Member& ProcfsSampler::admit(const ProcStat& stat, std::uint32_t flags) {
  Member& member = members_[stat.pid];
  // No pid comes twice within a tick.
  member.key = stat.start_ticks << 22 | static_cast<std::uint64_t>(stat.pid);
  member.forked_by = stat.ppid;
  member.flags = flags;
  auto parent = members_.find(stat.ppid);
  if (parent != members_.end() && parent->second.depth != ABI_ABSENT_U32)
    member.depth = parent->second.depth + 1;
  else if (stat.pid == command_ || flags & abi::PROC_ADOPTED)
    member.depth = 0;
  alive_++;
  (flags & abi::PROC_ADOPTED ? adopted_ : admitted_)++;
  news_.fork(member, stat);
  return member;
}

// The arguments of a process that has just been exec'ed may not be there yet: then at the next look.
void ProcfsSampler::read_image(Member& member) {
  std::string argv = proc_.arguments(member.stat.pid, max_argv_bytes_);
  member.image_read = !argv.empty();
  if (member.image_read) news_.image(member, proc_.program(member.stat.pid), argv);
}

// The command's is known to us as its parent. Others' are in stat, which says 0 where we may not look.
std::optional<int> ProcfsSampler::zombie_status(const Member& member) const {
  siginfo_t info{};
  pid_t pid = member.stat.pid;
  if (pid == command_ && ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      info.si_pid == pid) {
    if (info.si_code == CLD_EXITED) return info.si_status << 8;
    return info.si_status | (info.si_code == CLD_DUMPED ? 0x80 : 0);
  }
  if (member.stat.wait_status || member.stat.readable) return member.stat.wait_status;
  return std::nullopt;
}

void ProcfsSampler::take_in(Member& member, const ProcStat& stat) {
  const bool first = member.stat.pid == 0;
  const ProcStat before = std::exchange(member.stat, stat);
  member.last_seen_ns = boot_now_ns();
  member.max_threads = std::max(member.max_threads, stat.threads);
  // The time of all threads in ticks, or the first one's to the nanosecond: what is more.
  member.cpu_ns = std::max({member.cpu_ns, (stat.user_ticks + stat.system_ticks) * tick_ns_, member.schedule.cpu_ns});
  if (!stat.vsz_bytes) {  // its first thread has ended: what was known stays
    member.stat.readable = before.readable;
    member.stat.image_mark = before.image_mark;
  }
  if ((stat.state == 'Z' || stat.state == 'X') && stat.threads <= 1) {
    if (first) member.status = proc_.status(stat.pid);  // its user
    send_end(member, zombie_status(member));
    return;
  }
  bool exec = first || member.stat.image_mark != before.image_mark || stat.comm != before.comm;
  // Memory grows by faults alone; what is given back shows in the sizes.
  if (exec || stat.minor_faults != before.minor_faults || stat.major_faults != before.major_faults ||
      stat.vsz_bytes != before.vsz_bytes || stat.rss_pages != before.rss_pages)
    take_in_memory(member, exec);
  if (exec || !member.image_read) read_image(member);
  news_.live(member);
}

void ProcfsSampler::take_in_memory(Member& member, bool exec) {
  const ProcStat& stat = member.stat;
  ProcStatus status = proc_.status(stat.pid);
  if (!status.uid) return;  // gone just now
  member.status = status;
  // Where it is known the sum over all CPUs: what stat says may be off by some pages for each CPU.
  member.rss_bytes = status.rss_bytes.value_or(stat.rss_pages * page_bytes_);
  if (!stat.vsz_bytes) return;
  if (exec) member.peak_rss_image = member.peak_vsz = ABI_ABSENT;
  raise(member.peak_rss_image, std::max(member.rss_bytes, status.peak_rss_bytes.value_or(0)));
  raise(member.peak_rss, member.peak_rss_image);
  raise(member.peak_vsz, std::max(stat.vsz_bytes, status.peak_vsz_bytes.value_or(0)));
}

// Takes a new one into account as it was found; its exact CPU time is read later than that, and compared with nothing.
void ProcfsSampler::meet(const ProcStat& stat, std::uint32_t flags, const std::function<void(Member&)>& introduce) {
  Member& member = admit(stat, flags);
  if (introduce) introduce(member);
  if (auto schedule = proc_.schedule(stat.pid)) member.cpu_ns = schedule->cpu_ns;
  take_in(member, stat);
}

bool ProcfsSampler::look(Member& member) {
  const ProcStat& known = member.stat;
  if (!member.schedule_file && room_for_files_) {
    member.schedule_file = proc_.file(known.pid, "schedstat");
    if (member.schedule_file) room_for_files_--;
  }
  if (member.schedule_file) {
    char text[80];
    ssize_t got = ::pread(member.schedule_file.get(), text, sizeof text, 0);
    if (got <= 0) return false;  // the descriptor is of this process alone, also if its pid has come again
    auto schedule = parse_proc_schedule({text, static_cast<std::size_t>(got)});
    // With one thread, what has not run is as it was. (All 0: the kernel does not keep this.)
    bool same = schedule && schedule->turns && *schedule == member.schedule && known.threads == 1 && member.image_read;
    if (schedule) member.schedule = *schedule;
    if (member.ended) return true;
    if (same && (pass_ + static_cast<unsigned>(known.pid)) % kLookAtAllEvery) {
      member.last_seen_ns = boot_now_ns();
      return true;
    }
  }
  auto stat = proc_.stat(known.pid);
  if (!stat || stat->start_ticks != known.start_ticks) return false;
  if (!attached_ && !belongs(*stat)) return false;  // went off into a session of its own
  if (!member.ended) take_in(member, *stat);
  return true;
}

// --- all processes ---

bool ProcfsSampler::look_for_new(std::uint32_t flags) {
  // Pids are handed out in rising order until they start again, so whoever is new is behind the newest one of before:
  // of the listing before the last, because what got its pid at the last one may not have been in it yet.
  Listing now{.newest = proc_.newest_pid()};
  bool some = now.newest && listing_before_.newest && listing_before_.newest <= listing_.newest &&
              listing_.newest <= now.newest && pass_ % kLookAtAllEvery;
  if (some && now.newest == listing_before_.newest) return true;
  if (some) now.place = listing_before_.place;

  std::vector<ProcStat> found;
  auto in_our_sessions = [&](pid_t pid) {
    return std::find(sessions_.begin(), sessions_.end(), ::getsid(pid)) != sessions_.end();
  };
  bool listed = proc_.list(now.place, now.newest, [&](pid_t pid) {
    if (some && pid > now.newest) return false;
    if (pid == self_ || members_.contains(pid)) return true;
    // Asking for the session costs a thirtieth of a look into a file.
    if (!attached_ && pid != command_ && !in_our_sessions(pid)) return true;
    if (auto stat = proc_.stat(pid)) found.push_back(std::move(*stat));
    return true;
  });
  listing_before_ = std::exchange(listing_, now);
  // Parents first.
  std::sort(found.begin(), found.end(), [](const ProcStat& a, const ProcStat& b) {
    return std::pair(a.start_ticks, a.pid) < std::pair(b.start_ticks, b.pid);
  });
  for (const ProcStat& stat : found)
    if (belongs(stat)) meet(stat, flags);
  most_alive_ = std::max<std::uint64_t>(most_alive_, alive_);
  return listed;
}

bool ProcfsSampler::poll() {
  pass_++;
  std::size_t before = alive_;
  for (auto each = members_.begin(); each != members_.end();) {
    Member& member = each->second;
    if (look(member)) {
      ++each;
      continue;
    }
    if (!member.ended) send_end(member, std::nullopt);
    if (member.schedule_file) room_for_files_++;
    each = members_.erase(each);
  }
  bool went = alive_ < before;
  bool listed = closed_ || look_for_new(0);
  if (went || !alive_) ::eventfd_write(news_fd_.get(), 1);
  return listed;
}

bool ProcfsSampler::read_live(const ProcessTree&, const Sink& sink) {
  bool listed = poll();
  int error = errno;
  news_.hand_out(sink);
  errno = error;
  return listed;
}

Tracer::Left ProcfsSampler::finish_all() {
  Left left;
  for (auto& [pid, member] : members_)
    if (!member.ended) left.alive.push_back(member.key);
  return left;
}

bool ProcfsSampler::read_states(const Sink& sink) {
  bool listed = poll();
  for (auto& [pid, member] : members_)
    if (!member.ended) news_.state(member);
  news_.hand_out(sink);
  return listed;
}

// What it runs is known without looking: it may be over before there is a chance to.
void ProcfsSampler::command_started(pid_t pid, const std::vector<std::string>& argv, const std::string& exe) {
  command_ = pid;
  if (::getsid(pid) == pid) sessions_.push_back(pid);
  make_room_for_files();
  auto stat = proc_.stat(pid);
  if (!stat) return;
  std::string words;
  for (const std::string& word : argv) words.append(word).push_back('\0');
  meet(*stat, 0, [&](Member& member) { news_.image(member, exe, words); });
  most_alive_ = std::max<std::uint64_t>(most_alive_, alive_);
}

Result<std::uint64_t> ProcfsSampler::adopt_session() {
  sessions_.push_back(::getsid(0));
  if (!look_for_new(abi::PROC_ADOPTED)) return os_error("cannot list /proc", errno);
  return adopted_;
}

Result<std::uint64_t> ProcfsSampler::adopt_process(pid_t pid) {
  attached_ = pid;
  make_room_for_files();
  if (!look_for_new(abi::PROC_ADOPTED)) return os_error("cannot list /proc", errno);
  return adopted_;
}

TracerCounts ProcfsSampler::counts() const {
  TracerCounts counts;
  counts.forks = admitted_;
  counts.adopted = adopted_;
  counts.live = alive_;
  counts.max_live = most_alive_;
  counts.counted = false;
  return counts;
}

}  // namespace

Result<std::unique_ptr<Tracer>> open_procfs_sampler(const TracerConfig& config) {
  auto sampler = std::make_unique<ProcfsSampler>(config);
  if (auto opened = sampler->open(); !opened) return opened.error();
  return std::unique_ptr<Tracer>(std::move(sampler));
}

}  // namespace duct_bpf
