// SPDX-License-Identifier: MIT
// Decoding of the tracer's bytes. Every message lies in a heap block of exactly its size, so that a read past
// its end is seen by AddressSanitizer.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "abi.h"
#include "core/event.hpp"

using namespace duct_bpf;

namespace {

using Bytes = std::vector<std::byte>;

template <typename T>
T message(std::uint32_t kind) {
  T made;
  std::memset(&made, 0, sizeof made);
  made.header = {sizeof(T), kind, 77};
  return made;
}

template <typename T>
Bytes bytes_of(T made, std::string_view tail = {}) {
  made.header.size = static_cast<std::uint32_t>(sizeof made + tail.size());
  Bytes bytes(sizeof made + tail.size());
  std::memcpy(bytes.data(), &made, sizeof made);
  if (!tail.empty()) std::memcpy(bytes.data() + sizeof made, tail.data(), tail.size());
  return bytes;
}

Bytes exec_bytes(std::string_view exe, std::string_view argv, std::uint32_t flags = 0) {
  auto exec = message<abi::news_exec>(abi::NEWS_EXEC);
  exec.key = 5;
  exec.image_id = 6;
  exec.exe_bytes = static_cast<std::uint32_t>(exe.size());
  exec.argv_bytes = static_cast<std::uint32_t>(argv.size());
  exec.flags = flags;
  return bytes_of(exec, std::string(exe) + std::string(argv));
}

void set_u32(Bytes& bytes, std::size_t offset, std::uint32_t value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

Bytes sign_bytes(std::uint32_t kind) { return bytes_of(message<abi::news_sign>(kind)); }

std::vector<Bytes> one_of_each() {
  return {bytes_of(message<abi::news_fork>(abi::NEWS_FORK)),
          exec_bytes("/bin/ls", {"ls\0-l\0", 6}),
          bytes_of(message<abi::news_process>(abi::NEWS_END)),
          bytes_of(message<abi::news_process>(abi::NEWS_STATE)),
          bytes_of(message<abi::news_live>(abi::NEWS_LIVE)),
          sign_bytes(abi::NEWS_EXIT),
          sign_bytes(abi::NEWS_PEAK)};
}

template <typename T>
T decoded(const Bytes& bytes) {
  auto event = decode(bytes);
  REQUIRE(event);
  REQUIRE(std::holds_alternative<T>(*event));
  return std::get<T>(*event);
}

ProcessEvent ended(int wait_status, std::uint32_t flags = abi::PROC_EXITED) {
  auto end = message<abi::news_process>(abi::NEWS_END);
  end.info.flags = flags;
  end.info.wait_status = wait_status;
  return decoded<ProcessEvent>(bytes_of(end));
}

}  // namespace

TEST_CASE("fork news: every field, adopted or not") {
  auto fork = message<abi::news_fork>(abi::NEWS_FORK);
  fork.key = 1;
  fork.parent_key = 2;
  fork.image_id = 3;
  fork.start_ns = 4;
  fork.pid = 5;
  fork.ppid = 6;
  fork.pid_ns = 7;
  fork.depth = 8;
  auto event = decoded<ForkEvent>(bytes_of(fork));
  CHECK((event.key == 1 && event.parent_key == 2 && event.image_id == 3 && event.start_boot_ns == 4));
  CHECK((event.pid == 5 && event.ppid == 6 && event.pid_ns == 7 && event.depth == 8));
  CHECK_FALSE(event.adopted);
  fork.flags = abi::PROC_ADOPTED;
  CHECK(decoded<ForkEvent>(bytes_of(fork)).adopted);
}

TEST_CASE("exec news: file name and words, cut or whole, none at all") {
  auto event = decoded<ExecEvent>(exec_bytes("/bin/ls", {"ls\0\0-l\0", 7}));
  CHECK((event.key == 5 && event.image_id == 6 && event.time_boot_ns == 77));
  CHECK(event.image->exe == "/bin/ls");
  CHECK(event.image->argv == std::vector<std::string>{"ls", "", "-l"});
  CHECK_FALSE(event.image->argv_truncated);
  CHECK(decoded<ExecEvent>(exec_bytes("", "half", abi::EXEC_ARGV_CUT)).image->argv_truncated);
  auto nothing = decoded<ExecEvent>(exec_bytes("", "", abi::EXEC_ARGV_LOST));
  CHECK((nothing.image->exe.empty() && nothing.image->argv.empty() && !nothing.image->argv_truncated));
}

TEST_CASE("news of a time that cannot be is refused") {
  auto fork = message<abi::news_fork>(abi::NEWS_FORK);
  auto exec = message<abi::news_exec>(abi::NEWS_EXEC);
  auto end = message<abi::news_process>(abi::NEWS_END);
  fork.start_ns = exec.header.time_ns = end.info.start_ns = (std::uint64_t{1} << 62) - 1;
  CHECK(decode(bytes_of(fork)));
  CHECK(decode(bytes_of(exec)));
  CHECK(decode(bytes_of(end)));
  fork.start_ns = exec.header.time_ns = end.info.end_ns = std::uint64_t{1} << 62;
  CHECK_FALSE(decode(bytes_of(fork)));
  CHECK_FALSE(decode(bytes_of(exec)));
  CHECK_FALSE(decode(bytes_of(end)));
}

TEST_CASE("live and exit news") {
  auto live = message<abi::news_live>(abi::NEWS_LIVE);
  live.key = 1;
  live.cpu_ns = 2;
  live.rss_bytes = 3;
  live.vsz_bytes = 4;
  live.threads = 5;
  live.state = 'S' | abi::LIVE_SESSION_LEADER;
  auto event = decoded<LiveEvent>(bytes_of(live));
  CHECK((event.key == 1 && event.cpu_ns == 2 && event.rss_bytes == 3 && event.vsz_bytes == 4));
  CHECK((event.threads == 5 && event.state == live.state));

  decoded<ExitEvent>(sign_bytes(abi::NEWS_EXIT));
  decoded<PeakEvent>(sign_bytes(abi::NEWS_PEAK));
}

TEST_CASE("who sent the signal that ended it: the last one, if the exit status speaks of it, and a process sent it") {
  auto news = message<abi::news_process>(abi::NEWS_END);
  news.info.flags = abi::PROC_EXITED;
  news.info.wait_status = 9 | 0x80;
  news.info.sender = {.signal = 9, .pid = 77, .uid = 5, .flags = abi::SENDER_KNOWN | abi::SENDER_FINAL, .comm = "0123456789abcde"};
  std::memset(news.info.sender.comm, 'c', sizeof news.info.sender.comm);
  auto process = decoded<ProcessEvent>(bytes_of(news)).process;
  REQUIRE(process.killed_by);
  CHECK((process.killed_by->pid == 77 && process.killed_by->uid == 5 && process.killed_by->comm == std::string(16, 'c')));

  news.info.flags |= abi::PROC_OOM_VICTIM;  // found by the kernel when it was dying already
  CHECK_FALSE(decoded<ProcessEvent>(bytes_of(news)).process.oom_victim);
  news.info.sender.pid = 0;
  CHECK_FALSE(decoded<ProcessEvent>(bytes_of(news)).process.killed_by->pid);

  news.info.sender.flags = 0;  // the kernel
  process = decoded<ProcessEvent>(bytes_of(news)).process;
  CHECK_FALSE(process.killed_by);
  CHECK(process.oom_victim);
  news.info.flags = abi::PROC_EXITED;
  news.info.sender = {.signal = 15, .pid = 77, .uid = 0, .flags = abi::SENDER_KNOWN, .comm = "a"};
  process = decoded<ProcessEvent>(bytes_of(news)).process;
  CHECK((!process.killed_by && !process.oom_victim));
  news.info.wait_status = 15 << 8;  // an exit code
  CHECK_FALSE(decoded<ProcessEvent>(bytes_of(news)).process.killed_by);
}

TEST_CASE("process news: identity, names that fill their array, what sets an end apart from a state") {
  auto news = message<abi::news_process>(abi::NEWS_END);
  news.key = 1;
  news.info.image_id = 2;
  news.info.start_ns = 3;
  news.info.end_ns = 4;
  news.info.cgroup_id = 5;
  news.info.pid = 6;
  news.info.ppid = 7;
  news.info.pid_ns = 6;
  news.info.depth = 8;
  news.info.num_execs = 9;
  news.info.uid = 10;
  news.info.sid = 11;
  news.info.flags = abi::PROC_EXITED | abi::PROC_ADOPTED;
  news.info.tree_peak = 12;
  news.info.rss_at_tree_peak = 13;
  news.info.image_at_tree_peak = 14;
  std::memset(news.info.comm, 'c', sizeof news.info.comm);
  auto event = decoded<ProcessEvent>(bytes_of(news));
  CHECK((event.key == 1 && event.image_id == 2 && event.start_boot_ns == 3 && event.end_boot_ns == 4));
  CHECK((event.final && event.exited));
  CHECK((event.tree_peak == 12 && event.rss_at_tree_peak == 13 && event.image_at_tree_peak == 14));
  const Process& process = event.process;
  CHECK((process.pid == 6 && process.ppid == 7 && process.depth == 8 && process.num_execs == 9));
  CHECK((process.uid == 10u && process.sid == 11 && process.cgroup_id == 5u && process.adopted));
  CHECK(process.comm == std::string(16, 'c'));
  CHECK_FALSE(process.pid_ns);  // the same number, or none: nothing to say

  news.header.kind = abi::NEWS_STATE;
  news.info.pid_ns = 1;
  news.info.flags = 0;
  std::strcpy(news.info.comm, "short");
  event = decoded<ProcessEvent>(bytes_of(news));
  CHECK_FALSE((event.final || event.exited || event.process.adopted));
  CHECK(event.process.pid_ns == 1);
  CHECK(event.process.comm == "short");
  news.info.pid_ns = 0;
  CHECK_FALSE(decoded<ProcessEvent>(bytes_of(news)).process.pid_ns);
}

TEST_CASE("what a sampler cannot know of a process is absent") {
  auto news = message<abi::news_process>(abi::NEWS_END);
  news.info.flags = abi::PROC_EXITED | abi::PROC_STATUS_UNKNOWN;
  news.info.num_execs = news.info.depth = news.info.uid = ABI_ABSENT_U32;
  news.info.cgroup_id = ABI_ABSENT;
  auto event = decoded<ProcessEvent>(bytes_of(news));
  const Process& process = event.process;
  CHECK(event.exited);
  CHECK_FALSE((process.exit_code || process.exit_signal || process.core_dumped));
  CHECK_FALSE((process.num_execs || process.depth || process.uid || process.cgroup_id));
}

TEST_CASE("metrics arrive each in its place; one that was not measured stays absent") {
  auto news = message<abi::news_process>(abi::NEWS_END);
  std::uint64_t n = 100;
#define METRIC(name, unit, signal_path, task_path, help) news.usage.name = n++;
#define SUMMED(name, unit, task_path, help) news.usage.name = n++;
#define GAUGE(name, unit, help) news.info.name = n++;
#include "metrics.def"
  news.usage.system_time = ABI_ABSENT;  // else the two are scaled
  auto process = decoded<ProcessEvent>(bytes_of(news)).process;
  n = 100;
  for_each_metric(process.usage, process.gauges, [&](std::string_view name, Unit, const auto& value) {
    INFO(name);
    if (name == "system_time")
      CHECK_FALSE(value);
    else
      CHECK(value == n);
    n++;
  });
  CHECK(n > 110);

  news.usage.cpu_time = 1000;
  news.usage.user_time = 3;
  news.usage.system_time = 1;
  news.info.peak_rss = ABI_ABSENT;
  process = decoded<ProcessEvent>(bytes_of(news)).process;
  CHECK((process.usage.user_time == 750u && process.usage.system_time == 250u));
  CHECK_FALSE(process.gauges.peak_rss);
}

TEST_CASE("an image that borrowed its parent's memory had none of its own") {
  auto news = message<abi::news_process>(abi::NEWS_END);
  news.info.flags = abi::PROC_BORROWED_MM;
  news.info.peak_rss = 700;  // of an image before
  news.info.peak_rss_image = news.info.peak_vsz = ABI_ABSENT;
  auto gauges = decoded<ProcessEvent>(bytes_of(news)).process.gauges;
  CHECK((gauges.peak_rss == 700u && gauges.peak_rss_image == 0u && gauges.peak_vsz == 0u));
  news.info.peak_rss = ABI_ABSENT;
  CHECK(decoded<ProcessEvent>(bytes_of(news)).process.gauges.peak_rss == 0u);
}

TEST_CASE("a wait status becomes a code or a signal, never both") {
  for (int code : {0, 1, 3, 127, 255}) {
    auto process = ended(code << 8).process;
    CHECK(process.exit_code == code);
    CHECK_FALSE((process.exit_signal || process.core_dumped));
  }
  for (int signal : {1, 9, 15, 64}) {
    auto process = ended(signal).process;
    CHECK(process.exit_signal == signal);
    CHECK_FALSE((process.exit_code || process.core_dumped));
    CHECK(ended(signal | 0x80).process.exit_signal == signal);
    CHECK(ended(signal | 0x80).process.core_dumped);
  }
  auto running = ended(9 << 8, 0).process;  // not valid before the exit
  CHECK_FALSE((running.exit_code || running.exit_signal || running.core_dumped));
}

TEST_CASE("messages that are too short are refused at every length") {
  for (const Bytes& whole : one_of_each()) {
    REQUIRE(decode(whole));
    for (std::size_t size = 0; size < whole.size(); size++) {
      Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      INFO("kind " << static_cast<int>(whole[4]) << ", " << size << " of " << whole.size());
      CHECK_FALSE(decode(cut));  // the header says more than there is
      if (size >= 4) set_u32(cut, 0, static_cast<std::uint32_t>(size));
      CHECK_FALSE(decode(cut));  // the header says what there is
    }
  }
}

TEST_CASE("messages of impossible sizes and unknown kinds are refused") {
  for (const Bytes& whole : one_of_each()) {
    for (std::uint32_t size :
         {0u, 15u, static_cast<std::uint32_t>(whole.size()) + 1, 0x80000000u, 0xffffffffu}) {
      Bytes wrong = whole;
      set_u32(wrong, 0, size);
      CHECK_FALSE(decode(wrong));
    }
    for (std::uint32_t kind : {0u, 8u, 0xffffffffu}) {
      Bytes wrong = whole;
      set_u32(wrong, 4, kind);
      CHECK_FALSE(decode(wrong));
    }
    // A ring hands out rounded sizes: what follows the message is not part of it.
    Bytes padded = whole;
    padded.resize(whole.size() + 24, std::byte{'x'});
    CHECK(decode(padded));
  }
}

TEST_CASE("exec news whose texts do not fit their message are refused") {
  const Bytes whole = exec_bytes("/bin/ls", {"ls\0-l\0", 6});
  const std::size_t exe = offsetof(abi::news_exec, exe_bytes), argv = offsetof(abi::news_exec, argv_bytes);
  const std::pair<std::uint32_t, std::uint32_t> sizes[] = {
      {14, 0},         {0, 14},           {7, 7},          {8, 6},         {0xffffffff, 0},
      {0, 0xffffffff}, {0xffffffff, 0xe}, {0xfffffffa, 6}, {7, 0xfffffffc}};
  for (auto [exe_bytes, argv_bytes] : sizes) {
    Bytes wrong = whole;
    set_u32(wrong, exe, exe_bytes);
    set_u32(wrong, argv, argv_bytes);
    INFO(exe_bytes << " " << argv_bytes);
    CHECK_FALSE(decode(wrong));
    wrong.resize(wrong.size() + 64);  // bytes that are there, but not of this message
    CHECK_FALSE(decode(wrong));
  }
}

TEST_CASE("random damage is decoded or refused, within the bytes there are") {
  std::mt19937 random(1);
  auto all = one_of_each();
  for (int round = 0; round < 20000; round++) {
    Bytes bytes = all[random() % all.size()];
    for (int i = 0; i < 3; i++) bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    if (round % 2) bytes[1] = bytes[2] = bytes[3] = bytes[5] = bytes[6] = bytes[7] = std::byte{0};
    bytes.resize(random() % 4 ? bytes.size() : random() % bytes.size());
    bytes.shrink_to_fit();
    (void)decode(bytes);
  }
}

TEST_CASE("user and system time are scaled to the exact sum") {
  struct {
    std::uint64_t cpu, user, system, scaled_user, scaled_system;
  } cases[] = {{0, 0, 0, 0, 0}, {5, 0, 0, 5, 0},  // too short for a tick
               {0, 4, 4, 0, 0}, {10, 1, 2, 4, 6}, {100, 0, 4, 0, 100}, {100, 4, 0, 100, 0}};
  for (auto c : cases) {
    INFO(c.cpu << " " << c.user << " " << c.system);
    scale_times(c.cpu, c.user, c.system);
    CHECK((c.user == c.scaled_user && c.system == c.scaled_system));
  }
  std::mt19937_64 random(2);
  for (int i = 0; i < 10000; i++) {
    // Up to 2^62 ns of each: 146 years; the product needs 128 bits.
    std::uint64_t cpu = random() >> (1 + random() % 60), user = random() >> (2 + random() % 60),
                  system = random() >> (2 + random() % 60);
    const double share = static_cast<double>(system) / std::max(1.0, static_cast<double>(user + system));
    std::uint64_t scaled_user = user, scaled_system = system;
    scale_times(cpu, scaled_user, scaled_system);
    REQUIRE(scaled_user + scaled_system == cpu);
    REQUIRE(scaled_system <= cpu);
    REQUIRE(static_cast<double>(scaled_system) == Approx(share * static_cast<double>(cpu)).margin(1.0));
  }
}

TEST_CASE("states are written as ps writes STAT") {
  CHECK(state_text('S') == "S");
  CHECK(state_text('S' | abi::LIVE_SESSION_LEADER) == "Ss");
  CHECK(state_text('R' | abi::LIVE_FOREGROUND) == "R+");
  CHECK(state_text('S' | abi::LIVE_NICE_LOW | abi::LIVE_MULTITHREADED) == "SNl");
  CHECK(state_text('D' | abi::LIVE_NICE_HIGH | abi::LIVE_LOCKED) == "D<L");
  CHECK(state_text('R' | 0xff00) == "R<NLsl+");  // ps's order
}

TEST_CASE("an argument area is split at its NULs") {
  using Words = std::vector<std::string>;
  auto split = [](std::string_view area) { return split_argv(area); };
  CHECK(split("").empty());
  CHECK(split({"a\0b\0", 4}) == Words{"a", "b"});
  CHECK(split({"a\0\0b\0", 5}) == Words{"a", "", "b"});
  CHECK(split({"\0", 1}) == Words{""});
  CHECK(split({"\0\0", 2}) == Words{"", ""});
  CHECK(split({"a\0", 2}) == Words{"a"});
  CHECK(split({"a\0cut", 5}) == Words{"a", "cut"});
  CHECK(split("cut") == Words{"cut"});
  CHECK(split({"\xff\n \0", 4}) == Words{"\xff\n "});
}
