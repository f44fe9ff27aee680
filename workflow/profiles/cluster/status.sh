#!/bin/sh
# Print whether the job of SGE with a number is running, success or failed. It has ended once its account says so:
# the account is written some seconds after the job leaves the queue, and that of its last run comes last.
if qstat -j "$1" >/dev/null 2>&1; then
  echo running
else
  qacct -j "$1" 2>/dev/null | awk '
    $1 == "failed" { failed = $2 }
    $1 == "exit_status" { status = $2; ended = 1 }
    END { print !ended ? "running" : failed + status ? "failed" : "success" }'
fi
