"""The reference's experiment as a whole: every row of its table, trained, averaged and scored."""
