"""What a program takes of the machine is counted once."""

import subprocess
import sys
import time

import pytest
from support.usage import Memory, family, memory

_MB = 1 << 20

#: Takes its memory, starts another program, and waits for the end of what it is told.
_PROGRAM = f"""
import subprocess, sys
taken = bytearray({100 * _MB})
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
sys.stdin.read()
child.communicate()
"""

#: Each program is begun so much later than it is asked for.
_DELAYED = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=execve:delay_enter=500000")


@pytest.mark.usefixtures("_tracing")
def test_a_process_that_has_not_begun_its_program_does_not_count_for_its_parent_once_more() -> None:
    command = [*_DELAYED, sys.executable, "-c", _PROGRAM]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as tracer:
        found: list[Memory] = []
        while len(members := list(family(tracer.pid))) < 3:  # the tracer, the program, and what that starts
            time.sleep(0.01)
        while members == list(family(tracer.pid)) and len(found) < 100:
            found.append(memory(tracer.pid))
            time.sleep(0.01)
        tracer.communicate()
    assert tracer.returncode == 0
    assert found
    assert all(100 * _MB < taken.pss < 150 * _MB for taken in found)
    assert all(100 * _MB < taken.rss < 170 * _MB for taken in found)


def test_the_memory_of_a_process_that_has_ended_is_none() -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    assert memory(process.pid).pss == 0
