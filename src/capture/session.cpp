// SPDX-License-Identifier: MIT
// A run from its start to its records: tracer, command, loop, end. The order of the start matters: everything that can
// refuse to work does so before the command is run, and the tracer is attached before the command goes on to its exec.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "capture/command.hpp"
#include "capture/command_streams.hpp"
#include "capture/event_loop.hpp"
#include "capture/exit_sweep.hpp"
#include "capture/guard.hpp"
#include "capture/kernel_support.hpp"
#include "capture/ledger.hpp"
#include "capture/losses.hpp"
#include "capture/machine.hpp"
#include "capture/memory_rest.hpp"
#include "capture/os_error.hpp"
#include "capture/peak_watch.hpp"
#include "capture/permission.hpp"
#include "capture/physical_memory.hpp"
#include "capture/privilege.hpp"
#include "capture/signals.hpp"
#include "capture/tracer.hpp"
#include "capture/tracer_start.hpp"
#include "capture/user.hpp"
#include "core/kills.hpp"
#include "core/log_paths.hpp"
#include "core/record.hpp"
#include "duct_bpf/run.hpp"
#include "sinks/progress.hpp"
#include "sinks/record_files.hpp"

namespace duct_bpf {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kFirstSampleNs = 500'000;  // after the exec, where it can be taken at once
constexpr std::int64_t kPrepareSamplesNs = 3'000'000;  // else: a command that is over by then does without
constexpr std::int64_t kLookNs = 1'000'000;

class Session final : public LedgerListener {
 public:
  // `loading`: of the same options, begun before anything else.
  Session(const Options& options, Observer& observer, TracerStart& loading)
      : loading_(loading),
        options_(options),
        observer_(observer),
        signals_(loop_),
        streams_(loop_, [this](LogLevel level, const std::string& problem) { say(level, problem); }),
        router_(options.mode == SessionMode::new_session || options.pty),
        progress_(options.outputs, STDERR_FILENO) {}

  Result<Outcome> run();

 private:
  // Start.
  Result<void> prepare();
  Result<void> take_tracer(Result<std::unique_ptr<Tracer>> tracer);
  Result<void> leave_privilege_to_loader();
  Result<void> renounce();
  void create_files();
  Result<void> fork_command();
  Result<void> plan_command();
  Result<void> start_command();
  Result<void> start_attached();
  Result<void> start_timers();

  // While it runs.
  void on_process_end(const Process& process) override;
  void record_process(const Process& process);
  void drain() { ledger_->drain(); }
  void take_sample();
  void write_report();
  void on_signal(const signalfd_siginfo& info);
  void on_command_exit();
  void stop_if_all_ended();
  void say(LogLevel level, const std::string& text);

  // End.
  void stop();
  void finish_ledger();
  void report_losses(const TracerCounts& counts);
  Outcome conclude();

  // Wall time as the run counts it: not the clock that somebody may set meanwhile.
  std::int64_t now_ns() const { return ledger_->tree().wall_ns(boot_now_ns()); }
  bool own_group() const { return options_.mode == SessionMode::new_session || options_.pty; }

  TracerStart& loading_;
  const Options& options_;
  Observer& observer_;
  EventLoop loop_;
  Signals signals_;
  CommandStreams streams_;
  SignalRouter router_;
  Progress progress_;

  std::string command_path_;
  std::vector<std::string> command_words_;  // the command's, or what the attached process was started with
  LogPaths paths_;
  Machine machine_ = machine_facts();
  std::unique_ptr<Tracer> tracer_;
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<Accountant> accountant_;
  std::optional<PeakWatch> peak_watch_;
  std::optional<ExitSweep> exit_sweep_;
  std::optional<MemoryRest> memory_rest_;
  OwnCgroup own_cgroup_;
  CapabilitySet used_capabilities_ = options_.sampler == Sampler::bpf ? capabilities_to_use_bpf() : CapabilitySet{};
  RecordFiles files_;
  bool keeps_records_ = false;

  CommandPlan plan_;
  std::optional<Command> command_;
  Fd attached_;  // pidfd
  Guard guard_;
  Timer first_sample_timer_, sample_timer_, duration_timer_, progress_timer_;

  std::int64_t start_wall_ns_ = 0, start_monotonic_ns_ = 0, end_monotonic_ns_ = 0;
  std::int64_t exec_monotonic_ns_ = 0, monotonic_to_boot_ns_ = 0;
  std::int64_t last_report_ns_ = 0;
  std::uint64_t peak_rss_seen_ = 0;
  std::optional<int> wait_status_;
  std::optional<SignalSender> passed_on_;  // who sent the last signal that we passed on; none: the terminal
  Kills kills_;
  bool oom_victim_ = false;  // the command, or the attached process
  bool ended_ = false;     // the command, or the attached process
  bool gave_up_ = false;   // the user insisted
  bool timed_out_ = false; // --duration is over
  bool first_report_written_ = false;
  bool sample_failure_said_ = false;
};

void Session::say(LogLevel level, const std::string& text) {
  progress_.clear();
  observer_.on_message(level, text);
}

Result<void> Session::prepare() {
  if (options_.attach_pid.has_value() == !options_.command.empty())
    return Error{ErrorCode::usage, "either a command or a process to attach to is needed", "duct-bpf COMMAND [ARGS...]"};
  if (options_.on_tracer_death == TracerDeath::is_killed &&
      (options_.attach_pid || options_.mode == SessionMode::current_session || options_.sampler == Sampler::procfs))
    return Error{ErrorCode::usage, "--on-tracer-death kill: not with --attach, --mode current-session or --sampler procfs",
                 "only what duct-bpf has started, and follows, is its to kill"};
  if (!options_.attach_pid) {
    auto path = find_command(options_.command[0]);
    if (!path) return path.error();
    command_path_ = *path;
    command_words_ = options_.command;
  }
  if (auto permitted = check_permission(options_); !permitted) return permitted;
  if (options_.sampler == Sampler::bpf)
    if (auto enough = check_limits(); !enough) return enough;
  start_wall_ns_ = wall_now_ns();
  auto prefix = expand_prefix(options_.output_prefix, start_wall_ns_, ::getpid());
  if (!prefix) return prefix.error();
  paths_ = log_paths(*prefix);
  if (!options_.clobber) {
    auto conflicts = RecordFiles::conflicts(paths_);
    if (!conflicts.empty())
      return Error{ErrorCode::conflict, "these files exist already: " + join_argv(conflicts),
                   "choose another --output-prefix, or overwrite them with --clobber"};
  }
  return {};
}

// What is lent to us by our file is for the thread that loads the programs, which has started. This one has none of it from
// before it writes a file until the end.
Result<void> Session::leave_privilege_to_loader() {
  if (!options_.renounce_privilege || !privilege_is_the_files()) return {};
  return keep_capabilities(used_capabilities_);
}

// The caller's own privilege is the command's as well, so it is there until the command is forked.
Result<void> Session::renounce() {
  if (!options_.renounce_privilege) return {};
  auto own = privilege_is_the_files() ? CapabilitySet{} : capabilities_of_a_run(record_owner().has_value());
  return renounce_privilege(used_capabilities_ | own);
}

Result<void> Session::take_tracer(Result<std::unique_ptr<Tracer>> tracer) {
  if (!Tracer::log().empty()) say(LogLevel::debug, Tracer::log());
  if (!tracer) return tracer.error();
  tracer_ = std::move(*tracer);
  accountant_ = std::make_unique<Accountant>(machine_, options_.usage_max_processes, start_wall_ns_);
  ledger_ = std::make_unique<Ledger>(*tracer_, boot_to_wall_ns(), *accountant_, *this);
  return {};
}

// Records that cannot be made are said and done without: they are no reason not to run the command.
void Session::create_files() {
  auto made = files_.create(paths_, options_, record_owner(),
                            [this](const std::string& problem) { say(LogLevel::error, problem); });
  keeps_records_ = static_cast<bool>(made);
  if (!made) say(LogLevel::error, made.error().message + "; the command runs without records");
}

// The command as a child of ours that waits. It needs no tracer: this goes on beside the loading.
Result<void> Session::fork_command() {
  if (auto planned = plan_command(); !planned) return planned;
  auto command = Command::prepare(plan_);
  if (!command) return command.error();
  command_.emplace(std::move(*command));
  ::tzset();  // for the first message, which the command waits for
  return renounce();  // it has what we had
}

// All about it that can be told before.
Result<void> Session::plan_command() {
  plan_.argv = options_.command;
  plan_.path = command_path_;
  plan_.locked_memory = loading_.locked_memory();
  plan_.new_session = options_.mode == SessionMode::new_session;
  plan_.original_mask = signals_.original_mask();
  plan_.original_ignored = signals_.original_ignored();
  if (options_.user) {
    auto user = find_user(*options_.user);
    if (!user) return user.error();
    plan_.user = *user;
  } else if (options_.as_invoker) {
    plan_.user = invoker();
    if (!plan_.user)
      return Error{ErrorCode::usage, "--as-invoker: nobody called sudo", "run it by sudo, or name a user with --user"};
  }
  CaptureFiles captured{files_.stdout_fd(), files_.stderr_fd(), paths_.stdout_file};
  return streams_.open(options_, captured, plan_);
}

Result<void> Session::start_command() {
  if (options_.mode == SessionMode::current_session) {
    auto adopted = tracer_->adopt_session();
    if (!adopted) return adopted.error();
    ledger_->take_adopted();
  }
  if (options_.on_tracer_death == TracerDeath::is_killed) {
    if (auto guarded = guard_.start(*tracer_); !guarded) return guarded;
  }
  if (!command_)
    if (auto forked = fork_command(); !forked) return forked;
  if (command_->has_ended()) {  // no event would tell of that
    auto started = command_->start();
    return started ? Error{ErrorCode::system, "the command's process was killed before it could be started", ""} : started.error();
  }
  say(LogLevel::info, "duct-bpf " + std::string(version()) + " is executing '" + join_argv(options_.command) + "'...");
  if (keeps_records_) say(LogLevel::info, "Log files will be written to " + paths_.prefix);
  auto entered = tracer_->take_command(command_->pid());
  if (!entered) return entered.error();
  ledger_->watch_exec(entered->key);
  start_wall_ns_ = ledger_->tree().wall_ns(entered->start_boot_ns);
  monotonic_to_boot_ns_ = boot_now_ns() - monotonic_now_ns();
  start_monotonic_ns_ = static_cast<std::int64_t>(entered->start_boot_ns) - monotonic_to_boot_ns_;
  accountant_->start_at(start_wall_ns_);
  if (auto started = command_->start(); !started) return started;
  exec_monotonic_ns_ = command_->exec_time_ns();
  tracer_->command_started(command_->pid(), options_.command, command_path_);
  streams_.start();
  return loop_.watch(command_->pidfd(), EPOLLIN, [this](std::uint32_t) { on_command_exit(); });
}

Result<void> Session::start_attached() {
  pid_t pid = *options_.attach_pid;
  attached_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!attached_)
    return Error{ErrorCode::usage, "--attach " + std::to_string(pid) + ": " + errno_text(errno),
                 "give the pid of a running process (not of one of its threads)"};
  if (auto renounced = renounce(); !renounced) return renounced;
  if (auto permitted = check_attach_permission(options_, pid); !permitted) return permitted;
  start_wall_ns_ = now_ns();
  start_monotonic_ns_ = exec_monotonic_ns_ = monotonic_now_ns();
  accountant_->start_at(start_wall_ns_);
  if (auto image = running_image(pid)) command_words_ = image->argv;
  auto adopted = tracer_->adopt_process(pid);
  if (!adopted) return adopted.error();
  // Still there, so its number was nobody else's meanwhile.
  if (!*adopted || (privilege_is_the_files() && ::syscall(SYS_pidfd_send_signal, attached_.get(), 0, nullptr, 0) && errno == ESRCH))
    return Error{ErrorCode::usage, "--attach " + std::to_string(pid) + ": the process has ended", ""};
  ledger_->take_adopted();
  say(LogLevel::info, "duct-bpf " + std::string(version()) + " is attached to process " + std::to_string(pid) + " (" +
                          std::to_string(*adopted) + " with its descendants)...");
  if (keeps_records_) say(LogLevel::info, "Log files will be written to " + paths_.prefix);
  if (options_.duration_s) {
    auto timer = loop_.add_timer(static_cast<std::uint64_t>(*options_.duration_s * kSecond), 0, [this](std::uint64_t) {
      timed_out_ = true;
      stop();
    });
    if (!timer) return timer.error();
    duration_timer_ = std::move(*timer);
  }
  return loop_.watch(attached_.get(), EPOLLIN, [this](std::uint32_t) { on_command_exit(); });
}

Result<void> Session::start_timers() {
  auto interval = static_cast<std::uint64_t>(options_.sample_interval_s * kSecond);
  auto timer = loop_.add_timer(interval, interval, [this](std::uint64_t) {
    if (tracer_->samples_ready()) take_sample();
  });
  if (!timer) return timer.error();
  sample_timer_ = std::move(*timer);
  peak_watch_.emplace(loop_, *tracer_, *ledger_, *accountant_);
  memory_rest_.emplace(*tracer_, *ledger_);
  exit_sweep_.emplace(loop_, *ledger_, [this](bool storm) {
    memory_rest_->on_sweep(storm);
    stop_if_all_ended();
  });
  // The first one once the exec is through (it goes on for a moment after it can no longer fail), and as soon as it can be
  // taken: nobody waits for that.
  auto first = loop_.add_timer(tracer_->samples_ready() ? kFirstSampleNs : kPrepareSamplesNs, kLookNs, [this](std::uint64_t) {
    tracer_->prepare_samples();
    if (!tracer_->samples_ready()) return;
    first_sample_timer_.cancel();
    take_sample();
  });
  if (!first) return first.error();
  first_sample_timer_ = std::move(*first);
  if (progress_.active()) {
    auto ticks = loop_.add_timer(kSecond / 5, kSecond / 5, [this](std::uint64_t) {
      progress_.tick(monotonic_now_ns() - start_monotonic_ns_, peak_rss_seen_, ledger_->tree().live().size());
    });
    if (!ticks) return ticks.error();
    progress_timer_ = std::move(*ticks);
  }
  return loop_.watch(tracer_->news_fd(), EPOLLIN, [this](std::uint32_t) {
    drain();
    stop_if_all_ended();
    exit_sweep_->on_news();
    if (ledger_->take_peak()) peak_watch_->on_peak();
  });
}

void Session::on_process_end(const Process& process) {
  if (!process.killed_by || process.killed_by->pid != ::getpid()) return record_process(process);
  Process named = process;
  named.killed_by = passed_on_;  // we send nothing of our own accord
  record_process(named);
}

void Session::record_process(const Process& process) {
  bool ended = process.exit_signal || process.exit_code;  // procfs may not know how
  kills_.add(process);
  if (process.pid == (command_ ? command_->pid() : options_.attach_pid.value_or(0)) && process.oom_victim) oom_victim_ = true;
  if (options_.attach_pid && process.pid == *options_.attach_pid && ended && !wait_status_)
    wait_status_ = process.exit_signal ? *process.exit_signal : process.exit_code.value_or(0) << 8;
  observer_.on_process_end(process);
  if (files_.processes()) {
    append_process_line(files_.processes().buffer(), process);
    files_.processes().append("");
  }
}

void Session::take_sample() {
  drain();
  if (!ledger_->read_live() && !sample_failure_said_) {
    sample_failure_said_ = true;
    int error = errno;
    say(LogLevel::debug, Tracer::log());
    say(LogLevel::warning, "samples cannot be read from the kernel: " + errno_text(error));
  }
  if (peak_watch_) peak_watch_->on_sample(options_.pss);
  if (memory_rest_) memory_rest_->on_sample();
  std::int64_t now = now_ns();
  Sample sample = accountant_->sample(ledger_->tree(), now);
  auto memory = tracer_->memory();
  peak_rss_seen_ = std::max(peak_rss_seen_, memory ? memory->peak_bytes : sample.rss_bytes);
  observer_.on_sample(sample);
  if (observer_.wants_live_processes()) observer_.on_live_processes(sample, ledger_->live_processes());
  for (auto& [key, entry] : ledger_->tree().live()) entry.pss_bytes.reset();  // of this moment, not of the next sample's
  // The first report comes with the first sample, so that a reader sees at once that something is there.
  std::int64_t monotonic = monotonic_now_ns();
  if (!first_report_written_ || monotonic - last_report_ns_ >= static_cast<std::int64_t>(options_.report_interval_s * kSecond)) {
    first_report_written_ = true;
    last_report_ns_ = monotonic;
    write_report();
  }
  files_.processes().flush();
}

void Session::write_report() {
  accountant_->note_window_peak(tracer_->take_window_peak());
  Report report = accountant_->report(ledger_->tree(), now_ns());
  if (!files_.usage()) return;
  files_.usage().append(usage_line(report, machine_));
  files_.usage().flush();
}

void Session::on_signal(const signalfd_siginfo& info) {
  SignalDecision decision = router_.decide(static_cast<int>(info.ssi_signo), info.ssi_code);
  passed_on_ = sender_of(info);
  using Kind = SignalDecision::Kind;
  bool can_send = command_ && !ended_;
  auto send = [&](int signal) {
    if (can_send) send_to_command(command_->pid(), own_group(), signal);
  };
  switch (decision.kind) {
    case Kind::nothing:
      break;
    case Kind::pass:
      // An attached process is not ours to end: a signal to us ends the recording.
      if (options_.attach_pid || ended_) return stop();
      send(decision.signal);
      break;
    case Kind::kill:
      if (options_.attach_pid || ended_) return stop();
      send(SIGKILL);
      break;
    case Kind::give_up:
      gave_up_ = true;
      stop();
      break;
    case Kind::stop:
      send(decision.signal);
      streams_.suspend();
      signals_.stop_self();
      streams_.resume();
      send(SIGCONT);
      break;
    case Kind::resume:
      send(SIGCONT);
      break;
    case Kind::resize:
      streams_.resize();
      break;
  }
}

void Session::on_command_exit() {
  loop_.unwatch(command_ ? command_->pidfd() : attached_.get());
  end_monotonic_ns_ = monotonic_now_ns();
  ended_ = true;
  tracer_->command_ended();
  if (command_) {
    if (auto status = command_->reap())
      wait_status_ = *status;
    else
      say(LogLevel::error, status.error().message);
  }
  if (options_.wait_all) {
    drain();
    return stop_if_all_ended();
  }
  stop();
}

void Session::stop_if_all_ended() {
  if (!ended_ || !options_.wait_all || tracer_->counts().live) return;
  end_monotonic_ns_ = monotonic_now_ns();
  stop();
}

void Session::stop() {
  if (!end_monotonic_ns_) end_monotonic_ns_ = monotonic_now_ns();
  loop_.stop();
}

void Session::finish_ledger() {
  tracer_->close();
  auto until = monotonic_now_ns() + static_cast<std::int64_t>(options_.drain_time_s * kSecond);
  ledger_->finish([&](std::int64_t now) { return now < until && !gave_up_; });
  // Before the records are written: the next run has to wait until nobody is in the tracepoints as they were.
  tracer_->detach();
}

void Session::report_losses(const TracerCounts& counts) {
  for (const std::string& text : loss_texts(counts, ledger_->malformed())) say(LogLevel::warning, text);
  if (std::uint64_t lines = files_.processes().lost_lines() + files_.usage().lost_lines())
    say(LogLevel::error, std::to_string(lines) + " records could not be written");
}

Outcome Session::conclude() {
  Outcome outcome;
  Summary& summary = outcome.summary;
  TracerCounts counts = tracer_->counts();
  summary.command = join_argv(command_words_);
  summary.logs_prefix = paths_.prefix;
  summary.working_directory = working_directory();
  summary.wall_clock_s = static_cast<double>(end_monotonic_ns_ - start_monotonic_ns_) / kSecond;
  summary.start_ns = start_wall_ns_;
  summary.end_ns = start_wall_ns_ + (end_monotonic_ns_ - start_monotonic_ns_);
  accountant_->finish(summary.end_ns);
  if (accountant_->anything_to_report() || !first_report_written_) write_report();
  summary.memory_method = "sampled";
  if (auto memory = tracer_->memory()) {
    summary.memory_method = options_.memory == MemoryMethod::exact ? "exact" : "fast";
    accountant_->note_tree_peak(memory->peak_bytes, ledger_->tree().wall_ns(memory->peak_boot_ns));
    summary.memory_error_bound_bytes = std::max(memory->error_bound_bytes, memory_rest_ ? memory_rest_->error_bytes(*memory) : 0);
    summary.peak_holders = ledger_->peak_holders().at(memory->peak_number);
  }
  accountant_->summarize(summary);
  summary.num_killed = kills_.killed();
  summary.num_oom_killed = kills_.out_of_memory();
  summary.killed = kills_.killed_text();
  summary.oom_killed = kills_.out_of_memory_text();
  if (peak_watch_) summary.pss_cpu_s = peak_watch_->cpu_seconds();
  summary.cgroup_memory_peak_bytes = own_cgroup_.memory_peak();
  summary.max_processes = counts.max_live;
  summary.completeness = ledger_->completeness(counts);
  // We may get the CPU again only when the command is through: the kernel's word is better.
  if (auto exec = ledger_->watched_exec_boot_ns()) exec_monotonic_ns_ = static_cast<std::int64_t>(*exec) - monotonic_to_boot_ns_;
  summary.startup_s = static_cast<double>(exec_monotonic_ns_ - std::chrono::duration_cast<std::chrono::nanoseconds>(
                                                                   options_.launched.time_since_epoch())
                                                                   .count()) /
                      kSecond;

  if (wait_status_) {
    int status = *wait_status_;
    if (WIFSIGNALED(status)) summary.exit_signal = WTERMSIG(status);
    summary.exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    summary.termination = oom_victim_ ? "oom" : summary.exit_signal ? "signal" : "exit";
  }
  if (timed_out_) summary.termination = "timeout";
  if (router_.ending_signal() == SIGINT) summary.termination = "interrupted";
  outcome.exit_status = options_.attach_pid ? 0 : summary.exit_code.value_or(128 + SIGINT);
  report_losses(counts);

  bool failed = summary.exit_code.value_or(0) != 0;
  bool too_short = options_.fail_time_s < 0 || (options_.fail_time_s > 0 && summary.wall_clock_s < options_.fail_time_s);
  if (!options_.attach_pid && failed && too_short) {
    if (keeps_records_)
      say(LogLevel::info, "The command failed within --fail-time; its log files are removed (--fail-time 0 keeps them)");
    files_.remove();
    keeps_records_ = false;
  }
  if (keeps_records_) {
    files_.flush();
    RunInfo info;
    info.command = command_words_;
    info.cpu_total = machine_.cpus;
    info.memory_total_bytes = machine_.memory_bytes;
    info.hostname = host_name();
    info.uid = ::getuid();
    info.user = user_name(info.uid);
    info.environment = job_environment();
    info.paths = paths_;
    info.message = options_.message;
    info.sampler = options_.sampler == Sampler::procfs ? "procfs" : "bpf";
    info.kernel_release = kernel_release();
    summary.overhead_cpu_s = own_cpu_seconds();
    if (files_.wanted_info()) files_.write_info(info_text(info, summary));
  }
  summary.overhead_cpu_s = own_cpu_seconds();
  outcome.records_kept = keeps_records_;
  return outcome;
}

Result<Outcome> Session::run() {
  if (auto opened = loop_.open(); !opened) return opened.error();
  if (auto opened = signals_.open([this](const signalfd_siginfo& info) { on_signal(info); }); !opened)
    return opened.error();
  if (auto ready = prepare(); !ready) return ready.error();
  if (auto left = leave_privilege_to_loader(); !left) return left.error();
  create_files();
  // Not where it would be adopted; and the guard is to be a copy of us before there is a terminal, which it would hold open.
  if (!options_.attach_pid && options_.mode != SessionMode::current_session && options_.on_tracer_death != TracerDeath::is_killed) {
    if (auto forked = fork_command(); !forked) {
      files_.remove();
      return forked.error();
    }
  }
  if (auto loaded = take_tracer(loading_.take()); !loaded) {
    files_.remove();
    return loaded.error();
  }
  auto started = options_.attach_pid ? start_attached() : start_command();
  if (!started) {
    files_.remove();
    return started.error();
  }
  if (auto timers = start_timers(); !timers) say(LogLevel::error, timers.error().message);
  loop_.run();
  guard_.dismiss();
  sample_timer_.cancel();
  first_sample_timer_.cancel();
  if (peak_watch_) peak_watch_->stop();
  progress_timer_.cancel();
  if (!gave_up_) streams_.drain();
  if (memory_rest_) memory_rest_->finish();
  finish_ledger();
  progress_.clear();
  return conclude();
}

}  // namespace

Result<Outcome> run(const Options& options, Observer& observer) {
  TracerStart loading(options);
  return std::make_unique<Session>(options, observer, loading)->run();  // some ten KB, of which a stack may have few
}

}  // namespace duct_bpf
