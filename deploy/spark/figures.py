#!/usr/bin/env python3
"""The figures of the shop by day, made by Spark from what `weizhan export events` wrote.

    spark-submit figures.py LAKE OUT [--from 2026-11-01] [--to 2026-11-23]

LAKE is the folder above `events/`, or its address in an object store. OUT becomes `figures.csv` and `figures.json`: one row for
each day and metric that is not 0, with how often (`total`) and how much (`amount_fen`). Days are Shanghai's. The metrics have
the names and the meanings that they have in `weizhan`:

    page_view … refunded      events of that kind, and their money (page_view is PV; order_placed is orders and GMV)
    visitors                  distinct visitors (UV); a payment or a refund is settled without its visitor being there
    active_users              those of them who were signed in (DAU)
    new_visitors              those of them who had not been there on any day before, in all of LAKE
    viewers, carters, buyers, payers      distinct visitors who looked at a product, put one into the cart, ordered, paid
    funnel_cart, _order, _paid            of the viewers those who also did each of the steps up to this one that day
    after_one … after_thirty  of the new visitors of the day those who were there so many days later
"""

import argparse
import csv
import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

AFTER = {1: "after_one", 2: "after_two", 3: "after_three", 4: "after_four", 5: "after_five", 6: "after_six", 7: "after_seven",
         14: "after_fourteen", 30: "after_thirty"}

# Each gives rows of (day, metric, total, amount_fen).
FIGURES = """
WITH seen AS (
    SELECT DISTINCT day, visitor FROM events WHERE kind NOT IN ('order_paid', 'refunded')
), firsts AS (
    SELECT visitor, MIN(day) AS day FROM seen GROUP BY visitor
), steps AS (
    SELECT day, visitor,
           MAX(kind = 'product_view') AS viewed, MAX(kind = 'cart_add') AS carted,
           MAX(kind = 'order_placed') AS ordered, MAX(kind = 'order_paid') AS paid
    FROM events GROUP BY day, visitor
), people AS (
    SELECT day, STACK(7,
        'viewers', COUNT_IF(viewed), 'carters', COUNT_IF(carted), 'buyers', COUNT_IF(ordered), 'payers', COUNT_IF(paid),
        'funnel_cart', COUNT_IF(viewed AND carted), 'funnel_order', COUNT_IF(viewed AND carted AND ordered),
        'funnel_paid', COUNT_IF(viewed AND carted AND ordered AND paid)) AS (metric, total)
    FROM steps GROUP BY day
)
SELECT day, kind AS metric, COUNT(*) AS total, SUM(amount_fen) AS amount_fen FROM events GROUP BY day, kind
UNION ALL SELECT day, 'visitors', COUNT(*), 0 FROM seen GROUP BY day
UNION ALL SELECT day, 'active_users', COUNT(*), 0 FROM seen WHERE visitor LIKE 'u%' GROUP BY day
UNION ALL SELECT day, 'new_visitors', COUNT(*), 0 FROM firsts GROUP BY day
UNION ALL SELECT day, metric, total, 0 FROM people
UNION ALL SELECT f.day, CASE DATEDIFF(s.day, f.day) {later} END, COUNT(*), 0
          FROM firsts f JOIN seen s ON s.visitor = f.visitor
          WHERE DATEDIFF(s.day, f.day) IN ({days}) GROUP BY f.day, DATEDIFF(s.day, f.day)
"""


def manifests(spark, lake, table):
    """What was exported, by day. A day without a manifest is not whole, and is no day to count."""
    texts = spark.read.text(f"{lake}/manifests/{table}/*.json", wholetext=True)
    return {row["day"]: row for row in (json.loads(line.value) for line in texts.collect())}


def main():
    arguments = argparse.ArgumentParser(description="Figures by day from exported events")
    arguments.add_argument("lake")
    arguments.add_argument("out", type=Path)
    arguments.add_argument("--from", dest="first", default="0000-00-00")
    arguments.add_argument("--to", dest="last", default="9999-99-99")
    asked = arguments.parse_args()

    spark = SparkSession.builder.appName("weizhan figures").config("spark.sql.session.timeZone", "Asia/Shanghai").getOrCreate()
    spark.sparkContext.setLogLevel("WARN")
    events = spark.read.parquet(f"{asked.lake}/events")

    # The file of a day holds what the manifest says, and only what happened that day.
    found = {str(row.day): row for row in events.groupBy("day").agg({"*": "count"}).collect()}
    wrong = [f"{day}: the manifest says {manifest['rows']} rows" for day, manifest in manifests(spark, asked.lake, "events").items()
             if manifest["rows"] != (found.pop(day)["count(1)"] if day in found else 0)]
    wrong += [f"{day}: there is no manifest" for day in found]
    strays = events.where("TO_DATE(TIMESTAMP_MILLIS(occurred_ms)) <> day").count()
    if wrong or strays:
        sys.exit(f"the export is not whole: {wrong}, {strays} rows of other days")

    events.select("day", "kind", "visitor", "amount_fen").createOrReplaceTempView("events")
    later = " ".join(f"WHEN {days} THEN '{metric}'" for days, metric in AFTER.items())
    rows = spark.sql(FIGURES.format(days=", ".join(map(str, AFTER)), later=later)).collect()
    rows = sorted((str(row.day), row.metric, row.total, row.amount_fen) for row in rows if row.total)
    rows = [row for row in rows if asked.first <= row[0] <= asked.last]
    spark.stop()

    names = ("day", "metric", "total", "amount_fen")
    asked.out.mkdir(parents=True, exist_ok=True)
    with open(asked.out / "figures.csv", "w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([names, *rows])
    (asked.out / "figures.json").write_text(json.dumps([dict(zip(names, row)) for row in rows], indent=1) + "\n")
    print(f"{len(rows)} figures of {len({row[0] for row in rows})} days in {asked.out}")


if __name__ == "__main__":
    main()
