"""Recurrent layers, and single steps of them."""

from __future__ import annotations

from mfdebug.recording.functions.table import same_as_aten

same_as_aten("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell rnn_relu_cell")
