#!/usr/bin/env bash
# MkDocs 1.6.1: `mkdocs build --quiet --strict`, meant as "fail on a warning, and print nothing else", never fails on a
# warning. --strict counts the warnings that pass the logger, and --quiet raises the level of the same logger to ERROR, so
# that there is nothing to count: a page with a link to nowhere, an anchor that no page has and a page that the navigation
# leaves out are built with exit code 0. Without --quiet the same folder ends with 1.
#
# Seen:
#   --strict: exit 1, Aborted with 3 warnings in strict mode!
#   --quiet --strict: exit 0, nothing printed
#
# Fails if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 -m venv environment
environment/bin/pip install -q "mkdocs==1.6.1"

mkdir docs
printf '# Start\n\n[nowhere](nowhere.md), [no anchor](index.md#none)\n' >docs/index.md
printf '# Left out\n' >docs/left-out.md
cat >mkdocs.yml <<'YAML'
site_name: tried
nav: [index.md]
validation: {anchors: warn, nav: {omitted_files: warn}}
YAML

try() {
  local code=0
  environment/bin/mkdocs build "$@" >output.txt 2>&1 || code=$?
  printf '%s: exit %s, %s\n' "$*" "$code" "$(grep -o 'Aborted with .*' output.txt || { [ -s output.txt ] && cat output.txt; } || echo 'nothing printed')"
}

{ try --strict && try --quiet --strict; } | tee seen.txt
diff seen.txt - <<'SEEN'
--strict: exit 1, Aborted with 3 warnings in strict mode!
--quiet --strict: exit 0, nothing printed
SEEN
