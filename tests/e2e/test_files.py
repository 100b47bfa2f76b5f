# SPDX-License-Identifier: MIT
"""Files of a run: where they go, what happens when they exist, cannot be made or written, and when they are removed."""

import json
import os
import re
import time
import unittest

import harness
from harness import fixture


class Prefix(harness.DuctTest):
    def test_default_prefix(self):
        before = time.time()
        run = self.duct("--", "true", prefix=None)
        self.assertEqual(run.status, 0)
        logs = self.path(".duct/logs")
        names = os.listdir(logs)
        match = re.match(r"^(\d{4}\.\d\d\.\d\dT\d\d\.\d\d\.\d\d)-(\d+)_info\.json$", next(n for n in names if n.endswith("info.json")))
        self.assertEqual(int(match[2]), run.pid)
        stamp = time.mktime(time.strptime(match[1], "%Y.%m.%dT%H.%M.%S"))
        self.assertLessEqual(abs(stamp - before), 60)
        self.assertEqual(len(names), 5)

    def test_fields_directories_and_paths(self):
        run = self.duct("-p", "a/b c/{pid}-{{x}}_", "--", "true", prefix=None)
        run.prefix = f"a/b c/{run.pid}-{{x}}_"
        self.assertEqual(run.files(), ["info.json", "processes.jsonl", "stderr", "stdout", "usage.jsonl"])
        paths = run.info["output_paths"]
        self.assertEqual(paths["prefix"], run.prefix)
        for key, suffix in {"stdout": "stdout", "stderr": "stderr", "usage": "usage.jsonl", "info": "info.json", "processes": "processes.jsonl"}.items():
            self.assertEqual(paths[key], run.prefix + suffix)
        self.assertEqual(run.summary["logs_prefix"], run.prefix)

    def test_directory_as_prefix(self):
        self.duct("--", "true", prefix="dir/")
        self.assertIn("info.json", os.listdir(self.path("dir")))

    def test_deprecated_field_warns(self):
        run = self.duct("-p", "{datetime_filesafe}_", "--", "true", prefix=None)
        self.assertEqual(run.status, 0)
        self.assertEqual(sum("[WARNING " in line for line in run.stderr.splitlines()), 1, run.stderr)

    def test_conflict(self):
        self.write("d_stdout", "precious")
        self.write("d_info.json", "{}")
        run = self.duct("--", "touch", "was-run")
        self.assertEqual(run.status, 1)
        self.assertIn("d_stdout", run.stderr)
        self.assertIn("d_info.json", run.stderr)
        self.assertEqual(sorted(os.listdir(self.dir)), ["d_info.json", "d_stdout"])
        self.assertEqual(run.read("stdout"), b"precious")

    def test_clobber(self):
        for name in ("stdout", "stderr", "usage.jsonl", "info.json", "processes.jsonl"):
            self.write("d_" + name, "old " * 10000)
        run = self.duct("--clobber", "--", "echo", "new")
        self.assertEqual((run.status, run.read("stdout"), run.read("stderr")), (0, b"new\n", b""))
        self.assert_exact(run)
        self.assertEqual(len(run.usage), run.summary["num_reports"])

    def test_record_types(self):
        cases = {
            "all": ["info.json", "processes.jsonl", "usage.jsonl"], "system-summary": ["info.json"],
            "processes-samples": ["usage.jsonl"], "processes-summary": ["processes.jsonl"],
            "system-summary,processes-summary": ["info.json", "processes.jsonl"],
        }
        for number, (value, expected) in enumerate(cases.items()):
            with self.subTest(value):
                run = self.duct("-t", value, "-c", "none", "--", "true", prefix=f"{number}_")
                self.assertEqual(run.files(), expected)


class FailTime(harness.DuctTest):
    ALL = ["info.json", "processes.jsonl", "stderr", "stdout", "usage.jsonl"]

    def kept(self, script, *words, **options):
        run = self.duct(*words, "--", "sh", "-c", script, prefix="logs/d_", **options)
        there = os.path.isdir(self.path("logs"))
        return run.status, run.files() if there else []

    def test_fails_soon(self):
        self.assertEqual(self.kept("exit 3"), (3, []))
        self.assertFalse(os.path.exists(self.path("logs")), "the directory that was made for it goes, too")

    def test_succeeds_soon(self):
        self.assertEqual(self.kept("exit 0"), (0, self.ALL))

    def test_zero_keeps(self):
        self.assertEqual(self.kept("exit 3", "--fail-time", "0"), (3, self.ALL))

    def test_fails_later(self):
        self.assertEqual(self.kept("sleep 0.3; exit 3", "--fail-time", "0.2"), (3, self.ALL))

    def test_negative_removes_always(self):
        self.assertEqual(self.kept("sleep 0.3; exit 3", "--fail-time", "-1"), (3, []))

    def test_killed_soon(self):
        self.assertEqual(self.kept("kill -9 $$"), (137, []))

    def test_others_files_stay(self):
        self.write("logs/other", "x")
        self.assertEqual(self.kept("exit 3"), (3, []))
        self.assertEqual(os.listdir(self.path("logs")), ["other"])


class NotRun(harness.DuctTest):
    def test_not_found(self):
        for command in ("no-such-command-here", "./no-such-file", "/no/such/file"):
            run = self.duct(command, "word", prefix="logs/d_")
            self.assertEqual(run.status, 127)
            self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
            self.assertIn(f"{command}: command not found", run.stderr)
        self.assertEqual(os.listdir(self.dir), [])

    def test_not_executable(self):
        self.write("plain", "text")
        os.mkdir(self.path("directory"))
        for command in ("./plain", "./directory"):
            with self.subTest(command):
                run = self.duct(command, prefix="logs/d_")
                self.assertEqual(run.status, 126, run.stderr)
                self.assertIn(command, run.stderr)
                self.assertFalse(os.path.exists(self.path("logs")), "files are left behind")

    def test_interpreter_missing(self):
        self.write("script", "#!/nonexistent/interpreter\n", 0o755)
        run = self.duct("./script", prefix="logs/d_")
        self.assertIn(run.status, (126, 127))  # bash: 126, dash: 127
        self.assertIn("./script", run.stderr)
        self.assertFalse(os.path.exists(self.path("logs")), "files are left behind")

    def test_script_without_interpreter_line(self):
        # execvp, and so a shell, runs it by /bin/sh.
        self.write("script", "echo from a script\n", 0o755)
        run = self.duct("-q", "./script")
        self.assertIn((run.status, run.stdout), [(0, "from a script\n"), (126, "")])


class Trouble(harness.DuctTest):
    def test_prefix_that_cannot_be_made(self):
        self.write("file", "x")
        for prefix in ("file/d_", "/proc/nothing/d_", "/sys/d_", "x" * 300 + "/d_"):
            with self.subTest(prefix):
                run = self.duct("--", "sh", "-c", "echo out; echo err >&2; exit 6", prefix=prefix)
                self.assertEqual((run.status, run.stdout), (6, "out\n"))
                self.assertIn("err\n", run.stderr)
                errors = [line for line in run.stderr.splitlines() if "[ERROR " in line]
                self.assertEqual(len(errors), 1, run.stderr)
                self.assertIn("without records", errors[0])

    def full_disk(self, size, words):
        script = f'mkdir full && mount -t tmpfs -o size={size} none full && {{ "$@"; code=$?; cp -r full copied; exit $code; }}'
        return self.duct(*words, prefix="full/d_", before=["unshare", "-m", "--propagation", "private", "sh", "-c", script, "sh"])

    def test_disk_full_while_records_are_written(self):
        for size in ("4k", "24k", "100k"):
            with self.subTest(size):
                run = self.full_disk(size, ["-c", "none", "--s-i", "0.01", "--r-i", "0.01", "--fail-time", "0", "--",
                                            "sh", "-c", f"{fixture('forkstorm')} 3000; sleep 0.2; exit 4"])
                self.assertEqual(run.status, 4, run.stderr)
                errors = [line for line in run.stderr.splitlines() if "[ERROR " in line]
                self.assertTrue(errors, run.stderr)
                self.assertLess(len(errors), 8, "said once, not with each line")
                self.assertIn("No space left", run.stderr)
                run.prefix = "copied/d_"
                for suffix in run.files():
                    self.assertIn(suffix, ("info.json", "usage.jsonl", "processes.jsonl", "stdout", "stderr"))
                run.lines("usage.jsonl")  # whole lines of JSON, if any
                run.lines("processes.jsonl")
                if content := run.read("info.json"):
                    json.loads(content)
                os.system(f"rm -rf {self.path('full')} {self.path('copied')}")

    def test_whole_lines_are_written_a_page_at_most(self):
        # So that nobody who is killed meanwhile leaves half a line. Oracle: the writes, as strace sees them.
        if not os.path.exists("/usr/bin/strace"):
            self.skipTest("no strace")
        watch = ["strace", "-qq", "-y", "-e", "trace=write", "-e", "signal=none", "-s", "100000", "-o", self.path("writes")]
        run = self.exact("--report-interval", "0.2", "--sample-interval", "0.1", "--", "sh", "-c",
                         f"{fixture('forkstorm')} 3000 0 32 > storm; sleep 0.5", before=watch,
                         env=harness.ENV_NO_LEAK_CHECK)
        self.assertEqual(len(run.processes), 3002 + len(run.by_cmd("sleep")))
        for name in ("processes.jsonl", "usage.jsonl"):
            found = re.findall(rf'^write\(\d+<[^>]*_{re.escape(name)}>, "(.*)", (\d+)\)', self.text("writes"), re.M)
            self.assertGreater(len(found), 100 if name == "processes.jsonl" else 1)
            for text, size in found:
                self.assertTrue(text.endswith("\\n"), f"{name}: not whole lines: ...{text[-60:]}")
                self.assertTrue(int(size) <= 4096 or text.count("\\n") == 1, f"{name}: {size} bytes, {text.count(chr(92) + 'n')} lines")

    def test_disk_full_of_the_commands_output(self):
        # The command itself meets the full disk, as it would without us.
        run = self.full_disk("200k", ["-c", "stdout", "--fail-time", "0", "--", "sh", "-c", "head -c 1000000 /dev/zero; echo code $? >&2; exit 5"])
        self.assertEqual(run.status, 5)
        self.assertIn("code 1", run.stderr)

    def test_info_is_whole_or_empty_at_any_time(self):
        process = self.start("--s-i", "0.001", "--r-i", "0.001", "--", "sh", "-c", "for i in 1 2 3 4 5; do /bin/true; done; sleep 0.2")
        seen = set()
        while process.poll() is None:
            try:
                with open(self.path("d_info.json")) as file:
                    content = file.read()
                seen.add(bool(content and json.loads(content)))
            except FileNotFoundError:
                pass
        run = self.finish(process)
        self.assert_exact(run)
        self.assertEqual(sorted(os.listdir(self.dir)), [f"d_{n}" for n in ("info.json", "processes.jsonl", "stderr", "stdout", "usage.jsonl")])
        self.assertIn(False, seen)

    def test_link_in_the_way_is_a_conflict(self):
        os.symlink("/nonexistent", self.path("d_stdout"))
        self.assertEqual(self.duct("--", "true").status, 1)


if __name__ == "__main__":
    harness.main()
