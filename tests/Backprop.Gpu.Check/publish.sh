#!/usr/bin/env bash
# Builds artifacts/Backprop.Gpu.Check: one file for Linux on x64 that needs no .NET. Prints its size; fails above 60 MB.
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

dotnet publish Backprop.Gpu.Check.csproj -c Release -p:PublishSingleFile=true -o artifacts/publish -v quiet -tl:off
mv -f artifacts/publish/Backprop.Gpu.Check artifacts/Backprop.Gpu.Check
rm -rf artifacts/publish
size=$(stat -c %s artifacts/Backprop.Gpu.Check)
echo "artifacts/Backprop.Gpu.Check: $((size / 1000000)).$((size / 100000 % 10)) MB"
[ "$size" -lt 60000000 ] || { echo "It is larger than 60 MB." >&2; exit 1; }
