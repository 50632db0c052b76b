"""The pure middle: decides everything, touches nothing; time and frames arrive as arguments."""
