"""What `benchmarks/fuzz.py` is made of: files, their mutations, and what reads them."""
