"""Writes every reference of `references/optimizers` and `references/schedules` anew.

    python references/generate/all.py FOLDER

FOLDER holds the clones that README.md lists. Each script beside this one runs in a process of its own, with
FOLDER as its argument: first those that write streams, then the others, in the order of the names.
"""

import subprocess
import sys
from pathlib import Path

if len(sys.argv) != 2:
    sys.exit(__doc__.strip())
folder = Path(__file__).resolve().parent
scripts = sorted(folder.glob("*.py"), key=lambda script: (not script.stem.endswith("_streams"), script.name))
for script in scripts:
    if script.name not in ("all.py", "trajectory.py"):
        print(script.name, flush=True)
        subprocess.run([sys.executable, "-W", "ignore", str(script), sys.argv[1]], check=True)
