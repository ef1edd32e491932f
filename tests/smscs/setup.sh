#!/bin/sh
# Puts npm's `smpp` (the node SMSC of the tests) into a cache folder outside the tree, once.
#
#   tests/smscs/setup.sh            installs when needed; prints the folder
#
# Folder: ${TEXTBACK_CACHE:-$HOME/.cache/textback}/node-smpp. Needs node and npm. The perl SMSC needs
# Debian's libnet-smpp-perl. A missing one is said on stderr; exit status 1 when node-smpp is not there.
set -eu

VERSION=0.5.1
DIR="${TEXTBACK_CACHE:-$HOME/.cache/textback}/node-smpp"

if ! perl -MNet::SMPP -e 1 2>/dev/null; then
    echo "setup.sh: Net::SMPP is missing: apt-get install --no-install-recommends libnet-smpp-perl" >&2
fi
if ! command -v node >/dev/null; then
    echo "setup.sh: node is missing: apt-get install --no-install-recommends nodejs npm" >&2
    exit 1
fi

installed() {
    [ "$(node -p "require('$DIR/node_modules/smpp/package.json').version" 2>/dev/null)" = "$VERSION" ]
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
            --loglevel=error "smpp@$VERSION" >&2
    fi
fi
echo "$DIR"
