"""What ships: the wheel, in an environment and a folder that are not the checkout's."""
