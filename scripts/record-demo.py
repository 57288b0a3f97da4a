#!/usr/bin/env python3
"""Records ./setup.sh --demo and renders it as docs/demo.svg.

usage: scripts/record-demo.py [OUTPUT]      (default docs/demo.svg)

Runs the demo for real on a terminal of its own, so it takes a minute, and several if it has to build first. What is
printed is shown as it is, apart from three changes: lines of the compiler are left out, waiting times are shortened,
and the path of this repository becomes `.`. Nothing is written if the demo fails. Needs only Python's standard library.
"""

import fcntl
import os
import pty
import re
import struct
import sys
import termios
import time
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = ["./setup.sh", "--demo", "--yes"]
SHOWN_COMMAND = "./setup.sh --demo"
COLUMNS = 100

# Where the words begin in a line of the transcript: `  00:02.4  Robert  The first thing…`.
TEXT_COLUMN = 19

# Longest pause between two lines, and the pause at the end before it begins again, in seconds.
MAX_PAUSE_S = 0.9
HOLD_S = 15.0
TYPING_S = 1.5

FONT_PX = 13
CHAR_PX = 7.83
LINE_PX = 19
MARGIN_PX = 18
BAR_PX = 34

COMPILER = re.compile(r"^\s*(Compiling|Downloading|Downloaded|Updating|Locking|Blocking|Finished)\b")
TIMED = re.compile(r"^( +\d+\.\d s)(  .*)$")
SPOKEN = re.compile(r"^(  \d\d:\d\d\.\d  )(\w+)( .*)$")


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/demo.svg"
    lines, code = record()
    if code != 0:
        sys.exit(f"record-demo: the demo failed with exit code {code}; nothing was written")
    output.write_text(render(shorten(lines)))
    print(f"record-demo: {output} has {output.stat().st_size // 1024} KiB", file=sys.stderr)


def record() -> tuple[list[tuple[float, str]], int]:
    """Returns each line that the demo prints with its time in seconds, and the exit code."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.environ.update(CARGO_TERM_PROGRESS_WHEN="never", CARGO_TERM_COLOR="never", TERM="dumb")
        os.execv(COMMAND[0], COMMAND)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    start, lines, rest = time.monotonic(), [], ""
    for text in read_until_closed(terminal):
        sys.stderr.write(text)
        *complete, rest = (rest + text).split("\n")
        lines += [(time.monotonic() - start, line.rstrip("\r")) for line in complete]
    return lines, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def read_until_closed(terminal: int):
    while True:
        try:
            data = os.read(terminal, 65536)
        except OSError:  # how Linux reports that the other side is closed
            return
        if not data:
            return
        yield data.decode(errors="replace")


def shorten(lines: list[tuple[float, str]]) -> list[tuple[float, str]]:
    """Returns the lines to show, each with its time in the animation."""
    shown, now, last = [], TYPING_S, 0.0
    for at, line in lines:
        if COMPILER.match(line):
            last = at
            continue
        now += min(at - last, MAX_PAUSE_S)
        last = at
        for part in wrap(line.replace(str(ROOT), ".")):
            shown.append((now, part))
    return shown


def wrap(line: str) -> list[str]:
    """Breaks a long line after a space or a slash."""
    spoken = SPOKEN.match(line)
    indent = " " * (TEXT_COLUMN if spoken else len(line) - len(line.lstrip()) + 2)
    parts = []
    while len(line) > COLUMNS:
        breaks = [line.rfind(mark, len(indent), COLUMNS) + 1 for mark in " /"]
        cut = max(breaks) or COLUMNS
        parts.append(line[:cut])
        line = indent + line[cut:].lstrip()
    return [*parts, line]


def render(lines: list[tuple[float, str]]) -> str:
    total = lines[-1][0] + HOLD_S
    width = round(COLUMNS * CHAR_PX + 2 * MARGIN_PX)
    height = BAR_PX + (len(lines) + 1) * LINE_PX + 2 * MARGIN_PX
    rows = [row(0, f'<tspan class="dim">$</tspan> <tspan class="bold">{SHOWN_COMMAND}</tspan>', 0)]
    steps = []
    for number, (at, text) in enumerate(lines, 1):
        step = f"{at / total * 100:.2f}%"
        if not steps or steps[-1] != step:
            steps.append(step)
        if text:
            rows.append(row(number, styled(text), len(steps)))
    frames = "\n".join(
        f"@keyframes a{n} {{0%,{step} {{opacity:0}} {step},100% {{opacity:1}}}} .a{n} {{animation:a{n} {total:.1f}s step-end infinite}}"
        for n, step in enumerate(steps, 1)
    )
    return TEMPLATE.format(
        width=width,
        height=height,
        inner_width=width - 2,
        inner_height=height - 2,
        frames=frames,
        rows="\n".join(rows),
        font=FONT_PX,
        command=SHOWN_COMMAND,
    )


def row(number: int, content: str, step: int) -> str:
    y = BAR_PX + MARGIN_PX + number * LINE_PX + FONT_PX
    name = f' class="a{step}"' if step else ""
    return f'<text{name} x="{MARGIN_PX}" y="{y}">{content}</text>'


def styled(text: str) -> str:
    """Marks times, speakers and headings; the text itself stays as it is."""
    if found := TIMED.match(text):
        return f'<tspan class="dim">{found[1]}</tspan>{escape(found[2])}'
    if found := SPOKEN.match(text):
        return f'<tspan class="dim">{found[1]}</tspan><tspan class="name">{found[2]}</tspan>{escape(found[3])}'
    if text[:1].isupper():
        return f'<tspan class="bold">{escape(text)}</tspan>'
    return escape(text)


TEMPLATE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">
<title>A terminal recording of {command}: two voices meet, and their transcript is printed. Waiting times are shortened.</title>
<style>
text {{font:{font}px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d1d7e0;white-space:pre}}
.dim {{fill:#8b949e}} .bold {{fill:#f0f6fc;font-weight:600}} .name {{fill:#79c0ff}}
{frames}
@media (prefers-reduced-motion:reduce) {{text {{animation:none!important}}}}
</style>
<rect x="1" y="1" width="{inner_width}" height="{inner_height}" rx="8" fill="#0d1117" stroke="#3d444d"/>
<circle cx="20" cy="18" r="5" fill="#ff5f57"/><circle cx="37" cy="18" r="5" fill="#febc2e"/><circle cx="54" cy="18" r="5" fill="#28c840"/>
{rows}
</svg>
"""

if __name__ == "__main__":
    main()
