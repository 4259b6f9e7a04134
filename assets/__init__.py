"""The asset graph: one thin file a stage, and the scenarios that compose the crafts."""
