import socket

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from daybeat.answers import answers
from daybeat.ports import free_port, is_free
from daybeat.scrape import scrape


def test_a_process_is_read_as_it_counts() -> None:
    registry = CollectorRegistry()
    fired = Counter("rules_fired", "Rules", ["rule"], registry=registry)
    fired.labels("energy_drop").inc(2)
    fired.labels("sleep_debt").inc(3)
    Gauge("lag", "Lag", registry=registry).set(0.5)
    port = free_port()
    server, thread = start_http_server(port, addr="127.0.0.1", registry=registry)
    try:
        found = scrape(f"http://127.0.0.1:{port}/metrics")
        assert answers(f"http://127.0.0.1:{port}/metrics")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert found is not None
    assert found.value("rules_fired_total") == 5
    assert found.value("rules_fired_total", rule="sleep_debt") == 3
    assert found.by_label("rules_fired_total", "rule") == {"energy_drop": 2, "sleep_debt": 3}
    assert found.value("lag") == 0.5
    assert found.value("nothing") is None


def test_a_process_that_is_not_there_gives_nothing() -> None:
    url = f"http://127.0.0.1:{free_port()}/metrics"
    assert scrape(url) is None
    assert not answers(url)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert not is_free("127.0.0.1", port)
    assert is_free("127.0.0.1", port)
