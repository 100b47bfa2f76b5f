# SPDX-License-Identifier: MIT
"""That duct-log's manual and completions know the subcommands and options that --help lists; bash's and fish's are asked for real."""

import os
import re
import shutil
import subprocess

import harness
import test_words

LOG = os.environ["DUCT_LOG_BIN"]


def log_help(*words):
    return subprocess.run([LOG, *words, "--help"], check=True, capture_output=True, text=True).stdout


def options(text):
    rows = re.findall(r"(?m)^  (?:(-\w),)?(--[\w-]+)( [A-Z]+)?", text)
    return {name for row in rows for name in row[:2] if name}, {name for row in rows for name in row[:2] if name and row[2]}


class LogWords(test_words.ShellTest):
    program = "duct-log"

    def setUp(self):
        super().setUp()
        top = log_help()
        self.commands = set(re.findall(r"(?m)^  ([a-z]+) ", top.split("Subcommands:")[1]))
        self.assertGreater(len(self.commands), 10)
        self.options = {"": options(top)} | {command: options(log_help(command)) for command in self.commands}
        self.assertLessEqual({"-f", "--format", "--sort"}, self.options["ls"][1])

    def test_manual_has_the_options(self):
        text = re.sub(r"\\f.", "", test_words.read("docs/man/duct-log.1")).replace("\\-", "-")
        part = text.split(".SH SUBCOMMANDS")[1].split(".SH EXPRESSIONS")[0]
        parts = {item.split()[1]: item for item in part.split(".TP\n")[1:]}
        self.assertEqual(set(parts), self.commands)
        parts[""] = text.split(".SH OPTIONS")[1].split(".SH EXIT")[0]
        for command, item in parts.items():
            named = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", item))
            self.assertEqual(named | {"-h", "--help"}, self.options[command][0], command)

    def test_bash_offers_subcommands_and_options(self):
        self.assertEqual(self.bash(""), self.commands)
        self.assertEqual(self.bash("-"), self.options[""][0])
        for command in self.commands:
            self.assertEqual(self.bash(command, "-"), self.options[command][0], command)
        self.write("note-1", "")
        self.assertEqual(self.bash("--no-pager", "show", "no"), {"note-1"})

    def test_values_that_bash_offers_are_taken(self):
        tried = 0
        for command in self.commands:
            for option in self.options[command][1]:
                for value in self.bash(command, option, ""):
                    done = subprocess.run([LOG, command, option, value, "missing"], capture_output=True, text=True)
                    self.assertEqual(done.returncode, 1, (command, option, value, done.stderr))
                    bad = subprocess.run([LOG, command, option, "no-such", "missing"], capture_output=True, text=True)
                    self.assertEqual(bad.returncode, 2, (command, option, bad.stderr))
                    tried += 1
        self.assertGreater(tried, 20)

    def test_fish_offers_subcommands_and_options(self):
        self.assertEqual(self.fish("duct-log "), self.commands)
        for command, (known, _) in self.options.items():
            line = f"duct-log {command} ".replace("  ", " ")
            offered = self.fish(line + "--") | {word for word in self.fish(line + "-") if len(word) == 2}
            self.assertEqual(offered, known, command)
        self.assertEqual(self.fish("duct-log report --format "), {"markdown", "html"})

    def test_zsh_has_subcommands_and_options(self):
        top, rest = test_words.read("completions/duct-log.zsh").split("case $line[1] in\n")
        parts = {"": top} | dict(re.findall(r"(?ms)^([a-z]+)\)\n(.*?);;", rest))
        self.assertEqual(set(parts) - {""}, self.commands)
        self.assertEqual(set(re.search(r":subcommand:\((.*?)\)", top)[1].split()), self.commands)
        for command, part in parts.items():
            specs = "\n".join(re.findall(r"(?m)^ +'(.*?)\[", part))
            self.assertEqual(set(re.findall(r"--?[a-zA-Z][\w-]*", specs)), self.options[command][0], command)
            self.assertEqual(set(re.findall(r"(--?[\w-]+)[=+]", specs)), self.options[command][1], command)
        if shutil.which("zsh"):
            self.assertEqual(subprocess.run(["zsh", "-n", test_words.completion("zsh", self.program)]).returncode, 0)


if __name__ == "__main__":
    harness.main(needs_bpf=False)
