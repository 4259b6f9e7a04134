"""People: tasks, Label Studio, votes to labels, gold, crew, what to label next."""
