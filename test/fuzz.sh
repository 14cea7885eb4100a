#!/bin/sh
# fuzz.sh PACKAGE TARGET TIME: run a fuzz target for a time.
#
# Before Go 1.27 a target may fail, on a busy machine, for nothing but that its time is over
# (golang/go#75804). It is run again then, three times at most.
set -u
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
echo "$1 $2"
for _ in 1 2 3; do
	go test -run '^$' -fuzz "^$2\$" -fuzztime "$3" -fuzzminimizetime 100x -parallel 1 "$1" >"$log" 2>&1
	code=$?
	if [ $code -eq 0 ] || grep -q 'Failing input' "$log" || ! grep -q '^ *context deadline exceeded$' "$log"; then
		break
	fi
	echo "$1 $2: failed because its time is over: again"
done
if [ $code -eq 0 ]; then
	tail -n 3 "$log"
else
	cat "$log"
fi
exit $code
