"""From a request to a report: interpreter, search, design."""
