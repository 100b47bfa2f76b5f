# SPDX-License-Identifier: MIT
"""That manual and completions know the options that --help lists, no more and no fewer; bash's and fish's are asked for real."""

import os
import re
import shutil
import subprocess
import unittest

import harness

SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
PAGES = [os.path.join(SOURCE, "docs/man", name) for name in ("duct-bpf.1", "duct-bpf-setcap.8", "duct-log.1")]
BASH = r"""
[ ! -e /usr/share/bash-completion/bash_completion ] || source /usr/share/bash-completion/bash_completion
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
"_${1//-/_}" "$1"
printf '%s\n' "${COMPREPLY[@]}"
"""


def read(name):
    with open(os.path.join(SOURCE, name)) as file:
        return file.read()


def completion(shell, program="duct-bpf"):
    return os.path.join(SOURCE, "completions", f"{program}.{shell}")


class ShellTest(harness.DuctTest):
    """Asks the shells what they offer for a program."""

    program = "duct-bpf"

    def bash(self, *words):
        done = subprocess.run(["bash", "--norc", "-c", BASH, "bash", completion("bash", self.program), self.program, *words],
                              capture_output=True, text=True, env=self.environment(), cwd=self.dir)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def fish(self, line):
        if not shutil.which("fish"):
            self.skipTest("no fish")
        script = f"source {completion('fish', self.program)}; complete -C '{line}'"
        path = f"{os.path.dirname(harness.BIN)}:{os.environ['PATH']}"
        done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, env=self.environment({"PATH": path}), cwd=self.dir)
        self.assertEqual(done.stderr, "")
        return {word.split("\t")[0].rstrip("=") for word in done.stdout.splitlines()}


class Words(ShellTest):
    def setUp(self):
        super().setUp()
        self.help = subprocess.run([harness.BIN, "--help"], check=True, capture_output=True, text=True).stdout
        rows = re.findall(r"(?m)^  (?:  |(-\w), | {2})? *(--[\w-]+)( [A-Z]+)? .*?(?:\((--[\w-]+)\))?(?: \[.*\])?$", self.help)
        self.flags, self.valued = set(), set()
        for short, name, value, alias in rows:
            (self.valued if value else self.flags).update(filter(None, (short, name, alias)))
        self.options = self.flags | self.valued
        self.assertGreater(len(self.options), 30)
        self.assertLessEqual({"-p", "--output-prefix", "--f-t"}, self.valued)
        self.assertLessEqual({"-q", "--quiet", "--pss", "--version"}, self.flags)

    def test_manual_has_the_options(self):
        items = "\n".join(re.findall(r"(?m)^\.It (Fl .*)$", read("docs/man/duct-bpf.1")))
        documented = {f"-{name}" for name in re.findall(r"Fl (\S+)", items)}
        self.assertEqual(documented, self.options, "docs/man/duct-bpf.1 and --help differ")
        with_value = {f"-{name}" for name in re.findall(r"Fl (\S+) Ar", items)}
        self.assertEqual({o for o in with_value if o.startswith("--")}, {o for o in self.valued if o.startswith("--")})

    def test_manual_has_the_defaults(self):
        items = re.findall(r"(?ms)^\.It (Fl .*?)\n(.*?)(?=^\.It |^\.El)", read("docs/man/duct-bpf.1"))
        manual = {name: re.search(r"(?m)^Default:\s+(?:\.Pa )?(\S+?)\.?$", text) for head, text in items for name in re.findall(r"Fl -(-\S+|\w[\w-]+)", head)}
        checked = 0
        for name, default in re.findall(r"(?m)^  .*?--([\w-]+) .* \[([^];\s]+)(?:; \w+)?\]$", self.help):
            if default.startswith("DUCT_") or default == "off":
                continue
            with self.subTest(name):
                self.assertIsNotNone(manual.get(name), "the manual says nothing")
                number = r"(\d+)\.0$"
                self.assertEqual(re.sub(number, r"\1", manual[name][1]), re.sub(number, r"\1", default))
                checked += 1
        self.assertGreater(checked, 14)

    def test_manual_has_the_variables(self):
        documented = set(re.findall(r"(?m)^(?:\.It )?\.?Ev (DUCT_\w+)", read("docs/man/duct-bpf.1")))
        self.assertEqual(documented, set(re.findall(r"DUCT_\w+", self.help)))

    def test_manuals_are_well_formed(self):
        for page in PAGES:
            for words in (["mandoc", "-T", "lint", "-W", "warning"], ["groff", "-mandoc", "-ww", "-z", "-Tutf8"]):
                if not shutil.which(words[0]):
                    self.skipTest(f"no {words[0]}")
                done = subprocess.run([*words, page], capture_output=True, text=True)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    # --- completions ---

    def test_bash_offers_the_options(self):
        self.assertEqual(self.bash("-") - {"--"}, self.options, "completions/duct-bpf.bash and --help differ")
        self.assertEqual(self.bash("--fail-time", "3", "--qui"), {"--quiet"})

    def test_bash_knows_which_options_take_a_value(self):
        for option in self.options - {"-h", "--help", "--version"}:
            offers_commands = "mkdir" in self.bash(option, "mkdi")
            self.assertEqual(offers_commands, option in self.flags, option)

    def test_values_that_bash_offers_are_taken(self):
        tried = 0
        for option in sorted(self.valued - {"--attach", "-u", "--user", "-p", "--output-prefix", "--on-tracer-death"}):
            for value in self.bash(option, ""):
                run = self.duct("--sampler", "procfs", "--clobber", option, value, *(["--sampler", "procfs"] if option == "--sampler" else []), "true")
                self.assertEqual(run.status, 0, (option, value, run.stderr))
                tried += 1
        self.assertGreater(tried, 25)
        self.assertEqual(self.bash("--on-tracer-death", ""), {"continue", "kill"})  # not with --sampler procfs
        self.assertEqual(self.bash("--sampler", "=", "p"), {"procfs"})

    def test_bash_leaves_the_command_its_own_words(self):
        self.write("note-1", "")
        for words in (["cat", "no"], ["-q", "cat", "no"], ["--memory", "fast", "--", "cat", "no"], ["--memory", "=", "fast", "cat", "no"]):
            self.assertEqual(self.bash(*words), {"note-1"}, words)
        self.assertEqual(self.bash("cat", "--qui"), set())

    def test_fish_offers_the_options(self):
        offered = self.fish("duct-bpf --") | {word for word in self.fish("duct-bpf -") if len(word) == 2}
        self.assertEqual(offered - {"--"}, self.options, "completions/duct-bpf.fish and --help differ")
        self.assertEqual(self.fish("duct-bpf -q --sampler "), {"bpf", "procfs"})

    def test_fish_leaves_the_command_its_own_words(self):
        self.write("note-1", "")
        for line in ("cat no", "--memory fast -- cat no", "-m x cat no"):
            self.assertEqual(self.fish(f"duct-bpf {line}"), {"note-1"}, line)
        self.assertEqual(self.fish("duct-bpf cat --qui"), set())

    def test_zsh_has_the_options(self):
        # Each is '(...)'{-o+,--option=}'[what it is]...' or '--option=[what it is]...'.
        specs = "\n".join(re.findall(r"(?m)^  '(.*?)\[", read("completions/duct-bpf.zsh")))
        valued = {o for o in re.findall(r"(--?[\w-]+)[=+]", specs)}
        names = {o for o in re.findall(r"--?\w[\w-]*", specs)}
        self.assertEqual(names, self.options, "completions/duct-bpf.zsh and --help differ")
        self.assertEqual(valued, self.valued)
        if shutil.which("zsh"):
            self.assertEqual(subprocess.run(["zsh", "-n", completion("zsh")]).returncode, 0)


if __name__ == "__main__":
    harness.main(needs_bpf=False)
