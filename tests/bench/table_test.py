#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What table.py makes of results whose figures are known."""
import json
import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True  # the tree stays as it is
import table  # noqa: E402

MEGABIT = 1e6 / 8


def result(tool, what, data, link="local", turn=1):
    return {"link": link, "tool": tool, "round": turn, "what": what,
            "data": data}


def bulk(tool, megabits, before=None, after=None, **more):
    """Ten seconds at an even rate."""
    tenths = [megabits * MEGABIT / 10] * 100
    data = {"progress": {"right": True, "total": sum(tenths),
                         "tenths": tenths}}
    if before:
        data.update(before=before, after=after)
    return result(tool, "down", data, **more)


def ends(client, server, key="seconds"):
    return {"client": {key: client}, "server": {key: server}}


class Table(unittest.TestCase):
    def rows(self, *results):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "results.jsonl")
            with open(path, "w") as file:
                for line in results:
                    file.write(json.dumps(line) + "\n")
            cells, self.failures, _ = table.read(path)
        return {(row["link"], row["measure"]): row
                for row in table.rows_of(cells, self.failures)}

    def test_the_median_of_the_rounds_counts(self):
        row = self.rows(bulk("raw", 10), bulk("raw", 90, turn=2),
                        bulk("raw", 40, turn=3))["local", "down"]
        self.assertAlmostEqual(row["tools"]["raw"]["median"], 40)

    def test_ratios_are_to_raw_and_to_the_best_peer(self):
        row = self.rows(bulk("raw", 100), bulk("libssh", 80),
                        bulk("openssh", 90), bulk("ssh-L", 20),
                        bulk("sshuttle", 40))["local", "down"]
        self.assertAlmostEqual(row["tools"]["libssh"]["of_raw"], 0.8)
        self.assertAlmostEqual(row["tools"]["libssh"]["of_best_peer"], 2)

    def test_of_times_the_best_peer_is_the_shortest(self):
        row = self.rows(result("libssh", "first", {"ms": 300}),
                        result("ssh-L", "first", {"ms": 100}),
                        result("sshuttle", "first", {"ms": 600}),
                        )["local", "first"]
        self.assertAlmostEqual(row["tools"]["libssh"]["of_best_peer"], 3)

    def test_the_start_up_and_the_cut_tenth_do_not_count(self):
        tenths = [0.0] * 30 + [MEGABIT] * 70 + [5.0]
        self.assertAlmostEqual(table.steady(tenths, 3, False) * 8 / 1e6, 10)

    def test_of_a_short_bulk_half_counts(self):
        self.assertEqual(table.steady([0, 0, 1, 1, 0], 100, False), 10)

    def test_of_a_changing_rate_whole_periods_count(self):
        tenths = [100] * 45 + [2] * 40 + [4] * 40 + [0]
        self.assertEqual(table.steady(tenths, 3, True), 30)

    def test_processor_time_is_by_the_bytes_of_the_bulk(self):
        rows = self.rows(bulk("libssh", 800, ends(1, 10), ends(3, 13)))
        cost = [rows["local", f"cpu down {end}"]["tools"]["libssh"]["median"]
                for end in ("client", "server")]
        self.assertAlmostEqual(cost[0], 2)
        self.assertAlmostEqual(cost[1], 3)

    def test_memory_is_what_grew_by_the_streams(self):
        rows = self.rows(result("libssh", "idle", {
            "count": 1000, "before": ends(0, 1024, "memory"),
            "after": ends(2048000, 5121024, "memory")}))
        self.assertAlmostEqual(
            rows["local", "idle client"]["tools"]["libssh"]["median"], 2)
        self.assertAlmostEqual(
            rows["local", "idle server"]["tools"]["libssh"]["median"], 5)

    def test_a_request_is_counted_in_the_lines_round_trips(self):
        rows = self.rows(result("raw", "sequential", {"p50": 201, "rate": 5},
                                link="wan-100-100"))
        row = rows["wan-100-100", "fresh"]
        self.assertAlmostEqual(row["tools"]["raw"]["median"], 2.01)

    def look_up(self, tool, p50, turn=1):
        return result(tool, "lookup", {"p50": p50, "p99": 2 * p50}, turn=turn)

    def test_of_look_ups_a_second_the_best_peer_does_most(self):
        answers = {"p99": 20, "lost": 0}
        row = self.rows(
            result("raw", "lookups", {"rate": 10000, **answers}),
            result("libssh", "lookups", {"rate": 4000, **answers}),
            result("sshuttle", "lookups", {"rate": 500, **answers}),
        )["local", "lookups"]
        self.assertAlmostEqual(row["tools"]["libssh"]["of_raw"], 0.4)
        self.assertAlmostEqual(row["tools"]["libssh"]["of_best_peer"], 8)

    def test_lost_look_ups_are_told_in_percent(self):
        row = self.rows(result("sshuttle", "lookups", {
            "rate": 500, "p99": 2000, "lost": 0.25}))["local", "lookups lost"]
        self.assertAlmostEqual(row["tools"]["sshuttle"]["median"], 25)

    def test_what_a_look_up_takes_more_is_counted_from_raws_median(self):
        rows = self.rows(
            self.look_up("raw", 1), self.look_up("raw", 9, turn=2),
            self.look_up("raw", 2, turn=3), self.look_up("libssh", 2.5),
            self.look_up("sshuttle", 4))
        self.assertNotIn("raw", rows["local", "lookup added"]["tools"])
        added = rows["local", "lookup added"]["tools"]
        self.assertAlmostEqual(added["libssh"]["median"], 0.5)
        self.assertAlmostEqual(added["sshuttle"]["median"], 2)
        self.assertAlmostEqual(added["libssh"]["of_best_peer"], 0.25)
        alone = rows["local", "lookup p99"]["tools"]
        self.assertAlmostEqual(alone["libssh"]["median"], 5)

    def test_without_raw_nothing_is_added(self):
        rows = self.rows(self.look_up("libssh", 2.5))
        self.assertNotIn(("local", "lookup added"), rows)

    def test_a_failed_look_up_is_no_figure(self):
        rows = self.rows(self.look_up("raw", 1), result(
            "sshuttle", "lookup", {"failed": "no look-up was answered"}))
        self.assertEqual(
            table.cell(rows["local", "lookup p50"], "sshuttle"), "failed")

    def test_wrong_bytes_are_a_failure_and_no_figure(self):
        wrong = bulk("libssh", 100)
        wrong["data"]["progress"]["right"] = False
        row = self.rows(bulk("raw", 100), wrong)["local", "down"]
        self.assertNotIn("libssh", row["tools"])
        self.assertEqual(row["failed"], {"libssh": "wrong bytes"})
        self.assertEqual(table.cell(row, "libssh"), "failed")

    def test_a_line_that_nothing_passed_is_a_failure(self):
        way = {"packets": 0, "overflowed": 0}
        self.rows(result("raw", "wan", {"there": way, "back": way}))
        self.assertEqual(len(self.failures), 1)


if __name__ == "__main__":
    unittest.main()
