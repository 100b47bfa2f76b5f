# SPDX-License-Identifier: MIT
"""What duct-bpf costs and how exact it is, against the other tools that are installed, as one Markdown table.

Each round runs every workload bare and under each tool in turn, and ratios are to the bare run of the same round.
Called by scripts/bench, which builds what is needed.
"""

import argparse
import datetime
import os
import platform
import signal
import sys
import tempfile
import time

import measure
import runner
import table
import tools
import workloads

HERE = os.path.dirname(os.path.abspath(__file__))
FIXTURE_SOURCES = os.path.join(HERE, "..", "fixtures")


def say(text):
    print(text, file=sys.stderr, flush=True)


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Runs workloads bare and under duct-bpf and the other tools that are installed, in turn, and prints one Markdown table.",
        epilog="Workloads: true, forks-sequential, forks-batch, execs, pages-4k, pages-thp, switches, idle, build, cpu,\n"
               "outside-pages, outside-forks, spike-one, spike-turns, spike-bursts; what is before a dash names all of them.\n"
               "Tools: bpf, procfs (samplers of duct-bpf), time, strace, perf, bpftrace, con-duct. `bare` runs always.\n"
               "Exit status: 1 if a run of duct-bpf failed, 2 for wrong usage, else 0.")
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each workload (default 5; quick 2); slow tools get a third")
    parser.add_argument("--only", default="", metavar="WORKLOAD,...", help="these workloads alone")
    parser.add_argument("--tools", default="", metavar="TOOL,...", help="these tools alone")
    parser.add_argument("--quick", action="store_true", help="small sizes: one to two minutes")
    parser.add_argument("--output", metavar="FILE", help=f"write the table there too: into a new file, or between {table.BEGIN} and {table.END}")
    parser.add_argument("--build", required=True, metavar="DIR", help=argparse.SUPPRESS)  # the build directory
    options = parser.parse_args(argv)
    if options.rounds is None:
        options.rounds = 2 if options.quick else 5
    if options.rounds < 1:
        parser.error("--rounds: at least 1")
    if options.output and os.path.exists(options.output):
        with open(options.output) as file:
            try:
                table.put_between_markers(file.read(), "")  # now, not after a quarter of an hour
            except ValueError as error:
                parser.error(f"--output {options.output}: it exists, and {error}")
    return parser, options


def words(text):
    return [word for word in text.split(",") if word]


def usable(found, missing, programs, folder):
    """Those of the tools that do run the smallest of commands here; the others join `missing` with the reason."""
    trial = workloads.Workload("trial", "", [os.path.join(programs, "tiny")], processes=1, limit_s=measure.START_S)
    good = []
    for tool in found:
        try:
            measure.measure(trial, tool, programs, folder)
            good.append(tool)
        except runner.Failed as error:
            missing[tool.name] = str(error)
            say(f"{tool.label}: left out: {error}")
    return good


def rounds_of(workload, tool, rounds):
    """How many rounds a tool gets of a workload, at least one."""
    count = max(round(rounds * workload.rounds_factor), 1)
    return (count + 2) // 3 if tool.slow else count


def run_workload(workload, found, options, programs, folder):
    """All its rounds: ([{tool name: Run}], {tool name: reason of failure})."""
    by_name = {tool.name: tool for tool in found if tool.machine_wide or not workload.outside}
    rounds, failures = [], {}
    try:
        measure.measure(workload, by_name["bare"], programs, folder)  # warms caches, and has a virtual machine's memory backed
    except runner.Failed as error:
        say(f"{workload.name}: failed: {error}")
        return [], {"bare": str(error)}
    total = rounds_of(workload, by_name["bare"], options.rounds)
    for number in range(total):
        this_round = {}
        rounds.append(this_round)
        for name in table.order(list(by_name), number):
            tool = by_name[name]
            if name in failures or number >= rounds_of(workload, tool, options.rounds):
                continue
            try:
                this_round[name] = run = measure.measure(workload, tool, programs, folder)
                say(f"{workload.name} {number + 1}/{total} {tool.name}: {run.wall_s:.3f} s")
            except runner.Failed as error:
                failures[name] = str(error)
                say(f"{workload.name} {number + 1}/{total} {tool.name}: failed: {error}")
        if "bare" in failures:
            break  # there is nothing to compare with
    return rounds, failures


def cpu_model():
    with open("/proc/cpuinfo") as file:
        names = [text.partition(":")[2].strip() for text in file if text.startswith("model name")]
    return names[0] if names else platform.machine()


def facts(found, options, load_before, took_s):
    versions = ", ".join(f"{tool.label} {tool.version}".strip() for tool in found if tool.name != "bare")
    slow = ", ".join(tool.label for tool in found if tool.slow)
    rounds = f"Rounds: {options.rounds}" + (f"; {slow}: a third of them" if slow else "") + ("; quick: small sizes" if options.quick else "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return [
        f"Linux {platform.release()}, {len(os.sched_getaffinity(0))} CPUs ({cpu_model()}), {memory:.0f} GB",
        f"Tools: {versions}",
        f"{rounds}. {datetime.date.today().isoformat()}, took {took_s / 60:.1f} min, load average before {load_before:.2f}",
    ]


def write(path, text):
    if os.path.exists(path):
        with open(path) as file:
            text = table.put_between_markers(file.read(), text)
    with open(path, "w") as file:
        file.write(text)


def run(parser, options, folder):
    began, load_before = time.monotonic(), os.getloadavg()[0]
    programs = os.path.join(options.build, "tests", "bench", "programs")
    duct_bpf = os.path.join(options.build, "duct-bpf")
    found, missing = tools.find(duct_bpf)
    if wanted := words(options.tools):
        if unknown := [name for name in wanted if name not in missing and name not in [tool.name for tool in found]]:
            parser.error(f"no tool {unknown[0]}; there are {', '.join([*(t.name for t in found), *missing])}")
        found = [tool for tool in found if tool.name in ("bare", *wanted)]
        missing = {name: reason for name, reason in missing.items() if name in wanted}
    try:
        planned = workloads.chosen(
            workloads.plan(options.quick, programs, FIXTURE_SOURCES, folder, workloads.this_machine()), words(options.only))
    except ValueError as error:
        parser.error(str(error))
    if os.geteuid() != 0:
        say("not root: tools that use BPF or perf events will be left out; run it by sudo")
    found = usable(found, missing, programs, folder)
    if not found or found[0].name != "bare":
        say("not even the smallest workload runs bare")
        return 1
    body, failed = [], "bpf" in missing
    labels = {tool.name: tool.label for tool in found}
    for workload in planned:
        rounds, failures = run_workload(workload, found, options, programs, folder)
        body += table.rows(workload, labels, rounds, failures)
        failed = failed or bool({"bpf", "procfs", "bare"} & failures.keys())
    remarks = [f"{name}: {reason}" for name, reason in missing.items()]
    text = table.markdown(facts(found, options, load_before, time.monotonic() - began), body, remarks)
    print(text, end="", flush=True)
    if options.output:
        write(options.output, text)
    return 1 if failed else 0


def main(argv):
    parser, options = arguments(argv)
    # Ended by a signal as well, nothing is left: neither processes nor files.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    runner.adopt_orphans()
    with tempfile.TemporaryDirectory(prefix="duct-bpf-bench-") as folder:
        try:
            return run(parser, options, folder)
        except KeyboardInterrupt:
            return 130
        finally:
            runner.kill_descendants()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
