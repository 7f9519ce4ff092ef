"""One definition of each calculation: plain functions of a state and numbers, one bar at a time.

A step is written in the small part of Python that a compiler to machine code understands as it stands:
its state `s` is a flat run of float64 that begins as zeros, its lengths are whole numbers, its inputs and its
result are floats. What a state has at fixed places stands before what grows with a length, and is never reached
by a calculated place: machine code keeps the two apart. `na` is NaN; a condition is 1.0, 0.0 or NaN for unknown.
No result is ever infinite.
"""
