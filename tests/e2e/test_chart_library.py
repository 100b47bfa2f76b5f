# SPDX-License-Identifier: MIT
"""The chart library in web/uplot/ is, byte for byte, the one that web/package-lock.json pins. npm checks its hash."""

import os
import shutil
import subprocess
import sys
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class ChartLibrary(unittest.TestCase):
    def test_is_the_pinned_one(self):
        done = subprocess.run([os.path.join(TOP, "scripts/update-web"), "--check"], capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    if not shutil.which("npm") or subprocess.run(["npm", "ping"], capture_output=True, timeout=120).returncode != 0:
        print("no npm, or no registry to be reached", file=sys.stderr)
        sys.exit(77)
    unittest.main(verbosity=2)
