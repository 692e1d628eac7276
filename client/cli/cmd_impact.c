/* policy impact: who would gain and who would lose under a candidate set, before it is law.
 *
 * The documents it exchanges with the server (message COMMAND; UPLOAD brings the files first):
 *
 *   {"command": "impact_start", "upload": "…", "scenario": "loan", "day": "2026-07-01", "samples": 5, "seed": 1,
 *    "by": ["division"]}
 *       scenario: absent or "": all that differ. day: absent: today; both sets decide as of this day. samples: 0..100
 *       for each benefit gained or lost. by: dimensions to break down by, of "kind" "grade" "division" "sector".
 *     → {"job": 7}
 *   {"command": "job", "job": 7}
 *     → {"job": 7, "kind": "impact", "state": "running" | "done" | "failed" | "cancelled", "progress": 0.42,
 *        "status": "overloaded", "message": "…",           failed only: name of the status, one sentence
 *        "result": {…}}                                    done only
 *   {"command": "job_cancel", "job": 7}                    → {"job": 7}
 *
 *   result:
 *   {"population": 52000000, "seconds": 4.1, "day": "2026-07-01",
 *    "active": {"version": 3, "hash": "…"}, "candidate": {"version": 4, "hash": "…"},
 *    "derived_again": false, "composite_up": 0, "composite_down": 0, "newer": 0,
 *    "scenarios": [
 *      {"scenario": "loan", "title": "信易贷", "total": COUNTS,
 *       "by": {"division": [{"group": "5301", "title": "昆明市", …COUNTS}, …]},
 *       "benefits": [
 *         {"code": 0, "id": "pre_approval", "title": "预授信", "total": COUNTS, "by": {"division": […]},
 *          "gained_samples": [{"subject": "id:530000********0011", "before": DECISION, "after": DECISION}],
 *          "lost_samples": […]}]}],
 *    "guarantees": [{"program": "power", "total": GUARANTEE, "by": {"division": […GUARANTEE]}}]}
 *
 *   COUNTS: {"subjects": n, "gained": n, "lost": n, "before": n, "after": n,
 *            "outcomes": [[n, n, n, n], [n, n, n, n], [n, n, n, n], [n, n, n, n]],
 *            "amount_before_fen": n, "amount_after_fen": n}
 *            as impact_counts; outcomes: a row for each of none, granted, review, declined before, a column for each
 *            after. A benefit's have no outcomes and amounts. Groups in which nothing differs may be left out.
 *   DECISION: {"status": "ok", "outcome": "granted", "tier": 2, "benefits": ["pre_approval"], "amount_fen": n,
 *              "rate_bp": n, "percent_bp": n}
 *   GUARANTEE: the fields of impact_guarantee by their names.
 *   Groups: kind by the name of the field `form`, grade by that of `composite_grade` ("" unrated), division by four
 *   digits ("" unknown), sector by letter ("" unknown); title is for people.
 *   Subjects are masked by the server. */
