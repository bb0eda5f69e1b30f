#!/usr/bin/env bash
# Runs the engine's figures and libtorch's one after the other, and prints for each figure that both have how many times
# better the engine is. Arguments are those of `figures`: [--threads N] [--only prefix,...].
# The figures of both stay in benchmarks/artifacts/, one file each for every number of threads.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

threads=1
for ((i = 1; i < $#; i++)); do
    [ "${!i}" != --threads ] || { j=$((i + 1)); threads=${!j}; }
done
mkdir -p artifacts
ours=artifacts/engine.t$threads.tsv
peer=artifacts/libtorch.t$threads.tsv

dotnet build Backprop.Benchmarks.csproj -c Release -v quiet -tl:off >&2
dotnet build Peers/Peers.csproj -c Release -v quiet -tl:off >&2
dotnet run --no-build -c Release --project Backprop.Benchmarks.csproj -- figures "$@" > "$ours"

# libtorch takes its memory from malloc, which by default gives large blocks back to the system at every call and has it
# clear fresh pages at the next. With these settings glibc's heap keeps what it has, as the engine's pool does.
MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456 \
    dotnet run --no-build -c Release --project Peers/Peers.csproj -- "$@" > "$peer"

# A time is better when it is shorter, anything else when it is more. Where the two have no figure of the same name, the
# nearest: through ML.NET, libtorch is what a program would call itself.
awk -F'\t' -v OFS='\t' '
    function isTime(unit) { sub("/.*", "", unit); return unit == "ns" || unit == "us" || unit == "ms" || unit == "s" }
    function compare(name, mine, other) {
        if (mine > 0 && other > 0)
            printf "%s\t%s\t%s\t%s\t%.2fx\n", name, mine, other, unit[name], isTime(unit[name]) ? other / mine : mine / other
    }
    FNR == 1 { file++ }
    file == 1 { peer[$1] = $2; next }
    file == 2 {
        unit[$1] = $3
        near = $1
        sub("prediction_engine", "predict_row", near)
        sub("idataview", "batch1024", near)
        if ($1 ~ /^(probe|load)[.]/ || $1 ~ /[.]alloc[.]/) next
        if (near in peer) compare($1, $2, peer[near])
    }
    BEGIN { print "figure", "engine", "libtorch", "unit", "engine is better" }
' "$peer" "$ours"
