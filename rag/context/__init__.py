"""From hits to a tagged context, and from tags back to spans; pure."""
