# SPDX-License-Identifier: MIT
"""The command line: options, errors, messages, summary."""

import os
import re
import unittest

import harness

MESSAGE = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4} \[(DEBUG|INFO|WARNING|ERROR|CRITICAL) *\] duct-bpf: (.*)$")
VERSION = r"\d+\.\d+\.\d+(-dev\.\d+\+g[0-9a-f]{10}(\.dirty)?)?"

SUMMARY = [
    "Summary:", "Exit Code", "Command", "Log files location", "Wall Clock Time", "Memory Peak Usage (RSS)",
    "Memory Average Usage (RSS)", "Virtual Memory Peak Usage (VSZ)", "Virtual Memory Average Usage (VSZ)",
    "Memory Peak Percentage", "Memory Average Percentage", "CPU Peak Usage", "Average CPU Usage",
    "Memory Peak, Shared Pages Once (PSS)",
]


class Options(harness.DuctTest):
    def test_version_and_help(self):
        run = self.duct("--version", prefix=None)
        self.assertEqual((run.status, run.stderr), (0, ""))
        self.assertRegex(run.stdout, rf"^duct-bpf {VERSION}\n$")
        run = self.duct("--help", prefix=None)
        self.assertEqual((run.status, run.stderr), (0, ""))
        for name in ("--output-prefix", "--capture-outputs", "--outputs", "--record-types", "--attach", "--wait-all",
                     "--pty", "--user", "--as-invoker", "--max-argv", "--clobber", "--fail-time", "--summary-format",
                     "--colors", "--sample-interval", "--report-interval", "--log-level", "--quiet", "--message", "--mode",
                     "--sampler"):
            self.assertIn(name, run.stdout)
        self.assertEqual(os.listdir(self.dir), [])

    def test_usage_errors(self):
        command = ["--", "touch", "was-run"]
        cases = [
            [], ["--"], ["--no-such-option", *command], ["-Z", *command], ["--log-level", "LOUD", *command],
            ["--sample-interval", "abc", *command], ["--sample-interval", "0", *command],
            ["--sample-interval", "-1", *command], ["--sample-interval", "nan", *command],
            ["--sample-interval", "0.0001", *command], ["--sample-interval", "10", "--report-interval", "5", *command],
            ["--report-interval", "", *command], ["--capture-outputs", "some", *command], ["--outputs", "some", *command],
            ["--record-types", "everything", *command], ["--record-types", "system-summary,nothing", *command],
            ["--mode", "old-session", *command], ["--sampler", "ps", *command], ["--max-argv", "0", *command], ["--max-argv", "2G", *command],
            ["--max-argv", "4X", *command], ["--ring-size", "5000", *command], ["--ring-size", "1K", *command],
            ["--max-processes", "0", *command], ["--usage-max-processes", "-1", *command], ["--fail-time", "soon", *command],
            ["--summary-format", "{no_such_field}", *command], ["--summary-format", "{unclosed", *command],
            ["--summary-format", "{peak_rss!Q}", *command], ["-p", "x{nope}_", *command], ["--duration", "1", *command],
            ["--attach", "1", *command], ["--attach", "abc"], ["--attach", "0"], ["--user", "", *command],
            ["--user", "root", "--as-invoker", *command], ["-p"], ["--drain-time", "-1", *command],
        ]
        for words in cases:
            with self.subTest(words=words):
                run = self.duct(*words, prefix=None)
                self.assertEqual(run.status, 2, run.stderr)
                self.assertEqual(len(run.stderr.splitlines()), 1, run.stderr)
                self.assertRegex(run.stderr, MESSAGE)
                self.assertEqual(run.stdout, "")
                self.assertEqual(os.listdir(self.dir), [])

    def test_usage_error_in_a_variable_names_it(self):
        run = self.duct("touch", "was-run", env={"DUCT_SAMPLE_INTERVAL": "often"})
        self.assertEqual(run.status, 2)
        self.assertEqual(len(run.stderr.splitlines()), 1)
        self.assertIn("DUCT_SAMPLE_INTERVAL", run.stderr)
        self.assertEqual(os.listdir(self.dir), [])

    def test_options_end_at_the_command(self):
        for words in (["echo", "--version", "-q"], ["--", "echo", "--version", "-q"]):
            run = self.duct("-q", "--clobber", *words)
            self.assertEqual((run.status, run.stdout, run.stderr), (0, "--version -q\n", ""))
        run = self.duct("-q", "--clobber", "echo", "--", "x")
        self.assertEqual(run.stdout, "-- x\n")
        run = self.duct("-q", "--clobber", "--", "echo", "--", "x")
        self.assertEqual(run.stdout, "-- x\n")

    def test_spellings(self):
        run = self.duct("--s-i", "0.1", "--r-i=0.2", "--f-t", "0", "-c", "stdout", "-o", "none", "-t", "all", "-m", "a note",
                        "-l", "warning", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
        self.assertEqual((run.status, run.stdout, run.stderr), (3, "", ""))
        self.assertEqual(run.files(), ["info.json", "processes.jsonl", "stdout", "usage.jsonl"])
        self.assertEqual(run.info["message"], "a note")

    def test_a_command_of_one_word_with_blanks_is_one_word(self):
        run = self.duct("-q", "echo hello world")
        self.assertEqual(run.status, 127)


class Messages(harness.DuctTest):
    def test_format_and_order(self):
        run = self.duct("--", "echo", "hello")
        self.assertEqual(run.stdout, "hello\n")
        lines = run.stderr.splitlines()
        first, second, third = (MESSAGE.match(line) for line in lines[:3])
        self.assertRegex(first[2], rf"^duct-bpf {VERSION} is executing 'echo hello'\.\.\.$")
        self.assertEqual(second[2], "Log files will be written to d_")
        self.assertEqual(third[2], "Summary:")
        self.assertIn("[INFO    ]", lines[0])

    def test_default_summary(self):
        run = self.duct("--", "sh", "-c", "sleep 0.2")
        lines = run.stderr.splitlines()[2:]
        lines[0] = MESSAGE.match(lines[0])[2]
        self.assertEqual([line.split(":")[0] for line in lines[: len(SUMMARY)]], [s.rstrip(":") for s in SUMMARY])
        by_name = dict(line.split(": ", 1) for line in lines[1:])
        self.assertEqual(by_name["Exit Code"], "0")
        self.assertEqual(by_name["Command"], "sh -c sleep 0.2")
        self.assertEqual(by_name["Log files location"], "d_")
        self.assertRegex(by_name["Wall Clock Time"], r"^\d+\.\d{3} sec$")
        for name in SUMMARY[5:9]:
            self.assertRegex(by_name[name], r"^\d[\d.]* (Bytes?|[kMG]B)$", name)
        for name in SUMMARY[9:13]:
            self.assertRegex(by_name[name], r"^\d+\.\d\d%$", name)
        self.assertRegex(by_name[SUMMARY[13]], r"^(-|\d[\d.]* (Bytes?|[kMG]B))$", "where it was taken")
        self.assertRegex(by_name["Processes"], r"^\d+, 0 lost$")

    def test_summary_format(self):
        text = "E={exit_code!E} C={command} W={wall_clock_time:.3f} R={peak_rss!S} T={wall_clock_time!T} N={num_processes} {{x}} P={exit_signal!N}"
        run = self.duct("--fail-time", "0", "--summary-format", text, "--", "sh", "-c", "exit 3")
        line = MESSAGE.match(run.stderr.splitlines()[-1])[2]
        self.assertRegex(line, r"^E=3 C=sh -c exit 3 W=\d+\.\d{3} R=\d[\d.]* [kM]?B T=\d+\.\d\ds N=1 \{x\} P=-$")
        run = self.duct("--clobber", "--summary-format", "", "--", "true")
        self.assertEqual(len(run.stderr.splitlines()), 2)

    def test_levels(self):
        expected = {"NONE": set(), "CRITICAL": set(), "ERROR": set(), "WARNING": set(), "INFO": {"INFO"}, "DEBUG": {"INFO", "DEBUG"}}
        for level, kinds in expected.items():
            for spelling in (level, level.lower()):
                with self.subTest(spelling):
                    run = self.duct("--clobber", "-l", spelling, "--", "echo", "x")
                    found = {m[1] for m in map(MESSAGE.match, run.stderr.splitlines()) if m}
                    self.assertEqual(found - {"DEBUG"} if level == "DEBUG" else found, kinds - {"DEBUG"})
                    self.assertEqual(run.stdout, "x\n")

    def test_quiet(self):
        run = self.duct("-q", "--", "sh", "-c", "echo out; echo err >&2")
        self.assertEqual((run.stdout, run.stderr), ("out\n", "err\n"))
        run = self.duct("-q", "--clobber", "-l", "DEBUG", "--", "true")
        self.assertEqual(run.stderr, "")

    def test_errors_are_quiet_too(self):
        run = self.duct("-q", "no-such-command-here")
        self.assertEqual((run.status, run.stderr), (127, ""))

    def test_colors(self):
        words = ["--fail-time", "0", "--clobber", "--", "sh", "-c", "exit 1"]
        self.assertNotIn("\x1b", self.duct(*words).stderr)
        self.assertIn("\x1b[", self.duct("--colors", *words).stderr)
        self.assertIn("\x1b[", self.duct(*words, env={"DUCT_COLORS": "1"}).stderr)
        self.assertNotIn("\x1b", self.duct(*words, env={"DUCT_COLORS": "1", "NO_COLOR": "1"}).stderr)
        self.assertIn("\x1b[", self.duct("--colors", *words, env={"NO_COLOR": "1"}).stderr)

    def test_control_characters_of_the_command_are_not_passed_to_the_terminal(self):
        run = self.duct("--", "echo", "\x1b[31m\x07")
        self.assertNotIn("\x1b", run.stderr)
        self.assertEqual(run.stdout, "\x1b[31m\x07\n")


if __name__ == "__main__":
    harness.main()
