"""Runs web3.py's own module tests and counts them; what does not apply is named. Started by ../run.mjs."""

import os
import sys
import time

import pytest

from client import MODE, Checks
from exclusions import EXCLUDED

FOLDER = os.path.dirname(os.path.abspath(__file__))


class Counting:
    """A pytest plug-in: leaves out what is excluded, counts the rest."""

    def __init__(self, checks):
        self.checks = checks
        self.excluded = {}
        self.slowest = (0.0, "")

    def pytest_collection_modifyitems(self, config, items):
        known = {item.originalname for item in items}
        for name in EXCLUDED.keys() - known:
            self.checks.fail(f"{name} is excluded but does not exist")
        kept, left_out = [], []
        for item in items:
            modes, reason = EXCLUDED.get(item.originalname, ((), ""))
            if MODE in modes:
                self.excluded.setdefault(reason, []).append(item.originalname)
                left_out.append(item)
            else:
                kept.append(item)
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept

    def pytest_runtest_logreport(self, report):
        self.slowest = max(self.slowest, (report.duration, report.nodeid))
        if report.failed:
            text = str(report.longrepr).strip().splitlines()[-1]
            self.checks.fail(f"{report.nodeid.split('::', 1)[1]} ({report.when}): {text}"[:300])
        elif report.skipped and not hasattr(report, "wasxfail"):
            self.checks.fail(f"{report.nodeid.split('::', 1)[1]}: skipped itself, {report.longrepr}"[:300])
        elif report.when == "call":
            # An expected failure is web3.py's own statement and counts like a pass.
            self.checks.passed += 1


def main():
    checks = Checks()
    checks.current = "module tests"
    counting = Counting(checks)
    began = time.monotonic()
    os.chdir(FOLDER)
    arguments = ["-q", "--tb=line", "--no-header", "--no-summary", "test_modules.py", *sys.argv[2:]]
    pytest.main(arguments, plugins=[counting])
    total = sum(len(names) for names in counting.excluded.values())
    print(f"{checks.passed} of web3.py's module tests passed in {time.monotonic() - began:.0f} s, "
          f"slowest {counting.slowest[1]} ({counting.slowest[0]:.0f} s); {total} do not apply:")
    for reason, names in sorted(counting.excluded.items()):
        print(f"  {len(names)} because {reason}: {', '.join(sorted(set(names)))}")
    checks.finish()


main()
