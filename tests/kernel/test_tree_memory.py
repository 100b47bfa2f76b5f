# SPDX-License-Identifier: MIT
"""Memory of the tree between the samples: peak, its moment and its holders. Oracle: sizes touched (fixture memory)."""

import ctypes
import datetime
import os
import struct
import subprocess
import time
import unittest

import harness
from harness import fixture

MB = 1 << 20
MEMORY = fixture("memory")


def ms(usual):
    """A time for the fixture."""
    return int(harness.slack(usual))


class TreeMemory(harness.DuctTest):
    def setUp(self):
        super().setUp()
        with open("/proc/meminfo") as file:
            free = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
        if free < 2500 << 10:
            self.skipTest("less than 2.5 GB of memory are free")

    def measure(self, *words, options=(), status=0):
        """A run of the fixture, with what it said of itself."""
        self.runs = getattr(self, "runs", 0) + 1
        run = self.exact(*options, "--", MEMORY, *map(str, words), prefix=f"{self.runs}_")
        self.assertEqual(run.status, status, run.stderr)
        return run, run.said("memory")[0]

    def assert_peak(self, run, truth, relative=0.01):
        peak, bound = run.summary["peak_rss"], run.info["tracer"]["memory_error_bound"]
        error = peak - truth["bytes"]
        print(f"{self.id().split('.')[-1]}: {peak / MB:.1f} of {truth['bytes'] / MB:.1f} MB, {100 * error / truth['bytes']:+.2f} %, "
              f"{error / MB:+.2f} MB, bound {bound / MB:.2f} MB", flush=True)
        self.assert_near(peak, truth["bytes"], 0, relative, "peak_rss")
        self.assertLessEqual(abs(error), bound + 0.4 * MB, "memory_error_bound")

    def assert_moment(self, run, truth):
        self.assertGreaterEqual(run.summary["peak_rss_time"], truth["from"] / 1e9 - harness.slack(0.005))
        self.assertLessEqual(run.summary["peak_rss_time"], truth["to"] / 1e9 + harness.slack(0.01))

    def assert_pss(self, run, truth, error):
        if run.summary["peak_pss"] is None and harness.SLOWNESS > 1:
            print(f"{self.id().split('.')[-1]}: PSS was not read: it costs more than its budget under emulation", flush=True)
            return
        self.assertIsNotNone(run.summary["peak_pss"])
        self.assert_near(run.summary["peak_pss"], truth, error, 0, "peak_pss")

    def assert_holders(self, run, count=None):
        holders, peak = run.summary["peak_rss_processes"], run.summary["peak_rss"]
        sizes = [h["rss"] for h in holders]
        self.assertEqual(sizes, sorted(sizes, reverse=True))
        self.assert_near(sum(sizes), peak, 0, 0.01, "sum over the holders")
        if count is not None:
            self.assertEqual(len(holders), count, holders)
        for holder in holders:
            process = run.process(holder["pid"])
            self.assertEqual(process["start_time"], holder["start_time"])
            self.assertLessEqual(holder["rss"], process["peak_rss"] + MB)
        return holders

    def measure_pss(self, *words, **options):
        """A run of which PSS is known: of a peak that was over before it could be read it is null, so that is held longer and longer (by
        the last of `words`) until the machine has had the time (under emulation it never has). One that is there has to be right."""
        for longer in (1, 3, 9, 27):
            run, truth = self.measure(*words[:-1], words[-1] * longer, **options)
            self.assert_peak(run, truth)
            if run.summary["peak_pss"] is not None or harness.SLOWNESS > 1:
                return run, truth
            print(f"{self.id().split('.')[-1]}: PSS was not read near the peak", flush=True)
        self.fail("PSS was never read near the peak")

    @staticmethod
    def times(run):
        """When the reports were made: ns of the real-time clock."""
        return [datetime.datetime.fromisoformat(report["timestamp"]).timestamp() * 1e9 for report in run.usage]

    # --- whose events are looked at ---

    def followers(self, process):
        """How many address spaces the running tracer looks at events of: from its own map, through its own descriptor."""
        libc, numbers = ctypes.CDLL(None, use_errno=True), 4 * 8192 + 3  # four for each space, the third of which is what is asked for
        value_bytes = numbers * 8
        pidfd = os.pidfd_open(process.pid)
        for name in os.listdir(f"/proc/{process.pid}/fdinfo"):
            with open(f"/proc/{process.pid}/fdinfo/{name}") as file:
                fields = dict(line.split(":", 1) for line in file.read().splitlines() if ":" in line)
            if int(fields.get("value_size", 0)) == value_bytes:
                break
        else:
            self.fail("the tracer has no map of that size")
        fd = libc.syscall(438, pidfd, int(name), 0)  # pidfd_getfd
        os.close(pidfd)
        self.assertGreaterEqual(fd, 0, os.strerror(ctypes.get_errno()))
        key, value = ctypes.c_uint32(0), ctypes.create_string_buffer(value_bytes)
        attr = struct.pack("=I4xQQQ", fd, ctypes.addressof(key), ctypes.addressof(value), 0)
        error = libc.syscall(harness.BPF_SYSCALL, 1, ctypes.create_string_buffer(attr), len(attr))  # BPF_MAP_LOOKUP_ELEM
        os.close(fd)
        self.assertEqual(error, 0, os.strerror(ctypes.get_errno()))
        return sum(struct.unpack(f"={numbers}q", value.raw)[2::4])

    def test_nobody_is_followed_beyond_its_end(self):
        # A shell, its children by fork and by vfork, programs that execute others; then the shell alone is left.
        script = ("for i in 1 2 3 4 5 6 7 8 9 10; do (:); /bin/true; sh -c 'exec /bin/true'; done; "
                  f"{fixture('vforker')} 5 /bin/true >/dev/null; {fixture('forkstorm')} 500 0 32 >/dev/null; touch done; read line")
        process = self.start("--", "sh", "-c", script, stdin=subprocess.PIPE)
        self.wait_for_file("done")
        try:
            self.wait_for(lambda: self.followers(process) == 1, "only the shell's memory to be followed")
        finally:
            run = self.finish(process, input=b"\n")
        self.assert_exact(run)

    # --- one process ---

    def test_spikes_between_samples(self):
        for before in (0, 140, 270, 390):
            with self.subTest(before=before):
                run, truth = self.measure("spike", 500, 30, before, 0, options=("--sample-interval", "0.4"))
                self.assert_peak(run, truth)
                self.assert_moment(run, truth)
                (holder,) = self.assert_holders(run, 1)
                self.assertEqual(holder["pid"], truth["pid"])
                self.assertEqual(run.info["tracer"]["memory_method"], "fast")

    def test_holder_is_named_by_what_it_ran_then(self):
        run, truth = self.measure("spike", 200, 30, 20, 0, "/bin/sh", "-c", "exec /bin/true")
        self.assertEqual(run.process(truth["pid"])["cmd"], "/bin/true")
        (holder,) = self.assert_holders(run, 1)
        self.assertEqual(holder["cmd"], f"{MEMORY} spike 200 30 20 0 /bin/sh -c exec /bin/true")
        self.assert_peak(run, truth)

    def test_small_commands_are_small(self):
        # Nothing of the tracer's own memory, of which the command is a copy until its exec.
        run = self.exact("--", MEMORY, "nothing")
        self.assertLess(run.summary["peak_rss"], 3 * MB)
        self.assertLess(max(r["totals"]["rss"] for r in run.usage), 3 * MB)

    def test_mapped_file(self):
        run, truth = self.measure("file", 200)
        self.assert_peak(run, truth)
        self.assert_moment(run, truth)

    def test_memfd(self):
        run, truth = self.measure("memfd", 200)
        self.assert_peak(run, truth)

    def test_huge_pages(self):
        run, truth = self.measure("huge", 300)
        if not truth["pss"]:
            self.skipTest("the kernel gave no huge pages")
        self.assert_peak(run, truth)

    def test_threads_at_once(self):
        run, truth = self.measure("threads", 200, 2)
        self.assert_peak(run, truth)
        self.assert_holders(run, 1)

    # --- several ---

    def test_processes_that_overlap(self):
        run, truth = self.measure("relay", 100, 8, 5)
        self.assert_near(truth["bytes"], 500 * MB, 8 * MB, 0, "the fixture itself")
        self.assert_peak(run, truth)
        self.assert_moment(run, truth)
        # The fixture, five of its children, and of one that has just been forked or is all but gone what that has.
        sizes = [holder["rss"] for holder in self.assert_holders(run)]
        self.assertEqual([size > 90 * MB for size in sizes[:5]], [True] * 5, sizes)
        self.assertTrue(6 <= len(sizes) <= 7 and max(sizes[5:]) < 5 * MB, sizes)

    def test_bursts(self):
        run, truth = self.measure("bursts", 100, 6, 1500)
        self.assert_peak(run, truth)
        self.assert_holders(run)

    def test_shared_memory(self):
        run, truth = self.measure_pss("shared", 200, 9, ms(150))
        self.assert_near(truth["bytes"], 1800 * MB, 20 * MB, 0, "the fixture itself")
        self.assert_pss(run, 205 * MB, 5 * MB)
        self.assert_holders(run, 10)

    def test_copies_after_fork(self):
        run, truth = self.measure_pss("cow", 75, ms(4000))  # long enough for the second reading to be earned
        self.assert_pss(run, truth["pss"], 3 * MB)

    def test_large_image_made_small(self):
        run, truth = self.measure("small", 300)
        self.assert_peak(run, truth)
        holders = self.assert_holders(run, 2)
        self.assertIn("memory small", holders[0]["cmd"])
        self.assertIn("memory wait", holders[1]["cmd"])

    def test_vfork_and_spawn_from_a_large_parent(self):
        run, truth = self.measure("spawn", 300, 10, options=("--sample-interval", "0.01"))
        self.assert_peak(run, truth)

    def test_heir_of_shared_memory(self):
        # CLONE_VM without CLONE_THREAD: the one that shared its memory is gone.
        run, truth = self.measure("orphan", 200, 20)
        self.assert_peak(run, truth)
        self.assert_holders(run)

    def test_idle_heir_of_shared_memory(self):
        run, truth = self.measure("orphan", 200, 0, 150, options=("--sample-interval", "0.05"))
        self.assert_peak(run, truth)

    def test_memory_taken_away(self):
        for how in ("truncate", "pageout"):
            with self.subTest(how=how):
                run, truth = self.measure("taken", how, 200, options=("--sample-interval", "0.05", "--report-interval", "0.1"))
                if run.said("left")[0]["bytes"] > 20 * MB:
                    self.skipTest(f"{how}: this kernel does not take it away")
                self.assert_peak(run, truth)
                self.assertLessEqual(max(r["totals"]["rss"] for r in run.usage), run.summary["peak_rss"])

    # --- ways to follow it ---

    def test_exact(self):
        for words in (("relay", 50, 8, 5), ("threads", 100, 2)):
            with self.subTest(words=words):
                run, truth = self.measure(*words, options=("--memory", "exact"))
                self.assertEqual(run.info["tracer"]["memory_method"], "exact")
                fast, _ = self.measure(*words)
                bound = run.info["tracer"]["memory_error_bound"]
                if harness.kernel_version() < (6, 2):  # threads keep something to themselves in either case
                    self.assert_near(run.summary["peak_rss"], truth["bytes"], bound, 0, "exact")
                    continue
                self.assertLess(bound, fast.info["tracer"]["memory_error_bound"])
                self.assert_peak(run, truth, 0.004)
                if words[0] == "relay":
                    self.assert_near(run.summary["peak_rss"], truth["bytes"], 0.4 * MB, 0, "exact")

    def test_sampled(self):
        run, truth = self.measure("spike", 200, 30, 400, 600, "/bin/true", options=("--sample-interval", "30", "--memory", "sampled"))
        self.assertEqual(run.info["tracer"]["memory_method"], "sampled")
        self.assertIsNone(run.info["tracer"]["memory_error_bound"])
        self.assertEqual(run.summary["peak_rss_processes"], [])
        if self.times(run)[0] < truth["begun"]:
            self.assertLess(run.usage[0]["totals"]["rss"], 10 * MB)
        # Known of a single process all the same, when it has ended.
        self.assertGreaterEqual(run.summary["peak_rss"], 200 * MB)
        for before in (400, 2000, 8000):
            run, truth = self.measure("relay", 100, 8, 5, before, options=("--sample-interval", "30", "--memory", "sampled"))
            if self.times(run)[0] < truth["begun"]:
                break
        self.assertLess(run.summary["peak_rss"], 110 * MB)

    def test_by_variable(self):
        run = self.exact("--", "true", env={"DUCT_MEMORY": "sampled"})
        self.assertEqual(run.info["tracer"]["memory_method"], "sampled")

    # --- reports ---

    def test_a_spike_is_in_its_report_alone(self):
        second = (MEMORY, "spike", 100, 20, 0, 500)
        run, _ = self.measure("spike", 200, 20, 350, 500, *second, options=("--sample-interval", "0.1", "--report-interval", "0.2"))
        times, sizes = self.times(run), [r["totals"]["rss"] for r in run.usage]
        first, second = run.said("memory")

        def meanwhile(truth):
            """The places of reports that may have to do with it. One is dated a moment after its memory was taken: two reports back."""
            return {i for i, end in enumerate(times) if end >= truth["begun"] and (times[i - 2] if i > 1 else 0) <= truth["over"]}

        self.assert_near(max(sizes[i] for i in meanwhile(first)), first["bytes"], 0, 0.01, "totals.rss")
        self.assertGreaterEqual(max(sizes[i] for i in meanwhile(second)), 0.99 * second["bytes"])
        for i, size in enumerate(sizes):
            if i not in meanwhile(first) | meanwhile(second):
                self.assertLess(size, 20 * MB, f"report {i} of {sizes}")
            elif i not in meanwhile(first):
                self.assertLess(size, 150 * MB, f"report {i} of {sizes}")

    def test_alive_at_the_end(self):
        run = self.exact("--", "sh", "-c", f"setsid {MEMORY} spike 150 600000 & until [ \"$(awk '/^Rss/ {{ print $2 }}' /proc/$!/smaps_rollup)\" -ge 153600 ]; do sleep 0.1; done")
        self.kill_marked()
        holder = run.summary["peak_rss_processes"][0]
        self.assertEqual(holder["cmd"], f"{MEMORY} spike 150 600000")
        self.assertGreaterEqual(holder["rss"], 150 * MB)
        self.assertIs(run.process(holder["pid"])["alive"], True)
        self.assert_holders(run)

    def test_attached(self):
        # 300 MB before, 100 MB at the moment of adoption, then 200.
        script = f"""
import mmap, sys, time
def take(mb):
    m = mmap.mmap(-1, mb << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, 'MADV_NOHUGEPAGE'): m.madvise(mmap.MADV_NOHUGEPAGE)
    for page in range(0, mb << 20, 4096): m[page] = 1
    return m
take(300).close()
kept = take(100)
open({self.path('ready')!r}, 'w').write('x')
sys.stdin.read(1)
more = take(100)
time.sleep(0.05)
print(next(int(l.split()[1]) for l in open('/proc/self/smaps_rollup') if l.startswith('Rss:')))
more.close()
"""
        for grows in (False, True):
            with self.subTest(grows=grows):
                process = subprocess.Popen([harness.PYTHON, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=self.environment())
                try:
                    self.wait_for_file("ready", b"x")
                    os.unlink(self.path("ready"))
                    duct = self.start("--attach", str(process.pid), "--duration", "20" if grows else "0.4", "--sample-interval", "5")
                    self.wait_for_file("d_usage.jsonl", b"rss")
                    out = process.communicate(b"x" if grows else None)[0] if grows else None
                    run = self.finish(duct)
                    if grows:
                        self.assert_peak(run, {"bytes": int(out) << 10})
                    else:
                        self.assert_near(run.summary["peak_rss"], harness.status_kb(process.pid, "VmRSS") << 10, MB, 0, "as adopted")
                    self.assertEqual(run.summary["peak_rss_processes"][0]["pid"], process.pid)
                finally:
                    process.kill()
                    process.communicate()
                    for name in ("d_info.json", "d_usage.jsonl", "d_processes.jsonl"):
                        if os.path.exists(self.path(name)):
                            os.unlink(self.path(name))

    # --- physical memory ---

    def test_pss_of_each_process(self):
        run, truth = self.measure_pss("shared", 60, 4, 1500, options=("--pss", "--sample-interval", "0.1", "--report-interval", "0.2"))
        # In the first report in which all four have it they may still be at it, in the last one they end.
        held = [r for r in run.usage if [p["rss"] > 60 * MB for p in r["processes"].values()].count(True) == 4]
        self.assertGreaterEqual(len(held), 3)
        for process in held[1]["processes"].values():
            if process["rss"] > 60 * MB:
                self.assert_near(process["pss"], truth["pss"] / 4, MB, 0, "pss")
        self.assert_near(run.summary["peak_pss"], truth["pss"], 4 * MB, 0, "peak_pss")
        self.assertGreater(run.info["tracer"]["pss_cpu"], 0)

    def test_pss_is_not_carried_on(self):
        run, _ = self.measure("spike", 200, ms(400), 0, ms(700), options=("--sample-interval", "0.1", "--report-interval", "0.2"))
        rows = [p for r in run.usage for p in r["processes"].values() if "pss" in p]
        self.assertGreater(max(p["pss"] for p in rows), 190 * MB)
        # Once it may be, where it was read after the last sample that saw as much.
        self.assertLessEqual(sum(p["pss"] > p["rss"] + MB for p in rows), 1, rows)

    def test_pss_of_a_peak_after_a_plateau(self):
        script = f"{MEMORY} spike 100 600000 & p=$!; sleep {harness.slack(1.7)}; {MEMORY} shared 100 4 {ms(500)}; kill $p"
        for attempt in range(4):  # as in measure_pss()
            run = self.exact("--sample-interval", "10", "--", "sh", "-c", script, prefix=f"{attempt}_")
            self.assert_near(run.summary["peak_rss"], 500 * MB, 15 * MB, 0, "peak_rss")
            if run.summary["peak_pss"] is not None or harness.SLOWNESS > 1:
                break
            time.sleep(1)
        self.assert_pss(run, 200 * MB, 8 * MB)

    def test_pss_has_a_budget(self):
        run, truth = self.measure_pss("shared", 150, 10, 3000, options=("--sample-interval", "0.1"))
        cpu, one = run.info["tracer"]["pss_cpu"], truth["rollup_ns"] / 1e9
        print(f"pss_cpu {1000 * cpu:.1f} ms of {1000 * run.summary['wall_clock_time']:.0f} ms, one reading {1000 * one:.1f} ms", flush=True)
        self.assertGreater(cpu, 0)
        # What a reading will cost is known from the one before alone: by as much as one costs the budget may be exceeded.
        self.assertLessEqual(cpu, 0.020 + 0.01 * run.summary["wall_clock_time"] + 2 * one)
        self.assert_pss(run, 150 * MB, 8 * MB)


if __name__ == "__main__":
    harness.main()
