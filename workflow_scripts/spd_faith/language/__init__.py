"""One reader of English prose: from text to what it asserts."""
