"""One job: a command of `encens` in this process, with stand-ins; it writes its peak memory in bytes.

python job.py PEAK_FILE VERB OPTIONS...
"""

import sys
from pathlib import Path


def largest() -> int:
    """Return the largest memory that this process has held, VmHWM, in bytes (Linux).

    `getrusage` would also count the process that started this one.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """Put stand-ins in place, run the command, and write the peak if it succeeds."""
    from encoded_ensembles import cli

    from simulated.stand_ins import put_in_place

    peak, verb = Path(sys.argv[1]), sys.argv[2]
    sys.argv = ["encens", *sys.argv[2:]]
    put_in_place(verb)
    try:
        cli.main()
    except SystemExit as end:
        if end.code:
            raise
    peak.write_text(str(largest()))


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent.parent)
    main()
