#!/bin/sh
# install.sh PIP LOG WHAT ARGUMENTS...: `pip install ARGUMENTS`; its output goes to LOG, and one line says why it failed.
pip=$1 log=$2 what=$3
shift 3
echo "installing $what ..."
"$pip" --disable-pip-version-check --no-input install --retries 2 "$@" >"$log" 2>&1 && exit 0
if grep -qE 'NewConnectionError|NameResolutionError|Failed to resolve|ConnectTimeout|ReadTimeout|ProxyError|Network is unreachable' "$log"; then
    echo "setup: the package index cannot be reached. Setting up ssc_ros needs a network once; connect and run make again (details: $log)" >&2
else
    echo "setup: cannot install $what: $(grep -iE '^ *error' "$log" | tail -n 1) (details: $log)" >&2
fi
exit 1
