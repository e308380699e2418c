#!/usr/bin/env bash
# Runs deploy/slurm.sh under a Slurm of this machine: eight shards, one of them killed and run again. The merged output
# must be that of one sweep. Needs root, slurm-wlm and munge; skipped where they are absent.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! command -v sbatch >/dev/null || ! command -v munged >/dev/null || [ "$(id -u)" -ne 0 ]; then
  echo 'skipped: a test of Slurm needs root, slurm-wlm and munge'
  exit 0
fi

wavetank=$(realpath "${1:-target/release/wavetank}")
seeds=${2:-0..12000}
script=$PWD/deploy/slurm.sh
folder=$(mktemp -d)
host=$(hostname -s)
export SLURM_CONF=$folder/slurm.conf
stop() {
  # A daemon that ends still writes its state.
  for daemon in d ctld; do
    pid=$(cat "$folder/$daemon.pid" 2>/dev/null) || continue
    kill "$pid" 2>/dev/null || continue
    timeout 30 tail --pid="$pid" -f /dev/null || true
  done
  rm -rf "$folder" || true
}
trap stop EXIT

cat >"$SLURM_CONF" <<CONF
ClusterName=one
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
SlurmUser=root
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool
SlurmctldPidFile=$folder/ctld.pid
SlurmdPidFile=$folder/d.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
ReturnToService=2
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
mkdir -p "$folder/state" "$folder/spool" /run/munge
[ -e /etc/munge/munge.key ] || mungekey
chown munge: /run/munge
pgrep -x munged >/dev/null || runuser -u munge -- munged
started() {
  slurmctld && slurmd && timeout 60 bash -c "until sinfo --noheader --states=idle | grep -q '$host'; do sleep 1; done"
}
if ! started >"$folder/start.log" 2>&1; then
  echo "skipped: Slurm does not start here: $(tail -n 1 "$folder/start.log")"
  exit 0
fi

cd "$folder"
export WAVETANK=$wavetank SEEDS=$seeds
job=$(sbatch --parsable "$script")
until [ -s reports/2.jsonl.partial ] || [ -e reports/2.jsonl ]; do
  sleep 0.2
done
# A task that is cancelled leaves its partial report. The same shard then goes on as a job of its own.
scancel --signal=KILL "${job}_2" || true
while squeue --noheader --job "$job" | grep -q .; do
  sleep 1
done
ls reports
if [ ! -e reports/2.jsonl ]; then
  ! "$wavetank" merge reports/*.jsonl 2>merge.err
  cat merge.err
  sbatch --wait --array=2 "$script"
fi
"$wavetank" merge reports/*.jsonl >merged.txt
"$wavetank" sweep storm storm_beyond_budget --seeds "$seeds" >one.txt
cmp merged.txt one.txt
echo 'eight shards, one of them killed and run again: the merged output is that of one machine'
