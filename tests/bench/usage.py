#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the processes of two hosts use.

usage.py list CLIENT SERVER    "PID NAME" of each
usage.py sum CLIENT SERVER     JSON: processor seconds and anonymous memory
                               (bytes, what processes share divided among
                               them) of each host, without the probe

CLIENT and SERVER are pids in the network namespaces of the hosts.
"""
import json
import os
import sys

MEASURING = {"probe", "iperf3", "nsenter", "timeout", "env", "setpriv"}


def network_of(pid):
    return os.readlink(f"/proc/{pid}/ns/net")


def name_of(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def processes_of(host):
    """(pid, name) of the host's processes."""
    network = network_of(host)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if network_of(pid) == network:
                yield pid, name_of(pid)
        except OSError:
            pass  # it has just ended


def processor_seconds(pid):
    """To the nanosecond; /proc/PID/stat has hundredths."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/schedstat") as file:
            total += int(file.read().split()[0])
    return total / 1e9


def memory_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup") as file:
        for line in file:
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return 0


def usage_of(host):
    seconds = memory = 0
    for pid, name in processes_of(host):
        if name in MEASURING:
            continue
        try:
            seconds += processor_seconds(pid)
            memory += memory_bytes(pid)
        except OSError:
            pass
    return {"seconds": seconds, "memory": memory}


def main():
    what, client, server = sys.argv[1:]
    if what == "list":
        for host in client, server:
            for pid, name in processes_of(host):
                print(pid, name)
    else:
        print(json.dumps({"client": usage_of(client),
                          "server": usage_of(server)}))


if __name__ == "__main__":
    main()
