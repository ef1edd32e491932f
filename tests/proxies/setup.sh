#!/bin/sh
# Puts Debian's nginx (which the console's reverse proxy tests run) into a cache folder outside the
# tree, once. Not installed: Debian's package would start it on port 80 of this machine.
#
#   tests/proxies/setup.sh          unpacks when needed; prints the programme
#
# Programme: ${TEXTBACK_CACHE:-$HOME/.cache/textback}/nginx/usr/sbin/nginx. A machine that has nginx
# runs its own. Needs apt-get and dpkg-deb, no root where apt knows the package. Exit status 1 when
# there is no nginx in the end. Apache comes as apache2-bin, which has no service.
set -eu

if command -v nginx; then
    exit 0
fi
DIR="${TEXTBACK_CACHE:-$HOME/.cache/textback}/nginx"
FILE="$DIR/usr/sbin/nginx"

installed() {
    [ -x "$FILE" ] && "$FILE" -v 2>/dev/null
}

fetch() {
    (cd "$1" && apt-get -q download nginx) >&2
}

if ! installed; then
    for tool in apt-get dpkg-deb flock; do
        if ! command -v "$tool" >/dev/null; then
            echo "setup.sh: $tool is missing; on another system than Debian, install nginx" >&2
            exit 1
        fi
    done
    mkdir -p "${DIR%/*}"
    # One at a time; another that waited finds it done.
    exec 9>"$DIR.lock"
    flock 9
    if ! installed; then
        new=$(mktemp -d "$DIR.XXXXXX")
        trap 'rm -rf "$new"' EXIT
        trap 'exit 130' INT TERM HUP
        # What apt knows may be older than what there is to fetch.
        if ! fetch "$new" && [ "$(id -u)" = 0 ]; then
            apt-get -q update >&2
            fetch "$new"
        fi
        dpkg-deb -x "$new"/nginx_*.deb "$new"
        rm -rf "$DIR" "$new"/*.deb
        chmod 755 "$new"
        mv "$new" "$DIR"
        trap - EXIT
    fi
fi
installed || {
    echo "setup.sh: there is no nginx that runs: apt-get could not bring it, or it lacks a library" >&2
    exit 1
}
echo "$FILE"
