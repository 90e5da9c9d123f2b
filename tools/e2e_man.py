#!/usr/bin/env python3
"""The manual pages are those that `banyan help --man` prints; `tools/e2e_man.py --write` writes them. Prints TAP."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.environ.get('BANYAN_BUILD', os.path.join(ROOT, 'build'))
BANYAN = next((p for p in (os.path.join(BUILD, d, 'banyan') for d in ('', 'src/app')) if os.access(p, os.X_OK)), None)
if BANYAN is None:
    sys.exit(f'Bail out! no banyan in {BUILD}')
names = re.findall(r'^COMMAND\("([^"]+)"', open(os.path.join(ROOT, 'src/app/commands.def')).read(), re.M)
points = failed = 0
for name in [None] + names:
    words = [name] if name else []
    page = subprocess.run([BANYAN, 'help', '--man'] + words, capture_output=True, text=True, timeout=60).stdout
    path = os.path.join(ROOT, 'docs/man', '-'.join(['banyan'] + words) + '.1')
    if '--write' in sys.argv:
        open(path, 'w').write(page)
    have = open(path).read() if os.path.exists(path) else ''
    points += 1
    good = page == have and '.SH SYNOPSIS' in page and '.SH DESCRIPTION' in page
    failed += not good
    print(f'{"ok" if good else "not ok"} {points} - {os.path.basename(path)} is up to date')
print(f'1..{points}')
sys.exit(failed != 0)
