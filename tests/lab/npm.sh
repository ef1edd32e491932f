#!/bin/sh
# Puts one package of npm's, which tests need, into a cache folder outside the tree, once.
#
#   tests/lab/npm.sh PACKAGE VERSION FOLDER     installs when needed; prints FOLDER's whole path
#
# FOLDER: below ${TEXTBACK_CACHE:-$HOME/.cache/textback}; the package is in its node_modules/PACKAGE.
# Its install scripts do not run. Exit status 1 when it is not there in the end.
set -eu

PACKAGE=$1 VERSION=$2
DIR="${TEXTBACK_CACHE:-$HOME/.cache/textback}/$3"

installed() {
    grep -qs "\"version\": \"$VERSION\"" "$DIR/node_modules/$PACKAGE/package.json"
}

if ! installed; then
    if ! command -v npm >/dev/null; then
        echo "npm.sh: npm is missing: apt-get install --no-install-recommends npm" >&2
        exit 1
    fi
    mkdir -p "$DIR"
    # One installer at a time; another that waited finds it done.
    exec 9>"$DIR.lock"
    flock 9
    if ! installed; then
        npm install --prefix "$DIR" --no-save --no-audit --no-fund --prefer-offline --ignore-scripts \
            --loglevel=error "$PACKAGE@$VERSION" >&2
    fi
fi
installed || {
    echo "npm.sh: npm did not bring $PACKAGE $VERSION" >&2
    exit 1
}
echo "$DIR"
