#!/usr/bin/env bash
# Kills a training that writes a checkpoint after every step, again and again, at random moments, and lets it go on from what is
# there. Nothing may be lost: every start must go on from a step that is at least the last one it had said was saved, and in the
# end the weights must be those of a training that was never killed, bit for bit.
#
#   tests/kill-during-checkpoint.sh [KILLS]      (100)
set -euo pipefail
cd "$(dirname "$0")/.."
kills=${1:-100}
dotnet build -c Release -v q --nologo tests/CheckpointKill >/dev/null
program=tests/CheckpointKill/bin/Release/net10.0/CheckpointKill.dll
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
expected=$(dotnet "$program" none | tail -1)
saved=0 halves=0 done=0 between=0
for ((kill = 1; kill <= kills; kill++)); do
    rm -f "$folder/log"
    dotnet "$program" "$folder/run.ckpt" >"$folder/log" &
    pid=$!
    begun=saved; if [ "$saved" -gt 0 ]; then begun=resumed; fi
    for ((i = 0; i < 1200; i++)); do grep -qs "^$begun" "$folder/log" && break; sleep 0.05; done   # it trains from here on
    sleep 0.$((RANDOM % 30 + 10))
    if ! kill -9 $pid 2>/dev/null; then echo "the training ended after $kill kills; raise its number of steps"; exit 1; fi
    wait $pid 2>/dev/null || true
    if [ -e "$folder/run.ckpt.tmp" ]; then halves=$((halves + 1)); fi
    if [ ! -e "$folder/run.ckpt" ]; then between=$((between + 1)); fi
    resumed=$(sed -n 's/^resumed \([0-9]*\).*/\1/p' "$folder/log")
    if [ "$saved" -gt 0 ] && [ "${resumed:-0}" -lt "$saved" ]; then echo "LOST: step $saved was saved, but kill $kill went on from ${resumed:-nothing}"; ls -l "$folder"; tail -5 "$folder/log"; exit 1; fi
    if grep -q 'no valid' "$folder/log"; then echo "LOST: a damaged checkpoint before kill $kill"; cat "$folder/log"; exit 1; fi
    # The last line may be cut off.
    now=$(sed '$d' "$folder/log" | sed -n 's/^saved //p' | sort -n | tail -1)
    saved=$((${now:-0} > saved ? now : saved))
    done=$kill
done
found=$(dotnet "$program" "$folder/run.ckpt" | tail -1)
echo "$done kills; $halves of them left a half-written temporary file, $between fell between the two renames; $saved steps were done by then."
if [ "$found" != "$expected" ]; then echo "LOST: the weights are not those of a training that was never killed"; exit 1; fi
echo "Nothing was lost: $found, as without a kill."
