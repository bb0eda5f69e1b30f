#!/usr/bin/env bash
# Everything in ten minutes, on a machine with a GPU that has this folder with artifacts/Backprop.Gpu.Check (publish.sh makes it):
# first the tests, then the figures, then PyTorch's, if it is there, and the ratios. What comes out is also in $OUT.
#   run-on-device.sh [SECONDS]   default 580
set -uo pipefail
cd "$(dirname "$0")"
out=${OUT:-artifacts}
budget=${1:-580}
begin=$SECONDS
left() { echo $((budget - (SECONDS - begin))); }
mkdir -p "$out"
chmod +x artifacts/Backprop.Gpu.Check
status=0

{ nvidia-smi || echo "no nvidia-smi"; nvidia-smi -q -d CLOCK,POWER 2> /dev/null | head -60; ldconfig -p | grep -i 'libcuda\|libOpenCL'; } > "$out/machine.txt" 2>&1

# Each of the parts keeps to its own time (--seconds ends it in order, and its report is written after each part); timeout is for what hangs.
timeout -k 5 280 artifacts/Backprop.Gpu.Check --suite --seconds 220 --json "$out/suite.json" > "$out/suite.txt" 2>&1
code=$?; [ "$code" -eq 0 ] || status=$code
tail -n 40 "$out/suite.txt"
[ "$code" -ne 2 ] || exit 2

torch=0; python3 -c 'import torch' 2> /dev/null && torch=1
bench=$(( $(left) - (torch ? 150 : 10) ))
timeout -k 5 "$((bench + 30))" artifacts/Backprop.Gpu.Check --bench --seconds "$bench" --json "$out/bench.json" > "$out/bench.txt" 2>&1
code=$?; [ "$code" -eq 0 ] || status=$code
cat "$out/bench.txt"

if [ "$torch" -eq 1 ] && [ "$(left)" -gt 20 ]; then
    timeout -k 5 "$(left)" python3 torch_steps.py --json "$out/torch.json" --compare "$out/bench.json" > "$out/torch.txt" 2>&1 || echo "torch_steps.py ended with code $?" >> "$out/torch.txt"
    cat "$out/torch.txt"
else
    echo "PyTorch was not run: $([ "$torch" -eq 1 ] && echo "no time was left" || echo "python3 has no torch here")"
fi
exit "$status"
