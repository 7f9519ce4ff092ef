"""What every REST endpoint shares: reading and writing JSON, pages, repeats, versions of documents, jobs."""
