# SPDX-License-Identifier: MIT
"""Faults, context switches, I/O, times. Oracles: wait4's rusage, /proc/self/io, the wall clock."""

import time
import unittest

import harness
from harness import fixture


class Counts(harness.DuctTest):
    def child(self, *words):
        run = self.exact("--", fixture("reap"), "1", "1", *words)
        child = run.said("child")[0]
        return run.process(child["pid"]), child

    def test_minor_faults(self):
        process, child = self.child(fixture("touch"), "40", "keep")
        self.assertGreaterEqual(process["minor_faults"], 40 * 256)
        self.assert_near(process["minor_faults"], child["minflt"], 3)
        self.assertEqual(process["major_faults"], child["majflt"])

    def test_voluntary_switches(self):
        process, child = self.child(fixture("switches"), "500")
        self.assertGreaterEqual(child["nvcsw"], 400, "the fixture itself")
        self.assert_near(process["voluntary_switches"], child["nvcsw"], 3)
        self.assert_near(process["involuntary_switches"], child["nivcsw"], 3)

    def test_involuntary_switches(self):
        run = self.exact("--", fixture("reap"), str(2 * harness.CPUS), str(2 * harness.CPUS), fixture("burn"), "100")
        for child in run.said("child"):
            process = run.process(child["pid"])
            self.assert_near(process["involuntary_switches"], child["nivcsw"], 3)
        self.assertGreater(sum(p["involuntary_switches"] for p in run.by_cmd(fixture("burn"))), 0)

    def test_threads_are_summed(self):
        process, child = self.child(fixture("threads"), "burn", "8", "20")
        self.assert_near(process["minor_faults"], child["minflt"], 3)
        self.assert_near(process["voluntary_switches"], child["nvcsw"], 20)

    def test_io(self):
        process, _ = self.child(fixture("io"), "3000000", "5000000", "data", "io-report")
        with open(self.path("io-report")) as file:
            content = file.read()
        truth = {name: int(value) for name, value in (line.split(": ") for line in content.splitlines())}
        self.assertGreaterEqual(truth["rchar"], 3000000)
        # After it looked, the fixture has read and written the report.
        self.assertEqual(process["read_chars"], truth["rchar"] + len(content))
        self.assertEqual(process["write_chars"], truth["wchar"] + len(content))
        self.assertEqual(process["read_bytes"], truth["read_bytes"])
        self.assertGreaterEqual(process["write_bytes"], truth["write_bytes"])
        self.assert_near(process["write_bytes"], truth["write_bytes"], 8192)

    def test_start_and_end(self):
        before = time.time()
        run = self.exact("--", "sh", "-c", "sleep 0.3; date +%s.%N; sleep 0.2")
        after = time.time()
        between = float(run.stdout)
        slack = 0.02  # the wall clock is steered, the boot clock is not
        for process in run.processes:
            self.assertGreaterEqual(process["start_time"], before - slack)
            self.assertLessEqual(process["end_time"], after + slack)
            self.assert_near(process["end_time"] - process["start_time"], process["wall_time"], 1e-5)
        first, second = sorted((p for p in run.processes if p["cmd"].startswith("sleep")), key=lambda p: p["start_time"])
        self.assertLessEqual(first["end_time"], between + slack)
        self.assertGreaterEqual(second["end_time"], between + 0.2 - slack)
        self.assertGreaterEqual(first["wall_time"], 0.3)
        self.assertLess(first["wall_time"], 0.3 + run.wall)
        summary = run.summary
        self.assertGreaterEqual(summary["start_time"], before - slack)
        self.assertLessEqual(summary["end_time"], after + slack)
        self.assert_near(summary["end_time"] - summary["start_time"], summary["wall_clock_time"], 0.01)
        self.assertGreaterEqual(summary["wall_clock_time"], 0.5)
        command, = (p for p in run.processes if p["depth"] == 0)  # it was forked before, and waited
        self.assert_near(command["start_time"], summary["start_time"], 1e-5)
        self.assertLess(command["wall_time"], summary["wall_clock_time"] + 1e-3)


if __name__ == "__main__":
    harness.main()
