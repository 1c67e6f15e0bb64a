"""What goes wrong outside: killed processes, full disks, files that change, others at work."""
