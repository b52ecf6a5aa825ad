"""The benchmark: what is measured is data in ``bench/``, how is here."""
