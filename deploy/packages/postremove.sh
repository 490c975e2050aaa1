#!/bin/sh
# What the service has stored stays; only `apt purge` removes it. An rpm knows no purge.
set -e
if [ "$1" = purge ]; then
  rm -rf /var/lib/lengthwise /etc/lengthwise
  rm -f /etc/systemd/system/multi-user.target.wants/lengthwise.service
  if id lengthwise > /dev/null 2>&1; then userdel lengthwise; fi
fi
if [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
