"""Is all processor time counted? A program burns a known amount in every way that relays have.

Itself, a thread that has ended, a child that was waited for, an orphan that has ended and one that
lives. Run with: python3 -m unittest discover bench/driver
"""

import os
import sys
import tempfile
import unittest

import measure

EACH = 0.2
PROGRAM = f"""
import os, threading, time
def burn():
    end = time.thread_time() + {EACH}
    while time.thread_time() < end:
        pass
def orphan(then):
    if os.fork() == 0:
        if os.fork() == 0:
            burn()
            then()
            os._exit(0)
        os._exit(0)
    os.wait()
burn()
thread = threading.Thread(target=burn)
thread.start()
thread.join()
if os.fork() == 0:
    burn()
    os._exit(0)
os.wait()
orphan(lambda: None)
orphan(lambda: time.sleep(60))
time.sleep(60)
"""


class ProcessorTime(unittest.TestCase):
    def test_nothing_is_lost(self):
        measure.adopt_orphans()
        with tempfile.TemporaryDirectory() as folder:
            process = measure.start([sys.executable, "-S", "-c", PROGRAM], os.path.join(folder, "errors"))
            try:
                # Five times the same; starting the interpreter takes a little more.
                enough = lambda: measure.processor_seconds(process.pid) >= 5 * EACH  # noqa: E731
                measure.wait_for(enough, "all of it is to be counted", process, 30)
                measure.wait_until_quiet(process.pid)
                self.assertLess(measure.processor_seconds(process.pid), 5 * EACH + 0.3)
                self.assertEqual(len(measure.tree(process.pid)), 2)
            finally:
                measure.end(process)
        self.assertFalse(measure.group_lives(process.pid))


if __name__ == "__main__":
    unittest.main()
