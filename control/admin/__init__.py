"""The control panel as a whole: its first page, and the way through its lists."""
