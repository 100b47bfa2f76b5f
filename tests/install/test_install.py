# SPDX-License-Identifier: MIT
"""What `cmake --install` puts in place: programs that run, a library that others can build with, no path of this machine.

The example is the one of docs/library.md, built as that page says.
"""

import os
import re
import shlex
import shutil
import subprocess
import unittest

import harness

BUILD = os.environ.get("DUCT_BPF_BUILD", os.path.dirname(harness.BIN))
SOURCE = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))


def run(*words, **options):
    return subprocess.run(words, check=True, capture_output=True, text=True, **options).stdout


def blocks(page, language):
    with open(os.path.join(SOURCE, "docs", page)) as file:
        return re.findall(rf"```{language}\n(.*?)```", file.read(), re.S)


class Installed(harness.DuctTest):
    def setUp(self):
        super().setUp()
        self.prefix = self.path("prefix")
        run("cmake", "--install", BUILD, "--prefix", self.prefix)
        self.files = [os.path.join(top, name) for top, _, names in os.walk(self.prefix) for name in names]
        self.program = os.path.join(self.prefix, "bin/duct-bpf")

    def library_dir(self):
        return os.path.dirname(next(f for f in self.files if f.endswith("/libduct_bpf.a")))

    def test_what_is_there(self):
        names = {os.path.basename(f) for f in self.files}
        for name in ("duct-bpf", "duct-bpf-setcap", "duct-bpf.1", "duct-bpf-setcap.8", "_duct-bpf", "duct-bpf.fish", "_duct-log", "duct-log.fish", "libduct_bpf.a",
                     "libduct_bpf_core.a", "run.hpp", "metrics.def", "duct_bpf.pc", "duct_bpf-config.cmake", "LICENSE", "records.md"):
            self.assertIn(name, names)

    def test_no_path_of_this_machine(self):
        for path in self.files:
            with open(path, "rb") as file:
                content = file.read()
            for place in (SOURCE, os.path.realpath(BUILD), self.prefix):
                self.assertNotIn(place.encode(), content, path)

    def test_the_program_runs(self):
        run = self.exact("--", "sh", "-c", "/bin/true; /bin/true", binary=self.program)
        self.assertEqual((run.status, run.summary["num_processes"]), (0, 3))

    def check_example(self, program):
        output = run(program, "sh", "-c", "/bin/true; exit 0", cwd=self.dir)
        self.assertRegex(output, r"(?m)^2 processes$")
        self.assertRegex(output, r"(?m)^\d+ true \d+ ns$")
        failing = subprocess.run([program, "sh", "-c", "exit 3"], cwd=self.dir, capture_output=True, text=True)
        self.assertEqual(failing.returncode, 3, failing.stderr)

    def write_example(self, changed=lambda example: example):
        [example] = blocks("library.md", "cpp")
        return self.write("example/example.cpp", changed(example))

    def pkg_config_environment(self):
        return {**os.environ, "PKG_CONFIG_PATH": os.path.join(self.library_dir(), "pkgconfig")}

    def build_by_pkg_config(self, source):
        [commands] = blocks("library.md", "sh")
        run("sh", "-ec", commands.splitlines()[0], cwd=os.path.dirname(source), env=self.pkg_config_environment())
        return os.path.join(os.path.dirname(source), "example")

    def test_runs_one_after_the_other_in_one_process(self):
        program = self.build_by_pkg_config(self.write_example(
            lambda example: example.replace("int main(", "int once(") +
            "int main(int argc, char** argv) { return once(argc, argv) + once(argc, argv) + once(argc, argv); }\n"))
        output = run(program, "sh", "-c", "/bin/true; exit 0", cwd=self.dir)
        self.assertEqual(len(re.findall(r"(?m)^2 processes$", output)), 3, output)

    def test_example_by_pkg_config(self):
        self.check_example(self.build_by_pkg_config(self.write_example()))
        flags = run("pkg-config", "--static", "--libs", "duct_bpf", env=self.pkg_config_environment())
        self.assertIn("-lelf", shlex.split(flags), "what libbpf itself needs where it is linked statically")

    def test_example_by_cmake(self):
        source = os.path.dirname(self.write_example())
        [project] = blocks("library.md", "cmake")
        self.write("example/CMakeLists.txt", project)
        run("cmake", "-S", source, "-B", self.path("build"), f"-Dduct_bpf_DIR={self.library_dir()}/cmake/duct_bpf")
        run("cmake", "--build", self.path("build"))
        self.check_example(self.path("build/example"))

    # In a mount namespace with an /etc of its own: groups and choices of this machine stay as they are.
    def setcap(self, script):
        shutil.copytree("/etc", self.path("etc"), symlinks=True)
        return run("unshare", "-m", "sh", "-ec", 'mount --bind "$1" /etc; PATH=$2/sbin:$2/bin:$PATH; cd "$3"; ' + script, "sh",
                   self.path("etc"), self.prefix, self.path("."), env=self.environment())

    # Through a shell, because setpriv itself may still execute everything.
    TRACE = 'sh -c "prefix/bin/duct-bpf -q --clobber -p out/d_ -t system-summary -- /bin/true"'

    def test_capabilities_for_a_group(self):
        os.makedirs(self.path("out"))
        os.chmod(self.path("out"), 0o777)
        said = self.setcap(f"""
            member="setpriv --reuid 65534 --regid 65534 --groups"
            duct-bpf-setcap --group duct-bpf-test >/dev/null
            gid=$(getent group duct-bpf-test | cut -d: -f3)
            $member $gid {self.TRACE}; echo member=$?
            $member 65534 {self.TRACE} 2>/dev/null || echo other=$?
            rm prefix/bin/duct-bpf
            cp {shlex.quote(harness.BIN)} prefix/bin
            $member $gid {self.TRACE} || echo replaced=$?
            duct-bpf-setcap --again
            $member $gid {self.TRACE}; echo again=$?
            cat /etc/duct-bpf/setcap
            duct-bpf-setcap --off
            $member $gid {self.TRACE} || echo off=$?
            [ -e /etc/duct-bpf ] || echo no-state
        """)
        self.assertEqual(said.splitlines(), ["member=0", "other=126", "replaced=1", "again=0", "group duct-bpf-test created", "off=1", "no-state"])

    def test_capabilities_for_everyone(self):
        os.makedirs(self.path("out"))
        os.chmod(self.path("out"), 0o777)
        said = self.setcap(f"""
            user="setpriv --reuid 65534 --regid 65534 --clear-groups"
            duct-bpf-setcap --everyone
            $user {self.TRACE}; echo $?
            duct-bpf-setcap --status
            $user sh -c "duct-bpf-setcap --off" 2>&1 || echo $?
        """)
        lines = said.splitlines()
        self.assertEqual(lines[:2], ["0", "every user may trace"])
        self.assertRegex(lines[2], r"/bin/duct-bpf cap_perfmon,cap_bpf=ep$")
        self.assertEqual(lines[3:], ["duct-bpf-setcap: this needs root", "1"])


if __name__ == "__main__":
    harness.main()
