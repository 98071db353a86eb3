"""How long a test waits for what must come: long enough for any machine, however busy.

Nothing is measured by it. A test that passes never waits so long, and one that fails says where.
"""

PATIENCE_S = 600.0
