#!/usr/bin/env bash
# Draws digits on the web service's page in a headless Chromium, by mouse, finger and keyboard, checks what the page says of them, and
# takes screenshots. Not part of the tests that need nothing but the .NET SDK: it needs Chromium, Node.js and npm's playwright-core.
#
#   tests/browser/run.sh [OUTPUT]     where the screenshots go (artifacts/browser)
#
# Ends with 0 if all is well, 1 if a check failed, 77 if something it needs is absent and cannot be installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
output=${1:-artifacts/browser}
mkdir -p "$output"

absent() { echo "ABSENT: $1. The page was not tested."; exit 77; }
[ -z "${CHROMIUM:-}" ] || command -v "$CHROMIUM" >/dev/null || absent "'$CHROMIUM', which CHROMIUM names"
find_chromium() { for name in "${CHROMIUM:-}" chromium chromium-browser google-chrome; do [ -n "$name" ] && command -v "$name" && return; done; return 1; }

command -v node >/dev/null && command -v npm >/dev/null || absent "Node.js and npm"
if ! chromium=$(find_chromium); then
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null || absent "Chromium; install it, or name it in CHROMIUM"
    { apt-get update -qq && apt-get install -y -qq chromium; } >"$output/install.log" 2>&1 || absent "Chromium; apt-get could not install it, see $output/install.log"
    chromium=$(find_chromium) || absent "Chromium, although apt-get installed something"
fi
tools=artifacts/browser-tools
if [ ! -d "$tools/node_modules/playwright-core" ]; then
    npm install --silent --no-save --prefix "$tools" playwright-core@1.65.1 >"$output/install.log" 2>&1 || absent "playwright-core; npm could not install it, see $output/install.log"
fi

dotnet build samples/WebService -c Release -v q --nologo >/dev/null
CHROMIUM="$chromium" NODE_PATH="$tools/node_modules" node tests/browser/check.cjs samples/WebService/bin/Release/net10.0/WebService.dll "$output"
