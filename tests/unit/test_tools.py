# SPDX-License-Identifier: BSD-2-Clause
"""Each structure check fails when it should: a small sound tree, and one planted fault a test."""

import hashlib
import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ["base", "frame", "virtio", "port", "stack", "net", "load", "proto", "lab", "cli"]


class Tree:
    """A project of a few lines, built by hand into the places where Meson puts ours."""

    def __init__(self, top):
        self.top = top
        self.build = top / "build"
        self.write("tools/allowed", "")
        self.write("src/base/low.h", "#ifndef LOW_H\n#define LOW_H\nint rig_low(int value);\n#endif\n")
        self.write("src/base/low.c",
                   '#include "base/low.h"\n\nint rig_low(int value)\n{\n    return value + 1;\n}\n')
        self.write("src/frame/high.c",
                   '#include "base/low.h"\n\nint rig_high(int value);\nint rig_high(int value)\n{\n'
                   "    return rig_low(value);\n}\n")

    def write(self, path, text):
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def append(self, path, text):
        file = self.top / path
        file.write_text(file.read_text() + text)

    def compile(self):
        for layer in LAYERS:
            folder = self.build / "src" / layer
            folder.mkdir(parents=True, exist_ok=True)
            objects = []
            for source in sorted((self.top / "src" / layer).glob("*.c")):
                objects.append(folder / (source.name + ".o"))
                subprocess.run(["cc", "-O1", "-fPIE", "-fno-common", f"-I{self.top}/src", "-c",
                                source, "-o", objects[-1]], check=True)
            archive = folder / f"librig_{layer}.a"
            archive.unlink(missing_ok=True)
            subprocess.run(["ar", "csrDT", archive, *objects], check=True)

    def run(self, tool):
        arguments = ["--root", self.top]
        if tool == "check-layers":
            self.compile()
            arguments.append(self.build)
        return subprocess.run([ROOT / "tools" / tool, *arguments], capture_output=True, text=True)


@pytest.fixture
def tree(tmp_path):
    return Tree(tmp_path)


def refuses(run, *words):
    """The check ended with 1 and said why in one line that has all the words."""
    assert run.returncode == 1, run.stdout + run.stderr
    assert any(all(word in line for word in words) for line in run.stderr.splitlines()), run.stderr
    return True


@pytest.mark.parametrize("tool", ["check-layers", "check-size", "check-headers"])
def test_sound_tree_passes(tree, tool):
    run = tree.run(tool)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""


# ---- check-layers ----

def test_symbol_of_a_higher_layer_is_refused(tree):
    tree.append("src/base/low.c", "int rig_high(int value);\nint rig_up(void);\n"
                "int rig_up(void)\n{\n    return rig_high(1);\n}\n")
    assert refuses(tree.run("check-layers"), "base/low.c", "rig_high", "higher layer frame")


def test_ring_within_the_files_of_one_module_is_allowed(tree):
    tree.write("src/base/a.c", "int rig_b(void);\nint rig_a(void) { return rig_b(); }\n")
    tree.write("src/base/a_more.c", "int rig_a(void);\nint rig_b(void) { return rig_a(); }\n")
    assert tree.run("check-layers").returncode == 0


def test_ring_of_files_that_only_share_the_name_of_the_layer_is_refused(tree):
    tree.write("src/port/port.c", "int rig_b(void);\nint rig_a(void) { return rig_b(); }\n")
    tree.write("src/port/port_b.c", "int rig_a(void);\nint rig_b(void) { return rig_a(); }\n")
    assert refuses(tree.run("check-layers"), "port/port.c", "port/port_b.c", "need each other")


def test_ring_of_objects_in_one_layer_is_refused(tree):
    tree.write("src/base/a.c", "int rig_b(void);\nint rig_a(void) { return rig_b(); }\n")
    tree.write("src/base/b.c", "int rig_a(void);\nint rig_b(void) { return rig_a(); }\n")
    assert refuses(tree.run("check-layers"), "base/a.c", "base/b.c", "need each other")


def test_our_code_in_the_library_of_lwip_is_checked(tree):
    tree.write("src/stack/lwip_port/glue.c", "int rig_seed;\n")
    tree.write("elsewhere/lwip.c", "int netif_list;\n")
    tree.compile()
    folder = tree.build / "src/stack"
    for source, member in [("src/stack/lwip_port/glue.c", "lwip_port_glue.c.o"),
                           ("elsewhere/lwip.c", "elsewhere_lwip.c.o")]:
        subprocess.run(["cc", "-fno-common", "-c", tree.top / source, "-o", folder / member],
                       check=True)
        subprocess.run(["ar", "csrDT", folder / "librig_lwip.a", folder / member], check=True)
    run = tree.run("check-layers")
    assert refuses(run, "stack/lwip_port/glue.c", "rig_seed")
    assert "netif_list" not in run.stderr


@pytest.mark.parametrize("variable", ["int rig_count = 3;", "int rig_count;",
                                      "static int rig_count[4];", "_Thread_local int rig_count;",
                                      "static _Thread_local int rig_count = 5;"])
def test_writable_variable_is_refused(tree, variable):
    tree.append("src/base/low.c", variable + "\nint *rig_at(int i);\n"
                "int *rig_at(int i)\n{\n    return (int *)&rig_count + i;\n}\n")
    assert refuses(tree.run("check-layers"), "base/low.c", "rig_count")


def test_static_variable_of_a_function_is_refused(tree):
    tree.append("src/base/low.c",
                "int rig_next(void);\nint rig_next(void)\n{\n    static int seen;\n"
                "    return ++seen;\n}\n")
    assert refuses(tree.run("check-layers"), "base/low.c", "seen")


def test_constant_table_of_pointers_is_no_global(tree):
    tree.append("src/base/low.c", 'static const char *const names[] = {"a", "b"};\n'
                "const char *rig_name(int i);\nconst char *rig_name(int i)\n{\n"
                "    return names[i];\n}\n")
    assert tree.run("check-layers").returncode == 0


def test_system_call_in_a_freestanding_object_is_refused(tree):
    tree.append("src/frame/high.c", "#include <unistd.h>\nlong rig_send(const void *data);\n"
                "long rig_send(const void *data)\n{\n    return write(1, data, 1);\n}\n")
    assert refuses(tree.run("check-layers"), "frame/high.c", "freestanding", "write")


def test_freestanding_object_may_not_need_a_hosted_one(tree):
    tree.write("src/port/port_tap.c", "int rig_tap(void);\nint rig_tap(void)\n{\n    return 1;\n}\n")
    tree.write("src/port/port_null.c", "int rig_tap(void);\nint rig_null(void);\n"
               "int rig_null(void)\n{\n    return rig_tap();\n}\n")
    assert refuses(tree.run("check-layers"), "port/port_null.c", "freestanding", "rig_tap")


@pytest.mark.parametrize("call", ['printf("%d", value)', 'puts("x")', "exit(value)",
                                  'fprintf(stderr, "x")', 'perror("x")', "_exit(value)"])
def test_printing_or_exiting_below_the_command_line_is_refused(tree, call):
    tree.write("src/lab/talk.c", "#include <stdio.h>\n#include <stdlib.h>\n#include <unistd.h>\n"
               f"void rig_talk(int value);\nvoid rig_talk(int value)\n{{\n    (void)value;\n"
               f"    {call};\n}}\n")
    assert refuses(tree.run("check-layers"), "lab/talk.c", "src/cli")


def test_printing_in_the_command_line_is_allowed(tree):
    tree.write("src/cli/talk.c", "#include <stdio.h>\nvoid rig_talk(void);\n"
               'void rig_talk(void)\n{\n    puts("x");\n}\n')
    assert tree.run("check-layers").returncode == 0


def test_external_name_without_the_prefix_is_refused(tree):
    tree.append("src/base/low.c", "int helper(void);\nint helper(void)\n{\n    return 1;\n}\n")
    assert refuses(tree.run("check-layers"), "helper", "prefix")


def test_include_of_a_higher_layer_is_refused(tree):
    tree.write("src/frame/high.h", "#define HIGH 1\n")
    tree.append("src/base/low.c", '#include "frame/high.h"\n')
    assert refuses(tree.run("check-layers"), "src/base/low.c:7", "frame/high.h", "higher layer")


def test_include_in_a_comment_is_no_include(tree):
    tree.append("src/base/low.c", '/*\n#include "frame/high.h"\n*/\n')
    assert tree.run("check-layers").returncode == 0


def test_wall_clock_is_refused(tree):
    tree.write("src/lab/when.c", "#include <time.h>\nlong rig_when(void);\nlong rig_when(void)\n{\n"
               "    struct timespec now;\n    clock_gettime(CLOCK_REALTIME, &now);\n"
               "    return now.tv_sec;\n}\n")
    assert refuses(tree.run("check-layers"), "src/lab/when.c:6", "CLOCK_REALTIME")


def test_missing_library_is_a_failure(tree):
    tree.compile()
    (tree.build / "src/base/librig_base.a").unlink()
    run = subprocess.run([ROOT / "tools/check-layers", "--root", tree.top, tree.build],
                         capture_output=True, text=True)
    assert run.returncode == 1
    assert "build first" in run.stderr


# ---- check-size ----

def function(name, lines, parameters="void"):
    body = "    puts(\"\");\n" * (lines - 3)
    return f"void {name}({parameters});\nvoid {name}({parameters})\n{{\n{body}}}\n"


def test_function_above_100_lines_is_refused(tree):
    tree.append("src/base/low.c", function("rig_long", 101))
    assert refuses(tree.run("check-size"), "rig_long", "101 lines")


def test_long_function_in_a_test_is_refused(tree):
    tree.write("tests/unit/test_x.c", function("works", 101))
    assert refuses(tree.run("check-size"), "works", "101 lines")


def test_median_above_15_lines_is_refused(tree):
    for name in ["rig_a", "rig_b", "rig_c"]:
        tree.append("src/base/low.c", function(name, 16))
    assert refuses(tree.run("check-size"), "median", "16 lines")


def test_tenth_of_functions_above_40_lines_is_refused(tree):
    for i in range(9):
        tree.append("src/base/low.c", function(f"rig_f{i}", 5))
    tree.append("src/base/low.c", function("rig_x", 41) + function("rig_y", 41))
    assert refuses(tree.run("check-size"), "90 %", "41 lines")


def test_six_parameters_are_refused_and_five_with_a_callback_are_not(tree):
    five = "int a, int b, int (*c)(int x, int y), int d, int e"
    tree.append("src/base/low.c", function("rig_five", 4, five))
    assert tree.run("check-size").returncode == 0
    tree.append("src/base/low.c", function("rig_six", 4, five + ", int f"))
    assert refuses(tree.run("check-size"), "rig_six", "6 parameters")


def test_file_above_500_lines_needs_a_reason(tree):
    tree.append("src/base/low.c", "\n" * 495)
    assert refuses(tree.run("check-size"), "src/base/low.c", "501 lines")
    tree.write("tools/allowed", "file src/base/low.c: one table\n")
    assert tree.run("check-size").returncode == 0
    tree.append("src/base/low.c", "\n" * 300)
    assert refuses(tree.run("check-size"), "src/base/low.c", "801 lines")


# ---- check-headers ----

def test_header_that_needs_its_includer_is_refused(tree):
    tree.write("src/lab/needy.h", "uint32_t rig_needy(void);\n")
    assert refuses(tree.run("check-headers"), "lab/needy.h", "alone")


def test_header_that_is_only_hosted_is_refused_in_a_freestanding_layer(tree):
    tree.write("src/frame/hosted.h", '#if !__STDC_HOSTED__\n#error "hosted"\n#endif\n')
    assert refuses(tree.run("check-headers"), "frame/hosted.h", "-ffreestanding")


def test_system_header_in_a_freestanding_layer_is_refused(tree):
    tree.append("src/frame/high.c", "#include <sys/socket.h>\n")
    assert refuses(tree.run("check-headers"), "src/frame/high.c:8", "<sys/socket.h>")


# ---- tools/allowed ----

def test_allowed_fault_passes(tree):
    tree.append("src/base/low.c", "int rig_count;\n")
    tree.write("tools/allowed", "global base/low.c:rig_count: the test wants it\n")
    run = tree.run("check-layers")
    assert run.returncode == 0, run.stderr


def test_allowance_that_nothing_needs_is_refused(tree):
    tree.write("tools/allowed", "global base/low.c:rig_gone: it was there once\n")
    assert refuses(tree.run("check-layers"), "rig_gone", "excuses nothing")


def test_allowance_without_a_reason_is_refused(tree):
    tree.write("tools/allowed", "global base/low.c:rig_count:\n")
    assert refuses(tree.run("check-layers"), "tools/allowed:1")


# ---- tools/get-lwip and tools/setup ----

def run_get_lwip(tmp_path, **environment):
    etc = tmp_path / "apt"
    (etc / "sources.list.d").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [ROOT / "tools/get-lwip"], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "NETRIG_CACHE": str(tmp_path / "cache"),
             "NETRIG_APT_ETC": str(etc), **environment})


def test_lwip_that_is_there_is_left_alone(tmp_path):
    there = tmp_path / "cache/lwip/src/core/init.c"
    there.parent.mkdir(parents=True)
    there.write_text("kept")
    run = run_get_lwip(tmp_path)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert there.read_text() == "kept"


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_lwip_without_apt_sources_is_one_sentence_and_nothing_left(tmp_path):
    run = run_get_lwip(tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "apt has no source of packages" in run.stderr and "-Dlwip=DIR" in run.stderr
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_disabled_and_binary_only_entries_are_not_used(tmp_path):
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "apt/sources.list.d/a.sources").write_text(
        "Enabled: no\nTypes: deb\nURIs: file:/nowhere\nSuites: x\nComponents: main\n\n"
        "Types: deb-src\nURIs: file:/nowhere\nSuites: x\nComponents: main\n")
    run = run_get_lwip(tmp_path)
    assert run.returncode == 1
    assert "apt has no source of packages" in run.stderr


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
@pytest.mark.parametrize("name, text", [
    ("sources.list.d/a.sources",
     "# comment\nTypes: deb\nURIs: file:/nowhere/netrig\nSuites: x\nComponents: main\n"
     "Trusted: yes\n"),
    ("sources.list", "deb [trusted=yes] file:/nowhere/netrig x main\n"),
    ("sources.list.d/a.list", "  deb [trusted=yes] file:/nowhere/netrig x main\n"),
])
def test_lwip_that_no_source_has_names_what_failed(tmp_path, name, text):
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "apt" / name).write_text(text)
    run = run_get_lwip(tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "/nowhere/netrig" in run.stderr, run.stderr
    assert list((tmp_path / "cache").iterdir()) == []


LWIP_TARBALL = "lwip_2.1.3+dfsg1.orig.tar.xz"
LWIP_SHA256 = re.search(r"SHA256=(\w+)", (ROOT / "tools/get-lwip").read_text()).group(1)


def repository_of(tmp_path, content, checksums):
    """A package source with a tarball of that content; `checksums` is what it says of its files."""
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / LWIP_TARBALL).write_bytes(content)
    (repository / "Sources").write_text(
        "Package: lwip\nFormat: 3.0 (quilt)\nBinary: liblwip-dev\nArchitecture: any\n"
        "Version: 2.1.3+dfsg1-1\nDirectory: .\nChecksums-Sha256:\n"
        + "".join(f" {digest} {len(content)} {name}\n" for digest, name in checksums))
    (tmp_path / "apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "apt/sources.list").write_text(f"deb [trusted=yes] file:{repository} ./\n")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_lwip_that_is_not_what_its_source_says_is_refused(tmp_path):
    repository_of(tmp_path, b"not lwIP", [(LWIP_SHA256, LWIP_TARBALL)])
    run = run_get_lwip(tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "did not download" in run.stderr and "Hash Sum mismatch" in run.stderr
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt-get")
def test_lwip_that_is_not_what_we_know_is_refused(tmp_path):
    content = b"not lwIP"
    repository_of(tmp_path, content, [(hashlib.sha256(content).hexdigest(), LWIP_TARBALL),
                                      (LWIP_SHA256, "lwip_2.1.3+dfsg1-1.dsc")])
    run = run_get_lwip(tmp_path)
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert f"{LWIP_TARBALL} has another SHA-256 than {LWIP_SHA256}" in run.stderr
    assert list((tmp_path / "cache").iterdir()) == []


def run_setup(tmp_path, packages, use="check"):
    (tmp_path / "packages").write_text(packages)
    return subprocess.run(
        [ROOT / "tools/setup", use], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin", "NETRIG_PACKAGES": str(tmp_path / "packages"),
             "NETRIG_NO_INSTALL": "1"})


def test_setup_with_all_there_says_nothing(tmp_path):
    run = run_setup(tmp_path, "# comment\nbuild libc6-dev header:stdlib.h\ndemo dash sh\n")
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_setup_names_all_that_is_missing(tmp_path):
    run = run_setup(tmp_path, "build a-dev header:rig_none.h\ndemo b rig_none\n"
                    "check c-dev pkg-config:rig_none\ncheck python3-d python:rig_none\n"
                    "check dash sh\n")
    assert run.returncode == 1
    for word in ["header rig_none.h", "program rig_none", "pkg-config module rig_none",
                 "module rig_none of"]:
        assert word in run.stderr
    assert "dash" not in run.stderr


def test_setup_without_apt_names_what_is_missing(tmp_path):
    (tmp_path / "bin").mkdir()
    for tool in ["cut", "dirname", "tr", "sh"]:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool))
    (tmp_path / "packages").write_text("build a-dev header:rig_none.h\n")
    run = subprocess.run(
        [ROOT / "tools/setup", "build"], capture_output=True, text=True,
        env={"PATH": str(tmp_path / "bin"), "NETRIG_PACKAGES": str(tmp_path / "packages")})
    assert run.returncode == 1
    assert "there is no apt-get here" in run.stderr
    assert "header rig_none.h (Debian package a-dev)" in run.stderr
    assert "apt-get install" not in run.stderr


def test_setup_asks_only_for_what_the_use_needs(tmp_path):
    run = run_setup(tmp_path, "build dash sh\ncheck b rig_none\n", use="demo")
    assert (run.returncode, run.stderr) == (0, "")
