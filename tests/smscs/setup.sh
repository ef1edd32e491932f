#!/bin/sh
# Puts npm's `smpp` (the node SMSC of the tests) into a cache folder outside the tree, once.
#
#   tests/smscs/setup.sh            installs when needed; prints the folder
#
# Needs node and npm. The perl SMSC needs Debian's libnet-smpp-perl. A missing one is said on stderr;
# exit status 1 when node-smpp is not there.
set -eu

if ! perl -MNet::SMPP -e 1 2>/dev/null; then
    echo "setup.sh: Net::SMPP is missing: apt-get install --no-install-recommends libnet-smpp-perl" >&2
fi
if ! command -v node >/dev/null; then
    echo "setup.sh: node is missing: apt-get install --no-install-recommends nodejs npm" >&2
    exit 1
fi
exec "$(dirname "$0")/../lab/npm.sh" smpp 0.5.1 node-smpp
