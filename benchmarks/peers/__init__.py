"""What others would have built, for the benchmarks to run beside ours."""
