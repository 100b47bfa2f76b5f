# SPDX-License-Identifier: MIT
"""From runs to the Markdown table: ratios to the bare run of the same round, medians, seen against true."""

import statistics

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
COLUMNS = ("workload", "tool", "wall, ratio to bare", "CPU, ratio to bare", "own CPU, s", "processes seen / true", "CPU seen / true, s",
           "peak memory seen / true, MB", "notes")
NOTHING = "-"
MB = 1 << 20


def order(names, number):
    """Everyone in turn in each round, another one first each time, so that a drift of the machine hits all alike."""
    shift = number % len(names)
    return names[shift:] + names[:shift]


def ratios(rounds, name, value):
    """value(run of the tool) / value(bare run of the same round), for rounds that have both."""
    return [value(r[name]) / value(r["bare"]) for r in rounds if name in r and "bare" in r and value(r["bare"])]


def median_min(numbers, form="{:.3f}"):
    if not numbers:
        return NOTHING
    text = form.format(statistics.median(numbers))
    return text if len(numbers) == 1 else f"{text} ({form.format(min(numbers))})"


def farthest(pairs):
    """The pair (seen, true) that is farthest from the truth, of those that have both; or None."""
    whole = [(seen, true) for seen, true in pairs if seen is not None and true]
    return max(whole, key=lambda pair: abs(pair[0] / pair[1] - 1)) if whole else None


def seen_true(runs, field, form):
    """The worst of the rounds, so that nothing is averaged away."""
    pair = farthest([(getattr(run.seen, field), getattr(run.truth, field)) for run in runs])
    return f"{form(pair[0])} / {form(pair[1])}" if pair else NOTHING


def true_alone(runs, field, form):
    values = [getattr(run.truth, field) for run in runs if getattr(run.truth, field)]
    return form(statistics.median(values)) if values else NOTHING


def seconds(value):
    return f"{value:.3f}"


def megabytes(value):
    return f"{value / MB:.1f}"


FIELDS = (("processes", "{:.0f}".format), ("cpu_s", seconds), ("peak_bytes", megabytes))


def bare_row(runs):
    cells = [median_min([r.wall_s for r in runs], "{:.3f} s"), median_min([r.cpu_s for r in runs], "{:.3f} s"), NOTHING]
    return cells + [true_alone(runs, field, form) for field, form in FIELDS]


def tool_row(rounds, name, runs):
    cells = [median_min(ratios(rounds, name, lambda run: run.wall_s)), median_min(ratios(rounds, name, lambda run: run.cpu_s))]
    own = [run.own_cpu_s for run in runs if run.own_cpu_s is not None]
    # What is left of the sum can be a little below nothing, where a tool uses nothing.
    cells.append(f"{max(statistics.median(own), 0):.3f}" if own else NOTHING)
    return cells + [seen_true(runs, field, form) for field, form in FIELDS]


def notes_of(rounds, name, runs, short):
    """What the columns do not say. short: the workload is so short that its start is what counts."""
    notes = []
    if short:
        if name != "bare":
            more = [(r[name].wall_s - r["bare"].wall_s) * 1e3 for r in rounds if name in r and "bare" in r]
            notes.append(f"whole run {median_min(more, '{:+.1f}')} ms")
        launches = [run.launch_s * 1e3 for run in runs if run.launch_s is not None]
        notes.append(f"launch to exec {median_min(launches, '{:.1f}')} ms")
    shares = [run.idle_share * 100 for run in runs if run.idle_share is not None]
    if shares:
        notes.append(f"while idle {median_min(shares, '{:.2f}')} % of one CPU")
    known = [run.seen.exact for run in runs if run.seen.exact is not None]
    if known:
        notes.append("exact" if all(known) else "NOT exact")
    return notes


def rows(workload, labels, rounds, failures):
    """The rows of one workload. labels: {tool: label} in order; rounds: [{tool: Run}]; failures: {tool: reason}."""
    result = []
    for name, label in labels.items():
        runs = [r[name] for r in rounds if name in r]
        reason = failures.get(name)
        if not runs and not reason:
            continue
        if not runs:
            cells, notes = [NOTHING] * 6, []
        else:
            cells = bare_row(runs) if name == "bare" else tool_row(rounds, name, runs)
            notes = notes_of(rounds, name, runs, workload.name == "true")
        if reason:
            notes.append(f"failed: {reason}" if not runs else f"failed after {len(runs)} rounds: {reason}")
        if name == "bare" and workload.note:
            notes.append(workload.note)
        title = f"`{workload.name}` {workload.title}" if name == "bare" else f"`{workload.name}`"
        result.append([title, label, *cells, "; ".join(notes)])
    return result


def line(cells):
    return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def markdown(facts, body, remarks):
    """facts: lines on the machine and the tools; body: rows; remarks: what was left out, and why."""
    lines = [f"- {fact}" for fact in facts] + ["", line(COLUMNS), "|" + "---|" * len(COLUMNS)] + [line(row) for row in body]
    if remarks:
        lines += ["", "Left out:", ""] + [f"- {remark}" for remark in remarks]
    return "\n".join(lines) + "\n"


def put_between_markers(text, table):
    """The text with what stands between its two markers replaced. ValueError if they are not there."""
    begin, end = text.find(BEGIN), text.find(END)
    if begin < 0 or end < begin:
        raise ValueError(f"it has no {BEGIN} ... {END}")
    return text[: begin + len(BEGIN)] + "\n" + table + text[end:]
