"""What the broker itself allows: the same messages, drained by ``mosquitto_sub`` alone."""

import signal
import subprocess
import time
from typing import Final

from bench.load import LoadPlan, start_load
from bench.scenario import Scenario
from daybeat.placement import find_placement
from daybeat.servers import LocalServers, ServerName

_READY_S: Final = 1.0
_TIMEOUT_S: Final = 300


def measure_drain(scenario: Scenario, *, limit: int) -> float:
    """Return the messages per second that ``mosquitto_sub`` takes from a broker with nothing else connected.

    Args:
        scenario: whose messages are sent, as fast as the broker takes them.
        limit: messages at the most.
    """
    count = min(limit, len(scenario.order))
    placement = find_placement(lambda _line: None)
    with LocalServers(placement, names=[ServerName.MOSQUITTO]) as servers:
        port = servers.ports.mqtt
        program = (
            *("mosquitto_sub", "-h", "127.0.0.1", "-p", str(port)),
            *("-q", "1", "-t", "v1/+/+/readings", "-C", str(count)),
        )
        command = placement.launch("mosquitto", program, servers.folder, signal.SIGKILL)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as subscriber:
            time.sleep(_READY_S)
            began = time.perf_counter()
            load = start_load(
                LoadPlan(
                    port=port,
                    topics=scenario.topics,
                    order=scenario.order[:count],
                    bodies=scenario.bodies,
                    kinds=scenario.kinds[:count],
                    rate=0,
                )
            )
            subscriber.wait(_TIMEOUT_S)
            seconds = time.perf_counter() - began
            load.wait(_TIMEOUT_S)
            load.times.close()
    return count / seconds
