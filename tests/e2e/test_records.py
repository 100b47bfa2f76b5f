# SPDX-License-Identifier: MIT
"""What the records say: keys and types, samples and reports, real rates, everything that lived."""

import datetime
import os
import re
import socket
import time
import unittest

import harness
from harness import CPUS, fixture

NUMBER = (int, float)
PROCESS_KEYS = {"pcpu": NUMBER, "pmem": NUMBER, "rss": int, "vsz": int, "timestamp": str, "etime": str, "stat": dict, "cmd": str,
                "pcpu_interval": NUMBER, "cpu_time": NUMBER}
SUM_KEYS = {"pmem": NUMBER, "pcpu": NUMBER, "rss": NUMBER, "vsz": NUMBER, "pcpu_interval": NUMBER, "processes": NUMBER}
EXECUTION_KEYS = {
    "exit_code": int, "command": str, "logs_prefix": str, "wall_clock_time": float, "peak_rss": int, "average_rss": NUMBER,
    "peak_vsz": int, "average_vsz": NUMBER, "peak_pmem": NUMBER, "average_pmem": NUMBER, "peak_pcpu": NUMBER,
    "average_pcpu": NUMBER, "num_samples": int, "num_reports": int, "start_time": float, "end_time": float,
    "working_directory": str, "num_processes": int, "num_execs": int, "cpu_time": float, "user_time": float,
    "system_time": float, "max_processes": int, "num_failed": int, "num_killed": int, "num_oom_killed": int, "peak_rss_time": float, "peak_pss": (int, type(None)),
    "termination": str, "exit_signal": type(None)}
SUMMARY_KEYS = {
    "pid": int, "ppid": int, "start_time": float, "end_time": float, "wall_time": float, "cmd": str, "argv": list, "exe": str,
    "num_execs": int, "exit_code": int, "cpu_time": float, "user_time": float, "system_time": float, "peak_rss": int,
    "peak_rss_image": int, "minor_faults": int, "major_faults": int, "voluntary_switches": int, "involuntary_switches": int,
    "read_chars": int, "write_chars": int, "read_bytes": int, "write_bytes": int, "max_threads": int, "uid": int, "sid": int,
    "cgroup_id": int, "depth": int}
LIVE = f"{fixture('burn')} 200; sleep 0.3"


class Records(harness.DuctTest):
    def assert_keys(self, record, keys):
        for name, kind in keys.items():
            self.assertIn(name, record)
            self.assertIsInstance(record[name], kind, f"{name}: {record[name]!r}")
            self.assertNotIsInstance(record[name], bool)

    def test_info(self):
        run = self.exact("-m", "words \u00e9", "--s-i", "0.05", "--", "sh", "-c", LIVE,
                         env={"SLURM_JOB_ID": "17", "PBS_X": "y", "OSG_Z": "z", "PASSWORD": "secret"})
        info = run.info
        self.assertEqual(info["command"], f"sh -c {LIVE}")
        self.assertEqual(info["message"], "words \u00e9")
        self.assertEqual(info["env"], {"SLURM_JOB_ID": "17", "PBS_X": "y", "OSG_Z": "z"})
        self.assertEqual((info["schema_version"], info["record_version"], info["gpu"]), ("0.2.2", "1.0", None))
        self.assertEqual(info["working_directory"], self.dir)
        system = info["system"]
        self.assertEqual((system["hostname"], system["uid"], system["user"]), (socket.gethostname(), 0, "root"))
        self.assertEqual(system["cpu_total"], CPUS)
        self.assertEqual(system["memory_total"], os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
        summary = info["execution_summary"]
        self.assert_keys(summary, EXECUTION_KEYS)
        self.assertEqual((summary["num_processes"], summary["num_execs"], summary["num_failed"], summary["max_processes"]), (3, 3, 0, 2))
        self.assertEqual(summary["num_reports"], len(run.usage))
        self.assertEqual(summary["num_samples"], sum(r["num_samples"] for r in run.usage))
        self.assert_near(summary["average_pcpu"], 100 * summary["cpu_time"] / summary["wall_clock_time"], 0.01)
        tracer = info["tracer"]
        self.assertEqual((tracer["sampler"], tracer["kernel_release"]), ("bpf", os.uname().release))
        self.assert_keys(tracer, {"tracer_version": str, "memory_method": str, "startup_time": float, "overhead_cpu": float})
        self.assertGreater(tracer["startup_time"], 0)
        self.assertLess(tracer["startup_time"], run.wall)
        self.assertGreater(tracer["overhead_cpu"], 0)
        self.assert_keys(run.completeness, dict.fromkeys(("forks", "execs", "exits", "alive_at_end", "lost_forks", "lost_execs", "lost_exits", "lost_argv", "spilled"), int))
        self.assertEqual((run.completeness["forks"], run.completeness["execs"], run.completeness["exits"]), (2, 3, 3))

    def test_no_leaf_of_con_ducts_is_used_again(self):
        info = self.exact("--", "true").info
        taken = set(EXECUTION_KEYS) | {"command", "prefix", "info", "usage", "stdout", "stderr", "hostname", "user", "message"}
        for block in ("tracer", "completeness"):
            self.assertEqual(set(info[block]) & taken, set(), block)

    def test_usage_keys(self):
        run = self.exact("--s-i", "0.05", "--r-i", "0.2", "--", "sh", "-c", LIVE)
        self.assertGreaterEqual(len(run.usage), 3)
        self.assertEqual(run.usage[0]["num_samples"], 1, "the first report comes with the first sample")
        for report in run.usage:
            datetime.datetime.fromisoformat(report["timestamp"])
            self.assertRegex(report["timestamp"], r"T\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$")
            self.assertTrue(report["processes"])
            for process in report["processes"].values():
                keys = dict(PROCESS_KEYS)
                if harness.kernel_version() < (6, 16) and not process["stat"]:
                    keys["vsz"] = type(None)  # no sample saw it, and at its exit it is not known
                self.assert_keys(process, keys)
                self.assertRegex(process["etime"], r"^((\d\d-)?\d\d:)?\d\d:\d\d$")
                self.assertTrue(all(re.match(r"^[RSDTtZXI][<NLsl+]*$", k) and isinstance(n, int) for k, n in process["stat"].items()), process["stat"])
                # (A sample in which nobody has memory any more is not counted: zombies, and who is just about to be one.)
                self.assertLessEqual(sum(n for k, n in process["stat"].items() if k[0] not in "ZX"), report["num_samples"] + 2)
            if report["num_samples"]:
                self.assert_keys(report["totals"], SUM_KEYS)
                self.assert_keys(report["averages"], SUM_KEYS)
            self.assertEqual(report["averages"]["num_samples"], report["num_samples"])

    def test_pcpu_is_that_of_ps(self):
        # CPU time since it started by time since it started: of a burner as much as it got; and of one that rests, less each time.
        interval = str(harness.slack(0.05))
        run = self.exact("--s-i", interval, "--r-i", interval, "--", fixture("touch"), "1", "keep", harness.PYTHON, "-c",
                         f"import time; e = time.process_time() + {harness.slack(0.4)}\nwhile time.process_time() < e: pass\ntime.sleep({harness.slack(0.8)})")
        last = [next(iter(r["processes"].values())) for r in run.usage if r["num_samples"]][-1]
        record = run.processes[0]
        self.assert_near(last["cpu_time"], record["cpu_time"], harness.slack(0.05))
        age = datetime.datetime.fromisoformat(last["timestamp"]).timestamp() - record["start_time"]
        self.assert_near(last["pcpu"], 100 * last["cpu_time"] / age, 3)
        self.assertLess(last["pcpu_interval"], 20, "it sleeps")
        self.assertGreater(last["pcpu"], 100 * 0.35 / age, "it worked")

    def test_processes_keys(self):
        run = self.exact("--", "sh", "-c", LIVE)
        for process in run.processes:
            self.assert_keys(process, SUMMARY_KEYS)
            self.assertNotIn(None, process.values())
            self.assertEqual(process["cmd"], " ".join(process["argv"]))

    def test_usage_lines_are_whole_for_who_reads_along(self):
        process = self.start("--s-i", "0.001", "--r-i", "0.001", "--", "sh", "-c", f"while [ ! -e end ]; do {fixture('burn')} 10 & /bin/true; wait; done")
        reads, lines, offset, half_since = 0, 0, 0, None
        while process.poll() is None:
            try:
                with open(self.path("d_usage.jsonl"), "rb") as file:
                    file.seek(offset)
                    new = file.read()
            except FileNotFoundError:
                continue
            if new.endswith(b"\n"):
                reads, lines, offset = reads + 1, lines + new.count(b"\n"), offset + len(new)
                half_since = None
                if reads > 20 and lines > 100:
                    self.write("end", "")
            elif new:
                # The kernel itself shows a long write page by page, for microseconds: nothing else may, and nothing stays.
                self.assertEqual((offset + len(new)) % 4096, 0, f"half a line: {new[-100:]}")
                half_since = half_since or time.monotonic()
                self.assertLess(time.monotonic() - half_since, 30, "half a line stays")
        run = self.finish(process)
        self.assertGreater(reads, 20)
        self.assertGreater(len(run.usage), 100)
        self.assert_exact(run)

    def test_rates_are_those_of_the_machine(self):
        burners = 2 * CPUS
        run = self.exact("--s-i", "0.02", "--r-i", "0.04", "--", "sh", "-c",
                         f"{fixture('reap')} {burners} {burners} {fixture('burn')} 300; {fixture('forkstorm')} 2000; {fixture('threads')} burn 4 100")
        limit = 100 * CPUS + 0.01
        for report in run.usage:
            self.assertLessEqual(report["totals"]["pcpu"], limit)
            self.assertLessEqual(report["totals"]["pcpu_interval"], limit)
            self.assertLessEqual(report["averages"]["pcpu"] or 0, limit)
            for process in report["processes"].values():
                self.assertLessEqual(process["pcpu_interval"], limit)
        self.assertLessEqual(run.summary["peak_pcpu"], limit)
        self.assertLessEqual(run.summary["average_pcpu"], limit)
        # What was sampled, each by its time, is what was used.
        weighted, before = 0.0, run.summary["start_time"]
        for report in run.usage:
            now = datetime.datetime.fromisoformat(report["timestamp"]).timestamp()
            weighted += (report["averages"]["pcpu"] or report["totals"]["pcpu"]) / 100 * max(now - before, 0)
            before = now
        self.assert_near(weighted, run.summary["cpu_time"], 0.2, 0.2, "sum of the rates")

    def test_one_thread_is_never_more_than_one_cpu(self):
        for command in [["/bin/true"], [fixture("burn"), "5"]] * 5:
            run = self.exact("--clobber", "--", *command)
            self.assertLessEqual(run.summary["peak_pcpu"], 101)
            self.assertLessEqual(run.summary["average_pcpu"], 101)
            for report in run.usage:
                self.assertLessEqual(report["totals"]["pcpu"], 101)

    def test_peak_is_not_below_the_average(self):
        run = self.exact("--", fixture("burn"), "300")
        self.assertGreaterEqual(run.summary["peak_pcpu"] + 2, run.summary["average_pcpu"])
        run = self.exact("--clobber", "--s-i", "0.05", "--", fixture("burn"), "300")
        self.assertGreaterEqual(run.summary["peak_pcpu"] + 2, run.summary["average_pcpu"])

    def test_averages_know_no_zero_of_a_living_tree(self):
        # Whatever is sampled of a process that runs holds memory.
        # (The sampling program is still being loaded when the command starts: some 10 ms, more under load. So it waits for a sample.)
        script = "until grep -Eqs '\"num_samples\": ?[1-9]' d_usage.jsonl; do sleep 0.05; done"
        for _ in range(5):
            run = self.exact("--clobber", "--s-i", "0.05", "--r-i", "0.05", "--", "sh", "-c", script)
            self.assertGreater(run.summary["average_rss"], 0)
            self.assertGreater(run.summary["average_vsz"], 0)

    def test_totals_are_of_one_moment(self):
        # Two processes of 60 MB, one after the other: never 120 at once.
        run = self.exact("--s-i", "0.02", "--", "sh", "-c", f"{fixture('touch')} 60 keep sleep 0.01; {fixture('touch')} 60 keep")
        self.assertLess(run.summary["peak_rss"], 100 << 20)
        run = self.exact("--clobber", "--s-i", "0.02", "--", harness.PYTHON, "-c",
                         "import os\narrived, up = os.pipe()\ndown, go = os.pipe()\nfor i in range(2):\n  if not os.fork():\n    x = bytearray(b'x' * (60 << 20)); os.write(up, b'x'); os.read(down, 1); os._exit(0)\n"
                         "os.read(arrived, 1); os.read(arrived, 1); os.write(go, b'xx'); os.wait(); os.wait()")
        self.assertGreaterEqual(run.summary["peak_rss"], 120 << 20)
        self.assertGreaterEqual(max(r["totals"]["rss"] for r in run.usage), 120 << 20)

    def test_between_two_samples(self):
        run = self.exact("--", "sh", "-c", "for i in $(seq 30); do /bin/true $i; done; exit 0")
        seen = {p["cmd"] for r in run.usage for p in r["processes"].values()}
        for i in range(1, 31):
            self.assertIn(f"/bin/true {i}", seen)

    def test_a_pid_used_again(self):
        run = self.exact("--", fixture("samepid"), "3", "20")
        pid = str(run.said("child")[0]["pid"])
        # On a machine that is slow to start us, the first report has some of them already: each counts on from one.
        same = [p["cpu_time"] for p in run.processes if str(p["pid"]) == pid]
        self.assertEqual(len(same), 3)
        keys, spent = [], 0.0
        for line in run.usage:
            found = sorted(k for k in line["processes"] if k.split("#")[0] == pid)
            self.assertEqual(found, [pid, f"{pid}#2", f"{pid}#3"][: len(found)])
            keys += found
            for key in found:
                spent += line["processes"][key]["cpu_time"]
                self.assertLessEqual(line["processes"][key]["cpu_time"], max(same) + 0.000_002)
        self.assertTrue(3 <= len(keys) <= 3 + len(run.usage) - 1, keys)
        self.assertIn(f"{pid}#2", keys)
        # One that was alive at a report and ended later is in two of them, by what it had used until then.
        self.assertGreaterEqual(spent, sum(same) - 0.000_01)
        self.assertLessEqual(spent, sum(same) + max(same) * (len(run.usage) - 1))

    def test_others(self):
        run = self.exact("--usage-max-processes", "10", "--", "sh", "-c", f"{fixture('forkstorm')} 400; {fixture('touch')} 50 keep; {fixture('burn')} 50")
        # On a machine that is slow to start us, the first report has some of them already; who lives on is in both.
        kept = {}
        count, cpu, rss = 0, 0.0, 0
        for line in run.usage:
            self.assertLessEqual(len(line["processes"]), 10)
            others = line.get("others", {"count": 0, "cpu_time": 0.0})
            count += len(line["processes"]) + others["count"]
            cpu += others["cpu_time"]
            kept.update({(pid, p["cmd"]): p["cpu_time"] for pid, p in line["processes"].items()})
            rss = max(rss, line["totals"]["rss"])
        others = [line["others"] for line in run.usage if "others" in line]
        self.assertTrue(others)
        self.assert_keys(others[-1], {"count": int, "cpu_time": NUMBER, "peak_rss_max": int})
        self.assertTrue(404 <= count <= 404 + 35 * (len(run.usage) - 1), count)  # 32 children at a time, and 3
        self.assert_near(cpu + sum(kept.values()), run.summary["cpu_time"], 0.002, 0.02, "nothing of the total is left out")
        names = {cmd.split()[0] for pid, cmd in kept}
        self.assertTrue({fixture("touch"), fixture("burn")} <= names, "the largest stay")
        self.assertGreaterEqual(rss, 50 << 20)
        self.assertNotIn("others", self.exact("--clobber", "--", "true").usage[-1])


if __name__ == "__main__":
    harness.main()
