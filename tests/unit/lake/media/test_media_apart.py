"""Decoders in a process of their own: what crashes, hangs or fills memory costs one file and nothing more."""

import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lake.media import Refused
from lake.media.apart import MEMORY_BYTES, apart, close


def double(number: int) -> int:
    return 2 * number


def child(_: int = 0) -> int:
    return os.getpid()


def refuse() -> None:
    raise Refused("mistyped", "said in the child")


def stumble() -> None:
    raise ZeroDivisionError("a mistake of ours")


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def leave() -> None:
    os._exit(3)


def turn() -> None:
    while True:
        pass


def sleep() -> None:
    time.sleep(60)


def fill() -> int:
    return len(bytes(2 * MEMORY_BYTES))


def write(path: str) -> None:
    Path(path).write_bytes(b"1")


def chatter(words: str) -> str:
    os.write(1, words.encode())
    os.write(2, words.encode())
    return words


def test_answers_come_back_and_the_child_lives_on() -> None:
    assert apart(double, 21, cpu_s=5) == 42
    assert apart(child, cpu_s=5) == apart(child, cpu_s=5) != os.getpid()


def test_what_a_function_raises_is_raised_here() -> None:
    with pytest.raises(Refused, match="said in the child") as refusal:
        apart(refuse, cpu_s=5)
    assert refusal.value.reason == "mistyped"
    with pytest.raises(ZeroDivisionError, match="a mistake of ours"):
        apart(stumble, cpu_s=5)


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE])
def test_a_crash_refuses_the_file_and_the_next_one_is_decoded(number: signal.Signals) -> None:
    with pytest.raises(Refused, match=rf"unreadable: its decoder crashes \({number.name}\)"):
        apart(die, number, cpu_s=5)
    assert apart(double, 1, cpu_s=5) == 2


def test_a_decoder_that_ends_its_process_refuses_the_file() -> None:
    with pytest.raises(Refused, match=r"unreadable: its decoder crashes \(exit status 3\)"):
        apart(leave, cpu_s=5)


def test_a_hang_ends_after_its_processor_time() -> None:
    begun = time.perf_counter()
    with pytest.raises(Refused, match="oversize: decoding it takes more than 1 s"):
        apart(turn, cpu_s=1)
    assert time.perf_counter() - begun < 10


def test_a_decoder_that_waits_for_nothing_ends_as_well() -> None:
    with pytest.raises(Refused, match=r"oversize: decoding it takes more than 0\.1 s"):
        apart(sleep, cpu_s=0.1)


def test_memory_has_an_end() -> None:
    with pytest.raises(Refused, match="oversize: decoding it takes more than 2 GiB"):
        apart(fill, cpu_s=20)
    assert apart(double, 1, cpu_s=5) == 2


def test_a_killed_child_gets_one_more_try_and_then_the_file_is_refused() -> None:
    with pytest.raises(Refused, match="oversize: the system ends whatever decodes it"):
        apart(die, signal.SIGKILL, cpu_s=5)
    pid = apart(child, cpu_s=5)
    os.kill(pid, signal.SIGKILL)
    assert apart(double, 4, cpu_s=5) == 8


def test_a_decoder_can_write_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="File too large"):
        apart(write, str(tmp_path / "file"), cpu_s=5)


def test_what_decoders_print_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    assert apart(chatter, "words", cpu_s=5) == "words"
    assert capfd.readouterr() == ("", "")


def test_each_thread_has_a_child_while_it_asks() -> None:
    close()
    barrier = threading.Barrier(3)

    def ask(number: int) -> int:
        barrier.wait(10)
        return apart(double, number, cpu_s=5)

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ask, range(3))) == [0, 2, 4]


def test_a_forked_process_starts_children_of_its_own() -> None:
    ours = apart(child, cpu_s=5)
    reader, writer = os.pipe()
    forked = os.fork()
    if forked == 0:
        try:
            os.write(writer, str(apart(child, cpu_s=5)).encode())
            close()
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as told:
        theirs = int(told.read())
    os.waitpid(forked, 0)
    assert theirs != ours == apart(child, cpu_s=5)
