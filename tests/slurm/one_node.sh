#!/usr/bin/env bash
# A real Slurm on one machine: one node, a CPU and a GPU partition, two pretended GPUs. No systemd, no database.
#
#   one_node.sh install        install Debian's packages, where they are missing
#   one_node.sh start FOLDER   write FOLDER/slurm.conf and start munged, slurmctld and slurmd
#   one_node.sh stop FOLDER    end those three, by the process ids in FOLDER
#
# All that it writes lies in FOLDER, but for two links in /etc/slurm, where sbatch and srun look (SLURM_CONF would not do:
# Snakemake takes Slurm's variables from a job's steps). It needs root, and a machine that is no part of another cluster.
set -euo pipefail
ETC=/etc/slurm

fail() {
    echo "one_node.sh: $*" >&2
    exit 1
}

install() {
    for daemon in slurmctld slurmd munged sbatch; do
        if ! PATH="$PATH:/usr/sbin" command -v "$daemon" > /dev/null; then
            command -v apt-get > /dev/null || fail "no $daemon, and no apt-get to install it: this needs Debian or Ubuntu"
            [ "$(id -u)" = 0 ] || fail "no $daemon, and only root can install it: apt-get install slurmctld slurmd slurm-client munge"
            apt-get update -qq
            DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge \
                || fail "Slurm could not be installed"
            return
        fi
    done
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# A machine that went down, or a kill, leaves the links of a Slurm whose daemons are gone.
remove_leftover_links() {
    local file folder pid
    for file in slurm.conf gres.conf; do
        [ -L "$ETC/$file" ] || continue
        folder=$(dirname "$(readlink "$ETC/$file")")
        if [ -e "$folder" ]; then
            [ -e "$folder/task_prolog.sh" ] || continue # not a folder of this script
            pid=$(cat "$folder/slurmctld.pid" 2> /dev/null || true)
            # Its program, which a zombie no longer has; Debian's is slurmctld-wlm
            [[ "$(readlink "/proc/${pid:-none}/exe")" != */slurmctld* ]] || continue
        fi
        rm "$ETC/$file"
    done
}

start() {
    local folder=$1 host
    host=$(hostname -s)
    [ "$(id -u)" = 0 ] || fail "only root can start it"
    remove_leftover_links
    for file in slurm.conf gres.conf; do
        [ ! -e "$ETC/$file" ] || fail "$ETC/$file exists: this machine belongs to a cluster, or one_node.sh runs already"
    done
    mkdir -p "$folder"/{state,spool,munge}
    # Character devices that behave like /dev/null stand for GPUs: Slurm hands them out, CUDA does not know them.
    for gpu in 0 1; do
        [ -e "$folder/gpu$gpu" ] || mknod "$folder/gpu$gpu" c 1 3
    done
    cat > "$folder/gres.conf" << GRES
Name=gpu File=$folder/gpu[0-1]
GRES
    cat > "$folder/slurm.conf" << CONF
ClusterName=one-node
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$(free_port)
SlurmdPort=$(free_port)
SlurmUser=root
AuthInfo=socket=$folder/munge/socket
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.pid
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.log
ProctrackType=proctrack/linuxproc
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerParameters=sched_interval=2,bf_interval=2
# Without cgroups the memory of a job is watched once a second, and a job over its limit is killed.
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
OverTimeLimit=0
KillWait=2
MinJobAge=3600
# A line per ended job: what it was given, where, and how it ended.
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/jobs.log
# And one for each step that a job starts: the GPUs that it sees.
TaskProlog=$folder/task_prolog.sh
DefMemPerCPU=500
SlurmdParameters=config_overrides
GresTypes=gpu
NodeName=$host NodeAddr=127.0.0.1 CPUs=8 RealMemory=16000 Gres=gpu:2 State=UNKNOWN
PartitionName=cpu Nodes=$host Default=YES MaxTime=10-0 State=UP
PartitionName=gpu Nodes=$host MaxTime=10-0 State=UP
CONF
    cat > "$folder/task_prolog.sh" << PROLOG
#!/bin/sh
echo "\$SLURM_JOB_ID \$CUDA_VISIBLE_DEVICES" >> $folder/gpus.log
PROLOG
    chmod +x "$folder/task_prolog.sh"
    mkdir -p "$ETC"
    ln -sf "$folder/slurm.conf" "$folder/gres.conf" "$ETC"
    export PATH="$PATH:/usr/sbin"
    head -c 1024 /dev/urandom > "$folder/munge/key"
    chmod 400 "$folder/munge/key"
    # --force: FOLDER may lie below a folder that others can write to, as that of temporary files
    munged --force --socket="$folder/munge/socket" --key-file="$folder/munge/key" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munge/seed"
    slurmctld
    slurmd
    for _ in $(seq 20); do
        [ "$(timeout 1 sinfo --noheader --format=%T --partition=gpu 2> /dev/null)" = idle ] && return
        sleep 0.5
    done
    for log in "$folder"/*.log; do
        echo "== $log" >&2
        tail -n 20 "$log" >&2
    done
    stop "$folder"
    fail "Slurm did not come up within 30 seconds; the ends of its logs are above"
}

stop() {
    local folder=$1 daemon pid
    for daemon in slurmd slurmctld munged; do
        if [ -s "$folder/$daemon.pid" ]; then
            pid=$(cat "$folder/$daemon.pid")
            kill "$pid" 2> /dev/null || true
            for _ in $(seq 100); do
                kill -0 "$pid" 2> /dev/null || break
                sleep 0.1
            done
        fi
    done
    for file in slurm.conf gres.conf; do
        [ "$(readlink "$ETC/$file")" != "$folder/$file" ] || rm "$ETC/$file"
    done
}

case "${1:-} $#" in
    "install 1") install ;;
    "start 2") start "$(realpath -m "$2")" ;;
    "stop 2") stop "$(realpath -m "$2")" ;;
    *) fail "usage: one_node.sh install | start FOLDER | stop FOLDER" ;;
esac
