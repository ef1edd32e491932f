#!/bin/sh
# Puts npm's `axe-core` (what the browser tests judge pages with) into a cache folder outside the
# tree, once.
#
#   tests/browser/setup.sh          installs when needed; prints the file
#
# File: ${TEXTBACK_CACHE:-$HOME/.cache/textback}/axe-core/node_modules/axe-core/axe.min.js. Needs
# npm; the browser is Debian's chromium. Exit status 1 when axe-core is not there in the end.
set -eu

VERSION=4.14.1
DIR="${TEXTBACK_CACHE:-$HOME/.cache/textback}/axe-core"
FILE="$DIR/node_modules/axe-core/axe.min.js"

installed() {
    [ -f "$FILE" ] && grep -q "\"version\": \"$VERSION\"" "$DIR/node_modules/axe-core/package.json"
}

if ! installed; then
    if ! command -v npm >/dev/null; then
        echo "setup.sh: npm is missing: apt-get install --no-install-recommends npm" >&2
        exit 1
    fi
    mkdir -p "$DIR"
    # One installer at a time; another that waited finds it done.
    exec 9>"$DIR.lock"
    flock 9
    if ! installed; then
        npm install --prefix "$DIR" --no-save --no-audit --no-fund --prefer-offline --ignore-scripts \
            --loglevel=error "axe-core@$VERSION" >&2
    fi
fi
installed || {
    echo "setup.sh: npm did not bring axe-core $VERSION" >&2
    exit 1
}
echo "$FILE"
