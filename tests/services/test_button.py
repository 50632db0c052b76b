"""The eject button's thread; the button is a fake of our own port."""

from dashcamd.errors import OperationError
from dashcamd.handover import Board
from dashcamd.services.button import RETRY_S, ButtonService


class FakeButton:
    def __init__(self):
        self.presses, self.is_open, self.error = 0, True, None

    def is_pressed_anew(self):
        if self.error:
            raise self.error
        presses, self.presses = self.presses, 0
        return presses > 0

    def close(self):
        self.is_open = False


class Dash:
    def __init__(self, take):
        self.asked, self.board = [], Board()
        self.service = ButtonService(take, self.asked.append, self.board)

    @property
    def fault(self):
        return self.board.snapshot()["button"]["fault"]


def test_each_press_ejects_once(caplog):
    button = FakeButton()
    dash = Dash(lambda: button)
    dash.service.step(0.0)
    assert dash.asked == []
    button.presses = 3
    dash.service.step(1.0)
    dash.service.step(2.0)
    (answer,) = dash.asked
    with caplog.at_level("INFO"):
        answer(None)
        answer("no stick is in use")
    assert "may be pulled out" in caplog.text
    assert "no stick is in use" in caplog.text
    dash.service.close()
    assert not button.is_open


def test_a_button_that_cannot_be_had_is_a_fault_and_tried_again():
    button, is_free = FakeButton(), []

    def take():
        if not is_free:
            raise OperationError("the eject button at GPIO 3 cannot be used: busy")
        return button

    dash = Dash(take)
    assert dash.service.step(0.0) == RETRY_S
    assert "busy" in dash.fault
    is_free.append(True)
    dash.service.step(60.0)
    assert dash.fault is None


def test_a_button_that_fails_is_let_go_and_taken_anew():
    first, second = FakeButton(), FakeButton()
    waiting = [first, second]
    dash = Dash(lambda: waiting.pop(0))
    dash.service.step(0.0)
    first.error = OSError(19, "No such device")
    assert dash.service.step(1.0) == RETRY_S
    assert not first.is_open
    assert "No such device" in dash.fault
    second.presses = 1
    dash.service.step(61.0)
    assert len(dash.asked) == 1
