"""Results of stages that are kept, so that an equal question under equal settings is not worked out again."""
