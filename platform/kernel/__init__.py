"""The floor that every app stands on: events, real time, errors, jobs and base models."""
