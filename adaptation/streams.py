"""What is kept of each device: the columns of the devices' table, one group of them a subject."""

from typing import Final

from adaptation.beat_buffers import BEAT_GROUPS
from adaptation.channels import CHANNEL_GROUPS
from adaptation.columns import Layout
from adaptation.estimating import ESTIMATE_GROUPS
from adaptation.window_values import WINDOW_GROUPS

STREAM_LAYOUT: Final = Layout(*CHANNEL_GROUPS, *BEAT_GROUPS, *WINDOW_GROUPS, *ESTIMATE_GROUPS)
BEATS: Final = STREAM_LAYOUT.columns("beats", "beats_pane")
"""What the device gave last of its beats."""
WINDOWS: Final = STREAM_LAYOUT.columns("slots_close_us", "window_ln_us")
CLOSES: Final = STREAM_LAYOUT.columns("slots_close_us").start
ESTIMATES: Final = STREAM_LAYOUT.columns("smooth", "energy_day")
HEART_RATE_US: Final = STREAM_LAYOUT.columns("smooth_us").start
WEAR: Final = STREAM_LAYOUT.columns("wear").start
