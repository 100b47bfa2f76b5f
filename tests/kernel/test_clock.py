# SPDX-License-Identifier: MIT
"""Somebody sets the machine's clock while a command runs. Only where that harms nobody: in a virtual machine of its own, by scripts/vm-test,
which sets DUCT_BPF_MAY_SET_CLOCK. Oracle: the monotonic clock."""

import calendar
import os
import sys
import time

import harness

DAY = 86400


class ClockSet(harness.DuctTest):
    def setUp(self):
        super().setUp()
        wall, monotonic = time.time(), time.monotonic()
        self.addCleanup(lambda: time.clock_settime(time.CLOCK_REALTIME, wall + time.monotonic() - monotonic))

    def shifted(self, seconds, *words):
        script = ("import time\n"
                  "time.sleep(0.5)\n"
                  f"time.clock_settime(time.CLOCK_REALTIME, time.time() + {seconds})\n"
                  "end = time.process_time() + 0.5\n"
                  "while time.process_time() < end: pass\n")
        before, monotonic = time.time(), time.monotonic()
        run = self.duct("--fail-time", "0", "--clobber", "--s-i", "0.1", "--r-i", "0.3", *words, "--", "sh", "-c", f"{harness.PYTHON} -c \"$0\"; {harness.PYTHON} -c pass", script)
        took = time.monotonic() - monotonic
        self.assertGreater(abs(time.time() - before), DAY / 2, "the clock was set")
        self.assertEqual(run.status, 0, run.stderr)
        return run, before, took

    def test_forward_and_back(self):
        for seconds in (DAY, -DAY):
            for words in ([], ["--sampler", "procfs"]):
                with self.subTest(seconds=seconds, words=words):
                    run, before, took = self.shifted(seconds, *words)
                    summary = run.summary
                    self.assertGreater(summary["wall_clock_time"], 1)
                    self.assertLess(summary["wall_clock_time"], took)
                    self.assert_near(summary["end_time"] - summary["start_time"], summary["wall_clock_time"], 0.01)
                    # All in the time that was when the run began.
                    for process in run.processes:
                        self.assertGreater(process["start_time"], before - 1)
                        self.assertLess(process["end_time"], before + took + 1)
                        self.assertGreaterEqual(process["end_time"], process["start_time"])
                    times = [calendar.timegm(time.strptime(r["timestamp"][:19], "%Y-%m-%dT%H:%M:%S")) for r in run.usage]
                    self.assertEqual(times, sorted(times))
                    self.assertLess(times[-1] - times[0], took + 1)
                    # Rates are of time that passed, not of what the clock says.
                    rates = [r["totals"]["pcpu"] for r in run.usage]
                    self.assertGreater(max(rates), 30, rates)
                    self.assertLessEqual(max(rates), 100 * harness.CPUS + 1)
                    self.assert_near(summary["average_pcpu"], 100 * summary["cpu_time"] / summary["wall_clock_time"], 0.1)


if __name__ == "__main__":
    if os.environ.get("DUCT_BPF_MAY_SET_CLOCK") != "1":
        print("the clock of this machine must not be set", file=sys.stderr)
        sys.exit(77)
    harness.main()
