"""One self-contained HTML page: Plotly's script from its wheel, the data, and a script of ours."""
