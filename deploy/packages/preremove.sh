#!/bin/sh
# deb: remove or upgrade; rpm: how many versions stay.
set -e
case "$1" in remove | 0) ;; *) exit 0 ;; esac
if [ -d /run/systemd/system ]; then systemctl stop lengthwise.service; fi
# A deb that was removed may come back as it was: purging forgets that.
if [ "$1" = 0 ]; then systemctl disable lengthwise.service; fi
