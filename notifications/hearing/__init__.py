"""A second opinion on what a text means, learned from written examples, for wordings that no rule foresaw."""
