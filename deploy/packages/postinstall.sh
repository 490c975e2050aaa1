#!/bin/sh
# deb: configure [the version before]; rpm: how many versions are installed now.
set -e
systemd-sysusers lengthwise.conf
chgrp lengthwise /etc/lengthwise/lengthwise.env
if [ "$1" = 1 ] || { [ "$1" = configure ] && [ -z "$2" ]; }; then systemctl enable lengthwise.service; fi
# In a chroot or a container without systemd nothing can be started.
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
  # An upgrade, or back after a removal; whoever has disabled it is not contradicted.
  if systemctl is-enabled --quiet lengthwise.service; then
    systemctl restart lengthwise.service
  else
    systemctl try-restart lengthwise.service
  fi
fi
