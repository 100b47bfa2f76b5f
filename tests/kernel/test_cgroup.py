# SPDX-License-Identifier: MIT
"""The kernel's own accounts of a control group (v2) beside ours of the same processes: memory.peak (since 5.19) and cpu.stat."""

import harness
from harness import fixture

MB = 1 << 20
FILES = 12 * MB  # at most: what one account has and the other has not: programs and libraries; page tables and stacks of the kernel


class MemoryPeak(harness.DuctTest):
    def setUp(self):
        super().setUp()
        self.group = harness.MemoryGroup.make(self.mark, versions=(2,))
        if not self.group:
            self.skipTest("no memory controller in cgroup v2")
        self.addCleanup(self.group.remove)
        self.join = [fixture("incgroup"), self.group.procs]

    def test_of_the_tree(self):
        if self.group.read("memory.peak") is None:
            self.skipTest("no memory.peak before 5.19")
        for words in (("relay", "60", "8", "5"), ("bursts", "60", "4", "1000"), ("shared", "150", "1", "50")):
            with self.subTest(words):
                self.group.remove()
                self.group = harness.MemoryGroup.make(self.mark, versions=(2,))
                run = self.exact("--clobber", "--", *self.join, fixture("memory"), *words)
                bound = run.info["tracer"]["memory_error_bound"]
                self.assert_near(run.summary["peak_rss"], self.group.read("memory.peak"), bound + FILES, 0, "memory.peak")
                self.assertIsNone(run.summary["cgroup_memory_peak"], "of the tracer's own group, which it is not alone in")

    def test_of_shared_memory(self):
        # Five have the same 100 MB: a page is in the group's account once, as it is in PSS.
        if self.group.read("memory.peak") is None:
            self.skipTest("no memory.peak before 5.19")
        run = self.exact("--pss", "--sample-interval", "0.1", "--", *self.join, fixture("memory"), "shared", "100", "5", str(int(harness.slack(300))))
        self.assertGreater(run.summary["peak_rss"], 500 * MB)
        self.assert_near(run.summary["peak_pss"], self.group.read("memory.peak"), FILES, 0, "memory.peak")

    def test_of_the_group_that_the_tracer_is_alone_in(self):
        run = self.exact("--", fixture("touch"), "150", "free", before=self.join)
        recorded, peak = run.summary["cgroup_memory_peak"], self.group.read("memory.peak")
        if peak is None:
            self.assertIsNone(recorded)
            return
        self.assertGreater(recorded, 150 * MB)
        self.assertLessEqual(recorded, peak)
        self.assert_near(recorded, peak, MB, 0, "written a moment before the end")


class CpuStat(harness.DuctTest):
    def in_group(self, script):
        group = harness.CpuGroup.make(self.mark, versions=(2,))
        if not group:
            self.skipTest("no cgroup v2")
        self.addCleanup(group.remove)
        return self.exact("--wait-all", "--", fixture("incgroup"), group.procs, "sh", "-c", script), group

    def test_sum(self):
        script = f"{fixture('burn')} 500; {fixture('forkstorm')} {harness.scaled(4000)}; {fixture('touch')} 200 keep; {fixture('threads')} burn 4 50"
        run, group = self.in_group(script)
        self.assert_near(run.summary["cpu_time"], harness.before_it_joined(run) + group.cpu(), harness.slack(0.002), 0.001, "usage_usec")

    def test_user_and_system(self):
        # Told by ticks and scaled, by us for each process, by the kernel here for all together: so of processes that live for many ticks.
        run, group = self.in_group(f"{fixture('burn')} 1000; dd if=/dev/zero of=/dev/null bs=64 count={harness.scaled(1000000)} 2>/dev/null")
        user, system = group.parts()
        self.assert_near(run.summary["user_time"], user, harness.slack(0.03), 0.1, "user_usec")
        self.assert_near(run.summary["system_time"], system, harness.slack(0.03), 0.1, "system_usec")


if __name__ == "__main__":
    harness.main()
