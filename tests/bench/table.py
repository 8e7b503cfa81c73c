#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""table.py DIR SECONDS: results.jsonl of DIR as one table, bench.md and
bench.json beside it, and on stdout. Status 1 when anything failed.

A row is a link and a measure, its columns are the tools: the median of their
rounds. Two more columns say how ginnel, by libssh, does beside plain TCP and
beside the best of its peers: rates as parts of theirs, more is better; times
and memory as parts too, less is better. bench.json has the ratios of every
tool, and each round's value.
"""
import collections
import json
import os
import platform
import statistics
import sys
import time

PEERS = ["ssh-L", "ssh-L-gcm", "ssh-D", "sshuttle", "sshuttle-fast"]
GINNEL = ["libssh", "openssh"]
ORDER = ["raw", "iperf3"] + GINNEL + PEERS

# name: (what it says, unit, whether more is better)
MEASURES = {
    "down": ("bulk down", "Mbit/s", True),
    "up": ("bulk up", "Mbit/s", True),
    "ping p50": ("round trip idle, p50", "ms", False),
    "ping p99": ("round trip idle, p99", "ms", False),
    "ping-down p50": ("round trip under bulk down, p50", "ms", False),
    "ping-down p99": ("round trip under bulk down, p99", "ms", False),
    "ping-down steady": ("the same without the start-up", "ms", False),
    "ping-up p50": ("round trip under bulk up, p50", "ms", False),
    "ping-up p99": ("round trip under bulk up, p99", "ms", False),
    "ping-up steady": ("the same without the start-up", "ms", False),
    "sequential": ("new connections, one after another", "/s", True),
    "concurrent": ("new connections, 64 at a time", "/s", True),
    "fresh": ("request on a fresh connection, p50", "RTT", False),
    "first": ("start to first byte", "ms", False),
    "lookups": ("look-ups of names, 64 at a time", "/s", True),
    "lookups p99": ("a look-up among 64 at a time, p99", "ms", False),
    "lookups lost": ("look-ups lost, 64 at a time", "%", False),
    "lookup p50": ("a look-up alone, p50", "ms", False),
    "lookup p99": ("a look-up alone, p99", "ms", False),
    "lookup added": ("a look-up alone, p50, more than raw", "ms", False),
    "cpu down client": ("processor time, client, down", "s/GB", False),
    "cpu down server": ("processor time, far end, down", "s/GB", False),
    "cpu up client": ("processor time, client, up", "s/GB", False),
    "cpu up server": ("processor time, far end, up", "s/GB", False),
    "held": ("idle streams held, of 10 000", "", True),
    "idle client": ("memory of an idle stream, client", "KiB", False),
    "idle server": ("memory of an idle stream, far end", "KiB", False),
}


def link_of(name):
    """(rtt in ms, seconds of start-up, whether the rate changes)"""
    parts = name.split("-")
    if parts[0] == "local":
        return 0, 0.5, False
    rtt = int(parts[2])
    return rtt, 1 + rtt / 50, "steps" in parts


def steady(tenths, start_up, whole_periods):
    """Bytes a second without the start-up and the last, cut-off tenth."""
    part = tenths[:-1]
    skip = min(int(start_up * 10), len(part) // 2)
    if whole_periods:
        # The rate's period is 8 s: leave the same number of each half.
        keep = (len(part) - skip) // 80 * 80
        skip = len(part) - keep if keep else skip
    part = part[skip:]
    return sum(part) / len(part) * 10 if part else 0


def tenths_of(data):
    if "iperf3" in data:
        return [i["sum"]["bytes"] / i["sum"]["seconds"] / 10
                for i in data["iperf3"]["intervals"]]
    return data["progress"]["tenths"]


def values(result):
    """(measure, value) of one line of results.jsonl."""
    what, data = result["what"], result["data"]
    rtt, start_up, changes = link_of(result["link"])
    if what in ("down", "up"):
        yield what, steady(tenths_of(data), start_up, changes) * 8 / 1e6
        if "before" in data and result["tool"] != "raw":
            for end in "client", "server":
                used = (data["after"][end]["seconds"]
                        - data["before"][end]["seconds"])
                gigabytes = data["progress"]["total"] / 1e9
                # Of less the pings beside it are too great a part.
                if gigabytes >= 0.02:
                    yield f"cpu {what} {end}", used / gigabytes
    elif what.startswith("ping"):
        for quantile in "p50", "p99":
            yield f"{what} {quantile}", data[quantile]
        yield f"{what} steady", data["second_half"]["p99"]
    elif what == "sequential" and rtt:
        yield "fresh", data["p50"] / rtt
    elif what in ("sequential", "concurrent"):
        yield what, data["rate"]
    elif what == "lookup":
        yield "lookup p50", data["p50"]
        yield "lookup p99", data["p99"]
    elif what == "lookups":
        yield "lookups", data["rate"]
        yield "lookups p99", data["p99"]
        yield "lookups lost", data["lost"] * 100
    elif what == "held":
        yield what, data["held"]
    elif what == "first":
        yield what, data["ms"]
    elif what == "idle" and result["tool"] != "raw":
        for end in "client", "server":
            grown = (data["after"][end]["memory"]
                     - data["before"][end]["memory"])
            yield f"idle {end}", grown / data["count"] / 1024


def fails(result):
    """Why a result is none, or None."""
    data = result["data"]
    if "failed" in data:
        return data["failed"]
    if not data.get("progress", {"right": True})["right"]:
        return "wrong bytes"
    if result["what"] == "wan":
        for way in "there", "back":
            if data[way]["overflowed"]:
                return "the WAN had no room"
        if data["there"]["packets"] == 0:
            return "nothing went over the WAN"
    return None


# What a failed part takes with it.
FAILS = {"ping": ["ping p50"], "lookup": ["lookup p50"],
         "ping-down": ["ping-down p50"], "ping-up": ["ping-up p50"]}


def read(path):
    """cells[link][measure][tool] = values, failures, and rounds[link]."""
    cells = collections.defaultdict(
        lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
    failures = []
    rounds = {}
    with open(path) as file:
        for line in file:
            result = json.loads(line)
            rounds[result["link"]] = result["round"]
            why = fails(result)
            if why:
                failures.append({**{k: result[k] for k in
                                    ("link", "tool", "round", "what")},
                                 "why": why})
                continue
            if result["what"] == "wan":
                continue
            for measure, value in values(result):
                if measure not in MEASURES:
                    continue
                cells[result["link"]][measure][result["tool"]].append(value)
    for measures in cells.values():
        add_to_raw(measures)
    return cells, failures, rounds


def add_to_raw(measures):
    """What a look-up takes more than raw's."""
    times = measures.get("lookup p50", {})
    if "raw" in times:
        raw = statistics.median(times["raw"])
        measures["lookup added"] = {
            tool: [value - raw for value in values]
            for tool, values in times.items() if tool != "raw"}


def rows_of(cells, failures):
    links = list(cells)
    for failure in failures:
        if failure["link"] not in links:
            links.append(failure["link"])
    for link in links:
        for measure, (title, unit, more) in MEASURES.items():
            failed = {f["tool"]: f["why"] for f in failures
                      if f["link"] == link and measure in
                      FAILS.get(f["what"], [f["what"]])}
            tools = cells[link].get(measure, {})
            if tools or failed:
                yield row_of(link, measure, tools, failed, title, unit, more)


def row_of(link, measure, tools, failed, title, unit, more):
    medians = {tool: statistics.median(v) for tool, v in tools.items()}
    peers = [medians[t] for t in PEERS if medians.get(t, 0) > 0]
    best = (max if more else min)(peers) if peers else None
    raw = medians.get("raw")
    return {
        "link": link, "measure": measure, "title": title, "unit": unit,
        "more_is_better": more,
        "tools": {tool: {
            "median": medians[tool], "rounds": tools[tool],
            "of_raw": medians[tool] / raw if raw else None,
            "of_best_peer": medians[tool] / best if best else None,
        } for tool in medians},
        "failed": failed,
    }


def number(value):
    if value is None:
        return ""
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(row, tool):
    if tool in row["tools"]:
        text = number(row["tools"][tool]["median"])
        return text + " (!)" if tool in row["failed"] else text
    return "failed" if tool in row["failed"] else ""


def machine():
    model = "unknown processor"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    return (f"Linux {platform.release()}, {os.cpu_count()} processors "
            f"({model})")


def markdown(rows, failures, facts):
    tools = [t for t in ORDER if any(
        t in row["tools"] or t in row["failed"] for row in rows)]
    head = (["link", "measure", "unit"] + tools
            + ["libssh/raw", "libssh/best peer"])
    yield (f"{facts['date']}, {facts['machine']}, took {facts['seconds']} s; "
           f"medians of {facts['rounds']}.")
    yield ""
    yield "| " + " | ".join(head) + " |"
    yield "|" + " --- |" * 3 + " ---: |" * (len(head) - 3)
    for row in rows:
        ours = row["tools"].get("libssh", {})
        line = ([row["link"], row["title"], row["unit"]]
                + [cell(row, t) for t in tools]
                + [number(ours.get("of_raw")),
                   number(ours.get("of_best_peer"))])
        yield "| " + " | ".join(line) + " |"
    if failures:
        yield ""
    for f in failures:
        yield (f"- failed: {f['link']}, {f['tool']}, round {f['round']}, "
               f"{f['what']}: {f['why']}")


def rounds_text(rounds):
    """rounds[link]: how many"""
    said = collections.defaultdict(list)
    for link, count in rounds.items():
        said[count].append(link)
    return "; ".join(
        f"{count} round{'s' * (count > 1)}: {' '.join(links)}"
        for count, links in sorted(said.items()))


def main():
    folder, seconds = sys.argv[1:]
    cells, failures, rounds = read(os.path.join(folder, "results.jsonl"))
    rows = list(rows_of(cells, failures))
    facts = {"date": time.strftime("%Y-%m-%d %H:%M"), "machine": machine(),
             "seconds": int(seconds), "rounds": rounds_text(rounds)}
    text = "\n".join(markdown(rows, failures, facts)) + "\n"
    with open(os.path.join(folder, "bench.md"), "w") as file:
        file.write(text)
    with open(os.path.join(folder, "bench.json"), "w") as file:
        json.dump({**facts, "rows": rows, "failures": failures}, file,
                  indent=1)
    print(text, end="")
    sys.exit(1 if failures or not rows else 0)


if __name__ == "__main__":
    main()
