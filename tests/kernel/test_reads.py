# SPDX-License-Identifier: MIT
"""The two ways of reading the kernel's structs: directly (6.2 on), or by a helper's call; the second is also what is left where the
kernel refuses the first. Oracles: wait4's rusage, and what the fixtures do."""

import glob
import os
import struct
import subprocess
import unittest

import harness
from harness import cpu_of, fixture

REFUSED = "no direct reads of kernel structs"
HEADER = struct.Struct("=8s16sQ")  # of a file of the cache: magic, key, hash of what follows


def content_hash(content):
    value = 0xCBF29CE484222325
    whole = len(content) // 8 * 8
    for word in struct.unpack(f"={whole // 8}Q", content[:whole]):
        value = (value ^ word) * 0x100000001B3 % 2**64
        value ^= value >> 29
    for byte in content[whole:]:
        value = (value ^ byte) * 0x100000001B3 % 2**64
    return value


class Reads(harness.DuctTest):
    def check(self, before=None, **env):
        run = self.exact("--clobber", "--sample-interval", "0.05", "-l", "DEBUG", "--", "sh", "-c",
                         '"$0" 40 4 "$1" 20 keep; "$0" 1 1 "$2" burn 4 100', fixture("reap"), fixture("touch"), fixture("threads"),
                         env=env, before=before)
        children = run.said("child")
        self.assertEqual(len(children), 41)
        for child in children:
            process = run.process(child["pid"])
            self.assert_near(process["cpu_time"], cpu_of(child), 0.001, 0.005, f"pid {child['pid']}")
            self.assert_near(process["minor_faults"], child["minflt"], 3)
        for process in run.by_cmd(fixture("touch")):
            self.assertGreaterEqual(process["peak_rss"], 20 << 20)
            self.assertLess(process["peak_rss"], 30 << 20)
        self.assertEqual(run.by_cmd(fixture("threads"))[0]["max_threads"], 5)
        # Samples and events tell of the same memory: at least what one held, at most what four held at once.
        self.assertGreaterEqual(run.summary["peak_rss"], 20 << 20)
        self.assertLess(run.summary["peak_rss"], 4 * (30 << 20) + (20 << 20))
        self.assertTrue(any(report["totals"]["rss"] > 0 for report in run.usage))
        return run

    def test_as_the_kernel_has_it(self):
        refused = REFUSED in self.check().stderr
        self.assertFalse(refused and harness.kernel_version() >= (6, 2), "this kernel could be read directly")

    def test_by_helper(self):
        self.assertNotIn(REFUSED, self.check(DUCT_BPF_READS="helper").stderr)

    def test_refused(self):
        """By a library that is preloaded in the kernel's place."""
        if harness.kernel_version() < (6, 2):
            self.skipTest("not tried on such a kernel")
        run = self.check(LD_PRELOAD=fixture("preload_no_kfuncs.so"), ASAN_OPTIONS="verify_asan_link_order=0")
        self.assertIn(REFUSED, run.stderr)

    def test_a_first_start_leaves_nothing_to_the_command(self):
        """The command is forked while files are read that only the first start on a kernel has to read; and while limits may be others."""
        self.check()  # makes the directory
        here = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o mode=755 none /var/cache/duct-bpf && exec "$@"', "sh"]
        command = ["sh", "-c", "ls /proc/self/fd; ulimit -l; ulimit -H -l"]
        bare = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        for _ in range(5):
            run = self.duct("--clobber", "--", *command, before=here)
            self.assertEqual((run.status, run.stdout_bytes), (0, bare.stdout), run.stderr)

    def test_code_that_was_kept(self):
        """Its oracle: who does not take the file writes another in its place."""
        cache = self.path("cache")
        os.mkdir(cache)
        os.chmod(cache, 0o755)
        here = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /var/cache/duct-bpf && exec "$@"', cache]
        self.check()  # makes the directory
        self.check(before=here)
        file, = glob.glob(os.path.join(cache, "*.code"))

        def look():
            with open(file, "rb") as opened:
                return opened.read(), os.stat(file).st_ino

        kept, number = look()
        self.assertGreater(len(kept), 8 * 1000, "instructions")
        self.check(before=here)
        self.assertEqual(look(), (kept, number), "taken")

        magic, key, value = HEADER.unpack(kept[:HEADER.size])
        content = kept[HEADER.size:]
        self.assertEqual(content_hash(content), value)
        event = b"sched_process_fork"  # behind the name of the program, and its length
        other = content.replace(b"on_fork" + struct.pack("=I", len(event)) + event, b"on_ford" + struct.pack("=I", len(event)) + event)
        self.assertNotEqual(other, content)
        for what, bad in (("damaged", kept[:-1] + bytes([kept[-1] ^ 1])),
                          ("cut", kept[:-8]),
                          ("of other programs", HEADER.pack(magic, key, content_hash(other)) + other),
                          ("in another layout", HEADER.pack(magic, key, content_hash(content[8:])) + content[8:])):
            with self.subTest(what):
                with open(file, "wb") as opened:
                    opened.write(bad)
                before = look()[1]
                self.check(before=here)
                self.assertEqual(look()[0], kept)
                self.assertNotEqual(look()[1], before)


if __name__ == "__main__":
    harness.main()
