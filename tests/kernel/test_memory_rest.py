# SPDX-License-Identifier: MIT
"""The event that tells of memory is let go in a storm of forks, and the peak stays right. Oracle: sizes touched (fixture memory)."""

import json
import unittest

import harness
from harness import fixture

MB = 1 << 20
STORM = f"{fixture('forkstorm')} 10000000 0 1 > storm & storm=$!; trap 'kill $storm' EXIT; "
GO = "while [ ! -e go ]; do sleep 0.05; done; "


class MemoryRest(harness.DuctTest):
    def measure_in_storm(self, *words, relative=0.01):
        """A run of the fixture beside a storm, from when the event has been let go until it has come back."""
        script = f"{STORM}{GO}{fixture('memory')} {' '.join(map(str, words))} > said; while [ ! -e end ]; do sleep 0.05; done"
        process = self.start("--fail-time", "0", "--", "sh", "-c", script)
        self.wait_for_memory_rest(process)
        self.write("go", "")
        self.wait_for(lambda: self.has_memory_event(process), "the event of memory, where the tree may have a new maximum")
        self.wait_for_file("said", b"bytes")
        self.write("end", "")
        run = self.finish(process)
        self.assert_exact(run)
        truth = json.loads(self.text("said").splitlines()[0])
        # The shell, the storm and a child of it, each with what it has had at most, by the kernel's own high water.
        storm = [p["peak_rss"] for p in run.by_cmd(fixture("forkstorm"))]
        others = next(p["peak_rss"] for p in run.processes if p["depth"] == 0) + sum(sorted(storm)[-2:])
        peak, bound = run.summary["peak_rss"], run.info["tracer"]["memory_error_bound"]
        print(f"{self.id().split('.')[-1]}: {peak / MB:.2f} of {truth['bytes'] / MB:.2f} MB and {others / MB:.2f}, bound {bound / MB:.2f} MB", flush=True)
        low, high = truth["bytes"], truth["bytes"] + others
        self.assertGreaterEqual(peak, low * (1 - relative))
        self.assertLessEqual(peak, high * (1 + relative))
        self.assertGreaterEqual(peak, low - bound)
        self.assertLessEqual(peak, high + bound)
        self.assertEqual(run.info["tracer"]["memory_method"], "fast")
        return run, truth

    def test_comes_back_when_the_storm_is_over(self):
        self.assert_exact(self.memory_event_rests_and_comes_back("--fail-time", "0"))

    def test_not_where_each_change_is_wanted(self):
        process = self.start("--fail-time", "0", "--memory", "exact", "--", fixture("forkstorm"), str(harness.scaled(6000)), "0", "1", "500")
        self.wait_for(lambda: self.has_memory_event(process), "the event at the start")
        self.wait_for(lambda: b'"storm"' in process.stdout.readline(), "the end of the storm")
        self.assertTrue(self.has_memory_event(process))
        self.assert_exact(self.finish(process))

    def test_peak_of_a_storm_alone(self):
        # No higher than what its two processes have, by the kernel's own high water.
        run = self.exact("--", fixture("forkstorm"), str(harness.scaled(6000)), "0", "1")
        alone = sum(sorted((p["peak_rss"] for p in run.processes), reverse=True)[:2])
        bound = run.info["tracer"]["memory_error_bound"]
        self.assertLessEqual(run.summary["peak_rss"], alone + bound)
        self.assertGreaterEqual(run.summary["peak_rss"], alone / 2 - bound)
        self.assertLessEqual(bound, 4 * MB)

    def test_spike_in_a_storm(self):
        run, truth = self.measure_in_storm("spike", 300, 30, 0, 0)
        self.assertGreaterEqual(run.summary["peak_rss_time"], truth["from"] / 1e9 - harness.slack(0.005))
        self.assertLessEqual(run.summary["peak_rss_time"], truth["to"] / 1e9 + harness.slack(0.025))
        self.assertEqual(run.summary["peak_rss_processes"][0]["pid"], truth["pid"])

    def test_spike_between_two_looks(self):
        self.measure_in_storm("spike", 20, 1, 0, 0, relative=0.05)

    def test_growth_that_looks_see(self):
        self.measure_in_storm("spike", 30, 300, 0, 0, relative=0.04)

    def test_processes_in_turn_in_a_storm(self):
        # Eight of 40 MB, of which five live at once: neither 40 nor 320.
        self.measure_in_storm("relay", 40, 8, 5)

    def test_bursts_in_a_storm(self):
        self.measure_in_storm("bursts", 60, 4, 1000, relative=0.02)

    def test_large_image_made_small_in_a_storm(self):
        self.measure_in_storm("small", 100, relative=0.02)  # the small one apart

    def test_after_other_work(self):
        # Execs, threads and borrowed memory leave nothing behind in the sums that are looked at before the event is let go.
        work = (f"{fixture('vforker')} 5 /bin/true >/dev/null; {fixture('threads')} forker 4 >/dev/null; sh -c 'exec env true'; "
                f"{fixture('memory')} spike 30 1 0 0 /bin/true >/dev/null; ")
        process = self.start("--fail-time", "0", "--", "sh", "-c", f"{work}{STORM}{GO}true")
        self.wait_for_memory_rest(process)
        self.write("go", "")
        run = self.finish(process)
        self.assert_exact(run)
        self.assertLess(run.info["tracer"]["memory_error_bound"], 20 * MB)


if __name__ == "__main__":
    harness.main()
