"""Where models and data fail: the evidence that the app shows of each class."""
