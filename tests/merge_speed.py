"""Measures `wavetank merge` with a thousand reports of a million seeds each: seconds, memory and the size of the reports.

    python3 tests/merge_speed.py WAVETANK [SHARDS]

WAVETANK is the path of the command. It sweeps two thousand storms. The totals of a report are the totals of this sweep,
times a factor. The reports are those of `sweep --keep failures` if every run held.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

STORMS = 2_000
SEEDS = 1_000_000  # of a shard


def scaled(value, factor):
    """Multiplies all counts in a value. Texts and flags stay the same."""
    if isinstance(value, dict):
        return {key: scaled(part, factor) for key, part in value.items()}
    if isinstance(value, int) and not isinstance(value, bool):
        return value * factor
    return value


def sample(wavetank, folder):
    """Returns the header and the totals of a sweep."""
    file = folder / "sample.jsonl"
    sweep = ["sweep", "storm", "--seeds", str(STORMS), "--keep", "failures", "--out", file]
    subprocess.run([wavetank, *sweep], check=True, capture_output=True)
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    file.unlink()
    return lines[0]["header"], lines[1]["part"]


def totals_of_a_shard(part):
    """Returns the totals of a million seeds whose storms behave like those of the sample."""
    row = part["rows"][0]
    grown = scaled({key: row[key] for key in row if key not in ("scenario", "digest")}, SEEDS // STORMS)
    # Rare durations: a million storms have more different ones than the sample.
    durations = {str(ms): 1 for ms in range(20_000)} | grown["leaderless"]["by_ms"]
    grown["leaderless"] = {"by_ms": durations, "count": sum(durations.values())}
    return {"runs": SEEDS, "rows": [row | grown], "situations": part["situations"]}


def write_reports(folder, header, part, shards):
    """Writes the reports, and returns their paths."""
    header["rows"][0]["seeds"] = SEEDS * shards
    lines = [json.dumps(line, separators=(",", ":")) for line in ({"part": totals_of_a_shard(part)}, {"end": SEEDS})]
    files = []
    for shard in range(shards):
        header["shard"] = {"at": shard, "of": shards}
        file = folder / f"{shard}.jsonl"
        file.write_text("\n".join([json.dumps({"header": header}), *lines, ""]))
        files.append(file)
    return files


def merge(wavetank, files, out):
    """Merges the reports. Returns the seconds, the seconds of processor time, and the memory in MiB."""
    begun = time.monotonic()
    with open(out, "w") as stdout:
        process = subprocess.Popen([wavetank, "merge", "--json", *files], stdout=stdout)
        _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return time.monotonic() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    wavetank = os.path.abspath(sys.argv[1])
    shards = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        files = write_reports(folder, *sample(wavetank, folder), shards)
        size = sum(file.stat().st_size for file in files)
        print(f"{shards} reports, {size // shards} bytes each, {size / 2**20:.1f} MiB together")
        seconds, busy, memory = merge(wavetank, files, folder / "merged.json")
        seeds = json.loads((folder / "merged.json").read_text())["rows"][0]["seeds"]
        assert seeds == SEEDS * shards, seeds
        print(f"merged {seeds} seeds in {seconds:.2f} s ({busy:.2f} s of processor time), with at most {memory:.1f} MiB")


main()
