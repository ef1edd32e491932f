#!/bin/sh
# Install the Debian packages that `make demo` or `make test` needs and this machine lacks.
#   packages.sh demo | test
# As root on Debian it installs what is missing, and only that. Otherwise it says what is missing.
# Exit code: 0 all there; 1 something is missing and could not be installed.
set -eu
what=${1:?demo or test}
python=${PYTHON:-python3}
missing=

want() { # package, then the command that succeeds when it is there
    package=$1
    shift
    "$@" >/dev/null 2>&1 || missing="$missing $package"
}

have() { command -v "$1"; }

want python3 "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'
want python3-venv "$python" -c 'import ensurepip, venv'
want util-linux have unshare
# Any other user runs the host's own Asterisk, where there is one (see asterisk.py).
[ "$(id -u)" != 0 ] || want mmdebstrap have mmdebstrap
if [ "$what" = test ]; then
    want libnet-smpp-perl perl -MNet::SMPP -e 1
    want nodejs have node
    want npm have npm
    want iproute2 have ip
    want openssl have openssl
    want baresip-core have baresip # a SIP phone that is not ours; tests/lab/baresip.py
    want systemd have systemd-analyze
    want groff-base have groff
    want procps test -x /bin/kill # the unit's ExecReload, which systemd-analyze looks for
    want chromium have chromium # tests/browser
    want fonts-dejavu-core test -e /usr/share/fonts/truetype/dejavu/DejaVuSans.ttf
    want fonts-liberation test -e /usr/share/fonts/truetype/liberation/LiberationSans-Regular.ttf
    want fonts-noto-color-emoji test -e /usr/share/fonts/truetype/noto/NotoColorEmoji.ttf
    want fail2ban have fail2ban-regex # our filter is held against it
    want apache2-bin test -x /usr/sbin/apache2 # no service; nginx has one: tests/proxies/setup.sh
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ] || ! have apt-get >/dev/null 2>&1; then
    printf 'textback: this machine lacks:%s\n' "$missing" >&2
    printf 'textback: as root on Debian: apt-get install --no-install-recommends%s\n' "$missing" >&2
    exit 1
fi
printf 'textback: installing%s\n' "$missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
# shellcheck disable=SC2086  # a list of names, on purpose
if ! { apt-get -q update && apt-get -qy install --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    printf 'textback: apt-get could not install%s\n' "$missing" >&2
    exit 1
fi
