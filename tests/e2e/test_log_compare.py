# SPDX-License-Identifier: MIT
"""duct-log compare and audit: against truth by construction, and against real sampled runs of the same workload."""

import os

import harness
from log_harness import RECORDS, LogTest
from made_records import process, write_run


def run_of(wall, cpu, extra=()):
    return [process(100, 1, 0, wall, ["make"], cpu_time=cpu), process(101, 100, 0.1, 0.5, ["cc1"], cpu_time=0.1), *extra]


def row(out, label):
    """The first line of that label, without it."""
    found = [line for line in out.splitlines() if line.strip().startswith(label)]
    assert found, (label, out)
    return found[0].strip()[len(label) :].strip()


class Compare(LogTest):
    def test_repeated_runs(self):
        for i in range(5):
            write_run(self.path(f"before/r{i}_"), run_of(10 + i / 100, 4 + i / 100))
            write_run(self.path(f"after/r{i}_"), run_of(10.005 + i / 100, 6 + i / 100, [process(102, 100, 1, 2, ["/usr/bin/ld"])]))
        out = self.log("compare", "before", "after")
        self.assertRegex(row(out, "wall clock"), r"^10\.0 s \+- 15\.8 ms +10\.0 s \+- 15\.8 ms +\+5\.00 ms +\+0\.0 % +within noise$")
        self.assertRegex(row(out, "CPU time"), r"^4\.12 s .* 6\.12 s .* \+2\.00 s +\+48\.5 % +more$")
        self.assertRegex(row(out, "exit code"), "equal$")
        self.assertRegex(out, r"\n0  1 +- +0 s +ld +not in A\nprograms as often in both: 2")
        self.assertRegex(row(self.log("compare", "after", "before"), "CPU time"), r"less$")

    def test_single_runs_have_no_verdict(self):
        write_run(self.path("a_"), run_of(1, 1))
        write_run(self.path("b_"), run_of(2, 1))
        out = self.log("compare", "a_", "b_")
        self.assertRegex(row(out, "wall clock"), r"^1\.00 s +2\.00 s +\+1\.00 s +\+100\.0 % +\?$")
        self.assertIn("?: how much runs scatter is not known", out)
        self.assertIn("As many of each program.", out)

    def test_says_why(self):
        lines = run_of(1, 1)
        write_run(self.path("bpf_"), lines, peak_rss=100_000_000, peak_pss=40_000_000)
        write_run(self.path("procfs_"), lines[:1], sampler="procfs", peak_rss=30_000_000)
        def compared(*runs):
            return " ".join(self.log("compare", *runs).split())

        out = compared("bpf_", "procfs_")
        self.assertIn("B: sampled, it knows 1 of some 2 processes", out)
        self.assertIn("60.0 MB of 100.0 MB are such repeats", out)
        self.assertIn("B: its peak memory is that of the highest sample", out)
        self.assertNotIn("The commands are not the same", out)
        out = compared(os.path.join(RECORDS, "build_"), "bpf_")
        self.assertIn("The commands are not the same", out)
        self.assertIn("A: con-duct's CPU percentages are sums of ps's lifetime averages", out)
        self.assertNotIn("can do", out)
        self.write("i_info.json", self.text_of("build_info.json").replace('"peak_pcpu": 100.6', '"peak_pcpu": 5347.0'))
        self.assertIn("its peak of 5347.0 % is more than 2 CPUs can do", compared("i_", "bpf_"))

    def test_broken_ones(self):
        write_run(self.path("d/a_"), run_of(1, 1))
        self.write("d/b_info.json", "{")
        self.log("compare", "d", "d", warns="b_info.json: not JSON, or cut off, skipped")
        self.log("compare", "d", "nowhere", status=1, warns="no such run")
        self.log("compare", "d", status=2, warns="B is required")


class Audit(LogTest):
    def test_truth_by_construction(self):
        # Samples at 0, 1, 2, 3 and the last look at 3.5: one process is there at 1 only, one between two, one at 2 and 3.
        lines = [process(100, 1, 0, 3.5, ["sh"], cpu_time=0.35, peak_rss=1_000_000),
                 process(101, 100, 0.5, 1.5, ["a"], cpu_time=1.0, peak_rss=10_000_000),
                 process(102, 100, 1.1, 1.9, ["b"], cpu_time=0.5, peak_rss=100_000_000),
                 process(103, 100, 1.5, 3.5, ["c"], cpu_time=1.0, peak_rss=20_000_000),
                 process(104, 100, 0.5, 3.4, ["d"], cpu_time=9.0, peak_rss=50_000_000, sid=104)]
        write_run(self.path("r_"), lines, wall_clock_time=3.5)
        out = self.log("audit", "r_", "--interval", "1")
        self.assertRegex(row(out, "samples"), r"^- +5 ")
        self.assertRegex(row(out, "processes"), r"^5 +3 \(60 %\)")
        self.assertRegex(row(out, "at once"), r"^5 +2 ")
        self.assertRegex(row(out, "CPU time, about"), r"^11\.8 s +1\.85 s \(16 %\)")  # 0.35 + 0.5 + 1
        self.assertRegex(row(out, "peak memory, at most"), r"^181\.0 MB +21\.0 MB ")
        self.assertIn("another session, where a sampler by session sees nothing: 1.", out)
        self.assertRegex(out, r"\n +1 +500 ms  b\n")

    def test_against_real_sampling(self):
        """40 processes of 50 ms, one after the other, looked at each 0.2 s; and one that leaves the session."""
        work = ["sh", "-c", "for i in $(seq 40); do sleep 0.05; done; setsid sleep 0.3"]
        for _ in range(4):  # two runs are alike where the machine has time for both
            self.exact("--clobber", *work)
            out = self.log("audit", "d_", "--interval", "0.2")
            simulated = int(row(out, "processes").split()[1])
            real = self.duct("--clobber", "--sampler", "procfs", "--s-i", "0.2", "--fail-time", "0", *work, prefix="p_").summary["num_processes"]
            if abs(simulated - real) < 5:
                break
        self.assertLess(abs(simulated - real), 5, out)
        self.assertIn("another session, where a sampler by session sees nothing: 1.", out)
        again = self.log("audit", "p_", "--interval", "0.2", warns="recorded by samples itself")
        self.assertIn("processes", again)

    def test_what_makes_no_sense(self):
        write_run(self.path("r_"), run_of(100000, 1))
        self.log("audit", "r_", "--interval", "0.001", status=2, warns="too short for a run")
        self.log("audit", "r_", "--interval", "0", status=2, warns="--interval")
        self.log("audit", os.path.join(RECORDS, "build_"), status=1, warns="con-duct keeps no record of processes")


if __name__ == "__main__":
    harness.main(needs_bpf=os.environ.get("DUCT_BPF_REQUIRE_BPF") == "1")
