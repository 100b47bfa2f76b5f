# SPDX-License-Identifier: MIT
"""What was executed: arguments whole, whatever they hold; the file given to exec."""

import os
import unittest

import harness
from harness import fixture, scaled


class Argv(harness.DuctTest):
    def words_of(self, *command, options=()):
        run = self.exact(*options, "--", *command)
        return [p for p in run.processes if p["depth"] == 0][0], run

    def test_long_argument_whole(self):
        word = "abc" * 10000
        process, run = self.words_of("/bin/true", word, "end")
        self.assertEqual(process["argv"], ["/bin/true", word, "end"])
        self.assertEqual(process["cmd"], f"/bin/true {word} end")
        self.assertNotIn("argv_truncated", process)

    def test_cut_is_flagged(self):
        word = "y" * 30000
        process, _ = self.words_of("/bin/true", word, "end", options=["--max-argv", "4K"])
        self.assertIs(process["argv_truncated"], True)
        self.assertTrue(" ".join(process["argv"]).startswith("/bin/true yyy"))
        self.assertLessEqual(len("\0".join(process["argv"])), 4096)
        self.assertGreater(len("\0".join(process["argv"])), 4000)

    def test_default_limit(self):
        process, _ = self.words_of("/bin/true", "z" * 100000)
        self.assertIs(process["argv_truncated"], True)
        self.assert_near(len("\0".join(process["argv"])), 32768, 2)

    def test_exactly_at_the_limit(self):
        # "/bin/true" and "a..." with their NULs: 4096 bytes, then one more.
        process, _ = self.words_of("/bin/true", "a" * (4096 - 11), options=["--max-argv", "4K"])
        self.assertNotIn("argv_truncated", process)
        self.assertEqual(len(process["argv"][1]), 4096 - 11)

    def test_one_over_the_limit(self):
        process, _ = self.words_of("/bin/true", "a" * (4096 - 10), options=["--max-argv", "4K"])
        self.assertIs(process["argv_truncated"], True)

    def test_large_limit(self):
        word = "w" * 120000
        process, _ = self.words_of("/bin/true", *[word] * 7, options=["--max-argv", "1M"])
        self.assertEqual(process["argv"], ["/bin/true"] + [word] * 7)
        self.assertNotIn("argv_truncated", process)

    def test_empty_arguments(self):
        process, _ = self.words_of("/bin/true", "", "x", "", "")
        self.assertEqual(process["argv"], ["/bin/true", "", "x", "", ""])
        self.assertEqual(process["cmd"], "/bin/true  x  ")

    def test_odd_arguments(self):
        run = self.exact("--", fixture("argvs"), "odd", "/bin/true")
        process = run.process(run.said("child")[0]["pid"])
        words = process["argv"]
        self.assertEqual(len(words), 10)
        self.assertEqual((words[0], words[1], words[9]), ("odd", "", ""))
        self.assertEqual(words[3], "caf\u00e9")
        self.assertEqual(words[4], "a\nb\tc")
        self.assertEqual(words[5], '"q\\"')
        self.assertEqual(words[6], "\x01\x1b[31m")
        for word in (words[2], words[7], words[8]):
            self.assertIn("\ufffd", word, "invalid UTF-8 is made valid")
        self.assertTrue(words[8].startswith("trail"))
        self.assertEqual(process["exe"], "/bin/true")

    def test_invalid_utf8_of_the_command_itself(self):
        run = self.exact("--", "/bin/true", b"\xff\xfe\x80")
        self.assertIn("\ufffd", run.info["command"])
        self.assertTrue(run.info["command"].startswith("/bin/true "))

    def test_no_arguments_at_all(self):
        run = self.exact("--", fixture("argvs"), "none", "/bin/true")
        process = run.process(run.said("child")[0]["pid"])
        self.assertIn(process["argv"], ([], [""]))  # since 5.18 the kernel adds an empty one
        self.assertEqual(process["exe"], "/bin/true")

    def test_many_arguments(self):
        run = self.exact("--", fixture("argvs"), "many", "10000", "/bin/true")
        self.assertEqual(run.process(run.said("child")[0]["pid"])["argv"], ["a"] * 10000)

    def test_file_name(self):
        os.symlink("/bin/true", self.path("link"))
        process, _ = self.words_of(self.path("link"), "x")
        self.assertEqual(process["exe"], self.path("link"))
        run = self.exact("--", "sh", "-c", "exec true", prefix="t_")
        self.assertEqual(run.processes[0]["argv"], ["true"])
        self.assertTrue(run.processes[0]["exe"].endswith("bin/true"))
        self.assertEqual(run.processes[0]["num_execs"], 2)

    def test_script(self):
        script = self.write("script", "#!/bin/sh\nexit 0\n", 0o755)
        process, _ = self.words_of(script, "word")
        self.assertEqual(process["argv"], ["/bin/sh", script, "word"])

    def test_execs_of_one_process(self):
        process, _ = self.words_of("sh", "-c", "exec sh -c 'exec sh -c \"exec /bin/true last\"'")
        self.assertEqual((process["num_execs"], process["argv"]), (4, ["/bin/true", "last"]))

    def test_failed_exec_is_none(self):
        run = self.exact("--", "sh", "-c", "/nonexistent/program; exit 0")
        self.assertEqual(run.summary["num_execs"], 1)

    def test_storm_of_distinct_arguments(self):
        count = scaled(3000)
        run = self.exact("--", fixture("argvs"), "storm", str(count), "100", "/bin/true")
        found = sorted(p["argv"][1] for p in run.processes if p["depth"])
        self.assertEqual(found, sorted(f"argument-{i}-{'x' * 100}" for i in range(count)))


if __name__ == "__main__":
    harness.main()
