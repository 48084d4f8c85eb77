"""The threads of the node's work: the newest items, in order."""

import threading

from ssc_ros.ros.worker import LatestWorker


def test_the_worker_takes_the_newest_and_tells_how_many_it_skipped():
    started, go_on = threading.Event(), threading.Event()
    done, replaced = [], []

    def process(item):
        started.set()
        assert go_on.wait(10)
        done.append(item)

    worker = LatestWorker([process], lambda: replaced.append(1))
    worker.offer(0)
    assert started.wait(10)
    for item in (1, 2, 3):
        worker.offer(item)
    go_on.set()
    while worker.busy:
        pass
    assert done == [0, 3]
    assert len(replaced) == 2
    go_on.clear()
    started.clear()
    worker.offer(4)
    assert started.wait(10)
    worker.offer(5)
    threading.Timer(0.05, go_on.set).start()
    worker.discard()  # waits for 4, forgets 5
    worker.close()
    assert done == [0, 3, 4]


def test_items_are_in_work_at_once_and_finished_in_the_order_in_which_they_came():
    second_done, finished, threads = threading.Event(), [], set()

    def process(item):
        threads.add(threading.current_thread())
        if item == 0:
            assert second_done.wait(10)
        else:
            second_done.set()
        return lambda: finished.append(item)

    worker = LatestWorker([process, process], lambda: None, waiting=2)
    worker.offer(0)
    worker.offer(1)
    while worker.busy:
        pass
    worker.close()
    assert finished == [0, 1]
    assert len(threads) == 2


def test_of_those_that_wait_the_oldest_makes_room():
    started, go_on = threading.Event(), threading.Event()
    done, replaced = [], []

    def process(item):
        started.set()
        assert go_on.wait(10)
        done.append(item)

    worker = LatestWorker([process], lambda: replaced.append(1), waiting=3)
    worker.offer(0)
    assert started.wait(10)
    for item in range(1, 7):
        worker.offer(item)
    go_on.set()
    while worker.busy:
        pass
    worker.close()
    assert done == [0, 4, 5, 6]
    assert len(replaced) == 3
