// SPDX-License-Identifier: MIT
#include "cli/log_options.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>

#include "cli/option_values.hpp"
#include "duct_bpf/run.hpp"
#include "log/audit.hpp"
#include "log/baseline.hpp"
#include "log/by.hpp"
#include "log/check.hpp"
#include "log/compare.hpp"
#include "log/export.hpp"
#include "log/ls.hpp"
#include "log/plot.hpp"
#include "log/pp.hpp"
#include "log/report.hpp"
#include "log/show.hpp"
#include "log/tree.hpp"

namespace duct_log {
namespace {

constexpr const char* kFooter =
    "RUN is a run's info.json or another of its files, its prefix, or a directory that holds one run;\n"
    "without it the latest under DUCT_OUTPUT_PREFIX (.duct/logs) is taken.\n"
    "Exit status: 0; 1 a file cannot be read; 2 wrong usage; 3 (check) a limit does not hold.";

// One of the names. CLI11's own shows the numbers behind them, and takes these too.
template <typename T>
CLI::Validator choice(const std::map<std::string, T>& values) {
  return CLI::Validator(
      [&values](std::string& text) -> std::string {
        if (const auto found = values.find(text); found != values.end()) {
          text = std::to_string(static_cast<int>(found->second));
          return {};
        }
        std::string names;
        for (const auto& value : values) names += (names.empty() ? "" : ", ") + value.first;
        return duct_bpf::quoted(text) + " is none of " + names;
      },
      "");
}

// CLI11 takes -1 for the largest number that there is.
CLI::Validator whole_number() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        std::size_t count = 0;
        const auto ok = duct_bpf::read_count(text, 0, std::size_t{1} << 60, count);
        return ok ? std::string() : ok.error().message;
      },
      "");
}

// What subcommands are made of: the parser, and where the chosen one puts what is to be run.
struct Commands {
  CLI::App& app;
  LogCommand& chosen;

  template <typename Options>
  CLI::App* add(const char* name, const char* description, Result<int> (*run)(const Options&, const Console&),
                const std::shared_ptr<Options>& options, const char* examples) {
    CLI::App* const command = app.add_subcommand(name, description);
    command->footer(std::string("Examples:\n") + examples);
    command->callback([this, run, options] {
      chosen.run = [run, options](const Console& console) { return run(*options, console); };
    });
    return command;
  }
};

const std::map<std::string, LsFormat> kLsFormats = {
    {"auto", LsFormat::table}, {"table", LsFormat::table},     {"pyout", LsFormat::table}, {"summaries", LsFormat::summaries},
    {"json", LsFormat::json},  {"json_pp", LsFormat::json_pp}, {"yaml", LsFormat::yaml},   {"csv", LsFormat::csv}};

void add_ls(Commands& commands) {
  const auto options = std::make_shared<LsOptions>();
  CLI::App* const command = commands.add<LsOptions>(
      "ls", "List runs, a line each", ls, options,
      "  duct-log ls                                        the runs under .duct/logs\n"
      "  duct-log ls -e 'exit_code != 0' --sort start_time  those that failed, by time\n"
      "  duct-log ls -e \"re.search('2026.02', prefix)\" -F command peak_rss num_processes -- logs/\n"
      "  duct-log ls -f csv --sort peak_rss --reverse logs/*info.json\n"
      "Filters are Python's expressions in small: or and not, == != < <= > >=, in, is None, + - * /, [lists],\n"
      "re.search, re.match, re.fullmatch. Formats but table and summaries have bare numbers (bytes, seconds).");
  command->add_option("PATH", options->paths, "info.json files, prefixes or directories");
  command->add_option("-f,--format", options->format, "auto table summaries json json_pp yaml csv (pyout: as table)")
      ->type_name("FORMAT")
      ->transform(choice(kLsFormats));
  command->add_option("-F,--fields", options->fields, "what to show behind prefix [command exit_code wall_clock_time peak_rss]")
      ->type_name("FIELD");
  command->add_option("-e,--eval-filter", options->filter, "list those for which this holds")->type_name("EXPR");
  command->add_option("--sort", options->sort, "order by this field")->type_name("FIELD");
  command->add_flag("--reverse", options->reverse, "the other way round");
}

void add_pp(Commands& commands) {
  const auto options = std::make_shared<PpOptions>();
  CLI::App* const command = commands.add<PpOptions>("pp", "Print a record file, indented", pp, options,
                                                    "  duct-log pp -H .duct/logs/*info.json");
  command->add_option("FILE", options->path, "info.json, usage.jsonl or processes.jsonl")->required();
  command->add_flag("-H,--humanize", options->humanized, "sizes, times and dates with their units");
}

// Options that several have.
void add_run(CLI::App& command, std::string& run) {
  command.add_option("RUN", run, "info.json or another file of it, its prefix, or a directory with one run [the latest]");
}

void add_show(Commands& commands) {
  const auto options = std::make_shared<ShowOptions>();
  CLI::App* const command = commands.add<ShowOptions>("show", "One run on one screen", show, options,
                                                      "  duct-log show           the latest run\n"
                                                      "  duct-log show logs/a_   that one");
  add_run(*command, options->run);
  command->add_option("-n,--count", options->count, "rows of each list [5]")->type_name("N")->check(whole_number());
}

void add_process_filter(CLI::App& command, std::string& filter) {
  command.add_option("-e,--eval-filter", filter, "of processes: as in ls -e, over the fields of processes.jsonl, and failed")->type_name("EXPR");
}

void add_tree(Commands& commands) {
  const auto options = std::make_shared<TreeOptions>();
  CLI::App* const command = commands.add<TreeOptions>(
      "tree", "Who started whom, and what it cost", tree, options,
      "  duct-log tree                        the latest run\n"
      "  duct-log tree logs/a_ -e failed      what failed, and the way there\n"
      "  duct-log tree --depth 2 --no-collapse\n"
      "Equal siblings (program, exit, kinds of children) are one row: CPU is their sum, memory that of the largest,\n"
      "wall that of the longest. Total CPU includes all below.");
  add_run(*command, options->run);
  add_process_filter(*command, options->filter);
  command->add_flag_callback("--no-collapse", [options] { options->collapse = false; }, "a row for each process");
  command->add_option("--rows", options->rows, "most rows, 0: all [200]; those with the most CPU are shown")->type_name("N")->check(whole_number());
  command->add_option("--depth", options->depth, "not deeper below the command")->type_name("N")->check(whole_number());
}

const std::map<std::string, ByKey> kByKeys = {{"program", ByKey::program}, {"words", ByKey::words}, {"uid", ByKey::uid}, {"depth", ByKey::depth}};
const std::map<std::string, BySort> kBySorts = {
    {"cpu", BySort::cpu}, {"count", BySort::count}, {"memory", BySort::memory}, {"failed", BySort::failed}};

void add_by(Commands& commands) {
  const auto options = std::make_shared<ByOptions>();
  CLI::App* const command = commands.add<ByOptions>(
      "by", "Processes put together: what each program cost", by, options,
      "  duct-log by                             by program, the latest run\n"
      "  duct-log by logs/a_ --key words --words 3\n"
      "  duct-log by -e 'wall_time < 0.01' --sort count");
  add_run(*command, options->run);
  add_process_filter(*command, options->filter);
  command->add_option("--key", options->key, "program words uid depth [program]")
      ->type_name("KEY")
      ->transform(choice(kByKeys));
  command->add_option("--words", options->words, "with --key words: so many of the command line [2]")->type_name("N")->check(CLI::Range(1, 1000).description(""));
  command->add_option("--sort", options->sort, "cpu count memory failed [cpu]")
      ->type_name("WHAT")
      ->transform(choice(kBySorts));
  command->add_option("-n,--count", options->rows, "rows, 0: all [20]")->type_name("N")->check(whole_number());
  command->add_option("--short", options->short_lived_s, "what lived no longer is short-lived [0.1]")->type_name("SEC");
}

void add_compare(Commands& commands) {
  const auto options = std::make_shared<CompareOptions>();
  CLI::App* const command = commands.add<CompareOptions>(
      "compare", "Two runs, or two directories of repeated runs, side by side", compare, options,
      "  duct-log compare before_ after_\n"
      "  duct-log compare before/ after/        repeated runs: says what exceeds their scatter (Welch, 95 %)\n"
      "  duct-log compare con-duct_ bpf_        which processes one has and the other missed, and why");
  command->add_option("A", options->a, "a run, or a directory of runs")->required();
  command->add_option("B", options->b, "what it is compared with")->required();
  command->add_option("-n,--count", options->rows, "most programs that differ [15]")->type_name("N")->check(whole_number());
}

void add_audit(Commands& commands) {
  const auto options = std::make_shared<AuditOptions>();
  CLI::App* const command = commands.add<AuditOptions>("audit", "What a sampler would have seen of a run", audit, options,
                                                       "  duct-log audit --interval 1 logs/a_");
  add_run(*command, options->run);
  command->add_option("--interval", options->interval_s, "seconds between two samples [1]")->type_name("SEC")->check(CLI::Range(0.001, 1e6).description(""));
  command->add_option("-n,--count", options->rows, "most programs that were missed [10]")->type_name("N")->check(whole_number());
}

// Seconds, with s, m or h.
double read_time(std::string_view text) {
  const std::size_t unit = text.empty() ? std::string_view::npos : std::string_view("smh").find(text.back());
  const double factor = unit == 1 ? 60 : unit == 2 ? 3600 : 1;
  double seconds = 0;
  if (!duct_bpf::read_seconds(text.substr(0, text.size() - (unit == std::string_view::npos ? 0 : 1)), 0, seconds))
    throw CLI::ValidationError(duct_bpf::quoted(text) + " is not a time, such as 300, 300s, 5m or 1h");
  return factor * seconds;
}

double read_bytes(std::string_view text) {
  std::size_t size = 0;
  if (auto ok = duct_bpf::read_size(text, 0, std::size_t{1} << 60, size); !ok)
    throw CLI::ValidationError(ok.error().message + ", such as 2000000000, 500M or 2G (powers of 1024)");
  return static_cast<double>(size);
}

double read_count(std::string_view text) {
  std::size_t count = 0;
  if (auto ok = duct_bpf::read_count(text, 0, std::size_t{1} << 60, count); !ok) throw CLI::ValidationError(ok.error().message);
  return static_cast<double>(count);
}

struct Limit {
  const char* option;
  const char* metric;
  double (*read)(std::string_view text);
  const char* value;
  const char* help;
};
constexpr Limit kLimits[] = {
    {"--max-peak-rss", "peak_rss", read_bytes, "SIZE", "memory of all processes at one moment (K M G: powers of 1024)"},
    {"--max-peak-pss", "peak_pss", read_bytes, "SIZE", "the same, shared pages counted once; not always recorded"},
    {"--max-cpu", "cpu_time", read_time, "TIME", "CPU time (s m h)"},
    {"--max-wall", "wall_clock_time", read_time, "TIME", "wall clock (s m h)"},
    {"--max-processes", "num_processes", read_count, "N", "processes in all"},
    {"--max-processes-at-once", "max_processes", read_count, "N", "processes alive at once"},
};

void add_check(Commands& commands) {
  const auto options = std::make_shared<CheckOptions>();
  CLI::App* const command = commands.add<CheckOptions>(
      "check", "Whether a run keeps to limits: a gate for CI", check, options,
      "  duct-log check --max-peak-rss 2G --max-cpu 300s --no-failed\n"
      "  duct-log check logs/a_ --baseline baseline.json --tolerance 10%\n"
      "Exit status 0: all hold; 3: something does not, or is not in the record.");
  add_run(*command, options->run);
  for (const Limit& limit : kLimits) {
    command
        ->add_option_function<std::string>(
            limit.option, [options, &limit](const std::string& text) { options->limits.emplace_back(limit.metric, limit.read(text)); }, limit.help)
        ->type_name(limit.value);
  }
  command->add_flag("--no-failed", options->no_failed, "neither the command nor a process below it has failed");
  command->add_flag("--exact", options->exact, "no process was lost");
  command->add_option("--baseline", options->baseline, "as duct-log baseline wrote it: not more than that")->type_name("FILE");
  command
      ->add_option_function<std::string>(
          "--tolerance",
          [options](const std::string& text) {
            const std::string number = !text.empty() && text.back() == '%' ? text.substr(0, text.size() - 1) : text;
            if (!duct_bpf::read_seconds(number, 0, options->tolerance_percent))
              throw CLI::ValidationError(duct_bpf::quoted(text) + " is no percentage, such as 10%");
          },
          "so much above the baseline's mean is fine [10%]")
      ->type_name("PERCENT");
}

void add_baseline(Commands& commands) {
  const auto options = std::make_shared<BaselineOptions>();
  CLI::App* const command = commands.add<BaselineOptions>("baseline", "What runs cost, as a file to check later ones against", baseline, options,
                                                          "  duct-log baseline logs/ > baseline.json");
  command->add_option("RUN", options->runs, "runs, or directories of repeated runs [the latest]");
}

const std::map<std::string, ReportFormat> kReportFormats = {{"markdown", ReportFormat::markdown}, {"html", ReportFormat::html}};

void add_report(Commands& commands) {
  const auto options = std::make_shared<ReportOptions>();
  CLI::App* const command = commands.add<ReportOptions>(
      "report", "A run as a page to be read elsewhere", report, options,
      "  duct-log report --format markdown logs/a_ >>\"$GITHUB_STEP_SUMMARY\"\n"
      "  duct-log report -o report.html logs/a_     one file, for a browser; it needs no network");
  add_run(*command, options->run);
  command->add_option("--format", options->format, "markdown html [html where the output is so named, otherwise markdown]")
      ->type_name("FORMAT")
      ->transform(choice(kReportFormats));
  command->add_option("-o,--output", options->output, "the file to write [stdout]")->type_name("FILE");
  command->add_option("--max-processes", options->max_processes, "html: of more processes those with the most cost are listed [50000]")->type_name("N")->check(whole_number());
}

const std::map<std::string, PlotCpu> kPlotCpu = {
    {"auto", PlotCpu::known}, {"ps-pcpu", PlotCpu::ps_pcpu}, {"ps-cpu-timepoint", PlotCpu::ps_cpu_timepoint}};

void add_plot(Commands& commands) {
  const auto options = std::make_shared<PlotOptions>();
  CLI::App* const command = commands.add<PlotOptions>(
      "plot", "CPU, memory and number of processes over time, in the terminal or as a picture", plot, options,
      "  duct-log plot                  the latest run, in the terminal\n"
      "  duct-log plot -o run.svg logs/a_\n"
      "Pictures are drawn by gnuplot (Debian: gnuplot-nox).");
  add_run(*command, options->run);
  command->add_option("-o,--output", options->output, "a picture: FILE.png or FILE.svg")->type_name("FILE");
  command->add_option("--cpu", options->cpu,
                      "auto: CPU times where they are recorded; ps-pcpu: averages over lifetimes, as ps has them; ps-cpu-timepoint: what these come to "
                      "between reports [auto]")
      ->type_name("MODE")
      ->transform(choice(kPlotCpu));
  command->add_option("--min-ratio", options->min_ratio, "an axis has the largest unit of which it goes to so many at least; -1: seconds and bytes [3]")
      ->type_name("RATIO");
  command->add_option("--largest", options->largest, "so many processes have a curve of their own [6]")->type_name("N")->check(CLI::Range(0, 8).description(""));
}

const std::map<std::string, ExportFormat> kExportFormats = {{"trace", ExportFormat::trace}, {"csv", ExportFormat::csv}, {"json", ExportFormat::json}};
const std::map<std::string, ExportRows> kExportRows = {
    {"processes", ExportRows::processes}, {"reports", ExportRows::reports}, {"samples", ExportRows::samples}};

void add_export(Commands& commands) {
  const auto options = std::make_shared<ExportOptions>();
  CLI::App* const command = commands.add<ExportOptions>(
      "export", "A run for other programs", export_run, options,
      "  duct-log export --format trace -o trace.json     for ui.perfetto.dev or chrome://tracing\n"
      "  duct-log export --format csv -o processes.csv logs/a_\n"
      "  duct-log export --format csv --rows samples logs/a_");
  add_run(*command, options->run);
  command->add_option("--format", options->format, "trace csv json [trace]")
      ->type_name("FORMAT")
      ->transform(choice(kExportFormats));
  command->add_option("--rows", options->rows, "csv: a line for each of: processes; reports (totals, averages); samples (a process in a report) [processes]")
      ->type_name("WHAT")
      ->transform(choice(kExportRows));
  command->add_option("-o,--output", options->output, "the file to write [stdout]")->type_name("FILE");
}

}  // namespace

Result<LogCommand> parse_log_options(int argc, const char* const* argv) {
  LogCommand chosen;
  CLI::App app("Reads, compares and shows the records of duct-bpf and of con-duct.", "duct-log");
  app.footer(kFooter);
  app.require_subcommand(1);
  app.fallthrough();
  bool colors = false, no_colors = false, no_pager = false;
  app.add_flag("--colors", colors, "colours also where the output is no terminal");
  app.add_flag("--no-colors", no_colors, "no colours (as NO_COLOR=1)");
  app.add_flag("--no-pager", no_pager, "do not page what is longer than the terminal");
  app.set_version_flag("--version", "duct-log " + std::string(duct_bpf::version()));
  Commands commands{app, chosen};
  add_ls(commands);
  add_pp(commands);
  add_show(commands);
  add_tree(commands);
  add_by(commands);
  add_compare(commands);
  add_audit(commands);
  add_check(commands);
  add_baseline(commands);
  add_report(commands);
  add_plot(commands);
  add_export(commands);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    chosen.print_and_exit = app.help();
    return chosen;
  } catch (const CLI::CallForVersion& version) {
    chosen.print_and_exit = std::string(version.what()) + "\n";
    return chosen;
  } catch (const CLI::Error& error) {
    if (const auto parsed = app.get_subcommands(); !parsed.empty())
      return Error{ErrorCode::usage, error.what(), "duct-log " + parsed.front()->get_name() + " --help lists its options"};
    const char* const* const word = std::find_if(argv + std::min(argc, 1), argv + argc, [](const char* each) { return each[0] != '-'; });
    return Error{ErrorCode::usage, word != argv + argc ? duct_bpf::quoted(*word) + " is no subcommand" : error.what(), "duct-log --help lists the subcommands"};
  }
  if (colors || no_colors) chosen.colors = colors;
  chosen.pager = !no_pager;
  return chosen;
}

}  // namespace duct_log
