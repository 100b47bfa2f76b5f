# SPDX-License-Identifier: MIT
"""Nothing is lost where the ring is too small or the tracer asleep; what is lost is counted, and said."""

import os
import signal
import time
import unittest

import harness
from harness import fixture, scaled


GO = "while [ ! -e go ]; do sleep 0.05; done"


class Loss(harness.DuctTest):
    def exact_while_stopped(self, *options, script):
        """A run of which nothing is missing although duct-bpf was stopped, by a signal, from before the script to behind its end."""
        process = self.start(*options, "--", "sh", "-c", f"touch ready; {GO}; {script}; touch done; sleep 0.2")
        self.wait_for_file("ready")
        os.kill(process.pid, signal.SIGSTOP)
        try:
            self.wait_for(lambda: self.state(process.pid) == "T", "stopped")
            self.write("go", "")
            self.wait_for(lambda: os.path.exists(self.path("done")), "the command must not wait for the tracer", harness.PATIENCE)
            self.assertEqual(self.state(process.pid), "T")
        finally:
            os.kill(process.pid, signal.SIGCONT)
        run = self.finish(process)
        self.assertEqual(run.status, 0)
        self.assert_exact(run)
        return run

    def test_tiny_ring_forks(self):
        count = scaled(20000)
        run = self.exact("--ring-size", "4K", "--", fixture("forkstorm"), str(count), "3", "64")
        self.assertEqual(len(run.processes), count + 1)
        if harness.SLOWNESS == 1:  # under emulation a fork takes so long that the tracer keeps up
            self.assertGreater(run.completeness["spilled"], 0)
        self.assertEqual(sum(p.get("exit_code") == 3 for p in run.processes), count)

    def test_tiny_ring_samples(self):
        # The news of a look at the sleepers fill the ring five times, and there are two looks (peaks of memory would bring others).
        count = 300
        run = self.exact("--ring-size", "4K", "--memory", "sampled", "--sample-interval", "1.5", "--report-interval", "1.5", "--", "sh", "-c",
                         f"for i in $(seq {count}); do sleep 3.4 & done; wait")
        full = [report for report in run.usage if report["totals"]["processes"] == count + 1 and report["num_samples"]]
        self.assertTrue(full, "a report of all, while they live")
        sleepers = [process for process in full[0]["processes"].values() if process["cmd"] == "sleep 3.4"]
        self.assertEqual(len(sleepers), count)
        for process in sleepers:
            self.assertGreater(process["rss"], 100 << 10)
            self.assertGreater(process["vsz"], process["rss"])
            self.assertGreater(process["cpu_time"], 0)

    def test_tiny_ring_arguments(self):
        # Each argument fills the whole ring.
        count = scaled(1000)
        run = self.exact("--ring-size", "4K", "--", fixture("argvs"), "storm", str(count), "5000", "/bin/true")
        self.assertGreater(run.completeness["spilled"], 0)
        found = sorted(p.get("argv", ["", "none"])[1] for p in run.processes if p["depth"])
        self.assertEqual(found, sorted(f"argument-{i}-{'x' * 5000}" for i in range(count)))

    def test_tracer_that_is_stopped(self):
        count = 5000 if harness.SANITIZED or harness.SLOWNESS > 1 else 20000  # more than the ring holds
        run = self.exact_while_stopped(script=f"{fixture('forkstorm')} {count} 0 64")
        self.assertEqual(len(run.by_cmd(fixture("forkstorm"))), count + 1)

    def test_tracer_that_is_stopped_with_a_small_ring(self):
        forks, execs = (5000, 300) if harness.kernel_version() >= (6, 1) else (2000, 150)  # spill maps are smaller before
        run = self.exact_while_stopped(
            "--ring-size", "16K", script=f"{fixture('forkstorm')} {forks} 0 64; {fixture('argvs')} storm {execs} 200 /bin/true")
        self.assertGreater(run.completeness["spilled"], 0)
        self.assertEqual(len([p for p in run.processes if p["cmd"].startswith("/bin/true argument-")]), execs)

    def test_forks_make_room_in_the_ledger(self):
        # Nobody reaps: it is the next fork that ends who has exited.
        count = scaled(1000)
        run = self.exact_while_stopped("--max-processes", "64", script=f"{fixture('zombies')} {count} 0 each > zombies")
        self.assertEqual(len(run.by_cmd(fixture("zombies"))), count + 1)

    def test_more_processes_than_the_ledger_holds(self):
        run = self.duct("--max-processes", "64", "--", "sh", "-c", 'for i in $(seq 200); do sleep 300 & all="$all $!"; done; kill $all; wait')
        self.assertEqual(run.status, 0)
        complete = run.completeness
        self.assertGreater(complete["lost_forks"], 0)
        self.assertIs(complete["exact"], False)
        self.assertEqual(complete["lost_forks"] + len(run.processes), 201 + (len(run.by_cmd("seq")) or 0))
        warning = [line for line in run.stderr.splitlines() if "[WARNING " in line]
        self.assertTrue(warning, run.stderr)
        self.assertIn(str(complete["lost_forks"]), warning[0])
        self.assertRegex(run.stderr, r"Processes: [\d,]+, [\d,]+ lost")
        self.assertNotIn(", 0 lost", run.stderr)

    def test_counts_in_the_summary_line(self):
        run = self.exact("--", fixture("forkstorm"), "1233")
        self.assertIn("Processes: 1,234, 0 lost", run.stderr)
        self.assertNotIn("[WARNING ", run.stderr)


class End(harness.DuctTest):
    def test_no_wait_where_nothing_is_missing(self):
        # A drain that waits in vain would show with a bound this long.
        run = self.exact("--drain-time", "60", "--", fixture("forkstorm"), "2000")
        self.assertLess(run.wall, 30)

    def test_no_wait_for_zombies(self):
        run = self.exact("--drain-time", "60", "--", fixture("zombies"), "10", "1", "keep")
        os.kill(run.said("keeper")[0]["pid"], signal.SIGKILL)
        self.assertLess(run.wall, 30)

    def test_no_wait_for_those_alive(self):
        run = self.exact("--drain-time", "60", "--", "sh", "-c", "setsid sleep 300 & exit 0")
        self.kill_marked()
        self.assertLess(run.wall, 30)
        self.assertEqual([p.get("alive") for p in run.processes if p["depth"]], [True])

    def test_daemon_is_recorded_as_alive(self):
        run = self.exact("--", "sh", "-c", f"setsid sleep 300 & {harness.until_exec('sleep')}; exit 5")
        daemon = run.by_cmd("sleep 300")[0]
        os.kill(daemon["pid"], 0)  # is there
        os.kill(daemon["pid"], signal.SIGKILL)
        self.assertEqual(run.status, 5)
        self.assertIs(daemon["alive"], True)
        for name in ("end_time", "exit_code", "exit_signal"):
            self.assertNotIn(name, daemon)
        self.assertEqual(run.completeness["alive_at_end"], 1)
        self.assertEqual(daemon["sid"], daemon["pid"])

    def test_wait_all(self):
        script = "(setsid sh -c 'sleep 1; exit 7' >/dev/null 2>&1 &); exit 0"
        run = self.exact("--wait-all", "--", "sh", "-c", script)
        self.assertGreaterEqual(run.wall, 1)
        self.assertEqual(run.completeness["alive_at_end"], 0)
        self.assertEqual([p["exit_code"] for p in run.by_cmd("sh -c sleep 1; exit 7")], [7])
        self.assertEqual(run.status, 0)

    def test_wait_all_with_nobody_left(self):
        started = time.monotonic()
        self.exact("--wait-all", "--", "sh", "-c", "exit 0")
        self.assertLess(time.monotonic() - started, 30)

    def test_orphans_that_are_exiting_as_the_command_ends(self):
        for _ in range(harness.scaled(10)):
            run = self.exact("--clobber", "--", "sh", "-c", f"for i in 1 2 3 4; do (setsid {fixture('touch')} 100 keep &) ; done; sleep 0.0$(($$ % 10))")
            self.assertLess(run.wall, 30)


if __name__ == "__main__":
    harness.main()
