#!/usr/bin/env bash
# A sweep as a Slurm job array: one task for each shard. deploy/README.md explains it.
#SBATCH --job-name=wavetank
#SBATCH --array=1-8
#SBATCH --cpus-per-task=1
#SBATCH --output=%x-%a.log
#SBATCH --open-mode=append
#SBATCH --requeue
set -euo pipefail

shards=${SHARDS:-8}
out=${OUT:-reports}
mkdir -p "$out"

# A task that is run again goes on after the last thousand runs that it finished.
status=0
"${WAVETANK:-wavetank}" sweep ${SCENARIOS:-storm storm_beyond_budget} \
  --seeds "${SEEDS:?set SEEDS, such as 0..1000000}" --shard "$SLURM_ARRAY_TASK_ID/$shards" \
  --jobs "${SLURM_CPUS_PER_TASK:-1}" --keep failures --out "$out/$SLURM_ARRAY_TASK_ID.jsonl" --resume || status=$?

# The statuses 2 to 5 are verdicts, which `merge` tells. Only a shard without a report has failed.
if [ "$status" -eq 1 ] || [ "$status" -gt 5 ]; then
  exit "$status"
fi
