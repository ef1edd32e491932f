#!/bin/sh
# Build, once, the folder with Debian's Asterisk that the acceptance tests and the demo start their
# private instances from. Prints the folder on stdout, progress on stderr.
#   setup.sh [22 | 16]
#
# The folder is only ever read afterwards: every instance has its own /etc, log, spool and run.
# Exit code: 0 there it is; 3 it cannot be had here, and the last line says why.
set -eu

# Debian 12 has no asterisk package; the release before has 16, the suite after the next has 22.
release=${1:-22}
case $release in
22) suite=forky also='' pin='' ;;
# The security suite has a newer build, but has lost the voicemail package that belongs to it.
16) suite=bullseye also=,asterisk-voicemail pin='1:16.28.0~dfsg-0+deb11u4' ;;
*)
    printf 'asterisk: no such version here: %s (22 or 16)\n' "$release" >&2
    exit 2
    ;;
esac

cache=${TEXTBACK_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/textback}
folder=$cache/asterisk-$release
stamp=$folder/textback-lab.version

say() { printf 'asterisk %s: %s\n' "$release" "$*" >&2; }

if [ -s "$stamp" ]; then
    printf '%s\n' "$folder"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    say "not root, so no folder can be built here; run 'make test' once as root, or install Asterisk"
    exit 3
fi
for tool in mmdebstrap flock unshare; do
    if ! command -v "$tool" >/dev/null; then
        say "'$tool' is missing: apt-get install --no-install-recommends mmdebstrap util-linux"
        exit 3
    fi
done

mkdir -p "$cache"
exec 9>"$cache/asterisk-$release.lock"
flock -n 9 || { say "another set-up is at work, waiting for it"; flock 9; }
if [ -s "$stamp" ]; then # the other one made it
    printf '%s\n' "$folder"
    exit 0
fi

# What a killed set-up left. Under the lock nobody else can be using it.
rm -rf --one-file-system "$cache/asterisk-$release".building.*
building=$(mktemp -d "$cache/asterisk-$release.building.XXXXXX")
trap 'rm -rf --one-file-system "$building" "$cache/asterisk-$release.log"' EXIT
trap 'exit 130' INT TERM HUP

say "fetching Debian's Asterisk $release into $folder (once; about 350 MB, half a minute)"
started=$(date +%s)
# In namespaces of its own, so that no mount and no process outlives a kill. A mirror behind the
# calendar must do.
set -- --mode=root --variant=minbase \
    --include="asterisk,asterisk-core-sounds-en$also" \
    --aptopt='Acquire::Check-Valid-Until "false"' \
    --aptopt='Acquire::Retries "3"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*'
if [ -n "$pin" ]; then
    set -- "$@" "--setup-hook=mkdir -p \"\$1/etc/apt/preferences.d\" &&
        printf 'Package: asterisk*\nPin: version $pin\nPin-Priority: 1001\n' \
            >\"\$1/etc/apt/preferences.d/textback-lab\""
fi
set +e
unshare --mount --pid --fork --kill-child=KILL \
    mmdebstrap "$@" "$suite" "$building/root" >"$cache/asterisk-$release.log" 2>&1 9>&- &
worker=$!
trap 'kill -KILL $worker 2>/dev/null; exit 130' INT TERM HUP
while kill -0 $worker 2>/dev/null; do
    step=$(sed -n 's/^I: //p' "$cache/asterisk-$release.log" 2>/dev/null | tail -n 1)
    if [ -t 2 ]; then
        printf '\r\033[Kasterisk %s: %3d s  %s' "$release" $(($(date +%s) - started)) "$step" >&2
    elif [ "$step" != "${shown:-}" ]; then
        say "$step"
        shown=$step
    fi
    sleep 1
done
wait $worker
code=$?
set -e
[ ! -t 2 ] || printf '\r\033[K' >&2
if [ $code != 0 ]; then
    tail -n 15 "$cache/asterisk-$release.log" >&2
    say "mmdebstrap failed ($code): is Debian's mirror reachable from here?"
    exit 3
fi

version=$(chroot "$building/root" /usr/sbin/asterisk -V)
case $version in
"Asterisk $release."*) ;;
*) say "Debian now ships '$version'; the tests were written against Asterisk $release" ;;
esac
# It asks for its own name and for a root server's to learn which address is its own; that must
# neither wait for a name server nor leave this machine.
printf '127.0.0.1 localhost textback-lab A.ROOT-SERVERS.NET\n' >"$building/root/etc/hosts"
printf 'passwd: files\ngroup: files\nhosts: files\n' >"$building/root/etc/nsswitch.conf"
printf '%s\n' "$version" >"$building/root/textback-lab.version"
rm -rf --one-file-system "$folder"
mv "$building/root" "$folder"
say "$version is in $folder ($(($(date +%s) - started)) s)"
printf '%s\n' "$folder"
