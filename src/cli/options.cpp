// SPDX-License-Identifier: MIT
// One table holds every option; the parser, the environment, the .env files and --help are made from it.
#include "cli/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <string_view>
#include <variant>

#include "cli/option_values.hpp"
#include "core/log_paths.hpp"
#include "core/summary_format.hpp"

namespace duct_bpf {
namespace {

constexpr std::size_t kMaxPid = 4 << 20;  // PID_MAX_LIMIT of the kernel
constexpr double kMinInterval = 0.001;
// Stands for the empty value of "--name=": CLI11 would take the next word for it.
constexpr char kEmptyValue = '\x1f';

template <typename T, typename V>
Result<void> put(T& to, V&& value) {
  to = std::forward<V>(value);
  return {};
}

Result<void> set_prefix(std::string_view value, CliOptions& to) {
  if (auto path = expand_prefix(value, 0, 1); !path) return path.error();
  if (uses_deprecated_field(value)) {
    to.notes.emplace_back(LogLevel::warning, "{datetime_filesafe} is deprecated, use {datetime}");
  }
  return put(to.run.output_prefix, value);
}

// Tried out here: at the end of a run of hours it is too late to learn that it does not fit.
Result<void> set_summary_format(std::string_view value, CliOptions& to) {
  Fields fields = summary_fields(Summary{});
  for (auto& [name, field] : fields) {
    if (std::holds_alternative<std::monostate>(field))
      field = std::int64_t{0};  // what may be null is a number
  }
  if (auto text = format_summary(value, fields, false); !text) return text.error();
  return put(to.summary_format, value);
}

Result<void> set_attach(std::string_view value, CliOptions& to) {
  std::size_t pid = 0;
  if (auto ok = read_count(value, 1, kMaxPid, pid); !ok) return ok;
  return put(to.run.attach_pid, static_cast<pid_t>(pid));
}

Result<void> set_ring_size(std::string_view value, CliOptions& to) {
  if (auto ok = read_size(value, 4 << 10, 1 << 30, to.run.ring_bytes); !ok) return ok;
  if ((to.run.ring_bytes & (to.run.ring_bytes - 1)) == 0) return {};
  return usage(std::string(value) + " is not a power of two", "such as 2M");
}

Result<void> set_colors(std::string_view value, CliOptions& to) {
  return read_choice(value, kTruth, to.colors);
}

using Text = std::string_view;

struct OptionRow {
  const char* group;  // heading in --help; null: the one of the row before
  const char* names;  // as CLI11 takes them; --help shows those before the alias
  const char* value;  // what stands for it in --help; null: a flag
  const char* help;
  const char* initial;                              // the default, for --help
  const char* variable;                             // of the environment; null: none
  Result<void> (*set)(Text value, CliOptions& to);  // null: seen to before all others
  bool may_be_empty = false;                        // an empty variable is a value, not "not set"
};

// clang-format off
const OptionRow kOptions[] = {
    {"Records", "-p,--output-prefix", "PREFIX", "path of the files", ".duct/logs/{datetime}-{pid}_",
     "DUCT_OUTPUT_PREFIX", set_prefix, true},
    {nullptr, "--clobber", nullptr, "overwrite files that exist", nullptr, nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTruth, to.run.clobber); }},
    {nullptr, "-t,--record-types", "LIST", "what to write (see below)", "all", "DUCT_RECORD_TYPES",
     [](Text value, CliOptions& to) { return read_record_types(value, to.run.record_types); }},
    {nullptr, "-m,--message", "TEXT", "a note to keep in info.json", nullptr, "DUCT_MESSAGE",
     [](Text value, CliOptions& to) { return put(to.run.message, value); }, true},
    {nullptr, "--fail-time,--f-t", "SEC", "drop records if it fails sooner (--f-t)", "3.0", "DUCT_FAIL_TIME",
     [](Text value, CliOptions& to) { return read_seconds(value, -kMaxSeconds, to.run.fail_time_s); }},
    {nullptr, "--max-argv", "SIZE", "keep so much of each command line, up to 1M", "32K", nullptr,
     [](Text value, CliOptions& to) { return read_size(value, 1, 1 << 20, to.run.max_argv_bytes); }},
    {nullptr, "--usage-max-processes", "N", "most processes of a report, the rest is summed", "1000", nullptr,
     [](Text value, CliOptions& to) { return read_count(value, 0, kMaxPid, to.run.usage_max_processes); }},

    {"Output of the command", "-c,--capture-outputs", "WHICH", "to files: all none stdout stderr", "all",
     "DUCT_CAPTURE_OUTPUTS",
     [](Text value, CliOptions& to) { return read_choice(value, kStreams, to.run.capture_outputs); }},
    {nullptr, "-o,--outputs", "WHICH", "passed on: all none stdout stderr spinner dotter", "all", nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kViews, to.run.outputs); }},
    {nullptr, "--pty", nullptr, "give the command a terminal of its own", nullptr, nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTruth, to.run.pty); }},

    {"Sampling", "--sample-interval,--s-i", "SEC", "between two samples (--s-i)", "1.0", "DUCT_SAMPLE_INTERVAL",
     [](Text value, CliOptions& to) { return read_seconds(value, kMinInterval, to.run.sample_interval_s); }},
    {nullptr, "--report-interval,--r-i", "SEC", "between two reports (--r-i)", "60.0", "DUCT_REPORT_INTERVAL",
     [](Text value, CliOptions& to) { return read_seconds(value, kMinInterval, to.run.report_interval_s); }},
    {nullptr, "--sampler", "NAME", "bpf, or procfs: without privilege, see below", "bpf", "DUCT_SAMPLER",
     [](Text value, CliOptions& to) { return read_choice(value, kSamplers, to.run.sampler); }},

    {"Memory", "--memory", "HOW", "between samples: fast, exact or sampled (below)", "fast", "DUCT_MEMORY",
     [](Text value, CliOptions& to) { return read_choice(value, kMemoryMethods, to.run.memory); }},
    {nullptr, "--pss", nullptr, "physical memory of each process at each sample", nullptr, nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTruth, to.run.pss); }},

    {"What is recorded", "--attach", "PID", "record a running process and its descendants", nullptr, nullptr,
     set_attach},
    {nullptr, "--duration", "SEC", "with --attach: for so long", "until PID ends", nullptr,
     [](Text value, CliOptions& to) { return read_seconds(value, kMinInterval, to.run.duration_s.emplace()); }},
    {nullptr, "--wait-all", nullptr, "stay until the last descendant has ended", nullptr, nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTruth, to.run.wait_all); }},
    {nullptr, "--drain-time", "SEC", "wait so long for stragglers at the end", "1.0", nullptr,
     [](Text value, CliOptions& to) { return read_seconds(value, 0, to.run.drain_time_s); }},
    {nullptr, "--mode", "MODE", "new-session or current-session", "new-session", nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kModes, to.run.mode); }},
    {nullptr, "--on-tracer-death", "WHAT", "if duct-bpf is killed: continue, or kill the command", "continue", nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTracerDeaths, to.run.on_tracer_death); }},

    {"User", "-u,--user", "USER", "run the command as this user (name or number)", nullptr, nullptr,
     [](Text value, CliOptions& to) { return value.empty() ? usage("no user given") : put(to.run.user, value); }},
    {nullptr, "--as-invoker", nullptr, "run the command as the user who called sudo", nullptr, nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTruth, to.run.as_invoker); }},

    {"Messages", "-l,--log-level", "LEVEL", "NONE CRITICAL ERROR WARNING INFO DEBUG", "INFO", "DUCT_LOG_LEVEL",
     [](Text value, CliOptions& to) { return read_choice(value, kLevels, to.log_level); }},
    {nullptr, "-q,--quiet", nullptr, "as --log-level NONE", nullptr, nullptr,
     [](Text value, CliOptions& to) { return read_choice(value, kTruth, to.quiet); }},
    {nullptr, "--summary-format", "FORMAT", "of the summary (see below)", nullptr, "DUCT_SUMMARY_FORMAT",
     set_summary_format},
    {nullptr, "--colors", nullptr, "colours in the summary", "off", "DUCT_COLORS",
     set_colors},

    {"Limits in the kernel", "--ring-size", "SIZE", "ring buffer, a power of two, 4K to 1G", "2M", nullptr,
     set_ring_size},
    {nullptr, "--max-processes", "N", "processes alive at once", "pid_max, 65536 at most", nullptr,
     [](Text value, CliOptions& to) { return read_count(value, 1, kMaxPid, to.run.ledger_entries); }},

    {"Help", "--doctor", nullptr, "what this machine allows, by a short run, and how to mend it", nullptr, nullptr, nullptr},
    {nullptr, "--json", nullptr, "with --doctor: as JSON", nullptr, nullptr, nullptr},
    {nullptr, "-h,--help", nullptr, "show this and exit", nullptr, nullptr, nullptr},
    {nullptr, "--version", nullptr, "show the version and exit", nullptr, nullptr, nullptr},
};
// clang-format on

std::string_view long_name(const OptionRow& row) {
  const std::string_view names = row.names;
  const std::string_view name = names.substr(names.find("--"));
  return name.substr(0, name.find(','));
}

std::string help_text() {
  std::string text =
      "Usage: duct-bpf [options] [--] COMMAND [ARGS...]\n"
      "       duct-bpf [options] --attach PID\n"
      "       duct-bpf --doctor [--json]\n"
      "\n"
      "Runs COMMAND and accounts for every process it starts: CPU time, memory, exit codes. Options end\n"
      "at the first word that is not one; the exit status is COMMAND's. In [brackets]: default; variable.\n";
  for (const OptionRow& row : kOptions) {
    if (row.group != nullptr) text += fmt::format("\n{}:\n", row.group);
    const std::string left = fmt::format("{}{}{}{}", row.names[1] == '-' ? "      " : "  ",
                                         row.names[1] == '-' ? "" : std::string(row.names, 2) + ", ",
                                         long_name(row), row.value ? " " + std::string(row.value) : "");
    text += fmt::format("{:<31}{}", left, row.help);
    const char* const separator = row.initial && row.variable ? "; " : "";
    if (row.initial || row.variable) {
      text += fmt::format(" [{}{}{}]", row.initial ? row.initial : "", separator,
                          row.variable ? row.variable : "");
    }
    text += '\n';
  }
  return text +
         "\n"
         "Record types, separated by commas: system-summary (info.json), processes-samples (usage.jsonl),\n"
         "processes-summary (processes.jsonl), all.\n"
         "Memory: fast follows each process by batches of pages, exact by each page (dearer), sampled not\n"
         "at all; the record says how far the peak may be off.\n"
         "Summary format: Python's, such as {wall_clock_time:.3f} or {peak_rss!S}; conversions !S bytes,\n"
         "!E exit code, !X truth, !N number, !P percent, !T duration, !D date.\n"
         "Sampler procfs: polls /proc, as ps does, for processes of the command's session; sees samples only.\n"
         "Fail time: 0 keeps the records of every failure, a negative time of none.\n"
         "Settings are also read from /etc/duct/.env, ~/.config/duct/.env and .duct/.env, or the files that\n"
         "DUCT_CONFIG_PATHS names (separated by colons).\n"
         "\n"
         "Examples:\n"
         "  duct-bpf make -j8                              record a build\n"
         "  duct-bpf -p logs/test_ --clobber -q -- ./test  into logs/test_info.json and so on, no messages\n"
         "  duct-bpf --attach 1234 --duration 60           record a running process for a minute\n";
}

bool is_empty(const EnvLookup& env, const char* name) {
  const char* const value = env(name);
  return value == nullptr || *value == '\0';
}

Result<void> set(const OptionRow& row, std::string_view value, CliOptions& to, const std::string& what) {
  auto ok = row.set(value, to);
  if (!ok) ok.error().message = what + ": " + ok.error().message;
  return ok;
}

// From the environment, else from a .env file, else nothing happens.
Result<void> set_from_environment(const OptionRow& row, const EnvLookup& env, const Settings& settings,
                                  CliOptions& to) {
  const auto counts = [&](std::string_view value) { return row.may_be_empty || !value.empty(); };
  if (const char* value = env(row.variable); value != nullptr && counts(value)) {
    return set(row, value, to, row.variable);
  }
  const auto found = settings.find(row.variable);
  if (found == settings.end() || !counts(found->second.value)) return {};
  return set(row, found->second.value, to, fmt::format("{} in {}", row.variable, found->second.source));
}

Result<void> check(const Options& run) {
  const char* const hint = "duct-bpf --help says more";
  if (run.sample_interval_s > run.report_interval_s) {
    return usage(fmt::format("--sample-interval: {} s is above the report interval of {} s",
                             run.sample_interval_s, run.report_interval_s),
                 "raise --report-interval");
  }
  if (run.attach_pid && !run.command.empty()) return usage("--attach: takes no COMMAND", hint);
  if (run.attach_pid && run.pty)
    return usage("--attach: not with --pty, the process has its terminal already");
  if (run.duration_s && !run.attach_pid) return usage("--duration: only with --attach", hint);
  if (run.user && run.as_invoker) return usage("--user: not with --as-invoker", "choose one");
  if (!run.attach_pid && run.command.empty()) {
    return usage("COMMAND: missing", "duct-bpf [options] [--] COMMAND [ARGS...]; --help says more");
  }
  return {};
}

// The values of each option in the order of the table, and how many words at the end are the command's.
struct Words {
  std::vector<std::optional<std::string>> values;
  std::size_t command_words = 0;
};

Result<Words> read_words(int argc, char** argv) {
  CLI::App app;
  app.set_help_flag();   // ours is a row of the table
  app.prefix_command();  // the first word that is no option, and all behind it, are left alone
  std::vector<CLI::Option*> options;
  for (const OptionRow& row : kOptions) {
    options.push_back(row.value != nullptr ? app.add_option(row.names) : app.add_flag(row.names));
    options.back()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }
  std::vector<std::string> words;  // CLI11 wants them from back to front
  for (int i = argc - 1; i > 0; --i) {
    words.emplace_back(argv[i]);
    // Harmless in the words of the command: those are taken from argv.
    if (words.back().rfind("--", 0) == 0 && words.back().find('=') == words.back().size() - 1) {
      words.back() += kEmptyValue;
    }
  }
  try {
    app.parse(words);
  } catch (const CLI::ArgumentMismatch&) {
    return usage(std::string(argv[argc - 1]) + ": needs a value", "duct-bpf --help lists the options");
  } catch (const CLI::Error& error) {
    return usage(error.what(), "duct-bpf --help lists the options");
  }
  const std::vector<std::string> rest = app.remaining();
  const bool marked = !rest.empty() && rest[0] == "--";
  if (!marked && !rest.empty() && rest[0].size() > 1 && rest[0][0] == '-') {
    const std::string name = rest[0].substr(0, rest[0].find('='));
    return usage(name + ": unknown option", "duct-bpf --help lists the options; -- ends them");
  }
  Words result;
  result.command_words = rest.size() - (marked ? 1 : 0);
  for (const CLI::Option* option : options) {
    auto& value = result.values.emplace_back();
    if (option->results().empty()) continue;
    value = option->results().back();
    const std::size_t size = value->size();
    if (size > 0 && value->back() == kEmptyValue && (size == 1 || (*value)[size - 2] == '='))
      value->pop_back();
  }
  return result;
}

}  // namespace

Result<CliOptions> parse_options(int argc, char** argv, const EnvLookup& env) {
  const Result<Words> words = read_words(argc, argv);
  if (!words) return words.error();
  CliOptions cli;
  cli.summary_format = kDefaultSummaryFormat;
  const std::size_t first = static_cast<std::size_t>(argc) - words->command_words;
  cli.run.command.assign(argv + first, argv + argc);
  const auto asked = [&](std::string_view name) {
    const auto* const row =
        std::find_if(std::begin(kOptions), std::end(kOptions),
                     [&](const OptionRow& candidate) { return long_name(candidate) == name; });
    return words->values[static_cast<std::size_t>(row - std::begin(kOptions))].has_value();
  };
  // Whatever else is wrong, in the environment say.
  if (asked("--help"))
    cli.print_and_exit = help_text();
  else if (asked("--version"))
    cli.print_and_exit = fmt::format("duct-bpf {}\n", version());
  if (cli.print_and_exit) return cli;
  cli.doctor = asked("--doctor");
  cli.json = asked("--json");
  if (cli.json && !cli.doctor) return usage("--json: only with --doctor", "duct-bpf --help says more");
  if (cli.doctor && !cli.run.command.empty()) return usage("--doctor: takes no COMMAND", "duct-bpf --help says more");
  if (cli.doctor) return cli;

  const Settings settings = read_env_files(env, [&](LogLevel level, std::string text) { cli.notes.emplace_back(level, std::move(text)); });
  for (std::size_t i = 0; i < std::size(kOptions); ++i) {
    const OptionRow& row = kOptions[i];
    if (row.set == nullptr) continue;
    if (const auto& value = words->values[i]) {
      if (auto ok = set(row, *value, cli, std::string(long_name(row))); !ok) return ok.error();
    } else if (row.set == set_colors && !is_empty(env, "NO_COLOR")) {
      continue;  // over the environment and the files; the command line has been looked at
    } else if (row.variable != nullptr) {
      if (auto ok = set_from_environment(row, env, settings, cli); !ok) return ok.error();
    }
  }
  if (cli.quiet) cli.log_level = LogLevel::none;
  if (auto ok = check(cli.run); !ok) return ok.error();
  return cli;
}

}  // namespace duct_bpf
