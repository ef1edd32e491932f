#!/bin/sh
# Process 1 of one private Asterisk: mounts, starts it, and ends when its stdin does.
#
# Called by asterisk.py inside new mount, pid and uts namespaces. The mounts are private, so they go
# with the last process; and the kernel kills every process when this one ends. So nothing can be
# left behind: not on Ctrl-C, and not when the caller is killed and its end of the pipe closes.
#   $1 the folder made by setup.sh, only read    $2 the instance's own directory, seen as /mnt
#   $1 may be "host": no namespaces and no mounts then, but the machine's own asterisk binary
set -eu
folder=$1
own=$2

if [ "$folder" = host ]; then
    set -- asterisk -f -C "$own/etc/asterisk.conf"
else
    hostname textback-lab # as in the folder's /etc/hosts
    mount --make-rprivate /
    mkdir -p "$own/root"
    mount --bind "$folder" "$own/root"
    mount -o remount,bind,ro "$own/root"
    mount --bind "$own" "$own/root/mnt"
    mount --rbind /dev "$own/root/dev"
    mount -t proc proc "$own/root/proc"
    mount -t tmpfs -o mode=1777 tmpfs "$own/root/tmp"
    set -- chroot "$own/root" /usr/sbin/asterisk -f -U asterisk -G asterisk \
        -C /mnt/etc/asterisk.conf
fi

# The shell gives every background job /dev/null as stdin; the watcher has to have ours.
exec 3<&0
"$@" 3<&- &
asterisk=$!
(
    cat >/dev/null
    kill -TERM $asterisk 2>/dev/null || exit 0
    sleep 5 # it has had its time
    kill -KILL $asterisk 2>/dev/null
) <&3 3<&- &
exec 3<&-
wait $asterisk
