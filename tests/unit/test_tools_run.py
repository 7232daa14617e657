# SPDX-License-Identifier: BSD-2-Clause
"""tools/lint, tools/fuzz and tools/quiet fail when they should: one planted fault a test."""

import json
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

SOUND = """/* SPDX-License-Identifier: BSD-2-Clause */
#include "base/x.h"

int rig_x(int value)
{
    return value + 1;
}
"""


class Lint:
    """A tree of one source with its compile commands."""

    def __init__(self, top):
        self.top = top
        for folder in ["src/base", "tests", "bench", "build"]:
            (top / folder).mkdir(parents=True)
        shutil.copy(ROOT / "src/base/err.h", top / "src/base")
        shutil.copy(ROOT / ".clang-format", top)
        shutil.copy(ROOT / ".clang-tidy", top)
        (top / "src/base/x.h").write_text("#ifndef X_H\n#define X_H\nint rig_x(int value);\n#endif\n")
        self.write(SOUND)
        (top / "build/compile_commands.json").write_text(json.dumps([
            {"directory": str(top / "build"), "file": "../src/base/x.c",
             "command": "cc -I../src -c ../src/base/x.c -o x.o"}], indent=1))

    def write(self, text):
        (self.top / "src/base/x.c").write_text(text)

    def run(self):
        return subprocess.run([ROOT / "tools/lint", self.top / "build", self.top],
                              capture_output=True, text=True)

    def refuses(self, *words):
        run = self.run()
        text = run.stdout + run.stderr
        assert run.returncode == 1, text
        assert all(word in text for word in words), text
        return True


@pytest.fixture
def lint(tmp_path):
    return Lint(tmp_path)


def test_lint_passes_a_sound_source(lint):
    run = lint.run()
    assert run.returncode == 0, run.stdout + run.stderr


def test_lint_refuses_another_format(lint):
    lint.write(SOUND.replace("    return", "  return"))
    assert lint.refuses("src/base/x.c:5", "clang-format-violations")


def test_lint_refuses_what_clang_tidy_remarks(lint):
    lint.write(SOUND.replace("    return value + 1;", "    if (value > 3)\n        return 1;\n"
                             "    else\n        return 2;"))
    assert lint.refuses("src/base/x.c:8", "readability-else-after-return")


def test_lint_refuses_what_cppcheck_remarks(lint):
    lint.write(SOUND.replace("    return value + 1;",
                             "    int less = value;\n    if (value > 3) {\n"
                             "        less = 3;\n        value += less;\n    }\n"
                             "    return value + 1;"))
    assert lint.refuses("src/base/x.c:", "cppcheck")


def test_lint_refuses_a_source_that_is_not_built(lint):
    (lint.top / "src/base/y.c").write_text(SOUND.replace("rig_x", "rig_y"))
    assert lint.refuses("src/base/y.c is in no meson.build")


# ---- tools/fuzz ----

def fuzz_target(build, text):
    target = build / "tests/fuzz/fuzz_units"
    target.parent.mkdir(parents=True)
    target.write_text("#!/bin/sh\n" + text)
    target.chmod(0o755)


def run_fuzz(build, root):
    tools = root / "tools"
    tools.mkdir(parents=True, exist_ok=True)
    for name in ["fuzz", "quiet"]:
        shutil.copy(ROOT / "tools" / name, tools)
    return subprocess.run([tools / "fuzz", build, "1"], capture_output=True, text=True)


def test_fuzz_gives_the_target_its_seeds_and_its_time(tmp_path):
    (tmp_path / "tests/fuzz/corpus/units").mkdir(parents=True)
    fuzz_target(tmp_path / "b", f'echo "$@" >{tmp_path}/args\n')
    run = run_fuzz(tmp_path / "b", tmp_path)
    assert run.returncode == 0, run.stderr
    args = (tmp_path / "args").read_text()
    assert "-max_total_time=1 " in args
    assert args.split()[-2:] == [f"{tmp_path}/b/corpus/units", f"{tmp_path}/tests/fuzz/corpus/units"]


def test_fuzz_fails_with_its_target(tmp_path):
    (tmp_path / "tests/fuzz/corpus/units").mkdir(parents=True)
    fuzz_target(tmp_path / "b", "echo heap-buffer-overflow >&2; exit 77\n")
    run = run_fuzz(tmp_path / "b", tmp_path)
    assert run.returncode != 0
    assert "heap-buffer-overflow" in run.stderr


def test_fuzz_without_seeds_fails(tmp_path):
    fuzz_target(tmp_path / "b", "exit 0\n")
    run = run_fuzz(tmp_path / "b", tmp_path)
    assert run.returncode != 0
    assert "units has no seeds" in run.stderr


def test_fuzz_without_targets_fails(tmp_path):
    run = run_fuzz(tmp_path / "b", tmp_path)
    assert run.returncode == 1
    assert "no target" in run.stderr


# ---- tools/quiet ----

def test_quiet_says_nothing_of_a_success():
    run = subprocess.run([ROOT / "tools/quiet", "sh", "-c", "echo out; echo err >&2"],
                         capture_output=True, text=True)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_quiet_shows_a_failure_and_keeps_its_status():
    run = subprocess.run([ROOT / "tools/quiet", "sh", "-c", "echo out; echo err >&2; exit 7"],
                         capture_output=True, text=True)
    assert run.returncode == 7
    assert "out" in run.stderr and "err" in run.stderr
