#!/bin/sh
# Puts npm's `axe-core` (what the browser tests judge pages with) into a cache folder outside the
# tree, once.
#
#   tests/browser/setup.sh          installs when needed; prints the file
#
# The browser is Debian's chromium.
set -eu

DIR=$("$(dirname "$0")/../lab/npm.sh" axe-core 4.14.1 axe-core)
echo "$DIR/node_modules/axe-core/axe.min.js"
