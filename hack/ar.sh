#!/bin/sh
# The archiver beside hack/cc.sh: that of this machine need not know objects of another processor.
exec "$ZIG" ar "$@"
