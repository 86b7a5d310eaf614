"""What requests cost and how long they take: recorded, told, and put out as metrics."""
