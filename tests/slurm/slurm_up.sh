#!/usr/bin/env bash
# Start a real Slurm of one node on loopback, installing it where it is not (Debian, root, no systemd).
# May be called again. Usage: slurm_up.sh [up|down]
# Exit code 2: it is not here, and cannot be installed here.
set -euo pipefail
ROOT=${SLURM_ROOT:-/tmp/slurm-ci}
CPUS=${SLURM_CPUS:-16}       # may exceed the real number (config_overrides), as memory does
GPUS=(/dev/null /dev/zero /dev/full /dev/random /dev/urandom)  # stand-ins: a gpu has to be a device
NODE=$(hostname -s)
CONF_DIR=/etc/slurm          # the plugin's srun, inside a job, does not see SLURM_CONF
unset SLURM_CONF

alive() { [ -s "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }
wait_for() {  # wait_for SECONDS COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || { echo "timed out: $*" >&2; return 1; }
        sleep 0.2
    done
}
gone() { ! kill -0 "$1" 2>/dev/null; }
idle() { sinfo -h -o %T | grep -Eq 'idle|mixed|allocated'; }

if [ "${1:-up}" = down ]; then   # stop only our daemons, by their own pid files
    for d in slurmd slurmctld; do
        pid=$(cat "$ROOT/$d.pid" 2>/dev/null) || continue
        # Until it is gone: the next start would take one that is ending for one that runs.
        if kill "$pid" 2>/dev/null; then wait_for 60 gone "$pid"; fi
    done
    exit 0
fi

if [ "$(id -u)" != 0 ]; then
    echo "slurm_up.sh: only root can start Slurm's daemons" >&2
    exit 2
fi
if ! type slurmctld slurmd sbatch munged >/dev/null 2>&1; then   # fails if any is missing
    if ! type apt-get >/dev/null 2>&1; then
        echo "slurm_up.sh: Slurm is not installed, and there is no apt-get to install it with" >&2
        exit 2
    fi
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends \
        slurmctld slurmd slurm-client munge
fi

mkdir -p "$ROOT"/{state,spool,log}
install -d -o munge -g munge -m 755 /run/munge
install -d -o munge -g munge -m 700 /var/lib/munge /var/log/munge /etc/munge
if [ ! -s /etc/munge/munge.key ]; then
    dd if=/dev/urandom of=/etc/munge/munge.key bs=1024 count=1 status=none
fi
chown munge:munge /etc/munge/munge.key; chmod 400 /etc/munge/munge.key

mkdir -p $CONF_DIR
[ ! -e $CONF_DIR/slurm.conf ] || grep -q '^ClusterName=ci$' $CONF_DIR/slurm.conf ||
    { echo "slurm_up.sh: $CONF_DIR/slurm.conf is of another cluster, and is left as it is" >&2; exit 1; }
cat > $CONF_DIR/slurm.conf <<CONF
ClusterName=ci
SlurmctldHost=$NODE(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
ProctrackType=proctrack/pgid
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
MinJobAge=3600
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
StateSaveLocation=$ROOT/state
SlurmdSpoolDir=$ROOT/spool
SlurmctldPidFile=$ROOT/slurmctld.pid
SlurmdPidFile=$ROOT/slurmd.pid
SlurmctldLogFile=$ROOT/log/slurmctld.log
SlurmdLogFile=$ROOT/log/slurmd.log
GresTypes=gpu
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=$CPUS RealMemory=512000 Gres=gpu:${#GPUS[@]} State=UNKNOWN
PartitionName=main Nodes=$NODE Default=YES MaxTime=INFINITE State=UP
CONF
printf 'Name=gpu File=%s\n' "${GPUS[@]}" > $CONF_DIR/gres.conf

munge -n 2>/dev/null | unmunge >/dev/null 2>&1 ||
    runuser -u munge -- munged --pid-file=/run/munge/munged.pid
wait_for 30 sh -c 'munge -n | unmunge'
alive "$ROOT/slurmctld.pid" || slurmctld
wait_for 60 scontrol ping
alive "$ROOT/slurmd.pid" || slurmd -N "$NODE"
wait_for 120 idle
sinfo
