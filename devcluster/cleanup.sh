#!/bin/sh
# Cleans up after one cluster, however its owner ends: also by kill -9 or a crash.
#
# usage: cleanup.sh FOLDER keep|remove
#
# The owner starts this in its own session and holds the other end of its standard input. When the
# owner is gone, the operating system closes that end, `cat` returns, and every process of the
# cluster is killed and the folder removed. Each process writes its number to FOLDER/pids before
# it becomes the server (see process.ts), then looks for pids/closed. We write pids/closed first
# and read the numbers afterwards: a process that started in between is seen by one or the other.
trap '' HUP INT TERM
umask 077
folder=$1
mkdir "$folder" "$folder/pids" || exit 1
echo ready

cat >/dev/null

: >"$folder/pids/closed"

# Kills every process group that is left; fails when there was none.
kill_all() {
  found=1
  for file in "$folder"/pids/*.pid; do
    [ -e "$file" ] || continue
    pid=
    read -r pid <"$file"
    [ -n "$pid" ] && kill -9 "-$pid" 2>/dev/null && found=0
  done
  return $found
}

tries=0
while kill_all && [ $tries -lt 30 ]; do
  tries=$((tries + 1))
  sleep 0.1
done

[ "$2" = keep ] && exit 0
cd /
# A dying process may still create a file: try again.
rm -rf "$folder" 2>/dev/null || { sleep 0.5; rm -rf "$folder"; }
