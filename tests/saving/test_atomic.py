"""A save that is cut short leaves the old file, whole, and nothing beside it."""

import errno
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import micrograd_np as mg
from micrograd_np.saving import files

SUFFIXES = (".npz", ".safetensors")


def state(k):
    return {"k": k, "w": np.full(20_000, float(k)), "b": np.full(7, k)}


@pytest.fixture(params=SUFFIXES)
def path(request, tmp_path):
    mg.save(tmp_path / f"state{request.param}", state(1))
    return tmp_path / f"state{request.param}"


def whole(path):
    """The k of a state that is whole."""
    found = mg.load(path)
    assert np.array_equal(found["w"], state(found["k"])["w"])
    assert np.array_equal(found["b"], state(found["k"])["b"])
    return found["k"]


FOREVER = """
import sys
from itertools import count
import micrograd_np as mg
from tests.saving.test_atomic import state
for k in count(2):
    mg.save(sys.argv[1], state(k))
    print(k, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no kill -9")
def test_killed_at_any_moment(path):
    rng = np.random.default_rng(0)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", FOREVER, path], stdout=subprocess.PIPE) as process:
            said = [process.stdout.readline()]
            time.sleep(rng.random() * 0.05)
            process.kill()
            said += process.stdout.read().split()
        assert process.returncode == -signal.SIGKILL
        assert whole(path) - int(said[-1]) in (0, 1)


def test_a_full_disk(path):
    resource = pytest.importorskip("resource", reason="the system limits no file sizes")
    old, full = path.read_bytes(), path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for size in [*range(0, full, full // 50), full - 1]:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            with pytest.raises(OSError, match=r"cannot save \(File too large\); what was there before is whole"):
                mg.save(path, state(2))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert path.read_bytes() == old
        assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(5, "Input/output error")], ids=str)
def test_interrupted_at_the_last_steps(step, error, path, monkeypatch):
    def fail(*_):
        raise error

    old = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(type(error) if isinstance(error, OSError) else error):
            mg.save(path, state(2))
    assert path.read_bytes() == old
    assert os.listdir(path.parent) == [path.name]
    mg.save(path, state(2))
    assert whole(path) == 2


def test_the_file_is_on_disk_before_it_is_named_and_the_folder_after(path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: done.append(os.fstat(fd).st_mode & 0o170000) or fsync(fd))
    monkeypatch.setattr(os, "replace", lambda *names: done.append("replace") or replace(*names))
    mg.save(path, state(2))
    assert done == [0o100000, "replace", 0o040000]


def test_a_link_and_the_permissions_stay(path):
    link = path.with_name(f"link{path.suffix}")
    link.symlink_to(path.name)
    path.chmod(0o640)
    mg.save(link, state(2))
    assert link.is_symlink()
    assert whole(path) == 2
    assert path.stat().st_mode & 0o777 == 0o640


def test_the_state_is_checked_before_a_file_is_touched(path, monkeypatch):
    monkeypatch.setattr(files, "replacing", None)
    with pytest.raises(TypeError, match="cannot be saved"):
        mg.save(path, {"w": np.ones(2), "f": print})


def test_a_read_only_file_system_is_said(path, monkeypatch):
    """Such a file system refuses the clean-up too, and with the same error."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", refuse)
        patch.setattr(os, "unlink", refuse)
        with pytest.raises(OSError, match=r"cannot save \(Read-only file system\); what was there before is whole"):
            mg.save(path, state(2))
    assert whole(path) == 1


def test_a_folder_that_one_may_write_to_and_not_list(path, monkeypatch):
    opened = os.open

    def refuse(name, flags, *mode):
        if flags & os.O_DIRECTORY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(name, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    mg.save(path, state(2))
    assert whole(path) == 2
