"""Plans beside the delta tools, on old and new versions of published files: ``pcpu bench --iprog``.

pairs -> child (one process a tool and a pair) and node -> results -> goals, table, plot, record
"""
