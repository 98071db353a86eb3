"""Foreign files, damaged at random: named errors alone, nothing run. See `test_foreign_files`."""
