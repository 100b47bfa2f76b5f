# SPDX-License-Identifier: MIT
"""CPU time to the kernel's last nanosecond, teardown included. Oracles: rusage of wait4, cpuacct."""

import unittest

import harness
from harness import before_it_joined, cpu_of, fixture, scaled


class Cpu(harness.DuctTest):
    def assert_split(self, run):
        for process in run.processes:
            self.assertAlmostEqual(process["user_time"] + process["system_time"], process["cpu_time"], delta=2e-6)
        summary = run.summary
        self.assertAlmostEqual(summary["user_time"] + summary["system_time"], summary["cpu_time"], delta=1e-5)
        self.assertAlmostEqual(sum(p["cpu_time"] for p in run.processes), summary["cpu_time"], delta=1e-5)

    def test_each_process(self):
        count = scaled(500)
        run = self.exact("--", fixture("reap"), str(count), "8", fixture("burn"), "20")
        children = run.said("child")
        self.assertEqual(len(children), count)
        by_pid = {p["pid"]: p for p in run.processes}
        for child in children:
            self.assert_near(by_pid[child["pid"]]["cpu_time"], cpu_of(child), 0.001, 0.005, f"pid {child['pid']}")
        total = sum(by_pid[c["pid"]]["cpu_time"] for c in children)
        self.assert_near(total, cpu_of(run.said("children")[0]), 0, 0.001, "total")
        self.assert_split(run)

    def test_user_and_system(self):
        run = self.exact("--", fixture("reap"), "2", "2", "sh", "-c", f"{fixture('burn')} 400 & dd if=/dev/zero of=/dev/null bs=64 count=600000 2>/dev/null; wait")
        by_pid = {p["pid"]: p for p in run.processes}
        for child in run.said("child"):  # wait4 of the shells holds their children's time, too
            tree = [p for p in run.processes if child["pid"] in (p["pid"], p["ppid"])]
            # The sum is exact (below, and in other tests). Of the parts, the kernel hands on what it said before to whoever looked first,
            # and that is off by up to a tick.
            for part in ("user", "system"):
                self.assert_near(sum(p[f"{part}_time"] for p in tree), child[f"{part}_us"] / 1e6, harness.slack(0.010), 0.005, part)
            self.assert_near(sum(p["user_time"] + p["system_time"] for p in tree), cpu_of(child), harness.slack(0.001), 0.002, "both")
            self.assertIn(child["pid"], by_pid)
        # The kernel tells the parts by its ticks, so they are coarse; wait4 above has the same ones.
        burner, copier = run.by_cmd(fixture("burn"))[0], run.by_cmd("dd")[0]
        self.assertGreater(burner["user_time"], burner["system_time"])
        self.assertGreater(copier["system_time"] / copier["cpu_time"], burner["system_time"] / burner["cpu_time"])
        self.assert_split(run)

    def test_teardown_of_a_large_process(self):
        run = self.exact("--", fixture("reap"), "1", "1", fixture("touch"), "500", "keep")
        child = run.said("child")[0]
        self.assert_near(run.process(child["pid"])["cpu_time"], cpu_of(child), 0.001, 0.005, "500 MB not freed")

    def test_teardown_of_the_command_itself(self):
        group = harness.CpuGroup.make(self.mark)
        if not group:
            self.skipTest("no control group that counts CPU time")
        self.addCleanup(group.remove)
        run = self.exact("--", fixture("incgroup"), group.procs, fixture("touch"), "500", "keep")
        self.assert_near(run.summary["cpu_time"], before_it_joined(run) + group.cpu(), harness.slack(0.003), 0.003, "cpuacct")

    def test_fork_storm(self):
        count = scaled(50000)
        run = self.exact("--", fixture("forkstorm"), str(count), "0", "8")
        self.assertEqual(len(run.processes), count + 1)
        children = sum(p["cpu_time"] for p in run.processes if p["depth"])
        self.assert_near(children, cpu_of(run.said("children")[0]), 0, 0.002, "CPU of the children")
        self.assert_split(run)

    def test_exec_storm(self):
        count = scaled(3000)
        run = self.exact("--", fixture("argvs"), "storm", str(count), "20", "/bin/true")
        children = sum(p["cpu_time"] for p in run.processes if p["depth"])
        self.assert_near(children, cpu_of(run.said("children")[0]), 0, 0.002, "CPU of the children")
        self.assert_split(run)

    def test_group_of_everything(self):
        # The kernel's own sum over the same processes, reaped or not, by another of its accounts.
        group = harness.CpuGroup.make(self.mark)
        if not group:
            self.skipTest("no control group that counts CPU time")
        self.addCleanup(group.remove)
        script = f"{fixture('forkstorm')} {scaled(10000)}; {fixture('tree')} 60 4; {fixture('burn')} 500"
        run = self.exact("--wait-all", "--", fixture("incgroup"), group.procs, "sh", "-c", script)
        self.assert_near(run.summary["cpu_time"], before_it_joined(run) + group.cpu(), harness.slack(0.003), 0.002, "cpuacct")

    def test_running_at_the_end(self):
        # A process that outlives the command is recorded with what it used so far.
        run = self.exact("--", "sh", "-c", f"setsid {fixture('burn')} 60000 & sleep 1; read -r cpu_ns rest < /proc/$!/schedstat; echo $cpu_ns")
        burner = run.by_cmd(f"{fixture('burn')} 60000")[0]
        self.kill_marked()
        self.assertIs(burner["alive"], True)
        self.assertGreater(int(run.stdout), 1_000_000)
        self.assertGreaterEqual(burner["cpu_time"], int(run.stdout) / 1e9)
        self.assertLessEqual(burner["cpu_time"], burner["wall_time"] + 0.02)
        self.assert_split(run)


if __name__ == "__main__":
    harness.main()
