"""The panel from which the running system is watched and steered."""
