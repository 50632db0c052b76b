"""The phone's page: a small web server inside the daemon; translates, decides nothing."""
