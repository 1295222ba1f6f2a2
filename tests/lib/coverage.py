"""coverage.py REPORT.json ROOT UNCOVERED: what gcovr --json found, by folder.

Prints "FOLDER line=NN.N branch=NN.N" for each folder of lib, then the lines
that no test reached in the folders with a floor. UNCOVERED gets all of them,
and the lines with a branch that was never taken. The status is 1 when a folder
is under its floor or lacks a source.
"""
import collections
import json
import pathlib
import sys

FLOOR = {"lib/wire": (98.0, 90.0), "lib/session": (98.0, 90.0)}


def folder_of(name):
    return name.rsplit("/", 1)[0]


def lines_of(file):
    return [line for line in file["lines"] if not line.get("gcovr/noncode")]


def ranges(numbers, code):
    """1,2,3,7 -> 1-3,7; lines without code do not part what lies around."""
    order = {line: i for i, line in enumerate(code)}
    groups = []
    for n in numbers:
        if groups and order[n] == order[groups[-1][-1]] + 1:
            groups[-1].append(n)
        else:
            groups.append([n])
    return ["%d-%d" % (g[0], g[-1]) if len(g) > 1 else str(g[0]) for g in groups]


def percent(hit, total):
    return 100.0 * hit / total if total else 100.0


class Count:
    def __init__(self):
        self.lines = self.lines_hit = self.branches = self.branches_hit = 0

    def add(self, file):
        for line in lines_of(file):
            self.lines += 1
            self.lines_hit += line["count"] > 0
            self.branches += len(line["branches"])
            self.branches_hit += sum(b["count"] > 0 for b in line["branches"])

    def figures(self):
        return (percent(self.lines_hit, self.lines),
                percent(self.branches_hit, self.branches))


def unreached(file):
    code = [line["line_number"] for line in lines_of(file)]
    return ranges([line["line_number"] for line in lines_of(file)
                   if line["count"] == 0], code)


def half_taken(file):
    return [str(line["line_number"]) for line in lines_of(file)
            if line["count"] > 0 and any(b["count"] == 0 for b in line["branches"])]


def absent(root, files):
    known = {file["file"] for file in files}
    sources = [str(path.relative_to(root)) for path in sorted(root.glob("lib/*/*.c"))]
    return [name for name in sources if name not in known]


def main(report, root, uncovered):
    with open(report) as f:
        files = json.load(f)["files"]
    counts = collections.defaultdict(Count)
    for file in files:
        counts[folder_of(file["file"])].add(file)

    bad = False
    for folder in sorted(counts):
        line, branch = counts[folder].figures()
        floor = FLOOR.get(folder, (0, 0))
        low = line < floor[0] or branch < floor[1]
        bad |= low
        print("%s line=%.1f branch=%.1f%s" % (
            folder, line, branch,
            " BELOW line=%.0f branch=%.0f" % floor if low else ""))
    for name in absent(pathlib.Path(root), files):
        bad |= folder_of(name) in FLOOR
        print("not compiled here, not counted: %s" % name)

    with open(uncovered, "w") as out:
        for file in files:
            text = "%s:%s" % (file["file"], ",".join(unreached(file)))
            if unreached(file):
                print(text, file=out)
                if folder_of(file["file"]) in FLOOR:
                    print("not reached: %s" % text)
            if half_taken(file):
                print("%s: branches of %s" % (file["file"], ",".join(half_taken(file))),
                      file=out)
    return bad


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
