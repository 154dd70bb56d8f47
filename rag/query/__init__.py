"""What is done to a question before the first stage: repair, expansion, history, and questions that a model writes."""
